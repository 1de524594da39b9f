//! Logins through the official account: WeChat tells of the scan, who scanned is asked in the chat.

use saoma::config::{DirectoryRule, Secret};
use serde_json::{Value, json};

use crate::stub::{ACCOUNT, SECRET};
use crate::support::{Phone, Session, Via, namespace, time_passes};
use crate::world::{CALLBACK_TOKEN, MESSAGES, PEOPLE, TICKETS, World};

pub(crate) const AES_KEY: &str = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG";

impl World {
    /// Somebody scans a code of the account's; what was pushed, and what came of it.
    pub(crate) async fn scans_for_the_account(&self, scene: &str, person: &str) -> Value {
        let scan = json!({ "appid": ACCOUNT, "scene": scene, "person": person });
        self.wechat.tell("account/scan", scan).await["push"].clone()
    }

    /// The code is there, and somebody scans it.
    pub(crate) async fn scan_in_the_chat(&self, session: &Session, person: &str) {
        session.get("code").await.is_image("image/png");
        let push = self.scans_for_the_account(&session.scene, person).await;
        assert_eq!(
            (&push["outcome"], &push["tries"][0]["answer"]),
            (&json!("accepted"), &json!("success"))
        );
        assert_eq!(push["tries"].as_array().map(Vec::len), Some(1));
    }

    /// The last of at least so many messages that people got.
    pub(crate) async fn message(&self, count: usize) -> String {
        let messages = self.wechat.see(&format!("messages?at_least={count}")).await;
        let last = &messages[count - 1]["body"];
        assert_eq!(last["msgtype"], "text", "{messages}");
        last["text"]["content"].as_str().expect("a text").to_owned()
    }

    /// The login code of the link in the `count`th message, which must lead to the session's page.
    pub(crate) async fn login_code(&self, session: &Session, count: usize) -> String {
        let text = self.message(count).await;
        let page = format!("http://{}/wechat/{}#login_code=", self.server.address, session.scene);
        let (_, rest) =
            text.split_once(&page).unwrap_or_else(|| panic!("no link to {page}: {text}"));
        rest.split('"').next().expect("an end").to_owned()
    }

    /// The page of the link: it shows its login code as a phone does.
    pub(crate) async fn opens_the_link(&self, session: &Session) -> Phone {
        let body = json!({ "login_code": self.login_code(session, 1).await });
        let told = session.shows_the_code().tries_to_scan(body).await.ok();
        assert_eq!(told["state"], "scanned");
        session.shows_the_code().with_token(told["phone_token"].as_str().expect("a token"))
    }
}

async fn a_login_from_code_to_token(via: Via) {
    let world = World::new().await;
    let mut tab = world.server.browser(via).of("account").open().await;
    world.scan_in_the_chat(&tab, "wang").await;
    tab.sees("scanned").await;
    let page = world.opens_the_link(&tab).await;
    page.confirm().await.ok();
    let ticket = tab.sees_a_ticket().await;
    tab.is_told_the_end().await;
    let token = tab.redeem(&ticket).await.ok();
    assert_eq!(token["user"]["provider"], "official_account");
}

#[tokio::test]
async fn a_login_over_websocket() {
    a_login_from_code_to_token(Via::WebSocket).await;
}

#[tokio::test]
async fn a_login_over_sse() {
    a_login_from_code_to_token(Via::Sse).await;
}

#[tokio::test]
async fn a_login_over_long_poll() {
    a_login_from_code_to_token(Via::LongPoll).await;
}

async fn sealed(mode: &str) -> World {
    let seal = |account: &mut saoma::config::Namespace| {
        account.wechat.encoding_aes_key = Some(Secret::new(AES_KEY.to_owned()));
    };
    let world = World::with(|config| seal(namespace(config, "account"))).await;
    let url = format!("http://{}/v1/wechat/account/events", world.server.address);
    let callback = json!({ "url": url, "token": CALLBACK_TOKEN, "mode": mode, "aes_key": AES_KEY });
    world.wechat.set(ACCOUNT, "callback", callback).await;
    world
}

#[tokio::test]
async fn callbacks_that_are_sealed_are_opened() {
    for mode in ["aes", "both"] {
        let world = sealed(mode).await;
        let mut tab = world.server.browser(Via::LongPoll).of("account").open().await;
        world.scan_in_the_chat(&tab, "wang").await;
        tab.sees("scanned").await;
        world.opens_the_link(&tab).await.confirm().await.ok();
        tab.sees_a_ticket().await;
    }
}

#[tokio::test]
async fn followers_and_strangers_are_told_of_alike_in_small_letters_or_large() {
    for (follows, event) in [(false, "SCAN"), (true, "SCAN"), (true, "scan"), (true, "Scan")] {
        let world = World::new().await;
        world.wechat.set(ACCOUNT, "scan_event", json!(event)).await;
        if follows {
            let follower = json!({ "appid": ACCOUNT, "person": "wang" });
            world.wechat.tell("account/follower", follower).await;
        }
        let mut tab = world.server.browser(Via::LongPoll).of("account").open().await;
        world.scan_in_the_chat(&tab, "wang").await;
        tab.sees("scanned").await;
    }
}

#[tokio::test]
async fn the_code_lives_as_long_as_the_session_and_is_made_once() {
    let world = World::with(|config| namespace(config, "account").session_ttl = 77).await;
    let session = world.server.browser(Via::LongPoll).of("account").open_only().await;
    assert_eq!(session.opened["code"]["media_type"], "image/png");
    for _ in 0..3 {
        session.get("code").await.is_image("image/png");
    }
    session.get("code").header("accept", "image/svg+xml").await.is_image("image/svg+xml");
    let calls = world.wechat.see(&format!("calls?all&path={TICKETS}")).await;
    assert_eq!(calls.as_array().map(Vec::len), Some(1));
    let asked = calls[0]["body"]
        .as_str()
        .map_or(calls[0]["body"].clone(), |text| serde_json::from_str(text).expect("JSON"));
    assert_eq!(asked["expire_seconds"], 77, "{asked}");
    assert_eq!(asked["action_name"], "QR_STR_SCENE");
    assert_eq!(asked["action_info"]["scene"]["scene_str"], session.scene.as_str());
}

#[tokio::test]
async fn who_scanned_may_refuse() {
    let world = World::new().await;
    let mut tab = world.server.browser(Via::LongPoll).of("account").open().await;
    world.scan_in_the_chat(&tab, "wang").await;
    tab.sees("scanned").await;
    world.opens_the_link(&tab).await.reject().await.ok();
    tab.sees("rejected").await;
}

#[tokio::test]
async fn scanning_is_consent_only_where_that_was_chosen() {
    let world =
        World::with(|config| namespace(config, "account").wechat.confirm_on_scan = true).await;
    let mut tab = world.server.browser(Via::LongPoll).of("account").open().await;
    world.scan_in_the_chat(&tab, "wang").await;
    tab.sees("scanned").await;
    tab.sees_a_ticket().await;
    assert!(world.message(1).await.contains("You have logged in"));
}

#[tokio::test]
async fn who_is_not_registered_signs_up_on_the_page_of_the_link() {
    let world = World::with(|config| {
        let account = namespace(config, "account");
        account.directory = DirectoryRule::Known;
        account.wechat.confirm_on_scan = true;
    });
    let world = world.await;
    let mut tab = world.server.browser(Via::LongPoll).of("account").open().await;
    world.scan_in_the_chat(&tab, "wang").await;
    tab.sees("scanned").await;
    tab.sees("unregistered").await;
    let body = json!({ "login_code": world.login_code(&tab, 1).await });
    let told = tab.shows_the_code().tries_to_scan(body).await.ok();
    assert_eq!((&told["state"], &told["registered"]), (&json!("unregistered"), &json!(false)));
    let page = tab.shows_the_code().with_token(told["phone_token"].as_str().expect("a token"));
    page.register("Wang Wu").await.is(201);
    tab.sees("scanned").await;
    page.confirm().await.ok();
    let ticket = tab.sees_a_ticket().await;
    assert_eq!(tab.redeem(&ticket).await.ok()["user"]["name"], "Wang Wu");
}

#[tokio::test]
async fn a_second_person_is_told_that_the_code_is_taken() {
    let world = World::new().await;
    let mut tab = world.server.browser(Via::LongPoll).of("account").open().await;
    world.scan_in_the_chat(&tab, "wang").await;
    tab.sees("scanned").await;
    world.message(1).await;
    world.scans_for_the_account(&tab.scene, "li").await;
    assert!(world.message(2).await.contains("can no longer be used"));
    world.opens_the_link(&tab).await.confirm().await.ok();
    tab.sees_a_ticket().await;
}

#[tokio::test]
async fn a_link_is_good_for_its_own_code_only() {
    let world = World::new().await;
    let session = world.server.browser(Via::LongPoll).of("account").open_only().await;
    world.scan_in_the_chat(&session, "wang").await;
    let code = world.login_code(&session, 1).await;
    let other = world.server.browser(Via::LongPoll).of("account").open_only().await;
    let body = json!({ "login_code": code });
    let answer = other.shows_the_code().tries_to_scan(body.clone()).await;
    answer.is_problem(422, "invalid_login_code");
    assert_eq!(other.state().await, "pending");
    // At its own code it may be opened again and again.
    for _ in 0..2 {
        session.shows_the_code().tries_to_scan(body.clone()).await.ok();
    }
}

#[tokio::test]
async fn an_event_that_is_told_again_is_heard_once() {
    let world = World::new().await;
    let mut tab = world.server.browser(Via::LongPoll).of("account").open().await;
    world.scan_in_the_chat(&tab, "wang").await;
    tab.sees("scanned").await;
    world.message(1).await;
    let again = world.wechat.tell("account/replay", json!({ "id": 0 })).await;
    assert_eq!((&again["status"], &again["answer"]), (&json!(200), &json!("success")));
    // What is written next is of what happened next.
    world.scans_for_the_account(&tab.scene, "li").await;
    assert!(world.message(2).await.contains("can no longer be used"));
    // Whoever scans anew gets a new link.
    world.wechat.forward(1).await;
    world.scans_for_the_account(&tab.scene, "wang").await;
    assert!(world.message(3).await.contains("#login_code="));
}

#[tokio::test]
async fn what_is_no_scan_of_ours_is_answered_and_dropped() {
    let world = World::new().await;
    let session = world.server.browser(Via::LongPoll).of("account").open_only().await;
    session.get("code").await.is_image("image/png");
    for (act, what) in [
        ("follow", json!({})),
        ("say", json!({ "text": session.scene })),
        ("click", json!({ "key": session.scene })),
        ("unfollow", json!({})),
    ] {
        let mut doing = what;
        doing["appid"] = ACCOUNT.into();
        doing["person"] = "wang".into();
        let told = world.wechat.tell(&format!("account/{act}"), doing).await;
        assert_eq!(told["push"]["tries"][0]["answer"], "success", "{act}");
    }
    let scan = "<xml><FromUserName>oWang</FromUserName><CreateTime>1</CreateTime>\
                <MsgType>event</MsgType><Event>SCAN</Event><EventKey>a campaign</EventKey></xml>";
    let told = world.wechat.tell("account/push", json!({ "appid": ACCOUNT, "xml": scan })).await;
    assert_eq!(told["push"]["tries"][0]["answer"], "success");
    assert_eq!(session.state().await, "pending");
}

#[tokio::test]
async fn a_message_that_wechat_did_not_take_is_written_again() {
    let world = World::new().await;
    let mut tab = world.server.browser(Via::LongPoll).of("account").open().await;
    world.wechat.breaks(MESSAGES, json!({ "reset": "before", "times": 1 })).await;
    world.scan_in_the_chat(&tab, "wang").await;
    tab.sees("scanned").await;
    world.opens_the_link(&tab).await.confirm().await.ok();
    tab.sees_a_ticket().await;
    assert_eq!(world.calls(MESSAGES).await, 2);
}

#[tokio::test]
async fn a_scan_is_told_even_if_wechat_is_slow_to_say_who_it_was() {
    let world = World::new().await;
    let mut tab = world.server.browser(Via::LongPoll).of("account").open().await;
    world.wechat.breaks(PEOPLE, json!({ "held": true })).await;
    world.scan_in_the_chat(&tab, "wang").await;
    world.reaches(PEOPLE, 1).await;
    time_passes(3).await;
    tab.sees("scanned").await;
    world.heals().await;
    world.opens_the_link(&tab).await.confirm().await.ok();
    tab.sees_a_ticket().await;
}

#[tokio::test]
async fn one_account_tells_nothing_of_anothers_codes_and_all_of_its_own_to_one_address() {
    let other = "wx00000000000000f7";
    let world = World::with(|config| {
        let account = namespace(config, "account").clone();
        namespace(config, "same").clone_from(&account);
        let others = namespace(config, "others");
        others.clone_from(&account);
        others.wechat.app_id = Some(other.to_owned());
    });
    let world = world.await;
    let app = json!({ "appid": other, "secret": SECRET, "kind": "official_account" });
    world.wechat.tell("apps", app).await;
    let others = world.server.browser(Via::LongPoll).of("others").open_only().await;
    let scan = format!(
        "<xml><FromUserName>oWang</FromUserName><CreateTime>1</CreateTime>\
         <MsgType>event</MsgType><Event>SCAN</Event><EventKey>{}</EventKey></xml>",
        others.scene
    );
    let told = world.wechat.tell("account/push", json!({ "appid": ACCOUNT, "xml": scan })).await;
    assert_eq!(told["push"]["tries"][0]["answer"], "success");
    // What was told later is done.
    let mut tab = world.server.browser(Via::LongPoll).of("same").open().await;
    world.scan_in_the_chat(&tab, "wang").await;
    tab.sees("scanned").await;
    assert_eq!(others.state().await, "pending");
}

#[tokio::test]
async fn wechat_that_is_down_when_somebody_scans_is_answered_all_the_same() {
    let world = World::new().await;
    let mut tab = world.server.browser(Via::LongPoll).of("account").open().await;
    tab.get("code").await.is_image("image/png");
    world.wechat.breaks("*", json!({ "reset": "before", "times": 1 })).await;
    world.scan_in_the_chat(&tab, "wang").await;
    tab.sees("scanned").await;
    // The message is tried again, and then it arrives.
    world.opens_the_link(&tab).await.confirm().await.ok();
    tab.sees_a_ticket().await;
}
