//! Looking into WeChat: what was called, made, pushed and sent.

use std::time::Duration;

use tokio::time::timeout;

use super::{Told, shown};
use crate::api::Call;
use crate::callbacks::{Outcome, Push};
use crate::codes::Code;
use crate::messages::Message;
use crate::record::{End, Entry};
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
        let seen = Seen { world, call };
        (seen.count(what) >= at_least).then(|| seen.list(what))
    });
    if let Ok(list) = timeout(patience, enough).await {
        return list;
    }
    let there = shared.change(|world| Seen { world, call }.count(what));
    Err(format!("{there} {what} within {patience:?}, and not {at_least}"))
}

/// What is over: a call that is answered or given up, a callback that is delivered or given up.
/// With `?all`, what is under way, too.
struct Seen<'a> {
    world: &'a World,
    call: &'a Call,
}

impl<'a> Seen<'a> {
    /// How many there are; it is asked after each change, and must be cheap.
    fn count(&self, what: &str) -> usize {
        match what {
            "calls" => self.calls().count(),
            "pushes" => self.pushes().count(),
            "codes" => self.codes().count(),
            _ => self.messages().count(),
        }
    }

    fn list(&self, what: &str) -> Told {
        match what {
            "calls" => shown(self.calls().collect::<Vec<_>>()),
            "pushes" => shown(self.pushes().collect::<Vec<_>>()),
            "codes" => shown(self.codes().collect::<Vec<_>>()),
            _ => shown(self.messages().collect::<Vec<_>>()),
        }
    }

    fn calls(&self) -> impl Iterator<Item = &'a Entry> {
        let path = self.call.query("path");
        let over = |entry: &&Entry| self.all() || entry.end != End::Pending;
        let entries = self.world.record.entries.values();
        entries
            .filter(move |entry| path.is_none_or(|path| path == entry.path))
            .filter(over)
            .filter(|entry| self.of_app(entry.appid.as_deref()))
    }

    fn pushes(&self) -> impl Iterator<Item = &'a Push> {
        let over = |push: &&Push| self.all() || push.outcome != Outcome::Pending;
        let pushes = self.world.callbacks.0.iter();
        pushes.filter(over).filter(|push| self.of_app(Some(&push.appid)))
    }

    fn codes(&self) -> impl Iterator<Item = &'a Code> {
        self.world.codes.all.iter().filter(|code| self.of_app(Some(&code.appid)))
    }

    fn messages(&self) -> impl Iterator<Item = &'a Message> {
        let sent = self.world.messages.sent.iter();
        sent.filter(|message| self.of_app(Some(&message.appid)))
    }

    fn all(&self) -> bool {
        self.call.query("all").is_some()
    }

    fn of_app(&self, appid: Option<&str>) -> bool {
        self.call.query("appid").is_none_or(|wanted| appid == Some(wanted))
    }
}

pub(super) fn counts(world: &World) -> Told {
    shown(&world.record.counts)
}

pub(super) fn forget(world: &mut World) -> Told {
    world.record.clear();
    shown(serde_json::json!({}))
}
