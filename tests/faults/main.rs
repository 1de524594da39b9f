//! Faults: the real binary among clients that break rules, vanish, dawdle or come in crowds.
//!
//! Every test starts a server of its own and speaks to it over raw sockets. In the end each server
//! is asked whether anything in it panicked.

mod abandoned;
mod absent;
mod broken_requests;
#[path = "../support/certificates.rs"]
#[allow(dead_code, reason = "shared with the tests of many instances")]
mod certificates;
mod crowd;
mod drain;
mod frames;
mod http;
mod order;
mod person;
#[path = "../support/ports.rs"]
mod ports;
#[path = "../support/postgres.rs"]
#[allow(dead_code, reason = "shared with the tests of many instances")]
mod postgres;
#[path = "../support/redis/mod.rs"]
#[allow(dead_code, reason = "shared with the tests of many instances")]
mod redis;
mod requests;
mod secrets;
mod server;
mod settings;
mod silence;
mod slow_reader;
mod socket;

use std::time::Duration;

use tokio::time::{Instant, sleep};

/// How long anything may take that is not given a time by the contract.
const PATIENCE: Duration = Duration::from_secs(30);

/// Waits until a condition holds.
async fn eventually(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let until = Instant::now() + PATIENCE;
    while !holds().await {
        assert!(Instant::now() < until, "{what}: not within {PATIENCE:?}");
        sleep(Duration::from_millis(20)).await;
    }
}

/// Lets this process hold many connections; how many.
fn descriptors() -> usize {
    let most = rlimit::increase_nofile_limit(u64::MAX).expect("a limit");
    usize::try_from(most).unwrap_or(usize::MAX)
}
