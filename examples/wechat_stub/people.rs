//! People, and by which names the apps know them: openid, unionid, `session_key`.

use std::collections::HashMap;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};

use crate::apps::App;
use crate::dice::digest;

/// What WeChat knows about a person.
#[derive(Clone, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Profile {
    /// The name that a test calls the person by.
    pub(crate) person: String,
    #[serde(default)]
    pub(crate) nickname: Option<String>,
    #[serde(default)]
    pub(crate) headimgurl: String,
    /// With its country code, as `+8613800138000`.
    #[serde(default)]
    pub(crate) phone: Option<String>,
    /// Whether WeChat takes the person for a risk (40226).
    #[serde(default)]
    pub(crate) blocked: bool,
}

/// Everybody who is more than a name.
#[derive(Default)]
pub(crate) struct People(HashMap<String, Profile>);

impl People {
    pub(crate) fn insert(&mut self, profile: Profile) {
        self.0.insert(profile.person.clone(), profile);
    }

    pub(crate) fn get(&self, person: &str) -> Profile {
        let stranger = || Profile { person: person.to_owned(), ..Profile::default() };
        self.0.get(person).cloned().unwrap_or_else(stranger)
    }
}

/// The person's name in one app: 28 characters that begin with `o`.
pub(crate) fn openid(appid: &str, person: &str) -> String {
    name(&digest(&["openid", appid, person]))
}

/// The person's name in all apps of one open platform account, for an app that is bound to one.
pub(crate) fn unionid(app: &App, person: &str) -> Option<String> {
    let account = app.open_platform.as_deref()?;
    Some(name(&digest(&["unionid", account, person])))
}

/// The key of a person's session with an app, the `n`th.
pub(crate) fn session_key(appid: &str, person: &str, n: u32) -> String {
    STANDARD.encode(&digest(&["session_key", appid, person, &n.to_string()])[..16])
}

fn name(digest: &[u8; 32]) -> String {
    format!("o{}", &URL_SAFE_NO_PAD.encode(digest)[..27])
}
