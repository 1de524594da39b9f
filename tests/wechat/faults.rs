//! WeChat in trouble: the session stays as it was, the phone may try again, the browser is told
//! something true, and WeChat is not asked more than needed.

use serde_json::{Value, json};

use crate::stub::MINI;
use crate::support::time_passes;
use crate::world::{CODES, LOGINS, TOKEN, World};

/// What befalls calls, what a browser that wants the picture is told, and how many calls an attempt
/// may cost.
fn troubles() -> Vec<(Value, u16, &'static str, usize)> {
    vec![
        (json!({ "errcode": 45009 }), 503, "wechat_quota", 1),
        (json!({ "errcode": 45011 }), 503, "wechat_quota", 1),
        (json!({ "errcode": -1 }), 503, "wechat_busy", 3),
        (json!({ "errcode": 40164 }), 502, "wechat_misconfigured", 1),
        (json!({ "errcode": 41030 }), 502, "wechat_misconfigured", 1),
        (json!({ "errcode": 47001 }), 502, "wechat_failed", 1),
        (json!({ "status": 502 }), 502, "wechat_failed", 1),
        (json!({ "html": true }), 502, "wechat_failed", 1),
        (json!({ "html": true, "label": "image/jpeg" }), 502, "wechat_failed", 1),
        (json!({ "errcode": 47001, "label": "image/jpeg" }), 502, "wechat_failed", 1),
        (json!({ "reset": "before" }), 503, "wechat_unavailable", 1),
        (json!({ "reset": "half" }), 503, "wechat_unavailable", 1),
    ]
}

#[tokio::test]
async fn a_picture_that_cannot_be_had_is_a_problem_and_never_something_else() {
    for (fault, status, code, calls) in troubles() {
        let world = World::new().await;
        world.wechat.breaks(CODES, fault.clone()).await;
        let session = world.opened().await;
        // The first attempt was the session's own, or is, where WeChat is asked again.
        world.has_answered(CODES, 1).await;
        let answer = session.get("code").await;
        assert_eq!(answer.status, status, "{fault}");
        answer.is_problem(status, code);
        assert_eq!(session.state().await, "pending");
        let asked = world.calls(CODES).await;
        assert!(asked <= 2 * calls, "{fault}: asked {asked} times");
        world.heals().await;
        time_passes(60).await;
        session.get("code").await.is_image("image/jpeg");
        assert_eq!(world.calls(CODES).await, asked + 1, "{fault}");
    }
}

#[tokio::test]
async fn a_picture_that_is_labelled_wrongly_is_still_one() {
    let world = World::new().await;
    world.wechat.breaks(CODES, json!({ "label": "application/json" })).await;
    world.opened().await.get("code").await.is_image("image/jpeg");
}

#[tokio::test]
async fn a_phone_whose_scan_failed_at_wechat_can_scan_again() {
    for (fault, status, code, calls) in [
        (json!({ "errcode": -1 }), 503, "wechat_busy", 3),
        (json!({ "errcode": 45011 }), 503, "wechat_quota", 1),
        (json!({ "errcode": 40226 }), 422, "login_code_blocked", 1),
        (json!({ "html": true }), 502, "wechat_failed", 1),
        (json!({ "reset": "before" }), 503, "wechat_unavailable", 1),
    ] {
        let world = World::new().await;
        let session = world.opened().await;
        world.wechat.breaks(LOGINS, fault.clone()).await;
        let body = json!({ "login_code": world.wx_login("wang").await });
        let phone = session.shows_the_code();
        phone.tries_to_scan(body.clone()).await.is_problem(status, code);
        assert_eq!(session.state().await, "pending");
        assert_eq!(world.calls(LOGINS).await, calls, "{fault}");
        world.heals().await;
        phone.tries_to_scan(body).await.ok();
    }
}

#[tokio::test]
async fn wechat_that_is_busy_for_a_moment_is_not_noticed() {
    let world = World::new().await;
    world.wechat.breaks("*", json!({ "errcode": -1, "times": 2 })).await;
    world.opened().await.get("code").await.is_image("image/jpeg");
}

#[tokio::test]
async fn a_quota_that_is_used_up_is_left_alone_until_its_minute_is_over() {
    let world = World::new().await;
    world.wechat.breaks(CODES, json!({ "errcode": 45009, "times": 1 })).await;
    let session = world.opened().await;
    world.wechat.see(&format!("calls?at_least=1&path={CODES}")).await;
    for _ in 0..5 {
        let answer = session.get("code").await;
        assert!((1..=60).contains(&answer.header("retry-after").parse::<u64>().expect("seconds")));
        answer.is_problem(503, "wechat_quota");
    }
    assert_eq!(world.calls(CODES).await, 1);
    time_passes(61).await;
    session.get("code").await.is_image("image/jpeg");
}

#[tokio::test]
async fn wechat_that_is_down_is_given_a_rest_and_tried_again() {
    let world = World::new().await;
    world.opened().await.get("code").await.is_image("image/jpeg");
    world.wechat.breaks(CODES, json!({ "reset": "before" })).await;
    let session = world.opened().await;
    for _ in 0..20 {
        session.get("code").await.is_problem(503, "wechat_unavailable");
    }
    let asked = world.calls(CODES).await;
    assert!(asked <= 10, "asked {asked} times");
    world.heals().await;
    time_passes(11).await;
    session.get("code").await.is_image("image/jpeg");
}

#[tokio::test]
async fn a_wrong_secret_is_told_and_not_tried_all_the_time() {
    let world = World::new().await;
    world.wechat.set(MINI, "secret", json!("another")).await;
    let opening = (0..20).map(|_| async {
        let session = world.opened().await;
        session.get("code").await.is_problem(502, "wechat_misconfigured");
    });
    futures_util::future::join_all(opening).await;
    let asked = world.calls(TOKEN).await;
    assert!(asked <= 5, "asked {asked} times");
}
