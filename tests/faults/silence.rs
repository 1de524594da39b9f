//! Clients that hold a connection and do not get on with it.

use std::time::Duration;

use serde_json::json;
use tokio::io::AsyncWriteExt;
use tokio::time::{Instant, sleep};

use crate::http::Client;
use crate::person::Session;
use crate::server::Server;

/// What a client has for a request's head, and again for its body.
const ITS_TIME: Duration = Duration::from_secs(10);
/// How far a busy machine may be behind.
const SLACK: Duration = Duration::from_secs(5);

/// How long it takes until the server ends a connection that begins like this.
async fn ends(server: &Server, begin: &str, drip: Option<&str>) -> Duration {
    let mut client = Client::connect(server.public).await;
    let started = Instant::now();
    client.send(begin).await;
    let (mut read, mut write) = client.stream.split();
    let dripping = async {
        while let Some(drip) = drip {
            sleep(Duration::from_millis(200)).await;
            if write.write_all(drip.as_bytes()).await.is_err() {
                break;
            }
        }
        std::future::pending::<()>().await;
    };
    // What it says in parting is not looked at.
    let mut parting = tokio::io::sink();
    let listening = tokio::io::copy(&mut read, &mut parting);
    tokio::select! {
        () = dripping => {}
        _ = listening => {}
        () = sleep(ITS_TIME * 4) => {}
    }
    started.elapsed()
}

#[tokio::test]
async fn a_client_that_does_not_finish_its_request_is_closed_in_time() {
    let server = Server::start();
    let session = Session::open(server.public).await;
    let message = session.request("POST", "/messages", &json!({ "body": 1 }));
    let (no_body, _) = message.split_at(message.len() - 5);
    let never = session.follow("content-length: 5\r\n");
    let endless = session.follow("transfer-encoding: chunked\r\n");
    let preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    let cases = [
        ("silence", "", None),
        ("a head byte by byte", "GET / HTTP/1.1\r\nx: ", Some("y")),
        ("half of HTTP/2's preface", &preface[..10], None),
        ("HTTP/2's preface and no settings", preface, None),
        ("a body that does not come", no_body, None),
        ("a body byte by byte", no_body, Some(" ")),
        ("a body that does not come behind a GET", &never, None),
        ("an endless body behind a GET", &endless, Some("1\r\nx\r\n")),
    ];
    let waiting = cases.map(|(what, begin, drip)| {
        let server = &server;
        async move { (what, ends(server, begin, drip).await) }
    });
    let late: Vec<_> = futures_util::future::join_all(waiting)
        .await
        .into_iter()
        .filter(|(_, took)| *took < ITS_TIME / 20 || *took > ITS_TIME + SLACK)
        .collect();
    assert!(late.is_empty(), "{late:?}");
    assert_eq!(session.call("GET", "", &json!(null)).await.json()["cursor"], 1);
}
