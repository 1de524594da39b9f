//! `saoma pool`: looks after codes that are made ahead, beside servers or before there is one.

use std::io::Write;

use clap::{Args, Subcommand};
use indicatif::{HumanDuration, ProgressBar, ProgressState, ProgressStyle};
use saoma::clock::Clock;
use saoma::codes::{Pool, Report, Stock};
use saoma::config::{Config, Numbering};
use saoma::entropy::Entropy;
use saoma::server::assemble;
use saoma::server::pools::{Tended, tend};
use serde_json::{Value, json};

use super::{Failed, Settings};

#[derive(Args)]
pub(crate) struct PoolCommand {
    /// The namespace; needed where several have a pool
    #[arg(long, global = true, value_name = "NAME")]
    namespace: Option<String>,
    #[command(subcommand)]
    doing: Doing,
}

#[derive(Subcommand)]
enum Doing {
    /// Make more codes; may be stopped at any moment, and run again
    Fill {
        /// How many
        #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
        count: u64,
    },
    /// Say how many codes there are
    Status {
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Clear away codes that were used, and pictures that no code has any more
    Prune,
}

/// Looks after pools.
pub(crate) fn pool(settings: &Settings, command: &PoolCommand) -> Result<(), Failed> {
    let config = settings.load().map_err(Failed::Settings)?;
    let namespaces = namespaces(&config, command.namespace.as_deref())?;
    super::beside_servers(async {
        let (clock, entropy) = (Clock::system(), Entropy::system());
        let public_url = assemble::public_url(&config, config.listen);
        let chosen = |name: &str| namespaces.iter().any(|chosen| chosen == name);
        let tended = tend(&config, &public_url, chosen, clock, entropy).await;
        let tended = tended.map_err(|error| Failed::Settings(error.to_string()))?;
        let done = match command.doing {
            Doing::Fill { count } => fill(&tended, count).await,
            Doing::Status { json } => status(&tended.pools, json).await,
            Doing::Prune => prune(&tended).await,
        };
        tended.database.close().await;
        done
    })
}

/// The namespaces that are meant: all that have a pool, or the one that is named.
fn namespaces(config: &Config, named: Option<&str>) -> Result<Vec<String>, Failed> {
    let wrong = |why: String| Err(Failed::Settings(why));
    let pools = config.namespaces.iter().filter(|(_, it)| it.numbering == Numbering::Pool);
    let pools: Vec<String> = pools.map(|(name, _)| name.clone()).collect();
    match named {
        Some(name) if pools.iter().any(|pool| pool == name) => Ok(vec![name.to_owned()]),
        Some(name) => {
            wrong(format!("--namespace {name}: there is no namespace of that name with a pool"))
        }
        None if pools.is_empty() => {
            wrong("no namespace has a pool: set `numbering = \"pool\"`".to_owned())
        }
        None => Ok(pools),
    }
}

async fn fill(tended: &Tended, count: u64) -> Result<(), Failed> {
    if let [_, other, ..] = &*tended.pools {
        let why =
            format!("several namespaces have a pool: say which, --namespace {}", other.namespace());
        return Err(Failed::Settings(why));
    }
    let bar = bar(count);
    let report = |report: Report<'_>| match report {
        Report::Made => bar.inc(1),
        Report::Waiting(holder) => say(&bar, &format!("waiting for {holder}, which makes codes")),
        Report::Again(why, wait) => say(&bar, &format!("{why}; again in {} s", wait.as_secs())),
    };
    let filled = tokio::select! {
        filled = tended.filler.fill(count, &report) => filled.map_err(|error| error.to_string()),
        _ = tokio::signal::ctrl_c() => Err("stopped; run it again to go on".to_owned()),
    };
    let made = bar.position();
    bar.finish_and_clear();
    match filled {
        Ok(()) => {
            println!("made {made} codes");
            Ok(())
        }
        Err(why) => {
            tended.filler.leave().await;
            Err(Failed::Done(format!("made {made} of {count} codes: {why}")))
        }
    }
}

/// A bar, where there is a terminal. How long it takes is not known before the first is made.
fn bar(count: u64) -> ProgressBar {
    let left = |state: &ProgressState, line: &mut dyn std::fmt::Write| {
        let left = HumanDuration(state.eta());
        let _ = if state.pos() > 0 { write!(line, "{left:#} left") } else { Ok(()) };
    };
    let bar = ProgressBar::new(count);
    if let Ok(style) = ProgressStyle::with_template("{bar:40} {pos}/{len} codes  {left}") {
        bar.set_style(style.with_key("left", left));
    }
    bar
}

/// Says it in a line of its own, above the bar if there is one.
fn say(bar: &ProgressBar, what: &str) {
    bar.suspend(|| eprintln!("{what}"));
}

async fn status(pools: &[Pool], as_json: bool) -> Result<(), Failed> {
    let mut out = std::io::stdout().lock();
    let mut all = Vec::new();
    for pool in pools {
        let stock = pool.stock().await.map_err(|error| Failed::Done(error.to_string()))?;
        let Stock { free, making, taken, outdated, numbers } = stock;
        all.push(json!({
            "namespace": pool.namespace(),
            "free": free,
            "making": making,
            "taken": taken,
            "outdated": outdated,
            "next_number": numbers,
        }));
    }
    let text = if as_json {
        format!("{}\n", Value::from(all))
    } else {
        let head =
            "namespace                         free   making    taken  outdated  next number\n";
        let row = |row: &Value| {
            let number = |name: &str| row[name].as_u64().unwrap_or_default();
            format!(
                "{:<30} {:>7}  {:>7}  {:>7}  {:>8}  {:>11}\n",
                row["namespace"].as_str().unwrap_or_default(),
                number("free"),
                number("making"),
                number("taken"),
                number("outdated"),
                number("next_number"),
            )
        };
        std::iter::once(head.to_owned()).chain(all.iter().map(row)).collect()
    };
    // Whoever reads has heard enough.
    let _ = out.write_all(text.as_bytes());
    Ok(())
}

async fn prune(tended: &Tended) -> Result<(), Failed> {
    let report = |report: Report<'_>| {
        if let Report::Waiting(holder) = report {
            eprintln!("waiting for {holder}, which makes codes");
        }
    };
    let pruned = tended.filler.prune(&report).await;
    let (codes, pictures) = pruned.map_err(|error| Failed::Done(error.to_string()))?;
    println!("cleared away {codes} used codes and {pictures} pictures");
    Ok(())
}
