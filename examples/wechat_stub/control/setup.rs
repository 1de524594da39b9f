//! Setting WeChat up: apps, people, the time, faults.

use serde::Deserialize;
use serde_json::{Value, json};

use super::{Told, app as known, shown, told};
use crate::api::Call;
use crate::apps::App;
use crate::clock::SECOND;
use crate::faults::Fault;
use crate::world::World;

pub(super) fn apps(world: &World) -> Told {
    shown(&world.apps)
}

/// Registers an app; of one that is there, what is named is changed, and nothing else.
pub(super) fn app(world: &mut World, call: &Call) -> Told {
    let changes: serde_json::Map<String, Value> = told(call)?;
    let appid = changes.get("appid").and_then(Value::as_str).ok_or("no appid")?;
    let mut app = match world.apps.get(appid) {
        Some(app) => serde_json::to_value(app).map_err(|error| error.to_string())?,
        None => json!({}),
    };
    for (name, value) in &changes {
        app[name] = value.clone();
    }
    let app: App = serde_json::from_value(app).map_err(|error| error.to_string())?;
    world.apps.insert(app.appid.clone(), app.clone());
    shown(&app)
}

pub(super) fn person(world: &mut World, call: &Call) -> Told {
    let profile: crate::people::Profile = told(call)?;
    world.people.insert(profile.clone());
    shown(&profile)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Time {
    #[serde(default)]
    forward_s: u64,
    stop: Option<bool>,
}

pub(super) fn clock(world: &mut World, call: &Call) -> Told {
    let time: Time = told(call)?;
    if let Some(stop) = time.stop {
        world.clock.stop(stop);
    }
    world.clock.forward(time.forward_s * SECOND);
    shown(json!({ "now_ms": world.now() }))
}

pub(super) fn faults(world: &World) -> Told {
    let in_force = world.faults.0.iter().filter(|fault| fault.times != Some(0));
    shown(in_force.collect::<Vec<_>>())
}

pub(super) fn fault(world: &mut World, call: &Call) -> Told {
    let fault: Fault = told(call)?;
    world.faults.0.push(fault.clone());
    shown(&fault)
}

pub(super) fn no_faults(world: &mut World) -> Told {
    world.faults.0.clear();
    shown(json!({}))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Whose {
    appid: String,
}

pub(super) fn revoke(world: &mut World, call: &Call) -> Told {
    let Whose { appid } = told(call)?;
    world.tokens.revoke(&known(world, &appid)?.appid);
    shown(json!({}))
}

pub(super) fn reset(world: &mut World) -> Told {
    world.reset();
    shown(json!({}))
}
