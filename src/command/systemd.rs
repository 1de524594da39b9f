//! What systemd is told, where it is systemd that runs the server (`Type=notify`): that it serves,
//! that it lives, that it leaves. Anywhere else nothing is told.

use std::time::Duration;

use sd_notify::NotifyState;
use tokio::time::{MissedTickBehavior, interval};

/// What a leaving server may need beyond its drain: to write down the last logins, and to tell the
/// collector of the last spans.
const BEYOND_THE_DRAIN: Duration = Duration::from_secs(15);

/// The server serves. From now on systemd hears that it lives, if it wants to (`WatchdogSec=`).
pub(super) fn serves(status: &str) {
    tell(&[NotifyState::Ready, NotifyState::Status(status)]);
    if let Some(patience) = sd_notify::watchdog_enabled() {
        tokio::spawn(live(patience));
    }
}

/// It leaves, and takes so long at the most, whatever `TimeoutStopSec=` says.
pub(super) fn leaves(drain: Duration) {
    let micros = (drain + BEYOND_THE_DRAIN).as_micros();
    let extend = NotifyState::ExtendTimeoutUsec(u32::try_from(micros).unwrap_or(u32::MAX));
    tell(&[NotifyState::Stopping, extend, NotifyState::Status("leaving")]);
}

/// Says for ever that the runtime still runs what waits. Twice as often as need be: one of them may
/// come late.
async fn live(patience: Duration) {
    let mut beat = interval((patience / 2).max(Duration::from_millis(1)));
    beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        beat.tick().await;
        tell(&[NotifyState::Watchdog]);
    }
}

fn tell(states: &[NotifyState<'_>]) {
    // A supervisor that does not listen is no reason not to serve.
    if let Err(error) = sd_notify::notify(states) {
        tracing::warn!(%error, "systemd.not_told");
    }
}
