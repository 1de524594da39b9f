//! The time, passed in: wall-clock milliseconds that move with tokio's clock.
//!
//! Belongs here: reading the clock, and nothing else may. Deadlines cross instances, so they are
//! wall-clock timestamps; timers are tokio's. Anchoring the one on the other lets a test that
//! pauses tokio's time move both together.

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use tokio::time::Instant;

/// Milliseconds since the Unix epoch, UTC.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize, Deserialize)]
pub struct Timestamp(pub u64);

impl Timestamp {
    /// This moment and `duration` more; saturates at the end of time.
    #[must_use]
    pub fn plus(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)))
    }

    /// This moment and `duration` less; saturates at the epoch.
    #[must_use]
    pub fn minus(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)))
    }

    /// How long until this moment, zero if it has passed.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }

    /// Whole seconds until this moment, rounded up, so that "1" never means "already over".
    #[must_use]
    pub fn seconds_from(self, now: Self) -> u64 {
        self.0.saturating_sub(now.0).div_ceil(1000)
    }

    /// Whole seconds since the Unix epoch, as JWT's `NumericDate` (RFC 7519, section 2).
    #[must_use]
    pub fn unix_seconds(self) -> u64 {
        self.0 / 1000
    }
}

/// RFC 3339 in UTC with milliseconds, as every `at` of the contract.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = UNIX_EPOCH + Duration::from_millis(self.0);
        humantime::format_rfc3339_millis(time).fmt(f)
    }
}

/// Where "now" comes from.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    anchor: Instant,
    wall: Timestamp,
}

impl Clock {
    /// The machine's time, read once and carried on by tokio's clock.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the machine's clock")]
    pub fn system() -> Self {
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self { anchor: Instant::now(), wall: Timestamp(0).plus(wall) }
    }

    /// A clock that starts at a given moment: for tests.
    #[must_use]
    pub fn starting_at(wall: Timestamp) -> Self {
        Self { anchor: Instant::now(), wall }
    }

    /// This moment.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.wall.plus(self.anchor.elapsed())
    }

    /// The moment on tokio's clock that a timestamp names, for timers.
    #[must_use]
    pub fn instant(&self, at: Timestamp) -> Instant {
        self.anchor + at.since(self.wall)
    }
}
