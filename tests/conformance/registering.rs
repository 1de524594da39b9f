//! People whom the directory does not know.

use saoma::config::{Config, DirectoryRule};
use serde_json::json;

use crate::support::{Store, TestServer, Via, namespace};

stories! {
    on_every_pair:
        somebody_unknown_signs_up_and_logs_in,
        somebody_unknown_may_not_sign_up_here,
        somebody_unknown_gives_up;
    on_every_store:
        who_has_signed_up_is_known_from_then_on,
        a_name_to_sign_up_with_is_a_name,
        signing_up_where_everybody_is_known_changes_nothing;
}

fn knows_its_people(config: &mut Config) {
    namespace(config, "default").directory = DirectoryRule::Known;
}

async fn somebody_unknown_signs_up_and_logs_in(store: Store, via: Via) {
    let server = TestServer::start_with(store, knows_its_people).await;
    let mut tab = server.browser(via).open().await;
    let phone = tab.scan_as("Alice").await;
    assert_eq!(phone.told["registered"], false);
    assert_eq!(tab.sees("scanned").await, json!({ "name": "A***" }));

    phone.confirm().await.is_problem(403, "unregistered");
    tab.sees("unregistered").await;
    assert_eq!(tab.state().await, "unregistered");
    // Asking again tells the browser nothing new.
    phone.confirm().await.is_problem(403, "unregistered");

    let registered = phone.register("Alice Liddell").await.is(201);
    assert_eq!(
        (&registered["state"], &registered["user"]["name"]),
        (&json!("scanned"), &json!("Alice Liddell"))
    );
    tab.sees("scanned").await;
    phone.confirm().await.ok();
    let ticket = tab.sees_a_ticket().await;
    tab.is_told_the_end().await;
    let token = tab.redeem(&ticket).await.ok();
    assert_eq!(token["user"], registered["user"]);
}

async fn somebody_unknown_may_not_sign_up_here(store: Store, via: Via) {
    let server = TestServer::start_with(store, |config| {
        knows_its_people(config);
        namespace(config, "default").sign_up = false;
    })
    .await;
    let mut tab = server.browser(via).open().await;
    let phone = tab.scan_as("Alice").await;
    tab.sees("scanned").await;
    phone.confirm().await.is_problem(403, "unregistered");
    tab.sees("unregistered").await;
    phone.register("Alice").await.is_problem(403, "sign_up_closed");
    phone.confirm().await.is_problem(403, "unregistered");
    assert_eq!(tab.snapshot().await["cursor"], 3);
}

async fn somebody_unknown_gives_up(store: Store, via: Via) {
    let server = TestServer::start_with(store, knows_its_people).await;
    let mut tab = server.browser(via).open().await;
    let phone = tab.scan_as("Alice").await;
    tab.sees("scanned").await;
    phone.confirm().await.is_problem(403, "unregistered");
    tab.sees("unregistered").await;
    phone.reject().await.ok();
    tab.sees("rejected").await;
    tab.is_told_the_end().await;
}

async fn who_has_signed_up_is_known_from_then_on(store: Store) {
    let server = TestServer::start_with(store, knows_its_people).await;
    let first = server.browser(Via::Sse).open_only().await.scan_as("Alice").await;
    let user = first.register("Alice L.").await.is(201)["user"].clone();
    let mut tab = server.browser(Via::Sse).open().await;
    let phone = tab.scan_as("Alice").await;
    assert_eq!((&phone.told["registered"], &phone.told["user"]), (&json!(true), &user));
    tab.sees("scanned").await;
    phone.confirm().await.ok();
    let ticket = tab.sees_a_ticket().await;
    assert_eq!(tab.redeem(&ticket).await.ok()["user"], user);
}

async fn a_name_to_sign_up_with_is_a_name(store: Store) {
    let server = TestServer::start_with(store, knows_its_people).await;
    let session = server.browser(Via::Sse).open_only().await;
    let phone = session.scan_as("Alice").await;
    let long = "x".repeat(65);
    for name in [json!(""), json!("   "), json!(long), json!("a\u{0}b"), json!(5), json!(null)] {
        let status = phone.post("register", json!({ "name": name })).await.status;
        assert!(matches!(status, 400 | 422), "{name}: {status}");
    }
    let status = phone.post("register", json!({})).await.status;
    assert!(matches!(status, 400 | 422), "{status}");
    phone.confirm().await.is_problem(403, "unregistered");
}

async fn signing_up_where_everybody_is_known_changes_nothing(store: Store) {
    let server = TestServer::start(store).await;
    let session = server.browser(Via::Sse).open_only().await;
    let phone = session.scan_as("Alice").await;
    assert_eq!(phone.register("Somebody Else").await.is(201)["user"]["name"], "Alice");
    assert_eq!(session.snapshot().await["cursor"], 2);
}
