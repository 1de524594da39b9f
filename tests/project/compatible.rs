//! Whoever has generated a client goes on: what the document of the last release promised
//! (`openapi/released.json`) still holds, unless the version says otherwise (semver.org; before 1.0 it
//! is the second number that says so).
//!
//! At a release: `cp openapi/saoma.json openapi/released.json`. openapi-diff, which would be another's
//! word, sees neither enums nor new parameters.

use std::sync::LazyLock;

use serde_json::{Map, Value, json};

use crate::{project, read};

fn document(name: &str) -> Value {
    serde_json::from_str(&read(&project(&format!("openapi/{name}.json")))).expect("JSON")
}

/// Whether the version of the new document may break what the old one promised.
fn may_break(old: &Value, new: &Value) -> bool {
    let version = |document: &Value| {
        let text = document["info"]["version"].as_str().expect("a version").to_owned();
        let mut numbers = text.split('.').map(|number| number.parse().expect("a number"));
        let mut next = || numbers.next().expect("three numbers");
        let numbers: [u32; 2] = [next(), next()];
        numbers
    };
    let ([old, old_minor], [new, new_minor]) = (version(old), version(new));
    new > old || (old == 0 && new == 0 && new_minor > old_minor)
}

/// Two documents, and what the new one breaks of the old.
struct Comparison<'a> {
    old: &'a Value,
    new: &'a Value,
    breaks: Vec<String>,
}

/// Who writes what a schema describes: the client, or the server.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Side {
    Request,
    Response,
}

fn breaks(old: &Value, new: &Value) -> Vec<String> {
    let mut comparison = Comparison { old, new, breaks: Vec::new() };
    for (path, operations) in object(&old["paths"]) {
        for (method, operation) in object(operations) {
            let name = format!("{method} {path}");
            comparison.operation(&name, operation, &new["paths"][path][method]);
        }
    }
    comparison.breaks
}

impl Comparison<'_> {
    fn broken(&mut self, at: &str, what: &str) {
        self.breaks.push(format!("{at}: {what}"));
    }

    fn operation(&mut self, name: &str, old: &Value, new: &Value) {
        if new.is_null() {
            return self.broken(name, "is gone");
        }
        if old["operationId"] != new["operationId"] || old["tags"] != new["tags"] {
            self.broken(name, "is called otherwise");
        }
        for way in array(&old["security"]) {
            if !array(&new["security"]).contains(way) {
                self.broken(name, &format!("{way} opens it no more"));
            }
        }
        self.parameters(name, array(&old["parameters"]), array(&new["parameters"]));
        let (body, new_body) = (&old["requestBody"], &new["requestBody"]);
        if new_body["required"] == true && body["required"] != true {
            self.broken(name, "wants a body now");
        }
        self.content(&format!("{name}: request"), Side::Request, body, new_body);
        let successes = |operation: &Value| {
            let codes = object(&operation["responses"]).keys().filter(|code| code.as_str() < "4");
            codes.cloned().collect::<Vec<_>>()
        };
        if successes(old) != successes(new) {
            self.broken(name, "succeeds with another status");
        }
        for status in successes(old) {
            let at = format!("{name}: {status}");
            let (old, new) = (&old["responses"][&status], &new["responses"][&status]);
            self.content(&at, Side::Response, old, new);
        }
    }

    fn parameters(&mut self, name: &str, old: &[Value], new: &[Value]) {
        let same =
            |one: &Value, other: &Value| one["name"] == other["name"] && one["in"] == other["in"];
        for parameter in old {
            let at = format!("{name}: parameter {}", parameter["name"]);
            match new.iter().find(|other| same(parameter, other)) {
                Some(other) => {
                    self.schema(&at, Side::Request, &parameter["schema"], &other["schema"]);
                }
                None => self.broken(&at, "is gone"),
            }
        }
        for parameter in new.iter().filter(|parameter| parameter["required"] == true) {
            let known = old.iter().find(|other| same(parameter, other));
            if known.is_none_or(|known| known["required"] != true) {
                self.broken(name, &format!("wants the parameter {} now", parameter["name"]));
            }
        }
    }

    fn content(&mut self, at: &str, side: Side, old: &Value, new: &Value) {
        for (media_type, body) in object(&old["content"]) {
            let at = format!("{at}: {media_type}");
            match new["content"].get(media_type) {
                Some(other) => self.schema(&at, side, &body["schema"], &other["schema"]),
                None => self.broken(&at, "is gone"),
            }
        }
    }

    fn schema(&mut self, at: &str, side: Side, old: &Value, new: &Value) {
        let (old, new) = (resolved(self.old, old), resolved(self.new, new));
        for word in ["type", "format"] {
            if old[word] != new[word] {
                self.broken(at, &format!("its {word} was {}, is {}", old[word], new[word]));
            }
        }
        // Null may come to be taken, not come to be said.
        let nullable = |schema: &Value| schema["nullable"] == true;
        if nullable(old) != nullable(new) && nullable(old) == (side == Side::Request) {
            self.broken(at, "null is another matter now");
        }
        self.values(at, side, array(&old["enum"]), array(&new["enum"]));
        if side == Side::Request {
            self.bounds(at, old, new);
        }
        self.fields(at, side, old, new);
        if old.get("items").is_some() {
            self.schema(&format!("{at}[]"), side, &old["items"], &new["items"]);
        }
    }

    /// A value that is gone is missed by whoever names it; one that is new cannot be read by
    /// clients that know the others alone.
    fn values(&mut self, at: &str, side: Side, old: &[Value], new: &[Value]) {
        for value in old.iter().filter(|value| !new.contains(value)) {
            self.broken(at, &format!("the value {value} is gone"));
        }
        if side == Side::Response || old.is_empty() {
            for value in new.iter().filter(|value| !old.contains(value)) {
                self.broken(at, &format!("the value {value} is new"));
            }
        }
    }

    /// What was taken is taken still.
    fn bounds(&mut self, at: &str, old: &Value, new: &Value) {
        for (word, wider) in
            [("maxLength", 1.0), ("maximum", 1.0), ("minLength", -1.0), ("minimum", -1.0)]
        {
            let narrower = match (old[word].as_f64(), new[word].as_f64()) {
                (Some(old), Some(new)) => new * wider < old * wider,
                (None, Some(_)) => true,
                (_, None) => false,
            };
            if narrower {
                self.broken(at, &format!("{word} is narrower"));
            }
        }
        if new.get("pattern").is_some() && old["pattern"] != new["pattern"] {
            self.broken(at, "its pattern is another");
        }
    }

    fn fields(&mut self, at: &str, side: Side, old: &Value, new: &Value) {
        for (field, schema) in object(&old["properties"]) {
            let at = format!("{at}.{field}");
            match new["properties"].get(field) {
                Some(other) => self.schema(&at, side, schema, other),
                None => self.broken(&at, "is gone"),
            }
        }
        let (old, new) = (array(&old["required"]), array(&new["required"]));
        let (promised, kept, what) = match side {
            Side::Request => (new, old, "is wanted now"),
            Side::Response => (old, new, "need not be there any more"),
        };
        for field in promised.iter().filter(|field| !kept.contains(field)) {
            self.broken(at, &format!("{field} {what}"));
        }
    }
}

/// A schema itself, where it is named, or named with a description beside it.
fn resolved<'a>(document: &'a Value, schema: &'a Value) -> &'a Value {
    let named = schema["$ref"].as_str().or(schema["allOf"][0]["$ref"].as_str());
    let pointer = named.and_then(|named| named.strip_prefix('#'));
    pointer.and_then(|pointer| document.pointer(pointer)).unwrap_or(schema)
}

fn array(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn object(value: &Value) -> &Map<String, Value> {
    static NONE: LazyLock<Map<String, Value>> = LazyLock::new(Map::new);
    value.as_object().unwrap_or(&NONE)
}

#[test]
fn the_api_keeps_what_the_last_release_promised_or_its_version_says_so() {
    let (old, new) = (document("released"), document("saoma"));
    let found = breaks(&old, &new);
    assert!(
        found.is_empty() || may_break(&old, &new),
        "clients of {} break; give back what they had, or raise the version:\n{}",
        old["info"]["version"],
        found.join("\n"),
    );
}

#[test]
fn a_version_may_break_what_an_older_one_promised() {
    let of = |version: &str| json!({ "info": { "version": version } });
    for (old, new, may) in [
        ("0.1.0", "0.1.0", false),
        ("0.1.0", "0.1.9", false),
        ("0.1.0", "0.2.0", true),
        ("0.9.0", "1.0.0", true),
        ("1.2.0", "1.3.0", false),
        ("1.2.0", "2.0.0", true),
        ("0.2.0", "0.1.0", false),
    ] {
        assert_eq!(may_break(&of(old), &of(new)), may, "{old} → {new}");
    }
}

/// The document with a change, and what breaks by it.
fn changed(change: impl FnOnce(&mut Value)) -> Vec<String> {
    let old = document("saoma");
    let mut new = old.clone();
    change(&mut new);
    assert_ne!(old, new, "nothing was changed");
    breaks(&old, &new)
}

fn schemas(document: &mut Value) -> &mut Value {
    &mut document["components"]["schemas"]
}

fn without(value: &mut Value, name: &str) {
    match value {
        Value::Object(fields) => drop(fields.remove(name)),
        Value::Array(items) => items.retain(|item| item != name),
        _ => panic!("nothing to take {name} from"),
    }
}

#[test]
fn what_a_client_would_miss_is_found() {
    type Change = fn(&mut Value);
    let changes: [(&str, Change); 13] = [
        ("post /v1/tokens/revoke: is gone", |it| without(&mut it["paths"], "/v1/tokens/revoke")),
        ("called otherwise", |it| it["paths"]["/v1/sessions"]["post"]["operationId"] = "x".into()),
        ("Token.expires_in: is gone", |it| {
            without(&mut schemas(it)["Token"]["properties"], "expires_in");
        }),
        ("need not be there", |it| without(&mut schemas(it)["Token"]["required"], "expires_in")),
        ("\"entry_scene\" is wanted now", |it| {
            schemas(it)["ScanRequest"]["required"] = json!(["login_code", "entry_scene"]);
        }),
        ("the value \"rejected\" is gone", |it| {
            without(&mut schemas(it)["ServiceEventType"]["enum"], "rejected");
        }),
        ("the value \"expired\" is gone", |it| {
            without(&mut schemas(it)["SessionState"]["enum"], "expired");
        }),
        ("the value \"paused\" is new", |it| {
            let states = schemas(it)["SessionState"]["enum"].as_array_mut();
            states.expect("an enum").push("paused".into());
        }),
        ("its type was \"integer\", is \"string\"", |it| {
            schemas(it)["Token"]["properties"]["expires_in"]["type"] = "string".into();
        }),
        ("maxLength is narrower", |it| {
            schemas(it)["ScanRequest"]["properties"]["login_code"]["maxLength"] = 8.into();
        }),
        ("wants the parameter \"q\" now", |it| {
            let parameter = json!({ "name": "q", "in": "query", "required": true });
            it["paths"]["/v1/sessions"]["post"]["parameters"] = json!([parameter]);
        }),
        ("succeeds with another status", |it| {
            let responses = &mut it["paths"]["/v1/sessions"]["post"]["responses"];
            responses["200"] = responses["201"].take();
            without(responses, "201");
        }),
        ("opens it no more", |it| {
            it["paths"]["/v1/sessions/{session_id}"]["get"]["security"] = json!([]);
        }),
    ];
    for (expected, change) in changes {
        let found = changed(change).join("\n").replace("application/json", "Token");
        assert!(found.contains(expected), "{expected}: found {found:?}");
    }
}

#[test]
fn what_is_new_breaks_nothing() {
    let changes: [fn(&mut Value); 4] = [
        |it| schemas(it)["Token"]["properties"]["more"] = json!({ "type": "string" }),
        |it| schemas(it)["ScanRequest"]["properties"]["more"] = json!({ "type": "string" }),
        |it| it["paths"]["/v1/new"] = json!({ "get": { "operationId": "new" } }),
        |it| {
            let parameter = json!({ "name": "q", "in": "query", "required": false });
            it["paths"]["/v1/sessions"]["post"]["parameters"] = json!([parameter]);
        },
    ];
    for change in changes {
        assert_eq!(changed(change), Vec::<String>::new());
    }
}
