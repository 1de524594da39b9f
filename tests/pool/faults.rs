//! What WeChat may answer instead of a picture: no code is free without one.

use serde_json::json;

use crate::support::{Via, namespace, within};
use crate::world::{CODES, SMALL, World, folder, keeps_pictures_in, pictures_in, wechat};

#[tokio::test]
async fn what_is_no_picture_is_never_shown_and_the_number_is_not_lost() {
    for fault in [
        json!({ "errcode": 45009 }),
        json!({ "errcode": 41030 }),
        json!({ "errcode": -1 }),
        json!({ "errcode": -1, "label": "image/jpeg" }),
        json!({ "html": true }),
        json!({ "status": 502 }),
        json!({ "cut": true }),
        json!({ "reset": "half" }),
        json!({ "reset": "after" }),
    ] {
        let (wechat, pictures) = (wechat().await, folder());
        wechat.breaks(CODES, fault.clone()).await;
        let world = World::of(wechat, SMALL, |config| {
            keeps_pictures_in(config, pictures.path());
        });
        let world = world.await;
        let failed = async || world.counts("saoma_pool_made_total", "outcome=\"failed\"").await > 0;
        within(&format!("a failure by {fault}"), async { while !failed().await {} }).await;
        assert_eq!(world.counts("saoma_pool_codes", "state=\"free\"").await, 0, "{fault}");
        assert_eq!(pictures_in(pictures.path()), Vec::<String>::new(), "{fault}");
        let refused = world.server.browser(Via::LongPoll).tries_to_open().await;
        assert_eq!(refused.status, 503, "{fault}: {}", refused.text());

        world.heals().await;
        let all_free = async || world.counts("saoma_pool_codes", "state=\"free\"").await == 8;
        world.rests_until(all_free).await;
        assert_eq!(pictures_in(pictures.path()).len(), 8, "{fault}");
        for number in 0..8 {
            let code = world.server.admin(&format!("/v1/codes/{number}")).await.ok();
            assert_eq!(code["state"], "free", "{fault}");
        }
        world.server.admin("/v1/codes/8").await.is_problem(404, "not_found");
    }
}

#[tokio::test]
async fn what_is_wrong_with_one_namespace_keeps_no_other_from_its_codes() {
    let wechat = wechat().await;
    let url = wechat.base.clone();
    let world = World::of(wechat, SMALL, |config| {
        let other = config.namespaces["default"].clone();
        // It comes first, and WeChat knows no such app.
        config.namespaces.insert("another".to_owned(), other);
        let other = namespace(config, "another");
        other.wechat.app_id = Some("wx00000000000000ff".to_owned());
        url.clone_into(&mut other.wechat.api_url);
    });
    let world = world.await;
    world.has_free(8).await;
    // Also when it has failed before.
    for _ in 0..5 {
        world.opened().await;
    }
    world.has_free(7).await;
    assert!(world.counts("saoma_pool_made_total", "outcome=\"failed\"").await > 0);
    let refused = world.server.browser(Via::LongPoll).of("another").tries_to_open().await;
    refused.is_problem(503, "wechat_misconfigured");
}
