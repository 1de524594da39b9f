//! Somebody who logs in, over and over: a page, its events and a phone, each at a server of its own if
//! there are several.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::Outcome;
use crate::browser::page_post;
use crate::control::Control;
use crate::decode::EventKind;
use crate::door::{Door, Login, phone_token};
use crate::server::Transport;
use crate::subscriber::Subscriber;

/// Where somebody's page, events and phone go.
#[derive(Clone, Copy)]
pub(crate) struct Ways {
    pub(crate) page: Door,
    pub(crate) events: Door,
    pub(crate) phone: Door,
}

impl Ways {
    /// All to one server.
    pub(crate) fn one(door: Door) -> Self {
        Self { page: door, events: door, phone: door }
    }

    /// To three that follow each other, the first another one for each seat.
    pub(crate) fn around(doors: &[Door], seat: usize) -> Self {
        let at = |step: usize| doors[(seat + step) % doors.len()];
        Self { page: at(0), events: at(1), phone: at(2) }
    }
}

pub(crate) struct Person {
    ways: Ways,
    transport: Transport,
    seat: usize,
    page: Control,
    phone: Control,
    /// A page that polls does so on the connection it has; a stream is a connection each.
    kept: Option<Subscriber>,
}

impl Person {
    pub(crate) async fn at(ways: Ways, transport: Transport, seat: usize) -> Outcome<Self> {
        let page = Control::open(ways.page.addr, seat).await?;
        let phone = Control::open(ways.phone.addr, seat).await?;
        Ok(Self { ways, transport, seat, page, phone, kept: None })
    }

    /// Logs in until the time is over; how long each login took.
    pub(crate) async fn until(mut self, end: Instant) -> Outcome<Vec<Duration>> {
        let mut times = Vec::new();
        while Instant::now() < end {
            times.push(self.logs_in().await?);
        }
        Ok(times)
    }

    /// From the page's first call to its token.
    pub(crate) async fn logs_in(&mut self) -> Outcome<Duration> {
        let (page, phone) = (self.ways.page, self.ways.phone);
        let start = Instant::now();
        let login: Arc<Login> = Arc::new(self.page.call(&page.open_request()).await?.json(201)?);
        let mut events = if let Some(mut events) = self.kept.take() {
            events.again(Arc::clone(&login)).await?;
            events
        } else {
            let (transport, login) = (self.transport, Arc::clone(&login));
            Subscriber::open(self.ways.events, transport, login, self.seat).await?
        };
        let token = phone_token(&self.phone.call(&phone.scan_request(&login)).await?)?;
        events.until(EventKind::Scanned).await?;
        self.phone.call(&phone.confirm_request(&login, &token)).await?.success()?;
        let confirmed = events.until(EventKind::Confirmed).await?;
        let ticket =
            confirmed.data.and_then(|data| data.ticket).ok_or("confirmed without a ticket")?;
        let path = format!("/v1/sessions/{}/token", login.id);
        let body = serde_json::json!({ "ticket": ticket }).to_string();
        let exchange = page_post(page, &path, Some(&login.secret), &body);
        self.page.call(&exchange).await?.success()?;
        self.kept = (self.transport == Transport::LongPoll).then_some(events);
        Ok(start.elapsed())
    }
}
