//! Clients that leave: what they had is given back, and nothing grows.

use std::time::Duration;

use tokio::time::sleep;

use crate::http::Client;
use crate::person::Session;
use crate::server::Server;
use crate::socket::Socket;
use crate::{descriptors, eventually};

/// How many leave at once.
const MANY: usize = 1_000;
/// How many of them follow the same session: one less than it holds.
const EACH: usize = 7;

/// What keeps a connection open as long as it is there.
enum Held {
    Plain(Client),
    Socket(Socket),
}

impl Held {
    fn reset(&self) {
        let (Self::Plain(client) | Self::Socket(Socket(client))) = self;
        client.stream.set_zero_linger().expect("set");
    }
}

async fn gather(sessions: &[Session], kind: &str) -> Vec<Held> {
    let mut held = Vec::new();
    for n in 0..MANY {
        let session = &sessions[n / EACH];
        held.push(match kind {
            "sse" => Held::Plain(session.stream().await),
            "long-poll" => Held::Plain(session.poll().await),
            _ => Held::Socket(Socket::of(session).await),
        });
    }
    held
}

/// How many descriptors there are once no more are given back.
async fn settled(server: &Server) -> usize {
    let (mut before, mut now) = (usize::MAX, server.descriptors());
    while now < before {
        sleep(Duration::from_millis(300)).await;
        (before, now) = (now, server.descriptors());
    }
    now
}

#[tokio::test]
async fn a_thousand_abandoned_subscribers_of_each_transport_leave_nothing_behind() {
    descriptors();
    let server = Server::start();
    let mut sessions = Vec::new();
    for _ in 0..=MANY / EACH {
        sessions.push(Session::open(server.public).await);
    }
    server.subscribers(0).await;
    let base = settled(&server).await;
    let mut memory = Vec::new();
    for round in 0..2 {
        for kind in ["sse", "long-poll", "websocket"] {
            let held = gather(&sessions, kind).await;
            server.subscribers(1_000).await;
            assert!(server.descriptors() >= base + MANY);
            // Half of them as a browser that is closed, half as one that is killed.
            held.iter().step_by(2).for_each(Held::reset);
            drop(held);
            server.subscribers(0).await;
            let what = format!("round {round}, {kind}: {base} descriptors as before");
            eventually(&what, async || server.descriptors() <= base).await;
        }
        memory.push(server.memory());
    }
    // 3,000 more connections came and went; each may not have left as much as 2 KiB.
    assert!(memory[1] < memory[0] + 6_000, "{memory:?} KiB");
}
