//! `cargo bench --bench holding`: what a pending login costs while nothing happens to it, and how
//! fast it moves when something does, beside nginx with Nchan in the same run.
//!
//! Here: the order of the measurements, and nothing of how any of them is made. Each measurement is a
//! file (`held`, `latency`, `logins`, `history`, `pool`, `fleet`, `million`); what they share is below
//! them: `crowd` (many subscribers), `subscriber` (one), `person` (a whole login), `looker` (who wants
//! a code), `decode` (bytes to events), `control` (requests), `door` (how a server is asked for
//! things), `saoma`, `nchan` and `redis_server` (their processes), `measure` (what /proc says). WeChat
//! and PostgreSQL are those of the tests.

mod args;
mod browser;
mod budgets;
mod control;
mod crowd;
mod decode;
mod door;
mod failures;
mod fleet;
mod held;
mod history;
mod latency;
mod logins;
mod looker;
mod machine;
mod measure;
mod million;
mod nchan;
mod person;
mod pool;
#[path = "../../tests/support/postgres.rs"]
#[allow(dead_code, reason = "shared with the tests")]
mod postgres;
mod redis_server;
mod report;
mod saoma;
mod server;
#[path = "../../tests/wechat_stub/stub.rs"]
#[allow(dead_code, reason = "shared with the stub's own tests")]
mod stub;
mod subscriber;
mod table;
mod wire;

use std::process::ExitCode;

use args::{Args, Section};
use clap::Parser;
use report::Report;
use server::Kind;

/// Nothing is repaired: a measurement in which anything went wrong is none.
type Outcome<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

fn main() -> Outcome<ExitCode> {
    let args = Args::parse();
    // Each held login is a descriptor here and one in the server, which inherits the limit.
    let limit = rlimit::increase_nofile_limit(u64::MAX)?;
    // One thread, so that the client leaves the other core to the server and a time stamp taken after
    // a read is not late by a hop between threads.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let report = runtime.block_on(run(&args, limit))?;
    if let Some(path) = &args.json {
        std::fs::write(path, serde_json::to_vec_pretty(&report)?)?;
    }
    println!("{}", report.markdown());
    Ok(if report.failures.any() { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

async fn run(args: &Args, limit: u64) -> Outcome<Report> {
    let plan = args.plan(limit)?;
    let mut servers = args.servers.clone();
    if servers.contains(&Kind::Nchan) && !nchan::installed() {
        progress("nginx with Nchan is not installed: no yardstick (benches/run installs it)");
        servers.retain(|kind| *kind != Kind::Nchan);
    }
    let mut report = Report::of(machine::facts(&servers), &plan);
    if args.wants_any(&[Section::Memory, Section::Connect, Section::Burst, Section::Idle]) {
        report.held = held::run(args, &plan, &servers, &mut report.failures).await;
    }
    if args.wants(Section::Latency) {
        report.latency = latency::run(args, &plan, &servers, &mut report.failures).await;
    }
    if servers.contains(&Kind::Saoma) {
        if args.wants(Section::Logins) {
            report.logins = logins::run(args, &plan, &mut report.failures).await;
        }
        if args.wants(Section::History) {
            report.history = history::run(&plan, &mut report.failures).await;
        }
        if args.wants(Section::Pool) {
            report.pool = pool::run(&plan, &mut report.failures).await;
        }
        if args.wants(Section::Fleet) {
            report.fleet = fleet::run(args, &plan, &mut report.failures).await;
        }
        if args.wants(Section::Million) {
            let measured = million::run(&plan).await;
            let levels = report.failures.keep("sessions in one process", measured);
            report.million = levels.unwrap_or_default();
        }
    }
    Ok(report)
}

/// Progress goes to standard error, so that standard output is the report alone.
fn progress(line: &str) {
    eprintln!("· {line}");
}
