//! wechatpy, a library that others wrote: it is asked what is right.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use serde_json::Value;

const HERE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/wechat_stub");

/// Python with the library; it is installed when it is not there.
fn python() -> &'static Path {
    static PYTHON: OnceLock<PathBuf> = OnceLock::new();
    PYTHON.get_or_init(|| crate::library::with("wechatpy", &format!("{HERE}/requirements.txt")))
}

/// What the library makes of each task.
pub(crate) fn asked(tasks: &[Value]) -> Vec<Value> {
    let mut python = Command::new(python());
    python.arg(format!("{HERE}/vectors.py")).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut python = python.spawn().expect("python");
    let lines: Vec<String> = tasks.iter().map(ToString::to_string).collect();
    let mut stdin = python.stdin.take().expect("piped");
    // The answers wait until all is read: they are fewer than a pipe holds.
    stdin.write_all(lines.join("\n").as_bytes()).expect("written");
    drop(stdin);
    let output = python.wait_with_output().expect("an end");
    assert!(output.status.success(), "vectors.py failed");
    let lines = String::from_utf8(output.stdout).expect("a text");
    let answers: Vec<Value> =
        lines.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(answers.len(), tasks.len());
    answers
}
