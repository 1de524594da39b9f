//! One process that keeps more and more pending sessions: memory of each, and whether a
//! confirmation takes longer among many.

use serde::Serialize;

use crate::args::Plan;
use crate::control::{self, Reply};
use crate::latency;
use crate::measure::{Spread, float};
use crate::server::{Kind, Server, Transport};
use crate::{Outcome, progress};

/// Answers kept at a time; also how often progress is told.
const BATCH: usize = 50_000;

/// What was found with so many sessions pending.
#[derive(Serialize)]
pub(crate) struct Level {
    pub(crate) sessions: usize,
    pub(crate) rss: f64,
    /// Bytes for each session since the level before; the first fills what was freed before it.
    pub(crate) per_session: Option<f64>,
    /// Server microseconds for each session opened since then.
    pub(crate) open_us: f64,
    #[serde(flatten)]
    pub(crate) spread: Spread,
}

pub(crate) async fn run(plan: &Plan) -> Outcome<Vec<Level>> {
    let server = Server::start(Kind::Saoma, plan).await?;
    let (door, process) = (server.door(), server.process());
    // The latency batch goes first too, so that the memory that it leaves behind is in the start.
    latency::confirms(door, process, Transport::WebSocket, plan, 0).await?;
    process.settle().await?;
    let (mut rss, mut open) = (process.rss()?, 0);
    let mut levels = Vec::new();
    for sessions in plan.levels.iter().copied() {
        let before = process.cpu()?;
        let added = sessions - open;
        while open < sessions {
            let batch = BATCH.min(sessions - open);
            let replies = control::pour(door, batch, |_| door.open_request()).await?;
            replies.iter().try_for_each(Reply::success)?;
            open += batch;
            progress(&format!("sessions in one process: {open}"));
        }
        process.settle().await?;
        let (now, opened) = (process.rss()?, process.cpu()?);
        levels.push(Level {
            sessions,
            rss: now,
            per_session: (!levels.is_empty()).then_some((now - rss) / float(added)),
            open_us: (opened - before) * 1e6 / float(added),
            spread: latency::confirms(door, process, Transport::WebSocket, plan, 0).await?,
        });
        process.settle().await?;
        rss = process.rss()?;
    }
    Ok(levels)
}
