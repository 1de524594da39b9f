//! Messages: the two ends, and services, talk over one session.

use serde_json::{Value, json};

use crate::support::{Store, TestServer, Via, namespace};

stories! {
    on_every_pair:
        both_ends_talk_before_the_confirmation_and_after_it,
        a_session_with_messages_ends_when_its_longer_time_is_over,
        a_session_with_messages_ends_when_the_browser_withdraws,
        a_service_says_something_to_both_ends;
    on_every_store:
        a_message_is_any_json,
        a_message_without_a_body_is_none,
        without_messages_the_confirmation_is_the_end;
}

async fn both_ends_talk_before_the_confirmation_and_after_it(store: Store, via: Via) {
    let server = TestServer::start(store).await;
    let mut tab = server.browser(via).with_messages().open().await;
    let phone = tab.scan_as("Alice").await;
    tab.sees("scanned").await;
    let mut on_the_phone = phone.listens(via, 2).await;

    assert_eq!(tab.says("who is it?").await.is(202), json!({ "id": 3 }));
    assert_eq!(phone.says("me").await.is(202), json!({ "id": 4 }));
    for (from, body) in [("browser", "who is it?"), ("phone", "me")] {
        let expected = json!({ "from": from, "body": body });
        assert_eq!(tab.sees("message").await, expected);
        assert_eq!(on_the_phone.sees("message").await.data, expected);
    }
    phone.confirm().await.ok();
    let ticket = tab.sees_a_ticket().await;
    on_the_phone.sees("confirmed").await;
    tab.redeem(&ticket).await.ok();

    phone.says("and now?").await.is(202);
    tab.says("now we talk").await.is(202);
    for body in ["and now?", "now we talk"] {
        assert_eq!(tab.sees("message").await["body"], body);
        assert_eq!(on_the_phone.sees("message").await.data["body"], body);
    }
    assert_eq!(tab.state().await, "confirmed");
}

async fn a_session_with_messages_ends_when_its_longer_time_is_over(store: Store, via: Via) {
    let server = TestServer::start_with(store, |config| {
        let default = namespace(config, "default");
        default.session_ttl = store.time(180, 5);
        default.messages_ttl = store.time(600, 6);
    })
    .await;
    let mut tab = server.browser(via).with_messages().open().await;
    let phone = tab.scan_as("Alice").await;
    phone.confirm().await.ok();
    tab.sees("scanned").await;
    tab.sees("confirmed").await;
    // No transport is asked to live through this: that its clients do is told elsewhere.
    server.time_passes(store.time(590, 3)).await;
    tab.switches_to(via).await;
    phone.says("still here").await.is(202);
    tab.sees("message").await;
    server.time_passes(store.time(10, 3)).await;
    tab.sees("expired").await;
    tab.is_told_the_end().await;
    phone.says("gone").await.is_problem(410, "expired");
}

async fn a_session_with_messages_ends_when_the_browser_withdraws(store: Store, via: Via) {
    let server = TestServer::start(store).await;
    let mut tab = server.browser(via).with_messages().open().await;
    let phone = tab.scan_as("Alice").await;
    phone.confirm().await.ok();
    tab.sees("scanned").await;
    tab.sees("confirmed").await;
    tab.cancel().await.is(204);
    tab.sees("cancelled").await;
    tab.is_told_the_end().await;
    let problem = phone.says("hello?").await.is_problem(409, "wrong_state");
    assert_eq!(problem["state"], "cancelled");
}

async fn a_service_says_something_to_both_ends(store: Store, via: Via) {
    let server = TestServer::start_with(store, |config| {
        let key = saoma::config::Secret::new("a key".to_owned());
        namespace(config, "default").api_keys.push(key);
    })
    .await;
    let service = server.backend("a key");
    let mut tab = server.browser(via).open().await;
    let phone = tab.scan_as("Alice").await;
    tab.sees("scanned").await;
    let mut on_the_phone = phone.listens(via, 2).await;
    assert_eq!(service.says(&tab.id, json!({ "step": 2 })).await.is(202), json!({ "id": 3 }));
    let expected = json!({ "from": "service", "body": { "step": 2 } });
    assert_eq!(tab.sees("message").await, expected);
    assert_eq!(on_the_phone.sees("message").await.data, expected);

    assert_eq!(service.rejects(&tab.id, "not today").await.is(202), json!({ "id": 4 }));
    assert_eq!(tab.sees("rejected").await, json!({ "reason": "not today" }));
    on_the_phone.sees("rejected").await;
    tab.is_told_the_end().await;
    on_the_phone.ends().await;
    service.says(&tab.id, json!(1)).await.is_problem(409, "wrong_state");
    service.rejects(&tab.id, "again").await.is_problem(409, "wrong_state");
}

async fn a_message_is_any_json(store: Store) {
    let server = TestServer::start(store).await;
    let mut tab = server.browser(Via::Sse).open().await;
    let phone = tab.scan_as("Alice").await;
    tab.sees("scanned").await;
    let bodies: [Value; 10] = [
        json!(null),
        json!(false),
        json!(0),
        json!(-1.5),
        json!([31.245_270_191_439_438, 121.487_919_511_619_45, 1e300, 5e-324]),
        json!(""),
        json!("\u{0}\u{2028}😀\\\""),
        json!([]),
        json!({}),
        json!({ "id": 1, "type": "confirmed", "data": { "ticket": "forged" } }),
    ];
    for body in bodies {
        tab.says(body.clone()).await.is(202);
        assert_eq!(tab.sees("message").await, json!({ "from": "browser", "body": body }));
        phone.says(body.clone()).await.is(202);
        assert_eq!(tab.sees("message").await, json!({ "from": "phone", "body": body }));
    }
}

async fn a_message_without_a_body_is_none(store: Store) {
    let server = TestServer::start(store).await;
    let session = server.browser(Via::Sse).open_only().await;
    let phone = session.scan_as("Alice").await;
    for body in [json!({}), json!({ "text": "hello" }), json!([])] {
        session.post("messages").json(body.clone()).await.is_problem(400, "bad_request");
        phone.post("messages", body).await.is_problem(400, "bad_request");
    }
    assert_eq!(session.snapshot().await["cursor"], 2);
}

async fn without_messages_the_confirmation_is_the_end(store: Store) {
    let server = TestServer::start(store).await;
    let session = server.browser(Via::Sse).open_only().await;
    let phone = session.scan_as("Alice").await;
    phone.confirm().await.ok();
    session.says("hello").await.is_problem(409, "wrong_state");
    phone.says("hello").await.is_problem(409, "wrong_state");
    assert_eq!(session.polls(0).await["done"], true);
}
