//! Hook: a service of the integrator's decides who is registered, and whether they may.
//!
//! Belongs here: what it is asked ([`question`]), how the call is signed ([`signature`]) and made
//! ([`call`]), and what an answer may be ([`answer`]). The rules of a login stay in the core: an
//! answer is what any directory could have said.

mod answer;
mod call;
mod question;
mod signature;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::time::Instant;
use tracing::Instrument as _;
use tracing::field::Empty;

use self::answer::Answer;
use self::call::{Failure, Line};
use self::question::Question;
use self::signature::Key;
use crate::clock::Clock;
use crate::entropy::Entropy;
use crate::login::ports::{
    Act, Cause, Directory, Fault, Identity, PortError, REFUSED, Registration, User,
};
use crate::metrics::Metrics;

/// Which service is asked, and how.
#[derive(Clone)]
pub struct HookSettings {
    /// Where it is.
    pub url: String,
    /// What calls are signed with.
    pub secret: String,
    /// How long a phone waits for it, a second try included.
    pub timeout: Duration,
}

/// Why there is no hook.
#[derive(Debug, thiserror::Error)]
pub enum HookError {
    /// The secret is none.
    #[error("what follows `whsec_` in the secret is no base64, or nothing")]
    Secret,
    /// Calls cannot be made from this machine.
    #[error("the client: {0}")]
    Client(#[from] reqwest::Error),
}

/// A service that decides.
pub struct Hook {
    line: Line,
    metrics: Arc<Metrics>,
    short: bool,
}

impl Hook {
    /// A service that is called from now on.
    ///
    /// # Errors
    /// [`HookError`]
    pub fn new(
        settings: HookSettings,
        clock: Clock,
        entropy: Entropy,
        metrics: Arc<Metrics>,
    ) -> Result<Self, HookError> {
        let HookSettings { url, secret, timeout } = settings;
        let key = Key::of(&secret).ok_or(HookError::Secret)?;
        let short = key.is_short();
        Ok(Self { line: Line::new(url, key, timeout, clock, entropy)?, metrics, short })
    }

    /// Whether its secret is shorter than one should be.
    #[must_use]
    pub fn has_a_short_secret(&self) -> bool {
        self.short
    }

    /// Asks, and counts what came of it.
    async fn ask(
        &self,
        identity: &Identity,
        cause: &Cause<'_>,
        name: Option<&str>,
    ) -> Result<Option<User>, PortError> {
        let act = name_of(cause.act);
        let question = Question::new(act, identity, cause, name);
        let began = Instant::now();
        let answer = self.line.ask(act, question.json(), |bytes| {
            answer::read(bytes, identity).map_err(Failure::Nonsense)
        });
        let span = tracing::info_span!("hook", act, outcome = Empty);
        let answer = answer.instrument(span.clone()).await;
        let outcome = outcome(&answer);
        span.record("outcome", outcome);
        self.metrics.hook(act, outcome, began.elapsed());
        match answer? {
            Answer::Registered(user) => Ok(Some(user)),
            Answer::Unregistered => Ok(None),
            Answer::Refused(reason) => Err(PortError::new(Fault::Forged, REFUSED, reason)),
        }
    }
}

#[async_trait]
impl Directory for Hook {
    async fn find(
        &self,
        identity: &Identity,
        cause: &Cause<'_>,
    ) -> Result<Option<User>, PortError> {
        self.ask(identity, cause, None).await
    }

    async fn register(
        &self,
        identity: &Identity,
        cause: &Cause<'_>,
        says: &Registration,
    ) -> Result<User, PortError> {
        let not_taken =
            || PortError::new(Fault::Forged, "unregistered", "this person was not registered");
        self.ask(identity, cause, Some(&says.name)).await?.ok_or_else(not_taken)
    }
}

/// What somebody is about to do, as the service and the metrics are told.
fn name_of(act: Act) -> &'static str {
    match act {
        Act::Scan => "scan",
        Act::Confirm => "confirm",
        Act::Register => "register",
    }
}

/// What came of a question, as the metrics are told.
fn outcome(answer: &Result<Answer, Failure>) -> &'static str {
    match answer {
        Ok(Answer::Registered(_)) => "registered",
        Ok(Answer::Unregistered) => "unregistered",
        Ok(Answer::Refused(_)) => "refused",
        Err(Failure::Unreachable | Failure::Busy { .. }) => "unavailable",
        Err(Failure::Slow) => "timeout",
        Err(Failure::Nonsense(_)) => "failed",
    }
}
