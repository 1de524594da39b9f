//! Where sessions are kept: a keyed record, its log and its lifetimes, changed in one atomic step.
//!
//! Belongs here: keeping, and nothing of what is kept: a record is bytes, a log's item is a tag
//! and a text. A store knows no rule of a login; it only lets one of several racing changes win.
//! To add a store: implement [`Store`], and run the conformance suite with it.

pub mod memory;
pub mod redis;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use crate::clock::Timestamp;

/// What a record is kept under.
pub type Key = u128;

/// How many different states a store counts.
pub const STATES: usize = 8;

/// A reader's own number among those of this process.
pub type Seat = u64;

/// How many readers a key holds at most; one more, and the oldest gives way.
pub const SEATS: usize = 8;

/// Told of every key whose log has grown, after the change can be read. It may be told too often.
pub type Bell = Arc<dyn Fn(Key) + Send + Sync>;

/// One entry of a log; its number is its place, counted from 1.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Item {
    /// What kind of entry, in the words of the caller.
    pub tag: u8,
    /// When it was appended.
    pub at: Timestamp,
    /// A JSON object, or nothing for an empty one.
    pub data: Box<str>,
}

/// What a change leaves behind.
#[derive(Clone, Debug)]
pub struct Change {
    /// The new record, whole.
    pub record: Vec<u8>,
    /// What is appended to the log.
    pub append: Vec<Item>,
    /// The state that the record is in, in the words of the caller, below [`STATES`].
    pub state: u8,
    /// True once nothing more will be appended.
    pub ended: bool,
    /// When the record wants to be looked at again if nothing happens; ignored once it has ended.
    pub deadline: Timestamp,
    /// When the record is forgotten.
    pub forget_at: Timestamp,
}

/// A record as it was read.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Record {
    /// Counts the changes: what [`Store::commit`] compares.
    pub version: u32,
    /// The bytes of the last change.
    pub bytes: Vec<u8>,
    /// The number of the log's last item.
    pub last: u64,
}

/// The part of a log that a reader does not have.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Tail {
    /// The number of the first of `items`.
    pub first: u64,
    /// The items, in order.
    pub items: Vec<Item>,
    /// The state of the last change.
    pub state: u8,
    /// True once nothing more will be appended.
    pub ended: bool,
    /// The record's deadline.
    pub deadline: Timestamp,
}

/// What became of a commit.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Commit {
    /// It was made; the log's last item now has this number.
    Made(u64),
    /// Somebody else's came first: read again, decide again.
    Conflict,
    /// There is no such record (any more).
    Gone,
}

/// The store cannot be reached or did not answer in time.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the session store does not answer: {0}")]
pub struct StoreError(pub String);

/// Counts where all instances that share a store can see it.
#[async_trait]
pub trait Tally: Send + Sync {
    /// Takes one of the `burst` under a name, which come back at `per_minute`, both above zero. How
    /// long to wait if there is none to take; zero if one was taken.
    ///
    /// # Errors
    /// [`StoreError`] when nobody can tell.
    async fn take(
        &self,
        name: &str,
        per_minute: u32,
        burst: u32,
        now: Timestamp,
    ) -> Result<Duration, StoreError>;
}

/// Keeps records. `now` decides what has been forgotten, so that the caller's clock rules.
#[async_trait]
pub trait Store: Send + Sync {
    /// Keeps a new record under a key and an alias. False if the key or the alias is taken.
    ///
    /// # Errors
    /// [`StoreError`] when nobody can tell whether it is kept.
    async fn create(&self, key: Key, alias: &str, change: Change) -> Result<bool, StoreError>;

    /// The key of an alias.
    ///
    /// # Errors
    /// [`StoreError`]
    async fn find(&self, alias: &str, now: Timestamp) -> Result<Option<Key>, StoreError>;

    /// The record of a key.
    ///
    /// # Errors
    /// [`StoreError`]
    async fn load(&self, key: Key, now: Timestamp) -> Result<Option<Record>, StoreError>;

    /// Replaces the record, appends to its log and rings the bell: all if the version is still
    /// the one that was loaded, else nothing.
    ///
    /// # Errors
    /// [`StoreError`] when nobody can tell whether it was made.
    async fn commit(&self, key: Key, version: u32, change: Change) -> Result<Commit, StoreError>;

    /// What the log holds after a cursor. A cursor past the end comes from another log: the whole
    /// log is the answer.
    ///
    /// # Errors
    /// [`StoreError`]
    async fn read(&self, key: Key, after: u64, now: Timestamp) -> Result<Option<Tail>, StoreError>;

    /// As [`Self::read`], for a reader who stays. Where readers are at several instances they take
    /// their seats here; where there are more than [`SEATS`], the oldest is told to give way.
    ///
    /// # Errors
    /// [`StoreError`]
    async fn join(
        &self,
        key: Key,
        after: u64,
        now: Timestamp,
        _seat: Seat,
    ) -> Result<Option<Tail>, StoreError> {
        self.read(key, after, now).await
    }

    /// A reader who had joined has gone. Returns at once.
    fn leave(&self, _key: Key, _seat: Seat) {}

    /// Takes up to `most` keys whose deadline has come, and forgets what is to be forgotten.
    /// Each is given to one caller; a record that is still not ended is due again a second later.
    ///
    /// # Errors
    /// [`StoreError`]
    async fn due(&self, now: Timestamp, most: usize) -> Result<Vec<Key>, StoreError>;

    /// Whether its bell is heard: it would tell of a change now.
    fn tells(&self) -> bool {
        true
    }

    /// Whether it answers, and tells of changes.
    ///
    /// # Errors
    /// [`StoreError`] with what is wrong.
    async fn ready(&self) -> Result<(), StoreError> {
        Ok(())
    }

    /// How many records that have not ended are in each state.
    ///
    /// # Errors
    /// [`StoreError`]
    async fn census(&self) -> Result<[u64; STATES], StoreError>;
}
