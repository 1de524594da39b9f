//! One question to the service over HTTP: at most two tries under one id, and an end in time. Knows
//! no meaning.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::{Bytes, BytesMut};
use reqwest::header::{CONTENT_TYPE, HeaderMap, RETRY_AFTER};
use reqwest::{Client, Response, StatusCode};
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep, timeout_at};

use super::signature::Key;
use crate::clock::Clock;
use crate::entropy::Entropy;
use crate::login::ports::{Fault, PortError};
use crate::trace;

/// Calls under way at a time: a burst of scans is no burst of connections.
const AT_ONCE: usize = 64;
/// The longest answer.
const LONGEST: usize = 64 << 10;
/// Connections kept for the next call.
const IDLE: Duration = Duration::from_secs(60);
/// The pause before the second try, in milliseconds, and what chance adds to it.
const PAUSE_MS: (u32, u32) = (50, 200);
/// The longest that a phone is told to wait: a session is short.
const LONGEST_WAIT: u64 = 60;

/// Why a question brought no answer.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Failure {
    /// No connection, or it was cut.
    Unreachable,
    /// No answer in time.
    Slow,
    /// The service says that it cannot answer now.
    Busy {
        /// How it says so.
        status: u16,
        /// Seconds until it can, if it says that, too.
        after: Option<u64>,
    },
    /// An answer that is none, and what is wrong with it.
    Nonsense(&'static str),
}

impl Failure {
    /// Whether the same may succeed in a moment. A service that says when is taken at its word.
    fn passes(&self) -> bool {
        match self {
            Self::Unreachable | Self::Slow => true,
            Self::Busy { status, after } => matches!(status, 502..=504) && after.is_none(),
            Self::Nonsense(_) => false,
        }
    }
}

impl From<Failure> for PortError {
    fn from(failure: Failure) -> Self {
        let unavailable = |why| Self::new(Fault::Unavailable, "hook_unavailable", why);
        match failure {
            Failure::Unreachable => unavailable("the service that decides cannot be reached"),
            Failure::Busy { after, .. } => {
                let busy = unavailable("the service that decides is not available");
                after.map_or(busy.clone(), |seconds| busy.after(seconds))
            }
            Failure::Slow => {
                let why = "the service that decides does not answer in time";
                Self::new(Fault::Slow, "hook_timeout", why)
            }
            Failure::Nonsense(_) => {
                let why = "the answer of the service that decides cannot be used";
                Self::new(Fault::Bad, "hook_failed", why)
            }
        }
    }
}

/// The way to a service, over connections that are used again.
pub(super) struct Line {
    http: Client,
    url: String,
    key: Key,
    timeout: Duration,
    lanes: Semaphore,
    clock: Clock,
    entropy: Entropy,
}

impl Line {
    /// The way to an address.
    ///
    /// # Errors
    /// TLS cannot be had on this machine.
    pub(super) fn new(
        url: String,
        key: Key,
        timeout: Duration,
        clock: Clock,
        entropy: Entropy,
    ) -> reqwest::Result<Self> {
        // Another part of the process may have chosen already; all of ours choose the same.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = Client::builder()
            .user_agent(concat!("saoma/", env!("CARGO_PKG_VERSION")))
            .pool_idle_timeout(IDLE)
            // Whoever the service would send us to has not been told to decide.
            .redirect(reqwest::redirect::Policy::none())
            .build()?;
        let lanes = Semaphore::new(AT_ONCE);
        Ok(Self { http, url, key, timeout, lanes, clock, entropy })
    }

    /// Asks, again if that may help; `read` says what an answer means.
    pub(super) async fn ask<T>(
        &self,
        act: &'static str,
        body: String,
        read: impl Fn(&[u8]) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        // The one thing by which the service knows the second try for the same question.
        let id = format!("msg_{}", URL_SAFE_NO_PAD.encode(self.entropy.bytes::<18>()));
        let end = Instant::now() + self.timeout;
        let asked = async {
            // Never closed.
            let _lane = self.lanes.acquire().await.map_err(|_| Failure::Unreachable)?;
            let half = Instant::now() + end.saturating_duration_since(Instant::now()) / 2;
            let first = timeout_at(half, self.send(&id, body.clone())).await;
            let first = first.unwrap_or(Err(Failure::Slow));
            match first {
                Err(failure) if failure.passes() => {
                    tracing::info!(act, id, ?failure, "hook.again");
                    let (least, chance) = PAUSE_MS;
                    let pause = least + self.entropy.below(chance);
                    sleep(Duration::from_millis(pause.into())).await;
                    self.send(&id, body).await
                }
                other => other,
            }
        };
        let answer = timeout_at(end, asked).await.unwrap_or(Err(Failure::Slow));
        let answer = answer.and_then(|bytes| read(&bytes));
        if let Err(failure) = &answer {
            tracing::warn!(act, id, ?failure, "hook.failed");
        }
        answer
    }

    /// One try. The address, the question and the answer are never logged, nor is an error that
    /// names them.
    async fn send(&self, id: &str, body: String) -> Result<Bytes, Failure> {
        let seconds = self.clock.now().unix_seconds();
        let signature = self.key.sign(id, seconds, &body);
        let mut context = HeaderMap::new();
        trace::pass_on(&mut context);
        let request = self
            .http
            .post(&self.url)
            .header(CONTENT_TYPE, "application/json")
            .header("webhook-id", id)
            .header("webhook-timestamp", seconds)
            .header("webhook-signature", signature)
            .headers(context)
            .body(body);
        let response = request.send().await.map_err(|_| Failure::Unreachable)?;
        let status = response.status();
        if status == StatusCode::TOO_MANY_REQUESTS || status.is_server_error() {
            let after = wait(response.headers(), self.clock);
            return Err(Failure::Busy { status: status.as_u16(), after });
        }
        if status != StatusCode::OK {
            return Err(Failure::Nonsense("a status other than 200"));
        }
        if !is_json(response.headers()) {
            return Err(Failure::Nonsense("not application/json"));
        }
        whole(response).await
    }
}

/// What the service says of when to ask again (RFC 9110, section 10.2.3), within bounds.
fn wait(headers: &HeaderMap, clock: Clock) -> Option<u64> {
    let said = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let seconds = said.parse().ok().or_else(|| {
        let at = httpdate::parse_http_date(said).ok()?;
        let at = at.duration_since(std::time::UNIX_EPOCH).ok()?.as_secs();
        Some(at.saturating_sub(clock.now().unix_seconds()))
    })?;
    Some(seconds.clamp(1, LONGEST_WAIT))
}

fn is_json(headers: &HeaderMap) -> bool {
    let named = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let named = named.and_then(|text| text.parse::<mime::Mime>().ok());
    named.is_some_and(|media_type| media_type.essence_str() == "application/json")
}

async fn whole(mut response: Response) -> Result<Bytes, Failure> {
    let mut bytes = BytesMut::new();
    while let Some(chunk) = response.chunk().await.map_err(|_| Failure::Unreachable)? {
        if bytes.len() + chunk.len() > LONGEST {
            return Err(Failure::Nonsense("over 64 KiB"));
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes.freeze())
}
