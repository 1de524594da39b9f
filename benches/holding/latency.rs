//! From the phone's confirmation to the browser that has read it, at a fixed rate; at Nchan, from
//! publication to subscriber. The servers take turns, so that what disturbs one disturbs the other.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::try_join_all;
use serde::Serialize;
use tokio::time::{Instant, sleep_until};

use crate::args::{Args, Plan};
use crate::control::Control;
use crate::crowd::Crowd;
use crate::decode::EventKind;
use crate::door::{Door, Login};
use crate::failures::Failures;
use crate::measure::{Process, Spread};
use crate::server::{Kind, Server, Transport};
use crate::{Outcome, progress};

/// Phones take turns on this many connections, so that an answer that is late delays no other call.
const PHONES: usize = 8;

#[derive(Serialize)]
pub(crate) struct Latency {
    pub(crate) server: Kind,
    pub(crate) transport: Transport,
    pub(crate) round: u32,
    #[serde(flatten)]
    pub(crate) spread: Spread,
}

pub(crate) async fn run(
    args: &Args,
    plan: &Plan,
    servers: &[Kind],
    failures: &mut Failures,
) -> Vec<Latency> {
    let mut all = Vec::new();
    for transport in &args.transports {
        let measured = turns(*transport, plan, servers).await;
        all.extend(failures.keep(&format!("latency: {transport}"), measured).unwrap_or_default());
    }
    all
}

async fn turns(transport: Transport, plan: &Plan, servers: &[Kind]) -> Outcome<Vec<Latency>> {
    let mut all = Vec::new();
    let mut stands = Vec::new();
    for kind in servers {
        let server = Server::start(*kind, plan).await?;
        let mut bystanders = Crowd::new(server.door(), transport, EventKind::Scanned);
        bystanders.seat(&server.door().open(0, plan.bystanders).await?).await?;
        stands.push((server, bystanders));
    }
    for round in 1..=plan.rounds {
        for (number, (server, _)) in stands.iter().enumerate() {
            let kind = servers[number];
            progress(&format!("latency: {kind} {transport}, round {round} of {}", plan.rounds));
            let from = usize::try_from(round)? * 1_000_000;
            let spread = confirms(server.door(), server.process(), transport, plan, from).await?;
            all.push(Latency { server: kind, transport, round, spread });
        }
    }
    Ok(all)
}

/// Holds a batch of scanned logins, confirms them one after the other, and says how long each took.
pub(crate) async fn confirms(
    door: Door,
    process: Process,
    transport: Transport,
    plan: &Plan,
    from: usize,
) -> Outcome<Spread> {
    let logins = door.open(from, plan.confirms).await?;
    let mut crowd = Crowd::new(door, transport, EventKind::Confirmed);
    crowd.seat(&logins).await?;
    let tokens = door.scan_all(&logins).await?;
    if door.kind == Kind::Saoma {
        crowd.see(EventKind::Scanned, logins.len()).await?;
    }
    process.settle().await?;
    let period = Duration::from_secs(1) / plan.confirms_per_second;
    let (sent, seen) = tokio::join!(
        send(door, &logins, &tokens, period),
        crowd.see(EventKind::Confirmed, logins.len())
    );
    let (sent, seen) = (sent?, seen?);
    Spread::of(seen.iter().map(|signal| signal.at - sent[signal.seat]).collect())
}

/// Sends each confirmation at its time, whether or not the ones before are answered; the instants
/// just before each was sent.
async fn send(
    door: Door,
    logins: &[Arc<Login>],
    tokens: &[String],
    period: Duration,
) -> Outcome<Vec<Instant>> {
    let begin = Instant::now() + period;
    let phones = (0..PHONES.min(logins.len())).map(|phone| async move {
        let mut control = Control::open(door.addr, phone).await?;
        let mut sent = Vec::new();
        for seat in (phone..logins.len()).step_by(PHONES) {
            let request = door.confirm_request(&logins[seat], &tokens[seat]);
            sleep_until(begin + period * u32::try_from(seat)?).await;
            sent.push((seat, Instant::now()));
            control.call(&request).await?.success()?;
        }
        Outcome::Ok(sent)
    });
    let mut sent: Vec<_> = try_join_all(phones).await?.into_iter().flatten().collect();
    sent.sort_unstable_by_key(|(seat, _)| *seat);
    Ok(sent.into_iter().map(|(_, at)| at).collect())
}
