//! An official account's own codes: what may be in them, how long they live, how they are scanned.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::stub::{ACCOUNT, MINI, Reply, Stub};

const PATH: &str = "/cgi-bin/qrcode/create";

async fn create(stub: &Stub, body: Value) -> Reply {
    stub.post(PATH, &stub.token(ACCOUNT).await, body).await
}

#[expect(clippy::needless_pass_by_value, reason = "written as json!({…}) by the caller")]
fn asks(action: &str, scene: Value) -> Value {
    json!({ "action_name": action, "action_info": { "scene": scene } })
}

#[tokio::test]
async fn a_code_has_a_ticket_an_address_and_an_end() {
    let stub = Stub::start().await;
    let mut body = asks("QR_STR_SCENE", json!({ "scene_str": "test" }));
    assert_eq!(create(&stub, body.clone()).await.ok()["expire_seconds"], 60);
    body["expire_seconds"] = json!(604_800);
    let made = create(&stub, body).await.ok();
    assert!(made["ticket"].as_str().is_some_and(|t| t.starts_with("gQ") && t.ends_with("==")));
    assert!(made["url"].as_str().is_some_and(|url| url.starts_with("http://weixin.qq.com/q/02")));
    assert_eq!(made["expire_seconds"], 604_800);
    assert!(made.get("errcode").is_none());
    let body = asks("QR_LIMIT_STR_SCENE", json!({ "scene_str": "test" }));
    assert!(create(&stub, body).await.ok().get("expire_seconds").is_none());
}

#[tokio::test]
async fn scenes_have_bounds() {
    let stub = Stub::start().await;
    let (longest, too_long) = ("x".repeat(64), "x".repeat(65));
    for (action, scene, good) in [
        ("QR_STR_SCENE", json!({ "scene_str": longest }), true),
        ("QR_STR_SCENE", json!({ "scene_str": too_long }), false),
        ("QR_STR_SCENE", json!({ "scene_str": "" }), false),
        ("QR_STR_SCENE", json!({ "scene_str": 111 }), false),
        ("QR_LIMIT_STR_SCENE", json!({ "scene_str": too_long }), false),
        ("QR_SCENE", json!({ "scene_id": u32::MAX }), true),
        ("QR_SCENE", json!({ "scene_id": 0 }), false),
        ("QR_SCENE", json!({ "scene_id": u64::from(u32::MAX) + 1 }), false),
        ("QR_LIMIT_SCENE", json!({ "scene_id": 100_000 }), true),
        ("QR_LIMIT_SCENE", json!({ "scene_id": 100_001 }), false),
    ] {
        let reply = create(&stub, asks(action, scene)).await;
        if good {
            reply.ok();
        } else {
            reply.refuses(40053, "invalid action info, please check document rid: ");
        }
    }
    let unknown = asks("QR_CARD", json!({ "scene_str": "a" }));
    create(&stub, unknown).await.refuses(40052, "invalid action name rid: ");
    for (seconds, good) in [(json!(2_592_000), true), (json!(2_592_001), false), (json!(0), false)]
    {
        let mut body = asks("QR_SCENE", json!({ "scene_id": 1 }));
        body["expire_seconds"] = seconds;
        let reply = create(&stub, body).await;
        if good {
            reply.ok();
        } else {
            reply.refuses(40053, "invalid action info");
        }
    }
    stub.set(ACCOUNT, "limits", json!({ "permanent_tickets": 1 })).await;
    create(&stub, asks("QR_LIMIT_SCENE", json!({ "scene_id": 2 }))).await.refuses(45009, "");
}

#[tokio::test]
async fn codes_are_for_verified_accounts_alone() {
    let stub = Stub::start().await;
    let body = asks("QR_SCENE", json!({ "scene_id": 1 }));
    stub.post(PATH, &stub.token(MINI).await, body.clone()).await.refuses(48001, "");
    stub.set(ACCOUNT, "verified", json!(false)).await;
    create(&stub, body.clone()).await.refuses(48001, "api unauthorized");
    stub.post(PATH, "", body).await.refuses(41001, "access_token missing");
    stub.get(PATH, &[]).await.refuses(43002, "require POST method");
    stub.post_text(PATH, &stub.token(ACCOUNT).await, "{'a': 1}").await.refuses(48001, "");
    stub.set(ACCOUNT, "verified", json!(true)).await;
    stub.post_text(PATH, &stub.token(ACCOUNT).await, "{'a': 1}").await.refuses(47001, "");
}

#[tokio::test]
async fn the_picture_is_for_everybody_and_unknown_tickets_are_not_found() {
    let stub = Stub::start().await;
    let made = create(&stub, asks("QR_STR_SCENE", json!({ "scene_str": "test" }))).await.ok();
    let ticket = made["ticket"].as_str().expect("a ticket");
    let picture = stub.get("/cgi-bin/showqrcode", &[("ticket", ticket)]).await;
    assert_eq!((picture.status, &*picture.content_type), (200, "image/jpg"));
    image::load_from_memory(&picture.body).expect("a picture that decodes");
    assert_eq!(stub.get("/cgi-bin/showqrcode", &[("ticket", "gQ")]).await.status, 404);
    // A phone gets to the same account by the picture, the address and the ticket.
    let picture = STANDARD.encode(&picture.body);
    for seen in [
        json!({ "picture": picture }),
        json!({ "url": made["url"] }),
        json!({ "ticket": ticket }),
        json!({ "appid": ACCOUNT, "scene": "test" }),
    ] {
        let mut scan = seen.clone();
        scan["person"] = "Ann".into();
        assert_eq!(stub.tell("account/scan", scan).await["push"], Value::Null, "{seen}");
    }
}

#[tokio::test]
async fn a_code_that_is_over_cannot_be_scanned() {
    let stub = Stub::start().await;
    stub.set(ACCOUNT, "ticket_seconds", json!(30)).await;
    let made = create(&stub, asks("QR_SCENE", json!({ "scene_id": 9 }))).await.ok();
    assert_eq!(made["expire_seconds"], 30);
    stub.forward(29).await;
    let scan = json!({ "ticket": made["ticket"], "person": "Ann" });
    stub.tell("account/scan", scan.clone()).await;
    stub.forward(1).await;
    let request = stub.client.post(format!("{}/stub/account/scan", stub.base)).json(&scan);
    let reply = Reply::of(request).await;
    assert_eq!((reply.status, &reply.json()["stub_error"]), (400, &json!("the code has expired")));
}
