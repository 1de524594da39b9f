//! Requests that are none, and requests that are too much.

use tokio::io::AsyncWriteExt;
use tokio::time::timeout;

use crate::PATIENCE;
use crate::http::Client;
use crate::person::Session;
use crate::server::Server;

/// Numbers that look random and are the same in every run (xorshift64).
struct Dice(u64);

impl Dice {
    fn of(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15))
    }

    fn throw(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, most: usize) -> usize {
        usize::try_from(self.throw() >> 11).unwrap_or(0) % most
    }

    fn byte(&mut self) -> u8 {
        self.throw().to_be_bytes()[3]
    }
}

/// Sends bytes, ends its side, and hears the server out. A reset counts as closed: a server may
/// well leave without having read everything.
async fn outcome(server: &Server, bytes: &[u8]) -> String {
    let mut client = Client::connect(server.public).await;
    let whole = async {
        let _ = client.stream.write_all(bytes).await;
        let _ = client.stream.shutdown().await;
        while client.read_more().await.is_ok_and(|n| n > 0) {}
    };
    timeout(PATIENCE, whole).await.expect("answered or closed");
    String::from_utf8_lossy(&client.unread).into_owned()
}

#[track_caller]
fn assert_refused_or_closed(answer: &str, what: &str) {
    let fine = answer.is_empty() || answer.starts_with("HTTP/1.1 4");
    assert!(fine, "{what} was answered by {answer}");
}

#[tokio::test]
async fn bytes_that_are_no_request_are_refused_or_closed() {
    let server = Server::start();
    for seed in 1..=300 {
        let mut dice = Dice::of(seed);
        let length = 1 + dice.below(600);
        let bytes: Vec<u8> = (0..length).map(|_| dice.byte()).collect();
        assert_refused_or_closed(&outcome(&server, &bytes).await, &format!("seed {seed}"));
    }
    Session::open(server.public).await.cancel().await;
}

#[tokio::test]
async fn requests_with_a_few_bytes_changed_do_no_harm() {
    let server = Server::start();
    let session = Session::open(server.public).await;
    let good = [
        session.follow("accept: text/event-stream\r\n"),
        session.follow("content-length: 3\r\n") + "abc",
        session.request("POST", "/messages", &serde_json::json!({ "body": [1, "zwei", null] })),
        crate::socket::handshake(&session.events, &session.secret),
        "POST /v1/sessions HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n".into(),
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0\0\0\x04\x08\0\0\0\0\0\0\0\0\0".into(),
    ];
    for seed in 1..=400 {
        let mut dice = Dice::of(seed);
        let mut bytes = good[dice.below(good.len())].clone().into_bytes();
        for _ in 0..=dice.below(4) {
            if bytes.is_empty() {
                break;
            }
            let at = dice.below(bytes.len());
            match dice.below(4) {
                0 => drop(bytes.remove(at)),
                1 => bytes.insert(at, dice.byte()),
                2 => bytes[at] ^= 1 << dice.below(8),
                _ => bytes.truncate(at + 1),
            }
        }
        let answer = outcome(&server, &bytes).await;
        let sent = String::from_utf8_lossy(&bytes);
        assert!(!answer.starts_with("HTTP/1.1 5"), "seed {seed}: {sent} was answered by {answer}");
    }
    server.subscribers(0).await;
    Session::open(server.public).await.cancel().await;
}

#[tokio::test]
async fn requests_that_break_the_protocol_are_refused_or_closed() {
    let server = Server::start();
    for request in [
        "GET / HTTP/9.9\r\nhost: a\r\n\r\n",
        "GET /\0 HTTP/1.1\r\nhost: a\r\n\r\n",
        "GET / HTTP/1.1\r\nno colon\r\n\r\n",
        "GET / HTTP/1.1\r\nspace : x\r\n\r\n",
        "GET / HTTP/1.1\r\nhost: a\0b\r\n\r\n",
        "GET / HTTP/1.1\r\nhost: a\r\n folded: x\r\n\r\n",
        "POST /v1/sessions HTTP/1.1\r\nhost: a\r\ncontent-length: -1\r\n\r\n",
        "POST /v1/sessions HTTP/1.1\r\nhost: a\r\ncontent-length: 2, 3\r\n\r\n{}",
        "POST /v1/sessions HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\n{}",
        "POST /v1/sessions HTTP/1.1\r\nhost: a\r\ncontent-length: 99999999999999999999\r\n\r\n{}",
        "POST /v1/sessions HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n",
        "POST /v1/sessions HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\nffffffffffffffff1\r\n{}",
        "POST /v1/sessions HTTP/1.1\r\nhost: a\r\ntransfer-encoding: gzip\r\n\r\n{}",
        "POST /v1/sessions HTTP/1.1\r\nhost: a\r\ncontent-length: 20\r\n\r\n{}",
        "CONNECT a:1 HTTP/1.1\r\nhost: a:1\r\n\r\n",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\nthese are no frames",
        "\r\n\r\n\r\n\r\n",
        "\u{16}\u{3}\u{1}\u{2}\0\u{1}\0\u{1}\u{fc}\u{3}\u{3} a TLS hello",
    ] {
        let answer = outcome(&server, request.as_bytes()).await;
        // An HTTP/2 peer is told in frames.
        if !request.starts_with("PRI") {
            assert_refused_or_closed(&answer, request);
        }
    }
}

#[tokio::test]
async fn a_head_over_64_kib_is_refused() {
    let server = Server::start();
    let long = "x".repeat(70 * 1024);
    let many = "a: b\r\n".repeat(20_000);
    for request in [
        format!("GET /{long} HTTP/1.1\r\nhost: a\r\n\r\n"),
        format!("GET / HTTP/1.1\r\nhost: a\r\nlong: {long}\r\n\r\n"),
        format!("GET / HTTP/1.1\r\nhost: a\r\n{many}\r\n"),
        format!("{long}{long}"),
    ] {
        let answer = outcome(&server, request.as_bytes()).await;
        assert_refused_or_closed(&answer, &request[..40]);
    }
    assert!(server.memory() < 200 * 1024, "{} KiB", server.memory());
    Session::open(server.public).await.cancel().await;
}
