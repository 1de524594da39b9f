//! Whether a call is of this server: by the word of a library that others wrote, of the lines that
//! `docs/hook.md` gives to others, and of the tests' own.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac};
use saoma::clock::Clock;
use saoma::config::Secret;
use serde_json::{Value, json};
use sha2::Sha256;

use crate::service::{Asked, SECRET, key};
use crate::support::{Store, namespace};
use crate::world::World;

const HERE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/hook");
const DOCS: &str = include_str!("../../docs/hook.md");
const EXAMPLE: &str = include_str!("../../examples/hook_service.py");
const PLAIN: &str = "a secret of 24 characters";

/// What the lines in Python want.
const PYTHON: &str = r"
import base64, hashlib, hmac, json, sys, time
{lines}
for line in sys.stdin:
    call = json.loads(line)
    print(json.dumps(is_from_saoma(call['secret'], call['headers'], call['body'].encode())))
";
/// What the lines in JavaScript want.
const JAVASCRIPT: &str = r"
import { createInterface } from 'node:readline';
{lines}
for await (const line of createInterface({ input: process.stdin })) {
  const { secret, headers, body } = JSON.parse(line);
  console.log(isFromSaoma(secret, headers, body));
}
";

/// Python with the library; it is installed when it is not there.
fn python_with_the_library() -> &'static Path {
    static PYTHON: OnceLock<PathBuf> = OnceLock::new();
    PYTHON.get_or_init(|| {
        crate::support::python::with("standardwebhooks", &format!("{HERE}/requirements.txt"))
    })
}

/// What a program says of each call, a line of JSON each.
fn asked(command: &mut Command, calls: &[Value]) -> Vec<bool> {
    let mut program = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("one");
    let lines: Vec<String> = calls.iter().map(ToString::to_string).collect();
    let mut stdin = program.stdin.take().expect("piped");
    // The answers wait until all is read: they are fewer than a pipe holds.
    stdin.write_all(lines.join("\n").as_bytes()).expect("written");
    drop(stdin);
    let output = program.wait_with_output().expect("an end");
    assert!(output.status.success(), "{command:?} failed");
    let lines = String::from_utf8(output.stdout).expect("a text");
    lines.lines().map(|line| serde_json::from_str(line).expect("true or false")).collect()
}

/// The lines of a language in the docs.
fn lines_in(language: &str) -> &'static str {
    let (_, after) = DOCS.split_once(&format!("```{language}\n")).expect("lines of that language");
    after.split_once("```").expect("an end").0
}

fn by_the_library(calls: &[Value]) -> Vec<bool> {
    let mut python = Command::new(python_with_the_library());
    asked(python.arg(format!("{HERE}/vectors.py")), calls)
}

fn by_the_lines_in_python(calls: &[Value]) -> Vec<bool> {
    let program = PYTHON.replace("{lines}", lines_in("python"));
    asked(Command::new("python3").args(["-c", &program]), calls)
}

fn by_the_lines_in_node(calls: &[Value]) -> Vec<bool> {
    let program = JAVASCRIPT.replace("{lines}", lines_in("js"));
    asked(Command::new("node").args(["--input-type=module", "-e", &program]), calls)
}

/// A call as it came, and whom it is for.
fn call(secret: &str, asked: &Asked) -> Value {
    json!({
        "secret": secret,
        "headers": {
            "webhook-id": asked.id,
            "webhook-timestamp": asked.timestamp.to_string(),
            "webhook-signature": asked.signature,
        },
        "body": asked.text,
    })
}

/// The calls of a login in Chinese, under a secret.
async fn calls(secret: &str) -> Vec<Asked> {
    let set = secret.to_owned();
    let world = World::with(Store::Memory, move |config| {
        namespace(config, "default").hook.secret = Some(Secret::new(set));
    });
    let world = world.await;
    world.opened().await.scan_as("爱丽丝 \"\\/").await.confirm().await.ok();
    world.service.asked()
}

/// The call signed anew, by the tests' own hand, at another time.
fn at(seconds: u64, asked: &Asked) -> Asked {
    let mut mac = Hmac::<Sha256>::new_from_slice(&key()).expect("a key");
    mac.update(format!("{}.{seconds}.{}", asked.id, asked.text).as_bytes());
    let signature = format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()));
    Asked { timestamp: seconds, signature, ..asked.clone() }
}

#[tokio::test]
async fn all_take_a_call_for_ours_and_no_other() {
    let [first, second] = &calls(SECRET).await[..] else { panic!("two calls") };
    let plain = &calls(PLAIN).await[0];
    let now = Clock::system().now().unix_seconds();
    let other = "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    let told = vec![
        (true, call(SECRET, first)),
        (true, call(SECRET, second)),
        (true, call(PLAIN, plain)),
        (true, call(SECRET, &at(now - 200, first))),
        (true, call(SECRET, &at(now + 200, first))),
        (false, call(SECRET, &at(now - 400, first))),
        (false, call(SECRET, &at(now + 400, first))),
        (false, call(other, first)),
        (false, call(SECRET, plain)),
        (false, call(SECRET, &Asked { id: second.id.clone(), ..first.clone() })),
        (false, call(SECRET, &Asked { timestamp: first.timestamp + 1, ..first.clone() })),
        (false, call(SECRET, &Asked { text: second.text.clone(), ..first.clone() })),
        (false, call(SECRET, &Asked { text: first.text.clone() + " ", ..first.clone() })),
        (false, call(SECRET, &Asked { signature: String::new(), ..first.clone() })),
        (false, call(SECRET, &Asked { signature: "v1,AAAA".to_owned(), ..first.clone() })),
    ];
    let (expected, calls): (Vec<bool>, Vec<Value>) = told.into_iter().unzip();
    assert_eq!(by_the_library(&calls), expected, "by the library");
    assert_eq!(by_the_lines_in_python(&calls), expected, "by the lines in Python");
    assert_eq!(by_the_lines_in_node(&calls), expected, "by the lines in JavaScript");
    assert!(first.is_signed_with(&key()) && plain.is_signed_with(PLAIN.as_bytes()));
}

#[test]
fn the_lines_in_the_docs_are_those_of_the_example() {
    assert!(EXAMPLE.contains(lines_in("python")));
}
