//! What an official account is told of people: followers, strangers, one person over many apps.

use serde_json::{Value, json};

use crate::stub::{ACCOUNT, MINI, Reply, Stub};

const PATH: &str = "/cgi-bin/user/info";

async fn info_of(stub: &Stub, openid: &str) -> Reply {
    let token = stub.token(ACCOUNT).await;
    stub.get(PATH, &[("access_token", &token), ("openid", openid), ("lang", "zh_CN")]).await
}

async fn does(stub: &Stub, act: &str, mut what: Value) {
    what["person"] = "Ann".into();
    what["appid"] = ACCOUNT.into();
    stub.tell(&format!("account/{act}"), what).await;
}

async fn who(stub: &Stub, appid: &str) -> Value {
    stub.tell("who", json!({ "appid": appid, "person": "Ann" })).await
}

async fn openid(stub: &Stub) -> String {
    who(stub, ACCOUNT).await["openid"].as_str().expect("an openid").to_owned()
}

#[tokio::test]
async fn of_a_follower_is_told_since_when_and_by_which_code() {
    let stub = Stub::start().await;
    let ann = openid(&stub).await;
    for (action, scene, number, text) in [
        ("QR_STR_SCENE", json!({ "scene_str": "42" }), 0, "42"),
        ("QR_SCENE", json!({ "scene_id": 42 }), 42, ""),
    ] {
        let body = json!({ "action_name": action, "action_info": { "scene": scene } });
        stub.post("/cgi-bin/qrcode/create", &stub.token(ACCOUNT).await, body).await.ok();
        does(&stub, "scan", json!({ "scene": "42" })).await;
        let now = stub.tell("clock", json!({})).await["now_ms"].as_u64().expect("a moment");
        stub.forward(60).await;
        let info = info_of(&stub, &ann).await.ok();
        assert_eq!((&info["subscribe"], &info["openid"]), (&json!(1), &json!(ann)));
        assert_eq!(info["subscribe_time"], now / 1000);
        assert_eq!(info["subscribe_scene"], "ADD_SCENE_QR_CODE");
        assert_eq!((&info["qr_scene"], &info["qr_scene_str"]), (&json!(number), &json!(text)));
        // As it has been since the end of 2021.
        assert_eq!((&info["nickname"], &info["headimgurl"]), (&json!(""), &json!("")));
        assert!(info.get("errcode").is_none() && info.get("unionid").is_none());
        does(&stub, "unfollow", json!({})).await;
    }
    does(&stub, "follow", json!({})).await;
    let info = info_of(&stub, &ann).await.ok();
    assert_eq!(info["subscribe_scene"], "ADD_SCENE_SEARCH");
    assert_eq!((&info["qr_scene"], &info["qr_scene_str"]), (&json!(0), &json!("")));
}

#[tokio::test]
async fn of_who_does_not_follow_any_more_nothing_is_told() {
    let stub = Stub::start().await;
    stub.set(ACCOUNT, "open_platform", json!("shop")).await;
    let ann = openid(&stub).await;
    info_of(&stub, &ann).await.refuses(40003, "invalid openid rid: ");
    does(&stub, "follow", json!({})).await;
    does(&stub, "unfollow", json!({})).await;
    let info = info_of(&stub, &ann).await.ok();
    assert_eq!(info, json!({ "subscribe": 0, "openid": ann, "tagid_list": [] }));
}

#[tokio::test]
async fn a_follower_has_the_unionid_that_the_other_apps_know() {
    let stub = Stub::start().await;
    for appid in [ACCOUNT, MINI] {
        stub.set(appid, "open_platform", json!("shop")).await;
    }
    does(&stub, "follower", json!({})).await;
    let info = info_of(&stub, &openid(&stub).await).await.ok();
    assert_eq!(info["unionid"], who(&stub, MINI).await["unionid"]);
    assert_eq!(info["unionid"].as_str().map(str::len), Some(28));
}

#[tokio::test]
async fn who_asks_must_be_a_verified_account_with_a_token() {
    let stub = Stub::start().await;
    let ann = openid(&stub).await;
    does(&stub, "follower", json!({})).await;
    info_of(&stub, "").await.refuses(41009, "missing openid");
    stub.get(PATH, &[("openid", &ann)]).await.refuses(41001, "access_token missing");
    let bad = [("access_token", "nonsense"), ("openid", &*ann)];
    stub.get(PATH, &bad).await.refuses(40014, "invalid access_token");
    let of_another = [("access_token", &*stub.token(MINI).await), ("openid", &ann)];
    stub.get(PATH, &of_another).await.refuses(48001, "api unauthorized");
    let token = stub.token(ACCOUNT).await;
    stub.post(PATH, &token, json!({ "openid": ann })).await.refuses(43001, "require GET method");
    stub.set(ACCOUNT, "verified", json!(false)).await;
    info_of(&stub, &ann).await.refuses(48001, "api unauthorized");
}
