//! Looking into WeChat: what was called, made, pushed and sent.

use std::time::Duration;

use serde::Serialize;
use serde_json::Value;
use tokio::time::timeout;

use super::{Told, shown};
use crate::api::Call;
use crate::callbacks::Outcome;
use crate::record::End;
use crate::world::{Shared, World};

/// How long anything is waited for at most.
const PATIENCE: Duration = Duration::from_secs(30);

/// A list, as soon as there is enough in it.
pub(super) async fn list(shared: &Shared, call: &Call, what: &str) -> Told {
    let number = |name: &str| {
        let number = call.query(name).map(str::parse::<usize>).transpose();
        number.map_err(|error| format!("{name}: {error}"))
    };
    let (at_least, wait) = (number("at_least")?.unwrap_or(0), number("wait_ms")?);
    let patience = wait.map_or(PATIENCE, |ms| Duration::from_millis(ms as u64));
    let enough = shared.see(|world| {
        let list = listed(world, call, what);
        (list.len() >= at_least).then_some(list)
    });
    if let Ok(list) = timeout(patience, enough).await {
        return shown(list);
    }
    let there = shared.change(|world| listed(world, call, what).len());
    Err(format!("{there} {what} within {patience:?}, and not {at_least}"))
}

/// What is over: a call that is answered or given up, a callback that is delivered or given up.
/// With `?all`, what is under way, too.
fn listed(world: &World, call: &Call, what: &str) -> Vec<Value> {
    let all = call.query("all").is_some();
    match what {
        "calls" => {
            let path = |entry: &str| call.query("path").is_none_or(|path| path == entry);
            let entries = world.record.entries.values();
            let entries = entries.filter(|e| path(&e.path) && (all || e.end != End::Pending));
            of_app(call, entries)
        }
        "pushes" => {
            let pushes = world.callbacks.0.iter();
            of_app(call, pushes.filter(|push| all || push.outcome != Outcome::Pending))
        }
        "codes" => of_app(call, world.codes.all.iter()),
        _ => of_app(call, world.messages.sent.iter()),
    }
}

fn of_app<T: Serialize>(call: &Call, items: impl Iterator<Item = T>) -> Vec<Value> {
    let values = items.filter_map(|item| serde_json::to_value(item).ok());
    let of_app = |item: &Value| {
        call.query("appid").is_none_or(|appid| item["appid"].as_str() == Some(appid))
    };
    values.filter(of_app).collect()
}

pub(super) fn counts(world: &World) -> Told {
    shown(&world.record.counts)
}

pub(super) fn forget(world: &mut World) -> Told {
    world.record.clear();
    shown(serde_json::json!({}))
}
