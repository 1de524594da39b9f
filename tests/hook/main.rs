//! The gateway mode, told as stories: the server asks a service that the test plays, over HTTP, and
//! the service decides.

#[path = "../support/mod.rs"]
mod support;

/// The stories of a file, told on every store, and those of events on every transport as well.
macro_rules! stories {
    ($(on_every_pair: $($pair:ident),+;)? $(on_every_store: $($story:ident),+;)?) => {
        $(
            mod memory_websocket { told!(Memory WebSocket: $($pair)+); }
            mod memory_sse { told!(Memory Sse: $($pair)+); }
            mod memory_long_poll { told!(Memory LongPoll: $($pair)+); }
            mod redis_websocket { told!(Redis WebSocket: $($pair)+); }
            mod redis_sse { told!(Redis Sse: $($pair)+); }
            mod redis_long_poll { told!(Redis LongPoll: $($pair)+); }
        )?
        $(
            mod memory { told!(Memory: $($story)+); }
            mod redis { told!(Redis: $($story)+); }
        )?
    };
}

macro_rules! told {
    ($store:ident $via:ident: $($story:ident)+) => { $(
        #[tokio::test]
        async fn $story() {
            super::$story(crate::support::Store::$store, crate::support::Via::$via).await;
        }
    )+ };
    ($store:ident: $($story:ident)+) => { $(
        #[tokio::test]
        async fn $story() {
            super::$story(crate::support::Store::$store).await;
        }
    )+ };
}

mod answers;
mod example;
mod gateway;
mod logins;
mod metrics;
mod questions;
mod races;
mod secrets;
mod service;
mod troubles;
mod verifiers;
mod world;
