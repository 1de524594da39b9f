//! One person over the three ways: one user where WeChat gives a unionid, and each way's own
//! otherwise, until it does.

use saoma::config::{Config, DirectoryRule};
use serde_json::{Value, json};

use crate::stub::{ACCOUNT, MINI, Reply, WEBSITE};
use crate::support::{Via, namespace};
use crate::world::World;

impl World {
    async fn binds(&self, apps: &[&str]) {
        for app in apps {
            self.wechat.set(app, "open_platform", json!("the company")).await;
        }
    }

    async fn user_by_the_mini_program(&self, person: &str) -> Value {
        let mut tab = self.server.browser(Via::LongPoll).open().await;
        let phone = self.scans(&tab, person).await;
        tab.sees("scanned").await;
        phone.confirm().await.ok();
        let ticket = tab.sees_a_ticket().await;
        tab.redeem(&ticket).await.ok()["user"]["id"].clone()
    }

    async fn user_by_the_account(&self, person: &str) -> Value {
        let before = self.wechat.see("messages").await.as_array().map_or(0, Vec::len);
        // A second later: one event a second is one person's.
        self.wechat.forward(1).await;
        let mut tab = self.server.browser(Via::LongPoll).of("account").open().await;
        self.scan_in_the_chat(&tab, person).await;
        tab.sees("scanned").await;
        let body = json!({ "login_code": self.login_code(&tab, before + 1).await });
        let told = tab.shows_the_code().tries_to_scan(body).await.ok();
        let page = tab.shows_the_code().with_token(told["phone_token"].as_str().expect("a token"));
        page.confirm().await.ok();
        let ticket = tab.sees_a_ticket().await;
        tab.redeem(&ticket).await.ok()["user"]["id"].clone()
    }

    async fn user_by_the_website(&self, person: &str) -> Value {
        let browser = self.server.browser(Via::LongPoll).of("website");
        let answer = browser.tries_to_open().await;
        let cookie = answer.headers.get_all("set-cookie").iter().nth(1).expect("a cookie");
        let cookie = cookie.to_str().expect("a text").split(';').next().expect("one").to_owned();
        let mut tab = browser.watches(browser.session_of(answer.is(201))).await;
        let address = &tab.opened["code"]["content"];
        let decision = json!({ "address": address, "person": person });
        let url = format!("{}/stub/website/allow", self.wechat.base);
        let back = Reply::of(self.wechat.client.post(url).json(&decision)).await.location;
        let back = self.wechat.client.get(back.expect("an address")).header("cookie", cookie);
        assert_eq!(Reply::of(back).await.status, 303);
        tab.sees("scanned").await;
        let ticket = tab.sees_a_ticket().await;
        tab.redeem(&ticket).await.ok()["user"]["id"].clone()
    }

    async fn user_by_all_ways(&self, person: &str) -> [Value; 3] {
        [
            self.user_by_the_mini_program(person).await,
            self.user_by_the_account(person).await,
            self.user_by_the_website(person).await,
        ]
    }
}

#[tokio::test]
async fn one_person_is_one_user_over_the_three_ways() {
    let world = World::new().await;
    world.binds(&[MINI, ACCOUNT, WEBSITE]).await;
    let [mini, account, website] = world.user_by_all_ways("wang").await;
    assert_eq!((&account, &website), (&mini, &mini));
    let others = world.user_by_all_ways("li").await;
    assert!(others.iter().all(|user| *user == others[0] && *user != mini));
}

#[tokio::test]
async fn without_a_unionid_each_way_has_its_own_user() {
    let world = World::new().await;
    let [mini, account, website] = world.user_by_all_ways("wang").await;
    assert!(mini != account && account != website && website != mini);
    assert_eq!(world.user_by_all_ways("wang").await, [mini, account, website]);
}

#[tokio::test]
async fn who_was_known_without_a_unionid_is_linked_when_it_appears() {
    let world = World::new().await;
    let before = world.user_by_the_mini_program("wang").await;
    world.binds(&[MINI, ACCOUNT, WEBSITE]).await;
    assert_eq!(world.user_by_the_mini_program("wang").await, before, "still who they were");
    assert_eq!(world.user_by_the_account("wang").await, before);
    assert_eq!(world.user_by_the_website("wang").await, before);
}

#[tokio::test]
async fn users_that_are_written_down_are_shared_by_who_says_so() {
    let known = |config: &mut Config, users: Option<&str>| {
        for name in ["default", "account", "website"] {
            let namespace = namespace(config, name);
            namespace.directory = DirectoryRule::Known;
            namespace.users = users.map(str::to_owned);
        }
    };
    for (users, shared) in [(Some("people"), true), (None, false)] {
        let world = World::with(|config| known(config, users)).await;
        world.binds(&[MINI, ACCOUNT, WEBSITE]).await;
        let mut tab = world.server.browser(Via::LongPoll).open().await;
        let phone = world.scans(&tab, "wang").await;
        tab.sees("scanned").await;
        phone.confirm().await.is_problem(403, "unregistered");
        phone.register("Wang").await.is(201);

        let mut tab = world.server.browser(Via::LongPoll).of("account").open().await;
        world.scan_in_the_chat(&tab, "wang").await;
        tab.sees("scanned").await;
        let page = world.opens_the_link(&tab).await;
        assert_eq!(page.confirm().await.status == 200, shared);
    }
}
