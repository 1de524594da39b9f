//! The mini program: codes by `getwxacodeunlimit`, people by `jscode2session`.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use moka::future::Cache;
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tracing::Instrument as _;

use super::account::Account;
use super::api::Call;
use super::failure::Failure;
use crate::login::ports::{Identity, Image, ImageFormat, PortError, Provider, Stamp};
use crate::login::scene::Scene;

/// The provider's name, in the configuration, in identities and in tokens.
const NAME: &str = "mini_program";
/// Bytes of pictures that are kept.
const PICTURES: u64 = 256 << 20;
/// How long a login code is known again: WeChat takes it once, within five minutes, and a phone
/// whose answer was lost asks again with the same one.
const LOGIN_CODES: Duration = Duration::from_secs(300);
/// Login codes that are known again.
const PEOPLE: u64 = 100_000;
/// The longest login code that is asked about; WeChat's have 32 characters.
const LONGEST_CODE: usize = 256;

/// How the codes look, and what they open.
#[derive(Clone, Debug)]
pub struct CodeOptions {
    /// The page that a code opens, without a slash before it.
    pub page: String,
    /// `release`, `trial` or `develop`.
    pub env_version: &'static str,
    /// Whether WeChat refuses a page that is not published.
    pub check_path: bool,
    /// Pixels, 280 to 1280.
    pub width: u64,
    /// Whether the background is transparent; the picture is then a PNG.
    pub is_hyaline: bool,
    /// Whether WeChat chooses the colour of the lines.
    pub auto_color: bool,
    /// The lines' red, green and blue, each 0 to 255; counts while WeChat does not choose.
    pub line_color: [u64; 3],
}

/// A mini program at WeChat.
#[derive(Clone)]
pub struct MiniProgram(Arc<Inner>);

struct Inner {
    account: Arc<Account>,
    options: CodeOptions,
    /// By scene, for as long as its session can be looked at.
    pictures: Cache<String, Image>,
    /// By the hash of the login code.
    people: Cache<[u8; 32], Identity>,
}

#[derive(Deserialize)]
struct Session {
    openid: String,
    unionid: Option<String>,
}

impl MiniProgram {
    /// The mini program of an account. Pictures are kept for `kept`.
    #[must_use]
    pub fn new(account: Arc<Account>, options: CodeOptions, kept: Duration) -> Self {
        let weigh =
            |_: &String, image: &Image| u32::try_from(image.bytes.len()).unwrap_or(u32::MAX);
        let pictures = Cache::builder().time_to_live(kept).max_capacity(PICTURES).weigher(weigh);
        let people = Cache::builder().time_to_live(LOGIN_CODES).max_capacity(PEOPLE);
        let (pictures, people) = (pictures.build(), people.build());
        Self(Arc::new(Inner { account, options, pictures, people }))
    }
}

impl Inner {
    /// The code of a scene: made once, however many ask for it.
    async fn code(&self, scene: &Scene) -> Result<Image, PortError> {
        let made = self.pictures.try_get_with(scene.to_string(), self.picture(scene)).await;
        made.map_err(|failure| Failure::clone(&failure).into())
    }

    async fn picture(&self, scene: &Scene) -> Result<Image, Failure> {
        let CodeOptions { page, env_version, check_path, width, is_hyaline, .. } = &self.options;
        let CodeOptions { auto_color, line_color: [r, g, b], .. } = &self.options;
        let body: Value = json!({
            "scene": scene.as_str(),
            "page": page,
            "env_version": env_version,
            "check_path": check_path,
            "width": width,
            "is_hyaline": is_hyaline,
            "auto_color": auto_color,
            "line_color": { "r": r, "g": g, "b": b },
        });
        let reply = self.account.with_token(Call::GetWxaCodeUnlimit, &[], Some(&body)).await?;
        let (media_type, bytes) = reply.picture()?;
        Ok(Image { media_type, bytes })
    }

    async fn person(&self, login_code: &str) -> Result<Identity, Failure> {
        let Account { app_id, app_secret, .. } = &*self.account;
        let query = [
            ("appid", app_id.as_str()),
            ("secret", app_secret.0.as_str()),
            ("js_code", login_code),
            ("grant_type", "authorization_code"),
        ];
        let reply = self.account.call(Call::JsCode2Session, &query, None).await?;
        let Session { openid, unionid } = reply.json()?;
        if openid.is_empty() {
            return Err(Failure::Nonsense);
        }
        let union = unionid.filter(|id| !id.is_empty());
        Ok(Identity { union, ..self.account.person(NAME, openid) })
    }
}

#[async_trait]
impl Provider for MiniProgram {
    fn name(&self) -> &'static str {
        NAME
    }

    fn media_type(&self) -> &'static str {
        if self.0.options.is_hyaline { "image/png" } else { "image/jpeg" }
    }

    /// Only WeChat reads its codes.
    fn content(&self, _: &Scene) -> Option<String> {
        None
    }

    async fn image(&self, scene: &Scene, _: ImageFormat) -> Result<Image, PortError> {
        self.0.code(scene).await
    }

    fn stamp(&self) -> Option<Stamp> {
        let Inner { account, options, .. } = &*self.0;
        Some(Stamp {
            account: account.app_id.clone(),
            env_version: options.env_version.to_owned(),
            page: options.page.clone(),
        })
    }

    async fn make(&self, scene: &Scene) -> Result<Image, PortError> {
        Ok(self.0.picture(scene).await?)
    }

    /// Has the code made, so that it is there with the first look. What goes wrong is told to
    /// whoever looks.
    fn prepare(&self, scene: &Scene) {
        let (inner, scene) = (Arc::clone(&self.0), scene.clone());
        tokio::spawn(async move { inner.code(&scene).await.map(drop) }.in_current_span());
    }

    async fn identify(&self, login_code: &str, _: &Scene) -> Result<Identity, PortError> {
        let plausible = !login_code.is_empty()
            && login_code.len() <= LONGEST_CODE
            && login_code.bytes().all(|byte| byte.is_ascii_graphic());
        if !plausible {
            return Err(PortError::refused("this is no login code of wx.login"));
        }
        // A task of its own: a phone that goes away now has used its code at WeChat, and is
        // answered when it comes back.
        let (inner, login_code) = (Arc::clone(&self.0), login_code.to_owned());
        let asking = async move {
            let key = Sha256::digest(&login_code).into();
            inner.people.try_get_with(key, inner.person(&login_code)).await
        };
        let asking = tokio::spawn(asking.in_current_span());
        let known = asking.await.map_err(|_| PortError::from(Failure::Unreachable))?;
        known.map_err(|failure| Failure::clone(&failure).into())
    }
}
