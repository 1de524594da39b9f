//! More clients than there are descriptors.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use futures_util::future::join_all;
use serde_json::json;
use tokio::time::sleep;

use crate::descriptors;
use crate::http::Client;
use crate::person::Session;
use crate::server::Server;

/// What the server process may open.
const DESCRIPTORS: u32 = 1_000;
/// What its refusal leaves of them to clients, at least.
const HELD: usize = 900;
/// How many of them follow the same session: one less than it holds.
const EACH: usize = 7;
/// How many come.
const CROWD: usize = 20_000;
/// How long the crowd is watched sitting there.
const WATCHED: Duration = Duration::from_secs(2);
/// What a server that does nothing may use of the processor in that time.
const IDLE: Duration = Duration::from_millis(300);

/// Comes from one of loopback's many addresses; there are only so many ports to each.
async fn come(to: SocketAddr, n: usize) -> io::Result<Client> {
    let last = 2 + u8::try_from(n % 100).expect("below 100");
    Client::connect_from(to, last, None).await
}

/// The processor time that a server uses while nobody does anything.
async fn used_meanwhile(server: &Server) -> Duration {
    let before = server.processor_time();
    sleep(WATCHED).await;
    server.processor_time().saturating_sub(before)
}

#[tokio::test]
async fn twenty_thousand_clients_are_refused_politely_and_harm_nobody() {
    // Both ends of the test's other connections, and of other tests', need some of them.
    let batch = (descriptors() / 4).min(4_000);
    let server = Server::with_descriptors(DESCRIPTORS, &[]);
    let mut sessions = Vec::new();
    for _ in 0..=HELD / EACH {
        sessions.push(Session::open(server.public).await);
    }
    let mut held = Vec::new();
    for n in 0..HELD {
        held.push(sessions[n / EACH].stream().await);
    }
    let (mut came, mut told) = (0, 0);
    while came < CROWD {
        let crowd: Vec<_> = join_all((came..came + batch).map(|n| come(server.public, n))).await;
        came += batch;
        let mut crowd: Vec<Client> = crowd.into_iter().filter_map(Result::ok).collect();
        assert!(crowd.len() > batch / 2, "{} of {batch} got through to the kernel", crowd.len());
        let used = used_meanwhile(&server).await;
        assert!(used < IDLE * 2, "{used:?} of {WATCHED:?} while a crowd sits there");
        assert!(server.descriptors() <= usize::try_from(DESCRIPTORS).expect("few"));
        for client in &mut crowd {
            let _ = client.stream.try_read_buf(&mut client.unread);
            if client.unread.starts_with(b"HTTP/1.1 503 ") {
                let answer = client.answer().await;
                assert_eq!(answer.head.field("content-type"), Some("application/problem+json"));
                assert!(answer.head.field("retry-after").is_some());
                assert_eq!(
                    (&answer.json()["code"], &answer.json()["status"]),
                    (&json!("full"), &json!(503))
                );
                told += 1;
            }
        }
    }
    assert!(told > 0, "nobody was told");
    // Whoever was there first has not noticed.
    drop(held.split_off(HELD / 2));
    server.subscribers(u32::try_from(HELD / 2).expect("few")).await;
    sessions[0].cancel().await;
    held[0].chunks_until("event: cancelled").await;
    // And whoever comes now is served.
    Session::open(server.public).await.cancel().await;
}

#[tokio::test]
async fn a_server_without_descriptors_waits_and_recovers() {
    let none_left = Server::with_descriptors(120, &[("SAOMA_MAX_CONNECTIONS", "100000")]);
    let session = Session::open(none_left.public).await;
    // Connected by the kernel; the server cannot take them all.
    let crowd = join_all((0..500).map(|n| come(none_left.public, n))).await;
    let crowd: Vec<Client> = crowd.into_iter().filter_map(Result::ok).collect();
    crate::eventually("descriptors run out", async || none_left.descriptors() >= 115).await;
    let used = used_meanwhile(&none_left).await;
    assert!(used < IDLE, "{used:?} of {WATCHED:?} without a descriptor to accept with");
    assert!(none_left.log().contains("accept.failed"));
    drop(crowd);
    session.cancel().await;
    Session::open(none_left.public).await.cancel().await;
}
