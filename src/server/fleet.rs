//! One of several instances: hears what is done at others, and looks by itself for what it may not
//! have heard.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use super::assemble::Fleet;
use crate::store::redis::{self, Heard};
use crate::stream::hub::Hub;

/// How long the start waits until the bell is heard.
const FIRST_BELL: Duration = Duration::from_secs(5);
/// A round of reminders to those who wait: so late an event is at the most, if its bell is missed.
const REMINDERS: Duration = Duration::from_secs(20);
/// The same while no bell is heard at all.
const REMINDERS_IN_SILENCE: Duration = Duration::from_secs(2);

/// Joins the others; the tasks that keep it up. The bell is heard when this returns, or it takes long.
pub(super) async fn join(fleet: Fleet, hub: &Arc<Hub>) -> [JoinHandle<()>; 3] {
    let Fleet { channel, keys } = fleet;
    let (tell, mut hears) = watch::channel(false);
    let of_bell = Arc::clone(hub);
    let take = move |heard| match heard {
        Heard::Rung(key) => of_bell.ring(key),
        Heard::Replaced(key, seat) => of_bell.replace(key, seat),
        Heard::Back => {
            tell.send_replace(true);
            // What was rung meanwhile is found by reading.
            of_bell.ring_all();
        }
        Heard::Lost => drop(tell.send_replace(false)),
    };
    let reminding = remind(Arc::clone(hub), hears.clone());
    let tasks = [
        tokio::spawn(redis::listen(channel, take)),
        tokio::spawn(reminding),
        tokio::spawn(keys.keep_up()),
    ];
    // Later it is not ready, and says so.
    let _ = timeout(FIRST_BELL, hears.wait_for(|hears| *hears)).await;
    tasks
}

/// Lets everybody who waits look, once in a round, whether a bell was missed.
async fn remind(hub: Arc<Hub>, mut hears: watch::Receiver<bool>) {
    let mut part = 0;
    loop {
        let parts = hub.remind(part);
        part = (part + 1) % parts;
        let round = if *hears.borrow_and_update() { REMINDERS } else { REMINDERS_IN_SILENCE };
        tokio::select! {
            () = sleep(round / u32::try_from(parts).unwrap_or(1)) => {}
            // The bell falls silent or is back: the pause is another.
            changed = hears.changed() => if changed.is_err() { return },
        }
    }
}
