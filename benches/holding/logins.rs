//! Whole logins a second: people who open, wait, scan, confirm, hear of it and fetch their token,
//! over and over, client and server sharing the machine.

use std::time::Duration;

use serde::Serialize;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::args::{Args, Plan};
use crate::failures::Failures;
use crate::measure::{Process, Spread, float};
use crate::person::{Person, Ways};
use crate::saoma::Saoma;
use crate::server::{Server, Transport};
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
            let server = Saoma::start(threads, None);
            let measured = async { one(server?, *transport, threads, plan).await };
            all.extend(failures.keep(&what, measured.await));
        }
    }
    all
}

pub(crate) fn said(threads: Option<usize>) -> String {
    threads.map_or_else(|| "default".to_owned(), |threads| threads.to_string())
}

/// Of a server that has so many threads.
pub(crate) async fn one(
    saoma: Saoma,
    transport: Transport,
    threads: Option<usize>,
    plan: &Plan,
) -> Outcome<Logins> {
    let server = Server::Saoma(saoma);
    let (door, process, this) = (server.door(), server.process(), Process::of(std::process::id()));
    door.fence().await?;
    let (there, here, start) = (process.cpu()?, this.cpu()?, Instant::now());
    let times = crowd(plan, transport, |_| Ways::one(door)).await?;
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

/// Lets as many people as are planned log in until the time is over; how long each login took.
pub(crate) async fn crowd(
    plan: &Plan,
    transport: Transport,
    ways: impl Fn(usize) -> Ways,
) -> Outcome<Vec<Duration>> {
    let end = Instant::now() + plan.logins;
    let mut people = JoinSet::new();
    for seat in 0..plan.people {
        let ways = ways(seat);
        people.spawn(async move { Person::at(ways, transport, seat).await?.until(end).await });
    }
    let mut times: Vec<Duration> = Vec::new();
    while let Some(person) = people.join_next().await {
        times.extend(person??);
    }
    Ok(times)
}
