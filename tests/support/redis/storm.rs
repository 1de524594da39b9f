//! Something that kills every subscription at a Redis as soon as it is there.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;

use super::RedisServer;

/// It rages until it is told to end.
pub(crate) struct Storm {
    done: Arc<AtomicBool>,
    killed: Arc<AtomicU64>,
    raging: JoinHandle<()>,
}

impl Storm {
    pub(crate) fn over(redis: &RedisServer) -> Self {
        let (done, killed) = (Arc::<AtomicBool>::default(), Arc::<AtomicU64>::default());
        let raging = std::thread::spawn({
            let (url, done, killed) = (redis.url(), Arc::clone(&done), Arc::clone(&killed));
            move || rage(&url, &done, &killed)
        });
        Self { done, killed, raging }
    }

    /// It is over; how many subscriptions it killed.
    pub(crate) fn ends(self) -> u64 {
        self.done.store(true, Ordering::Relaxed);
        self.raging.join().expect("no panic");
        self.killed.load(Ordering::Relaxed)
    }
}

fn rage(url: &str, done: &AtomicBool, killed: &AtomicU64) {
    let connection = redis::Client::open(url).and_then(|client| client.get_connection());
    let mut connection = connection.expect("a connection");
    while !done.load(Ordering::Relaxed) {
        let mut kill = redis::cmd("CLIENT");
        let count = kill.arg("KILL").arg("TYPE").arg("pubsub").query::<u64>(&mut connection);
        killed.fetch_add(count.expect("an answer"), Ordering::Relaxed);
    }
}
