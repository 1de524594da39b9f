//! Redis goes away, for longer than anybody waits for an answer, and comes back: as it was, for it writes
//! to disk what it is given before it answers.

use std::time::Duration;

use tokio::time::sleep;

use crate::fleet::{Fleet, all_end_well, timed};
use crate::support::Via;

/// Not waited for anything: so long is the outage.
async fn lasts(seconds: u64) {
    sleep(Duration::from_secs(seconds)).await;
}

/// Every instance refuses what it cannot do, says when to come again, lives on, and is not ready.
async fn is_told(fleet: &Fleet) {
    fleet.all_are(false).await;
    for instance in &fleet.balanced.instances {
        let refused = instance.api().ask(reqwest::Method::POST, "/v1/sessions").await;
        assert!(refused.has("retry-after"));
        refused.is_problem(503, "store_unavailable");
        assert_eq!(instance.admin("/livez").await.status, 200);
    }
}

/// Who held a stream when Redis went away holds it still.
fn streams_were_held(ends: &[(Via, usize)]) {
    let broken = ends.iter().filter(|(via, returns)| via.streams() && *returns > 0);
    assert_eq!(broken.count(), 0, "{ends:?}");
}

async fn is_stopped_for(seconds: u64) {
    let mut fleet = Fleet::start().await;
    let logins = fleet.logins().await;
    fleet.redis.dies();
    is_told(&fleet).await;
    lasts(seconds).await;
    fleet.redis.comes_back();
    let back = format!("redis back after {seconds} s, all instances ready");
    timed(&back, fleet.all_are(true)).await;
    fleet.is_whole().await;
    let ended = format!("redis back after {seconds} s, 30 logins ended");
    streams_were_held(&timed(&ended, all_end_well(logins)).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redis_is_stopped_for_five_seconds() {
    is_stopped_for(5).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redis_is_stopped_for_longer_than_any_probe_waits() {
    is_stopped_for(20).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redis_is_frozen_and_its_connections_stand() {
    let fleet = Fleet::start().await;
    let logins = fleet.logins().await;
    fleet.redis.signal("-STOP");
    timed("redis frozen, all instances say so", is_told(&fleet)).await;
    // Longer than the bell may be silent.
    lasts(12).await;
    fleet.redis.signal("-CONT");
    timed("redis thawed, all instances ready", fleet.all_are(true)).await;
    fleet.is_whole().await;
    streams_were_held(&timed("redis thawed, 30 logins ended", all_end_well(logins)).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_answered_before_redis_went_is_true_when_it_is_back() {
    let mut fleet = Fleet::start().await;
    let browser = fleet.balanced.browser(Via::LongPoll);
    let mut told = Vec::new();
    for n in 0..30 {
        let mut tab = browser.open().await;
        let phone = tab.scan_as("Ann").await;
        tab.sees("scanned").await;
        if n % 3 > 0 {
            phone.confirm().await.ok();
            let ticket = tab.sees_a_ticket().await;
            if n % 3 > 1 {
                tab.redeem(&ticket).await.ok();
            }
        }
        told.push(tab);
    }
    fleet.redis.dies();
    fleet.all_are(false).await;
    fleet.redis.comes_back();
    fleet.all_are(true).await;
    fleet.is_whole().await;
    for (n, tab) in told.into_iter().enumerate() {
        let events = tab.polls(0).await["events"].clone();
        let ticket = events[2]["data"]["ticket"].as_str().unwrap_or_default().to_owned();
        match n % 3 {
            0 => assert_eq!(tab.state().await, "scanned"),
            1 => drop(tab.redeem(&ticket).await.ok()),
            _ => drop(tab.redeem(&ticket).await.is_problem(409, "already_redeemed")),
        }
    }
}
