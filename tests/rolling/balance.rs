//! The balancer keeps no client at an instance.

use futures_util::future::join_all;
use saoma::config::{Config, Secret};

use crate::support::instance::Instance;
use crate::support::redis::RedisServer;
use crate::support::{Balanced, Raw};

/// Three instances and their redis-server.
pub(crate) async fn three() -> (Balanced, RedisServer) {
    let redis = RedisServer::start();
    let config = Config {
        redis_url: Some(Secret::new(redis.url())),
        rate_limit: false,
        drain_seconds: 2,
        ..Config::default()
    };
    (Balanced::start(3, config).await, redis)
}

/// How many sessions an instance has opened.
async fn opened(instance: &Instance) -> u64 {
    instance.counts("saoma_session_transitions_total", "to=\"pending\"").await
}

#[tokio::test]
async fn requests_of_one_connection_go_to_one_instance_after_the_other() {
    let (balanced, _redis) = three().await;
    let mut raw = Raw::connect(balanced.balancer.address).await;
    for _ in 0..12 {
        raw.send("POST /v1/sessions HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n").await;
        assert_eq!(raw.answer().await.status, 201);
    }
    let opened = join_all(balanced.instances.iter().map(opened)).await;
    assert_eq!(opened, [4, 4, 4]);
}
