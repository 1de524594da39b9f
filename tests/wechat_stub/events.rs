//! What people do to an official account, and which events it becomes.

use serde_json::{Value, json};

use crate::server::Server;
use crate::stub::{ACCOUNT, Stub};

async fn stub_and_server() -> (Stub, Server) {
    let (stub, server) = (Stub::start().await, Server::start().await);
    server.serves(&stub, "plain", json!({})).await;
    (stub, server)
}

async fn ticket(stub: &Stub, info: Value) -> String {
    let body = json!({ "action_name": "QR_STR_SCENE", "action_info": info });
    let made = stub.post("/cgi-bin/qrcode/create", &stub.token(ACCOUNT).await, body).await.ok();
    made["ticket"].as_str().expect("a ticket").to_owned()
}

/// The one callback's content.
#[track_caller]
fn content(server: &Server) -> String {
    let got = server.got();
    assert_eq!(got.len(), 1, "{got:?}");
    got[0].body.clone()
}

async fn scan(stub: &Stub, ticket: &str, person: &str) -> Value {
    stub.tell("account/scan", json!({ "ticket": ticket, "person": person })).await
}

#[tokio::test]
async fn a_strangers_scan_is_a_subscription_and_a_followers_a_scan() {
    let (stub, server) = stub_and_server().await;
    let ticket = ticket(&stub, json!({ "scene": { "scene_str": "qrscene_1" } })).await;
    let push = scan(&stub, &ticket, "Ann").await["push"].clone();
    let openid = push["openid"].as_str().expect("an openid");
    let xml = content(&server);
    let now = stub.see("clock").await["now_ms"].as_u64().expect("a time") / 1000;
    let head = format!(
        "</ToUserName><FromUserName><![CDATA[{openid}]]></FromUserName><CreateTime>{now}</CreateTime>"
    );
    assert!(xml.starts_with("<xml><ToUserName><![CDATA[gh_") && xml.contains(&head), "{xml}");
    let event = format!(
        "<MsgType><![CDATA[event]]></MsgType><Event><![CDATA[subscribe]]></Event>\
         <EventKey><![CDATA[qrscene_qrscene_1]]></EventKey><Ticket><![CDATA[{ticket}]]></Ticket></xml>"
    );
    assert!(xml.ends_with(&event), "{xml}");
    scan(&stub, &ticket, "Ann").await;
    let event = "<Event><![CDATA[SCAN]]></Event><EventKey><![CDATA[qrscene_1]]></EventKey><Ticket>";
    let xml = content(&server);
    assert!(xml.contains(event), "{xml}");
    // Who does not follow any more is a stranger.
    stub.tell("account/unfollow", json!({ "appid": ACCOUNT, "person": "Ann" })).await;
    assert!(content(&server).contains("<Event><![CDATA[unsubscribe]]></Event>"));
    scan(&stub, &ticket, "Ann").await;
    assert!(content(&server).contains("<Event><![CDATA[subscribe]]></Event>"));
}

#[tokio::test]
async fn the_event_of_a_scan_was_seen_in_small_letters() {
    let (stub, server) = stub_and_server().await;
    stub.set(ACCOUNT, "scan_event", json!("scan")).await;
    let follower = json!({ "appid": ACCOUNT, "person": "Ann" });
    let told = stub.tell("account/follower", follower).await;
    let scene = json!({ "scene": { "scene_str": "s" } });
    let push = scan(&stub, &ticket(&stub, scene).await, "Ann").await["push"].clone();
    assert_eq!(push["openid"], told["openid"]);
    assert!(content(&server).contains("<Event><![CDATA[scan]]></Event>"));
}

#[tokio::test]
async fn a_forgotten_scene_comes_as_zero() {
    let (stub, server) = stub_and_server().await;
    let ticket = ticket(&stub, json!({ "scene_str": "test" })).await;
    scan(&stub, &ticket, "Ann").await;
    assert!(content(&server).contains("<EventKey><![CDATA[qrscene_0]]></EventKey>"));
    scan(&stub, &ticket, "Ann").await;
    assert!(content(&server).contains("<EventKey><![CDATA[0]]></EventKey>"));
}

#[tokio::test]
async fn an_event_may_be_dated_otherwise() {
    let (stub, server) = stub_and_server().await;
    let follow = json!({ "appid": ACCOUNT, "person": "Ann", "at": 1_648_535_359 });
    stub.tell("account/follow", follow).await;
    let got = server.got();
    assert_eq!(got[0].query["timestamp"], "1648535359");
    assert!(got[0].body.contains("<CreateTime>1648535359</CreateTime>"));
}

#[tokio::test]
async fn people_write_and_tap_the_menu() {
    let (stub, server) = stub_and_server().await;
    let says = json!({ "appid": ACCOUNT, "person": "Ann", "text": "yes ]]> no", "item": "101" });
    stub.tell("account/say", says).await;
    let xml = content(&server);
    assert!(xml.contains("<MsgType><![CDATA[text]]></MsgType>"), "{xml}");
    assert!(xml.contains("<Content><![CDATA[yes ]]]]><![CDATA[> no]]></Content>"), "{xml}");
    assert!(xml.contains("<bizmsgmenuid><![CDATA[101]]></bizmsgmenuid><MsgId>"), "{xml}");
    let taps = json!({ "appid": ACCOUNT, "person": "Ann", "key": "LOGIN" });
    stub.tell("account/click", taps).await;
    let xml = content(&server);
    let event = "<Event><![CDATA[CLICK]]></Event><EventKey><![CDATA[LOGIN]]></EventKey></xml>";
    assert!(xml.ends_with(event), "{xml}");
}
