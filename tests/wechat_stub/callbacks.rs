//! Callbacks: how they are signed, how long they wait, how often they are tried, what is taken for
//! an answer.

use serde_json::{Value, json};
use sha1::{Digest as _, Sha1};

use crate::crypto::hex;
use crate::server::{Does, Got, Server, TOKEN};
use crate::stub::{ACCOUNT, Stub};

async fn stub_and_server(mode: &str, settings: Value) -> (Stub, Server) {
    let (stub, server) = (Stub::start().await, Server::start().await);
    server.serves(&stub, mode, settings).await;
    (stub, server)
}

/// Has somebody follow the account, which is pushed.
async fn follow(stub: &Stub) -> Value {
    let told = stub.tell("account/follow", json!({ "appid": ACCOUNT, "person": "Ann" })).await;
    told["push"].clone()
}

fn says(status: u16, text: &str) -> Does {
    Does::Says(status, text.to_owned())
}

fn is_signed(got: &Got, token: &str) -> bool {
    let mut parts = [token, &got.query["timestamp"], &got.query["nonce"]];
    parts.sort_unstable();
    got.query["signature"] == hex(&Sha1::digest(parts.concat()))
}

#[tokio::test]
async fn a_callback_is_signed_and_dated_and_answered_once() {
    let (stub, server) = stub_and_server("plain", json!({})).await;
    let push = follow(&stub).await;
    assert_eq!((&push["outcome"], &push["tries"][0]["status"]), (&json!("accepted"), &json!(200)));
    assert_eq!(push["tries"][0]["answer"], "success");
    let got = server.got();
    assert_eq!(got.len(), 1);
    assert_eq!((&*got[0].method, &*got[0].query["at"]), ("POST", "1"));
    assert_eq!(got[0].query["openid"], push["openid"]);
    assert!(is_signed(&got[0], TOKEN));
    let now = stub.see("clock").await["now_ms"].as_u64().expect("a time") / 1000;
    assert_eq!(got[0].query["timestamp"], now.to_string());
    assert!(!got[0].query.contains_key("encrypt_type"));
    assert_eq!(stub.see("pushes").await, json!([push]));
}

#[tokio::test]
async fn an_account_without_an_address_is_pushed_nothing() {
    let stub = Stub::start().await;
    assert_eq!(follow(&stub).await, Value::Null);
}

#[tokio::test]
async fn who_does_not_answer_in_time_is_tried_three_times() {
    let (stub, server) = stub_and_server("plain", json!({ "timeout_ms": 2000 })).await;
    server.will([Does::Dawdles, Does::HangsUp, says(502, "later"), says(200, "too late")]);
    let push = follow(&stub).await;
    assert_eq!(push["outcome"], "unanswered");
    let tries = push["tries"].as_array().expect("tries");
    assert_eq!(tries.len(), 3);
    assert_eq!(tries[0]["error"], "no answer in time");
    assert!(tries[0]["took_ms"].as_u64() >= Some(2000));
    assert_eq!((&tries[1]["status"], &tries[2]["status"]), (&Value::Null, &json!(502)));
    let got = server.got();
    assert_eq!(got.len(), 3);
    assert!(got[0] == got[1] && got[1] == got[2]);
}

#[tokio::test]
async fn each_try_may_be_signed_anew() {
    let settings = json!({ "signs_anew": true });
    let (stub, server) = stub_and_server("aes", settings).await;
    server.will([Does::HangsUp, Does::HangsUp]);
    assert_eq!(follow(&stub).await["outcome"], "accepted");
    let got = server.got();
    assert_eq!(got.len(), 3);
    assert!(got.iter().all(|got| is_signed(got, TOKEN)));
    assert!(got[0].query["nonce"] != got[1].query["nonce"] && got[1].body != got[2].body);
}

#[tokio::test]
async fn it_is_five_seconds_if_nothing_else_is_said_and_a_late_answer_is_enough() {
    let (stub, server) = stub_and_server("plain", json!({})).await;
    server.will([Does::Dawdles, says(200, "")]);
    let push = follow(&stub).await;
    assert_eq!((&push["outcome"], server.got().len()), (&json!("accepted"), 2));
    assert!(push["tries"][0]["took_ms"].as_u64() >= Some(5000));
    assert_eq!(stub.see("apps").await[ACCOUNT]["callback"]["timeout_ms"], 5000);
}

#[tokio::test]
async fn json_for_an_answer_shows_the_person_a_fault() {
    let (stub, server) = stub_and_server("plain", json!({})).await;
    server.will([says(200, "{\"ok\":true}"), says(200, "Success"), says(200, " success\n")]);
    for outcome in ["fault_shown", "fault_shown", "accepted"] {
        assert_eq!(follow(&stub).await["outcome"], outcome);
        assert_eq!(server.got().len(), 1);
    }
}

#[tokio::test]
async fn an_answer_may_be_a_message_to_the_person() {
    let (stub, server) = stub_and_server("plain", json!({})).await;
    let message = "<xml><MsgType><![CDATA[text]]></MsgType></xml>";
    server.will([says(200, message)]);
    let push = follow(&stub).await;
    assert_eq!((&push["outcome"], &push["reply"]), (&json!("accepted"), &json!(message)));
    // One that is not sealed is none where it has to be.
    server.serves(&stub, "aes", json!({})).await;
    server.will([says(200, message)]);
    let push = follow(&stub).await;
    assert_eq!(push["outcome"], "fault_shown");
    assert_eq!(push["reply_error"], "an answer that is not sealed");
}

#[tokio::test]
async fn a_callback_can_be_left_under_way() {
    let (stub, server) = stub_and_server("plain", json!({})).await;
    server.will([Does::Dawdles]);
    let follow = json!({ "appid": ACCOUNT, "person": "Ann", "wait": false });
    assert_eq!(stub.tell("account/follow", follow).await["push"]["outcome"], "pending");
    assert_eq!(stub.see("pushes").await, json!([]));
    let follow = json!({ "appid": ACCOUNT, "person": "Bob", "wait": false });
    stub.tell("account/follow", follow).await;
    assert_eq!(stub.see("pushes?at_least=1").await[0]["outcome"], "accepted");
}

#[tokio::test]
async fn the_console_checks_the_address_by_an_echo() {
    let (stub, server) = stub_and_server("aes", json!({})).await;
    server.will([Does::Echoes, says(200, "success"), says(403, "")]);
    for ok in [true, false, false] {
        let checked = stub.tell("account/verify", json!({ "appid": ACCOUNT })).await;
        assert_eq!(checked["ok"], ok, "{checked}");
        let got = server.got();
        assert_eq!(got[0].method, "GET");
        assert!(is_signed(&got[0], TOKEN) && got[0].body.is_empty());
    }
    server.will([Does::Echoes]);
    stub.tell("account/verify", json!({ "appid": ACCOUNT, "token": "another" })).await;
    let got = server.got();
    assert!(is_signed(&got[0], "another") && !is_signed(&got[0], TOKEN));
}

#[tokio::test]
async fn a_forger_pushes_what_he_likes_and_sends_it_again() {
    let (stub, server) = stub_and_server("plain", json!({})).await;
    let forged =
        json!({ "appid": ACCOUNT, "xml": "<xml>&bomb;</xml>", "token": "guessed", "at": 7 });
    let push = stub.tell("account/push", forged).await["push"].clone();
    let first = server.got();
    assert_eq!((&*first[0].body, &*first[0].query["timestamp"]), ("<xml>&bomb;</xml>", "7"));
    assert!(is_signed(&first[0], "guessed") && !is_signed(&first[0], TOKEN));
    let again = stub.tell("account/replay", json!({ "id": push["id"] })).await;
    assert_eq!(again["answer"], "success");
    assert_eq!(server.got(), first);
}
