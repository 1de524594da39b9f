//! The open platform's website login: WeChat's own page shows the code and asks the person, and
//! sends the browser back with a code that says who it was (OAuth 2.0, RFC 6749, section 4.1).

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use form_urlencoded::Serializer;
use moka::future::Cache;
use serde::Deserialize;
use sha2::{Digest, Sha256};
use tracing::Instrument as _;

use super::account::Account;
use super::api::Call;
use super::failure::Failure;
use crate::login::ports::{Fault, Identity, Image, ImageFormat, PortError, Provider, Website};
use crate::login::scene::Scene;

/// The provider's name, in the configuration, in identities and in tokens.
const NAME: &str = "open_platform";
/// How long a code that was exchanged is known again: WeChat takes it once, within ten minutes,
/// and what comes after the exchange may have to be tried again.
const CODES: Duration = Duration::from_secs(600);
/// Codes that are known again.
const MOST: u64 = 100_000;
/// The longest code that is asked about; WeChat's have 32 characters.
const LONGEST_CODE: usize = 256;
/// Characters of a name that are kept.
const LONGEST_NAME: usize = 64;
/// The longest address of a picture.
const LONGEST_ADDRESS: usize = 512;

/// Where a website's login begins and ends.
#[derive(Clone, Debug)]
pub struct WebsiteAddresses {
    /// Where WeChat's page is, without a path.
    pub open_url: String,
    /// Where it sends the browser back to.
    pub redirect_uri: String,
}

/// A website that is registered with WeChat's open platform.
#[derive(Clone)]
pub struct OpenPlatform(Arc<Inner>);

struct Inner {
    account: Arc<Account>,
    addresses: WebsiteAddresses,
    /// What codes were exchanged for, by their hash.
    grants: Cache<[u8; 32], Grant>,
}

/// What a code is exchanged for. Its token is good for reading who it was, and is kept for the time
/// in which that may be tried again.
#[derive(Clone, Deserialize)]
struct Grant {
    access_token: String,
    openid: String,
    unionid: Option<String>,
}

#[derive(Deserialize)]
struct UserInfo {
    openid: String,
    nickname: Option<String>,
    headimgurl: Option<String>,
    unionid: Option<String>,
}

impl OpenPlatform {
    /// The website of an account.
    #[must_use]
    pub fn new(account: Arc<Account>, addresses: WebsiteAddresses) -> Self {
        let grants = Cache::builder().time_to_live(CODES).max_capacity(MOST).build();
        Self(Arc::new(Inner { account, addresses, grants }))
    }
}

impl Inner {
    /// WeChat's page, with parameters in the order in which it documents them.
    fn page(&self, scene: &Scene, parameters: &[(&str, &str)]) -> String {
        let mut query = Serializer::new(String::new());
        query.append_pair("appid", &self.account.app_id);
        query.append_pair("redirect_uri", &self.addresses.redirect_uri);
        for (name, value) in parameters {
            query.append_pair(name, value);
        }
        query.append_pair("state", scene.as_str());
        format!("{}/connect/qrconnect?{}", self.addresses.open_url, query.finish())
    }

    async fn exchanged(&self, code: &str) -> Result<Grant, Failure> {
        let Account { app_id, app_secret, .. } = &*self.account;
        let query = [
            ("appid", app_id.as_str()),
            ("secret", app_secret.0.as_str()),
            ("code", code),
            ("grant_type", "authorization_code"),
        ];
        let reply = self.account.call(Call::Oauth2AccessToken, &query, None).await?;
        let grant: Grant = reply.json()?;
        let whole = !grant.openid.is_empty() && !grant.access_token.is_empty();
        if whole { Ok(grant) } else { Err(Failure::Nonsense) }
    }

    /// Who it is. The name and the picture are for show; without the unionid they would be another
    /// user, so where that is missing, WeChat has to say.
    async fn person(&self, grant: Grant) -> Result<Identity, Failure> {
        let Grant { access_token, openid, unionid } = grant;
        let query = [("access_token", access_token.as_str()), ("openid", openid.as_str())];
        let answer = self.account.call(Call::SnsUserinfo, &query, None).await;
        let told = answer.and_then(|reply| reply.json::<UserInfo>());
        let given = |text: &String| !text.is_empty();
        let unionid = unionid.filter(given);
        let mut identity = self.account.person(NAME, openid);
        identity.union.clone_from(&unionid);
        match told {
            Ok(told) if told.openid == identity.subject => {
                identity.union = unionid.or(told.unionid.filter(given));
                identity.name = told.nickname.as_deref().and_then(name);
                identity.avatar_url = told.headimgurl.as_deref().and_then(picture);
            }
            Ok(_) => return Err(Failure::Nonsense),
            Err(_) if unionid.is_some() => {}
            Err(failure) if failure.is_a_no() => {}
            Err(failure) => return Err(failure),
        }
        Ok(identity)
    }
}

/// A name as it may be shown.
fn name(nickname: &str) -> Option<String> {
    let shown = nickname.chars().filter(|c| !c.is_control()).take(LONGEST_NAME);
    let shown = shown.collect::<String>().trim().to_owned();
    (!shown.is_empty()).then_some(shown)
}

/// A picture's address as pages take it: by https, which WeChat's have as well.
fn picture(address: &str) -> Option<String> {
    let rest = address.strip_prefix("https://").or_else(|| address.strip_prefix("http://"))?;
    let plain = rest.bytes().all(|byte| byte.is_ascii_graphic());
    (plain && address.len() <= LONGEST_ADDRESS).then(|| format!("https://{rest}"))
}

#[async_trait]
impl Provider for OpenPlatform {
    fn name(&self) -> &'static str {
        NAME
    }

    /// The page for a whole window.
    fn content(&self, scene: &Scene) -> Option<String> {
        let parameters = [("response_type", "code"), ("scope", "snsapi_login")];
        Some(format!("{}#wechat_redirect", self.0.page(scene, &parameters)))
    }

    fn media_type(&self) -> &'static str {
        "text/html"
    }

    async fn image(&self, _: &Scene, _: ImageFormat) -> Result<Image, PortError> {
        Err(PortError::new(
            Fault::Absent,
            "no_picture",
            "WeChat's own page shows the code: put the address `code.url` into a frame, or open \
             `code.content`",
        ))
    }

    async fn identify(&self, _: &str, _: &Scene) -> Result<Identity, PortError> {
        Err(PortError::refused("who logs in here comes back from WeChat's page"))
    }

    fn website(&self) -> Option<&dyn Website> {
        Some(self)
    }
}

#[async_trait]
impl Website for OpenPlatform {
    /// As WeChat's script wxLogin.js makes it, so that the page stays in its frame.
    fn frame(&self, scene: &Scene) -> String {
        let parameters = [
            ("scope", "snsapi_login"),
            ("login_type", "jssdk"),
            ("self_redirect", "true"),
            ("styletype", ""),
            ("sizetype", ""),
            ("bgcolor", ""),
            ("rst", ""),
            ("href", ""),
        ];
        self.0.page(scene, &parameters)
    }

    async fn returned(&self, code: &str) -> Result<Identity, PortError> {
        let plausible = (1..=LONGEST_CODE).contains(&code.len())
            && code.bytes().all(|byte| byte.is_ascii_graphic());
        if !plausible {
            return Err(PortError::refused("this is no code of WeChat's"));
        }
        // A task of its own: a browser that goes away now has used its code at WeChat, and is
        // answered when it comes back.
        let (inner, code) = (Arc::clone(&self.0), code.to_owned());
        let exchanging = async move {
            let key = Sha256::digest(&code).into();
            inner.grants.try_get_with(key, inner.exchanged(&code)).await
        };
        let exchanging = tokio::spawn(exchanging.in_current_span());
        let grant = exchanging.await.map_err(|_| PortError::from(Failure::Unreachable))?;
        let grant = grant.map_err(|failure| Failure::clone(&failure))?;
        Ok(self.0.person(grant).await?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_shown_without_what_could_disturb_and_not_endlessly() {
        assert_eq!(name(" 王\u{0}五\n ").as_deref(), Some("王五"));
        assert_eq!(name(&"x".repeat(100)).map(|name| name.len()), Some(64));
        assert_eq!((name(""), name("\n ")), (None, None));
    }

    #[test]
    fn a_picture_is_one_by_https_or_none() {
        for (given, shown) in [
            ("http://thirdwx.qlogo.cn/a/0", Some("https://thirdwx.qlogo.cn/a/0")),
            ("https://thirdwx.qlogo.cn/a/0", Some("https://thirdwx.qlogo.cn/a/0")),
            ("javascript:alert(1)", None),
            ("https://a b", None),
            ("", None),
        ] {
            assert_eq!(picture(given).as_deref(), shown);
        }
        assert_eq!(picture(&format!("https://{}", "x".repeat(600))), None);
    }
}
