//! Scanning and answering: the phone's side, and what it may do when.

use serde_json::{Value, json};

use crate::support::{Phone, Store, Subscriber, TestServer, Via, namespace};

stories! {
    on_every_store:
        a_phone_is_told_who_asks,
        the_second_phone_is_too_late,
        the_same_person_may_scan_again,
        a_name_is_masked_until_its_owner_confirms,
        a_code_that_came_as_a_picture_is_told_to_the_phone,
        a_namespace_may_refuse_codes_that_came_as_a_picture,
        a_login_code_that_stands_for_nobody_changes_nothing,
        the_right_number_confirms,
        a_wrong_number_ends_the_login,
        a_missing_number_is_asked_for_again,
        a_number_that_nobody_asked_for_does_no_harm,
        what_is_over_cannot_be_done_again;
}

async fn a_phone_is_told_who_asks(store: Store) {
    let server = TestServer::start(store).await;
    let session = server.browser(Via::Sse).open_only().await;
    let mut told = session.scan_as("Alice").await.told;
    assert!(told["phone_token"].take().as_str().is_some_and(|token| token.len() >= 32));
    assert!(told["browser"]["opened_at"].take().as_str().is_some_and(|at| at.ends_with('Z')));
    assert!(told["user"]["id"].take().is_string());
    let expected = json!({
        "phone_token": null,
        "state": "scanned",
        "registered": true,
        "relayed": false,
        "user": { "id": null, "name": "Alice", "provider": "simulator" },
        "browser": { "ip": "127.0.0.1", "user_agent": "a browser/1.0", "opened_at": null },
        "match_number_required": false,
    });
    assert_eq!(told, expected);
}

async fn the_second_phone_is_too_late(store: Store) {
    let server = TestServer::start(store).await;
    let session = server.browser(Via::Sse).open_only().await;
    let alice = session.scan_as("Alice").await;
    let bob = session.shows_the_code().tries_to_scan_as("Bob").await;
    bob.is_problem(409, "already_scanned");
    alice.confirm().await.ok();
    let too_late = session.shows_the_code().tries_to_scan_as("Bob").await;
    too_late.is_problem(409, "already_scanned");
}

async fn the_same_person_may_scan_again(store: Store) {
    let server = TestServer::start(store).await;
    let mut tab = server.browser(Via::Sse).open().await;
    let first = tab.scan_as("Alice").await;
    let second = tab.scan_as("Alice").await;
    assert_eq!(second.told["state"], "scanned");
    tab.sees("scanned").await;
    // The answer of the first scan may have been lost, or may still arrive: both tokens are good.
    first.says("from the first").await.is(202);
    tab.sees("message").await;
    second.confirm().await.ok();
    tab.sees("confirmed").await;
}

async fn a_name_is_masked_until_its_owner_confirms(store: Store) {
    let server = TestServer::start(store).await;
    let mut tab = server.browser(Via::Sse).open().await;
    let phone = tab.scan_as("张三丰").await;
    assert_eq!(tab.sees("scanned").await, json!({ "name": "张***" }));
    phone.confirm().await.ok();
    let ticket = tab.sees_a_ticket().await;
    assert_eq!(tab.redeem(&ticket).await.ok()["user"]["name"], "张三丰");
}

async fn a_code_that_came_as_a_picture_is_told_to_the_phone(store: Store) {
    let server = TestServer::start(store).await;
    for (entry_scene, relayed) in [(1048, true), (1049, true), (1047, false), (1001, false)] {
        let session = server.browser(Via::Sse).open_only().await;
        let body = json!({ "login_code": "sim:Alice", "entry_scene": entry_scene });
        let told = session.shows_the_code().tries_to_scan(body).await.ok();
        assert_eq!(told["relayed"], relayed, "{entry_scene}");
    }
}

async fn a_namespace_may_refuse_codes_that_came_as_a_picture(store: Store) {
    let server = TestServer::start_with(store, |config| {
        namespace(config, "default").relayed = saoma::config::Relayed::Refuse;
    })
    .await;
    let session = server.browser(Via::Sse).open_only().await;
    let body = json!({ "login_code": "sim:Alice", "entry_scene": 1048 });
    session.shows_the_code().tries_to_scan(body).await.is_problem(403, "relayed");
    assert_eq!(session.state().await, "pending");
    session.scan_as("Bob").await.confirm().await.ok();
}

async fn a_login_code_that_stands_for_nobody_changes_nothing(store: Store) {
    let server = TestServer::start(store).await;
    let session = server.browser(Via::Sse).open_only().await;
    for code in ["sim:", "Alice", "wx:123", "sim:\u{7}"] {
        let scan = session.shows_the_code().tries_to_scan(json!({ "login_code": code })).await;
        scan.is_problem(422, "invalid_login_code");
    }
    assert_eq!(session.snapshot().await["cursor"], 1);
    session.scan_as("Alice").await;
}

/// A login that asks for the number: the page, the phone, and the number on the page.
async fn with_a_number(server: &TestServer) -> (Subscriber, Phone, u64) {
    let session = server.browser(Via::Sse).open_only().await;
    let number = session.opened["match_number"].as_u64().expect("a number");
    let phone = session.scan_as("Alice").await;
    assert_eq!(phone.told["match_number_required"], true);
    assert!(!phone.told.to_string().contains("match_number\":"), "the phone is not told it");
    assert_eq!(session.snapshot().await["match_number"], number);
    (session.follow_after(2, Via::Sse).await, phone, number)
}

async fn numbered(store: Store) -> TestServer {
    TestServer::start_with(store, |config| namespace(config, "default").match_number = true).await
}

async fn the_right_number_confirms(store: Store) {
    let server = numbered(store).await;
    let (mut page, phone, number) = with_a_number(&server).await;
    phone.confirm_with(number).await.ok();
    page.sees("confirmed").await;
}

async fn a_wrong_number_ends_the_login(store: Store) {
    let server = numbered(store).await;
    let (mut page, phone, number) = with_a_number(&server).await;
    let wrong = if number == 99 { 10 } else { number + 1 };
    phone.confirm_with(wrong).await.is_problem(403, "wrong_number");
    page.sees("rejected").await;
    page.ends().await;
    let again = phone.confirm_with(number).await.is_problem(409, "wrong_state");
    assert_eq!(again["state"], "rejected");
}

async fn a_missing_number_is_asked_for_again(store: Store) {
    let server = numbered(store).await;
    let (mut page, phone, number) = with_a_number(&server).await;
    phone.confirm().await.is_problem(422, "match_number_required");
    phone.confirm_with(Value::Null).await.is_problem(422, "match_number_required");
    // What is no number is no guess either.
    for nonsense in [json!("42"), json!(1.5), json!(-1), json!(100), json!([42])] {
        let status = phone.confirm_with(nonsense).await.status;
        assert!(matches!(status, 400 | 422), "{status}");
    }
    phone.confirm_with(number).await.ok();
    page.sees("confirmed").await;
}

async fn a_number_that_nobody_asked_for_does_no_harm(store: Store) {
    let server = TestServer::start(store).await;
    let session = server.browser(Via::Sse).open_only().await;
    session.scan_as("Alice").await.confirm_with(42).await.ok();
    assert_eq!(session.state().await, "confirmed");
}

async fn what_is_over_cannot_be_done_again(store: Store) {
    let server = TestServer::start(store).await;
    let session = server.browser(Via::Sse).open_only().await;
    let phone = session.scan_as("Alice").await;
    phone.confirm().await.ok();
    for answer in [
        phone.confirm().await,
        phone.reject().await,
        phone.says("hello").await,
        phone.register("Alice").await,
        phone.tries_to_scan_as("Alice").await,
        session.cancel().await,
        session.says("hello").await,
    ] {
        let problem = answer.is_problem(409, "wrong_state");
        assert_eq!(problem["state"], "confirmed");
    }
    let rejected = server.browser(Via::Sse).open_only().await;
    rejected.scan_as("Alice").await.reject().await.ok();
    rejected.redeem("x").await.is_problem(409, "wrong_state");
    rejected.cancel().await.is_problem(409, "wrong_state");
    assert_eq!(rejected.snapshot().await["cursor"], 3);
}
