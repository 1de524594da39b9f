//! Who logged in, when and from where; and which tokens have been revoked.
//!
//! Belongs here: how that is written down without holding up logins ([`writer`]), every statement
//! about it ([`rows`]), and how it is forgotten ([`sweep`]). Who may see or end what is the core's
//! business.

mod rows;
mod sweep;
mod writer;

use std::sync::Arc;

use async_trait::async_trait;

use crate::clock::Timestamp;
use crate::database::{Database, NoAnswer, answer};
use crate::login::journal::{Entry, Journal, Mark, Person};
use crate::login::ports::{Fault, PortError};
use crate::metrics::Metrics;

pub use rows::{forget, revoke_all};
pub use sweep::sweep_for_ever;
pub use writer::Writer;

/// The history in the database.
pub struct History {
    database: Database,
    queue: writer::Queue,
}

impl History {
    /// The history, and who writes it down: until [`Writer::finish`].
    #[must_use]
    pub fn new(database: Database, metrics: Arc<Metrics>) -> (Self, Writer) {
        let (queue, writer) = writer::start(database.clone(), metrics);
        (Self { database, queue }, writer)
    }
}

#[async_trait]
impl Journal for History {
    async fn write(&self, entry: Entry) {
        self.queue.write(entry).await;
    }

    async fn read(
        &self,
        person: &Person,
        before: Option<&Mark>,
        most: usize,
    ) -> Result<Vec<Entry>, PortError> {
        answer(rows::page(&self.database, person, before, most)).await.map_err(unavailable)
    }

    async fn find(&self, jti: &str) -> Result<Option<Entry>, PortError> {
        answer(rows::find(&self.database, jti)).await.map_err(unavailable)
    }

    async fn revoke(
        &self,
        jti: &str,
        expires_at: Timestamp,
        now: Timestamp,
    ) -> Result<(), PortError> {
        answer(rows::revoke(&self.database, jti, expires_at, now)).await.map_err(unavailable)
    }
}

fn unavailable(_: NoAnswer) -> PortError {
    let why = "the history of logins cannot be reached";
    PortError::new(Fault::Unavailable, "history_unavailable", why)
}

/// Where nothing is written down. Nothing can be revoked then, either.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoHistory;

impl NoHistory {
    fn none<T>() -> Result<T, PortError> {
        let why = "this server keeps no history of logins, and revokes no tokens";
        Err(PortError::new(Fault::Absent, "no_history", why))
    }
}

#[async_trait]
impl Journal for NoHistory {
    async fn write(&self, _: Entry) {}

    async fn read(&self, _: &Person, _: Option<&Mark>, _: usize) -> Result<Vec<Entry>, PortError> {
        Self::none()
    }

    async fn find(&self, _: &str) -> Result<Option<Entry>, PortError> {
        Ok(None)
    }

    async fn revoke(&self, _: &str, _: Timestamp, _: Timestamp) -> Result<(), PortError> {
        Self::none()
    }
}

#[cfg(test)]
#[path = "history_tests.rs"]
mod tests;
