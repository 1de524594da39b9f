//! Leaving: every subscriber is told, one after the other, within the time that there is.

use std::time::Duration;

use tokio::time::{Instant, sleep, timeout_at};

use super::census::Census;
use crate::entropy::Entropy;
use crate::stream::hub::Hub;

/// The part of the time in which subscribers are told; the rest is for them to go.
const TELLING: f64 = 0.8;
/// The greatest gap between two: a few subscribers need not wait for each other.
const MOST_GAP: Duration = Duration::from_millis(50);

/// Tells all subscribers that the server leaves, in random order and spread over the time, and
/// waits until the last connection is closed or the time is over.
pub async fn drain(hub: &Hub, census: &Census, entropy: &Entropy, time: Duration) {
    let until = Instant::now() + time;
    let mut farewells = hub.begin_leaving();
    // Random order: clients that came together are not sent back together.
    farewells.sort_by_cached_key(|_| entropy.below(u32::MAX));
    let count = u32::try_from(farewells.len()).unwrap_or(u32::MAX).max(1);
    let gap = (time.mul_f64(TELLING) / count).min(MOST_GAP);
    let mut next = Instant::now();
    for farewell in farewells {
        farewell.say();
        next += gap;
        // Timers are coarse: several may be told at once where the gap is small.
        if next > Instant::now() {
            sleep(next - Instant::now()).await;
        }
    }
    let left = timeout_at(until, census.empty()).await;
    if left.is_err() {
        tracing::warn!(connections = census.count(), "drain.time_over");
    }
}
