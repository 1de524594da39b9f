//! The `OpenAPI` document: what poem-openapi makes, mended where generators would stumble.

use std::fmt::{self, Formatter};

use poem_openapi::{ContactObject, LicenseObject, OpenApi, OpenApiService, ServerObject};
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::{Map, Value, json};

use super::catch::Routes;
use super::{examples, refusals};

/// The document as it is served: that which is committed, for a server to make it anew takes longer
/// than all else of its start. A test holds it to [`text`].
pub const COMMITTED: &str = include_str!("../../openapi/saoma.json");

/// Where the project lives.
const PROJECT: &str = "https://github.com/saoma/saoma";

/// The service with everything that the document says of itself.
pub fn service<A: OpenApi>(api: A) -> OpenApiService<A, ()> {
    OpenApiService::new(api, "Saoma", env!("CARGO_PKG_VERSION"))
        .summary("Scan to log in")
        .description(
            "A browser opens a session and shows its code; a phone scans it and confirms; the \
             browser is told at once, over WebSocket, SSE or long-polling, and gets its token.\n\n\
             Errors are problems (RFC 9457) with a stable `code`; each operation lists those that \
             it may answer with. More codes may come: go by the status where you know none. What \
             WebSockets and event streams say is in `docs/events.md`. Tokens are verified with the \
             keys at `/.well-known/jwks.json`.",
        )
        .license(
            LicenseObject::new("Apache-2.0").url("https://www.apache.org/licenses/LICENSE-2.0"),
        )
        .contact(ContactObject::new().name("Saoma").url(PROJECT))
        .server(ServerObject::new("/").description("This server"))
}

/// The document as it is to be committed.
pub fn text<A: OpenApi>(service: &OpenApiService<A, ()>) -> String {
    let mut document = parsed(service);
    mend(&mut document);
    // A trailing newline, as every text file in a repository.
    format!("{}\n", serde_json::to_string_pretty(&document).unwrap_or_default())
}

/// The page that shows the document.
#[must_use]
pub fn page() -> String {
    let empty = OpenApiService::new((), "Saoma", env!("CARGO_PKG_VERSION"));
    empty.swagger_ui_html().replacen(&empty.spec(), COMMITTED.trim_end(), 1)
}

/// The paths of all operations with their methods, read off the document.
#[must_use]
pub fn routes() -> Routes {
    let document: Value = serde_json::from_str(COMMITTED).unwrap_or_default();
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
    // Read as it is written, this one would come out one lower.
    let spec = service.spec().replace("9007199254740991.0", "9007199254740991");
    let Ok(Document { paths, mut rest }) = serde_json::from_str(&spec) else {
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

/// Puts right what poem-openapi gets wrong, and says what it has no words for.
fn mend(document: &mut Value) {
    simplify(document);
    // OpenAPI 3.0 has no `summary` in `info`.
    if let Some(info) = document["info"].as_object_mut() {
        info.remove("summary");
    }
    for (name, schema) in fields(&mut document["components"]["schemas"]) {
        mend_schema(name, schema);
    }
    // Requests may say null for what they may leave out.
    for name in ["Open", "ScanRequest", "Confirmation", "ServiceEvent"] {
        let schema = &mut document["components"]["schemas"][name];
        let required: Vec<Value> = schema["required"].as_array().cloned().unwrap_or_default();
        for (field, property) in fields(&mut schema["properties"]) {
            // What is any JSON is null as well, as it stands.
            if !required.contains(&json!(field)) && property.get("type").is_some() {
                property["nullable"] = true.into();
            }
        }
    }
    for (path, operations) in fields(&mut document["paths"]) {
        for (_, operation) in fields(operations) {
            mend_operation(path, operation);
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
    document["components"]["examples"] = json!(refusals::examples());
}

fn mend_schema(name: &str, schema: &mut Value) {
    whole(schema);
    if let Some(example) = examples::of(name) {
        schema["example"] = example;
    }
    match name {
        // poem-openapi never says `nullable`; this one is null by contract.
        "Session" => {
            schema["properties"]["match_number"]["nullable"] = true.into();
            require(schema, "match_number");
        }
        // No `enum`: a client must live through a code of a later version.
        "Problem" => {
            let codes: Vec<Value> = refusals::codes().map(Value::from).collect();
            schema["properties"]["code"]["x-extensible-enum"] = codes.into();
        }
        _ => {}
    }
}

/// Bounds of whole numbers that are whole numbers.
fn whole(value: &mut Value) {
    for (key, value) in fields(value) {
        match value.as_f64() {
            Some(bound) if key == "minimum" || key == "maximum" => {
                #[expect(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "every bound here is a count"
                )]
                let bound = bound as u64;
                *value = bound.into();
            }
            _ => whole(value),
        }
    }
}

fn mend_operation(path: &str, operation: &mut Value) {
    let id = operation["operationId"].as_str().unwrap_or_default().to_owned();
    match operation.get_mut("security").and_then(Value::as_array_mut) {
        // What needs no credential says so.
        None => operation["security"] = json!([]),
        // An `EventSource` can set no header.
        Some(ways) if path.ends_with("/events") => {
            let query = |way: &Value| way.get("sessionSecret").map(|_| "sessionQuery");
            let query = query(&ways[0]).or(ways[0].get("phoneToken").map(|_| "phoneQuery"));
            ways.extend(query.map(|query| json!({ query: [] })));
        }
        Some(_) => {}
    }
    let parameters = operation.get_mut("parameters").and_then(Value::as_array_mut);
    for parameter in parameters.into_iter().flatten() {
        whole(&mut parameter["schema"]);
        let name = parameter["name"].as_str().unwrap_or_default().to_owned();
        if let Some(example) = examples::of_parameter(&id, &name) {
            parameter["example"] = example;
        }
        if (&*id, &*name) == ("returnFromWeChat", "state") {
            // Read as one that may be missing: a browser is shown that as a page.
            parameter["required"] = true.into();
        }
    }
    if let Some(request) = operation.get_mut("requestBody") {
        for (_, body) in fields(&mut request["content"]) {
            show(body, examples::of_request(&id));
        }
    }
    for (_, response) in fields(&mut operation["responses"]) {
        if let Some(content) = response.get_mut("content") {
            for (media_type, body) in fields(content) {
                show(body, examples::of_response(&id, media_type));
            }
        }
    }
    if let Some(responses) = operation["responses"].as_object_mut() {
        responses.remove("default");
        responses.extend(refusals::of(&id));
    }
}

/// Gives a body an example: one of its own, else its schema's.
fn show(body: &mut Value, own: Option<Value>) {
    let of_schema = || {
        let reference = body["schema"]["$ref"].as_str()?;
        examples::of(reference.rsplit('/').next()?)
    };
    if let Some(example) = own.or_else(of_schema) {
        body["example"] = example;
    }
}

/// The fields of an object; none of anything else.
fn fields(value: &mut Value) -> impl Iterator<Item = (&String, &mut Value)> {
    value.as_object_mut().into_iter().flatten()
}

/// Mends what poem-openapi writes alike in all schemas.
fn simplify(value: &mut Value) {
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
            fields.values_mut().for_each(simplify);
        }
        Value::Array(items) => items.iter_mut().for_each(simplify),
        _ => {}
    }
}

fn require(schema: &mut Value, field: &str) {
    if let Some(required) = schema["required"].as_array_mut() {
        required.push(field.into());
        required.sort_by(|a, b| a.as_str().cmp(&b.as_str()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A field of an example that its schema does not name: it was renamed, or never there.
    fn unknown(schemas: &Value, schema: &Value, example: &Value) -> Option<String> {
        let reference = schema["$ref"].as_str().or(schema["allOf"][0]["$ref"].as_str());
        let name = reference.and_then(|reference| reference.rsplit('/').next());
        let schema = name.map_or(schema, |name| &schemas[name]);
        if let Some(examples) = example.as_array() {
            return examples.iter().find_map(|one| unknown(schemas, &schema["items"], one));
        }
        let properties = schema.get("properties")?;
        example.as_object()?.iter().find_map(|(field, value)| match properties.get(field) {
            Some(property) => unknown(schemas, property, value),
            None => Some(field.clone()),
        })
    }

    #[test]
    fn every_schema_has_an_example_of_its_own_fields() {
        let document = include_str!("../../openapi/saoma.json");
        let document: Value = serde_json::from_str(document).expect("JSON");
        let schemas = &document["components"]["schemas"];
        for (name, schema) in schemas.as_object().expect("schemas") {
            let example = examples::of(name).unwrap_or_else(|| panic!("{name}: no example"));
            assert_eq!(unknown(schemas, schema, &example), None, "{name}");
        }
    }
}
