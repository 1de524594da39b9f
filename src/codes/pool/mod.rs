//! The pool: codes that are made ahead, numbered from 0 up, handed out in that order.
//!
//! [`Pool`] hands them out; [`shelf`] keeps them in the database, [`maker`] makes them, and
//! [`filler`] sees to it that there are some, at one instance of all, by a [`lease`].

mod filler;
mod lease;
mod maker;
mod shelf;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::{Notify, oneshot};
use tokio::time::timeout;

use super::picture::{self, media_type_of};
use super::storage::Storage;
use crate::clock::{Clock, Timestamp};
use crate::database::{Database, NoAnswer, answer};
use crate::entropy::Entropy;
use crate::login::ports::{
    CodeState, Fault, Image, ImageFormat, Listed, Numbered, Numbering, PictureAt, PortError,
    Provider, Stamp,
};
use crate::login::scene::Scene;
use crate::metrics::Metrics;
use shelf::{Entry, Shelf};

pub use filler::{Filler, Report, Unfilled};
pub use shelf::Stock;

/// How long a browser waits for the database before it gets a code made for it.
const MOMENT: Duration = Duration::from_secs(4);

/// The rules of a pool.
#[derive(Clone, Debug)]
pub struct Rules {
    /// The namespace.
    pub namespace: String,
    /// Codes to begin with.
    pub size: u64,
    /// Free codes below which more are made.
    pub low_water: u64,
    /// Codes made at a time.
    pub grow_by: u64,
    /// Whether a code may serve again, when its session is over and it has rested for as long.
    pub reuse: Option<Duration>,
}

/// What a pool is made with.
#[derive(Clone)]
pub struct Parts {
    /// Where the codes are written down.
    pub database: Database,
    /// Where their pictures are.
    pub storage: Storage,
    /// Who makes them.
    pub provider: Arc<dyn Provider>,
    /// The time.
    pub clock: Clock,
    /// For scenes and the names of pictures.
    pub entropy: Entropy,
    /// What is counted.
    pub metrics: Arc<Metrics>,
}

/// A namespace's codes that are made ahead. Cheap to clone.
#[derive(Clone)]
pub struct Pool(Arc<Inner>);

struct Inner {
    rules: Rules,
    shelf: Shelf,
    parts: Parts,
    /// Somebody found the pool empty.
    empty: Notify,
}

impl Pool {
    /// A pool of codes for this stamp.
    #[must_use]
    pub fn new(rules: Rules, stamp: Stamp, parts: Parts) -> Self {
        let (database, namespace) = (parts.database.clone(), rules.namespace.clone());
        let shelf = Shelf::new(database, namespace, stamp, rules.reuse.is_some());
        parts.metrics.pool.begin(&rules.namespace, rules.low_water);
        Self(Arc::new(Inner { rules, shelf, parts, empty: Notify::new() }))
    }

    /// Its namespace.
    #[must_use]
    pub fn namespace(&self) -> &str {
        &self.0.rules.namespace
    }

    /// How many codes there are.
    ///
    /// # Errors
    /// The database does not say.
    pub async fn stock(&self) -> Result<Stock, NoAnswer> {
        let stock = answer(self.0.shelf.stock(self.0.parts.clock.now())).await?;
        let Stock { free, making, taken, outdated, .. } = stock;
        let counts = [("free", free), ("making", making), ("taken", taken), ("outdated", outdated)];
        for (state, count) in counts {
            self.0.parts.metrics.pool.set_codes(self.namespace(), state, count);
        }
        Ok(stock)
    }
}

impl Pool {
    /// A code of the pool, if one can be had in a moment. What comes later is nobody's, and goes
    /// back: whoever waits can leave, what was asked of the database cannot be taken back.
    async fn take(&self, until: Timestamp) -> Option<(Scene, Numbered)> {
        let (tell, told) = oneshot::channel();
        let pool = Arc::clone(&self.0);
        tokio::spawn(async move {
            let until = until.plus(pool.rest());
            let taken = answer(pool.shelf.take(until, pool.parts.clock.now())).await;
            if let Err(Ok(Some((_, code)))) = tell.send(taken) {
                let _ = answer(pool.shelf.give_back(&code)).await;
            }
        });
        timeout(MOMENT, told).await.ok()?.ok()?.ok()?
    }
}

impl Inner {
    /// A code for one session alone, because there is none in the pool. The session waits for its
    /// picture: without one it would be of no use to anybody.
    async fn fresh(&self) -> Result<Scene, PortError> {
        let scene = Scene::random(&self.parts.entropy);
        let made = self.parts.provider.image(&scene, ImageFormat::Png).await;
        match made.map(|image| picture::check(&image)) {
            Ok(Ok(_)) => Ok(scene),
            Ok(Err(nothing)) => {
                Err(PortError { fault: Fault::Unavailable, ..PortError::bad(nothing.to_string()) })
            }
            Err(error) => Err(PortError { fault: Fault::Unavailable, ..error }),
        }
    }

    fn rest(&self) -> Duration {
        self.rules.reuse.unwrap_or_default()
    }
}

#[async_trait]
impl Numbering for Pool {
    async fn next(&self, until: Timestamp) -> Result<(Scene, Option<Numbered>), PortError> {
        let Inner { parts, rules, empty, .. } = &*self.0;
        if let Some((scene, code)) = self.take(until).await {
            parts.metrics.pool.taken(&rules.namespace, "pool");
            return Ok((scene, Some(code)));
        }
        empty.notify_one();
        let fresh = self.0.fresh().await;
        let from = if fresh.is_ok() { "fresh" } else { "none" };
        parts.metrics.pool.taken(&rules.namespace, from);
        Ok((fresh?, None))
    }

    async fn give_back(&self, code: &Numbered) {
        // What cannot be given back has been used, and no harm is done.
        let _ = answer(self.0.shelf.give_back(code)).await;
    }

    fn ended(&self, code: &Numbered) {
        if self.0.rules.reuse.is_none() {
            return;
        }
        // If this is lost, it is free when the session would have been over at the latest.
        let (pool, code) = (Arc::clone(&self.0), code.clone());
        let until = pool.parts.clock.now().plus(pool.rest());
        tokio::spawn(async move { answer(pool.shelf.rest(&code, until)).await });
    }

    fn picture_at(&self, name: &str) -> PictureAt {
        let url = self.0.parts.storage.url(name);
        let media_type = media_type_of(name).unwrap_or_default();
        PictureAt { name: name.into(), url, media_type }
    }

    async fn picture(&self, name: &str) -> Result<Option<Image>, PortError> {
        self.0.parts.storage.get(name).await.map_err(|error| {
            tracing::error!(%error, "storage.failed");
            PortError::new(Fault::Unavailable, "storage_unavailable", "the storage does not answer")
        })
    }

    async fn look_up(&self, number: u64) -> Result<Option<Listed>, PortError> {
        let Ok(asked) = i64::try_from(number) else { return Ok(None) };
        let found = answer(self.0.shelf.look_up(asked)).await.map_err(|NoAnswer| {
            PortError::new(Fault::Unavailable, "database_unavailable", NoAnswer.to_string())
        })?;
        Ok(found.map(|Entry { state, picture }| {
            let state = match &*state {
                "making" => CodeState::Making,
                "free" => CodeState::Free,
                _ => CodeState::Taken,
            };
            let picture = (state != CodeState::Making).then(|| self.picture_at(&picture));
            Listed { number, state, picture }
        }))
    }
}
