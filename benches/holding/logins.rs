//! Whole logins a second: people who open, wait, scan, confirm, hear of it and fetch their token,
//! over and over, client and server sharing the machine.

use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::args::{Args, Plan};
use crate::browser::page_post;
use crate::control::Control;
use crate::decode::EventKind;
use crate::door::{Door, Login, phone_token};
use crate::failures::Failures;
use crate::measure::{Process, Spread, float};
use crate::saoma::Saoma;
use crate::server::{Server, Transport};
use crate::subscriber::Subscriber;
use crate::{Outcome, progress};

#[derive(Serialize)]
pub(crate) struct Logins {
    pub(crate) transport: Transport,
    /// Of the server; none is its default.
    pub(crate) threads: Option<usize>,
    pub(crate) people: usize,
    pub(crate) per_second: f64,
    /// From the page's first call to its token.
    #[serde(flatten)]
    pub(crate) spread: Spread,
    /// Microseconds of processor for each login, there and here.
    pub(crate) server_us: f64,
    pub(crate) client_us: f64,
}

/// With the threads that the server takes by itself, then with one for each core.
pub(crate) async fn run(args: &Args, plan: &Plan, failures: &mut Failures) -> Vec<Logins> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let mut all = Vec::new();
    for transport in &args.transports {
        for threads in [None, Some(cores)] {
            let what =
                format!("whole logins: {transport}, {} people, {}", plan.people, said(threads));
            progress(&what);
            all.extend(failures.keep(&what, one(*transport, threads, plan).await));
        }
    }
    all
}

pub(crate) fn said(threads: Option<usize>) -> String {
    threads.map_or_else(|| "default".to_owned(), |threads| threads.to_string())
}

async fn one(transport: Transport, threads: Option<usize>, plan: &Plan) -> Outcome<Logins> {
    let server = Server::Saoma(Saoma::start(threads)?);
    let (door, process, this) = (server.door(), server.process(), Process::of(std::process::id()));
    door.fence().await?;
    let (there, here, start) = (process.cpu()?, this.cpu()?, Instant::now());
    let end = start + plan.logins;
    let mut people = JoinSet::new();
    for seat in 0..plan.people {
        people.spawn(person(door, transport, seat, end));
    }
    let mut times: Vec<Duration> = Vec::new();
    while let Some(person) = people.join_next().await {
        times.extend(person??);
    }
    let took = start.elapsed();
    let count = float(times.len());
    Ok(Logins {
        transport,
        threads,
        people: plan.people,
        per_second: count / took.as_secs_f64(),
        spread: Spread::of(times)?,
        server_us: (process.cpu()? - there) * 1e6 / count,
        client_us: (this.cpu()? - here) * 1e6 / count,
    })
}

/// Logs in until the time is over; how long each login took.
async fn person(
    door: Door,
    transport: Transport,
    seat: usize,
    end: Instant,
) -> Outcome<Vec<Duration>> {
    let mut page = Control::open(door.addr, seat).await?;
    let mut phone = Control::open(door.addr, seat).await?;
    let mut kept: Option<Subscriber> = None;
    let mut times = Vec::new();
    while Instant::now() < end {
        let start = Instant::now();
        let login: Arc<Login> = Arc::new(page.call(&door.open_request()).await?.json(201)?);
        let mut events = match kept.take() {
            Some(mut events) => {
                events.again(Arc::clone(&login)).await?;
                events
            }
            None => Subscriber::open(door, transport, Arc::clone(&login), seat).await?,
        };
        let token = phone_token(&phone.call(&door.scan_request(&login)).await?)?;
        events.until(EventKind::Scanned).await?;
        phone.call(&door.confirm_request(&login, &token)).await?.success()?;
        let confirmed = events.until(EventKind::Confirmed).await?;
        let ticket =
            confirmed.data.and_then(|data| data.ticket).ok_or("confirmed without a ticket")?;
        let path = format!("/v1/sessions/{}/token", login.id);
        let body = serde_json::json!({ "ticket": ticket }).to_string();
        page.call(&page_post(door, &path, Some(&login.secret), &body)).await?.success()?;
        times.push(start.elapsed());
        // A page that polls does so on the connection it has; a stream is a connection each.
        kept = (transport == Transport::LongPoll).then_some(events);
    }
    Ok(times)
}
