//! The store of one instance: everything in this process's memory.
//!
//! Shards of a map, each with one heap of moments at which a record wants attention (its deadline,
//! then its forgetting). That is what a cache with lifetimes would do at 450 bytes a session more
//! and with a clock of its own.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use parking_lot::Mutex;
use smallvec::SmallVec;

use super::{Bell, Change, Commit, Item, Key, Record, STATES, Store, StoreError, Tail};
use crate::clock::Timestamp;

const SHARDS: usize = 64;
/// How long the taker of a due record has before it is offered again.
const AGAIN: Duration = Duration::from_secs(1);

/// A key without `u128`'s alignment, which would cost eight bytes wherever one is kept.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
struct Id([u8; 16]);

impl From<Key> for Id {
    fn from(key: Key) -> Self {
        Self(key.to_be_bytes())
    }
}

impl From<Id> for Key {
    fn from(Id(bytes): Id) -> Self {
        Self::from_be_bytes(bytes)
    }
}

/// Keeps records in memory.
pub struct MemoryStore {
    shards: Vec<Mutex<Shard>>,
    /// By the alias' hash: the alias itself is in the slot. Two of the same hash count as taken.
    aliases: Vec<Mutex<HashMap<u64, Id>>>,
    hasher: RandomState,
    census: [AtomicI64; STATES],
    bell: Bell,
}

#[derive(Default)]
struct Shard {
    slots: HashMap<Id, Box<Slot>>,
    moments: BinaryHeap<Reverse<(Timestamp, Id)>>,
}

struct Slot {
    alias: Box<str>,
    record: Box<[u8]>,
    log: SmallVec<[Item; 1]>,
    deadline: Timestamp,
    forget_at: Timestamp,
    version: u32,
    state: u8,
    ended: bool,
}

impl Slot {
    fn apply(&mut self, change: Change) {
        self.record = change.record.into();
        self.log.extend(change.append);
        self.deadline = change.deadline;
        self.forget_at = change.forget_at;
        self.state = change.state;
        self.ended = change.ended;
    }

    fn next_moment(&self) -> Timestamp {
        if self.ended { self.forget_at } else { self.deadline.min(self.forget_at) }
    }
}

impl MemoryStore {
    /// An empty store that rings `bell`.
    #[must_use]
    pub fn new(bell: Bell) -> Self {
        Self {
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            aliases: (0..SHARDS).map(|_| Mutex::default()).collect(),
            census: [const { AtomicI64::new(0) }; STATES],
            hasher: RandomState::new(),
            bell,
        }
    }

    fn shard(&self, key: Key) -> &Mutex<Shard> {
        // Keys are random, but for the version and variant bits of a UUID: the low byte is.
        &self.shards[(key % SHARDS as u128) as usize]
    }

    fn aliases(&self, alias: &str) -> (u64, &Mutex<HashMap<u64, Id>>) {
        let hash = self.hasher.hash_one(alias);
        (hash, &self.aliases[usize::try_from(hash % SHARDS as u64).unwrap_or(0)])
    }

    fn count(&self, slot: &Slot, by: i64) {
        if let Some(counter) = self.census.get(usize::from(slot.state)).filter(|_| !slot.ended) {
            counter.fetch_add(by, Ordering::Relaxed);
        }
    }

    /// Takes from one shard what is due, and forgets.
    fn attend(&self, shard: &Mutex<Shard>, now: Timestamp, most: usize, due: &mut Vec<Key>) {
        // The shard is let go before: who opens a session takes an alias' lock, then a shard's.
        let forgotten = self.sift(&mut shard.lock(), now, most, due);
        for (alias, id) in forgotten {
            let (hash, aliases) = self.aliases(&alias);
            let mut aliases = aliases.lock();
            if aliases.get(&hash) == Some(&id) {
                aliases.remove(&hash);
            }
        }
    }

    /// As [`Self::attend`], within one shard; the aliases of what was forgotten are left to do.
    fn sift(
        &self,
        shard: &mut Shard,
        now: Timestamp,
        most: usize,
        due: &mut Vec<Key>,
    ) -> Vec<(Box<str>, Id)> {
        let mut forgotten = Vec::new();
        let Shard { slots, moments } = shard;
        while due.len() < most {
            match moments.peek() {
                Some(&Reverse((moment, _))) if moment <= now => {}
                _ => break,
            }
            let Some(Reverse((moment, id))) = moments.pop() else { break };
            let Some(slot) = slots.get(&id) else { continue };
            if slot.forget_at <= now {
                self.count(slot, -1);
                forgotten.extend(slots.remove(&id).map(|slot| (slot.alias, id)));
            } else if slot.next_moment() > moment {
                moments.push(Reverse((slot.next_moment(), id)));
            } else {
                due.push(id.into());
                moments.push(Reverse((now.plus(AGAIN), id)));
            }
        }
        forgotten
    }
}

#[async_trait]
impl Store for MemoryStore {
    async fn create(&self, key: Key, alias: &str, change: Change) -> Result<bool, StoreError> {
        let id = Id::from(key);
        let (hash, aliases) = self.aliases(alias);
        let mut aliases = aliases.lock();
        let mut shard = self.shard(key).lock();
        if aliases.contains_key(&hash) || shard.slots.contains_key(&id) {
            return Ok(false);
        }
        let mut slot = Box::new(Slot {
            alias: alias.into(),
            record: Box::default(),
            log: SmallVec::new(),
            deadline: change.deadline,
            forget_at: change.forget_at,
            version: 0,
            state: 0,
            ended: false,
        });
        slot.apply(change);
        self.count(&slot, 1);
        shard.moments.push(Reverse((slot.next_moment(), id)));
        aliases.insert(hash, id);
        shard.slots.insert(id, slot);
        Ok(true)
    }

    async fn find(&self, alias: &str, now: Timestamp) -> Result<Option<Key>, StoreError> {
        let (hash, aliases) = self.aliases(alias);
        let found = aliases.lock().get(&hash).copied();
        let Some(id) = found else { return Ok(None) };
        let shard = self.shard(id.into()).lock();
        let slot = shard.slots.get(&id).filter(|slot| slot.forget_at > now);
        Ok(slot.filter(|slot| *slot.alias == *alias).map(|_| id.into()))
    }

    async fn load(&self, key: Key, now: Timestamp) -> Result<Option<Record>, StoreError> {
        let shard = self.shard(key).lock();
        Ok(shard.slots.get(&key.into()).filter(|slot| slot.forget_at > now).map(|slot| Record {
            version: slot.version,
            bytes: slot.record.to_vec(),
            last: slot.log.len() as u64,
        }))
    }

    async fn commit(&self, key: Key, version: u32, change: Change) -> Result<Commit, StoreError> {
        let last = {
            let mut shard = self.shard(key).lock();
            let Shard { slots, moments } = &mut *shard;
            let Some(slot) = slots.get_mut(&key.into()) else { return Ok(Commit::Gone) };
            if slot.version != version {
                return Ok(Commit::Conflict);
            }
            let moment = slot.next_moment();
            self.count(slot, -1);
            slot.apply(change);
            slot.version = slot.version.wrapping_add(1);
            self.count(slot, 1);
            // A later moment is found when the earlier one comes round.
            if slot.next_moment() < moment {
                moments.push(Reverse((slot.next_moment(), key.into())));
            }
            slot.log.len() as u64
        };
        (self.bell)(key);
        Ok(Commit::Made(last))
    }

    async fn read(&self, key: Key, after: u64, now: Timestamp) -> Result<Option<Tail>, StoreError> {
        let shard = self.shard(key).lock();
        let slot = shard.slots.get(&key.into()).filter(|slot| slot.forget_at > now);
        Ok(slot.map(|slot| {
            let have = usize::try_from(after).ok().filter(|n| *n <= slot.log.len()).unwrap_or(0);
            Tail {
                first: have as u64 + 1,
                items: slot.log[have..].to_vec(),
                state: slot.state,
                ended: slot.ended,
                deadline: slot.deadline,
            }
        }))
    }

    async fn due(&self, now: Timestamp, most: usize) -> Result<Vec<Key>, StoreError> {
        let mut due = Vec::new();
        for shard in &self.shards {
            self.attend(shard, now, most, &mut due);
        }
        Ok(due)
    }

    async fn census(&self) -> Result<[u64; STATES], StoreError> {
        Ok(std::array::from_fn(|state| {
            u64::try_from(self.census[state].load(Ordering::Relaxed)).unwrap_or(0)
        }))
    }
}
