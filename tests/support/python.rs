//! Python with a library that others wrote, which is asked what is right.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Python with what the requirements name, in a folder of this name; it is installed when it is not
/// there.
pub(crate) fn with(name: &str, requirements: &str) -> PathBuf {
    let room = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let python = room.join("bin/python");
    let installed = room.join("installed.txt");
    if std::fs::read(&installed).ok() != std::fs::read(requirements).ok() {
        run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&room));
        let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r"];
        run(Command::new(&python).args(pip).arg(requirements));
        std::fs::copy(requirements, &installed).expect("a note of what is installed");
    }
    python
}

#[track_caller]
fn run(command: &mut Command) {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let said = String::from_utf8_lossy(&output.stderr);
    let hint = "python3 with python3-venv is needed, and PyPI once";
    assert!(output.status.success(), "{hint}: {command:?}: {said}");
}
