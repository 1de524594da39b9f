//! The official account: codes by `qrcode/create`, people by what WeChat pushes when they scan.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use moka::future::Cache;
use serde::Deserialize;
use serde_json::json;
use tracing::Instrument as _;

use super::account::Account;
use super::api::Call;
use super::callback::{Callback, CallbackSecrets, Callbacks};
use super::failure::Failure;
use super::link::Links;
use crate::clock::Clock;
use crate::login::ports::{
    Heard, Identity, Image, ImageFormat, Note, PortError, Provider, Pushed, Pushes,
};
use crate::login::scene::Scene;
use crate::provider::qr;

/// The provider's name, in the configuration, in identities and in tokens.
const NAME: &str = "official_account";
/// Tickets that are kept.
const TICKETS: u64 = 100_000;
/// How long what WeChat told of a person is taken for true.
const TOLD: Duration = Duration::from_secs(600);
/// People of whom it is kept.
const PEOPLE: u64 = 100_000;
/// What to answer to every push: anything else is shown to the person as a fault.
const SUCCESS: &str = "success";

/// What an official account needs besides the account.
pub struct AccountSettings {
    /// What its callbacks are signed and sealed with.
    pub secrets: CallbackSecrets,
    /// Whether a scan logs in at once.
    pub confirm_on_scan: bool,
    /// Seconds that a code is good for.
    pub code_seconds: u64,
    /// How long a code can still be looked at.
    pub kept: Duration,
    /// Where phones reach the server.
    pub public_url: String,
}

/// An official account at WeChat.
#[derive(Clone)]
pub struct OfficialAccount(Arc<Inner>);

struct Inner {
    account: Arc<Account>,
    callbacks: Callbacks,
    links: Links,
    clock: Clock,
    site: String,
    confirm_on_scan: bool,
    code_seconds: u64,
    /// What each scene's code says.
    codes: Cache<String, Arc<str>>,
    /// The unionid of an openid, where there is one.
    unions: Cache<String, Option<String>>,
}

#[derive(Deserialize)]
struct Ticket {
    url: String,
}

#[derive(Deserialize)]
struct UserInfo {
    unionid: Option<String>,
}

impl OfficialAccount {
    /// The official account of an account. None if the key that callbacks are sealed with is none.
    #[must_use]
    pub fn new(account: Arc<Account>, settings: AccountSettings, clock: Clock) -> Option<Self> {
        let AccountSettings { secrets, confirm_on_scan, code_seconds, kept, public_url } = settings;
        let site = public_url.split_once("://").map_or(&*public_url, |(_, site)| site).to_owned();
        let codes = Cache::builder().time_to_live(kept).max_capacity(TICKETS).build();
        let unions = Cache::builder().time_to_live(TOLD).max_capacity(PEOPLE).build();
        Some(Self(Arc::new(Inner {
            callbacks: Callbacks::new(secrets, account.app_id.clone(), clock)?,
            links: Links::new(&account.app_secret, public_url)?,
            account,
            clock,
            site,
            confirm_on_scan,
            code_seconds,
            codes,
            unions,
        })))
    }
}

impl Inner {
    /// What the code of a scene says: made once, however many ask for it.
    async fn code(&self, scene: &Scene) -> Result<Arc<str>, PortError> {
        let made = self.codes.try_get_with(scene.to_string(), self.ticket(scene)).await;
        made.map_err(|failure| Failure::clone(&failure).into())
    }

    async fn ticket(&self, scene: &Scene) -> Result<Arc<str>, Failure> {
        let body = json!({
            "expire_seconds": self.code_seconds,
            "action_name": "QR_STR_SCENE",
            "action_info": { "scene": { "scene_str": scene.as_str() } },
        });
        let reply = self.account.with_token(Call::QrcodeCreate, &[], Some(&body)).await?;
        let Ticket { url } = reply.json()?;
        if url.is_empty() { Err(Failure::Nonsense) } else { Ok(url.into()) }
    }

    /// The unionid of a person. It takes an account that is bound to the open platform, and one
    /// that may ask; where WeChat says no for good, there is none.
    async fn union(&self, openid: &str) -> Result<Option<String>, Failure> {
        let query = [("openid", openid), ("lang", "zh_CN")];
        let answer = self.account.with_token(Call::UserInfo, &query, None).await;
        match answer.and_then(|reply| reply.json::<UserInfo>()) {
            Ok(UserInfo { unionid }) => Ok(unionid.filter(|id| !id.is_empty())),
            Err(failure) if failure.is_a_no() => Ok(None),
            Err(failure) => Err(failure),
        }
    }

    fn text(&self, to: &Identity, note: Note<'_>) -> String {
        let site = &self.site;
        match note {
            Note::Confirm(scene, until) => {
                let link = self.links.link(&to.subject, scene, until);
                format!(
                    "有人正在 {site} 请求以您的身份登录。\n\
                     若是您本人，<a href=\"{link}\">请点此查看并确认</a>；若不是，请忽略或拒绝。\n\n\
                     Somebody wants to log in to {site} as you. \
                     If it is you, <a href=\"{link}\">look and confirm</a>."
                )
            }
            Note::LoggedIn => format!("您已登录 {site}。\n\nYou have logged in to {site}."),
            Note::Refused(reason) => {
                format!("您未能登录 {site}：{reason}\n\nYou were not logged in to {site}: {reason}")
            }
            Note::Over => format!(
                "该二维码已失效，请在 {site} 刷新后重新扫描。\n\n\
                 This code can no longer be used. Refresh it on {site} and scan the new one."
            ),
        }
    }
}

#[async_trait]
impl Provider for OfficialAccount {
    fn name(&self) -> &'static str {
        NAME
    }

    /// WeChat says it later than this is asked.
    fn content(&self, _: &Scene) -> Option<String> {
        None
    }

    async fn image(&self, scene: &Scene, format: ImageFormat) -> Result<Image, PortError> {
        qr::draw(&self.0.code(scene).await?, format)
    }

    fn prepare(&self, scene: &Scene) {
        let (inner, scene) = (Arc::clone(&self.0), scene.clone());
        tokio::spawn(async move { inner.code(&scene).await.map(drop) }.in_current_span());
    }

    /// A login code is one of a link that we wrote to who scanned.
    async fn identify(&self, login_code: &str, at: &Scene) -> Result<Identity, PortError> {
        let openid = self.0.links.openid(login_code, at, self.0.clock.now());
        let openid = openid
            .ok_or_else(|| PortError::refused("this link is not of this code, or too old"))?;
        self.look_up(self.0.account.person(NAME, openid)).await
    }

    fn pushes(&self) -> Option<&dyn Pushes> {
        Some(self)
    }
}

#[async_trait]
impl Pushes for OfficialAccount {
    fn account(&self) -> &str {
        &self.0.account.app_id
    }

    fn scan_confirms(&self) -> bool {
        self.0.confirm_on_scan
    }

    fn hear(&self, pushed: &Pushed) -> Result<Heard, PortError> {
        Ok(match self.0.callbacks.read(pushed)? {
            Callback::Echo(answer) => Heard { answer, scan: None },
            Callback::Other => Heard { answer: SUCCESS.to_owned(), scan: None },
            Callback::Scan(scene, openid) => Heard {
                answer: SUCCESS.to_owned(),
                scan: Some((scene, self.0.account.person(NAME, openid))),
            },
        })
    }

    async fn look_up(&self, identity: Identity) -> Result<Identity, PortError> {
        let openid = &identity.subject;
        let known = self.0.unions.try_get_with(openid.clone(), self.0.union(openid)).await;
        let union = known.map_err(|failure| Failure::clone(&failure))?;
        Ok(Identity { union, ..identity })
    }

    async fn write(&self, to: &Identity, note: Note<'_>) -> Result<(), PortError> {
        let body = json!({
            "touser": to.subject,
            "msgtype": "text",
            "text": { "content": self.0.text(to, note) },
        });
        self.0.account.with_token(Call::CustomSend, &[], Some(&body)).await?;
        Ok(())
    }
}
