//! WeChat with an app of each kind, and a server that is all three, each in a namespace.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use saoma::config::{Config, ProviderName, Secret};
use serde_json::{Value, json};

use crate::stub::{ACCOUNT, MINI, SECRET, Stub, WEBSITE};
use crate::support::{Phone, Session, Store, TestServer, Via};

pub(crate) const TOKEN: &str = "/cgi-bin/stable_token";
pub(crate) const CODES: &str = "/wxa/getwxacodeunlimit";
pub(crate) const LOGINS: &str = "/sns/jscode2session";

pub(crate) const TICKETS: &str = "/cgi-bin/qrcode/create";
pub(crate) const MESSAGES: &str = "/cgi-bin/message/custom/send";
pub(crate) const GRANTS: &str = "/sns/oauth2/access_token";
pub(crate) const PROFILES: &str = "/sns/userinfo";
pub(crate) const PEOPLE: &str = "/cgi-bin/user/info";
/// What the official account's callbacks are signed with.
pub(crate) const CALLBACK_TOKEN: &str = "a token of the console";

/// Both sides.
pub(crate) struct World {
    pub(crate) wechat: Stub,
    pub(crate) server: TestServer,
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::with(|_| {}).await
    }

    pub(crate) async fn with(change: impl FnOnce(&mut Config)) -> Self {
        let wechat = Stub::start().await;
        wechat.set(MINI, "pages", json!(["pages/wsLogin/wsLogin"])).await;
        let url = wechat.base.clone();
        let server = TestServer::start_with(Store::Memory, |config| {
            for (name, provider, app_id) in [
                ("default", ProviderName::MiniProgram, MINI),
                ("account", ProviderName::OfficialAccount, ACCOUNT),
                ("website", ProviderName::OpenPlatform, WEBSITE),
            ] {
                let namespace = crate::support::namespace(config, name);
                namespace.provider = provider;
                namespace.wechat.app_id = Some(app_id.to_owned());
                namespace.wechat.app_secret = Some(Secret::new(SECRET.to_owned()));
                namespace.wechat.api_url.clone_from(&url);
                namespace.wechat.open_url.clone_from(&url);
            }
            let account = crate::support::namespace(config, "account");
            account.wechat.token = Some(Secret::new(CALLBACK_TOKEN.to_owned()));
            change(config);
        });
        let server = server.await;
        let url = format!("http://{}/v1/wechat/account/events", server.address);
        wechat.set(ACCOUNT, "callback", json!({ "url": url, "token": CALLBACK_TOKEN })).await;
        Self { wechat, server }
    }

    /// A session whose browser has only been told of it.
    pub(crate) async fn opened(&self) -> Session {
        self.server.browser(Via::LongPoll).open_only().await
    }

    /// Somebody holds the phone before the picture; what the mini program is opened with.
    pub(crate) async fn holds_the_phone_before(&self, session: &Session) -> Value {
        let picture = session.get("code").await;
        let picture = picture.is_image("image/jpeg");
        self.wechat.tell("scan", json!({ "picture": STANDARD.encode(picture) })).await
    }

    /// What `wx.login` gives to somebody.
    pub(crate) async fn wx_login(&self, person: &str) -> String {
        let told = self.wechat.tell("login", json!({ "appid": MINI, "person": person })).await;
        told["code"].as_str().expect("a code").to_owned()
    }

    /// Somebody scans the code, and the mini program tells the server.
    pub(crate) async fn scans(&self, session: &Session, person: &str) -> Phone {
        let opened = self.holds_the_phone_before(session).await;
        assert_eq!(opened["query"]["scene"], session.scene.as_str(), "{opened}");
        let code = self.wx_login(person).await;
        let body = json!({ "login_code": code, "entry_scene": opened["entry_scene"] });
        let told = session.shows_the_code().tries_to_scan(body).await.ok();
        session.shows_the_code().with_token(told["phone_token"].as_str().expect("a token"))
    }

    /// WeChat is well again.
    pub(crate) async fn heals(&self) {
        let faults = format!("{}/stub/faults", self.wechat.base);
        self.wechat.client.delete(faults).send().await.expect("an answer");
    }

    /// Waits until WeChat was called so often, whether it has answered or not.
    pub(crate) async fn reaches(&self, path: &str, calls: usize) {
        self.wechat.see(&format!("calls?all&at_least={calls}&path={path}")).await;
    }

    /// Waits until WeChat has answered so often.
    pub(crate) async fn has_answered(&self, path: &str, calls: usize) {
        self.wechat.see(&format!("calls?at_least={calls}&path={path}")).await;
    }

    /// How often WeChat was called so far.
    pub(crate) async fn calls(&self, path: &str) -> usize {
        let calls = self.wechat.see(&format!("calls?all&path={path}")).await;
        calls.as_array().expect("a list").len()
    }
}
