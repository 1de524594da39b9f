//! One account at WeChat: makes calls with its token, tries again what may be tried again, and
//! leaves WeChat alone when that is better.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Weak};
use std::time::Duration;

use parking_lot::Mutex;
use serde_json::Value;
use tokio::sync::{Notify, Semaphore};
use tokio::time::{Instant, sleep, timeout};
use tracing::Instrument as _;
use tracing::field::Empty;

use super::api::{Api, Call, Reply};
use super::failure::Failure;
use super::gate::{Gate, Turn};
use super::meter::Meter;
use super::token::AccessToken;
use crate::clock::Clock;
use crate::entropy::Entropy;
use crate::login::ports::Identity;

/// How often WeChat is asked again when it says that it is busy.
const RETRIES: u32 = 2;
/// The first pause before that, half of it by chance; it doubles.
const PAUSE_MS: u32 = 200;
/// Calls of one API under way at a time: a burst of sessions is no burst of connections.
const AT_ONCE: usize = 64;
/// How long a call waits for others to end. Whoever waits for a picture waits no longer than that.
const QUEUE: Duration = Duration::from_secs(20);

/// An account's secret. Never printed.
#[derive(Clone)]
pub struct AppSecret(pub String);

impl fmt::Debug for AppSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AppSecret")
    }
}

/// Who the account is.
#[derive(Clone, Debug)]
pub struct Credentials {
    /// Its id at WeChat.
    pub app_id: String,
    /// Its secret.
    pub app_secret: AppSecret,
    /// Where WeChat's interface is.
    pub api_url: String,
}

/// The way to one of WeChat's APIs: one that is slow or down holds up no other.
#[derive(Debug)]
struct Way {
    lanes: Semaphore,
    gate: Mutex<Gate>,
    /// Rung when a call has ended.
    ended: Notify,
}

impl Way {
    fn new() -> Arc<Self> {
        let lanes = Semaphore::new(AT_ONCE);
        Arc::new(Self { lanes, gate: Mutex::default(), ended: Notify::new() })
    }

    /// Waits at the gate for as long as it says so.
    async fn admitted(&self, clock: Clock) -> Result<(), Failure> {
        loop {
            let ended = self.ended.notified();
            match self.gate.lock().admit(clock.now())? {
                Turn::Now => return Ok(()),
                Turn::Later => {}
            }
            ended.await;
        }
    }
}

/// An account at WeChat.
#[derive(Debug)]
pub struct Account {
    api: Api,
    pub(super) app_id: String,
    pub(super) app_secret: AppSecret,
    token: AccessToken,
    ways: Mutex<HashMap<Call, Arc<Way>>>,
    clock: Clock,
    entropy: Entropy,
    pub(super) meter: Meter,
    me: Weak<Self>,
}

impl Account {
    /// The account of these credentials.
    ///
    /// # Errors
    /// TLS cannot be had on this machine.
    pub fn new(
        who: Credentials,
        clock: Clock,
        entropy: Entropy,
        meter: Meter,
    ) -> reqwest::Result<Arc<Self>> {
        let Credentials { app_id, app_secret, api_url } = who;
        let api = Api::new(api_url)?;
        Ok(Arc::new_cyclic(|me| Self {
            api,
            token: AccessToken::new(app_id.clone(), app_secret.clone(), clock),
            app_id,
            app_secret,
            ways: Mutex::default(),
            clock,
            entropy,
            meter,
            me: Weak::clone(me),
        }))
    }

    /// Who an openid of this account is, as far as that says it.
    pub(super) fn person(&self, provider: &str, openid: String) -> Identity {
        Identity {
            provider: provider.to_owned(),
            account: Some(self.app_id.clone()),
            subject: openid,
            union: None,
            name: None,
            avatar_url: None,
        }
    }

    /// Makes a call that needs the access token. A token that is not taken is replaced once.
    pub(super) async fn with_token(
        &self,
        call: Call,
        query: &[(&str, &str)],
        body: Option<&Value>,
    ) -> Result<Reply, Failure> {
        let token = self.token.get(self).await?;
        let query = |token| [&[("access_token", token)], query].concat();
        let first = self.call(call, &query(&token), body).await;
        match first {
            Err(failure) if failure.is_of_the_token() => {
                let token = self.token.instead_of(self, &token).await?;
                self.call(call, &query(&token), body).await
            }
            other => other,
        }
    }

    /// Has the access token renewed while others go on with the old one.
    pub(super) fn renew_token(&self) {
        let Some(account) = self.me.upgrade() else { return };
        tokio::spawn(async move { account.token.renew(&account).await });
    }

    /// Makes a call, again where WeChat says that it is busy.
    pub(super) async fn call(
        &self,
        call: Call,
        query: &[(&str, &str)],
        body: Option<&Value>,
    ) -> Result<Reply, Failure> {
        let mut tries = 0;
        loop {
            let asking = self.api.ask(call, query, body);
            let span = tracing::info_span!("wechat", api = call.name(), outcome = Empty);
            let answer = self.through(call, asking).instrument(span.clone()).await;
            span.record("outcome", answer.as_ref().map_or_else(Failure::outcome, |_| "ok"));
            match answer {
                Err(failure) if failure.passes_at_once() && tries < RETRIES => {
                    let pause = PAUSE_MS << tries;
                    let pause = pause / 2 + self.entropy.below(pause);
                    sleep(Duration::from_millis(pause.into())).await;
                    tries += 1;
                }
                other => return other,
            }
        }
    }

    /// Asks behind the call's gate, and lets the gate learn.
    async fn through(
        &self,
        call: Call,
        asking: impl Future<Output = Result<Reply, Failure>>,
    ) -> Result<Reply, Failure> {
        let way = Arc::clone(self.ways.lock().entry(call).or_insert_with(Way::new));
        let my_turn = async {
            // Never closed.
            let lane = way.lanes.acquire().await.map_err(|_| Failure::Unreachable)?;
            way.admitted(self.clock).await.map(|()| lane)
        };
        let turn = timeout(QUEUE, my_turn).await.map_err(|_| Failure::Slow)?;
        let _lane = turn.inspect_err(|_| self.meter.paused(call))?;
        let mut admitted = Admitted { account: self, way: &way, call, learnt: false };
        let asked = Instant::now();
        let answer = asking.await;
        self.meter.called(call, &answer, asked.elapsed(), self.clock.now());
        admitted.learn(answer.as_ref().map(|_| ()));
        answer
    }
}

/// A call under way. Dropped before its end, it leaves the gate as it was.
struct Admitted<'a> {
    account: &'a Account,
    way: &'a Way,
    call: Call,
    learnt: bool,
}

impl Admitted<'_> {
    fn learn(&mut self, outcome: Result<(), &Failure>) {
        let per_person = self.call == Call::JsCode2Session;
        let now = self.account.clock.now();
        self.way.gate.lock().learn(outcome, per_person, now);
        self.learnt = true;
    }
}

impl Drop for Admitted<'_> {
    fn drop(&mut self) {
        if !self.learnt {
            self.way.gate.lock().forget();
        }
        self.way.ended.notify_waiters();
    }
}
