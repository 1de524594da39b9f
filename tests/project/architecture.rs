//! Who may call whom: the table of the design, held against what each file names.

use crate::source::{Source, all, paths};

/// Rooms that have no business of their own and may be called by all.
const LEAVES: [&str; 5] = ["clock", "entropy", "metrics", "origin", "trace"];

/// What a room may call besides the leaves: rooms, or modules of rooms.
const MAY_CALL: &[(&str, &[&str])] = &[
    ("main", &[]),
    (
        "command",
        &["config", "server", "api", "database", "directory", "history", "codes", "login::ports"],
    ),
    ("config", &[]),
    (
        "server",
        &[
            "api",
            "transport",
            "login",
            "stream",
            "store",
            "provider",
            "codes",
            "directory",
            "history",
            "database",
            "token",
            "config",
        ],
    ),
    ("api", &["login", "transport", "stream"]),
    ("transport", &["stream"]),
    // The store's words of change and commit are part of what the stream offers.
    ("login", &["stream", "store"]),
    ("stream", &["store"]),
    ("store", &[]),
    ("provider", &["login::ports", "login::scene"]),
    ("directory", &["login::ports", "login::scene", "database"]),
    ("codes", &["login::ports", "login::scene", "database"]),
    ("history", &["login::journal", "login::ports", "database"]),
    ("database", &[]),
    ("token", &[]),
    ("clock", &[]),
    ("entropy", &[]),
    ("metrics", &[]),
    ("origin", &[]),
    ("trace", &[]),
];

/// Rooms of the binary, to which the library is another crate.
const BINARY: [&str; 2] = ["main", "command"];

/// Rooms of the core, which know nothing of the wire.
const CORE: [&str; 3] = ["login", "stream", "store"];
/// What the wire is made of.
const WIRE: [&str; 5] = ["tokio::net", "poem::", "poem_openapi::", "hyper::", "reqwest::"];

/// Modules that are functions of what is given to them.
const PURE: [&str; 2] = ["login::machine", "login::session"];
/// What a function of its arguments has no use for.
const IMPURE: [&str; 7] = ["async", "await", "tokio", "Clock", "Instant", "SystemTime", "Future"];

/// What is wrong with a file, in sentences.
fn faults(source: &Source) -> Vec<String> {
    let Source { path, .. } = source;
    let (room, module, code) = (source.room(), source.module(), source.code());
    if room == "lib" || source.is_tests() {
        return Vec::new();
    }
    let Some((_, allowed)) = MAY_CALL.iter().find(|(name, _)| *name == room) else {
        return vec![format!(
            "src/{path}: the room `{room}` is not in the table: write into DESIGN.md, README.md \
             and MAY_CALL what it is for and whom it may call"
        )];
    };
    let mut faults = Vec::new();
    let library = if BINARY.contains(&room) { "saoma::" } else { "crate::" };
    for called in paths(&code, library) {
        let its_room = called.split("::").next().unwrap_or_default();
        let under = |name: &&str| called == *name || called.starts_with(&format!("{name}::"));
        if its_room != room && !LEAVES.contains(&its_room) && !allowed.iter().any(under) {
            let allowed =
                if allowed.is_empty() { "no room".to_owned() } else { allowed.join(", ") };
            faults.push(format!(
                "src/{path}: `{room}` names `{called}`, but may call {allowed} only"
            ));
        }
    }
    if code.contains(&"super::".repeat(module.split("::").count())) {
        faults.push(format!("src/{path}: leaves its room by `super::`; write `crate::`"));
    }
    if CORE.contains(&room) {
        for wire in WIRE.iter().filter(|wire| !paths(&code, wire).is_empty()) {
            faults.push(format!(
                "src/{path}: `{room}` names `{wire}`: the core knows nothing of the wire"
            ));
        }
    }
    if PURE.contains(&&*module) {
        let words: Vec<&str> = code.split(|c: char| !c.is_alphanumeric() && c != '_').collect();
        for impure in IMPURE.iter().filter(|word| words.contains(word)) {
            faults.push(format!(
                "src/{path}: `{impure}` in a pure module: pass in what it is to know"
            ));
        }
    }
    faults
}

#[test]
fn no_room_calls_upward_or_sideways() {
    let sources = all();
    let faults: Vec<String> = sources.iter().flat_map(faults).collect();
    assert!(faults.is_empty(), "\n{}\n", faults.join("\n"));
    for (room, _) in MAY_CALL {
        assert!(sources.iter().any(|s| s.room() == *room), "the table has `{room}`, src/ has not");
    }
    for module in PURE {
        assert!(sources.iter().any(|s| s.module() == module), "there is no `{module}` to be pure");
    }
}

#[test]
fn an_arrow_that_is_not_in_the_table_is_found() {
    let cases = [
        ("store/memory.rs", "use crate::stream::hub::Hub;", "`store` names `stream::hub::Hub`"),
        ("stream/hub.rs", "use crate::{store::Key, login::Login};", "names `login::Login`"),
        ("transport/sse.rs", "use crate::login::Login;", "may call stream only"),
        ("login/phone.rs", "fn f() { crate::transport::x() }", "names `transport::x`"),
        ("provider/qr.rs", "use crate::login::service::Grant;", "names `login::service::Grant`"),
        ("directory/open.rs", "use crate::login::ports_of_call::X;", "ports_of_call"),
        ("provider/qr.rs", "use crate::directory::Open;", "names `directory::Open`"),
        ("api/json.rs", "use crate::server::accept;", "names `server::accept`"),
        ("config/mod.rs", "use crate::login;", "may call no room only"),
        ("command/serve.rs", "use saoma::login::Login;", "`command` names `login::Login`"),
        ("main.rs", "use saoma::config::Config;", "`main` names `config::Config`"),
        ("clock.rs", "use crate::config::Config;", "`clock` names `config::Config`"),
        ("utilities/x.rs", "", "`utilities` is not in the table"),
        ("stream/hub.rs", "use super::super::login::X;", "leaves its room"),
        ("stream/mod.rs", "use super::login::X;", "leaves its room"),
        ("login/phone.rs", "use tokio::net::TcpStream;", "the core knows nothing of the wire"),
        ("store/mod.rs", "fn f(r: hyper::Request) {}", "the core knows nothing of the wire"),
        ("login/machine.rs", "pub async fn f() {}", "`async` in a pure module"),
        ("login/session.rs", "use crate::clock::Clock;", "`Clock` in a pure module"),
    ];
    for (path, text, says) in cases {
        let source = Source { path: path.to_owned(), text: text.to_owned() };
        let found = faults(&source);
        assert!(found.len() == 1 && found[0].contains(says), "{path}: {text}: {found:?}");
    }
    for (path, text) in [
        ("login/machine.rs", "use crate::clock::Timestamp; use crate::store::Item;"),
        ("provider/qr.rs", "use crate::login::ports::{Provider, Code}; use super::Simulator;"),
        ("stream/hub.rs", "#[cfg(test)] mod tests { use crate::login::Login; }"),
        ("transport/sse.rs", "//! As crate::login does.\nuse crate::stream::event::Event;"),
        ("command/serve.rs", "use saoma::config::Config; use saoma::clock::Clock;"),
    ] {
        let source = Source { path: path.to_owned(), text: text.to_owned() };
        assert_eq!(faults(&source), Vec::<String>::new(), "{path}: {text}");
    }
}
