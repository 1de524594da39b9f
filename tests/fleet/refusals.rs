//! A Redis that cannot be used stops the start, and is told as what it is.

use std::process::Command;

use crate::support::certificates::Authority;
use crate::support::redis::RedisServer;
use crate::support::redis::cluster::Cluster;
use crate::support::redis::sentinels::Sentinels;

/// What the server says as it stops with the code of a wrong setting.
fn refusal(settings: &[(&str, &str)]) -> String {
    let folder = tempfile::tempdir().expect("a folder");
    let mut command = Command::new(env!("CARGO_BIN_EXE_saoma"));
    for (name, _) in saoma::config::environment() {
        command.env_remove(name);
    }
    command.env("SAOMA_LISTEN", "127.0.0.1:0").env("SAOMA_ADMIN_LISTEN", "127.0.0.1:0");
    command.env("SAOMA_DATA_DIR", folder.path()).envs(settings.iter().copied());
    let ended = command.output().expect("the server starts");
    let said = String::from_utf8(ended.stderr).expect("UTF-8");
    assert_eq!(ended.status.code(), Some(2), "{settings:?}: {said}");
    assert!(ended.stdout.is_empty());
    assert!(!said.contains("hunter"), "{said}");
    said
}

#[track_caller]
fn assert_refused(url: &str, says: &str) {
    let said = refusal(&[("SAOMA_REDIS_URL", url)]);
    assert!(said.contains("redis_url: ") && said.contains(says), "{url}: {said}");
}

#[test]
fn an_address_that_is_none() {
    for (url, says) in [
        ("redis-sentinel://:hunter2@a", "it names no master"),
        ("redis-sentinel://:hunter2@?sentinelMasterId=a", "it has no host"),
        ("redis-sentinel://:hunter2@a?sentinelMasterId=a&hunter=1", "another parameter"),
        ("redis-cluster://:hunter2@a/3", "a cluster has no databases"),
        ("redis-cluster://:hunter2@", "it has no host"),
        ("redis-pigeon://:hunter2@a", "expected redis:"),
        ("redis://:hunter2@a,b", "it has several hosts"),
    ] {
        assert_refused(url, says);
    }
}

#[test]
fn nobody_who_answers() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let free = listener.local_addr().expect("its address");
    drop(listener);
    for url in [
        format!("redis-sentinel://:hunter2@{free}?sentinelMasterId=main"),
        format!("redis-cluster://:hunter2@{free}"),
        format!("redis://:hunter2@{free}"),
    ] {
        assert_refused(&url, "Redis cannot be reached (connection refused)");
    }
}

#[test]
fn a_redis_of_another_kind_than_the_address_says() {
    let (one, cluster, sentinels) = (RedisServer::start(), Cluster::start(), Sentinels::start());
    let of = |url: String| url.split_once("://").expect("an address").1.to_owned();
    let (one, node) = (of(one.url()), of(cluster.nodes[0].url()));
    let sentinel = of(sentinels.url());
    let (sentinel, _) = sentinel.split_once(',').expect("three");
    assert_refused(&format!("redis://{node}"), "a node of a cluster: write redis-cluster://");
    assert_refused(&format!("redis://{sentinel}"), "a sentinel: write redis-sentinel://");
    assert_refused(&format!("redis-cluster://{one}"), "no node of a cluster: write redis://");
    assert_refused(&format!("redis-cluster://{sentinel}"), "a sentinel: write redis-sentinel://");
    let as_sentinel = format!("redis-sentinel://{one}?sentinelMasterId=main");
    assert_refused(&as_sentinel, "there is no sentinel at this address");
    let another = format!("redis-sentinel://{sentinel}?sentinelMasterId=another");
    assert_refused(&another, "no master of this name");
}

#[test]
fn a_password_that_is_wrong_or_missing() {
    let sentinels = Sentinels::locked("hunter-servers", "hunter-sentinels");
    let right = sentinels.url();
    let refused = "refuses the user or the password";
    assert_refused(&right.replace("hunter-servers", "hunter2"), refused);
    assert_refused(&right.replace("hunter-sentinels", "hunter2"), refused);
    assert_refused(&right.replace(":hunter-servers@", ""), refused);
    assert_refused(right.split_once("&sentinelPassword").expect("one").0, refused);
    let cluster = Cluster::start();
    for node in &cluster.nodes {
        node.asks::<()>(&["CONFIG", "SET", "requirepass", "hunter3"]);
    }
    assert_refused(&cluster.url(), refused);
    assert_refused(&cluster.url().replace("://", "://:hunter2@"), refused);
}

#[test]
fn a_certificate_that_is_not_trusted() {
    let authority = Authority::of("IP:127.0.0.1");
    let redis = RedisServer::with_tls(&authority, &[]);
    assert_refused(&redis.url(), "the certificate that Redis shows is not trusted");
    let nowhere = [("SAOMA_REDIS_URL", &*redis.url()), ("SAOMA_REDIS_CA_FILE", "not-there.pem")];
    let said = refusal(&nowhere);
    assert!(said.contains("redis_ca_file: not-there.pem: "), "{said}");
    let for_nothing = [("SAOMA_REDIS_URL", "redis://a"), ("SAOMA_REDIS_CA_FILE", "ca.pem")];
    assert!(refusal(&for_nothing).contains("redis_ca_file: counts for nothing"));
}
