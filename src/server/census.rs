//! The census: how many connections there are, and a wait until there are none.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::Notify;

/// Counts connections.
#[derive(Debug, Default)]
pub struct Census {
    count: AtomicUsize,
    nobody: Notify,
}

/// One connection's place in the census, given back when it is dropped.
#[derive(Debug)]
pub struct Place(Arc<Census>);

impl Census {
    /// One more.
    #[must_use]
    pub fn enter(self: &Arc<Self>) -> Place {
        self.count.fetch_add(1, Ordering::AcqRel);
        Place(Arc::clone(self))
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.count.load(Ordering::Acquire)
    }

    /// Waits until there are none.
    pub async fn empty(&self) {
        loop {
            let nobody = self.nobody.notified();
            tokio::pin!(nobody);
            // Listens before it looks, so that the last to leave in between is not missed.
            nobody.as_mut().enable();
            if self.count() == 0 {
                return;
            }
            nobody.await;
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if self.0.count.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.0.nobody.notify_waiters();
        }
    }
}
