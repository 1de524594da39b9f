//! The command line, and the plan it stands for: how many, how long, how often.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, ValueEnum};
use serde::Serialize;

use crate::Outcome;
use crate::server::{Kind, Transport};

/// Descriptors that are not held logins: control connections, files, the server's own.
const SPARE_DESCRIPTORS: u64 = 500;

/// Measures saoma, with nginx and Nchan beside it as the yardstick.
#[derive(Parser)]
#[command(name = "holding")]
pub(crate) struct Args {
    /// Small counts and short times: says whether it runs, not how well.
    #[arg(long)]
    pub(crate) quick: bool,
    /// Only these measurements.
    #[arg(long, value_delimiter = ',')]
    only: Vec<Section>,
    /// Only these transports.
    #[arg(long, value_delimiter = ',', default_values_t = Transport::ALL)]
    pub(crate) transports: Vec<Transport>,
    /// Only these servers.
    #[arg(long, value_delimiter = ',', default_values_t = [Kind::Saoma, Kind::Nchan])]
    pub(crate) servers: Vec<Kind>,
    /// Rounds of each comparison, the servers taking turns.
    #[arg(long)]
    rounds: Option<u32>,
    /// Also write every figure to this file.
    #[arg(long)]
    pub(crate) json: Option<PathBuf>,
    /// Cargo says this to every bench target.
    #[arg(long, hide = true)]
    bench: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Section {
    Memory,
    Connect,
    Burst,
    Idle,
    Latency,
    Logins,
    History,
    Pool,
    Fleet,
    Million,
}

/// The sizes of one run.
#[derive(Clone, Serialize)]
pub(crate) struct Plan {
    pub(crate) rounds: u32,
    /// Memory is the slope between these two counts, so that the empty server is not in it.
    pub(crate) few: usize,
    pub(crate) many: usize,
    /// Whole heartbeats of 15 s, or the figure would depend on when it was begun.
    pub(crate) idle: Duration,
    /// Confirmations (or publications) in one latency round.
    pub(crate) confirms: usize,
    pub(crate) confirms_per_second: u32,
    /// Other subscribers held while latency is measured.
    pub(crate) bystanders: usize,
    pub(crate) people: usize,
    pub(crate) logins: Duration,
    /// Browsers that come at a fixed rate for a code; and those that come as fast as they can, with
    /// so many at once.
    pub(crate) lookers: usize,
    pub(crate) lookers_per_second: u32,
    pub(crate) rush: usize,
    pub(crate) rush_at_once: usize,
    /// Instances that share a Redis.
    pub(crate) fleets: Vec<usize>,
    /// Logins whose commands are counted.
    pub(crate) counted: usize,
    /// Pending sessions at which memory and latency are looked at.
    pub(crate) levels: Vec<usize>,
}

impl Args {
    pub(crate) fn wants(&self, section: Section) -> bool {
        self.only.is_empty() || self.only.contains(&section)
    }

    pub(crate) fn wants_any(&self, sections: &[Section]) -> bool {
        sections.iter().any(|section| self.wants(*section))
    }

    pub(crate) fn plan(&self, descriptors: u64) -> Outcome<Plan> {
        let mut plan = if self.quick { quick() } else { full() };
        plan.rounds = self.rounds.unwrap_or(plan.rounds).max(1);
        let room = usize::try_from(descriptors.saturating_sub(SPARE_DESCRIPTORS))?;
        if room < plan.many {
            return Err(
                format!("{} descriptors are too few to hold {}", descriptors, plan.many).into()
            );
        }
        Ok(plan)
    }
}

fn full() -> Plan {
    Plan {
        rounds: 2,
        few: 2_000,
        many: 16_000,
        idle: Duration::from_secs(30),
        confirms: 2_000,
        confirms_per_second: 200,
        bystanders: 2_000,
        people: 32,
        logins: Duration::from_secs(10),
        lookers: 500,
        lookers_per_second: 100,
        rush: 1_200,
        rush_at_once: 64,
        fleets: vec![1, 2, 3, 5],
        counted: 200,
        levels: vec![1_000, 100_000, 1_000_000],
    }
}

fn quick() -> Plan {
    Plan {
        rounds: 1,
        few: 500,
        many: 2_000,
        idle: Duration::from_secs(2),
        confirms: 200,
        confirms_per_second: 200,
        bystanders: 500,
        people: 8,
        logins: Duration::from_secs(2),
        lookers: 50,
        lookers_per_second: 50,
        rush: 100,
        rush_at_once: 16,
        fleets: vec![1, 3],
        counted: 20,
        levels: vec![1_000, 20_000],
    }
}
