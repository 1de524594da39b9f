//! WeChat's health: what it is asked, what comes of it, and how much of its quota is used.

use std::time::Duration;

use parking_lot::Mutex;
use prometheus::{HistogramVec, IntCounterVec, IntGaugeVec, Result};

use super::make::{Make, level};
use crate::clock::Timestamp;

/// What WeChat is asked, in its own words.
const APIS: [&str; 8] = [
    "stable_token",
    GETWXACODEUNLIMIT,
    "jscode2session",
    "qrcode/create",
    "user/info",
    "message/custom/send",
    "oauth2/access_token",
    "userinfo",
];
const GETWXACODEUNLIMIT: &str = "getwxacodeunlimit";
/// What may come of it.
const OUTCOMES: [&str; 12] = [
    "ok",
    "invalid_code",
    "blocked",
    "invalid_token",
    "rate_limited",
    "quota",
    "busy",
    "misconfigured",
    "timeout",
    "unreachable",
    "nonsense",
    "other",
];
/// Codes that an account may ask for in a minute (official documentation, getUnlimitedQRCode).
const CODES_A_MINUTE: i64 = 5000;
/// Seconds.
const BUCKETS: [f64; 11] = [0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0, 2.0, 3.0, 5.0, 10.0];

/// The metrics of WeChat. An account goes by the first namespace that has it.
pub struct WeChatMetrics {
    requests: HistogramVec,
    paused: IntCounterVec,
    token_expiry: IntGaugeVec,
    codes_used: IntGaugeVec,
    codes_limit: IntGaugeVec,
    minutes: Mutex<Vec<Minute>>,
}

/// What an account has asked for in a minute.
struct Minute {
    namespace: String,
    number: u64,
    codes: u64,
}

/// A call that was answered, or was not.
#[derive(Clone, Copy, Debug)]
pub struct WeChatCall {
    /// What was asked, in WeChat's word.
    pub api: &'static str,
    /// What came of it, a word of the closed set.
    pub outcome: &'static str,
}

impl WeChatMetrics {
    pub(super) fn new(make: &Make) -> Result<Self> {
        let metrics = Self {
            requests: make.histograms(
                "saoma_wechat_request_duration_seconds",
                "From a call to WeChat to its answer, and what came of it.",
                &BUCKETS,
                &["api", "outcome"],
            )?,
            paused: make.counters(
                "saoma_wechat_calls_paused_total",
                "Calls that were not made: WeChat was failing, or its quota was used up.",
                &["api"],
            )?,
            token_expiry: make.gauges(
                "saoma_wechat_token_expiry_timestamp_seconds",
                "When the access token that is held expires; 0 while there is none.",
                &["namespace"],
            )?,
            codes_used: make.gauges(
                "saoma_wechat_codes_used",
                "Codes that this instance has asked for in this minute of the clock.",
                &["namespace"],
            )?,
            codes_limit: make.gauges(
                "saoma_wechat_codes_limit",
                "Codes that an account may ask for in a minute, over all instances.",
                &["namespace"],
            )?,
            minutes: Mutex::default(),
        };
        for api in APIS {
            metrics.paused.with_label_values(&[api]).reset();
            for outcome in OUTCOMES {
                let _ = metrics.requests.with_label_values(&[api, outcome]);
            }
        }
        Ok(metrics)
    }

    /// A namespace has an account: all that is counted of it is there from now on.
    pub fn begin(&self, namespace: &str) {
        self.token_expiry.with_label_values(&[namespace]).set(0);
        self.codes_used.with_label_values(&[namespace]).set(0);
        self.codes_limit.with_label_values(&[namespace]).set(CODES_A_MINUTE);
        let minute = Minute { namespace: namespace.to_owned(), number: 0, codes: 0 };
        self.minutes.lock().push(minute);
    }

    /// WeChat was asked something, and something came of it.
    pub fn called(&self, namespace: &str, call: WeChatCall, took: Duration, now: Timestamp) {
        let WeChatCall { api, outcome } = call;
        if APIS.contains(&api) && OUTCOMES.contains(&outcome) {
            self.requests.with_label_values(&[api, outcome]).observe(took.as_secs_f64());
        }
        if api == GETWXACODEUNLIMIT {
            let number = now.unix_seconds() / 60;
            let mut minutes = self.minutes.lock();
            if let Some(minute) = minutes.iter_mut().find(|minute| minute.namespace == namespace) {
                let so_far = if minute.number == number { minute.codes } else { 0 };
                (minute.number, minute.codes) = (number, so_far + 1);
            }
        }
    }

    /// A call was not made.
    pub fn paused(&self, api: &str) {
        if APIS.contains(&api) {
            self.paused.with_label_values(&[api]).inc();
        }
    }

    /// An access token was had, until then.
    pub fn has_token(&self, namespace: &str, until: Timestamp) {
        let until = level(until.unix_seconds());
        self.token_expiry.with_label_values(&[namespace]).set(until);
    }

    /// Says what has been used up to now.
    pub fn tell(&self, now: Timestamp) {
        for Minute { namespace, number, codes } in self.minutes.lock().iter() {
            let codes = if *number == now.unix_seconds() / 60 { *codes } else { 0 };
            self.codes_used.with_label_values(&[namespace]).set(level(codes));
        }
    }
}
