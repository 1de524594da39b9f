//! What the API's document and `docs/events.md` say. Every answer and every event that any test
//! gets is held against them: what is not written down is not to be met.

use std::collections::HashMap;
use std::sync::LazyLock;

use reqwest::Method;
use serde_json::Value;

use super::Answer;

static DOCUMENT: LazyLock<Value> = LazyLock::new(|| {
    serde_json::from_str(include_str!("../../openapi/saoma.json")).expect("the document is JSON")
});

/// The table of events: by type, each field, and whether it is always there.
static EVENTS: LazyLock<HashMap<&str, Vec<(&str, bool)>>> = LazyLock::new(|| {
    let text = include_str!("../../docs/events.md");
    let (_, section) = text.split_once("\n## Events\n").expect("a section on events");
    let section = section.split("\n## ").next().unwrap_or_default();
    let rows = section.lines().filter(|line| line.starts_with("| `"));
    rows.map(|row| {
        let cells: Vec<&str> = row.split('|').collect();
        let fields = cells[2].split(", ").filter(|field| field.contains('`'));
        let fields = fields.map(|field| {
            let mut parts = field.trim().split('`').skip(1);
            let name = parts.next().unwrap_or_default();
            (name, parts.next().is_none_or(str::is_empty))
        });
        (cells[1].trim().trim_matches('`'), fields.collect())
    })
    .collect()
});

/// An answer is one that the document lists for its operation.
pub(super) fn holds(method: &Method, path: &str, answer: &Answer) {
    let Some(operation) = operation(method, path) else { return };
    let status = answer.status;
    // 101 and 204 stand in the description: generators know no two kinds of success.
    if path.ends_with("/events") && [101, 204].contains(&status) {
        return;
    }
    let kind = answer.headers.get("content-type").and_then(|kind| kind.to_str().ok());
    // Otherwise it is a proxy's word, or a page for a person.
    let problem = kind == Some("application/problem+json");
    if status >= 400 && !problem {
        return;
    }
    let response = &operation["responses"][status.to_string()];
    let text = String::from_utf8_lossy(&answer.body);
    assert!(response.is_object(), "{method} {path}: {status} is not documented: {text}");
    if problem {
        let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        let code = body["code"].as_str().unwrap_or_default();
        let listed = &response["content"]["application/problem+json"]["examples"][code];
        // HEAD has no body.
        assert!(listed.is_object() || text.is_empty(), "{method} {path}: not documented: {text}");
        for header in response["headers"].as_object().into_iter().flatten() {
            assert!(answer.headers.contains_key(header.0), "{method} {path}: no {}", header.0);
        }
    }
}

fn operation(method: &Method, path: &str) -> Option<&'static Value> {
    let method = if method == Method::HEAD { "get" } else { &method.as_str().to_lowercase() };
    let mut paths = DOCUMENT["paths"].as_object()?.iter();
    let (_, operations) = paths.find(|(template, _)| {
        let (asked, parts) = (path.split('/'), template.split('/'));
        asked.clone().count() == parts.clone().count()
            && parts.zip(asked).all(|(part, asked)| part.starts_with('{') || part == asked)
    })?;
    operations.get(method)
}

/// An event is of a type of the table, with the fields that it has there.
pub(super) fn holds_event(event: &Value) {
    let kind = event["type"].as_str().unwrap_or_default();
    let fields = EVENTS.get(kind).unwrap_or_else(|| panic!("not in docs/events.md: {event}"));
    let data = event["data"].as_object().expect("data is an object");
    for (field, always) in fields {
        assert!(!always || data.contains_key(*field), "`{field}` is missing: {event}");
    }
    for field in data.keys() {
        let listed = fields.iter().any(|(listed, _)| listed == field);
        assert!(listed, "`{field}` is not in docs/events.md: {event}");
    }
}
