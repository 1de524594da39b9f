//! WeChat that takes its time, or never answers: who waits for it and for how long, and whom it
//! does not hold up.

use futures_util::future::join_all;
use serde_json::json;

use crate::support::{Answer, Session, time_passes};
use crate::world::{CODES, LOGINS, TOKEN, World};

/// Longer than WeChat is waited for.
const TOO_LONG: u64 = 7;
/// As many calls of one API are under way at a time, and the others wait.
const AT_ONCE: usize = 64;

/// Somebody looks at the code; it has been asked for when this returns.
async fn looks(session: &Session) -> tokio::task::JoinHandle<Answer> {
    let looking = tokio::spawn({
        let session = session.clone();
        async move { session.get("code").await }
    });
    // What was asked before these is served before they are answered.
    for _ in 0..3 {
        assert_eq!(session.state().await, "pending");
    }
    assert!(!looking.is_finished());
    looking
}

#[tokio::test]
async fn a_session_opens_at_once_and_its_picture_comes_when_wechat_answers() {
    for path in [TOKEN, CODES] {
        let world = World::new().await;
        world.wechat.breaks(path, json!({ "held": true })).await;
        let session = world.opened().await;
        world.reaches(path, 1).await;
        let looking = looks(&session).await;
        world.heals().await;
        looking.await.expect("no panic").is_image("image/jpeg");
        assert_eq!((world.calls(TOKEN).await, world.calls(CODES).await), (1, 1));
    }
}

#[tokio::test]
async fn a_browser_is_told_when_wechat_never_answers_and_may_look_again() {
    for path in [TOKEN, CODES] {
        for fault in [json!({ "held": true }), json!({ "stalls": true })] {
            let world = World::new().await;
            world.wechat.breaks(path, fault).await;
            let session = world.opened().await;
            world.reaches(path, 1).await;
            let looking = looks(&session).await;
            time_passes(TOO_LONG).await;
            looking.await.expect("no panic").is_problem(504, "wechat_timeout");
            assert_eq!(session.state().await, "pending");
            world.heals().await;
            time_passes(1).await;
            session.get("code").await.is_image("image/jpeg");
            assert_eq!(world.calls(path).await, 2);
        }
    }
}

#[tokio::test]
async fn a_phone_is_told_when_wechat_never_answers_and_scans_with_a_fresh_login_code() {
    let world = World::new().await;
    let session = world.opened().await;
    world.wechat.breaks(LOGINS, json!({ "held": true })).await;
    let body = json!({ "login_code": world.wx_login("wang").await });
    let phone = session.shows_the_code();
    let scanning = tokio::spawn({
        let (phone, body) = (phone.clone(), body.clone());
        async move { phone.tries_to_scan(body).await }
    });
    world.reaches(LOGINS, 1).await;
    time_passes(TOO_LONG).await;
    scanning.await.expect("no panic").is_problem(504, "wechat_timeout");
    assert_eq!(session.state().await, "pending");
    world.heals().await;
    // WeChat took it, and its answer was never heard.
    phone.tries_to_scan(body).await.is_problem(422, "invalid_login_code");
    assert_eq!(session.state().await, "pending");
    phone.tries_to_scan(json!({ "login_code": world.wx_login("wang").await })).await.ok();
    assert_eq!(world.calls(LOGINS).await, 3);
}

#[tokio::test]
async fn a_phone_that_went_away_is_answered_when_it_comes_back_with_the_same_login_code() {
    let world = World::new().await;
    let session = world.opened().await;
    world.wechat.breaks(LOGINS, json!({ "held": true })).await;
    let body = json!({ "login_code": world.wx_login("wang").await });
    let phone = session.shows_the_code();
    let scanning = tokio::spawn({
        let (phone, body) = (phone.clone(), body.clone());
        async move { phone.tries_to_scan(body).await }
    });
    world.reaches(LOGINS, 1).await;
    scanning.abort();
    for _ in 0..3 {
        assert_eq!(session.state().await, "pending");
    }
    world.heals().await;
    phone.tries_to_scan(body).await.ok();
    let logins = world.wechat.see(&format!("calls?path={LOGINS}")).await;
    assert_eq!(logins.as_array().map(Vec::len), Some(1));
    assert_eq!(logins[0]["end"], "answered");
}

#[tokio::test]
async fn codes_that_are_slow_hold_up_no_scan() {
    let world = World::with(|config| config.rate_limit = false).await;
    let session = world.opened().await;
    session.get("code").await.is_image("image/jpeg");
    world.wechat.breaks(CODES, json!({ "held": true })).await;
    let waiting = join_all((0..100).map(|_| world.opened())).await;
    world.reaches(CODES, 1 + AT_ONCE).await;
    let body = json!({ "login_code": world.wx_login("wang").await });
    session.shows_the_code().tries_to_scan(body).await.ok();
    assert_eq!(world.wechat.see("counts").await[CODES]["under_way"], AT_ONCE);
    world.heals().await;
    for session in waiting {
        session.get("code").await.is_image("image/jpeg");
    }
    assert_eq!(world.calls(CODES).await, 101);
}
