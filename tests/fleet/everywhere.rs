//! Every step at another instance.

use std::num::NonZeroU32;

use saoma::config::{Config, Secret};

use crate::instances::Fleet;
use crate::support::redis::RedisServer;
use crate::support::{Store, TestServer, Via};

async fn a_login_at_three_instances(via: Via) {
    let fleet = Fleet::of(3).await;
    let session = fleet.opens(0).await;
    let mut events = fleet.follows(1, &session, via).await;
    events.sees("pending").await;
    let token = fleet.token_of_scan(2, &session).await;
    events.sees("scanned").await;
    fleet.phone_at(0, &session, &token).confirm().await.ok();
    let confirmed = events.sees("confirmed").await.data;
    events.ends().await;
    let ticket = confirmed["ticket"].as_str().expect("a ticket");
    fleet.at(2, &session).redeem(ticket).await.ok();
    fleet.at(0, &session).redeem(ticket).await.is_problem(409, "already_redeemed");
}

#[tokio::test]
async fn a_login_over_websocket_at_three_instances() {
    a_login_at_three_instances(Via::WebSocket).await;
}

#[tokio::test]
async fn a_login_over_sse_at_three_instances() {
    a_login_at_three_instances(Via::Sse).await;
}

#[tokio::test]
async fn a_login_over_long_poll_at_three_instances() {
    a_login_at_three_instances(Via::LongPoll).await;
}

#[tokio::test]
async fn a_stream_goes_on_at_another_instance_where_it_was() {
    let fleet = Fleet::of(3).await;
    let session = fleet.opens(0).await;
    let mut first = fleet.follows(0, &session, Via::Sse).await;
    first.sees("pending").await;
    let token = fleet.token_of_scan(1, &session).await;
    let mut second = fleet.at(2, &session).follow_after(1, Via::WebSocket).await;
    second.sees("scanned").await;
    fleet.phone_at(1, &session, &token).reject().await.ok();
    second.sees("rejected").await;
    first.sees("scanned").await;
    first.sees("rejected").await;
}

#[tokio::test]
async fn a_token_of_any_instance_can_be_verified_by_the_keys_that_any_shows() {
    let fleet = Fleet::of(3).await;
    let mut shown = Vec::new();
    for server in &fleet.servers {
        let keys = server.get("/.well-known/jwks.json").await.ok()["keys"].clone();
        let mut ids: Vec<String> =
            keys.as_array().expect("a list").iter().map(|key| key["kid"].to_string()).collect();
        ids.sort();
        // A private key leaves its instance never.
        assert!(keys.as_array().expect("a list").iter().all(|key| key.get("d").is_none()));
        shown.push(ids);
    }
    assert_eq!(shown[0].len(), 3, "{shown:?}");
    assert_eq!((&shown[1], &shown[2]), (&shown[0], &shown[0]));
    assert!(shown[0].windows(2).all(|two| two[0] != two[1]), "each has one of its own");
}

#[tokio::test]
async fn two_deployments_share_a_redis_by_prefix() {
    let fleet = Fleet::of(1).await;
    let url = fleet.redis.url();
    let other = TestServer::start_with(Store::Memory, |config| {
        config.redis_url = Some(Secret::new(url));
        config.redis_prefix = "another".to_owned();
    });
    let other = other.await;
    let session = fleet.opens(0).await;
    let stranger = other.browser(Via::LongPoll).session_of(session.opened.clone());
    stranger.get("").await.is_problem(404, "not_found");
    let keys = other.get("/.well-known/jwks.json").await.ok();
    assert_eq!(keys["keys"].as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn an_address_has_one_allowance_wherever_it_asks() {
    let redis = RedisServer::start();
    let mut servers = Vec::new();
    for _ in 0..3 {
        let url = redis.url();
        let few = move |config: &mut Config| {
            config.redis_url = Some(Secret::new(url));
            config.limits.sessions_per_minute = NonZeroU32::MIN;
            config.limits.sessions_burst = NonZeroU32::new(4).expect("four");
        };
        servers.push(TestServer::start_with(Store::Memory, few).await);
    }
    let mut statuses = Vec::new();
    for n in 0..6 {
        let answer = servers[n % 3].browser(Via::LongPoll).tries_to_open().await;
        assert_eq!(answer.has("retry-after"), answer.status == 429);
        statuses.push(answer.status);
    }
    assert_eq!(statuses, [201, 201, 201, 201, 429, 429]);
}
