//! Forgets logins whose time is over, a few at a time, so that nobody waits for it for long. Each
//! instance does: what one has deleted, another does not find.

use std::time::Duration;

use tokio::time::sleep;

use super::rows::delete_old;
use crate::clock::Clock;
use crate::database::{Database, answer};
use crate::entropy::Entropy;

/// How many rows are deleted at once.
const FEW: u32 = 500;
/// The pause between two such parts.
const PAUSE: Duration = Duration::from_millis(100);
/// The pause between two rounds, up to as much again by chance: instances need not meet.
const ROUND_SECONDS: u32 = 1800;

/// Forgets what is older than `kept`, now and then, for ever.
pub async fn sweep_for_ever(database: Database, kept: Duration, clock: Clock, entropy: Entropy) {
    loop {
        sweep(&database, kept, &clock).await;
        let seconds = ROUND_SECONDS + entropy.below(ROUND_SECONDS);
        sleep(Duration::from_secs(seconds.into())).await;
    }
}

/// Forgets all that is older than `kept`; what cannot be deleted now is next time.
pub(super) async fn sweep(database: &Database, kept: Duration, clock: &Clock) {
    while let Ok(deleted) = answer(delete_old(database, kept, clock.now(), FEW)).await {
        if deleted < u64::from(FEW) {
            break;
        }
        sleep(PAUSE).await;
    }
}
