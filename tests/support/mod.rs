//! What the tests from outside are told with: a server, browsers and phones, each over real
//! sockets, and nothing of the server's own code on the client's side.
#![allow(dead_code, unused_imports, reason = "each test binary uses a part of this")]

mod answer;
mod backend;
pub(crate) mod balanced;
mod browser;
pub(crate) mod certificates;
pub(crate) mod disk;
mod documented;
mod event_source;
pub(crate) mod extended_connect;
pub(crate) mod haproxy;
pub(crate) mod instance;
pub(crate) mod kept;
pub(crate) mod metrics;
mod phone;
pub(crate) mod ports;
pub(crate) mod postgres;
pub(crate) mod python;
mod raw;
pub(crate) mod redis;
mod server;
mod steadfast;
mod subscriber;

use std::time::Duration;

pub(crate) use answer::{Answer, Api, Ask};
pub(crate) use backend::Backend;
pub(crate) use balanced::Balanced;
pub(crate) use browser::{Browser, Session, Tab};
pub(crate) use event_source::{Message, Parser};
pub(crate) use phone::Phone;
pub(crate) use raw::{Raw, RawAnswer};
pub(crate) use server::{Store, TestServer, namespace};
pub(crate) use steadfast::{Followed, Steadfast};
pub(crate) use subscriber::{End, Said, Subscriber, Turn, Via};

/// How long anything that is waited for may take. Long: only a test that fails waits this long.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

/// Lets time pass for the whole server at once: its clock and its timers are tokio's. Not for tests
/// that run on several threads.
pub(crate) async fn time_passes(seconds: u64) {
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(seconds)).await;
    tokio::time::resume();
}

/// Waits for something that is going to happen.
pub(crate) async fn within<T>(what: &str, happening: impl Future<Output = T>) -> T {
    let Ok(happened) = tokio::time::timeout(PATIENCE, happening).await else {
        panic!("waited {PATIENCE:?} in vain for: {what}");
    };
    happened
}
