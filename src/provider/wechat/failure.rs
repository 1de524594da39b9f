//! What may go wrong at WeChat: every errcode and every broken exchange as one of few kinds, each
//! with the problem that a caller is told.

use crate::login::ports::{Fault, PortError};

/// Why a call brought nothing.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Failure {
    /// No connection, or it was cut.
    Unreachable,
    /// No answer in time.
    Slow,
    /// An answer that is none of WeChat's (a proxy's page, a status other than 200).
    Nonsense,
    /// There is nothing at the call's address: 404.
    NoSuchCall,
    /// WeChat's own word: its errcode (global return codes of the official documentation).
    Errcode(i64),
    /// Not asked, for WeChat has been failing, or said that the quota is used up.
    Paused {
        /// What it was that WeChat said or did.
        quota: bool,
        /// Seconds after which it is asked again.
        seconds: u64,
    },
}

/// Codes after which a fresh access token may help.
const TOKEN: [i64; 3] = [40001, 40014, 42001];
/// Codes of a quota that is used up: of the day or of an API's minute, and of the minute.
pub(super) const QUOTA: [i64; 2] = [45009, 45011];

impl Failure {
    /// What it is counted as: a word of the closed set of `metrics::wechat`.
    pub(super) fn outcome(&self) -> &'static str {
        match self {
            Self::Unreachable => "unreachable",
            Self::Slow => "timeout",
            Self::Nonsense => "nonsense",
            Self::Errcode(code) => match code {
                -1 => "busy",
                45009 => "quota",
                45011 => "rate_limited",
                40029 | 40163 | 41008 | 42003 => "invalid_code",
                40226 => "blocked",
                40001 | 40014 | 41001 | 42001 => "invalid_token",
                40013 | 40125 | 40164 | 40243 | 41002 | 41004 | 41030 | 48001 | 50002 | 85096
                | 89503 => "misconfigured",
                _ => "other",
            },
            Self::NoSuchCall | Self::Paused { .. } => "other",
        }
    }

    /// Whether a fresh access token may help.
    pub(super) fn is_of_the_token(&self) -> bool {
        matches!(self, Self::Errcode(code) if TOKEN.contains(code))
    }

    /// Whether WeChat itself is in trouble, whoever asks.
    pub(super) fn is_an_outage(&self) -> bool {
        matches!(self, Self::Unreachable | Self::Slow | Self::Nonsense | Self::Errcode(-1))
    }

    /// Whether WeChat understood and will say the same tomorrow: neither an outage, nor a quota, nor
    /// a setting of the account that keeps it from answering anything.
    pub(super) fn is_a_no(&self) -> bool {
        match self {
            Self::Errcode(code) => !matches!(
                code,
                -1 | 40001
                    | 40013
                    | 40014
                    | 40125
                    | 40164
                    | 40243
                    | 41001
                    | 42001
                    | 45009
                    | 45011
                    | 89503
            ),
            Self::NoSuchCall => true,
            _ => false,
        }
    }

    /// Whether the very same call may succeed in a moment.
    pub(super) fn passes_at_once(&self) -> bool {
        matches!(self, Self::Errcode(-1))
    }
}

impl From<Failure> for PortError {
    fn from(failure: Failure) -> Self {
        let refused = |code, why: &str| Self::new(Fault::Refused, code, why);
        let misconfigured = |why: &str| {
            Self::new(
                Fault::Bad,
                "wechat_misconfigured",
                format!("WeChat refuses this server: {why}"),
            )
        };
        let busy = |code, why: &str| Self::new(Fault::Unavailable, code, why);
        match failure {
            Failure::Unreachable => busy("wechat_unavailable", "WeChat cannot be reached"),
            Failure::Slow => {
                Self::new(Fault::Slow, "wechat_timeout", "WeChat does not answer in time")
            }
            Failure::Nonsense | Failure::NoSuchCall => {
                Self::new(Fault::Bad, "wechat_failed", "WeChat's answer cannot be understood")
            }
            Failure::Paused { quota: true, seconds } => {
                busy("wechat_quota", "WeChat's quota is used up for now").after(seconds)
            }
            Failure::Paused { quota: false, seconds } => {
                busy("wechat_unavailable", "WeChat has been failing, and is given a rest")
                    .after(seconds)
            }
            Failure::Errcode(code) => match code {
                -1 => busy("wechat_busy", "WeChat says that it is busy"),
                45009 | 45011 => {
                    busy("wechat_quota", "WeChat's quota is used up for now").after(60)
                }
                40029 | 41008 | 42003 => {
                    refused("invalid_login_code", "WeChat does not know this login code")
                }
                40163 => refused("invalid_login_code", "this login code has been used"),
                40226 => refused("login_code_blocked", "WeChat blocks this person for now"),
                40001 | 40014 | 42001 | 41001 => misconfigured("it takes no access token of ours"),
                40013 | 41002 => misconfigured("the app id is wrong"),
                40125 | 41004 => misconfigured("the app secret is wrong"),
                40164 | 89503 => {
                    misconfigured("this server's address is not on the account's list")
                }
                40243 => misconfigured("the app secret is frozen"),
                48001 | 50002 => misconfigured("the account has no right to this call"),
                41030 | 85096 => misconfigured("the mini program has no such published page"),
                other => Self::new(
                    Fault::Bad,
                    "wechat_failed",
                    format!("WeChat refuses the call with errcode {other}"),
                ),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_failure_has_a_problem_of_the_closed_set() {
        let known = [
            "invalid_login_code",
            "login_code_blocked",
            "wechat_unavailable",
            "wechat_timeout",
            "wechat_failed",
            "wechat_busy",
            "wechat_quota",
            "wechat_misconfigured",
        ];
        let paused = |quota| Failure::Paused { quota, seconds: 7 };
        let others =
            [Failure::Unreachable, Failure::Slow, Failure::Nonsense, paused(true), paused(false)];
        for failure in (-1..100_000).map(Failure::Errcode).chain(others) {
            let error = PortError::from(failure.clone());
            assert!(known.contains(&error.code), "{failure:?}: {error:?}");
        }
    }

    #[test]
    fn a_login_code_is_the_phones_fault_and_all_else_is_not() {
        for (code, of_the_phone) in
            [(40029, true), (40163, true), (40226, true), (-1, false), (40125, false), (1, false)]
        {
            let error = PortError::from(Failure::Errcode(code));
            assert_eq!(error.fault == Fault::Refused, of_the_phone, "{code}");
        }
        assert_eq!(
            PortError::from(Failure::Paused { quota: true, seconds: 7 }).retry_after,
            Some(7)
        );
    }
}
