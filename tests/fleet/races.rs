//! Whoever is first at whichever of three processes, there is one winner: a thousand rounds.

use futures_util::future::{join, join3, join4};
use futures_util::stream::{self, StreamExt};
use saoma::config::{Config, Secret};
use serde_json::Value;

use crate::support::redis::RedisServer;
use crate::support::{Balanced, Via};

const ROUNDS: usize = 1000;
/// So many rounds are under way at once, so that nobody has an instance to themselves.
const AT_ONCE: usize = 16;

async fn three(redis: &RedisServer) -> Balanced {
    let redis_url = Some(Secret::new(redis.url()));
    Balanced::start(3, Config { redis_url, rate_limit: false, ..Config::default() }).await
}

/// Two phones scan; the first confirms twice and rejects, the browser cancels. Who won the second
/// race: confirm, reject or cancel.
async fn round(fleet: &Balanced, n: usize) -> usize {
    let [a, b, c] = [0, 1, 2].map(|step| &fleet.instances[(n + step) % 3]);
    let session = a.browser(Via::LongPoll).open_only().await;
    let at = |instance: &crate::support::instance::Instance| {
        instance.browser(Via::LongPoll).session_of(session.opened.clone())
    };

    let (left, right) = (b.phone(&session.scene), c.phone(&session.scene));
    let (ann, bob) = join(left.tries_to_scan_as("Ann"), right.tries_to_scan_as("Bob")).await;
    let mut statuses = [ann.status, bob.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 409]);
    let first = if ann.status == 200 { ann } else { bob }.ok();
    let token = first["phone_token"].as_str().expect("a token");

    let phones = [a, b, c].map(|instance| instance.phone(&session.scene).with_token(token));
    let browser = at(b);
    let (confirmed, again, rejected, cancelled) =
        join4(phones[0].confirm(), phones[1].confirm(), phones[2].reject(), browser.cancel()).await;
    let confirmed = [confirmed.status == 200, again.status == 200];
    let won = [confirmed[0] || confirmed[1], rejected.status == 200, cancelled.status == 204];
    assert_eq!(won.iter().filter(|won| **won).count(), 1, "{won:?}");
    assert_ne!(confirmed, [true, true], "confirmed twice");

    // One story, at every instance.
    let ends = [at(a), at(b), at(c)];
    let (a, b, c) = join3(ends[0].polls(0), ends[1].polls(0), ends[2].polls(0)).await;
    assert!(a["events"] == b["events"] && b["events"] == c["events"], "{a} {b} {c}");
    let kinds: Vec<&Value> = (0..4).map(|n| &a["events"][n]["type"]).collect();
    let winner = won.iter().position(|won| *won).expect("a winner");
    let end = ["confirmed", "rejected", "cancelled"][winner];
    assert_eq!(kinds, ["pending".into(), "scanned".into(), end.into(), Value::Null].each_ref());
    winner
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_scans_and_of_confirm_reject_and_cancel_one_wins() {
    let redis = RedisServer::start();
    let fleet = three(&redis).await;
    let rounds = stream::iter(0..ROUNDS).map(|n| round(&fleet, n));
    let winners: Vec<usize> = rounds.buffer_unordered(AT_ONCE).collect().await;
    let of = |kind: usize| winners.iter().filter(|winner| **winner == kind).count();
    println!("confirmed {}, rejected {}, cancelled {}", of(0), of(1), of(2));
    assert_eq!(winners.len(), ROUNDS);
    assert!((0..3).all(|kind| of(kind) > 0), "each may win");
}
