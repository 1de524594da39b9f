//! The bell: what other instances, and this one, tell this one of the sessions that it watches.
//!
//! One subscription for the whole process. It may lose a message: whoever listens is told when it
//! may have, and reads again.

use std::pin::pin;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::StreamExt;
use redis::RedisResult;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, timeout};

use super::Channel;
use super::link::Link;
use crate::store::{Key, Seat};

/// How often we tell ourselves something, by the way that all others take.
const PROBE: Duration = Duration::from_secs(2);
/// After so long a silence nobody listens at the other end any more.
const SILENCE: Duration = Duration::from_secs(5);
/// How long subscribing may take.
const CONNECT: Duration = Duration::from_secs(4);
/// The pause before a subscription is tried again that did not live for long.
const PAUSE: Duration = Duration::from_millis(500);
/// What is long.
const STEADY: Duration = Duration::from_secs(1);
/// What we tell ourselves: no key.
const NOTHING: &str = "-";

/// What came of listening.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Heard {
    /// The log of this key has grown.
    Rung(Key),
    /// This reader gives way to a newer one.
    Replaced(Key, Seat),
    /// The bell is heard again, after a time in which it was not.
    Back,
    /// The bell is not heard any more.
    Lost,
}

/// Listens for ever.
pub async fn listen(channel: Channel, heard: impl Fn(Heard) + Send + Sync) {
    let Channel { link, name, hears } = channel;
    let telling = probe(link.clone(), name.clone());
    let hearing = async {
        for turn in 0.. {
            let listening = || {
                hears.store(true, Ordering::Relaxed);
                heard(Heard::Back);
            };
            let since = Instant::now();
            let ended = follow(&link, turn, &name, listening, &heard).await;
            hears.store(false, Ordering::Relaxed);
            heard(Heard::Lost);
            match ended {
                Ok(Ended::Moved) => tracing::info!("bell.moves"),
                Ok(Ended::Silent) => tracing::warn!("bell.lost"),
                Err(error) => tracing::warn!(kind = ?error.kind(), "bell.lost"),
            }
            // One that lived is made anew at once; one that is killed at once is not hurried.
            if since.elapsed() < STEADY {
                sleep(PAUSE).await;
            }
        }
    };
    // Neither ends.
    tokio::join!(telling, hearing);
}

/// How a subscription ended.
enum Ended {
    /// Redis is another server now.
    Moved,
    /// It was closed, or nothing was heard for too long.
    Silent,
}

/// Listens until the subscription ends or falls silent.
async fn follow(
    link: &Link,
    turn: usize,
    name: &str,
    listening: impl Fn() + Send,
    tell: &(impl Fn(Heard) + Sync),
) -> RedisResult<Ended> {
    let (mut subscription, number) = in_time(link.pubsub(turn)).await?;
    in_time(subscription.subscribe(name)).await?;
    listening();
    let mut messages = subscription.into_on_message();
    let mut moved = pin!(link.moved(number));
    loop {
        let message = tokio::select! {
            message = timeout(SILENCE, messages.next()) => message,
            () = &mut moved => return Ok(Ended::Moved),
        };
        let Ok(Some(message)) = message else { return Ok(Ended::Silent) };
        let text: String = message.get_payload()?;
        if let Some(news) = read(&text) {
            tell(news);
        }
    }
}

/// What a message says: a key, or a key and a reader's seat.
fn read(text: &str) -> Option<Heard> {
    let (key, seat) = text.split_once(' ').map_or((text, None), |(key, seat)| (key, Some(seat)));
    let key = Key::from_str_radix(key, 16).ok()?;
    Some(match seat {
        Some(seat) => Heard::Replaced(key, seat.parse().ok()?),
        None => Heard::Rung(key),
    })
}

async fn in_time<T>(happening: impl Future<Output = RedisResult<T>>) -> RedisResult<T> {
    let late = |_| Err(std::io::Error::from(std::io::ErrorKind::TimedOut).into());
    timeout(CONNECT, happening).await.unwrap_or_else(late)
}

/// Tells ourselves something, again and again: if it is not heard, the subscription is dead,
/// whatever its connection says.
async fn probe(link: Link, name: String) {
    let mut tick = interval(PROBE);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tick.tick().await;
        let _: RedisResult<()> =
            link.ask("bell", redis::cmd("PUBLISH").arg(&name).arg(NOTHING)).await;
    }
}
