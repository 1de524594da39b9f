//! A cluster of three nodes: sessions are spread over them, and nobody can tell.

use std::num::NonZeroU32;

use futures_util::future::join3;

use crate::instances::Fleet;
use crate::support::redis::RedisServer;
use crate::support::redis::cluster::Cluster;
use crate::support::{Via, within};

const EACH: [Via; 3] = [Via::WebSocket, Via::Sse, Via::LongPoll];

async fn two_instances(redis: Cluster) -> Fleet<Cluster> {
    let url = redis.url();
    Fleet::on(redis, &url, 2, |_| {}).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn logins_over_all_transports_are_spread_over_all_nodes() {
    let fleet = two_instances(Cluster::start()).await;
    for n in 0..48 {
        fleet.logs_in(n, EACH[n % 3]).await;
    }
    let logs = |node: &RedisServer| node.asks::<Vec<String>>(&["KEYS", "saoma:*:log:*"]).len();
    let each: Vec<usize> = fleet.redis.nodes.iter().map(logs).collect();
    assert_eq!(each.iter().sum::<usize>(), 48);
    assert!(each.iter().all(|logs| *logs > 0), "{each:?}");
    let text = fleet.servers[0].admin("/metrics").await;
    assert!(text.text().contains("saoma_pending_logins{state=\"pending\"} 0"), "{}", text.text());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_confirm_reject_and_cancel_one_wins() {
    let fleet = two_instances(Cluster::start()).await;
    for _ in 0..50 {
        let session = fleet.opens(0).await;
        let token = fleet.token_of_scan(1, &session).await;
        let (confirming, rejecting) =
            (fleet.phone_at(0, &session, &token), fleet.phone_at(1, &session, &token));
        let cancelling = fleet.at(1, &session);
        let (confirmed, rejected, cancelled) =
            join3(confirming.confirm(), rejecting.reject(), cancelling.cancel()).await;
        let won = [confirmed.status == 200, rejected.status == 200, cancelled.status == 204];
        assert_eq!(won.iter().filter(|won| **won).count(), 1, "{won:?}");
        let told = [fleet.at(0, &session).polls(0).await, fleet.at(1, &session).polls(0).await];
        assert_eq!(told[0]["events"], told[1]["events"]);
        assert_eq!(told[0]["events"].as_array().map(Vec::len), Some(3));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn allowances_and_public_keys_are_those_of_all() {
    let redis = Cluster::start();
    let url = redis.url();
    let fleet = Fleet::on(redis, &url, 2, |config| {
        config.rate_limit = true;
        config.limits.sessions_per_minute = NonZeroU32::MIN;
        config.limits.sessions_burst = NonZeroU32::new(3).expect("three");
    })
    .await;
    let mut statuses = Vec::new();
    for n in 0..5 {
        let browser = fleet.servers[n % 2].browser(Via::LongPoll);
        statuses.push(browser.tries_to_open().await.status);
    }
    assert_eq!(statuses, [201, 201, 201, 429, 429]);
    for server in &fleet.servers {
        let keys = server.get("/.well-known/jwks.json").await.ok();
        assert_eq!(keys["keys"].as_array().map(Vec::len), Some(2), "{keys}");
    }
}

/// Each node in its turn: also the one at which the instances are subscribed.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn logins_outlast_the_death_of_a_node_that_comes_back() {
    let mut fleet = two_instances(Cluster::start()).await;
    for node in 0..3 {
        let mut logins = Vec::new();
        for n in 0..9 {
            // Each instance finds each node again by itself, when it needs it.
            let browser = fleet.servers[n % 2].browser(Via::LongPoll);
            let opened = fleet.once_redis_answers(async || browser.tries_to_open().await).await;
            let session = browser.session_of(opened.is(201));
            let there = fleet.at((n + 1) % 2, &session);
            fleet.once_redis_answers(async || there.get("").await).await.ok();
            let mut events = fleet.follows((n + 1) % 2, &session, EACH[n % 3]).await;
            events.sees("pending").await;
            let token = fleet.token_of_scan(n % 2, &session).await;
            events.sees("scanned").await;
            logins.push((session, events, token));
        }
        fleet.redis.nodes[node].dies();
        let told = async || fleet.servers[0].admin("/readyz").await.status == 503;
        within("it to be told", async { while !told().await {} }).await;
        fleet.redis.nodes[node].comes_back();
        for (n, (session, mut events, token)) in logins.into_iter().enumerate() {
            let phone = fleet.phone_at(n % 2, &session, &token);
            let answer = fleet.once_redis_answers(async || phone.confirm().await).await;
            assert_eq!(answer.status, 200, "{}", answer.text());
            events.sees("confirmed").await;
            events.ends().await;
        }
        let ready = async || fleet.servers[0].admin("/readyz").await.status == 200;
        within("it to be told", async { while !ready().await {} }).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_replica_takes_the_place_of_a_node_in_order_or_because_it_hangs() {
    let fleet = two_instances(Cluster::with_replicas(1)).await;
    fleet.logs_in(0, Via::Sse).await;
    let mut logins = Vec::new();
    // Enough of them that the first node has some.
    for n in 0..18 {
        let session = fleet.opens(n % 2).await;
        let mut events = fleet.follows((n + 1) % 2, &session, EACH[n % 3]).await;
        events.sees("pending").await;
        logins.push((session, events));
    }
    fleet.redis.nodes[3].asks::<()>(&["CLUSTER", "FAILOVER"]);
    fleet.redis.until_master(3);
    let mut tokens = Vec::new();
    for (n, (session, events)) in logins.iter_mut().enumerate() {
        let phone = fleet.servers[n % 2].phone(&session.scene);
        let scans = async || phone.tries_to_scan_as("Ann").await;
        let told: serde_json::Value = fleet.once_redis_answers(scans).await.ok();
        tokens.push(told["phone_token"].as_str().expect("a token").to_owned());
        events.sees("scanned").await;
    }
    // And back, because the new one is silent.
    fleet.redis.until_whole();
    fleet.redis.nodes[3].signal("-STOP");
    for (n, ((session, mut events), token)) in logins.into_iter().zip(tokens).enumerate() {
        let phone = fleet.phone_at(n % 2, &session, &token);
        let answer = fleet.once_redis_answers(async || phone.confirm().await).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        events.sees("confirmed").await;
        events.ends().await;
    }
    fleet.redis.nodes[3].signal("-CONT");
    for first in 0..6 {
        fleet.logs_in(first, EACH[first % 3]).await;
    }
}
