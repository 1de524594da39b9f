//! The wire contract, told as stories: what a client on the other side of the socket can count on.
//!
//! Each story is told once and runs on every store; where events travel, on every pair of store
//! and transport: `logins::memory::sse::a_login_from_scan_to_token`. Clients are real ones, over
//! TCP. To add a store: its line in `each_store`, and how to configure it in `support::Store`.
//!
//! A fleet is a store, too: three instances behind a balancer, which tell every story that can be
//! told through one. What cannot says why.

#[path = "../support/mod.rs"]
mod support;

/// The stores: one line each.
macro_rules! each_store {
    ($pairs:tt $stories:tt $races:tt $by_one:tt) => {
        mod memory {
            tell!(crate::support::Store::Memory, $pairs $stories $races);
            tell!(crate::support::Store::Memory, () $by_one ());
        }
        mod redis {
            tell!(crate::support::Store::Redis, $pairs $stories $races);
            tell!(crate::support::Store::Redis, () $by_one ());
        }
        mod fleet {
            tell!(crate::support::Store::Fleet, $pairs $stories $races);
        }
    };
}

/// The transports: one line each.
macro_rules! each_transport {
    ($store:expr, ()) => {};
    ($store:expr, $stories:tt) => {
        mod websocket {
            tell_pair!($store, crate::support::Via::WebSocket, $stories);
        }
        mod sse {
            tell_pair!($store, crate::support::Via::Sse, $stories);
        }
        mod long_poll {
            tell_pair!($store, crate::support::Via::LongPoll, $stories);
        }
    };
}

macro_rules! tell {
    ($store:expr, $pairs:tt ($($story:ident)*) ($($race:ident)*)) => {
        each_transport!($store, $pairs);
        $(
            #[tokio::test]
            async fn $story() {
                super::$story($store).await;
            }
        )*
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
            async fn $race() {
                super::$race($store).await;
            }
        )*
    };
}

macro_rules! tell_pair {
    ($store:expr, $via:expr, ($($story:ident)*)) => { $(
        #[tokio::test]
        async fn $story() {
            super::super::$story($store, $via).await;
        }
    )* };
}

/// The stories of a file: of events, told on every pair of store and transport; of calls, or of
/// one transport, told on every store; and of races, told on every store with several threads. What
/// one server alone can tell, and no fleet behind a balancer, gives the reason.
macro_rules! stories {
    (
        $(on_every_pair: $($pair:ident),+;)?
        $(on_every_store: $($story:ident),+;)?
        $(at_once: $($race:ident),+;)?
        $(by_one_server: $($alone:ident = $reason:literal),+;)?
    ) => {
        each_store!(($($($pair)+)?) ($($($story)+)?) ($($($race)+)?) ($($($alone)+)?));
    };
}

mod backends;
mod commands;
mod contention;
mod core;
mod cors;
mod counting;
mod credentials;
mod cursors;
mod errors;
mod fallbacks;
mod leaving;
mod limits;
mod logins;
mod long_poll;
mod messages;
mod opening;
mod origins;
mod pages;
mod property;
mod protocols;
mod races;
mod registering;
mod scanning;
mod sse;
mod streams;
mod tokens;
mod views;
mod websocket;
