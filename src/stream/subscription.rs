//! A subscription: one subscriber's way through one session's log.
//!
//! Register, read, wait: in that order. What wakes a subscription is only a bell; what it delivers
//! it has read from the store by its own cursor, so a bell too many or from before does no harm.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use super::Topics;
use super::event::{Event, EventType, Private};
use super::hub::{LEAVING, REMINDED, REPLACED, RUNG, Waiter};
use crate::clock::Timestamp;
use crate::store::{Key, StoreError, Tail};

type Reading = Pin<Box<dyn Future<Output = Result<Option<Tail>, StoreError>> + Send>>;

/// Events that a subscriber did not have.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Page {
    /// The events, in order, with no gap; empty only when asked for the page as it is.
    pub events: Vec<Event>,
    /// The cursor that these events continue from.
    pub after: u64,
    /// The cursor after these events.
    pub cursor: u64,
    /// The session's state after these events.
    pub state: EventType,
    /// True once nothing more will come.
    pub ended: bool,
    /// When the session ends by itself.
    pub expires_at: Timestamp,
}

/// What happened to a subscription.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Turn {
    /// There is something to deliver: new events, or the end, or both.
    Page(Page),
    /// A newer subscriber took its place.
    Replaced,
    /// The server is leaving.
    Leaving,
    /// The session has been forgotten.
    Gone,
}

/// One subscriber's way through a log. Its place in the hub is given back when it is dropped.
pub struct Subscription {
    topics: Arc<Topics>,
    waiter: Arc<Waiter>,
    cursor: u64,
    private: Option<Private>,
    reading: Option<Reading>,
    /// Whether the reading is for a reminder, not for a bell.
    reminded: bool,
    /// Whether the store has given it a seat that it wants back.
    seated: bool,
}

impl Subscription {
    pub(super) fn new(
        topics: Arc<Topics>,
        key: Key,
        cursor: u64,
        private: Option<Private>,
    ) -> Self {
        let waiter = topics.hub.register(key);
        Self { topics, waiter, cursor, private, reading: None, reminded: false, seated: false }
    }

    /// What there is now, even if it is nothing: the first thing to ask. None if there is no such
    /// session (any more).
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn first(&mut self) -> Result<Option<Page>, StoreError> {
        let now = self.topics.clock.now();
        let Waiter { key, seat, .. } = *self.waiter;
        // From here on: whoever leaves before the answer has perhaps been seated.
        self.seated = true;
        let tail = self.topics.store.join(key, self.cursor, now, seat).await?;
        Ok(tail.map(|tail| self.page(&tail)))
    }

    /// The next thing to do. After the page that has `ended`, nothing more is to be asked.
    pub fn poll_turn(&mut self, cx: &mut Context<'_>) -> Poll<Turn> {
        loop {
            let flags = self.waiter.poll_flags(cx.waker());
            if flags & RUNG != 0 {
                // Also when a read is under way: what it sees may be from before the bell.
                self.reading = Some(self.read());
                self.reminded = false;
            } else if flags & REMINDED != 0 && self.reading.is_none() {
                self.reading = Some(self.read());
                self.reminded = true;
            }
            if let Some(reading) = &mut self.reading {
                let tail = ready!(reading.as_mut().poll(cx));
                self.reading = None;
                match tail {
                    Ok(Some(tail)) if !tail.items.is_empty() || tail.ended => {
                        if self.reminded && !tail.items.is_empty() {
                            self.topics.hub.found_by_a_reminder();
                        }
                        return Poll::Ready(Turn::Page(self.page(&tail)));
                    }
                    Ok(None) => return Poll::Ready(Turn::Gone),
                    // A store that does not answer is no reason to let go: the next bell, the
                    // store's own after it is back, reads again.
                    Ok(Some(_)) | Err(_) => continue,
                }
            }
            return if flags & REPLACED != 0 {
                Poll::Ready(Turn::Replaced)
            } else if flags & LEAVING != 0 {
                Poll::Ready(Turn::Leaving)
            } else {
                Poll::Pending
            };
        }
    }

    fn read(&self) -> Reading {
        let (topics, key, cursor) = (Arc::clone(&self.topics), self.waiter.key, self.cursor);
        Box::pin(async move { topics.store.read(key, cursor, topics.clock.now()).await })
    }

    fn page(&mut self, tail: &Tail) -> Page {
        let after = tail.first - 1;
        let render = |(n, item)| Event::render(tail.first + n as u64, item, self.private.as_ref());
        let events: Vec<Event> = tail.items.iter().enumerate().map(render).collect();
        self.cursor = after + events.len() as u64;
        // Nobody comes any more to whom it would give way.
        self.seated &= !tail.ended;
        Page {
            events,
            after,
            cursor: self.cursor,
            state: EventType::of(tail.state),
            ended: tail.ended,
            expires_at: tail.deadline,
        }
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.topics.hub.leave(&self.waiter);
        if self.seated {
            self.topics.store.leave(self.waiter.key, self.waiter.seat);
        }
    }
}
