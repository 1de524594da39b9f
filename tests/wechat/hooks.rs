//! Logins by each of WeChat's ways, decided by a service: whom it is asked about, and where its
//! reason is read.

use saoma::config::{Config, DirectoryRule, Secret};
use serde_json::{Value, json};

use crate::service::{self, Service, knows, refuses};
use crate::stub::{ACCOUNT, MINI, Reply, WEBSITE};
use crate::support::{Session, Tab, Via, namespace};
use crate::world::World;

/// WeChat, and a service that all three ways ask.
async fn world_with(service: &Service, change: impl FnOnce(&mut Config)) -> World {
    let url = service.url.clone();
    let world = World::with(|config| {
        for name in ["default", "account", "website"] {
            let rules = namespace(config, name);
            rules.directory = DirectoryRule::Hook;
            rules.hook.url = Some(url.clone());
            rules.hook.secret = Some(Secret::new(service::SECRET.to_owned()));
        }
        change(config);
    });
    let world = world.await;
    for app in [MINI, ACCOUNT, WEBSITE] {
        world.wechat.set(app, "open_platform", json!("shop")).await;
    }
    world
}

/// What the service was asked about somebody by a way is what WeChat calls them there.
async fn assert_is_wang(world: &World, identity: &Value, way: &str, app: &str) {
    let who = world.wechat.tell("who", json!({ "appid": app, "person": "wang" })).await;
    let named = [&identity["provider"], &identity["account"], &identity["subject"]];
    assert_eq!(named, [&json!(way), &json!(app), &who["openid"]]);
    assert_eq!(identity["union"], who["unionid"]);
}

#[tokio::test]
async fn the_service_is_told_the_openid_and_the_unionid_of_who_scans() {
    let service = Service::start().await;
    let world = world_with(&service, |_| {}).await;
    for _ in 0..2 {
        service.will_say(knows("Wang"));
    }
    let session = world.opened().await;
    world.scans(&session, "wang").await.confirm().await.ok();
    assert_eq!(service.types(), ["scan", "confirm"]);
    for asked in service.asked() {
        assert_is_wang(&world, &asked.question["identity"], "mini_program", MINI).await;
    }
}

#[tokio::test]
async fn whom_the_service_refuses_in_the_chat_is_told_there() {
    let service = Service::start().await;
    let world = world_with(&service, |_| {}).await;
    let tab = world.server.browser(Via::LongPoll).of("account").open().await;
    service.will_say(refuses("您的账号已被锁定"));
    world.scan_in_the_chat(&tab, "wang").await;
    let told = world.message(1).await;
    assert!(told.contains("您的账号已被锁定"), "{told}");
    assert_eq!(tab.state().await, "pending");
    let asked = service.asked();
    assert_eq!(asked.len(), 1);
    assert_is_wang(&world, &asked[0].question["identity"], "official_account", ACCOUNT).await;
}

#[tokio::test]
async fn a_scan_that_confirms_is_asked_as_both() {
    let service = Service::start().await;
    let at_once = |config: &mut Config| namespace(config, "account").wechat.confirm_on_scan = true;
    let world = world_with(&service, at_once).await;
    let mut tab = world.server.browser(Via::LongPoll).of("account").open().await;
    for _ in 0..2 {
        service.will_say(knows("Wang"));
    }
    world.scan_in_the_chat(&tab, "wang").await;
    tab.sees("scanned").await;
    let ticket = tab.sees_a_ticket().await;
    assert_eq!(tab.redeem(&ticket).await.ok()["user"]["id"], "u-Wang");
    assert_eq!(service.types(), ["scan", "confirm"]);
}

/// The browser comes back from WeChat's page with somebody's yes; what the server shows it.
async fn comes_back(world: &World, session: &Session, accept: &str) -> Reply {
    let decision = json!({ "address": session.opened["code"]["content"], "person": "wang" });
    let url = format!("{}/stub/website/allow", world.wechat.base);
    let sent = Reply::of(world.wechat.client.post(url).json(&decision)).await;
    let cookie = format!("saoma_secret_{}={}", session.scene, session.secret);
    let back = world.wechat.client.get(sent.location.expect("an address"));
    Reply::of(back.header("cookie", cookie).header("accept", accept)).await
}

#[tokio::test]
async fn whom_the_service_refuses_in_the_browser_reads_it_there() {
    let service = Service::start().await;
    let world = world_with(&service, |_| {}).await;
    let mut tab: Tab = world.server.browser(Via::LongPoll).of("website").open().await;
    service.will([refuses("<b>no</b>"), refuses("<b>no</b>")].map(service::Does::Says));
    let page = comes_back(&world, &tab, "text/html").await;
    assert_eq!(page.status, 403);
    assert!(page.text().contains("&lt;b&gt;no&lt;/b&gt;"), "{}", page.text());
    let told = comes_back(&world, &tab, "*/*").await.json();
    assert_eq!((&told["code"], &told["detail"]), (&json!("refused"), &json!("<b>no</b>")));
    assert_eq!(tab.state().await, "pending");
    for _ in 0..2 {
        service.will_say(knows("Wang"));
    }
    assert_eq!(comes_back(&world, &tab, "text/html").await.status, 303);
    tab.sees("scanned").await;
    tab.sees_a_ticket().await;
    let asked = service.asked().pop().expect("a question").question;
    assert_is_wang(&world, &asked["identity"], "open_platform", WEBSITE).await;
    assert!(asked.get("phone").is_none());
}
