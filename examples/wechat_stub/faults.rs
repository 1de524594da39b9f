//! Faults that tests put in WeChat's way: what happens to the next calls of an API.

use serde::{Deserialize, Serialize};

use crate::clock::Moment;
use crate::dice::Dice;
use crate::envelope::{Answer, Family, HTML, Refusal, text_of};

/// When a connection is reset.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Reset {
    /// Before anything was done.
    Before,
    /// When it was done, and nobody hears of it.
    After,
    /// In the middle of the answer.
    Half,
}

/// What goes wrong; parts may be combined.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::struct_excessive_bools, reason = "what a test says, in any combination")]
pub(crate) struct Fault {
    /// The path, or `*` for all.
    pub(crate) api: String,
    /// Only calls of this app.
    #[serde(default)]
    pub(crate) appid: Option<String>,
    /// How many calls; without it, all until it is cleared.
    #[serde(default)]
    pub(crate) times: Option<u32>,
    /// How many calls go well before it begins.
    #[serde(default)]
    pub(crate) skip: u32,
    /// Refused with this code, and not done.
    #[serde(default)]
    pub(crate) errcode: Option<i64>,
    #[serde(default)]
    pub(crate) errmsg: Option<String>,
    /// A page from something before WeChat, with this status; not done.
    #[serde(default)]
    pub(crate) status: Option<u16>,
    /// A page instead of the answer, with HTTP 200; not done.
    #[serde(default)]
    pub(crate) html: bool,
    /// The answer is whole by its length, and lacks its second half.
    #[serde(default)]
    pub(crate) cut: bool,
    /// The answer says that it is of this type.
    #[serde(default)]
    pub(crate) label: Option<String>,
    /// The answer comes so much later; it is done at once.
    #[serde(default)]
    pub(crate) latency_ms: u64,
    /// The answer waits until the faults are cleared; it is done at once.
    #[serde(default)]
    pub(crate) held: bool,
    /// Half of the answer comes, and then nothing more.
    #[serde(default)]
    pub(crate) stalls: bool,
    #[serde(default)]
    pub(crate) reset: Option<Reset>,
}

impl Fault {
    /// What is answered instead of what would be done.
    pub(crate) fn instead(&self, family: Family, dice: &mut Dice, now: Moment) -> Option<Answer> {
        let page = |status: u16, title: &str| {
            let text = format!(
                "<html><head><title>{title}</title></head><body><center><h1>{title}</h1></center></body></html>"
            );
            Answer::new(status, HTML, text.into_bytes())
        };
        if let Some(status) = self.status {
            return Some(page(status, &format!("{status} Bad Gateway")));
        }
        if self.html {
            return Some(page(200, "Please log in to the network"));
        }
        let code = self.errcode?;
        let text = self.errmsg.clone().unwrap_or_else(|| text_of(code).to_owned());
        let body = Refusal::saying(code, text).body(family, dice, now);
        Some(Answer::json(200, family, &body))
    }
}

/// The faults in force, the oldest first.
#[derive(Default)]
pub(crate) struct Faults(pub(crate) Vec<Fault>);

impl Faults {
    /// Whether answers of this API are held back.
    pub(crate) fn hold(&self, api: &str) -> bool {
        self.0.iter().any(|fault| fault.held && (fault.api == "*" || fault.api == api))
    }

    /// The fault of a call; it is used up by it.
    pub(crate) fn take(&mut self, api: &str, appid: Option<&str>) -> Option<Fault> {
        let concerns = |fault: &&mut Fault| {
            (fault.api == "*" || fault.api == api)
                && fault.appid.as_deref().is_none_or(|only| appid == Some(only))
        };
        for fault in self.0.iter_mut().filter(concerns) {
            if fault.skip > 0 {
                fault.skip -= 1;
                continue;
            }
            match &mut fault.times {
                Some(0) => continue,
                Some(times) => *times -= 1,
                None => {}
            }
            return Some(fault.clone());
        }
        None
    }
}
