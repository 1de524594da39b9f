//! The pump: one subscription, driven through one encoder, with its heartbeats and its end.
//!
//! It says what is to be written next and knows nothing of where to.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use pin_project_lite::pin_project;
use tokio::time::{Instant, Sleep, sleep_until};

use super::websocket::CloseCode;
use super::{Ending, Plan, Shared, Transport, long_poll, sse, websocket};
use crate::clock::Timestamp;
use crate::stream::event::{EventType, Hello};
use crate::stream::subscription::{Page, Subscription, Turn};

/// How much longer than its session a stream lives at most.
const GRACE: Duration = Duration::from_secs(5);
/// Within what time after a goodbye a client is to come back, at random.
const COME_BACK_MS: u32 = 2_000;

/// What becomes of the connection afterwards.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum After {
    /// It may carry another request.
    KeepAlive,
    /// It is closed.
    Close,
}

/// What is to be written.
#[derive(Debug, Eq, PartialEq)]
pub enum Output {
    /// A part of the stream.
    Part(Vec<u8>),
    /// A heartbeat.
    Beat(Vec<u8>),
    /// The last part of the stream.
    Last(Vec<u8>, After),
    /// A long-poll's whole answer.
    Answer {
        /// The HTTP status.
        status: u16,
        /// The JSON body.
        body: String,
        /// What becomes of the connection.
        after: After,
    },
}

/// Counts one subscriber for as long as it lives.
struct Counted {
    shared: Arc<Shared>,
    transport: Transport,
    ended: Ended,
}

/// How a subscription ended, as it is counted.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Ended {
    /// The log did.
    Done,
    /// A long-poll has its answer, or has waited long enough.
    Waited,
    /// The client left: whoever ends without a word of ours.
    Client,
    /// A newer one took its place.
    Replaced,
    /// The client did not read.
    Slow,
    /// The server leaves.
    Leaving,
    /// The session has been forgotten, or should have been.
    Gone,
}

impl Ended {
    fn name(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Waited => "waited",
            Self::Client => "client",
            Self::Replaced => "replaced",
            Self::Slow => "slow",
            Self::Leaving => "leaving",
            Self::Gone => "gone",
        }
    }
}

impl Counted {
    fn new(shared: Arc<Shared>, transport: Transport) -> Self {
        shared.metrics.streams.subscribed(transport.name());
        Self { shared, transport, ended: Ended::Client }
    }
}

impl Counted {
    /// Measures how late the events of a page come.
    fn delivers(&self, page: &Page) {
        let now = self.shared.clock.now();
        for event in &page.events {
            self.shared.metrics.streams.delivered(self.transport.name(), now.since(event.at));
        }
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.shared.metrics.streams.unsubscribed(self.transport.name(), self.ended.name());
    }
}

pin_project! {
    /// Drives one subscription through one encoder.
    pub struct Pump {
        #[pin]
        timer: Sleep,
        subscription: Subscription,
        counted: Counted,
        first: Option<Box<Page>>,
        beat: Instant,
        oldest: Instant,
        cursor: u64,
        state: EventType,
    }
}

impl Pump {
    /// A pump for a plan. What of the plan is about the connection is the caller's.
    #[must_use]
    pub fn new(plan: Plan) -> Self {
        let Plan { transport, subscription, first, wait, shared, .. } = plan;
        let wait = if transport == Transport::LongPoll { wait } else { shared.heartbeat };
        let beat = Instant::now() + wait;
        let oldest = shared.clock.instant(first.expires_at) + GRACE;
        Self {
            timer: sleep_until(beat.min(oldest)),
            cursor: first.cursor,
            state: first.state,
            first: Some(Box::new(first)),
            subscription,
            beat,
            oldest,
            counted: Counted::new(shared, transport),
        }
    }

    /// What all connections have in common.
    #[must_use]
    pub fn shared(&self) -> &Arc<Shared> {
        &self.counted.shared
    }

    /// The transport.
    #[must_use]
    pub fn transport(&self) -> Transport {
        self.counted.transport
    }

    /// The client does not read what is written to it.
    pub fn is_slow(self: Pin<&mut Self>) {
        self.project().counted.ended = Ended::Slow;
    }

    /// What is to be written next. After a `Last` or an `Answer` it is not to be asked again.
    pub fn poll_output(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Output> {
        if let Some(page) = self.as_mut().project().first.take()
            && let Some(output) = self.as_mut().begin(&page)
        {
            return Poll::Ready(output);
        }
        let this = self.as_mut().project();
        if let Poll::Ready(turn) = this.subscription.poll_turn(cx) {
            return Poll::Ready(self.turn(turn));
        }
        while self.as_mut().project().timer.poll(cx).is_ready() {
            let now = Instant::now();
            if now >= self.oldest {
                self.as_mut().project().counted.ended = Ended::Gone;
                return Poll::Ready(self.too_old());
            }
            if now >= self.beat {
                return Poll::Ready(self.beat(now));
            }
            self.as_mut().wind();
        }
        Poll::Pending
    }

    /// The first output: hello and what there is already; for a long-poll, nothing yet if there
    /// is nothing.
    fn begin(mut self: Pin<&mut Self>, page: &Page) -> Option<Output> {
        if page.ended {
            self.as_mut().project().counted.ended = Ended::Done;
        }
        let now = self.counted.shared.clock.now();
        let hello = Hello {
            cursor: page.after,
            state: page.state,
            expires_in: if page.ended { 0 } else { page.expires_at.seconds_from(now) },
            heartbeat_seconds: self.counted.shared.heartbeat.as_secs(),
        };
        let said = match self.counted.transport {
            Transport::LongPoll => {
                return (!page.events.is_empty() || page.ended).then(|| answer(page));
            }
            Transport::Sse => sse::hello(&hello, now),
            Transport::WebSocket => websocket::text(&hello.json(now)),
        };
        Some(self.deliver(said, page))
    }

    fn turn(mut self: Pin<&mut Self>, turn: Turn) -> Output {
        let ended = match &turn {
            Turn::Page(page) if page.ended => Some(Ended::Done),
            Turn::Page(_) => (self.transport() == Transport::LongPoll).then_some(Ended::Waited),
            Turn::Replaced => Some(Ended::Replaced),
            Turn::Leaving => Some(Ended::Leaving),
            Turn::Gone => Some(Ended::Gone),
        };
        if let Some(ended) = ended {
            self.as_mut().project().counted.ended = ended;
        }
        match turn {
            Turn::Page(page) => {
                let oldest = self.counted.shared.clock.instant(page.expires_at) + GRACE;
                let this = self.as_mut().project();
                *this.oldest = oldest;
                *this.cursor = page.cursor;
                *this.state = page.state;
                this.counted.delivers(&page);
                // A timer set for an earlier moment winds itself on when it fires.
                match self.counted.transport {
                    Transport::LongPoll => answer(&page),
                    _ => self.deliver(Vec::new(), &page),
                }
            }
            Turn::Replaced => self.end(Ending::Replaced),
            Turn::Gone => self.end(Ending::Gone),
            Turn::Leaving => match self.counted.transport {
                Transport::LongPoll => self.nothing_new(After::Close),
                Transport::Sse => {
                    let wait = self.counted.shared.entropy.below(COME_BACK_MS);
                    let said = sse::leaving(Duration::from_millis(wait.into()));
                    Output::Last(said, After::Close)
                }
                Transport::WebSocket => closed(CloseCode::LEAVING),
            },
        }
    }

    fn deliver(&self, mut said: Vec<u8>, page: &Page) -> Output {
        for event in &page.events {
            said.extend_from_slice(&match self.counted.transport {
                Transport::WebSocket => websocket::text(&event.json),
                _ => sse::event(event),
            });
        }
        match (page.ended, self.counted.transport) {
            (false, _) => Output::Part(said),
            (true, Transport::WebSocket) => {
                said.extend_from_slice(&websocket::close(CloseCode::NORMAL));
                Output::Last(said, After::Close)
            }
            (true, _) => Output::Last(said, After::KeepAlive),
        }
    }

    fn nothing_new(&self, after: After) -> Output {
        let body = long_poll::answer(&[], self.cursor, self.state, false);
        Output::Answer { status: 200, body, after }
    }

    fn end(&self, ending: Ending) -> Output {
        match self.counted.transport {
            Transport::LongPoll => {
                let shared = &self.counted.shared;
                let (status, body) = (shared.problem)(ending, shared.entropy.urn());
                Output::Answer { status, body, after: After::KeepAlive }
            }
            Transport::Sse => Output::Last(sse::ending(ending), After::Close),
            Transport::WebSocket => closed(CloseCode::of(ending)),
        }
    }

    fn too_old(&self) -> Output {
        match self.counted.transport {
            Transport::LongPoll => self.nothing_new(After::KeepAlive),
            Transport::Sse => Output::Last(Vec::new(), After::Close),
            Transport::WebSocket => closed(CloseCode::TOO_OLD),
        }
    }

    fn beat(mut self: Pin<&mut Self>, now: Instant) -> Output {
        let at: Timestamp = self.counted.shared.clock.now();
        match self.counted.transport {
            Transport::LongPoll => {
                self.as_mut().project().counted.ended = Ended::Waited;
                return self.nothing_new(After::KeepAlive);
            }
            Transport::Sse | Transport::WebSocket => {}
        }
        let next = now + self.counted.shared.heartbeat;
        *self.as_mut().project().beat = next;
        self.as_mut().wind();
        Output::Beat(match self.counted.transport {
            Transport::WebSocket => websocket::heartbeat(at),
            _ => sse::heartbeat(at),
        })
    }

    fn wind(self: Pin<&mut Self>) {
        let this = self.project();
        this.timer.reset((*this.beat).min(*this.oldest));
    }
}

fn closed(code: CloseCode) -> Output {
    Output::Last(websocket::close(code), After::Close)
}

fn answer(page: &Page) -> Output {
    let body = long_poll::answer(&page.events, page.cursor, page.state, page.ended);
    Output::Answer { status: 200, body, after: After::KeepAlive }
}
