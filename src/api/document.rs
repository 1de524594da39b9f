//! The `OpenAPI` document: what poem-openapi makes, mended where generators would stumble.

use std::fmt::{self, Formatter};

use poem_openapi::{ContactObject, LicenseObject, OpenApi, OpenApiService, ServerObject};
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::{Map, Value, json};

use super::catch::Routes;

/// Where the project lives.
const PROJECT: &str = "https://github.com/saoma/saoma";

/// The service with everything that the document says of itself.
pub fn service<A: OpenApi>(api: A) -> OpenApiService<A, ()> {
    OpenApiService::new(api, "Saoma", env!("CARGO_PKG_VERSION"))
        .summary("Scan to log in")
        .description(
            "A browser opens a session and shows its code; a phone scans it and confirms; the \
             browser is told at once, over WebSocket, SSE or long-polling, and gets its token.",
        )
        .license(
            LicenseObject::new("Apache-2.0").url("https://www.apache.org/licenses/LICENSE-2.0"),
        )
        .contact(ContactObject::new().name("Saoma").url(PROJECT))
        .server(ServerObject::new("/").description("This server"))
}

/// The document as it is served and committed.
pub fn text<A: OpenApi>(service: &OpenApiService<A, ()>) -> String {
    let mut document = parsed(service);
    mend(&mut document);
    // A trailing newline, as every text file in a repository.
    format!("{}\n", serde_json::to_string_pretty(&document).unwrap_or_default())
}

/// The paths of all operations with their methods, read off the document.
pub fn routes<A: OpenApi>(service: &OpenApiService<A, ()>) -> Routes {
    let document = parsed(service);
    let mut routes = Routes::default();
    for (path, operations) in document["paths"].as_object().into_iter().flatten() {
        let names = operations.as_object().into_iter().flatten();
        let mut names: Vec<String> = names.map(|(name, _)| name.to_uppercase()).collect();
        if names.iter().any(|name| name == "GET") {
            names.push("HEAD".to_owned());
        }
        names.sort();
        routes.add(path, names);
    }
    routes
}

/// What poem-openapi makes. It writes a path that two audiences share twice, each time with some
/// of its methods; read as it stands, the last would be all there is.
fn parsed<A: OpenApi>(service: &OpenApiService<A, ()>) -> Value {
    #[derive(Deserialize)]
    struct Document {
        paths: Paths,
        #[serde(flatten)]
        rest: Map<String, Value>,
    }
    let Ok(Document { paths, mut rest }) = serde_json::from_str(&service.spec()) else {
        return Value::Null;
    };
    rest.insert("paths".to_owned(), Value::Object(paths.0));
    Value::Object(rest)
}

/// The operations by path, those of the same path together.
struct Paths(Map<String, Value>);

impl<'de> Deserialize<'de> for Paths {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(PathsVisitor)
    }
}

struct PathsVisitor;

impl<'de> Visitor<'de> for PathsVisitor {
    type Value = Paths;

    fn expecting(&self, formatter: &mut Formatter) -> fmt::Result {
        formatter.write_str("paths")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Paths, M::Error> {
        let mut paths: Map<String, Value> = Map::new();
        while let Some((path, operations)) = map.next_entry::<String, Map<String, Value>>()? {
            if let Value::Object(all) = paths.entry(path).or_insert_with(|| json!({})) {
                all.extend(operations);
            }
        }
        Ok(Paths(paths))
    }
}

fn mend(document: &mut Value) {
    mend_schemas(document);
    // OpenAPI 3.0 has no `summary` in `info`.
    if let Some(info) = document["info"].as_object_mut() {
        info.remove("summary");
    }
    // poem-openapi never says `nullable`; this one is null by contract.
    let number = &mut document["components"]["schemas"]["Session"]["properties"]["match_number"];
    number["nullable"] = true.into();
    require(&mut document["components"]["schemas"]["Session"], "match_number");
    // Requests may say null for what they may leave out.
    for name in ["Open", "ScanRequest", "Confirmation", "ServiceEvent"] {
        let schema = &mut document["components"]["schemas"][name];
        let required: Vec<Value> = schema["required"].as_array().cloned().unwrap_or_default();
        for (field, property) in schema["properties"].as_object_mut().into_iter().flatten() {
            if !required.contains(&json!(field)) {
                property["nullable"] = true.into();
            }
        }
    }
    // What needs no credential says so.
    let paths = document["paths"].as_object_mut().into_iter().flatten();
    for operation in paths.flat_map(|(_, item)| item.as_object_mut().into_iter().flatten()) {
        if operation.1.get("security").is_none() {
            operation.1["security"] = json!([]);
        }
    }
    // The picture's media types: a raw body has none of its own.
    let picture =
        &mut document["paths"]["/v1/sessions/{session_id}/code"]["get"]["responses"]["200"];
    let binary = json!({ "schema": { "type": "string", "format": "binary" } });
    picture["content"] = Value::Object(Map::from_iter(
        ["image/png", "image/jpeg", "image/svg+xml"].map(|kind| (kind.to_owned(), binary.clone())),
    ));
    if let Some(headers) = picture["headers"].as_object_mut() {
        // OpenAPI 3.0: a Content-Type header is to be left out.
        headers.remove("CONTENT-TYPE");
    }
}

/// Mends what poem-openapi writes alike in all schemas.
fn mend_schemas(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            // Beside a reference stands its description, in a schema of its own that adds nothing;
            // openapi-python-client takes no enum that is "all of" two.
            if let Some(all) = fields.get_mut("allOf").and_then(Value::as_array_mut) {
                all.retain(|schema| schema.get("$ref").is_some());
            }
            // openapi-generator does not know the unsigned ones, and takes 32 bits.
            if let Some(format) = fields.get_mut("format").filter(|format| **format == "uint64") {
                *format = "int64".into();
            }
            fields.values_mut().for_each(mend_schemas);
        }
        Value::Array(items) => items.iter_mut().for_each(mend_schemas),
        _ => {}
    }
}

fn require(schema: &mut Value, field: &str) {
    if let Some(required) = schema["required"].as_array_mut() {
        required.push(field.into());
        required.sort_by(|a, b| a.as_str().cmp(&b.as_str()));
    }
}
