//! Faults: everything that WeChat, or what lies before it, may do to a caller.

use std::time::Duration;

use serde_json::json;
use tokio::time::Instant;

use crate::stub::{ACCOUNT, MINI, Reply, SECRET, Stub};

const CODES: &str = "/wxa/getwxacodeunlimit";
const LOGINS: &str = "/sns/jscode2session";

async fn code(stub: &Stub, token: &str) -> Reply {
    stub.post(CODES, token, json!({ "scene": "a" })).await
}

fn exchange(stub: &Stub, code: &str) -> reqwest::RequestBuilder {
    let query = [
        ("appid", MINI),
        ("secret", SECRET),
        ("js_code", code),
        ("grant_type", "authorization_code"),
    ];
    stub.client.get(stub.url(LOGINS, &query))
}

async fn login(stub: &Stub) -> String {
    let told = stub.tell("login", json!({ "appid": MINI, "person": "Ann" })).await;
    told["code"].as_str().expect("a code").to_owned()
}

#[tokio::test]
async fn codes_are_injected_for_so_many_calls() {
    let stub = Stub::start().await;
    let token = stub.token(MINI).await;
    for (errcode, text) in [
        (-1, "system error"),
        (40001, "invalid credential"),
        (40164, "invalid ip"),
        (45009, "reach max api daily quota limit"),
        (45011, "api minute-quota reach limit"),
        (40226, "code blocked"),
    ] {
        stub.breaks(CODES, json!({ "errcode": errcode, "times": 2 })).await;
        for _ in 0..2 {
            let reply = code(&stub, &token).await;
            assert_eq!(reply.content_type, "application/json; encoding=utf-8");
            reply.refuses(errcode, text);
        }
        assert_eq!(code(&stub, &token).await.content_type, "image/jpeg");
    }
    // Nothing was done by those that were refused.
    assert_eq!(stub.see("codes").await.as_array().map(Vec::len), Some(6));
}

#[tokio::test]
async fn a_picture_comes_as_if_it_were_whole_and_is_not() {
    let stub = Stub::start().await;
    let token = stub.token(MINI).await;
    let whole = code(&stub, &token).await;
    stub.breaks(CODES, json!({ "cut": true, "times": 1 })).await;
    let cut = code(&stub, &token).await;
    assert_eq!((cut.status, &*cut.content_type), (200, "image/jpeg"));
    assert!(cut.body.starts_with(b"\xff\xd8\xff") && cut.body.len() < whole.body.len() * 3 / 4);
}

#[tokio::test]
async fn a_fault_stays_until_it_is_cleared_and_concerns_what_it_says() {
    let stub = Stub::start().await;
    let token = stub.token(MINI).await;
    stub.breaks(CODES, json!({ "errcode": -1 })).await;
    stub.breaks("*", json!({ "errcode": 48001, "appid": ACCOUNT })).await;
    for _ in 0..3 {
        code(&stub, &token).await.refuses(-1, "system error rid: ");
    }
    stub.stable(MINI, false).await.ok();
    stub.stable(ACCOUNT, false).await.refuses(48001, "api unauthorized rid: ");
    let request = stub.client.delete(format!("{}/stub/faults", stub.base));
    Reply::of(request).await.ok();
    assert_eq!(code(&stub, &token).await.content_type, "image/jpeg");
    stub.stable(ACCOUNT, false).await.ok();
}

#[tokio::test]
async fn a_fault_may_begin_later() {
    let stub = Stub::start().await;
    stub.breaks("/cgi-bin/stable_token", json!({ "errcode": -1, "skip": 1, "times": 1 })).await;
    stub.stable(MINI, false).await.ok();
    stub.stable(MINI, false).await.refuses(-1, "system error");
    stub.stable(MINI, false).await.ok();
}

#[tokio::test]
async fn a_label_may_be_wrong_either_way() {
    let stub = Stub::start().await;
    let token = stub.token(MINI).await;
    let json = "application/json; encoding=utf-8";
    stub.breaks(CODES, json!({ "label": json, "times": 1 })).await;
    let reply = code(&stub, &token).await;
    assert_eq!((&*reply.content_type, &reply.body[..2]), (json, &[0xff, 0xd8][..]));
    stub.breaks(CODES, json!({ "label": "image/jpeg", "errcode": 45009, "times": 1 })).await;
    let reply = code(&stub, &token).await;
    assert_eq!(reply.content_type, "image/jpeg");
    reply.refuses(45009, "reach max");
}

#[tokio::test]
async fn pages_of_others_come_instead() {
    let stub = Stub::start().await;
    let token = stub.token(MINI).await;
    for (fault, status) in
        [(json!({ "status": 502, "times": 1 }), 502), (json!({ "html": true }), 200)]
    {
        stub.breaks(CODES, fault).await;
        let reply = code(&stub, &token).await;
        assert_eq!((reply.status, &*reply.content_type), (status, "text/html; charset=utf-8"));
        assert!(reply.text().starts_with("<html>"));
    }
}

#[tokio::test]
async fn a_slow_answer_is_late_by_so_much() {
    let stub = Stub::start().await;
    stub.breaks(LOGINS, json!({ "latency_ms": 300, "times": 1 })).await;
    let began = Instant::now();
    Reply::of(exchange(&stub, &login(&stub).await)).await.ok();
    assert!(began.elapsed() >= Duration::from_millis(300));
}

#[tokio::test]
async fn an_answer_may_be_held_back_until_the_fault_is_cleared() {
    let stub = Stub::start().await;
    stub.breaks(LOGINS, json!({ "held": true })).await;
    let waiting = tokio::spawn(exchange(&stub, &login(&stub).await).send());
    stub.see("calls?all=1&at_least=1").await;
    // It is not the stub that is slow.
    stub.token(MINI).await;
    assert!(!waiting.is_finished());
    Reply::of(stub.client.delete(format!("{}/stub/faults", stub.base))).await.ok();
    assert_eq!(waiting.await.expect("no panic").expect("an answer").status(), 200);
}

#[tokio::test]
async fn an_answer_may_stop_in_its_middle() {
    let stub = Stub::start().await;
    let token = stub.token(MINI).await;
    stub.breaks(CODES, json!({ "stalls": true, "times": 1 })).await;
    let request = stub.client.post(stub.url(CODES, &[("access_token", &token)]));
    let mut response = request.body("{\"scene\":\"a\"}").send().await.expect("a head");
    let (whole, mut got) = (response.content_length().expect("a length"), 0);
    while got < whole / 2 {
        got += response.chunk().await.expect("a chunk").expect("not the end").len() as u64;
    }
    assert_eq!(got, whole / 2);
    let more = tokio::time::timeout(Duration::from_millis(100), response.chunk()).await;
    assert!(more.is_err());
}

#[tokio::test]
async fn who_does_not_wait_has_used_the_code_all_the_same() {
    let stub = Stub::start().await;
    stub.breaks(LOGINS, json!({ "latency_ms": 60_000, "times": 1 })).await;
    let code = login(&stub).await;
    let impatient = tokio::spawn(exchange(&stub, &code).send());
    stub.see("calls?all=1&at_least=1").await;
    impatient.abort();
    let calls = stub.see(&format!("calls?path={LOGINS}&at_least=1")).await;
    assert_eq!(calls[0]["end"], "abandoned");
    Reply::of(exchange(&stub, &code)).await.refuses(40163, "code been used");
}

#[tokio::test]
async fn connections_are_reset_before_in_and_after_the_answer() {
    let stub = Stub::start().await;
    for (reset, used) in [("before", false), ("after", true), ("half", true)] {
        stub.breaks(LOGINS, json!({ "reset": reset, "times": 1 })).await;
        let code = login(&stub).await;
        let sent = exchange(&stub, &code).send().await;
        let error = match sent {
            Ok(response) => {
                assert_eq!((reset, response.status().as_u16()), ("half", 200));
                response.bytes().await.expect_err("half a body")
            }
            Err(error) => error,
        };
        let said = format!("{error:?}");
        assert!(said.contains("ConnectionReset"), "{reset}: {said}");
        let again = Reply::of(exchange(&stub, &code)).await;
        if used {
            again.refuses(40163, "code been used");
        } else {
            again.ok();
        }
    }
    let ends = stub.see("calls").await;
    let ends: Vec<_> = ends.as_array().expect("calls").iter().map(|call| &call["end"]).collect();
    assert_eq!(ends, ["reset", "answered", "reset", "answered", "reset", "answered"]);
}

#[tokio::test]
async fn mistakes_of_a_test_are_told() {
    let stub = Stub::start().await;
    for (what, body, says) in [
        ("faults", json!({ "api": CODES, "erorcode": 1 }), "unknown field `erorcode`"),
        ("apps", json!({ "appid": "wx1" }), "missing field `secret`"),
        ("apps", json!({ "appid": MINI, "page": [] }), "unknown field `page`"),
        ("login", json!({ "appid": "wx1", "person": "Ann" }), "no app \"wx1\""),
        ("login", json!({ "appid": ACCOUNT, "person": "Ann" }), "is no mini program"),
        ("scan", json!({ "appid": MINI, "scene": "a" }), "no such code"),
        ("nonsense", json!({}), "no POST /stub/nonsense"),
    ] {
        let request = stub.client.post(format!("{}/stub/{what}", stub.base)).json(&body);
        let reply = Reply::of(request).await;
        let said = reply.json()["stub_error"].as_str().expect("stub_error").to_owned();
        assert!(reply.status == 400 && said.contains(says), "{said}");
    }
}
