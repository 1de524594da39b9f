//! `docs/events.md`: its tables are what the code and the document have, no more and no less. That
//! what the server says fits them is held by every test from outside (`tests/support`).

use std::collections::BTreeSet;

use saoma::api::commands::{BrowserCommands, PhoneCommands};
use saoma::transport::websocket::CloseCode;
use serde_json::Value;

use crate::{project, read};

/// The cells of a section's table whose head begins with this cell.
fn table(head: &str) -> Vec<Vec<String>> {
    let text = read(&project("docs/events.md"));
    let rows = text.lines().skip_while(|line| !line.starts_with(&format!("| {head} |")));
    let rows = rows.skip(2).take_while(|line| line.starts_with('|'));
    let cells = |row: &str| row.split('|').map(|cell| cell.trim().to_owned()).collect();
    let table: Vec<Vec<String>> = rows.map(cells).collect();
    assert!(!table.is_empty(), "docs/events.md has no table of `{head}`");
    table
}

fn schema(name: &str) -> Value {
    let document: Value =
        serde_json::from_str(&read(&project("openapi/saoma.json"))).expect("JSON");
    document["components"]["schemas"][name].clone()
}

/// What stands between backticks.
fn quoted(cell: &str) -> impl Iterator<Item = String> {
    cell.split('`').skip(1).step_by(2).map(str::to_owned)
}

#[test]
fn every_type_of_event_is_in_the_table_and_no_other() {
    let told: BTreeSet<_> = table("type").iter().flat_map(|row| quoted(&row[1])).collect();
    let kinds = schema("EventKind");
    let kinds = kinds["enum"].as_array().expect("an enum").iter();
    assert_eq!(told, kinds.map(|kind| kind.as_str().expect("a text").to_owned()).collect());
}

#[test]
fn every_field_of_an_events_data_is_in_the_table_and_no_other() {
    let told: BTreeSet<_> = table("type").iter().flat_map(|row| quoted(&row[2])).collect();
    let data = schema("EventData");
    let fields = data["properties"].as_object().expect("properties").keys();
    assert_eq!(told, fields.cloned().collect());
}

#[test]
fn every_command_is_in_the_table_of_who_may_say_it_and_no_other() {
    let told = table("who");
    for (who, known) in [("browser", BrowserCommands::KNOWN), ("phone", PhoneCommands::KNOWN)] {
        let told = told.iter().filter(|row| row[1] == who).flat_map(|row| quoted(&row[2]));
        assert_eq!(told.collect::<Vec<_>>().join(", "), known, "{who}");
    }
}

#[test]
fn every_close_code_is_in_the_table_with_its_reason() {
    let told = table("close code");
    let told = told.iter().map(|row| (row[1].as_str(), row[2].as_str()));
    let codes = CloseCode::REASONS.map(|(code, reason)| (code.to_string(), reason));
    assert!(told.eq(codes.iter().map(|(code, reason)| (code.as_str(), *reason))));
}
