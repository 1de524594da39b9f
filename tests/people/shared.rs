//! Several instances that share a Redis and a PostgreSQL: what one has signed, another verifies, and
//! what one has revoked, none takes.

use saoma::config::{Config, Secret};

use crate::support::postgres::Postgres;
use crate::support::redis::RedisServer;
use crate::support::{Store, TestServer, namespace};
use crate::world::{Held, KEY, inactive, introspects};

async fn two(redis: &RedisServer) -> [TestServer; 2] {
    let database = Postgres::shared().new_database();
    let start = || {
        TestServer::start_with(Store::Memory, |config: &mut Config| {
            config.redis_url = Some(Secret::new(redis.url()));
            config.database_url = Some(Secret::new(database.clone()));
            config.public_url = Some("https://login.example".to_owned());
            namespace(config, "shop").api_keys = vec![Secret::new(KEY.to_owned())];
        })
    };
    [start().await, start().await]
}

#[tokio::test]
async fn a_token_of_one_is_verified_and_ended_at_the_other() {
    let redis = RedisServer::start();
    let [one, two] = two(&redis).await;
    let old = Held::of(&one, "shop", "Alice").await;
    let new = Held::of(&two, "shop", "Alice").await;
    // Either sees both at once, whoever signed.
    for server in [&one, &two] {
        assert_eq!(new.also_at(server).ids().await, [new.id.clone(), old.id.clone()]);
        assert_eq!(introspects(&server.api(), KEY, &old.token).await.ok()["active"], true);
    }
    new.also_at(&one).ends(&old.id).await.is(204);
    for server in [&one, &two] {
        assert_eq!(introspects(&server.api(), KEY, &old.token).await.ok(), inactive());
        old.also_at(server).asks("").await.is_problem(401, "unauthorized");
        assert_eq!(introspects(&server.api(), KEY, &new.token).await.ok()["active"], true);
    }
}

#[tokio::test]
async fn whose_key_cannot_be_looked_for_is_not_said_to_be_good_or_not() {
    let redis = RedisServer::start();
    let [one, two] = two(&redis).await;
    let token = Held::of(&one, "shop", "Alice").await;
    redis.signal("-STOP");
    assert_eq!(introspects(&one.api(), KEY, &token.token).await.ok()["active"], true);
    let elsewhere = introspects(&two.api(), KEY, &token.token).await;
    elsewhere.is_problem(503, "store_unavailable");
    token.also_at(&two).asks("").await.is_problem(503, "store_unavailable");
    redis.signal("-CONT");
}
