//! Tests of the project itself: who calls whom, what is written down, and whether it is so.

mod architecture;
mod compatible;
mod events;
mod files;
mod openapi;
mod readme;
mod source;

use std::path::{Path, PathBuf};

/// A path in the project.
fn project(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
