//! The bell: what other instances, and this one, tell this one of the sessions that it watches.
//!
//! One subscription for the whole process. It may lose a message: whoever listens is told when it
//! may have, and reads again.

use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::StreamExt;
use redis::RedisResult;
use redis::aio::ConnectionManager;
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};

use super::Channel;
use crate::store::Key;

/// How often we tell ourselves something, by the way that all others take.
const PROBE: Duration = Duration::from_secs(3);
/// After so long a silence nobody listens at the other end any more.
const SILENCE: Duration = Duration::from_secs(8);
/// The pause before a subscription is tried again.
const PAUSE: Duration = Duration::from_millis(500);
/// What we tell ourselves: no key.
const NOTHING: &str = "-";

/// What came of listening.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Heard {
    /// The log of this key has grown.
    Rung(Key),
    /// The bell is heard again, after a time in which it was not.
    Back,
}

/// Listens for ever.
pub async fn listen(channel: Channel, heard: impl Fn(Heard) + Send + Sync) {
    let Channel { client, name, connection, hears } = channel;
    let telling = probe(connection, name.clone());
    let hearing = async {
        loop {
            let listening = || {
                hears.store(true, Ordering::Relaxed);
                heard(Heard::Back);
            };
            let ended = follow(&client, &name, listening, |key| heard(Heard::Rung(key))).await;
            hears.store(false, Ordering::Relaxed);
            tracing::warn!(kind = ?ended.err().map(|error| error.kind()), "bell.lost");
            sleep(PAUSE).await;
        }
    };
    // Neither ends.
    tokio::join!(telling, hearing);
}

/// Listens until the subscription ends or falls silent.
async fn follow(
    client: &redis::Client,
    name: &str,
    listening: impl Fn() + Send,
    rung: impl Fn(Key) + Send,
) -> RedisResult<()> {
    let connecting = timeout(SILENCE, client.get_async_pubsub());
    let mut subscription = match connecting.await {
        Ok(subscription) => subscription?,
        Err(_) => return Ok(()),
    };
    match timeout(SILENCE, subscription.subscribe(name)).await {
        Ok(subscribed) => subscribed?,
        Err(_) => return Ok(()),
    }
    listening();
    let mut messages = subscription.into_on_message();
    while let Ok(Some(message)) = timeout(SILENCE, messages.next()).await {
        let text: String = message.get_payload()?;
        if let Ok(key) = Key::from_str_radix(&text, 16) {
            rung(key);
        }
    }
    Ok(())
}

/// Tells ourselves something, again and again: if it is not heard, the subscription is dead,
/// whatever its connection says.
async fn probe(mut connection: ConnectionManager, name: String) {
    let mut tick = interval(PROBE);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tick.tick().await;
        let _: RedisResult<()> =
            redis::cmd("PUBLISH").arg(&name).arg(NOTHING).query_async(&mut connection).await;
    }
}
