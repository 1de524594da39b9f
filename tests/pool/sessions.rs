//! A session that gets a code of the pool, from its picture to its token.

use saoma::config::Pool;
use serde_json::json;

use crate::support::Via;
use crate::world::{CODES, SMALL, TOKENS, World};

#[tokio::test]
async fn opening_a_session_and_showing_its_code_asks_wechat_for_nothing() {
    let world = World::new(SMALL).await;
    world.has_free(8).await;
    let before = (world.calls(CODES).await, world.calls(TOKENS).await);
    assert_eq!(before, (8, 1));
    for _ in 0..4 {
        let session = world.opened().await;
        assert_eq!(session.opened["code"]["media_type"], "image/jpeg");
        world.picture(&session).await.is_image("image/jpeg");
        session.get("code").await.is_image("image/jpeg");
    }
    assert_eq!((world.calls(CODES).await, world.calls(TOKENS).await), before);
    assert_eq!(world.counts("saoma_pool_taken_total", "from=\"pool\"").await, 4);
    assert_eq!(world.counts("saoma_pool_taken_total", "from=\"fresh\"").await, 0);
}

#[tokio::test]
async fn the_picture_may_be_kept_for_ever_and_leads_to_its_session() {
    let world = World::new(SMALL).await;
    world.has_free(8).await;
    let mut tab = world.server.browser(Via::WebSocket).open().await;
    let picture = world.picture(&tab).await;
    assert_eq!(picture.header("cache-control"), "public, max-age=31536000, immutable");
    let opened = world.scanned(picture.is_image("image/jpeg")).await;
    assert_eq!(opened["query"]["scene"], tab.scene.as_str());
    assert_eq!(opened["page"], "pages/wsLogin/wsLogin");

    let phone = tab.shows_the_code();
    let told = phone.tries_to_scan(world.wx_login("wang").await).await.ok();
    let phone = phone.with_token(told["phone_token"].as_str().expect("a token"));
    tab.sees("scanned").await;
    phone.confirm().await.ok();
    let ticket = tab.sees_a_ticket().await;
    tab.redeem(&ticket).await.ok();
}

#[tokio::test]
async fn a_code_says_nothing_of_its_number_and_its_picture_is_not_to_be_guessed() {
    let world = World::new(SMALL).await;
    world.has_free(8).await;
    let (first, second) = (world.opened().await, world.opened().await);
    assert_ne!(first.scene, second.scene);
    for session in [&first, &second] {
        let url = session.opened["code"]["url"].as_str().expect("an address");
        let (_, name) = url.rsplit_once('/').expect("a path");
        // 144 bits, and what it is.
        assert_eq!(name.len(), 24 + ".jpg".len(), "{name}");
        assert!(session.scene.len() >= 22);
    }
    for guess in ["0.jpg", "1.jpg", "..%2fsaoma.db", "AAAAAAAAAAAAAAAAAAAAAAAA.jpg"] {
        let answer = world.server.get(&format!("/codes/{guess}")).await;
        answer.is_problem(404, "not_found");
    }
}

#[tokio::test]
async fn a_pool_that_is_drained_is_filled_again_while_sessions_open() {
    let pool = Pool { size: 12, low_water: 6, grow_by: 12, ..SMALL };
    let world = World::new(pool).await;
    world.has_free(12).await;
    for _ in 0..5 {
        let opening = (0..10).map(|_| world.opened());
        let sessions = futures_util::future::join_all(opening).await;
        for session in &sessions {
            world.picture(session).await.is_image("image/jpeg");
        }
    }
    let taken = async |from: &str| world.counts("saoma_pool_taken_total", from).await;
    let (pooled, fresh) = (taken("from=\"pool\"").await, taken("from=\"fresh\"").await);
    assert_eq!((pooled + fresh, taken("from=\"none\"").await), (50, 0));
    assert!(pooled >= 12, "{pooled}");
    // Nobody opens any more: there is enough again.
    let enough = async || world.counts("saoma_pool_codes", "state=\"free\"").await >= 6;
    crate::support::within("enough codes", async { while !enough().await {} }).await;
}

#[tokio::test]
async fn an_empty_pool_has_a_code_made_for_the_session_and_says_so() {
    let world = World::new(SMALL).await;
    world.has_free(8).await;
    // From now on, nothing new comes into the pool; what is asked for one session is made.
    world.wechat.breaks(CODES, json!({ "held": true })).await;
    for _ in 0..8 {
        world.opened().await;
    }
    let opening = world.server.browser(Via::LongPoll);
    let opening = tokio::spawn(async move { opening.open_only().await });
    let fresh = async || world.calls(CODES).await > 8;
    crate::support::within("a call for the session", async { while !fresh().await {} }).await;
    world.heals().await;
    let session = opening.await.expect("opened");
    let id = &session.id;
    assert!(session.opened["code"]["url"].as_str().expect("one").ends_with(&format!("{id}/code")));
    let picture = session.get("code").await.is_image("image/jpeg");
    assert_eq!(world.scanned(picture).await["query"]["scene"], session.scene.as_str());
    assert_eq!(world.counts("saoma_pool_taken_total", "from=\"fresh\"").await, 1);
}

#[tokio::test]
async fn without_a_pool_and_without_wechat_no_session_is_opened_and_the_reason_is_told() {
    let world = World::new(SMALL).await;
    world.has_free(8).await;
    world.wechat.breaks("*", json!({ "reset": "before" })).await;
    for _ in 0..8 {
        world.opened().await;
    }
    let refused = world.server.browser(Via::LongPoll).tries_to_open().await;
    assert!(refused.has("retry-after"));
    refused.is_problem(503, "wechat_unavailable");
    assert_eq!(world.counts("saoma_pool_taken_total", "from=\"none\"").await, 1);
    assert_eq!(world.counts("saoma_pending_logins", "").await, 8);
}
