//! Without a collector of its own, a server passes on what it was told of the caller's trace.

use reqwest::Method;
use saoma::config::{DirectoryRule, Secret};
use serde_json::json;

use crate::service::{SECRET, Service};
use crate::support::{Store, TestServer, Via, namespace};

const GIVEN: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

/// What the hook is told of the trace, when a phone's request tells this.
async fn passed_on(fields: &[(&str, &str)]) -> [Option<String>; 2] {
    let service = Service::start().await;
    let url = service.url.clone();
    let server = TestServer::start_with(Store::Memory, |config| {
        let rules = namespace(config, "default");
        rules.directory = DirectoryRule::Hook;
        rules.hook.url = Some(url);
        rules.hook.secret = Some(Secret::new(SECRET.to_owned()));
    });
    let server = server.await;
    let session = server.browser(Via::LongPoll).open_only().await;
    let scan = server.api().ask(Method::POST, &format!("/v1/scenes/{}/scan", session.scene));
    let scan = fields.iter().fold(scan, |scan, (name, value)| scan.header(name, value));
    scan.json(json!({ "login_code": "sim:ann" })).await.ok();
    let asked = &service.was_asked(1).await[0];
    let told = |name: &str| Some(asked.headers.get(name)?.to_str().ok()?.to_owned());
    [told("traceparent"), told("tracestate")]
}

#[tokio::test]
async fn a_callers_trace_goes_on_to_the_hook_as_it_came() {
    let told = passed_on(&[("traceparent", GIVEN), ("tracestate", "vendor=opaque")]).await;
    assert_eq!(told.map(Option::unwrap), [GIVEN.to_owned(), "vendor=opaque".to_owned()]);
}

#[tokio::test]
async fn what_is_no_trace_goes_nowhere() {
    let zero = "00-00000000000000000000000000000000-00f067aa0ba902b7-01";
    for bad in ["", "00-xyz", zero, "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"] {
        let told = passed_on(&[("traceparent", bad), ("tracestate", "vendor=opaque")]).await;
        assert_eq!(told, [None, None], "{bad:?}");
    }
}
