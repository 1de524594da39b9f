//! Everything that WeChat knows, and the one lock around it.

use parking_lot::Mutex;
use reqwest::Client;
use tokio::sync::watch;

use crate::apps::Apps;
use crate::callbacks::Callbacks;
use crate::clock::{Clock, Moment};
use crate::codes::Codes;
use crate::delivery;
use crate::dice::Dice;
use crate::faults::Faults;
use crate::followers::Followers;
use crate::grants::Grants;
use crate::logins::Logins;
use crate::messages::Messages;
use crate::people::People;
use crate::phones::Phones;
use crate::quotas::Quotas;
use crate::record::Record;
use crate::tickets::Tickets;
use crate::tokens::Tokens;
use crate::website::Website;

/// Everything that WeChat knows.
#[derive(Default)]
pub(crate) struct World {
    pub(crate) clock: Clock,
    pub(crate) dice: Dice,
    pub(crate) apps: Apps,
    pub(crate) people: People,
    pub(crate) quotas: Quotas,
    pub(crate) tokens: Tokens,
    pub(crate) codes: Codes,
    pub(crate) logins: Logins,
    pub(crate) phones: Phones,
    pub(crate) tickets: Tickets,
    pub(crate) followers: Followers,
    pub(crate) callbacks: Callbacks,
    pub(crate) messages: Messages,
    pub(crate) website: Website,
    pub(crate) grants: Grants,
    pub(crate) faults: Faults,
    pub(crate) record: Record,
}

impl World {
    fn new() -> Self {
        let clock = Clock::default();
        let dice = Dice::new(clock.now());
        Self { clock, dice, ..Self::default() }
    }

    pub(crate) fn now(&self) -> Moment {
        self.clock.now()
    }

    /// Forgets everything. The dice go on, so that no token of before works by chance.
    pub(crate) fn reset(&mut self) {
        let dice = std::mem::take(&mut self.dice);
        let record = std::mem::take(&mut self.record).forgotten();
        *self = Self { dice, record, ..Self::default() };
    }
}

/// The world among all connections.
pub(crate) struct Shared {
    world: Mutex<World>,
    changes: watch::Sender<()>,
    /// What callbacks go out by.
    pub(crate) client: Client,
}

impl Shared {
    pub(crate) fn new() -> Self {
        let (changes, _) = watch::channel(());
        Self { world: Mutex::new(World::new()), changes, client: delivery::client() }
    }

    /// Does something to the world; whoever waits for it looks again.
    pub(crate) fn change<T>(&self, act: impl FnOnce(&mut World) -> T) -> T {
        let done = act(&mut self.world.lock());
        self.changes.send_replace(());
        done
    }

    /// Looks again and again, after each change, until there is something to see.
    pub(crate) async fn see<T>(&self, mut look: impl FnMut(&World) -> Option<T>) -> T {
        let mut changes = self.changes.subscribe();
        loop {
            if let Some(seen) = look(&self.world.lock()) {
                return seen;
            }
            if changes.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }
}
