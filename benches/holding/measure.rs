//! What the kernel says of a process, and the arithmetic of samples.

use std::time::Duration;

use serde::Serialize;

use crate::Outcome;

/// `USER_HZ`: the unit of /proc/<pid>/stat, 100 on every Linux whatever the kernel's own tick is.
const TICKS_PER_SECOND: f64 = 100.0;
const LOOK: Duration = Duration::from_millis(250);
const LOOKS: u32 = 80;

/// One process of a server.
#[derive(Clone, Copy)]
pub(crate) struct Process {
    pid: u32,
}

impl Process {
    pub(crate) fn of(pid: u32) -> Self {
        Self { pid }
    }

    /// Resident user memory in bytes; kernel memory (sockets) is not in it.
    pub(crate) fn rss(self) -> Outcome<f64> {
        let rollup = std::fs::read_to_string(format!("/proc/{}/smaps_rollup", self.pid))?;
        let line = rollup.lines().find_map(|line| line.strip_prefix("Rss:"));
        let kib = line.and_then(|rest| rest.split_whitespace().next()).ok_or("no Rss")?;
        Ok(kib.parse::<f64>()? * 1024.0)
    }

    /// Seconds of processor that all threads, living and ended, have used.
    pub(crate) fn cpu(self) -> Outcome<f64> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.pid))?;
        // The second field is the name in parentheses, which may hold anything.
        let (_, rest) = stat.rsplit_once(')').ok_or("no stat")?;
        let mut fields = rest.split_whitespace().skip(11);
        let mut next =
            || fields.next().ok_or("a short stat")?.parse::<f64>().map_err(|_| "no number");
        Ok((next()? + next()?) / TICKS_PER_SECOND)
    }

    /// Waits until the server has stopped working on what it was given: no event tells that, so its
    /// processor time is watched until it stands still (a tick of heartbeats aside).
    pub(crate) async fn settle(self) -> Outcome<()> {
        let (mut before, mut still) = (self.cpu()?, 0);
        for _ in 0..LOOKS {
            tokio::time::sleep(LOOK).await;
            let now = self.cpu()?;
            still = if now - before < 2.5 / TICKS_PER_SECOND { still + 1 } else { 0 };
            if still == 3 {
                return Ok(());
            }
            before = now;
        }
        Err("the server does not come to rest".into())
    }
}

/// Counts here are far below the 2^52 from which an f64 would round them.
#[expect(clippy::cast_precision_loss, reason = "see above")]
pub(crate) fn float(count: usize) -> f64 {
    count as f64
}

/// The middle and the tail of a set of times, in milliseconds.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Spread {
    pub(crate) p50: f64,
    pub(crate) p99: f64,
}

impl Spread {
    pub(crate) fn of(mut times: Vec<Duration>) -> Outcome<Self> {
        times.sort_unstable();
        let at = |hundredths: usize| {
            let rank = (times.len() * hundredths).div_ceil(100).saturating_sub(1);
            times.get(rank).map(|time| time.as_secs_f64() * 1_000.0).ok_or("no samples")
        };
        Ok(Self { p50: at(50)?, p99: at(99)? })
    }
}

/// The middle of a few figures; of none, nothing.
pub(crate) fn median(figures: impl IntoIterator<Item = f64>) -> Option<f64> {
    let mut sorted: Vec<f64> = figures.into_iter().collect();
    sorted.sort_by(f64::total_cmp);
    let (low, high) =
        (sorted.get(sorted.len().checked_sub(1)? / 2)?, sorted.get(sorted.len() / 2)?);
    Some(f64::midpoint(*low, *high))
}
