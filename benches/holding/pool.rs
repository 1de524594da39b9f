//! What it is worth to make codes ahead: sessions and their pictures with codes from a pool, in SQLite
//! and in PostgreSQL, beside codes that WeChat makes for each session, which takes it 300 ms.

use std::fmt;
use std::time::Duration;

use futures_util::future::try_join_all;
use serde::Serialize;
use serde_json::json;
use tempfile::TempDir;
use tokio::process::Command;
use tokio::time::Instant;

use crate::args::Plan;
use crate::door::Door;
use crate::failures::Failures;
use crate::looker::{self, After};
use crate::measure::{Process, Spread, float};
use crate::postgres::Postgres;
use crate::saoma::{self, Saoma, Setting};
use crate::server::Kind;
use crate::stub::{MINI, SECRET, Stub};
use crate::table::{Table, figure, ratio};
use crate::{Outcome, progress};

const CODES: &str = "/wxa/getwxacodeunlimit";
/// How long WeChat takes for a code.
const LATENCY: Duration = Duration::from_millis(300);
/// The first sessions bring connections, tokens and statements, and are not measured.
const FIRST: usize = 100;
/// Codes that stay, so that no more are made.
const SPARE: usize = 50;

#[derive(Clone, Copy, PartialEq, Eq, Serialize)]
enum Codes {
    Fresh,
    InSqlite,
    InPostgres,
}

impl Codes {
    const ALL: [Self; 3] = [Self::Fresh, Self::InSqlite, Self::InPostgres];
}

impl fmt::Display for Codes {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Fresh => "fresh",
            Self::InSqlite => "pool, SQLite",
            Self::InPostgres => "pool, PostgreSQL",
        })
    }
}

/// One server of one round.
#[derive(Serialize)]
pub(crate) struct Sessions {
    codes: Codes,
    round: u32,
    /// From the request to the whole picture, at a fixed rate.
    #[serde(flatten)]
    spread: Spread,
    /// As many as there can be, each with its picture; and where no picture is waited for.
    with_picture: f64,
    alone: f64,
    /// Microseconds of the server's processor for each of the latter.
    server_us: f64,
    /// Codes that WeChat was asked for meanwhile.
    calls: u64,
    filled: Option<Filled>,
}

/// What `saoma pool fill` took.
#[derive(Clone, Copy, Serialize)]
struct Filled {
    codes: usize,
    seconds: f64,
}

/// Where a server of one round is at home.
struct Home {
    codes: Codes,
    settings: Vec<Setting>,
    filled: Option<Filled>,
    _dir: TempDir,
}

pub(crate) async fn run(plan: &Plan, failures: &mut Failures) -> Vec<Sessions> {
    // They are the tests', and panic where they cannot be.
    let started = tokio::spawn(services()).await.map_err(Into::into);
    let Some((wechat, postgres)) = failures.keep("WeChat's stub and PostgreSQL", started) else {
        return Vec::new();
    };
    let mut all = Vec::new();
    for round in 1..=plan.rounds {
        let what = format!("pools, round {round} of {}", plan.rounds);
        progress(&what);
        let measured = turns(round, plan, &wechat, &postgres).await;
        all.extend(failures.keep(&what, measured).unwrap_or_default());
    }
    all
}

async fn services() -> (Stub, Postgres) {
    let wechat = Stub::start().await;
    wechat.set(MINI, "pages", json!(["pages/wsLogin/wsLogin"])).await;
    // How many codes WeChat makes in a minute is not what is measured.
    wechat.set(MINI, "limits", json!({ "codes_per_minute": u32::MAX })).await;
    let latency = u64::try_from(LATENCY.as_millis()).unwrap_or_default();
    wechat.breaks(CODES, json!({ "latency_ms": latency })).await;
    // As Debian has it: what is committed is on the disk.
    (wechat, Postgres::start_with("fsync=on"))
}

async fn turns(
    round: u32,
    plan: &Plan,
    wechat: &Stub,
    postgres: &Postgres,
) -> Outcome<Vec<Sessions>> {
    let count = FIRST + plan.lookers + 2 * plan.rush + SPARE;
    let homes = Codes::ALL.map(|codes| Home::new(codes, count, wechat, postgres));
    let mut all = Vec::new();
    // What takes its time is WeChat's quota, which nobody here is in the way of.
    for home in try_join_all(homes).await? {
        progress(&format!("pools: {}, round {round} of {}", home.codes, plan.rounds));
        all.push(one(&home, round, plan, wechat).await?);
    }
    Ok(all)
}

impl Home {
    /// A new one; with a pool, that is filled.
    async fn new(codes: Codes, count: usize, wechat: &Stub, postgres: &Postgres) -> Outcome<Self> {
        let dir = tempfile::tempdir()?;
        let mut settings = vec![
            ("SAOMA_DATA_DIR", dir.path().to_string_lossy().into_owned()),
            ("SAOMA_PROVIDER", "mini_program".to_owned()),
            ("SAOMA_WECHAT_API_URL", wechat.base.clone()),
            ("SAOMA_WECHAT_APP_ID", MINI.to_owned()),
            ("SAOMA_WECHAT_APP_SECRET", SECRET.to_owned()),
        ];
        if codes == Codes::InPostgres {
            settings.push(("SAOMA_DATABASE_URL", postgres.new_database()));
        }
        let mut filled = None;
        if codes != Codes::Fresh {
            let (size, one) = (count.to_string(), "1".to_owned());
            settings.extend([
                ("SAOMA_NUMBERING", "pool".to_owned()),
                ("SAOMA_POOL_SIZE", size.clone()),
                ("SAOMA_POOL_LOW_WATER", one.clone()),
                ("SAOMA_POOL_GROW_BY", one),
            ]);
            let start = Instant::now();
            let mut fill = Command::from(saoma::command(&settings));
            let done = fill.args(["pool", "fill", "--count", &size]).output().await?;
            if !done.status.success() {
                return Err(format!("no pool: {}", String::from_utf8_lossy(&done.stderr)).into());
            }
            filled = Some(Filled { codes: count, seconds: start.elapsed().as_secs_f64() });
        }
        Ok(Self { codes, settings, filled, _dir: dir })
    }
}

async fn one(home: &Home, round: u32, plan: &Plan, wechat: &Stub) -> Outcome<Sessions> {
    let saoma = Saoma::start_with(&home.settings)?;
    let door = Door { kind: Kind::Saoma, addr: saoma.addr };
    let server: Process = saoma.process();
    let before = calls(wechat).await;
    looker::rush(door, FIRST, plan.rush_at_once, After::Picture).await?;
    let looked = looker::steadily(door, plan.lookers, plan.lookers_per_second).await?;
    let rush = async |after| {
        let took = looker::rush(door, plan.rush, plan.rush_at_once, after).await?;
        Outcome::Ok(float(plan.rush) / took.as_secs_f64())
    };
    let with_picture = rush(After::Picture).await?;
    let used = server.cpu()?;
    let alone = rush(After::Session).await?;
    let server_us = (server.cpu()? - used) * 1e6 / float(plan.rush);
    let calls = calls(wechat).await - before;
    if home.codes != Codes::Fresh && calls > 0 {
        return Err(format!("{}: WeChat was asked for {calls} codes", home.codes).into());
    }
    let (codes, filled, spread) = (home.codes, home.filled, Spread::of(looked)?);
    Ok(Sessions { codes, round, spread, with_picture, alone, server_us, calls, filled })
}

/// How many codes WeChat was asked for so far.
async fn calls(wechat: &Stub) -> u64 {
    wechat.see("counts").await[CODES]["calls"].as_u64().unwrap_or_default()
}

pub(crate) fn tables(all: &[Sessions], plan: &Plan) -> String {
    looks(all, plan) + &rushes(all, plan) + &fills(all)
}

/// A figure over that of fresh codes in the same round.
fn over(all: &[Sessions], one: &Sessions, figure: fn(&Sessions) -> f64) -> Option<f64> {
    let fresh = all.iter().find(|it| it.round == one.round && it.codes == Codes::Fresh);
    ratio(Some(figure(one)), fresh.map(figure))
}

fn looks(all: &[Sessions], plan: &Plan) -> String {
    let heads = [
        "codes",
        "round",
        "p50",
        "p99",
        "p50 over fresh",
        "p99 over fresh",
        "codes asked of WeChat",
    ];
    let mut table = Table::new(1, heads);
    for one in all {
        table.row([
            one.codes.to_string(),
            one.round.to_string(),
            figure(one.spread.p50, 1),
            figure(one.spread.p99, 1),
            figure(over(all, one, |it| it.spread.p50), 3),
            figure(over(all, one, |it| it.spread.p99), 3),
            one.calls.to_string(),
        ]);
    }
    table.under(&format!(
        "Session → whole picture, ms ({} browsers a second, WeChat takes {} ms)",
        plan.lookers_per_second,
        LATENCY.as_millis()
    ))
}

fn rushes(all: &[Sessions], plan: &Plan) -> String {
    let heads = [
        "codes",
        "round",
        "with the picture",
        "over fresh",
        "session alone",
        "over fresh",
        "server CPU of these each, µs",
    ];
    let mut table = Table::new(1, heads);
    for one in all {
        table.row([
            one.codes.to_string(),
            one.round.to_string(),
            figure(one.with_picture, 0),
            figure(over(all, one, |it| it.with_picture), 2),
            figure(one.alone, 0),
            figure(over(all, one, |it| it.alone), 2),
            figure(one.server_us, 0),
        ]);
    }
    table.under(&format!("Sessions a second at most ({} browsers at once)", plan.rush_at_once))
}

fn fills(all: &[Sessions]) -> String {
    let mut table = Table::new(1, ["codes", "round", "made", "seconds", "a minute"]);
    for one in all {
        let Some(Filled { codes, seconds }) = one.filled else { continue };
        table.row([
            one.codes.to_string(),
            one.round.to_string(),
            codes.to_string(),
            figure(seconds, 1),
            figure(float(codes) / seconds * 60.0, 0),
        ]);
    }
    table.under("`saoma pool fill`")
}
