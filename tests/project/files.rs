//! How a file looks: a head that says what belongs in it, a length that can be read, a name that
//! says something.

use crate::source::all;

/// How long a file may be.
const MOST_LINES: usize = 450;
/// Files that are longer, and why.
const LONGER: [(&str, &str); 0] = [];
/// Names under which anything might be put.
const SAY_NOTHING: [&str; 6] = ["utils", "util", "common", "helpers", "misc", "shared"];

#[test]
fn every_file_says_first_what_belongs_in_it() {
    let faults: Vec<String> = all()
        .iter()
        .filter(|source| !source.text.starts_with("//! "))
        .map(|source| format!("src/{}: begins with no `//!` head", source.path))
        .collect();
    assert!(faults.is_empty(), "\n{}\n", faults.join("\n"));
}

#[test]
fn no_file_is_longer_than_one_can_read() {
    for source in all() {
        let lines = source.text.lines().count();
        let excused = LONGER.iter().any(|(path, _)| *path == source.path);
        let path = &source.path;
        if excused {
            assert!(lines >= MOST_LINES, "src/{path}: {lines} lines: no exception is needed");
        } else {
            assert!(lines < MOST_LINES, "src/{path}: {lines} lines: more than {MOST_LINES}");
        }
    }
}

#[test]
fn no_file_has_a_name_that_says_nothing() {
    for source in all() {
        let names: Vec<&str> = source.path.trim_end_matches(".rs").split('/').collect();
        let found = SAY_NOTHING.iter().find(|name| names.contains(name));
        assert!(found.is_none(), "src/{}: say in its name what belongs there", source.path);
    }
}
