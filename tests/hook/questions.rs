//! What the service is asked, byte by byte, and what it is not told.

use std::net::SocketAddr;

use saoma::config::{Config, Secret};
use serde_json::json;
use sqlx::{Connection, PgConnection};

use crate::service::{SECRET, key};
use crate::support::instance::Instance;
use crate::support::postgres::Postgres;
use crate::support::{Store, Via, namespace, within};
use crate::world::{World, asks};

stories! {
    on_every_store:
        a_question_tells_who_where_and_for_which_login,
        a_question_holds_nothing_that_opens_anything,
        every_question_has_an_id_of_its_own,
        a_secret_that_is_no_base64_signs_as_it_is;
}

async fn a_question_tells_who_where_and_for_which_login(store: Store) {
    let world = World::new(store).await;
    let session = world.opened().await;
    let told = session.shows_the_code();
    let body = json!({ "login_code": "sim:Alice", "entry_scene": 1048 });
    let told = told.tries_to_scan(body).await.ok();
    let phone = session.shows_the_code().with_token(told["phone_token"].as_str().expect("one"));
    phone.confirm().await.ok();
    let asked = world.service.asked();
    let mut expected = json!({
        "type": "scan",
        "namespace": "default",
        "session_id": session.id,
        "identity": { "provider": "simulator", "subject": "Alice", "name": "Alice" },
        "browser": {
            "ip": "127.0.0.1",
            "user_agent": "a browser/1.0",
            "opened_at": told["browser"]["opened_at"],
        },
        "phone": { "ip": "127.0.0.1", "relayed": true },
    });
    assert_eq!(asked[0].question, expected);
    expected["type"] = "confirm".into();
    expected.as_object_mut().expect("an object").remove("phone");
    assert_eq!(asked[1].question, expected);
    for asked in asked {
        assert_eq!(asked.path, "/saoma/identity");
        assert_eq!(asked.headers["content-type"], "application/json");
        let agent = asked.headers["user-agent"].to_str().expect("a text").to_owned();
        assert!(agent.starts_with("saoma/"), "{agent}");
        assert!(asked.is_signed_with(&key()), "{asked:?}");
    }
}

async fn a_question_holds_nothing_that_opens_anything(store: Store) {
    let keys = |config: &mut Config| {
        namespace(config, "default").api_keys = vec![Secret::new("a key of a backend".to_owned())];
    };
    let world = World::with(store, keys).await;
    let mut tab = world.followed(Via::Sse).await;
    let phone = tab.scan_as("Alice").await;
    tab.sees("scanned").await;
    phone.confirm().await.ok();
    let ticket = tab.sees_a_ticket().await;
    for asked in world.service.asked() {
        let all = format!("{} {:?}", asked.text, asked.headers);
        for secret in
            [&tab.secret, &tab.scene, &phone.token, &ticket, "sim:", "a key of", SECRET, "cookie"]
        {
            assert!(!all.contains(secret), "{secret} in {all}");
        }
    }
}

async fn every_question_has_an_id_of_its_own(store: Store) {
    let world = World::new(store).await;
    let session = world.opened().await;
    session.scan_as("Alice").await;
    session.scan_as("Alice").await.confirm().await.ok();
    let asked = world.service.asked();
    let mut ids: Vec<&String> = asked.iter().map(|asked| &asked.id).collect();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 3);
    assert!(ids.iter().all(|id| id.starts_with("msg_") && id.len() == 28), "{ids:?}");
}

async fn a_secret_that_is_no_base64_signs_as_it_is(store: Store) {
    let plain = |config: &mut Config| {
        let secret = Secret::new("a secret of 24 characters".to_owned());
        namespace(config, "default").hook.secret = Some(secret);
    };
    let world = World::with(store, plain).await;
    world.opened().await.scan_as("Alice").await;
    let asked = &world.service.asked()[0];
    assert!(asked.is_signed_with(b"a secret of 24 characters"));
    assert!(!asked.is_signed_with(&key()));
}

#[tokio::test]
async fn a_secret_that_is_too_short_is_remarked_on_at_the_start() {
    for (secret, remarked) in [
        (SECRET, false),
        ("a secret of 24 characters", false),
        ("hunter2", true),
        ("whsec_aHVudGVyMg==", true),
    ] {
        let free = SocketAddr::from(([127, 0, 0, 1], 0));
        let mut config = Config { listen: free, admin_listen: free, ..Config::default() };
        config.drain_seconds = 0;
        asks(&mut config, "default", "http://127.0.0.1:1/");
        namespace(&mut config, "default").hook.secret = Some(Secret::new(secret.to_owned()));
        let mut instance = Instance::start(&config).await;
        // It leaves only when it has said all that it says at the start.
        let all = async {
            instance.signal("-TERM");
            instance.ended().await;
            while !instance.log().contains("server.leaving") {
                tokio::task::yield_now().await;
            }
        };
        within("the whole log", all).await;
        let log = instance.log();
        assert_eq!(log.contains("hook.secret is short"), remarked, "{log}");
        assert!(!log.contains("hunter2") && !log.contains("aHVudGVyMg"), "{log}");
    }
}

/// A provider that knows people by a number has no users of its own to keep, if a service does.
#[tokio::test]
async fn whom_the_service_knows_is_no_user_of_the_server_s_own() {
    let url = Postgres::shared().new_database();
    let on = |config: &mut Config| config.database_url = Some(Secret::new(url.clone()));
    let world = World::with(Store::Memory, on).await;
    world.opened().await.scan_as("Alice").await.confirm().await.ok();
    let mut database = PgConnection::connect(&url).await.expect("the database");
    let users = sqlx::query_scalar("SELECT count(*) FROM users").fetch_one(&mut database).await;
    assert_eq!(users.ok(), Some(0_i64));
}
