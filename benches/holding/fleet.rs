//! What a login costs where instances share a Redis, beside one instance that keeps it in memory; and
//! how many commands it takes there, whatever the number of instances.

use std::time::Duration;

use serde::Serialize;
use tokio::time::{Instant, sleep};

use crate::args::{Args, Plan};
use crate::door::Door;
use crate::failures::Failures;
use crate::logins::crowd;
use crate::measure::{Process, Spread, float};
use crate::person::{Person, Ways};
use crate::redis_server::RedisServer;
use crate::saoma::Saoma;
use crate::server::{Kind, Transport};
use crate::table::{Table, figure, ratio};
use crate::{Outcome, progress};

/// How long a fleet that does nothing is listened to: several of its slowest rounds, the probes of the
/// bell.
const IDLE: Duration = Duration::from_secs(12);

#[derive(Serialize)]
pub(crate) struct Shared {
    transport: Transport,
    /// None keeps the sessions in memory.
    instances: Option<usize>,
    per_second: f64,
    #[serde(flatten)]
    spread: Spread,
    /// Microseconds of processor for each login: of all instances, and of Redis.
    server_us: f64,
    redis_us: Option<f64>,
    commands: Option<Commands>,
}

/// What Redis is given.
#[derive(Serialize)]
struct Commands {
    /// For each login: round trips, commands in their scripts, bells.
    requests: f64,
    steps: f64,
    bells: f64,
    /// A second, for each instance that does nothing.
    idle: f64,
}

pub(crate) async fn run(args: &Args, plan: &Plan, failures: &mut Failures) -> Vec<Shared> {
    let mut all = Vec::new();
    for transport in &args.transports {
        for instances in std::iter::once(None).chain(plan.fleets.iter().copied().map(Some)) {
            let what = format!("whole logins: {transport}, {}", said(instances));
            progress(&what);
            all.extend(failures.keep(&what, one(*transport, instances, plan).await));
        }
    }
    all
}

fn said(instances: Option<usize>) -> String {
    instances.map_or_else(|| "in memory".to_owned(), |count| format!("{count} on Redis"))
}

async fn one(transport: Transport, instances: Option<usize>, plan: &Plan) -> Outcome<Shared> {
    let redis = if instances.is_some() { Some(RedisServer::start().await?) } else { None };
    let url = redis.as_ref().map(RedisServer::url);
    let fleet: Vec<Saoma> = (0..instances.unwrap_or(1))
        .map(|_| Saoma::start(Some(1), url.as_deref()))
        .collect::<Outcome<_>>()?;
    let doors: Vec<Door> =
        fleet.iter().map(|saoma| Door { kind: Kind::Saoma, addr: saoma.addr }).collect();
    let commands = match &redis {
        Some(redis) => Some(commands(redis, transport, &doors, plan.counted).await?),
        None => None,
    };
    let servers: Vec<Process> = fleet.iter().map(Saoma::process).collect();
    let used = || servers.iter().try_fold(0.0, |sum, it| Outcome::Ok(sum + it.cpu()?));
    let redis_used = || redis.as_ref().map_or(Ok(0.0), |redis| redis.process().cpu());
    let (there, in_redis, start) = (used()?, redis_used()?, Instant::now());
    let times = crowd(plan, transport, |seat| Ways::around(&doors, seat)).await?;
    let took = start.elapsed();
    let count = float(times.len());
    Ok(Shared {
        transport,
        instances,
        per_second: count / took.as_secs_f64(),
        spread: Spread::of(times)?,
        server_us: (used()? - there) * 1e6 / count,
        redis_us: redis.is_some().then_some((redis_used()? - in_redis) * 1e6 / count),
        commands,
    })
}

/// One person after the other, so that what is done again after a conflict is not in it.
async fn commands(
    redis: &RedisServer,
    transport: Transport,
    doors: &[Door],
    logins: usize,
) -> Outcome<Commands> {
    let idle = redis.count(async {
        sleep(IDLE).await;
        Ok(())
    });
    let idle = idle.await?;
    let mut people = Vec::new();
    for seat in 0..doors.len() {
        people.push(Person::at(Ways::around(doors, seat), transport, seat).await?);
    }
    // The first logins bring the scripts to Redis.
    for person in &mut people {
        person.logs_in().await?;
    }
    let busy = redis.count(async {
        for n in 0..logins {
            let seat = n % people.len();
            people[seat].logs_in().await?;
        }
        Ok(())
    });
    let busy = busy.await?.less(idle);
    let each = float(logins);
    Ok(Commands {
        requests: busy.requests / each,
        steps: busy.steps / each,
        bells: busy.bells / each,
        idle: idle.requests / idle.seconds / float(doors.len()),
    })
}

pub(crate) fn tables(all: &[Shared]) -> String {
    cost(all) + &given(all)
}

fn cost(all: &[Shared]) -> String {
    let heads = [
        "transport",
        "sessions",
        "logins a second",
        "p50, ms",
        "p99, ms",
        "instances' CPU each, µs",
        "Redis' CPU each, µs",
        "CPU over in memory",
    ];
    let mut table = Table::new(2, heads);
    for shared in all {
        let cpu = |it: &Shared| it.server_us + it.redis_us.unwrap_or_default();
        let mut same = all.iter().filter(|it| it.transport == shared.transport);
        let alone = same.find(|it| it.instances.is_none()).map(cpu);
        table.row([
            shared.transport.to_string(),
            said(shared.instances),
            figure(shared.per_second, 0),
            figure(shared.spread.p50, 2),
            figure(shared.spread.p99, 2),
            figure(shared.server_us, 0),
            figure(shared.redis_us, 0),
            figure(ratio(Some(cpu(shared)), alone), 2),
        ]);
    }
    table.under("Whole logins, each step at another instance (all on the same cores)")
}

fn given(all: &[Shared]) -> String {
    let heads = [
        "transport",
        "sessions",
        "round trips a login",
        "commands in scripts a login",
        "bells a login",
        "commands a second of an idle instance",
    ];
    let mut table = Table::new(2, heads);
    for shared in all {
        let Some(commands) = &shared.commands else { continue };
        table.row([
            shared.transport.to_string(),
            said(shared.instances),
            figure(commands.requests, 1),
            figure(commands.steps, 1),
            figure(commands.bells, 1),
            figure(commands.idle, 1),
        ]);
    }
    table.under("What Redis is given")
}
