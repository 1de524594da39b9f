//! People whom all instances know, because they share a PostgreSQL, too.

use saoma::config::{Config, DirectoryRule, Secret};
use serde_json::{Value, json};

use crate::instances::Fleet;
use crate::support::postgres::Postgres;
use crate::support::redis::RedisServer;
use crate::support::{Via, namespace};

async fn who_know_their_people(instances: usize, database: &str) -> Fleet {
    let redis = RedisServer::start();
    let url = redis.url();
    let known = |config: &mut Config| {
        config.database_url = Some(Secret::new(database.to_owned()));
        namespace(config, "default").directory = DirectoryRule::Known;
    };
    Fleet::on(redis, &url, instances, known).await
}

#[tokio::test]
async fn who_has_signed_up_at_one_instance_is_known_at_another() {
    let fleet = who_know_their_people(2, &Postgres::shared().new_database()).await;
    let session = fleet.opens(0).await;
    let mut events = fleet.follows(0, &session, Via::Sse).await;
    events.sees("pending").await;
    let token = fleet.token_of_scan(1, &session).await;
    events.sees("scanned").await;
    let phone = fleet.phone_at(1, &session, &token);
    phone.confirm().await.is_problem(403, "unregistered");
    events.sees("unregistered").await;
    let signed_up = phone.register("Ann Li").await.is(201);

    // Another login, the other way round.
    let session = fleet.opens(1).await;
    let scan = json!({ "login_code": "sim:Ann" });
    let told: Value = fleet.servers[0].phone(&session.scene).tries_to_scan(scan).await.ok();
    assert_eq!(told["registered"], true);
    assert_eq!(told["user"], signed_up["user"]);
    fleet.logs_in(0, Via::WebSocket).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_signs_up_at_two_instances_at_once_is_one_user() {
    let fleet = who_know_their_people(2, &Postgres::shared().new_database()).await;
    let mut phones = Vec::new();
    for at in 0..8 {
        let session = fleet.opens(at % 2).await;
        let token = fleet.token_of_scan(at % 2, &session).await;
        let phone = fleet.phone_at(at % 2, &session, &token);
        phone.confirm().await.is_problem(403, "unregistered");
        phones.push(phone);
    }
    let signing_up = phones.iter().enumerate().map(async |(at, phone)| {
        let answer = phone.register(&format!("Ann {at}")).await;
        answer.is(201)["user"].clone()
    });
    let users = futures_util::future::join_all(signing_up).await;
    assert!(users.iter().all(|user| *user == users[0]), "{users:?}");
}
