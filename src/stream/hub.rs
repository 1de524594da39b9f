//! The hub: who waits for which session's events, in this process.
//!
//! It only wakes; what there is to see is read from the store. A waiter registers first and reads
//! then, so no event can fall between.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::task::Waker;

use futures_util::task::AtomicWaker;
use parking_lot::Mutex;
use smallvec::SmallVec;

use crate::store::{Key, SEATS, Seat};

const SHARDS: usize = 64;

/// The log may have grown.
pub(super) const RUNG: u8 = 1;
/// A newer subscriber took this one's place.
pub(super) const REPLACED: u8 = 2;
/// The server is leaving.
pub(super) const LEAVING: u8 = 4;
/// The log may have grown without a bell.
pub(super) const REMINDED: u8 = 8;

/// One subscriber's place in the hub.
#[derive(Debug)]
pub(super) struct Waiter {
    pub(super) key: Key,
    pub(super) seat: Seat,
    flags: AtomicU8,
    waker: AtomicWaker,
}

impl Waiter {
    /// Asks to be woken at the next flag, then takes the flags that are up. `RUNG` and `REMINDED`
    /// are taken down by this; the others stay.
    pub(super) fn poll_flags(&self, waker: &Waker) -> u8 {
        self.waker.register(waker);
        self.flags.fetch_and(!(RUNG | REMINDED), Ordering::AcqRel)
    }

    fn raise(&self, flag: u8) {
        self.flags.fetch_or(flag, Ordering::AcqRel);
        self.waker.wake();
    }
}

type Waiters = SmallVec<[Arc<Waiter>; 1]>;

/// Every waiter of this process.
pub struct Hub {
    shards: Vec<Mutex<HashMap<Key, Waiters>>>,
    leaving: AtomicBool,
    missed: AtomicU64,
    seats: AtomicU64,
}

impl Default for Hub {
    fn default() -> Self {
        Self {
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            leaving: AtomicBool::new(false),
            missed: AtomicU64::new(0),
            seats: AtomicU64::new(0),
        }
    }
}

impl Hub {
    fn shard(&self, key: Key) -> &Mutex<HashMap<Key, Waiters>> {
        &self.shards[(key % SHARDS as u128) as usize]
    }

    /// Takes a place. It starts rung: the first poll reads.
    pub(super) fn register(&self, key: Key) -> Arc<Waiter> {
        let waiter = Arc::new(Waiter {
            key,
            seat: self.seats.fetch_add(1, Ordering::Relaxed),
            flags: AtomicU8::new(RUNG),
            waker: AtomicWaker::new(),
        });
        let replaced = {
            let mut shard = self.shard(key).lock();
            let waiters = shard.entry(key).or_default();
            let replaced = (waiters.len() >= SEATS).then(|| waiters.remove(0));
            waiters.push(Arc::clone(&waiter));
            replaced
        };
        if let Some(oldest) = replaced {
            oldest.raise(REPLACED);
        }
        // After the place is taken: whoever comes too late for the round is told here.
        if self.leaving.load(Ordering::SeqCst) {
            waiter.raise(LEAVING);
        }
        waiter
    }

    /// Gives a place back.
    pub(super) fn leave(&self, waiter: &Arc<Waiter>) {
        let mut shard = self.shard(waiter.key).lock();
        if let Some(waiters) = shard.get_mut(&waiter.key) {
            waiters.retain(|other| !Arc::ptr_eq(other, waiter));
            if waiters.is_empty() {
                shard.remove(&waiter.key);
            }
        }
    }

    /// Wakes who waits for a key.
    pub fn ring(&self, key: Key) {
        // Woken outside the lock: a woken task may run at once and leave.
        let waiters = self.shard(key).lock().get(&key).cloned().unwrap_or_default();
        for waiter in waiters {
            waiter.raise(RUNG);
        }
    }

    /// Tells one who waits for a key that a newer subscriber, at whichever instance, takes its place.
    pub fn replace(&self, key: Key, seat: Seat) {
        let waiters = self.shard(key).lock().get(&key).cloned().unwrap_or_default();
        if let Some(oldest) = waiters.iter().find(|waiter| waiter.seat == seat) {
            oldest.raise(REPLACED);
        }
    }

    /// Wakes everybody: what was rung may have been lost.
    pub fn ring_all(&self) {
        (0..SHARDS).for_each(|part| self.raise_all(part, RUNG));
    }

    /// Lets a part of those who wait look whether a bell was missed; how many parts there are.
    pub fn remind(&self, part: usize) -> usize {
        self.raise_all(part % SHARDS, REMINDED);
        SHARDS
    }

    fn raise_all(&self, part: usize, flag: u8) {
        let waiters: Vec<_> = self.shards[part].lock().values().flatten().cloned().collect();
        for waiter in waiters {
            waiter.raise(flag);
        }
    }

    /// How many bells were missed: events that were found by a reminder.
    #[must_use]
    pub fn missed(&self) -> u64 {
        self.missed.load(Ordering::Relaxed)
    }

    pub(super) fn found_by_a_reminder(&self) {
        self.missed.fetch_add(1, Ordering::Relaxed);
    }

    /// From now on whoever registers is told that the server leaves; who waits already is
    /// returned, to be told one by one.
    pub fn begin_leaving(&self) -> Vec<Farewell> {
        self.leaving.store(true, Ordering::SeqCst);
        let all = self.shards.iter().flat_map(|shard| {
            shard.lock().values().flatten().cloned().map(Farewell).collect::<Vec<_>>()
        });
        all.collect()
    }

    /// How many wait.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.shards.iter().map(|s| s.lock().values().map(SmallVec::len).sum::<usize>()).sum()
    }
}

/// A waiter who has not yet been told that the server leaves.
pub struct Farewell(Arc<Waiter>);

impl Farewell {
    /// Tells them.
    pub fn say(self) {
        self.0.raise(LEAVING);
    }
}
