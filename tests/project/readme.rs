//! The README: its table of settings is the code's, its map names every room.

use std::collections::BTreeSet;

use crate::source::all;
use crate::{project, read};

const README: &str = "README.md";
const BEGIN: &str = "<!-- settings -->\n";
const END: &str = "<!-- /settings -->";

/// The text with another table of settings.
fn with_settings(text: &str, table: &str) -> String {
    let (before, rest) = text.split_once(BEGIN).expect("<!-- settings --> in README.md");
    let (_, after) = rest.split_once(END).expect("<!-- /settings --> in README.md");
    format!("{before}{BEGIN}{table}{END}{after}")
}

#[test]
#[expect(clippy::disallowed_methods, reason = "UPDATE=1 is for this test alone, no setting")]
fn the_table_of_settings_is_the_codes() {
    let text = read(&project(README));
    let right = with_settings(&text, &saoma::config::reference());
    if std::env::var_os("UPDATE").is_some_and(|update| update == "1") {
        std::fs::write(project(README), right).expect("written");
    } else {
        assert!(text == right, "README.md's settings are old: UPDATE=1 cargo test --test project");
    }
}

#[test]
fn nothing_but_the_table_is_written_anew() {
    let old = format!("# A\n\n{BEGIN}| old |\n{END}\n\nB\n");
    assert_eq!(with_settings(&old, "| new |\n"), old.replace("old", "new"));
}

/// The names between backticks that begin with this, without their labels.
fn named(text: &str, beginning: &str) -> BTreeSet<String> {
    let codes = text.split('`').skip(1).step_by(2);
    let names = codes.map(|code| code.split('{').next().unwrap_or_default());
    names.filter(|name| name.starts_with(beginning)).map(str::to_owned).collect()
}

#[test]
fn every_metric_is_in_the_table_and_nothing_else() {
    let metrics = saoma::metrics::Metrics::new().expect("metrics");
    // What is counted of a namespace is there once the namespace is.
    metrics.logins.begin("default");
    metrics.wechat.begin("default");
    metrics.pool.begin("default", 1);
    metrics.http.begin("GET", "/v1/sessions");
    metrics.tls.begin().expect("metrics");
    let text = metrics.text().expect("a text");
    let families = text.lines().filter_map(|line| line.strip_prefix("# TYPE saoma_"));
    let families = families.filter_map(|line| line.split(' ').next());
    let families: BTreeSet<_> = families.map(|name| format!("saoma_{name}")).collect();
    let told = named(&read(&project(README)), "saoma_");
    assert_eq!(told, families, "README.md's table and src/metrics/ differ");
}

#[test]
fn every_room_is_on_the_map() {
    let text = read(&project(README));
    let sources = all();
    let rooms: BTreeSet<String> = sources
        .iter()
        .filter(|source| source.path != "lib.rs")
        .map(|source| match source.path.split_once('/') {
            Some((room, _)) => format!("`src/{room}/`"),
            None => format!("`src/{}`", source.path),
        })
        .collect();
    for room in &rooms {
        assert!(text.contains(room.as_str()), "README.md's map does not name {room}");
    }
    // And what the map names is there.
    for named in text.split('`').skip(1).step_by(2).filter(|code| code.starts_with("src/")) {
        assert!(project(named).exists(), "README.md names {named}, which is not there");
    }
}
