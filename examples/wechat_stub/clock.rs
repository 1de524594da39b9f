//! WeChat's time: the machine's, which tests may push ahead or stop.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Milliseconds since the Unix epoch.
pub(crate) type Moment = u64;

pub(crate) const SECOND: Moment = 1000;
pub(crate) const MINUTE: Moment = 60 * SECOND;
pub(crate) const DAY: Moment = 24 * 60 * MINUTE;

/// WeChat's clock.
#[derive(Default)]
pub(crate) struct Clock {
    ahead: Moment,
    stopped: Option<Moment>,
}

impl Clock {
    pub(crate) fn now(&self) -> Moment {
        self.stopped.unwrap_or_else(machine) + self.ahead
    }

    /// Lets time pass at once.
    pub(crate) fn forward(&mut self, by: Moment) {
        self.ahead += by;
    }

    /// Stops the time, so that it passes by `forward` alone, or lets it go on.
    pub(crate) fn stop(&mut self, stop: bool) {
        let now = self.now();
        self.stopped = stop.then(machine);
        self.ahead = now.saturating_sub(self.stopped.unwrap_or_else(machine));
    }
}

#[expect(clippy::disallowed_methods, reason = "a program of its own, with a clock of its own")]
fn machine() -> Moment {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
