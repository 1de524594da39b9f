//! The small service of `examples/`, as docs/hook.md says that it is run.

use std::net::{Ipv4Addr, SocketAddr};

use saoma::config::{Config, Secret};
use serde_json::json;

use crate::service::SECRET;
use crate::support::kept::Kept;
use crate::support::{Answer, Api, Store, TestServer, Via, namespace, ports};
use crate::world::{asks, claims_of};

const SERVICE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/hook_service.py");
const API_KEY: &str = "a key of the example's";
/// Runs what it is given, and ends it with the tests.
const KEEPER: &str = r#""$@" & read -r _; kill -KILL $!; wait"#;

/// The example at an address, for a server; it listens when this returns.
fn example(listen: SocketAddr, server: SocketAddr) -> Kept {
    let (secret, key) = (format!("HOOK_SECRET={SECRET}"), format!("API_KEY={API_KEY}"));
    let (server, listen) = (format!("SAOMA_URL=http://{server}"), listen.to_string());
    let command = ["env", &secret, &server, &key, "python3", SERVICE, &listen];
    let mut process = Kept::start(KEEPER, &command);
    let said = process.says("listening on http://");
    assert_eq!(said, Some(listen), "{}", process.errors());
    process
}

#[tokio::test]
async fn it_knows_some_refuses_some_and_takes_others() {
    // Each wants to know where the other is: a port for the example is found first.
    let listen = SocketAddr::from((Ipv4Addr::LOCALHOST, ports::free()));
    let url = format!("http://{listen}/");
    let server = TestServer::start_with(Store::Memory, |config: &mut Config| {
        asks(config, "default", &url);
        namespace(config, "default").api_keys = vec![Secret::new(API_KEY.to_owned())];
    });
    let server = server.await;
    let _process = example(listen, server.address);

    let mut tab = server.browser(Via::Sse).open().await;
    tab.scan_as("Alice").await.confirm().await.ok();
    tab.sees("scanned").await;
    let ticket = tab.sees_a_ticket().await;
    let claims = claims_of(&tab.redeem(&ticket).await.ok());
    assert_eq!((&claims["sub"], &claims["role"]), (&json!("1"), &json!("staff")));

    let tab = server.browser(Via::Sse).open().await;
    let told = tab.shows_the_code().tries_to_scan_as("Mallory").await.is_problem(403, "refused");
    assert_eq!(told["detail"], "This account is locked. Ask at the desk.");

    let mut tab = server.browser(Via::Sse).open().await;
    let phone = tab.scan_as("Bob").await;
    tab.sees("scanned").await;
    phone.confirm().await.is_problem(403, "unregistered");
    tab.sees("unregistered").await;
    phone.register("Bob B.").await.is(201);
    assert_eq!(
        tab.sees("message").await,
        json!({ "from": "service", "body": { "hello": "Bob B." } })
    );
    tab.sees("scanned").await;
    phone.confirm().await.ok();
    tab.sees_a_ticket().await;

    let stranger: Answer = Api::new(url).ask(reqwest::Method::POST, "/").json(json!({})).await;
    assert_eq!(stranger.status, 401);
}
