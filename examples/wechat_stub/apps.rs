//! The apps that WeChat has registered, and what is set in their consoles; the knobs of the stub.

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::envelope::{Refusal, refuse};

/// Which of the three an app is.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kind {
    MiniProgram,
    OfficialAccount,
    Website,
}

/// How callbacks go out.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Mode {
    #[default]
    Plain,
    /// Both the plain fields and the sealed ones ("compatible").
    Both,
    /// Sealed alone ("safe").
    Aes,
}

/// Where an official account's events go.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Callback {
    pub(crate) url: String,
    pub(crate) token: String,
    /// `EncodingAESKey`, 43 characters.
    #[serde(default)]
    pub(crate) aes_key: String,
    #[serde(default)]
    pub(crate) mode: Mode,
    /// How long an answer is waited for.
    #[serde(default = "five_seconds")]
    pub(crate) timeout_ms: u64,
    /// Whether each try is signed and sealed anew; which of it is so is not known.
    #[serde(default)]
    pub(crate) signs_anew: bool,
}

/// What a website's visitor sees who refuses: the documents disagree.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum AtRefusal {
    /// Back to the website with the state alone.
    #[default]
    Redirect,
    /// Nothing happens.
    Stay,
}

/// How often things may be done; the sources disagree on some.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Limits {
    pub(crate) tokens_per_day: u32,
    pub(crate) stable_per_minute: u32,
    pub(crate) stable_per_day: u32,
    pub(crate) forced_per_day: u32,
    pub(crate) codes_per_minute: u32,
    /// Pages that are not published, over all codes.
    pub(crate) unpublished_pages: usize,
    pub(crate) logins_per_minute_and_person: u32,
    pub(crate) permanent_tickets: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            tokens_per_day: 2000,
            stable_per_minute: 10_000,
            stable_per_day: 500_000,
            forced_per_day: 20,
            codes_per_minute: 5000,
            unpublished_pages: 60_000,
            logins_per_minute_and_person: 100,
            permanent_tickets: 100_000,
        }
    }
}

/// An app with what its console says.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct App {
    pub(crate) appid: String,
    pub(crate) secret: String,
    pub(crate) kind: Kind,
    /// The open platform account that it is bound to: apps of one have unionids in common.
    #[serde(default)]
    pub(crate) open_platform: Option<String>,
    /// The pages of the published version; the first is the home.
    #[serde(default = "a_home")]
    pub(crate) pages: Vec<String>,
    /// What pictures with a transparent background are labelled; not known of the real one.
    #[serde(default = "png")]
    pub(crate) hyaline_type: String,
    #[serde(default)]
    pub(crate) callback: Option<Callback>,
    /// Whether it is a verified service account; others have no codes of their own.
    #[serde(default = "yes")]
    pub(crate) verified: bool,
    /// How the event of a follower's scan is called: `SCAN`, and `scan` was seen.
    #[serde(default = "scan")]
    pub(crate) scan_event: String,
    /// How long a code lives whose maker did not say: 60 or 30, by the age of the document.
    #[serde(default = "a_minute")]
    pub(crate) ticket_seconds: u64,
    /// Whether messages are refused to who has not shown up lately (45015, 45047).
    #[serde(default = "yes")]
    pub(crate) reply_windows: bool,
    /// The host that a website's `redirect_uri` must have; any, if there is none.
    #[serde(default)]
    pub(crate) domain: Option<String>,
    #[serde(default)]
    pub(crate) at_refusal: AtRefusal,
    /// What a website's code gets that is too old: 40029 or 42003.
    #[serde(default = "invalid_code")]
    pub(crate) old_code: i64,
    /// Who may fetch tokens; everybody, if nobody is named.
    #[serde(default)]
    pub(crate) ip_whitelist: Vec<IpAddr>,
    /// What a wrong secret gets: 40125 or 40001.
    #[serde(default = "invalid_secret")]
    pub(crate) wrong_secret: i64,
    #[serde(default)]
    pub(crate) frozen: bool,
    /// How long the token before works on after a forced refresh.
    #[serde(default)]
    pub(crate) forced_grace_s: u64,
    #[serde(default)]
    pub(crate) limits: Limits,
}

fn five_seconds() -> u64 {
    5000
}

fn a_home() -> Vec<String> {
    vec!["pages/index/index".to_owned()]
}

fn png() -> String {
    "image/png".to_owned()
}

fn yes() -> bool {
    true
}

fn scan() -> String {
    "SCAN".to_owned()
}

fn a_minute() -> u64 {
    60
}

fn invalid_code() -> i64 {
    40029
}

fn invalid_secret() -> i64 {
    40125
}

/// All apps, by their appid.
pub(crate) type Apps = BTreeMap<String, App>;

/// The app that a caller proves to be.
pub(crate) fn credentials<'a>(
    apps: &'a Apps,
    appid: Option<&str>,
    secret: Option<&str>,
) -> Result<&'a App, Refusal> {
    let appid = appid.filter(|appid| !appid.is_empty()).ok_or_else(|| refuse(41002))?;
    let secret = secret.filter(|secret| !secret.is_empty()).ok_or_else(|| refuse(41004))?;
    let app = apps.get(appid).ok_or_else(|| refuse(40013))?;
    if app.secret != secret {
        return Err(refuse(app.wrong_secret));
    }
    Ok(app)
}
