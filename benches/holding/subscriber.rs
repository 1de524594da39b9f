//! One subscriber: a connection that waits for events and costs this side next to nothing.

use std::collections::VecDeque;
use std::io::ErrorKind;
use std::sync::Arc;

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::Instant;

use crate::Outcome;
use crate::browser;
use crate::control::dial;
use crate::decode::{Decoder, Event, EventKind, Item};
use crate::door::{Door, Login};
use crate::server::Transport;
use crate::wire;

pub(crate) struct Subscriber {
    tcp: TcpStream,
    decoder: Decoder,
    items: VecDeque<Item>,
    /// When the bytes of the latest item were read.
    pub(crate) read_at: Instant,
    door: Door,
    transport: Transport,
    login: Arc<Login>,
    cursor: u64,
    /// A long-poll is on its way.
    polling: bool,
}

impl Subscriber {
    /// Connects, asks, and for a stream waits until it stands. A held poll says nothing, so for it
    /// asking is all.
    pub(crate) async fn open(
        door: Door,
        transport: Transport,
        login: Arc<Login>,
        seat: usize,
    ) -> Outcome<Self> {
        // A page that has just opened the session knows of event 1; a stream is asked from the
        // start, as EventSource and WebSocket in a page are.
        let cursor = u64::from(transport == Transport::LongPoll);
        let mut this = Self {
            tcp: dial(door.addr, seat).await?,
            decoder: Decoder::new(door.kind, transport),
            items: VecDeque::new(),
            read_at: Instant::now(),
            door,
            transport,
            login,
            cursor,
            polling: false,
        };
        this.ask().await?;
        if transport != Transport::LongPoll {
            while !matches!(this.item().await?, Item::Open) {}
        }
        Ok(this)
    }

    /// Takes another login onto the connection of a long-poll that is answered.
    pub(crate) async fn again(&mut self, login: Arc<Login>) -> Outcome<()> {
        self.items.clear();
        (self.login, self.cursor) = (login, 1);
        self.ask().await
    }

    /// The next event; polls again as needed, but not before it is called again.
    pub(crate) async fn event(&mut self) -> Outcome<Event> {
        loop {
            if self.items.is_empty() && self.transport == Transport::LongPoll && !self.polling {
                self.ask().await?;
            }
            match self.item().await? {
                Item::Event(event) => return Ok(event),
                Item::Answered(cursor) => {
                    self.polling = false;
                    self.cursor = cursor.unwrap_or(self.cursor);
                }
                Item::Ping(payload) => self.tcp.write_all(&wire::pong(&payload)).await?,
                Item::Open => {}
                Item::End(why) => return Err(why.into()),
            }
        }
    }

    /// Waits for an event of this kind.
    pub(crate) async fn until(&mut self, kind: EventKind) -> Outcome<Event> {
        loop {
            let event = self.event().await?;
            if event.kind == kind {
                return Ok(event);
            }
        }
    }

    async fn ask(&mut self) -> Outcome<()> {
        let request = browser::subscribe(self.door, self.transport, &self.login, self.cursor);
        self.tcp.write_all(&request).await?;
        self.polling = true;
        Ok(())
    }

    async fn item(&mut self) -> Outcome<Item> {
        loop {
            if let Some(item) = self.items.pop_front() {
                return Ok(item);
            }
            self.tcp.readable().await?;
            self.read()?;
        }
    }

    /// Not async, so that the buffer is on the stack while there is something to read and nowhere
    /// while there is not.
    fn read(&mut self) -> Outcome<()> {
        let mut buffer = [0; 4096];
        match self.tcp.try_read(&mut buffer) {
            Ok(0) => Err("the server closed the connection".into()),
            Ok(size) => {
                self.read_at = Instant::now();
                self.decoder.feed(&buffer[..size], &mut self.items);
                Ok(())
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}
