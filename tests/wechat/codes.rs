//! The pictures of the codes: made once, in time, and never anything but a picture.

use saoma::config::LineColor;
use serde_json::json;

use crate::stub::MINI;
use crate::world::{CODES, TOKEN, World};

#[tokio::test]
async fn the_code_is_asked_for_when_the_session_opens_and_only_once() {
    let world = World::new().await;
    let session = world.opened().await;
    // Nobody has looked at it yet.
    world.wechat.see(&format!("calls?at_least=1&path={CODES}")).await;
    let first = session.get("code").await;
    let again = session.get("code").await;
    assert_eq!(first.is_image("image/jpeg"), again.is_image("image/jpeg"));
    assert_eq!(world.calls(CODES).await, 1);
}

#[tokio::test]
async fn the_code_opens_the_configured_page_with_the_sessions_scene() {
    let world = World::with(|config| {
        let wechat = &mut crate::support::namespace(config, "default").wechat;
        wechat.page = "pages/other/other".to_owned();
        wechat.check_path = false;
        wechat.width = 300;
        wechat.line_color = LineColor { r: 7, g: 193, b: 96 };
    })
    .await;
    let session = world.opened().await;
    let opened = world.holds_the_phone_before(&session).await;
    assert_eq!(opened["page"], "pages/other/other", "{opened}");
    let calls = world.wechat.see(&format!("calls?path={CODES}")).await;
    let body: serde_json::Value =
        serde_json::from_str(calls[0]["body"].as_str().expect("a body")).expect("JSON");
    assert_eq!((&body["width"], &body["env_version"]), (&json!(300), &json!("release")));
    assert_eq!(body["line_color"], json!({ "r": 7, "g": 193, "b": 96 }));
    assert_eq!(body["auto_color"], false);
}

#[tokio::test]
async fn fifty_sessions_at_once_cost_one_token() {
    let world = World::new().await;
    let opening = (0..50).map(|_| async {
        let session = world.opened().await;
        session.get("code").await.is_image("image/jpeg")
    });
    let pictures = futures_util::future::join_all(opening).await;
    assert_eq!(pictures.len(), 50);
    assert_eq!(world.calls(TOKEN).await, 1);
    assert_eq!(world.calls(CODES).await, 50);
}

#[tokio::test]
async fn a_token_that_wechat_does_not_take_any_more_is_replaced_once() {
    let world = World::new().await;
    world.opened().await.get("code").await.is_image("image/jpeg");
    world.wechat.tell("tokens/revoke", json!({ "appid": MINI })).await;
    let opening = (0..20).map(|_| async {
        world.opened().await.get("code").await.is_image("image/jpeg");
    });
    futures_util::future::join_all(opening).await;
    assert_eq!(world.calls(TOKEN).await, 2, "one token for all who brought the old one");
}
