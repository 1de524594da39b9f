//! Answers that are none: whatever the service says beyond the three shapes lets nobody in.

use serde_json::{Value, json};

use crate::service::{Does, knows, refuses};
use crate::support::{Store, TestServer};
use crate::world::{World, asks};

stories! {
    on_every_store:
        what_is_no_answer_lets_nobody_in,
        what_just_fits_is_an_answer,
        nobody_is_sent_elsewhere_to_ask;
}

/// Somebody known, with claims.
fn claiming(claims: &Value) -> Value {
    let mut answer = knows("Alice");
    answer["claims"] = claims.clone();
    answer
}

/// Somebody known, one of whose fields is another.
fn with(field: &str, value: impl Into<Value>) -> Value {
    let mut answer = knows("Alice");
    answer["user"][field] = value.into();
    answer
}

/// Answers in JSON that are none.
fn odd_answers() -> Vec<Value> {
    let user = json!({ "id": "1", "name": "Alice" });
    let mut odd = vec![
        json!({}),
        json!([]),
        json!(null),
        json!(true),
        json!("registered"),
        json!({ "registered": true, "user": "Alice" }),
        json!({ "registered": true, "user": {} }),
        json!({ "registered": "true", "user": user }),
        json!({ "registered": 1, "user": user }),
        json!({ "registered": null, "user": user }),
        json!({ "user": user }),
        json!({ "registered": true, "user": { "id": "1" } }),
        json!({ "registered": true, "user": { "name": "Alice" } }),
        json!({ "registered": true, "user": { "id": 1, "name": "Alice" } }),
        json!({ "registered": true, "user": user, "claim": { "role": "staff" } }),
        json!({ "registered": true, "user": { "id": "1", "name": "Alice", "role": "staff" } }),
        json!({ "registered": true, "user": user, "refused": { "reason": "no" } }),
        json!({ "registered": false, "user": user }),
        json!({ "registered": false, "claims": {} }),
        json!({ "registered": false, "refused": { "reason": "no" } }),
        json!({ "refused": {} }),
        json!({ "refused": "no" }),
        json!({ "refused": { "reason": 5 } }),
        json!({ "refused": { "reason": "no", "code": 5 } }),
        refuses(""),
        refuses(" \u{3000} "),
        refuses("one\ntwo"),
        refuses("\u{1b}[31mno"),
        refuses("no\u{0}"),
        refuses(&"否".repeat(201)),
        with("id", ""),
        with("id", " "),
        with("id", "a\nb"),
        with("id", "x".repeat(256)),
        with("name", ""),
        with("name", "  "),
        with("name", "a\u{7}b"),
        with("name", "名".repeat(65)),
        with("avatar_url", 5),
        with("avatar_url", ""),
        with("avatar_url", "a.png"),
        with("avatar_url", "javascript:alert(1)"),
        with("avatar_url", "data:image/png;base64,AAAA"),
        with("avatar_url", "//a.example/a.png"),
        with("avatar_url", "https://a.example/a b.png"),
        with("avatar_url", format!("https://a.example/{}", "x".repeat(1024))),
        claiming(&json!([])),
        claiming(&json!("role")),
        claiming(&json!({ "long": "x".repeat(4096) })),
    ];
    for ours in ["iss", "sub", "aud", "exp", "nbf", "iat", "jti", "name", "picture", "provider"] {
        odd.push(claiming(&json!({ "role": "staff", ours: "mine" })));
    }
    odd
}

/// Answers that are odd in their bytes or their heads.
fn odd_bytes() -> Vec<Does> {
    let alice = knows("Alice").to_string();
    let of =
        |kind: &str| Does::Answers(200, vec![("content-type", kind.to_owned())], alice.clone());
    vec![
        Does::text(""),
        Does::text("{"),
        Does::text("<html>"),
        Does::text(alice.replace('}', "} ") + "x"),
        Does::text(r#"{"registered":false,"registered":true,"user":{"id":"1","name":"A"}}"#),
        Does::text(r#"{"registered":true,"user":{"id":"1","id":"2","name":"A"}}"#),
        Does::text(format!("{alice}{}", " ".repeat(64 << 10))),
        Does::text(format!("{}{}", "[".repeat(5000), "]".repeat(5000))),
        Does::Answers(200, Vec::new(), alice.clone()),
        of("text/html"),
        of("text/plain"),
        of("application/problem+json"),
        of("no type"),
        Does::Answers(
            403,
            vec![("content-type", "application/json".to_owned())],
            refuses("no").to_string(),
        ),
    ]
}

async fn what_is_no_answer_lets_nobody_in(store: Store) {
    let world = World::new(store).await;
    let session = world.opened().await;
    let all = odd_answers().into_iter().map(Does::Says).chain(odd_bytes());
    let phone = world.opened().await.scan_as("Alice").await;
    for odd in all {
        // Where it would begin, and where it would end.
        world.service.will([odd.clone(), odd.clone()]);
        let answer = session.shows_the_code().tries_to_scan_as("Alice").await;
        assert_eq!(answer.status, 502, "{odd:?}");
        let problem = answer.is_problem(502, "hook_failed");
        assert_eq!(problem["detail"], "the answer of the service that decides cannot be used");
        phone.confirm().await.is_problem(502, "hook_failed");
        assert_eq!(session.snapshot().await["cursor"], 1, "{odd:?}");
    }
    phone.confirm().await.ok();
}

async fn what_just_fits_is_an_answer(store: Store) {
    let world = World::new(store).await;
    // The braces and the key of a claim are ten bytes.
    let long = json!({ "longer": "x".repeat(4096 - 13) });
    assert_eq!(long.to_string().len(), 4096);
    for fits in [
        with("id", "x".repeat(255)),
        with("name", "名".repeat(64)),
        with("avatar_url", Value::Null),
        with("avatar_url", format!("https://a.example/{}", "x".repeat(1024 - 18))),
        claiming(&json!({})),
        claiming(&Value::Null),
        claiming(&json!({ "Name": 1, "a": { "sub": [null, 1.5, "x"] } })),
        claiming(&long),
    ] {
        let session = world.opened().await;
        world.service.will([Does::Says(fits.clone()), Does::Says(fits.clone())]);
        let phone = session.scan_as("Alice").await;
        phone.confirm().await.ok();
        let told = session.polls(2).await;
        let ticket = told["events"][0]["data"]["ticket"].as_str().expect("a ticket");
        let token = crate::world::claims_of(&session.redeem(ticket).await.ok());
        assert_eq!((&token["sub"], &token["name"]), (&fits["user"]["id"], &fits["user"]["name"]));
        for (name, claim) in fits["claims"].as_object().into_iter().flatten() {
            assert_eq!(&token[name], claim);
        }
    }
    let session = world.opened().await;
    world.service.will_say(refuses(&"否".repeat(200)));
    session.shows_the_code().tries_to_scan_as("Alice").await.is_problem(403, "refused");
    let alice = knows("Alice").to_string();
    let padding = " ".repeat((64 << 10) - alice.len());
    world.service.will([Does::text(alice + &padding)]);
    session.scan_as("Alice").await;
}

async fn nobody_is_sent_elsewhere_to_ask(store: Store) {
    let elsewhere = World::new(store).await;
    let world = World::new(store).await;
    let session = world.opened().await;
    for status in [301, 302, 303, 307, 308] {
        let there = vec![("location", elsewhere.service.url.clone())];
        world.service.will([Does::Answers(status, there, String::new())]);
        let answer = session.shows_the_code().tries_to_scan_as("Alice").await;
        answer.is_problem(502, "hook_failed");
    }
    assert_eq!((elsewhere.service.asked().len(), world.service.asked().len()), (0, 5));
    assert_eq!(session.snapshot().await["cursor"], 1);
}

/// Each namespace asks its own.
#[tokio::test]
async fn each_namespace_asks_its_own_service() {
    let (shop, staff) = (World::new(Store::Memory).await, World::new(Store::Memory).await);
    let server = TestServer::start_with(Store::Memory, |config| {
        asks(config, "shop", &shop.service.url);
        asks(config, "staff", &staff.service.url);
    });
    let server = server.await;
    for (name, world) in [("shop", &shop), ("staff", &staff)] {
        let session = server.browser(crate::support::Via::Sse).of(name).open_only().await;
        session.scan_as("Alice").await;
        let asked = world.service.asked();
        assert_eq!((asked.len(), &asked[0].question["namespace"]), (1, &json!(name)));
    }
    // And who has none is asked of nobody.
    server.browser(crate::support::Via::Sse).open_only().await.scan_as("Alice").await;
    assert_eq!((shop.service.asked().len(), staff.service.asked().len()), (1, 1));
}
