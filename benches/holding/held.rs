//! Held logins: memory of each, processor time to open, connect and tell each, and of none of it
//! happening. One fresh server for each transport and round.

use std::time::Duration;

use serde::Serialize;

use crate::args::{Args, Plan, Section};
use crate::control;
use crate::crowd::Crowd;
use crate::decode::EventKind;
use crate::failures::Failures;
use crate::measure::float;
use crate::server::{Kind, Server, Transport};
use crate::{Outcome, progress};

/// One server, one transport, one round.
#[derive(Serialize)]
pub(crate) struct Held {
    pub(crate) server: Kind,
    pub(crate) transport: Transport,
    pub(crate) few: usize,
    pub(crate) many: usize,
    /// Bytes resident with nobody there, with few held, with many held.
    pub(crate) empty_rss: f64,
    pub(crate) few_rss: f64,
    pub(crate) many_rss: f64,
    /// Server microseconds for each session opened and each subscriber connected.
    pub(crate) open_us: f64,
    pub(crate) connect_us: f64,
    /// Percent of a core while nothing happens but heartbeats.
    pub(crate) idle_percent: Option<f64>,
    /// Server microseconds for each event delivered in a burst, the call that causes it included.
    pub(crate) event_us: Option<f64>,
    /// How many were delivered a second in that burst.
    pub(crate) events_per_second: Option<f64>,
}

impl Held {
    /// Bytes of one pending login: session and subscriber.
    pub(crate) fn per_login(&self) -> f64 {
        (self.many_rss - self.few_rss) / float(self.many - self.few)
    }
}

pub(crate) async fn run(
    args: &Args,
    plan: &Plan,
    servers: &[Kind],
    failures: &mut Failures,
) -> Vec<Held> {
    let mut all = Vec::new();
    for transport in &args.transports {
        for round in 1..=plan.rounds {
            for kind in servers {
                let what = format!("held: {kind} {transport}, round {round} of {}", plan.rounds);
                progress(&what);
                let idle = args.wants(Section::Idle) && round == 1;
                let burst = args.wants(Section::Burst);
                let measured = one(*kind, *transport, plan, idle, burst).await;
                all.extend(failures.keep(&what, measured));
            }
        }
    }
    all
}

async fn one(
    kind: Kind,
    transport: Transport,
    plan: &Plan,
    idle: bool,
    burst: bool,
) -> Outcome<Held> {
    let server = Server::start(kind, plan).await?;
    let (door, process) = (server.door(), server.process());
    // What a server builds at its first request is no cost of the logins after it.
    door.fence().await?;
    process.settle().await?;
    let empty_rss = process.rss()?;

    let mut crowd = Crowd::new(door, transport, EventKind::Scanned);
    let mut logins = door.open(0, plan.few).await?;
    crowd.seat(&logins).await?;
    process.settle().await?;
    let few_rss = process.rss()?;

    let more = plan.many - plan.few;
    let start = process.cpu()?;
    let added = door.open(plan.few, more).await?;
    process.settle().await?;
    let opened = process.cpu()?;
    crowd.seat(&added).await?;
    process.settle().await?;
    let connected = process.cpu()?;
    let many_rss = process.rss()?;
    logins.extend(added);

    let idle_percent = if idle {
        let before = process.cpu()?;
        // The measurement is of this time passing.
        tokio::time::sleep(plan.idle).await;
        Some((process.cpu()? - before) / plan.idle.as_secs_f64() * 100.0)
    } else {
        None
    };

    let (mut event_us, mut events_per_second) = (None, None);
    if burst {
        let (before, start) = (process.cpu()?, tokio::time::Instant::now());
        let sent = control::pour(door, logins.len(), |n| door.scan_request(&logins[n]));
        let (replies, seen) = tokio::join!(sent, crowd.see(EventKind::Scanned, logins.len()));
        replies?.iter().try_for_each(control::Reply::success)?;
        let took: Duration = seen?.iter().map(|it| it.at - start).max().unwrap_or_default();
        process.settle().await?;
        event_us = Some((process.cpu()? - before) * 1e6 / float(logins.len()));
        events_per_second = Some(float(logins.len()) / took.as_secs_f64());
    }
    Ok(Held {
        server: kind,
        transport,
        few: plan.few,
        many: plan.many,
        empty_rss,
        few_rss,
        many_rss,
        open_us: (opened - start) * 1e6 / float(more),
        connect_us: (connected - opened) * 1e6 / float(more),
        idle_percent,
        event_us,
        events_per_second,
    })
}
