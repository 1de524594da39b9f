//! Expiry: one task that ends the sessions whose time is over, whether somebody watches or not.

use std::sync::Arc;
use std::time::Duration;

use super::limits::Limits;
use super::service::{Login, LoginError};
use super::session::SessionId;

/// How late an `expired` event may be.
const TICK: Duration = Duration::from_millis(200);
/// How many are ended before others get their turn on this thread.
const BATCH: usize = 512;
/// After how many ticks the counters of limits are tidied: every minute.
const TIDY_EVERY: u32 = 300;

impl Login {
    /// Ends sessions as their time comes, for ever.
    pub async fn expire_for_ever(self: Arc<Self>) {
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut ticks = 0u32;
        loop {
            tick.tick().await;
            while self.expire_due().await == BATCH {
                tokio::task::yield_now().await;
            }
            ticks = ticks.wrapping_add(1);
            if ticks.is_multiple_of(TIDY_EVERY) {
                Limits::tidy(&self.limits);
            }
        }
    }

    /// Ends a batch of the sessions whose time is over now; how many were looked at.
    async fn expire_due(&self) -> usize {
        let due = match self.topics.store.due(self.now(), BATCH).await {
            Ok(due) => due,
            Err(error) => {
                tracing::warn!(%error, "expiry.store_failed");
                return 0;
            }
        };
        for key in &due {
            let ended = match self.load(SessionId(*key)).await {
                Ok(current) => self.expire(&current).await,
                Err(LoginError::NotFound(_)) => Ok(()),
                Err(error) => Err(error),
            };
            if let Err(error) = ended {
                tracing::warn!(%error, "expiry.failed");
            }
        }
        due.len()
    }
}
