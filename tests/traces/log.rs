//! The log: one line for each request, and a session's lines found by its id.

use reqwest::Method;
use saoma::config::{Config, LogFormat, Secret};
use serde_json::Value;

use crate::support::instance::Instance;
use crate::support::{Via, redis};

const GIVEN: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

fn config() -> Config {
    let mut config = Config { log_format: LogFormat::Json, drain_seconds: 0, ..Config::default() };
    (config.listen, config.admin_listen) = (([127, 0, 0, 1], 0).into(), ([127, 0, 0, 1], 0).into());
    config
}

/// The lines of an instance that has ended, each one JSON object.
async fn lines(mut instance: Instance) -> Vec<Value> {
    instance.signal("-TERM");
    assert_eq!(instance.ended().await, Some(0));
    let line =
        |line: &str| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
    instance.log().lines().map(line).collect()
}

#[tokio::test]
async fn a_request_is_one_line_of_json_with_all_that_one_looks_for() {
    let instance = Instance::start(&config()).await;
    let asked = instance.api().ask(Method::GET, "/v1/sessions/nobody?access_token=hunter2");
    let answer = asked.header("traceparent", GIVEN).await;
    let id = answer.header("x-request-id").to_owned();
    let lines = lines(instance).await;
    let of_it: Vec<_> = lines.iter().filter(|line| line["span"]["id"] == id.as_str()).collect();
    let [line] = of_it[..] else { panic!("{of_it:?}") };
    assert_eq!(line["message"], "http.request");
    assert_eq!(line["level"], "INFO");
    assert_eq!(line["span"]["method"], "GET");
    assert_eq!(line["span"]["path"], "/v1/sessions/nobody");
    assert_eq!(line["span"]["route"], "/v1/sessions/{session_id}");
    assert_eq!(line["span"]["trace"], "4bf92f3577b34da6a3ce929d0e0e4736");
    assert_eq!(line["span"]["status"], answer.status);
    assert!(line["took_ms"].is_number() && line["timestamp"].is_string(), "{line}");
    assert!(!line.to_string().contains("hunter2"), "{line}");
}

#[tokio::test]
async fn a_session_is_followed_by_its_id_through_all_instances() {
    let mut config = config();
    config.redis_url = Some(Secret::new(redis::shared()));
    config.redis_prefix = "lines".to_owned();
    let (one, other) = (Instance::start(&config).await, Instance::start(&config).await);
    let session = one.browser(Via::LongPoll).open_only().await;
    let phone = other.phone(&session.scene).scans_as("ann").await;
    phone.confirm().await.ok();
    let (one, other) = (lines(one).await, lines(other).await);
    let of_it = |lines: &[Value]| -> Vec<String> {
        let is = |line: &&Value| {
            let said = [&line["session"], &line["span"]["session"]];
            said.into_iter().any(|said| *said == session.id.as_str())
        };
        let told = |line: &Value| {
            let route = line["span"]["route"].as_str().unwrap_or_default();
            format!("{} {route}", line["message"].as_str().unwrap_or_default())
        };
        lines.iter().filter(is).map(told).collect()
    };
    assert_eq!(of_it(&one), ["http.request /v1/sessions"]);
    let [scan, confirm] = ["scan", "confirm"].map(|call| format!("/v1/scenes/{{scene}}/{call}"));
    let expected = [
        format!("http.request {scan}"),
        format!("session.ended {confirm}"),
        format!("http.request {confirm}"),
    ];
    assert_eq!(of_it(&other), expected);
}
