//! WeChat that is not there, or that refuses this server whatever it asks: what everybody is told,
//! and how few calls it costs.

use serde_json::{Value, json};

use crate::stub::{MINI, SECRET};
use crate::support::{Via, time_passes};
use crate::world::{CODES, LOGINS, TOKEN, World};

/// Failures in a row after which WeChat is given a rest.
const OUTAGES: usize = 5;

#[tokio::test]
async fn without_wechat_sessions_open_and_both_sides_are_told() {
    let world = World::new().await;
    let body = json!({ "login_code": world.wx_login("wang").await });
    let World { wechat, server } = world;
    drop(wechat);
    let session = server.browser(Via::LongPoll).open_only().await;
    for _ in 0..2 * OUTAGES {
        session.get("code").await.is_problem(503, "wechat_unavailable");
        let scan = session.shows_the_code().tries_to_scan(body.clone()).await;
        scan.is_problem(503, "wechat_unavailable");
    }
    assert_eq!(session.state().await, "pending");
}

#[tokio::test]
async fn wechat_that_cuts_every_call_is_left_alone_and_then_found_again() {
    let world = World::new().await;
    world.wechat.breaks("*", json!({ "reset": "before" })).await;
    let session = world.opened().await;
    let body = json!({ "login_code": world.wx_login("wang").await });
    let phone = session.shows_the_code();
    for _ in 0..4 * OUTAGES {
        session.get("code").await.is_problem(503, "wechat_unavailable");
        phone.tries_to_scan(body.clone()).await.is_problem(503, "wechat_unavailable");
        // A token that failed is not asked for again in the same second.
        time_passes(1).await;
    }
    assert_eq!(world.calls(CODES).await, 0, "without a token there is nothing to ask");
    // One more each time that a rest of ten seconds is over.
    for path in [TOKEN, LOGINS] {
        let asked = world.calls(path).await;
        assert!((OUTAGES..=OUTAGES + 3).contains(&asked), "{path}: {asked} times");
    }
    assert_eq!(session.state().await, "pending");

    world.heals().await;
    time_passes(10).await;
    session.get("code").await.is_image("image/jpeg");
    phone.tries_to_scan(body).await.ok();
}

#[tokio::test]
async fn pages_of_something_else_are_an_outage_as_any_other() {
    let world = World::new().await;
    for fault in [json!({ "html": true }), json!({ "status": 502 })] {
        world.wechat.breaks(CODES, fault.clone()).await;
        world.wechat.breaks(LOGINS, fault).await;
        let (pictures, logins) = (world.calls(CODES).await, world.calls(LOGINS).await);
        let session = world.opened().await;
        let phone = session.shows_the_code();
        let body = json!({ "login_code": world.wx_login("wang").await });
        for n in 1..2 * OUTAGES {
            let answers = [session.get("code").await, phone.tries_to_scan(body.clone()).await];
            for answer in answers {
                if answer.status == 502 {
                    assert!(n <= OUTAGES, "still asked the {n}th time");
                    answer.is_problem(502, "wechat_failed");
                } else {
                    assert!(answer.has("retry-after"));
                    answer.is_problem(503, "wechat_unavailable");
                }
            }
        }
        assert_eq!(world.calls(CODES).await - pictures, OUTAGES);
        assert_eq!(world.calls(LOGINS).await - logins, OUTAGES);
        world.heals().await;
        time_passes(10).await;
        session.get("code").await.is_image("image/jpeg");
        phone.tries_to_scan(body).await.ok();
    }
}

#[tokio::test]
async fn a_token_that_is_never_taken_is_refreshed_once_and_tried_once_more() {
    for errcode in [40001, 40014, 42001] {
        let world = World::new().await;
        world.wechat.breaks(CODES, json!({ "errcode": errcode })).await;
        let session = world.opened().await;
        world.has_answered(CODES, 2).await;
        session.get("code").await.is_problem(502, "wechat_misconfigured");
        // The first, the same again, and one by force; the look costs a call, and no more by force.
        let tokens = world.wechat.see(&format!("calls?path={TOKEN}")).await;
        let forced = |call: &Value| call["body"].as_str().is_some_and(|it| it.contains("true"));
        let forced: Vec<_> = tokens.as_array().expect("a list").iter().map(forced).collect();
        assert_eq!(forced[..3], [false, false, true], "{errcode}");
        assert!(forced.len() <= 4 && !forced[3..].contains(&true), "{errcode}: {forced:?}");
        let asked = world.calls(CODES).await;
        assert!(asked <= 3, "{errcode}: asked {asked} times");
        assert_eq!(session.state().await, "pending");

        world.heals().await;
        session.get("code").await.is_image("image/jpeg");
        assert_eq!(world.calls(CODES).await, asked + 1);
    }
}

#[tokio::test]
async fn a_wrong_secret_is_told_to_phones_and_spends_no_login_code() {
    let world = World::new().await;
    for wrong in [40125, 40001] {
        let session = world.opened().await;
        world.wechat.set(MINI, "wrong_secret", json!(wrong)).await;
        world.wechat.set(MINI, "secret", json!("another")).await;
        let asked = world.calls(LOGINS).await;
        let body = json!({ "login_code": world.wx_login("wang").await });
        let phone = session.shows_the_code();
        let problem = phone.tries_to_scan(body.clone()).await;
        let problem = problem.is_problem(502, "wechat_misconfigured");
        assert!(!problem.to_string().contains(SECRET));
        assert_eq!(world.calls(LOGINS).await, asked + 1, "a secret is not tried twice");
        assert_eq!(session.state().await, "pending");
        world.wechat.set(MINI, "secret", json!(SECRET)).await;
        phone.tries_to_scan(body).await.ok();
    }
}

#[tokio::test]
async fn an_address_that_is_not_on_the_list_is_told_and_noticed_when_it_is() {
    let world = World::new().await;
    world.wechat.set(MINI, "ip_whitelist", json!(["192.0.2.1"])).await;
    let session = world.opened().await;
    for _ in 0..10 {
        let problem = session.get("code").await.is_problem(502, "wechat_misconfigured");
        let detail = problem["detail"].as_str().expect("a text");
        assert!(detail.contains("address is not on the account's list"), "{detail}");
    }
    assert!(world.calls(TOKEN).await <= 3);
    assert_eq!(world.calls(CODES).await, 0);
    assert_eq!(session.state().await, "pending");
    world.wechat.set(MINI, "ip_whitelist", json!([])).await;
    time_passes(1).await;
    session.get("code").await.is_image("image/jpeg");
}
