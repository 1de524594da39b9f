//! What operators are given: the service for systemd, the image, the composed fleet, and the commands
//! that look at a configuration and at a server.

#[path = "../support/mod.rs"]
mod support;

mod checking;
mod compose;

mod image;
mod readiness;
mod systemd;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const BINARY: &str = env!("CARGO_BIN_EXE_saoma");

/// A path in the project.
fn project(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn read(path: &str) -> String {
    std::fs::read_to_string(project(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The program with these settings and no others, in a folder of its own.
fn saoma<N: AsRef<str>, V: AsRef<str>>(
    arguments: &[&str],
    settings: impl IntoIterator<Item = (N, V)>,
) -> Output {
    let folder = tempfile::tempdir().expect("a folder");
    let mut command = Command::new(BINARY);
    for (name, _) in saoma::config::environment() {
        command.env_remove(name);
    }
    for (name, value) in settings {
        command.env(name.as_ref(), value.as_ref());
    }
    command.args(arguments).current_dir(&folder).output().expect("saoma runs")
}

/// What it says where.
fn said(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
