//! Callbacks that are not WeChat's, or not of now, or not readable: each is refused with a problem
//! and changes nothing.

use saoma::config::Secret;
use serde_json::{Value, json};

use crate::accounts::AES_KEY;
use crate::stub::ACCOUNT;
use crate::support::{Session, Via, namespace};
use crate::world::{CALLBACK_TOKEN, MESSAGES, World};

const EVENTS: &str = "/v1/wechat/account/events";

/// An event that would make the session somebody's.
fn scan(session: &Session) -> String {
    format!(
        "<xml><FromUserName>oMallory</FromUserName><CreateTime>1</CreateTime>\
         <MsgType>event</MsgType><Event>SCAN</Event><EventKey>{}</EventKey></xml>",
        session.scene
    )
}

struct Target {
    world: World,
    session: Session,
}

impl Target {
    async fn new(sealed: bool) -> Self {
        let key = sealed.then(|| Secret::new(AES_KEY.to_owned()));
        let world =
            World::with(|config| namespace(config, "account").wechat.encoding_aes_key = key).await;
        let session = world.server.browser(Via::LongPoll).of("account").open_only().await;
        session.get("code").await.is_image("image/png");
        Self { world, session }
    }

    /// Something is pushed; what it was answered with.
    async fn pushed(&self, mut forged: Value) -> (u64, Value) {
        forged["appid"] = ACCOUNT.into();
        if forged["xml"].is_null() {
            forged["xml"] = scan(&self.session).into();
        }
        let told = self.world.wechat.tell("account/push", forged).await;
        let last = &told["push"]["tries"][0];
        let answer = last["answer"].as_str().unwrap_or_default();
        let said = serde_json::from_str(answer).unwrap_or_else(|_| json!(answer));
        (last["status"].as_u64().expect("a status"), said)
    }

    async fn refuses(&self, forged: Value, status: u64, code: &str) {
        let (answered, said) = self.pushed(forged.clone()).await;
        assert_eq!((answered, said["code"].as_str()), (status, Some(code)), "{forged}: {said}");
    }

    /// What was refused is what would have been taken.
    async fn is_scanned(&self) {
        let mut events = self.session.follow(Via::LongPoll).await;
        events.sees("pending").await;
        events.sees("scanned").await;
    }

    async fn nothing_happened(&self) {
        assert_eq!(self.session.state().await, "pending");
        assert_eq!(self.world.calls(MESSAGES).await, 0);
    }
}

fn seconds() -> u64 {
    saoma::clock::Clock::system().now().unix_seconds()
}

#[tokio::test]
async fn what_is_signed_with_another_token_or_at_another_time_is_not_wechats() {
    let target = Target::new(false).await;
    target.refuses(json!({ "token": "guessed" }), 403, "bad_signature").await;
    target.refuses(json!({ "at": seconds() - 400 }), 403, "stale_callback").await;
    target.refuses(json!({ "at": seconds() + 400 }), 403, "stale_callback").await;
    target.nothing_happened().await;
    assert_eq!(target.pushed(json!({})).await, (200, json!("success")));
    target.is_scanned().await;
}

#[tokio::test]
async fn a_callback_without_a_signature_is_none() {
    let target = Target::new(false).await;
    let xml = scan(&target.session);
    for query in [
        "",
        "?signature=&timestamp=&nonce=",
        "?signature=da39a3ee5e6b4b0d3255bfef95601890afd80709&timestamp=1&nonce=1",
        &format!("?signature={}&timestamp=1&nonce=1", "a".repeat(5000)),
        "?signature=a&signature=b&timestamp=1&nonce=1",
    ] {
        let path = format!("{EVENTS}{query}");
        let answer = target.world.server.post(&path).body_of("text/xml", &xml).await;
        answer.is_problem(403, "bad_signature");
        target.world.server.get(&path).await.is_problem(403, "bad_signature");
    }
    target.nothing_happened().await;
}

#[tokio::test]
async fn a_signature_that_was_overheard_is_good_for_nothing_else() {
    let target = Target::new(false).await;
    let harmless = "<xml><FromUserName>oWang</FromUserName><MsgType>text</MsgType></xml>";
    target.pushed(json!({ "xml": harmless })).await;
    let pushes = target.world.wechat.see("pushes").await;
    let url = pushes[0]["tries"][0]["url"].as_str().expect("an address").to_owned();
    let ask = || target.world.server.api().ask(reqwest::Method::POST, &url);
    ask().body_of("text/xml", &scan(&target.session)).await.is_problem(403, "bad_signature");
    target.nothing_happened().await;
    // WeChat itself says the same again when it thinks that it was not heard.
    assert_eq!(ask().body_of("text/xml", harmless).await.text(), "success");
}

#[tokio::test]
async fn what_cannot_be_read_is_refused_without_an_entity_being_looked_at() {
    let target = Target::new(false).await;
    let bomb = format!(
        "<!DOCTYPE xml [<!ENTITY a '{}'><!ENTITY b '&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;'>]>{}",
        "x".repeat(1000),
        scan(&target.session).replace("oMallory", "&b;"),
    );
    let outside = format!(
        "<!DOCTYPE xml [<!ENTITY a SYSTEM 'file:///etc/passwd'>]>{}",
        scan(&target.session).replace("oMallory", "&a;"),
    );
    for xml in [&*bomb, &outside, "", "{}", "<html>", "<xml>"] {
        target.refuses(json!({ "xml": xml }), 422, "bad_callback").await;
    }
    let large = scan(&target.session).replace("oMallory", &"o".repeat(70_000));
    target.refuses(json!({ "xml": large }), 413, "body_too_large").await;
    target.nothing_happened().await;
}

#[tokio::test]
async fn where_callbacks_are_sealed_only_our_own_seal_is_taken() {
    let target = Target::new(true).await;
    let sealed = |more: Value| {
        let mut forged = json!({ "mode": "aes", "aes_key": AES_KEY });
        forged.as_object_mut().expect("an object").extend(more.as_object().expect("one").clone());
        forged
    };
    target.refuses(json!({ "mode": "plain" }), 403, "bad_signature").await;
    let other = AES_KEY.replace('a', "b");
    target.refuses(sealed(json!({ "aes_key": other })), 403, "bad_signature").await;
    target
        .refuses(sealed(json!({ "sealed_for": "wx00000000000000ff" })), 403, "bad_signature")
        .await;
    target.refuses(sealed(json!({ "token": "guessed" })), 403, "bad_signature").await;
    target.refuses(sealed(json!({ "xml": "<xml>" })), 422, "bad_callback").await;
    target.nothing_happened().await;
    assert_eq!(target.pushed(sealed(json!({}))).await, (200, json!("success")));
    target.is_scanned().await;
}

#[tokio::test]
async fn a_seal_without_its_own_signature_is_not_opened() {
    let target = Target::new(true).await;
    let harmless = "<xml><FromUserName>oWang</FromUserName><MsgType>text</MsgType></xml>";
    let sealed = json!({ "mode": "aes", "aes_key": AES_KEY, "xml": harmless });
    assert_eq!(target.pushed(sealed).await, (200, json!("success")));
    let pushes = target.world.wechat.see("pushes").await;
    let sent = &pushes[0]["tries"][0];
    let [url, body] = ["url", "body"].map(|name| sent[name].as_str().expect(name).to_owned());
    let (head, signature) = url.split_once("msg_signature=").expect("a signature");
    let other = if signature.starts_with('0') { "1" } else { "0" };
    let api = target.world.server.api();
    for wrong in [format!("{head}msg_signature={other}{}", &signature[1..]), head.to_owned()] {
        let ask = api.ask(reqwest::Method::POST, wrong.trim_end_matches('&'));
        ask.body_of("text/xml", &body).await.is_problem(403, "bad_signature");
    }
    let again = api.ask(reqwest::Method::POST, &url).body_of("text/xml", &body).await;
    assert_eq!(again.text(), "success");
}

#[tokio::test]
async fn the_consoles_check_is_answered_to_who_knows_the_token() {
    let world = World::new().await;
    let check = |more: Value| {
        let mut check = more;
        check["appid"] = ACCOUNT.into();
        check
    };
    let told = world.wechat.tell("account/verify", check(json!({}))).await;
    assert_eq!(told["ok"], true, "{told}");
    for wrong in [json!({ "token": "guessed" }), json!({ "at": seconds() - 400 })] {
        let told = world.wechat.tell("account/verify", check(wrong)).await;
        assert_eq!((&told["ok"], &told["status"]), (&json!(false), &json!(403)), "{told}");
    }
    let token = CALLBACK_TOKEN;
    assert!(!told.to_string().contains(token));
}

#[tokio::test]
async fn a_namespace_that_is_told_of_nothing_has_no_such_address() {
    let world = World::new().await;
    for namespace in ["default", "website", "nobodys"] {
        let path = format!("/v1/wechat/{namespace}/events?signature=a&timestamp=1&nonce=1");
        assert_eq!(world.server.post(&path).body_of("text/xml", "<xml/>").await.status, 404);
        assert_eq!(world.server.get(&path).await.status, 404);
    }
}
