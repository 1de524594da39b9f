//! Many held subscribers, and when each of them saw what it was waiting for.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};

use crate::Outcome;
use crate::decode::EventKind;
use crate::door::{Door, Login};
use crate::server::Transport;
use crate::subscriber::Subscriber;

/// Opened at once; below any server's queue of connections not yet accepted.
const SLICE: usize = 128;
const SEEN_WITHIN: Duration = Duration::from_secs(60);

/// Subscribers, each a task; they leave when this is dropped.
pub(crate) struct Crowd {
    door: Door,
    transport: Transport,
    /// After this event a subscriber has seen all it came for, and polls no more.
    until: EventKind,
    tasks: JoinSet<()>,
    tell: UnboundedSender<Signal>,
    signals: UnboundedReceiver<Signal>,
    seated: usize,
}

pub(crate) struct Signal {
    pub(crate) seat: usize,
    pub(crate) at: Instant,
    what: What,
}

enum What {
    Open,
    Event(EventKind),
    Lost(String),
}

impl Crowd {
    pub(crate) fn new(door: Door, transport: Transport, until: EventKind) -> Self {
        let (tell, signals) = unbounded_channel();
        Self { door, transport, until, tasks: JoinSet::new(), tell, signals, seated: 0 }
    }

    /// Seats a subscriber for each login and comes back when the server has them all.
    pub(crate) async fn seat(&mut self, logins: &[Arc<Login>]) -> Outcome<()> {
        for slice in logins.chunks(SLICE) {
            for login in slice {
                let one = stay(
                    self.door,
                    self.transport,
                    Arc::clone(login),
                    self.until,
                    self.seated,
                    self.tell.clone(),
                );
                self.tasks.spawn(one);
                self.seated += 1;
            }
            self.wait(slice.len(), |what| matches!(what, What::Open)).await?;
            self.door.fence().await?;
        }
        Ok(())
    }

    /// Waits until `count` subscribers have seen an event of this kind.
    pub(crate) async fn see(&mut self, kind: EventKind, count: usize) -> Outcome<Vec<Signal>> {
        self.wait(count, |what| matches!(what, What::Event(seen) if *seen == kind)).await
    }

    async fn wait(&mut self, count: usize, wanted: impl Fn(&What) -> bool) -> Outcome<Vec<Signal>> {
        let mut seen = Vec::with_capacity(count);
        let gather = async {
            while seen.len() < count {
                let signal = self.signals.recv().await.ok_or("no subscriber is left")?;
                match &signal.what {
                    What::Lost(why) => {
                        return Err(format!("subscriber {}: {why}", signal.seat).into());
                    }
                    what if wanted(what) => seen.push(signal),
                    _ => {}
                }
            }
            Outcome::Ok(())
        };
        match timeout(SEEN_WITHIN, gather).await {
            Ok(outcome) => outcome.map(|()| seen),
            Err(_) => {
                Err(format!("{} of {count} subscribers heard nothing", count - seen.len()).into())
            }
        }
    }
}

/// The life of one subscriber.
async fn stay(
    door: Door,
    transport: Transport,
    login: Arc<Login>,
    until: EventKind,
    seat: usize,
    tell: UnboundedSender<Signal>,
) {
    // The receiver goes only when the whole crowd does.
    let say = |at, what| drop(tell.send(Signal { seat, at, what }));
    let mut subscriber = match Subscriber::open(door, transport, login, seat).await {
        Ok(subscriber) => subscriber,
        Err(error) => return say(Instant::now(), What::Lost(error.to_string())),
    };
    say(subscriber.read_at, What::Open);
    loop {
        match subscriber.event().await {
            Ok(event) => {
                say(subscriber.read_at, What::Event(event.kind));
                if event.kind == until {
                    break;
                }
            }
            Err(error) => return say(Instant::now(), What::Lost(error.to_string())),
        }
    }
    // What follows, a close or pings until the crowd leaves, is no part of any measurement, but a
    // connection closed early would be.
    if transport == Transport::LongPoll {
        std::future::pending::<()>().await;
    }
    while subscriber.event().await.is_ok() {}
}
