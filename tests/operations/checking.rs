//! `saoma check-config --connect`: whether what a configuration names can be used, all of it told at
//! once.

use std::net::TcpListener;

use crate::support::postgres::{PASSWORD, Postgres};
use crate::support::redis::RedisServer;
use crate::{said, saoma};

type Settings = Vec<(&'static str, String)>;

/// The exit code, and what is said: of all, and of what is wrong.
fn check(settings: Settings) -> (Option<i32>, String, String) {
    let output = saoma(&["check-config", "--connect"], settings);
    let (out, error) = (said(&output.stdout), said(&output.stderr));
    assert!(!out.contains("hunter") && !error.contains("hunter"), "{out}{error}");
    (output.status.code(), out, error)
}

/// Where nobody listens.
fn nobody() -> String {
    TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("one").to_string()
}

#[test]
fn what_answers_is_named() {
    let redis = RedisServer::start_locked("hunter2");
    let there = Postgres::shared().url("saoma", PASSWORD, "postgres");
    let (code, out, error) = check(vec![
        ("SAOMA_REDIS_URL", format!("redis://:hunter2@127.0.0.1:{}", redis.port)),
        ("SAOMA_DATABASE_URL", there),
        ("SAOMA_NUMBERING", "pool".to_owned()),
    ]);
    assert_eq!((code, &*error), (Some(0), ""), "{out}");
    for name in ["the database", "Redis", "the storage"] {
        assert!(out.contains(&format!("# Can be used: {name}.\n")), "{out}");
    }
    out.parse::<toml::Table>().expect("TOML");
}

#[test]
fn all_that_does_not_answer_is_named_by_its_setting() {
    let (redis, postgres, collector) = (nobody(), nobody(), nobody());
    let (code, out, error) = check(vec![
        ("SAOMA_REDIS_URL", format!("redis://:hunter2@{redis}")),
        ("SAOMA_DATABASE_URL", format!("postgres://saoma:hunter2@{postgres}/saoma")),
        ("SAOMA_OTLP_ENDPOINT", format!("http://{collector}")),
        ("SAOMA_NUMBERING", "pool".to_owned()),
        ("SAOMA_DATA_DIR", "/proc/nowhere".to_owned()),
    ]);
    assert_eq!(code, Some(2), "{error}");
    for (name, named) in [
        ("the database", format!("the database: PostgreSQL at {postgres}")),
        ("Redis", "redis_url: Redis cannot be reached".to_owned()),
        ("the storage", "data_dir: /proc/nowhere".to_owned()),
        ("the collector", "otlp.endpoint: the collector: ".to_owned()),
    ] {
        assert!(out.contains(&format!("# Cannot be used: {name}.\n")), "{out}");
        assert!(error.contains(&format!("saoma: {named}")), "{named} in {error}");
    }
}

#[test]
fn a_database_that_is_to_be_made_is_not_made_by_a_question() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    let settings = vec![("SAOMA_DATA_DIR", data.to_string_lossy().into_owned())];
    let (code, out, error) = check(settings);
    assert_eq!((code, &*error), (Some(0), ""), "{out}");
    assert!(!data.exists(), "it was made");
}
