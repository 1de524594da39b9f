//! Messages to people: who may get one, and for how long after what.

use serde_json::{Value, json};

use crate::stub::{ACCOUNT, Reply, Stub};

async fn send(stub: &Stub, openid: &str, more: Value) -> Reply {
    let mut body = json!({ "touser": openid });
    body.as_object_mut().expect("one").extend(more.as_object().cloned().expect("one"));
    stub.post("/cgi-bin/message/custom/send", &stub.token(ACCOUNT).await, body).await
}

async fn text(stub: &Stub, openid: &str) -> Reply {
    send(stub, openid, json!({ "msgtype": "text", "text": { "content": "Confirm: …" } })).await
}

/// Who follows the account, and did nothing lately.
async fn follower(stub: &Stub, person: &str) -> String {
    let told = stub.tell("account/follower", json!({ "appid": ACCOUNT, "person": person })).await;
    told["openid"].as_str().expect("an openid").to_owned()
}

async fn does(stub: &Stub, act: &str, more: Value) {
    let mut body = json!({ "appid": ACCOUNT, "person": "Ann" });
    body.as_object_mut().expect("one").extend(more.as_object().cloned().expect("one"));
    stub.tell(&format!("account/{act}"), body).await;
}

#[tokio::test]
async fn a_scan_allows_three_messages_within_a_minute() {
    let stub = Stub::start().await;
    let ann = follower(&stub, "Ann").await;
    text(&stub, &ann)
        .await
        .refuses(45015, "response out of time limit or subscription is canceled");
    let body = json!({ "action_name": "QR_SCENE", "action_info": { "scene": { "scene_id": 1 } } });
    stub.post("/cgi-bin/qrcode/create", &stub.token(ACCOUNT).await, body).await.ok();
    does(&stub, "scan", json!({ "scene": "1" })).await;
    assert_eq!(text(&stub, &ann).await.ok(), json!({ "errcode": 0, "errmsg": "ok" }));
    text(&stub, &ann).await.ok();
    text(&stub, &ann).await.ok();
    text(&stub, &ann).await.refuses(45047, "out of response count limit rid: ");
    stub.forward(60).await;
    text(&stub, &ann).await.refuses(45015, "response out of time limit");
    does(&stub, "click", json!({ "key": "LOGIN" })).await;
    stub.forward(59).await;
    text(&stub, &ann).await.ok();
    let sent = stub.see(&format!("messages?appid={ACCOUNT}")).await;
    assert_eq!(sent.as_array().map(Vec::len), Some(4));
    assert_eq!((&sent[0]["openid"], &sent[0]["body"]["msgtype"]), (&json!(ann), &json!("text")));
}

#[tokio::test]
async fn writing_allows_five_messages_within_two_days() {
    let stub = Stub::start().await;
    let ann = follower(&stub, "Ann").await;
    does(&stub, "say", json!({ "text": "hello" })).await;
    stub.forward(48 * 3600 - 1).await;
    for _ in 0..5 {
        text(&stub, &ann).await.ok();
    }
    text(&stub, &ann).await.refuses(45047, "out of response count limit");
    does(&stub, "unfollow", json!({})).await;
    text(&stub, &ann).await.refuses(45015, "response out of time limit");
}

#[tokio::test]
async fn the_windows_are_a_knob() {
    let stub = Stub::start().await;
    stub.set(ACCOUNT, "reply_windows", json!(false)).await;
    let ann = follower(&stub, "Ann").await;
    for _ in 0..9 {
        text(&stub, &ann).await.ok();
    }
}

#[tokio::test]
async fn messages_have_a_form_and_go_to_people_the_account_met() {
    let stub = Stub::start().await;
    let ann = follower(&stub, "Ann").await;
    text(&stub, "o-nobody").await.refuses(40003, "invalid openid");
    send(&stub, &ann, json!({ "msgtype": "gold" })).await.refuses(40008, "invalid message type");
    send(&stub, &ann, json!({ "msgtype": "text" })).await.refuses(40008, "invalid message type");
    let empty = json!({ "msgtype": "text", "text": { "content": "" } });
    send(&stub, &ann, empty).await.refuses(44004, "empty content");
}
