//! The record of calls, and the time, which a test holds.

use std::collections::HashSet;

use reqwest::Client;
use serde_json::json;

use crate::stub::{ACCOUNT, MINI, PATIENCE, Reply, SECRET, Stub};

const STABLE: &str = "/cgi-bin/stable_token";

#[tokio::test]
async fn every_call_is_recorded_with_what_was_answered() {
    let stub = Stub::start().await;
    let token = stub.token(MINI).await;
    let scene = json!({ "scene": "a_scene" });
    stub.post("/wxa/getwxacodeunlimit", &token, scene.clone()).await.text_or_picture();
    stub.get("/cgi-bin/token", &[("appid", ACCOUNT), ("secret", SECRET)]).await.refuses(40002, "");
    let calls = stub.see("calls").await;
    assert_eq!(calls.as_array().map(Vec::len), Some(3));
    let [first, second, third] = [&calls[0], &calls[1], &calls[2]];
    assert_eq!((&first["path"], &first["appid"]), (&json!(STABLE), &json!(MINI)));
    let answer = first["answer"].as_str().expect("an answer");
    assert!(answer.contains(&token) && first["body"].as_str().expect("a body").contains(SECRET));
    assert_eq!((&second["appid"], &second["query"]["access_token"]), (&json!(MINI), &json!(token)));
    assert_eq!((&second["body"], &second["status"]), (&json!(scene.to_string()), &json!(200)));
    assert_eq!(second["content_type"], "image/jpeg");
    assert_eq!(second["answer"], "picture: wxacode 0");
    assert_eq!((&third["method"], &third["query"]["secret"]), (&json!("GET"), &json!(SECRET)));
    assert!(third["answer"].as_str().expect("an answer").contains("40002"));
    assert_eq!(stub.see(&format!("calls?appid={ACCOUNT}")).await, json!([third]));
    assert_eq!(stub.see(&format!("calls?path={STABLE}")).await, json!([first]));
}

#[tokio::test]
async fn calls_by_one_connection_are_told_from_calls_by_many() {
    let stub = Stub::start().await;
    let connections = async || {
        let calls = stub.see("calls").await;
        Reply::of(stub.client.delete(format!("{}/stub/calls", stub.base))).await.ok();
        let calls = calls.as_array().expect("calls").iter();
        calls.map(|call| call["connection"].as_u64().expect("a number")).collect::<HashSet<_>>()
    };
    for _ in 0..5 {
        stub.token(MINI).await;
    }
    assert!(connections().await.len() < 5);
    let client = Client::builder().no_proxy().pool_max_idle_per_host(0).build().expect("a client");
    for _ in 0..5 {
        client.post(stub.url(STABLE, &[])).send().await.expect("an answer");
    }
    assert_eq!(connections().await.len(), 5);
}

#[tokio::test]
async fn calls_are_counted_and_how_many_were_under_way_at_once() {
    let stub = Stub::start().await;
    stub.breaks(STABLE, json!({ "latency_ms": 60_000, "times": 3 })).await;
    let ask = || stub.client.post(stub.url(STABLE, &[])).body("{}").send();
    let three = [(); 3].map(|()| tokio::spawn(ask()));
    stub.see("calls?all=1&at_least=3").await;
    for call in &three {
        call.abort();
    }
    stub.see("calls?at_least=3").await;
    stub.token(MINI).await;
    let count = json!({ "calls": 4, "under_way": 0, "most_at_once": 3 });
    assert_eq!(stub.see("counts").await, json!({ STABLE: count }));
    Reply::of(stub.client.delete(format!("{}/stub/calls", stub.base))).await.ok();
    assert_eq!((stub.see("counts").await, stub.see("calls").await), (json!({}), json!([])));
}

#[tokio::test]
async fn a_call_can_be_waited_for() {
    let stub = Stub::start().await;
    let wait = format!("calls?path={STABLE}&at_least=2");
    let calls = async {
        stub.token(MINI).await;
        stub.token(MINI).await;
    };
    let (seen, ()) = tokio::join!(stub.see(&wait), calls);
    assert_eq!(seen.as_array().map(Vec::len), Some(2));
    let url = format!("{}/stub/calls?at_least=3&wait_ms=1", stub.base);
    let reply = Reply::of(stub.client.get(url)).await;
    assert_eq!(reply.json()["stub_error"], "2 calls within 1ms, and not 3");
}

#[tokio::test]
async fn a_call_that_is_under_way_is_seen_by_who_asks_for_all() {
    let stub = Stub::start().await;
    stub.breaks(STABLE, json!({ "latency_ms": 60_000 })).await;
    let request = stub.client.post(stub.url(STABLE, &[])).body("{}");
    let call = tokio::spawn(request.send());
    let all = stub.see("calls?all=1&at_least=1").await;
    assert_eq!((all.as_array().map(Vec::len), &all[0]["end"]), (Some(1), &json!("pending")));
    assert_eq!(stub.see("calls").await, json!([]));
    assert_eq!(stub.see("counts").await[STABLE]["under_way"], 1);
    call.abort();
    assert_eq!(stub.see("calls?at_least=1").await[0]["end"], "abandoned");
    assert_eq!(stub.see("counts").await[STABLE]["under_way"], 0);
}

#[tokio::test]
async fn time_passes_by_itself_unless_it_is_stopped() {
    let stub = Stub::empty();
    let now = async || stub.see("clock").await["now_ms"].as_u64().expect("a time");
    stub.tell("clock", json!({ "stop": true })).await;
    let stopped = now().await;
    assert_eq!(now().await, stopped);
    stub.forward(100).await;
    assert_eq!(now().await, stopped + 100_000);
    stub.tell("clock", json!({ "stop": false })).await;
    let going = now().await;
    assert!((stopped + 100_000..stopped + 130_000).contains(&going));
    let moves = async { while now().await == going {} };
    tokio::time::timeout(PATIENCE, moves).await.expect("time goes on");
}

#[tokio::test]
async fn a_reset_forgets_everything_and_no_token_works_by_chance() {
    let stub = Stub::start().await;
    let app = json!({ "appid": MINI, "secret": SECRET, "kind": "mini_program" });
    let mut old = vec![stub.token(MINI).await];
    for _ in 0..2 {
        stub.breaks("*", json!({ "errcode": -1 })).await;
        stub.tell("reset", json!({})).await;
        assert_eq!((stub.see("apps").await, stub.see("calls").await), (json!({}), json!([])));
        stub.tell("apps", app.clone()).await;
        let token = stub.token(MINI).await;
        for old in &old {
            let reply = stub.post("/wxa/getwxacodeunlimit", old, json!({ "scene": "a" })).await;
            reply.refuses(40001, "invalid credential");
        }
        old.push(token);
    }
}

impl Reply {
    /// Whatever it is, it is there.
    fn text_or_picture(&self) {
        assert!(self.status == 200 && !self.body.is_empty());
    }
}
