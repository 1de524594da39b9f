//! Leaving: every subscriber is told, one after the other, within the time that there is; and a
//! balancer that has not noticed yet finds the door open.

use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, sleep, timeout, timeout_at};
use tokio_util::sync::CancellationToken;

use super::census::Census;
use crate::entropy::Entropy;
use crate::stream::hub::Hub;

/// The part of the time in which subscribers are told; the rest is for them to go.
const TELLING: f64 = 0.8;
/// The greatest gap between two: a few subscribers need not wait for each other.
const MOST_GAP: Duration = Duration::from_millis(50);

/// When nobody has asked anything for so long, balancers have noticed.
const QUIET: Duration = Duration::from_secs(2);

/// How far a server's leaving has come.
#[derive(Debug, Default)]
pub struct Leave {
    /// It has begun: no answer's connection is to be kept.
    pub begun: CancellationToken,
    /// Nobody is expected any more: connections that nobody uses are closed.
    pub closing: CancellationToken,
    asked: Notify,
}

impl Leave {
    /// Somebody asks something.
    pub fn hears(&self) {
        if self.begun.is_cancelled() {
            self.asked.notify_one();
        }
    }

    /// Waits until nobody has asked anything for a while.
    async fn quiet(&self) {
        while timeout(QUIET, self.asked.notified()).await.is_ok() {}
    }
}

/// Sees everybody out, and waits until the last connection is closed or the time is over.
///
/// One of `several` instances stays until balancers have noticed: whoever is sent here meanwhile
/// would find the door shut, or a kept connection closed under the request. Alone there is nobody
/// else to be sent to.
pub async fn drain(
    leave: &Leave,
    hub: &Hub,
    census: &Census,
    entropy: &Entropy,
    time: Duration,
    several: bool,
) {
    let until = Instant::now() + time;
    leave.begun.cancel();
    let staying = async {
        if several {
            let _ = timeout(time.mul_f64(TELLING), leave.quiet()).await;
        }
        leave.closing.cancel();
    };
    tokio::join!(tell(hub, entropy, time), staying);
    let left = timeout_at(until, census.empty()).await;
    if left.is_err() {
        tracing::warn!(connections = census.count(), "drain.time_over");
    }
}

/// Tells all subscribers that the server leaves, in random order and spread over the time.
async fn tell(hub: &Hub, entropy: &Entropy, time: Duration) {
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
}
