//! Access tokens: two stores that know nothing of each other, and what a token that does not work
//! is told.

use serde_json::{Value, json};

use crate::stub::{ACCOUNT, MINI, Reply, SECRET, Stub};

const MINUTE: u64 = 60;

async fn plain(stub: &Stub) -> Reply {
    let query = [("grant_type", "client_credential"), ("appid", MINI), ("secret", SECRET)];
    stub.get("/cgi-bin/token", &query).await
}

fn value(reply: &Value) -> String {
    reply["access_token"].as_str().expect("a token").to_owned()
}

/// What a token is told where a mini program's is wanted: nothing, if it works.
async fn refusal(stub: &Stub, token: &str) -> Option<i64> {
    let reply = stub.post("/wxa/getwxacodeunlimit", token, json!({ "scene": "a" })).await;
    (reply.content_type != "image/jpeg").then(|| reply.json()["errcode"].as_i64().expect("a code"))
}

#[tokio::test]
async fn a_token_has_no_errcode_and_lives_two_hours() {
    let stub = Stub::start().await;
    for stable in [false, true] {
        let reply = if stable { stub.stable(MINI, false).await } else { plain(&stub).await };
        assert_eq!(reply.content_type, "application/json; encoding=utf-8");
        let body = reply.ok();
        assert_eq!(body["expires_in"], 7200);
        assert!(body.get("errcode").is_none());
        let token = value(&body);
        assert!((100..=512).contains(&token.len()));
        stub.forward(7199).await;
        assert_eq!(refusal(&stub, &token).await, None);
        stub.forward(1).await;
        assert_eq!(refusal(&stub, &token).await, Some(42001));
    }
}

#[tokio::test]
async fn each_plain_token_is_new_and_the_one_before_works_for_five_minutes() {
    let stub = Stub::start().await;
    let first = value(&plain(&stub).await.ok());
    let second = value(&plain(&stub).await.ok());
    assert_ne!(first, second);
    stub.forward(5 * MINUTE - 1).await;
    assert_eq!(refusal(&stub, &first).await, None);
    stub.forward(1).await;
    assert_eq!(refusal(&stub, &first).await, Some(40001));
    assert_eq!(refusal(&stub, &second).await, None);
}

#[tokio::test]
async fn the_stores_know_nothing_of_each_other() {
    let stub = Stub::start().await;
    let plainly = value(&plain(&stub).await.ok());
    let stable = stub.token(MINI).await;
    value(&plain(&stub).await.ok());
    stub.stable(MINI, true).await.ok();
    // Each has followed its own store's rule.
    assert_eq!(refusal(&stub, &plainly).await, None);
    assert_eq!(refusal(&stub, &stable).await, Some(40001));
    let stable = stub.token(MINI).await;
    plain(&stub).await.ok();
    stub.forward(6 * MINUTE).await;
    assert_eq!(refusal(&stub, &stable).await, None);
    assert_eq!(refusal(&stub, &plainly).await, Some(40001));
}

#[tokio::test]
async fn the_stable_token_stays_until_its_last_five_minutes() {
    let stub = Stub::start().await;
    let first = stub.stable(MINI, false).await.ok();
    stub.forward(6900).await;
    let same = stub.stable(MINI, false).await.ok();
    assert_eq!((value(&same), &same["expires_in"]), (value(&first), &json!(300)));
    stub.forward(1).await;
    let next = stub.stable(MINI, false).await.ok();
    assert_ne!(value(&next), value(&first));
    assert_eq!(next["expires_in"], 7200);
    // Both are usable for five minutes.
    stub.forward(5 * MINUTE - 1).await;
    assert_eq!(refusal(&stub, &value(&first)).await, None);
    stub.forward(1).await;
    assert_eq!(refusal(&stub, &value(&first)).await, Some(40001));
    assert_eq!(refusal(&stub, &value(&next)).await, None);
}

#[tokio::test]
async fn an_expired_token_does_not_come_back_by_a_new_one() {
    let stub = Stub::start().await;
    let first = stub.token(MINI).await;
    stub.forward(7200).await;
    let second = stub.token(MINI).await;
    assert_ne!(first, second);
    assert_eq!(refusal(&stub, &first).await, Some(42001));
}

#[tokio::test]
async fn a_forced_refresh_ends_the_token_before_but_not_within_thirty_seconds() {
    let stub = Stub::start().await;
    let leaked = stub.token(MINI).await;
    let first = value(&stub.stable(MINI, true).await.ok());
    assert_ne!(first, leaked);
    assert_eq!(refusal(&stub, &leaked).await, Some(40001));
    stub.forward(29).await;
    let same = stub.stable(MINI, true).await.ok();
    assert_eq!((value(&same), &same["expires_in"]), (first.clone(), &json!(7171)));
    stub.forward(1).await;
    assert_ne!(value(&stub.stable(MINI, true).await.ok()), first);
}

#[tokio::test]
async fn with_an_overlap_two_forced_refreshes_end_a_leaked_token() {
    let stub = Stub::start().await;
    stub.set(MINI, "forced_grace_s", json!(300)).await;
    let leaked = stub.token(MINI).await;
    stub.stable(MINI, true).await.ok();
    assert_eq!(refusal(&stub, &leaked).await, None);
    stub.forward(30).await;
    stub.stable(MINI, true).await.ok();
    assert_eq!(refusal(&stub, &leaked).await, Some(40001));
}

#[tokio::test]
async fn twenty_forced_refreshes_are_a_days() {
    let stub = Stub::start().await;
    // From the beginning of a day in Beijing, so that the day does not end in between.
    let now = stub.see("clock").await["now_ms"].as_u64().expect("a time") / 1000;
    let day = 24 * 60 * MINUTE;
    stub.forward(day - (now + 8 * 60 * MINUTE) % day).await;
    for _ in 0..20 {
        stub.stable(MINI, true).await.ok();
        stub.forward(30).await;
    }
    stub.stable(MINI, true).await.refuses(45009, "reach max api daily quota limit");
    stub.stable(MINI, false).await.ok();
    stub.forward(day - 20 * 30 - 1).await;
    stub.stable(MINI, true).await.refuses(45009, "reach max api daily quota limit");
    stub.forward(1).await;
    stub.stable(MINI, true).await.ok();
}

#[tokio::test]
async fn quotas_are_knobs() {
    let stub = Stub::start().await;
    stub.set(MINI, "limits", json!({ "tokens_per_day": 1, "stable_per_minute": 2 })).await;
    plain(&stub).await.ok();
    plain(&stub).await.refuses(45009, "reach max api daily quota limit");
    stub.stable(MINI, false).await.ok();
    stub.stable(MINI, false).await.ok();
    stub.stable(MINI, false).await.refuses(45011, "api minute-quota reach limit");
    stub.forward(MINUTE).await;
    stub.stable(MINI, false).await.ok();
}

#[tokio::test]
async fn tokens_that_do_not_work_are_told_apart() {
    let stub = Stub::start().await;
    let scene = json!({ "scene": "a" });
    let path = "/wxa/getwxacodeunlimit";
    stub.post(path, "", scene.clone()).await.refuses(41001, "access_token missing rid: ");
    // In the body it is not looked for.
    let body = json!({ "scene": "a", "access_token": stub.token(MINI).await });
    stub.post(path, "", body).await.refuses(41001, "access_token missing rid: ");
    stub.post(path, "nonsense", scene.clone()).await.refuses(40014, "invalid access_token rid: ");
    let other = format!("88_{}", "x".repeat(133));
    stub.post(path, &other, scene.clone()).await.refuses(40001, "invalid credential, access_token");
    // One of another kind of app has no right to it.
    let account = stub.token(ACCOUNT).await;
    stub.post(path, &account, scene.clone()).await.refuses(48001, "api unauthorized");
    let revoked = stub.token(MINI).await;
    stub.tell("tokens/revoke", json!({ "appid": MINI })).await;
    assert_eq!(refusal(&stub, &revoked).await, Some(40001));
    assert_eq!(refusal(&stub, &stub.token(MINI).await).await, None);
}

#[tokio::test]
async fn who_asks_for_a_token_is_looked_at() {
    let stub = Stub::start().await;
    let asks = async |grant: &str, appid: &str, secret: &str| {
        let query = [("grant_type", grant), ("appid", appid), ("secret", secret)];
        let plain = stub.get("/cgi-bin/token", &query).await;
        let body = json!({ "grant_type": grant, "appid": appid, "secret": secret });
        let stable = stub.post("/cgi-bin/stable_token", "", body).await;
        [plain, stable]
    };
    let right = "client_credential";
    for (grant, appid, secret, code, text) in [
        ("password", MINI, SECRET, 40002, "invalid grant_type"),
        (right, "", SECRET, 41002, "appid missing"),
        (right, MINI, "", 41004, "appsecret missing"),
        (right, "wx0", SECRET, 40013, "invalid appid"),
        (right, MINI, "wrong", 40125, "invalid appsecret"),
    ] {
        asks(grant, appid, secret).await.iter().for_each(|reply| reply.refuses(code, text));
    }
    stub.set(MINI, "wrong_secret", json!(40001)).await;
    asks(right, MINI, "wrong").await.iter().for_each(|r| r.refuses(40001, "invalid credential"));
    stub.set(MINI, "frozen", json!(true)).await;
    asks(right, MINI, SECRET).await.iter().for_each(|r| r.refuses(40243, ""));
    stub.set(MINI, "ip_whitelist", json!(["10.0.0.1"])).await;
    let text = "invalid ip 127.0.0.1 ipv6 ::ffff:127.0.0.1, not in whitelist rid: ";
    asks(right, MINI, SECRET).await.iter().for_each(|reply| reply.refuses(40164, text));
    stub.set(MINI, "ip_whitelist", json!(["10.0.0.1", "127.0.0.1"])).await;
    stub.set(MINI, "frozen", json!(false)).await;
    asks(right, MINI, SECRET).await.iter().for_each(|reply| drop(reply.ok()));
}

#[tokio::test]
async fn methods_and_bodies_are_looked_at() {
    let stub = Stub::start().await;
    stub.post("/cgi-bin/token", "", json!({})).await.refuses(43001, "require GET method");
    stub.get("/cgi-bin/stable_token", &[]).await.refuses(43002, "require POST method");
    let path = "/cgi-bin/stable_token";
    stub.post_text(path, "", "").await.refuses(44002, "empty post data");
    let form = format!("grant_type=client_credential&appid={MINI}&secret={SECRET}");
    stub.post_text(path, "", &form).await.refuses(47001, "data format error");
    stub.post_text(path, "", "[]").await.refuses(47001, "data format error");
    stub.get("/cgi-bin/nonsense", &[]).await.refuses(40066, "invalid url");
}
