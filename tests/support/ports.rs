//! Ports for what cannot choose one by itself.

use std::hash::{BuildHasher as _, RandomState};
use std::net::{Ipv4Addr, TcpListener};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

/// None of these is given by a system to a connection that goes out: such a one would take the port
/// between now and the moment when somebody listens there.
const FIRST: u16 = 20_000;
const COUNT: u16 = 12_000;

/// A port that nobody listens at, and that nobody else in this process was given.
pub(crate) fn free() -> u16 {
    static NEXT: LazyLock<AtomicU64> =
        LazyLock::new(|| AtomicU64::new(RandomState::new().hash_one(0) >> 1));
    let candidates = std::iter::repeat_with(|| {
        let next = NEXT.fetch_add(1, Ordering::Relaxed) % u64::from(COUNT);
        FIRST + u16::try_from(next).expect("less than the count")
    });
    let mut candidates = candidates.take(usize::from(COUNT));
    let listens = |port: &u16| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok();
    candidates.find(listens).expect("a port that is free")
}
