//! The store of one instance: everything in this process's memory.
//!
//! Shards of a map, each with one heap of moments at which a record wants attention (its deadline,
//! then its forgetting). That is what a cache with lifetimes would do at 450 bytes a session more
//! and with a clock of its own.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use parking_lot::Mutex;

use super::{Bell, Change, Commit, Item, Key, Record, STATES, Store, StoreError, Tail};
use crate::clock::Timestamp;

const SHARDS: usize = 64;
/// How long the taker of a due record has before it is offered again.
const AGAIN: Duration = Duration::from_secs(1);

/// Keeps records in memory.
pub struct MemoryStore {
    shards: Vec<Mutex<Shard>>,
    aliases: Vec<Mutex<HashMap<Box<str>, Key>>>,
    census: [AtomicI64; STATES],
    bell: Bell,
}

#[derive(Default)]
struct Shard {
    slots: HashMap<Key, Box<Slot>>,
    moments: BinaryHeap<Reverse<(Timestamp, Key)>>,
}

struct Slot {
    alias: Box<str>,
    record: Box<[u8]>,
    log: Vec<Item>,
    deadline: Timestamp,
    forget_at: Timestamp,
    version: u32,
    state: u8,
    ended: bool,
}

impl Slot {
    fn apply(&mut self, change: Change) {
        self.record = change.record.into();
        self.log.reserve_exact(change.append.len());
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
            bell,
        }
    }

    fn shard(&self, key: Key) -> &Mutex<Shard> {
        // Keys are random, but for the version and variant bits of a UUID: the low byte is.
        &self.shards[(key % SHARDS as u128) as usize]
    }

    fn alias_shard(&self, alias: &str) -> &Mutex<HashMap<Box<str>, Key>> {
        let sum = alias.bytes().fold(0usize, |sum, b| sum.wrapping_mul(31).wrapping_add(b.into()));
        &self.aliases[sum % SHARDS]
    }

    fn count(&self, slot: &Slot, by: i64) {
        if let Some(counter) = self.census.get(usize::from(slot.state)).filter(|_| !slot.ended) {
            counter.fetch_add(by, Ordering::Relaxed);
        }
    }

    /// Takes from one shard what is due, and forgets.
    fn attend(&self, shard: &Mutex<Shard>, now: Timestamp, most: usize, due: &mut Vec<Key>) {
        let mut shard = shard.lock();
        let Shard { slots, moments } = &mut *shard;
        while due.len() < most {
            match moments.peek() {
                Some(&Reverse((moment, _))) if moment <= now => {}
                _ => return,
            }
            let Some(Reverse((moment, key))) = moments.pop() else { return };
            let Some(slot) = slots.get(&key) else { continue };
            if slot.forget_at <= now {
                self.alias_shard(&slot.alias).lock().remove(&slot.alias);
                self.count(slot, -1);
                slots.remove(&key);
            } else if slot.next_moment() > moment {
                moments.push(Reverse((slot.next_moment(), key)));
            } else {
                due.push(key);
                moments.push(Reverse((now.plus(AGAIN), key)));
            }
        }
    }
}

#[async_trait]
impl Store for MemoryStore {
    async fn create(&self, key: Key, alias: &str, change: Change) -> Result<bool, StoreError> {
        let mut aliases = self.alias_shard(alias).lock();
        let mut shard = self.shard(key).lock();
        if aliases.contains_key(alias) || shard.slots.contains_key(&key) {
            return Ok(false);
        }
        let mut slot = Box::new(Slot {
            alias: alias.into(),
            record: Box::default(),
            log: Vec::new(),
            deadline: change.deadline,
            forget_at: change.forget_at,
            version: 0,
            state: 0,
            ended: false,
        });
        slot.apply(change);
        self.count(&slot, 1);
        shard.moments.push(Reverse((slot.next_moment(), key)));
        aliases.insert(alias.into(), key);
        shard.slots.insert(key, slot);
        Ok(true)
    }

    async fn find(&self, alias: &str, now: Timestamp) -> Result<Option<Key>, StoreError> {
        let found = self.alias_shard(alias).lock().get(alias).copied();
        let Some(key) = found else { return Ok(None) };
        let kept = self.shard(key).lock().slots.get(&key).is_some_and(|slot| slot.forget_at > now);
        Ok(kept.then_some(key))
    }

    async fn load(&self, key: Key, now: Timestamp) -> Result<Option<Record>, StoreError> {
        let shard = self.shard(key).lock();
        Ok(shard.slots.get(&key).filter(|slot| slot.forget_at > now).map(|slot| Record {
            version: slot.version,
            bytes: slot.record.to_vec(),
            last: slot.log.len() as u64,
        }))
    }

    async fn commit(&self, key: Key, version: u32, change: Change) -> Result<Commit, StoreError> {
        let last = {
            let mut shard = self.shard(key).lock();
            let Shard { slots, moments } = &mut *shard;
            let Some(slot) = slots.get_mut(&key) else { return Ok(Commit::Gone) };
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
                moments.push(Reverse((slot.next_moment(), key)));
            }
            slot.log.len() as u64
        };
        (self.bell)(key);
        Ok(Commit::Made(last))
    }

    async fn read(&self, key: Key, after: u64, now: Timestamp) -> Result<Option<Tail>, StoreError> {
        let shard = self.shard(key).lock();
        let slot = shard.slots.get(&key).filter(|slot| slot.forget_at > now);
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
