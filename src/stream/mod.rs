//! Numbered events of a topic, cursors, and who waits for them.
//!
//! One log, any number of readers, each at its own cursor. Nothing here knows what a login is, nor
//! by which transport an event travels.

pub mod event;
pub mod hub;
pub mod subscription;

use std::sync::Arc;

use event::Private;
use hub::Hub;
use subscription::Subscription;

use crate::clock::Clock;
use crate::store::{Key, Store};

/// The store and the waiters of this process, as one.
pub struct Topics {
    /// Where the logs are kept.
    pub store: Arc<dyn Store>,
    /// Who waits.
    pub hub: Arc<Hub>,
    /// What time it is.
    pub clock: Clock,
}

impl Topics {
    /// Follows a log from a cursor on. `private` is what this subscriber alone may see.
    #[must_use]
    pub fn subscribe(
        self: &Arc<Self>,
        key: Key,
        cursor: u64,
        private: Option<Private>,
    ) -> Subscription {
        Subscription::new(Arc::clone(self), key, cursor, private)
    }
}
