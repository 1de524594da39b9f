//! The access token of one account: one for all callers, renewed ahead of time by one of them.
//!
//! It comes from `stable_token`, which answers the same token to every instance of a fleet and
//! leaves the one of `/cgi-bin/token` alone (official documentation, getStableAccessToken).

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use serde::Deserialize;
use serde_json::json;

use super::account::{Account, AppSecret};
use super::api::Call;
use super::failure::Failure;
use crate::clock::{Clock, Timestamp};

/// In its last five minutes a call answers a new token, and both are good.
const OVERLAP: Duration = Duration::from_secs(300);
/// A new token is asked for at most so often, whatever its life.
const LEAST: Duration = Duration::from_secs(10);
/// WeChat refreshes by force once in this time, and twenty times a day.
const FORCE: Duration = Duration::from_secs(30);
/// How long a failure is everybody's answer: callers that waited for it do not each ask again.
const FAILED: Duration = Duration::from_secs(1);

#[derive(Clone, Debug)]
struct Token {
    value: Arc<str>,
    renew_at: Timestamp,
    expires_at: Timestamp,
}

#[derive(Debug, Default)]
struct Known {
    token: Option<Token>,
    failed: Option<(Timestamp, Failure)>,
    forced: Option<Timestamp>,
}

/// The account's access token.
#[derive(Debug)]
pub(super) struct AccessToken {
    app_id: String,
    secret: AppSecret,
    clock: Clock,
    known: Mutex<Known>,
    /// Held by whoever is asking WeChat for a token.
    flight: tokio::sync::Mutex<()>,
}

#[derive(Deserialize)]
struct Answer {
    access_token: Arc<str>,
    expires_in: u64,
}

impl AccessToken {
    pub(super) fn new(app_id: String, secret: AppSecret, clock: Clock) -> Self {
        Self {
            app_id,
            secret,
            clock,
            known: Mutex::default(),
            flight: tokio::sync::Mutex::default(),
        }
    }

    /// A token that is good as far as anybody knows.
    pub(super) async fn get(&self, account: &Account) -> Result<Arc<str>, Failure> {
        if let Some((value, fresh)) = self.held() {
            if !fresh {
                account.renew_token();
            }
            return Ok(value);
        }
        let _flight = self.flight.lock().await;
        if let Some((value, _)) = self.held() {
            return Ok(value);
        }
        self.ask_again(account, false).await
    }

    /// Renews a token that is still good, unless somebody else does.
    pub(super) async fn renew(&self, account: &Account) {
        let Ok(_flight) = self.flight.try_lock() else { return };
        if self.held().is_none_or(|(_, fresh)| !fresh) {
            // Should it fail, the old one is good for some time, and whoever comes next tries.
            let _ = self.ask_again(account, false).await;
        }
    }

    /// Another token than one that WeChat did not take. Callers that bring the same one share the
    /// new one.
    pub(super) async fn instead_of(
        &self,
        account: &Account,
        bad: &str,
    ) -> Result<Arc<str>, Failure> {
        let _flight = self.flight.lock().await;
        let changed = |value: &Arc<str>| **value != *bad;
        if let Some(value) = self.held().map(|(value, _)| value).filter(changed) {
            return Ok(value);
        }
        let value = self.ask_again(account, false).await?;
        if changed(&value) {
            return Ok(value);
        }
        // The same again, although it is not taken: then by force, as rarely as WeChat allows it.
        let now = self.clock.now();
        if self.known.lock().forced.is_some_and(|at| now < at.plus(FORCE)) {
            let failure = Failure::Errcode(40001);
            self.known.lock().failed = Some((now, failure.clone()));
            return Err(failure);
        }
        self.known.lock().forced = Some(now);
        self.ask_again(account, true).await
    }

    /// The token that is held, and whether it is too early to renew it.
    fn held(&self) -> Option<(Arc<str>, bool)> {
        let now = self.clock.now();
        let known = self.known.lock();
        let token = known.token.as_ref().filter(|token| now < token.expires_at)?;
        Some((Arc::clone(&token.value), now < token.renew_at))
    }

    /// Asks WeChat, unless that has failed just now.
    async fn ask_again(&self, account: &Account, force: bool) -> Result<Arc<str>, Failure> {
        let now = self.clock.now();
        if let Some((at, failure)) = &self.known.lock().failed
            && now < at.plus(FAILED)
        {
            return Err(failure.clone());
        }
        self.fetch(account, force).await
    }

    async fn fetch(&self, account: &Account, force: bool) -> Result<Arc<str>, Failure> {
        let body = json!({
            "grant_type": "client_credential",
            "appid": self.app_id,
            "secret": self.secret.0,
            "force_refresh": force,
        });
        let answer = account.call(Call::StableToken, &[], Some(&body)).await;
        let answer = answer.and_then(|reply| reply.json::<Answer>());
        let now = self.clock.now();
        let mut known = self.known.lock();
        match answer {
            Ok(Answer { access_token, expires_in }) => {
                let life = Duration::from_secs(expires_in);
                known.failed = None;
                account.meter.has_token(now.plus(life));
                known.token = Some(Token {
                    value: Arc::clone(&access_token),
                    renew_at: now.plus(life.saturating_sub(OVERLAP).max(LEAST)),
                    expires_at: now.plus(life),
                });
                Ok(access_token)
            }
            Err(failure) => {
                known.failed = Some((now, failure.clone()));
                Err(failure)
            }
        }
    }
}
