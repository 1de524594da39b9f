//! A mini program's logins: one-use codes, who they are, sessions, telephone numbers.

use hmac::{Hmac, Mac as _};
use serde_json::{Value, json};
use sha2::Sha256;

use crate::crypto::hex;
use crate::stub::{ACCOUNT, MINI, Reply, SECRET, Stub};

async fn login(stub: &Stub, person: &str) -> String {
    let told = stub.tell("login", json!({ "appid": MINI, "person": person })).await;
    told["code"].as_str().expect("a code").to_owned()
}

async fn exchange_as(stub: &Stub, appid: &str, secret: &str, code: &str) -> Reply {
    let query = [
        ("appid", appid),
        ("secret", secret),
        ("js_code", code),
        ("grant_type", "authorization_code"),
    ];
    stub.get("/sns/jscode2session", &query).await
}

async fn exchange(stub: &Stub, code: &str) -> Reply {
    exchange_as(stub, MINI, SECRET, code).await
}

async fn session(stub: &Stub, person: &str) -> Value {
    exchange(stub, &login(stub, person).await).await.ok()
}

#[tokio::test]
async fn a_code_tells_who_it_is_as_text() {
    let stub = Stub::start().await;
    let reply = exchange(&stub, &login(&stub, "Ann").await).await;
    assert_eq!(reply.content_type, "text/plain");
    let body = reply.ok();
    assert!(body.get("errcode").is_none());
    let openid = body["openid"].as_str().expect("an openid");
    assert!(openid.starts_with('o') && openid.len() == 28);
    assert_eq!(body["session_key"].as_str().map(str::len), Some(24));
    // The app is bound to no open platform account.
    assert!(body.get("unionid").is_none());
    // The same person is the same, and another is another.
    assert_eq!(session(&stub, "Ann").await["openid"], *openid);
    assert_ne!(session(&stub, "Bob").await["openid"], *openid);
}

#[tokio::test]
async fn a_code_works_once_and_for_five_minutes() {
    let stub = Stub::start().await;
    let code = login(&stub, "Ann").await;
    stub.forward(299).await;
    exchange(&stub, &code).await.ok();
    let again = exchange(&stub, &code).await;
    assert_eq!(again.content_type, "text/plain");
    again.refuses(40163, "code been used, rid: ");
    let old = login(&stub, "Ann").await;
    stub.forward(300).await;
    exchange(&stub, &old).await.refuses(40029, "invalid code, rid: ");
    exchange(&stub, "nonsense").await.refuses(40029, "invalid code, rid: ");
}

#[tokio::test]
async fn a_code_of_another_app_is_unknown_and_stays_unused() {
    let stub = Stub::start().await;
    let other = json!({ "appid": "wx1", "secret": SECRET, "kind": "mini_program" });
    stub.tell("apps", other).await;
    let code = login(&stub, "Ann").await;
    exchange_as(&stub, "wx1", SECRET, &code).await.refuses(40029, "invalid code, rid: ");
    exchange_as(&stub, MINI, "wrong", &code).await.refuses(40125, "invalid appsecret, rid: ");
    exchange_as(&stub, "wx2", SECRET, &code).await.refuses(40013, "invalid appid, rid: ");
    exchange_as(&stub, "", SECRET, &code).await.refuses(41002, "appid missing, rid: ");
    exchange_as(&stub, MINI, "", &code).await.refuses(41004, "appsecret missing, rid: ");
    exchange(&stub, "").await.refuses(41008, "missing code, rid: ");
    exchange(&stub, &code).await.ok();
}

#[tokio::test]
async fn one_person_is_one_unionid_over_the_apps_of_an_account() {
    let stub = Stub::start().await;
    for (appid, account) in [(MINI, "shop"), (ACCOUNT, "shop"), ("wx1", "other")] {
        let app = json!({ "appid": appid, "secret": SECRET, "kind": "mini_program" });
        stub.tell("apps", app).await;
        stub.set(appid, "open_platform", json!(account)).await;
    }
    let mut ids = Vec::new();
    for appid in [MINI, ACCOUNT, "wx1"] {
        let told = stub.tell("login", json!({ "appid": appid, "person": "Ann" })).await;
        let code = told["code"].as_str().expect("a code");
        let body = exchange_as(&stub, appid, SECRET, code).await.ok();
        let who = stub.tell("who", json!({ "appid": appid, "person": "Ann" })).await;
        assert_eq!((&body["openid"], &body["unionid"]), (&who["openid"], &who["unionid"]));
        ids.push((body["openid"].clone(), body["unionid"].clone()));
    }
    assert_eq!(ids[0].1, ids[1].1);
    assert_ne!(ids[0].1, ids[2].1);
    assert_ne!(ids[0].0, ids[1].0);
    assert_eq!(ids[0].1.as_str().map(str::len), Some(28));
}

#[tokio::test]
async fn risky_people_are_blocked_and_busy_ones_slowed() {
    let stub = Stub::start().await;
    stub.tell("people", json!({ "person": "Mallory", "blocked": true })).await;
    let code = login(&stub, "Mallory").await;
    exchange(&stub, &code).await.refuses(40226, "code blocked, rid: ");
    stub.set(MINI, "limits", json!({ "logins_per_minute_and_person": 1 })).await;
    session(&stub, "Ann").await;
    let code = login(&stub, "Ann").await;
    exchange(&stub, &code).await.refuses(45011, "api minute-quota reach limit");
    session(&stub, "Bob").await;
    stub.forward(60).await;
    exchange(&stub, &code).await.ok();
}

#[tokio::test]
async fn a_session_is_checked_by_its_key_and_a_login_may_replace_it() {
    let stub = Stub::start().await;
    let first = session(&stub, "Ann").await;
    assert_eq!(session(&stub, "Ann").await["session_key"], first["session_key"]);
    let token = stub.token(MINI).await;
    let check = async |key: &Value| {
        let key = key.as_str().expect("a key");
        let sum = Hmac::<Sha256>::new_from_slice(key.as_bytes()).expect("any key").finalize();
        let signature = hex(&sum.into_bytes());
        let query = [
            ("access_token", &*token),
            ("openid", first["openid"].as_str().expect("an openid")),
            ("signature", &signature),
            ("sig_method", "hmac_sha256"),
        ];
        stub.get("/wxa/checksession", &query).await
    };
    assert_eq!(check(&first["session_key"]).await.ok()["errmsg"], "ok");
    let login = json!({ "appid": MINI, "person": "Ann", "new_session": true });
    let code = stub.tell("login", login).await;
    let second = exchange(&stub, code["code"].as_str().expect("a code")).await.ok();
    check(&first["session_key"]).await.refuses(87009, "invalid signature rid: ");
    check(&second["session_key"]).await.ok();
}

#[tokio::test]
async fn a_telephone_number_is_given_once() {
    let stub = Stub::start().await;
    stub.tell("people", json!({ "person": "Ann", "phone": "+8613900000001" })).await;
    let grant = stub.tell("phone", json!({ "appid": MINI, "person": "Ann" })).await;
    let path = "/wxa/business/getuserphonenumber";
    let token = stub.token(MINI).await;
    let body = json!({ "code": grant["code"] });
    let got = stub.post(path, &token, body.clone()).await.ok();
    assert_eq!(got["errcode"], 0);
    assert_eq!(got["phone_info"]["purePhoneNumber"], "13900000001");
    assert_eq!(got["phone_info"]["countryCode"], "86");
    assert_eq!(got["phone_info"]["watermark"]["appid"], MINI);
    stub.post(path, &token, body).await.refuses(40029, "invalid code rid: ");
}
