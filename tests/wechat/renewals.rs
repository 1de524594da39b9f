//! The access token grows old: it is renewed ahead of its end, and nobody waits for that.

use futures_util::future::join_all;
use serde_json::json;

use crate::support::time_passes;
use crate::world::{CODES, TOKEN, World};

/// How long WeChat's tokens live.
const LIFE: u64 = 7200;
/// A moment in the last five minutes, when WeChat gives another token while the old one is good.
const LATE: u64 = LIFE - 100;

impl World {
    /// Time passes here and at WeChat.
    async fn grows_old(&self, seconds: u64) {
        time_passes(seconds).await;
        self.wechat.forward(seconds).await;
    }

    async fn gets_a_picture(&self) {
        self.opened().await.get("code").await.is_image("image/jpeg");
    }

    /// By how many tokens WeChat was called for codes, and how often it took none.
    async fn tokens_used(&self) -> (usize, usize) {
        let calls = self.wechat.see(&format!("calls?path={CODES}")).await;
        let calls = calls.as_array().expect("a list");
        let mut tokens: Vec<_> = calls.iter().map(|call| &call["query"]["access_token"]).collect();
        tokens.dedup();
        let refused = |answer: &&serde_json::Value| answer.to_string().contains("errcode");
        (tokens.len(), calls.iter().map(|call| &call["answer"]).filter(refused).count())
    }
}

#[tokio::test]
async fn a_token_near_its_end_is_renewed_once_while_pictures_are_made_with_it() {
    let world = World::new().await;
    world.gets_a_picture().await;
    world.grows_old(LATE).await;
    world.wechat.breaks(TOKEN, json!({ "held": true })).await;
    join_all((0..20).map(|_| world.gets_a_picture())).await;
    assert_eq!(world.calls(TOKEN).await, 2);
    assert_eq!(world.tokens_used().await, (1, 0));
    world.heals().await;
    world.has_answered(TOKEN, 2).await;
    // What follows is after WeChat's answer has been read.
    world.gets_a_picture().await;
    world.gets_a_picture().await;
    assert_eq!(world.tokens_used().await, (2, 0));
    assert_eq!(world.calls(TOKEN).await, 2);
}

#[tokio::test]
async fn a_renewal_that_fails_is_no_matter_while_the_token_is_good() {
    let world = World::new().await;
    world.gets_a_picture().await;
    world.grows_old(LATE).await;
    world.wechat.breaks(TOKEN, json!({ "errcode": 45009 })).await;
    for _ in 0..10 {
        world.gets_a_picture().await;
    }
    assert_eq!(world.calls(TOKEN).await, 2, "a quota that is used up is left alone");
    world.heals().await;
    world.grows_old(60).await;
    world.gets_a_picture().await;
    world.has_answered(TOKEN, 3).await;
    world.grows_old(LIFE - 400).await;
    world.gets_a_picture().await;
    assert_eq!((world.tokens_used().await, world.calls(TOKEN).await), ((2, 0), 3));
}

#[tokio::test]
async fn a_token_that_is_over_is_not_sent_and_costs_one_call_however_many_want_another() {
    let world = World::new().await;
    world.gets_a_picture().await;
    world.grows_old(LIFE).await;
    join_all((0..20).map(|_| world.gets_a_picture())).await;
    assert_eq!((world.tokens_used().await, world.calls(TOKEN).await), ((2, 0), 2));
}
