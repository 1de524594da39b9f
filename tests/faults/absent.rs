//! Clients that vanish: no FIN, no reset, only silence, as when a phone leaves its network.
//!
//! That wants a network that can be cut: the test runs itself again in a network namespace of its
//! own. A machine that has none fails the test by name, and skips nothing in silence.

use std::process::{Command, Stdio};
use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::http::Client;
use crate::person::Session;
use crate::server::Server;
use crate::socket::{Socket, handshake};

/// The address of those who vanish.
const VANISHING: u8 = 99;
/// By when the server is to have let go of whom it cannot reach: the kernel gives up after 40 s
/// without an acknowledgement, or 40 s of silence of which the last 15 were probed.
const GONE: Duration = Duration::from_secs(60);
/// By when of a WebSocket, with a heartbeat of a second: three pings unanswered, and a farewell.
const UNANSWERED: Duration = Duration::from_secs(12);

/// Set in the namespace alone.
const INSIDE: &str = "absent::inside_a_network_of_its_own";

#[test]
fn clients_that_vanish_without_a_word_are_let_go() {
    let may = Command::new("unshare").args(["-r", "-n", "ip", "link", "set", "lo", "up"]).output();
    let may_do = may.as_ref().is_ok_and(|output| output.status.success());
    assert!(may_do, "this wants a network namespace (unshare -r -n, ip of iproute2): {may:?}");
    let script = "ip link set lo up && exec \"$0\" --exact \"$@\" --ignored --nocapture";
    let this = std::fs::read_link("/proc/self/exe").expect("this test");
    let mut again = Command::new("unshare");
    again
        .args(["-r", "-n", "sh", "-c", script])
        .arg(this)
        .arg(INSIDE)
        .arg(network())
        .stdin(Stdio::null());
    let output = again.output().expect("unshare runs");
    let said = String::from_utf8_lossy(&output.stdout);
    let passed = output.status.success() && said.contains("1 passed");
    assert!(passed, "{said}\n{}", String::from_utf8_lossy(&output.stderr));
}

#[tokio::test]
#[ignore = "is run by the test above, in a network that it may cut"]
async fn inside_a_network_of_its_own() {
    // The network is named by whoever must not be cut off.
    let theirs = std::env::args().find(|argument| argument.starts_with("net:["));
    assert!(theirs.is_some_and(|theirs| theirs != network()), "this is not for cutting");
    let server = Server::with(&[("SAOMA_HEARTBEAT_SECONDS", "1")]);
    let session = Session::open(server.public).await;
    let come =
        async || Client::connect_from(server.public, VANISHING, None).await.expect("connected");
    let mut stream = come().await;
    session.stream_over(&mut stream).await;
    let mut poll = come().await;
    poll.send(session.follow("")).await;
    let path = format!("{}?cursor=1", session.events);
    let socket = Socket::open(come().await, &path, &session.secret).await;
    let mut upgraded = come().await;
    upgraded.send(handshake(&path, &session.secret)).await;
    let staying = session.stream().await;
    server.subscribers(5).await;

    cut(VANISHING);
    let vanished = Instant::now();
    let gone = async |left: u32, within: Duration| {
        while (server.metric("saoma_subscribers").await - f64::from(left)).abs() > 0.5 {
            assert!(vanished.elapsed() < within, "more than {left} left after {within:?}");
            sleep(Duration::from_millis(100)).await;
        }
    };
    gone(3, UNANSWERED).await;
    gone(1, GONE).await;
    drop((stream, poll, socket, upgraded));
    let mut staying = staying;
    staying.chunks_until("event: heartbeat").await;
}

/// The name of the network that this process is in.
fn network() -> String {
    let link = std::fs::read_link("/proc/self/ns/net").expect("Linux");
    link.to_string_lossy().into_owned()
}

/// From now on nothing comes from an address and nothing goes there, and nobody is told.
fn cut(last: u8) {
    // The table of local addresses comes first of all rules: it has to be moved out of the way.
    let rules = format!(
        "ip rule add pref 100 lookup local && ip rule del pref 0 && \
         ip rule add pref 10 to 127.0.0.{last} blackhole && \
         ip rule add pref 11 from 127.0.0.{last} blackhole && ip route flush cache"
    );
    let done = Command::new("sh").args(["-c", &rules]).output().expect("sh");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}
