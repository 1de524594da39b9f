//! The committed `OpenAPI` document: what the binary prints, and what generators can use.

use std::collections::HashSet;
use std::process::Command;

use serde_json::Value;

use crate::{project, read};

const DOCUMENT: &str = "openapi/saoma.json";

/// Every call of the contract.
const CALLS: [(&str, &str); 15] = [
    ("post", "/v1/sessions"),
    ("get", "/v1/sessions/{session_id}"),
    ("delete", "/v1/sessions/{session_id}"),
    ("get", "/v1/sessions/{session_id}/code"),
    ("get", "/v1/sessions/{session_id}/events"),
    ("post", "/v1/sessions/{session_id}/events"),
    ("post", "/v1/sessions/{session_id}/token"),
    ("post", "/v1/sessions/{session_id}/messages"),
    ("post", "/v1/tickets/redeem"),
    ("post", "/v1/scenes/{scene}/scan"),
    ("post", "/v1/scenes/{scene}/confirm"),
    ("post", "/v1/scenes/{scene}/register"),
    ("post", "/v1/scenes/{scene}/reject"),
    ("get", "/v1/scenes/{scene}/events"),
    ("post", "/v1/scenes/{scene}/messages"),
];

fn document() -> Value {
    serde_json::from_str(&read(&project(DOCUMENT))).expect("JSON")
}

/// Every operation with its method and path.
fn operations(document: &Value) -> Vec<(String, &Value)> {
    let paths = document["paths"].as_object().expect("paths").iter();
    let all = paths.flat_map(|(path, item)| {
        let item = item.as_object().expect("operations");
        item.iter().map(move |(method, operation)| (format!("{method} {path}"), operation))
    });
    all.collect()
}

#[test]
fn the_committed_document_is_what_the_binary_prints() {
    let printed = Command::new(env!("CARGO_BIN_EXE_saoma")).arg("openapi").output();
    let printed = printed.expect("the binary runs");
    assert!(printed.status.success());
    let same = printed.stdout == read(&project(DOCUMENT)).into_bytes();
    assert!(same, "{DOCUMENT} is old; refresh it: cargo run -- openapi > {DOCUMENT}");
}

#[test]
fn every_call_of_the_contract_is_in_the_document() {
    let document = document();
    let found: HashSet<String> = operations(&document).into_iter().map(|(name, _)| name).collect();
    for (method, path) in CALLS {
        assert!(found.contains(&format!("{method} {path}")), "{method} {path} is not documented");
    }
}

#[test]
fn every_operation_has_an_id_of_its_own_a_tag_and_a_summary() {
    let document = document();
    let mut ids = HashSet::new();
    for (name, operation) in operations(&document) {
        let id = operation["operationId"].as_str().unwrap_or_default();
        assert!(!id.is_empty(), "{name}: no operationId");
        assert!(ids.insert(id), "{name}: another operation is called {id}, too");
        let tags = operation["tags"].as_array().map_or(0, Vec::len);
        assert_eq!(tags, 1, "{name}: one tag");
        let summary = operation["summary"].as_str().unwrap_or_default();
        assert!(!summary.is_empty() && summary.len() < 60, "{name}: a summary of a few words");
        let description = operation["description"].as_str().unwrap_or_default();
        assert!(!description.is_empty(), "{name}: a description");
    }
}

#[test]
fn every_error_is_a_problem_and_no_media_type_names_a_charset() {
    let document = document();
    assert!(!document.to_string().contains("charset"), "generators stumble over a charset");
    for (name, operation) in operations(&document) {
        let responses = operation["responses"].as_object().expect("responses");
        let (errors, rest): (Vec<_>, Vec<_>) =
            responses.iter().partition(|(status, _)| status.starts_with(['4', '5']));
        assert!(!errors.is_empty(), "{name}: no error is documented");
        assert!(!rest.is_empty(), "{name}: no success is documented");
        for (status, response) in errors {
            let kinds = response["content"].as_object().into_iter().flatten();
            let kinds: Vec<_> = kinds.map(|(kind, _)| kind).collect();
            assert_eq!(kinds, ["application/problem+json"], "{name}: {status}");
        }
        for (status, response) in responses {
            let said = response["description"].as_str().unwrap_or_default();
            assert!(!said.is_empty(), "{name}: {status}: no description");
        }
    }
}

#[test]
fn every_reference_of_the_document_leads_somewhere() {
    fn references<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
        match value {
            Value::Object(fields) => {
                found.extend(fields.get("$ref").and_then(Value::as_str));
                fields.values().for_each(|value| references(value, found));
            }
            Value::Array(items) => items.iter().for_each(|value| references(value, found)),
            _ => {}
        }
    }
    let document = document();
    let mut found = Vec::new();
    references(&document, &mut found);
    assert!(!found.is_empty());
    for reference in found {
        let pointer = reference.strip_prefix('#').expect("a reference into the document");
        assert!(document.pointer(pointer).is_some(), "{reference} leads nowhere");
    }
}
