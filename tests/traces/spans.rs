//! What a collector hears of a login.

use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use reqwest::Method;
use saoma::config::{Config, DirectoryRule, ProviderName, Secret};

use crate::collector::{Collector, Told};
use crate::service::{SECRET, Service};
use crate::support::instance::Instance;
use crate::support::{Session, Via, namespace, redis};

/// A caller's context, as W3C's own example has it.
const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const CALLER: &str = "00f067aa0ba902b7";

/// Settings of an instance that tells a collector.
fn told_to(collector: &Collector) -> Config {
    let mut config = Config::default();
    (config.listen, config.admin_listen) = (any(), any());
    config.otlp.endpoint = Some(collector.url.clone());
    config
}

fn any() -> std::net::SocketAddr {
    ([127, 0, 0, 1], 0).into()
}

/// The session's id, as the traces write it.
fn trace_of(session: &Session) -> String {
    session.id.replace('-', "")
}

#[tokio::test]
async fn a_session_is_a_span_whose_trace_has_its_id_and_to_which_all_requests_are_linked() {
    let collector = Collector::start().await;
    let mut config = told_to(&collector);
    config.otlp.service_name = "logins".to_owned();
    let instance = Instance::start(&config).await;
    let session = instance.browser(Via::LongPoll).open_only().await;
    let phone = instance.phone(&session.scene).scans_as("ann").await;
    phone.confirm().await.ok();
    let trace = trace_of(&session);
    let is_session = |told: &Told| told.span.name == "session";
    let heard = collector.hears("the session", is_session).await;
    let own = heard.iter().find(|told| is_session(told)).expect("a session");
    assert_eq!((own.trace(), own.parent()), (trace.clone(), String::new()));
    assert_eq!(own.says("state").as_deref(), Some("confirmed"));
    assert_eq!(own.says("saoma.session.id").as_deref(), Some(&*session.id));
    assert_eq!(own.says("saoma.namespace").as_deref(), Some("default"));
    assert!(own.span.end_time_unix_nano >= own.span.start_time_unix_nano);
    assert_eq!(own.process_says("service.name").as_deref(), Some("logins"));
    assert_eq!(own.process_says("service.version").as_deref(), Some(env!("CARGO_PKG_VERSION")));
    assert_eq!(own.path, "/v1/traces");

    let confirms = |told: &Told| told.span.name == "POST /v1/scenes/{scene}/confirm";
    let heard = collector.hears("the confirmation", confirms).await;
    for name in
        ["POST /v1/sessions", "POST /v1/scenes/{scene}/scan", "POST /v1/scenes/{scene}/confirm"]
    {
        let request = heard.iter().find(|told| told.span.name == name);
        let request = request.unwrap_or_else(|| panic!("no {name}"));
        assert_eq!(request.span.kind(), SpanKind::Server);
        assert_eq!(request.links(), *std::slice::from_ref(&trace), "{name}");
        assert_eq!(request.says("saoma.session.id").as_deref(), Some(&*session.id));
        assert_eq!(request.says("http.request.method").as_deref(), Some("POST"));
        assert!(
            request.says("http.response.status_code").is_some_and(|code| code.starts_with('2'))
        );
        assert_ne!(request.span.status.clone().unwrap_or_default().code(), StatusCode::Error);
    }
}

#[tokio::test]
async fn a_request_goes_on_with_its_callers_trace_and_so_does_the_hook_that_it_asks() {
    let (collector, service) = (Collector::start().await, Service::start().await);
    let mut config = told_to(&collector);
    let rules = namespace(&mut config, "default");
    rules.directory = DirectoryRule::Hook;
    rules.hook.url = Some(service.url.clone());
    rules.hook.secret = Some(Secret::new(SECRET.to_owned()));
    let instance = Instance::start(&config).await;
    let session = instance.browser(Via::LongPoll).open_only().await;
    let scan = instance.api().ask(Method::POST, &format!("/v1/scenes/{}/scan", session.scene));
    let scan = scan.header("traceparent", &format!("00-{TRACE}-{CALLER}-01"));
    scan.json(serde_json::json!({ "login_code": "sim:ann" })).await.ok();

    let is_request = |told: &Told| told.span.name == "POST /v1/scenes/{scene}/scan";
    let heard = collector.hears("the request", is_request).await;
    let request = heard.iter().find(|told| is_request(told)).expect("a request");
    assert_eq!((request.trace(), request.parent()), (TRACE.to_owned(), CALLER.to_owned()));
    let is_hook = |told: &Told| told.span.name == "hook";
    let heard = collector.hears("the hook", is_hook).await;
    let hook = heard.iter().find(|told| is_hook(told)).expect("a hook");
    assert_eq!((hook.trace(), hook.parent()), (TRACE.to_owned(), request.id()));
    assert_eq!(hook.span.kind(), SpanKind::Client);
    assert_eq!(hook.says("outcome").as_deref(), Some("registered"));
    let asked = &service.was_asked(1).await[0];
    let told = asked.headers.get("traceparent").and_then(|told| told.to_str().ok());
    assert_eq!(told, Some(&*format!("00-{TRACE}-{}-01", hook.id())));
}

#[tokio::test]
async fn a_call_to_wechat_is_a_span_of_the_scan_that_makes_it() {
    let collector = Collector::start().await;
    let mut config = told_to(&collector);
    let rules = namespace(&mut config, "default");
    rules.provider = ProviderName::MiniProgram;
    rules.wechat.app_id = Some("wx00000000000000a1".to_owned());
    rules.wechat.app_secret = Some(Secret::new("0123456789abcdef0123456789abcdef".to_owned()));
    // Nobody listens there.
    let nobody = std::net::TcpListener::bind(any()).and_then(|it| it.local_addr());
    rules.wechat.api_url = format!("http://{}", nobody.expect("an address"));
    let instance = Instance::start(&config).await;
    let session = instance.browser(Via::LongPoll).open_only().await;
    let scan = instance.api().ask(Method::POST, &format!("/v1/scenes/{}/scan", session.scene));
    let scan = scan.header("traceparent", &format!("00-{TRACE}-{CALLER}-01"));
    scan.json(serde_json::json!({ "login_code": "what-wx.login-gave" }))
        .await
        .is_problem(503, "wechat_unavailable");

    let of_the_scan = |told: &Told| told.span.name == "wechat" && told.trace() == TRACE;
    let heard = collector.hears("the call", of_the_scan).await;
    let call = heard.iter().find(|told| of_the_scan(told)).expect("a call");
    assert_eq!(call.span.kind(), SpanKind::Client);
    assert_eq!(call.says("api").as_deref(), Some("jscode2session"));
    assert_eq!(call.says("outcome").as_deref(), Some("unreachable"));
    assert_eq!(call.span.status.clone().unwrap_or_default().code(), StatusCode::Error);
}

#[tokio::test]
async fn the_spans_of_two_instances_meet_at_the_session() {
    let collector = Collector::start().await;
    let mut config = told_to(&collector);
    config.redis_url = Some(Secret::new(redis::shared()));
    config.redis_prefix = "traces".to_owned();
    let (one, other) = (Instance::start(&config).await, Instance::start(&config).await);
    let session = one.browser(Via::LongPoll).open_only().await;
    let phone = other.phone(&session.scene).scans_as("ann").await;
    phone.reject().await.ok();
    let of_the_session = |told: &&Told| told.links().contains(&trace_of(&session));
    let rejects = |told: &Told| told.span.name == "POST /v1/scenes/{scene}/reject";
    collector.hears("the refusal", rejects).await;
    let opens = |told: &Told| told.span.name == "POST /v1/sessions";
    let heard = collector.hears("the opening", opens).await;
    let instances = heard.iter().filter(of_the_session);
    let instances: Vec<_> =
        instances.filter_map(|told| told.process_says("service.instance.id")).collect();
    assert!(instances.iter().any(|id| *id != instances[0]), "one instance alone: {instances:?}");
}

#[tokio::test]
async fn what_is_left_is_told_by_a_server_that_leaves_and_the_collector_gets_its_key() {
    let collector = Collector::start().await;
    let mut config = told_to(&collector);
    config.otlp.endpoint = Some(format!("{}/v1/traces/", collector.url));
    config.drain_seconds = 0;
    let key: &[&str] = &["SAOMA_OTLP_HEADERS=authorization=Bearer hunter2, x-team=logins"];
    let mut instance = Instance::start_under(&config, key).await;
    instance.api().ask(Method::GET, "/v1/nothing").await.is_problem(404, "not_found");
    instance.signal("-TERM");
    assert_eq!(instance.ended().await, Some(0));
    let told = collector.told();
    let request = told.iter().find(|told| told.span.name == "GET").expect("the last request");
    assert_eq!(request.path, "/v1/traces");
    assert_eq!(request.headers["authorization"], "Bearer hunter2");
    assert_eq!(request.headers["x-team"], "logins");
    assert!(!instance.log().contains("hunter2"), "{}", instance.log());
}

#[tokio::test]
async fn nothing_is_told_of_traces_that_are_not_sampled() {
    let collector = Collector::start().await;
    let mut config = told_to(&collector);
    (config.otlp.sample_percent, config.drain_seconds) = (0, 0);
    let mut instance = Instance::start(&config).await;
    // Nor does a stranger's wish change that.
    let asked = instance.api().ask(Method::GET, "/v1/nothing");
    let asked = asked.header("traceparent", &format!("00-{TRACE}-{CALLER}-01"));
    asked.await.is_problem(404, "not_found");
    instance.signal("-TERM");
    assert_eq!(instance.ended().await, Some(0));
    assert!(collector.told().is_empty(), "{:?}", collector.told());
}

#[tokio::test]
async fn logins_go_on_without_the_collector() {
    let mut config = Config { drain_seconds: 0, ..Config::default() };
    (config.listen, config.admin_listen) = (any(), any());
    // Nobody listens there.
    config.otlp.endpoint = Some("http://127.0.0.1:9".to_owned());
    let mut instance = Instance::start(&config).await;
    let session = instance.browser(Via::LongPoll).open_only().await;
    instance.phone(&session.scene).scans_as("ann").await.confirm().await.ok();
    instance.signal("-TERM");
    assert_eq!(instance.ended().await, Some(0));
}
