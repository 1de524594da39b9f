//! The service: loads a session, lets the machine decide, commits, and tells. Every change of
//! every session goes through [`Login::run`].

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use super::limits::{Limits, TooMany};
use super::machine::{self, Command, Refusal, Step};
use super::namespace::Namespace;
use super::ports::{Fault, PortError, User};
use super::session::{Session, SessionId, State};
use super::tokens::Tokens;
use crate::clock::Timestamp;
use crate::entropy::Entropy;
use crate::metrics::Metrics;
use crate::origin::Origin;
use crate::store::{Change, Commit, Item, StoreError};
use crate::stream::Topics;
use crate::stream::event::EventType;
use crate::trace::SessionSpan;

/// How long an ended session can still be read: a browser that lost its line must be able to come
/// back and see how it ended.
pub const RETENTION: Duration = Duration::from_secs(120);
/// How often a change is tried against others; so many losses in a row mean that something is off.
const ATTEMPTS: usize = 64;
/// The first byte of every record, so that another version's records are told from ours.
const RECORD_FORMAT: u8 = 7;

/// Why a call was not served.
#[derive(Clone, Debug, thiserror::Error)]
pub enum LoginError {
    /// There is no such session, scene or namespace, or it has been forgotten.
    #[error("there is no such {0}")]
    NotFound(&'static str),
    /// The secret, phone token or API key is missing or wrong.
    #[error("{0}")]
    Unauthorized(&'static str),
    /// The page is of an origin that may not do this.
    #[error("pages of this origin may not do this; see the setting `origins` of the namespace")]
    OriginNotAllowed,
    /// The session's rules say no.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The namespace refuses codes that reached the phone as a picture.
    #[error("this code reached the phone as a picture; scan it from the screen it is shown on")]
    Relayed,
    /// The namespace does not let people sign up.
    #[error("signing up is not possible here")]
    SignUpClosed,
    /// What is asked for cannot be had of this provider.
    #[error("{1}")]
    Absent(&'static str, String),
    /// Who asks is not who would have to.
    #[error("{1}")]
    Forbidden(&'static str, String),
    /// What was given cannot be used.
    #[error("{1}")]
    Invalid(&'static str, String),
    /// Too much was asked for.
    #[error("too many requests; try again later")]
    TooMany(TooMany),
    /// A provider or directory could not do its part; the session is as it was.
    #[error(transparent)]
    Port(PortError),
    /// The store does not answer, or too many others are changing the same session.
    #[error("the session store is not available")]
    Store,
    /// A token could not be signed.
    #[error("the token could not be signed")]
    Signing,
}

impl From<StoreError> for LoginError {
    fn from(error: StoreError) -> Self {
        tracing::warn!(%error, "store.failed");
        Self::Store
    }
}

impl From<TooMany> for LoginError {
    fn from(too_many: TooMany) -> Self {
        Self::TooMany(too_many)
    }
}

impl From<PortError> for LoginError {
    fn from(error: PortError) -> Self {
        match error.fault {
            Fault::Refused => Self::Invalid(error.code, error.why),
            Fault::Absent => Self::Absent(error.code, error.why),
            Fault::Forged => Self::Forbidden(error.code, error.why),
            _ => Self::Port(error),
        }
    }
}

/// A token as it is handed out.
#[derive(Clone, Debug)]
pub struct Token {
    /// The signed JWT.
    pub access_token: String,
    /// Seconds until it expires.
    pub expires_in: u64,
    /// Whom it is for.
    pub user: User,
}

/// The login core.
pub struct Login {
    /// The sessions' records, logs and waiters.
    pub(super) topics: Arc<Topics>,
    pub(super) namespaces: HashMap<String, Arc<Namespace>>,
    pub(super) limits: Limits,
    pub(super) entropy: Entropy,
    pub(super) tokens: Tokens,
    pub(super) metrics: Arc<Metrics>,
}

/// A session as it stands.
#[derive(Clone, Debug)]
pub struct Current {
    /// The session.
    pub session: Session,
    /// The number of its last event.
    pub cursor: u64,
    version: u32,
}

impl Login {
    /// A core over these parts.
    #[must_use]
    pub fn new(
        topics: Arc<Topics>,
        namespaces: HashMap<String, Arc<Namespace>>,
        limits: Limits,
        entropy: Entropy,
        tokens: Tokens,
        metrics: Arc<Metrics>,
    ) -> Self {
        Self { topics, namespaces, limits, entropy, tokens, metrics }
    }

    /// The core's source of randomness.
    #[must_use]
    pub fn entropy(&self) -> &Entropy {
        &self.entropy
    }

    /// Whether logins can go on: the store answers, and tells of changes.
    ///
    /// # Errors
    /// It does not.
    pub async fn ready(&self) -> Result<(), LoginError> {
        Ok(self.topics.store.ready().await?)
    }

    /// Whether this instance would be told of a change at another.
    #[must_use]
    pub fn is_told(&self) -> bool {
        self.topics.store.tells()
    }

    /// How many bells of the store were missed, and found by looking.
    #[must_use]
    pub fn missed_bells(&self) -> u64 {
        self.topics.hub.missed()
    }

    /// How many logins that have not ended are in each state.
    ///
    /// # Errors
    /// The store does not answer.
    pub async fn census(&self) -> Result<Vec<(EventType, u64)>, LoginError> {
        let counts = self.topics.store.census().await?;
        let states = EventType::ALL.into_iter().filter(|kind| kind.is_state());
        Ok(states.map(|state| (state, counts[usize::from(state as u8)])).collect())
    }

    /// What time it is to the core.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.topics.clock.now()
    }

    /// The namespace of that name.
    ///
    /// # Errors
    /// [`LoginError::NotFound`]
    pub fn namespace(&self, name: &str) -> Result<&Arc<Namespace>, LoginError> {
        self.namespaces.get(name).ok_or(LoginError::NotFound("namespace"))
    }

    /// Every origin that is in the list of some namespace.
    pub fn listed_origins(&self) -> impl Iterator<Item = &Origin> {
        self.namespaces.values().flat_map(|namespace| &namespace.origins)
    }

    /// The session as it stands, expired if its time is over.
    pub(super) async fn current(&self, id: SessionId) -> Result<Current, LoginError> {
        for _ in 0..ATTEMPTS {
            let current = self.load(id).await?;
            if !current.session.is_due(self.now()) {
                return Ok(current);
            }
            self.expire(&current).await?;
        }
        Err(LoginError::Store)
    }

    /// Changes a session: `decide` says what is wanted of the session as it stands, and is asked
    /// again whenever somebody else's change came first. Exactly one of two racing changes wins.
    pub(super) async fn run(
        &self,
        id: SessionId,
        decide: impl Fn(&Session) -> Result<Command, LoginError>,
    ) -> Result<Current, LoginError> {
        let current = self.current(id).await?;
        self.run_from(current, decide).await
    }

    /// As [`Self::run`], from a session that was read before: if it has changed since, it is read
    /// again.
    pub(super) async fn run_from(
        &self,
        mut current: Current,
        decide: impl Fn(&Session) -> Result<Command, LoginError>,
    ) -> Result<Current, LoginError> {
        let id = current.session.id;
        for attempt in 0..ATTEMPTS {
            if attempt > 0 || current.session.is_due(self.now()) {
                current = self.current(id).await?;
            }
            let now = self.now();
            let step = machine::apply(&current.session, decide(&current.session)?, now)?;
            let refused = step.refused;
            match self.commit(&current, step, now).await? {
                None => {}
                Some(after) => return refused.map_or(Ok(after), |refusal| Err(refusal.into())),
            }
        }
        Err(LoginError::Store)
    }

    /// Ends a session whose time is over. Quietly does nothing if somebody else did.
    pub(super) async fn expire(&self, current: &Current) -> Result<(), LoginError> {
        let now = self.now();
        if let Ok(step) = machine::apply(&current.session, Command::Expire, now) {
            self.commit(current, step, now).await?;
        }
        Ok(())
    }

    pub(super) async fn load(&self, id: SessionId) -> Result<Current, LoginError> {
        let record = self.topics.store.load(id.0, self.now()).await?;
        let record = record.ok_or(LoginError::NotFound("session"))?;
        let session = decode(id, &record.bytes)?;
        Ok(Current { session, cursor: record.last, version: record.version })
    }

    /// Commits a step; none if somebody else's came first.
    async fn commit(
        &self,
        before: &Current,
        step: Step,
        now: Timestamp,
    ) -> Result<Option<Current>, LoginError> {
        let Step { session, events, .. } = step;
        let told: Vec<EventType> = events.iter().map(|item| EventType::of(item.tag)).collect();
        let change = change(&session, events, now)?;
        match self.topics.store.commit(session.id.0, before.version, change).await? {
            Commit::Conflict => Ok(None),
            Commit::Gone => Err(LoginError::NotFound("session")),
            Commit::Made(cursor) => {
                self.let_rest(&before.session, &session);
                self.count(&before.session, &session, &told, now);
                if !told.is_empty() {
                    // Who waits hears of it before the caller gets its answer.
                    tokio::task::yield_now().await;
                }
                Ok(Some(Current { session, cursor, version: before.version.wrapping_add(1) }))
            }
        }
    }
}

impl Login {
    /// Counts what has become of a session.
    fn count(&self, before: &Session, after: &Session, told: &[EventType], now: Timestamp) {
        let (metrics, namespace) = (&self.metrics.logins, &*after.namespace);
        for kind in told {
            metrics.transition(namespace, kind.name());
        }
        let age = now.since(after.opened_at);
        let (from, to) = (before.state_name(), after.state_name());
        match (&before.state, &after.state) {
            (State::Pending, State::Scanned(_)) => metrics.scanned(namespace, age),
            (State::Confirmed { .. }, State::Confirmed { .. }) => {}
            (_, State::Confirmed { phone, .. }) => {
                metrics.confirmed(namespace, age, now.since(phone.scanned_at));
            }
            _ if from != to => metrics.ended(namespace, from.name(), to.name()),
            _ => {}
        }
        if after.has_ended() && !before.has_ended() {
            tell_of_the_end(after, now);
        }
    }

    /// Lets the code of a session rest that has ended just now.
    fn let_rest(&self, before: &Session, after: &Session) {
        if let Some(code) = after.pooled.as_ref().filter(|_| after.has_ended())
            && !before.has_ended()
            && let Some(namespace) = self.namespaces.get(&*after.namespace)
        {
            namespace.numbering.ended(code);
        }
    }
}

/// One line of the log, and a span, for all that there was of a session.
fn tell_of_the_end(session: &Session, now: Timestamp) {
    let (state, seconds) = (session.state_name().name(), now.since(session.opened_at).as_secs());
    let Session { id, namespace, opened_at, .. } = session;
    tracing::info!(session = %id, %namespace, state, seconds, "session.ended");
    let span = SessionSpan { session: id.0, namespace, state, from: *opened_at, to: now };
    span.end();
}

/// What the store is to keep of a session.
pub(super) fn change(
    session: &Session,
    append: Vec<Item>,
    now: Timestamp,
) -> Result<Change, LoginError> {
    let ended = session.has_ended();
    Ok(Change {
        record: encode(session)?,
        append,
        state: session.state_name() as u8,
        ended,
        deadline: session.expires_at,
        forget_at: if ended { now } else { session.expires_at }.plus(RETENTION),
    })
}

fn encode(session: &Session) -> Result<Vec<u8>, LoginError> {
    postcard::to_extend(session, vec![RECORD_FORMAT]).map_err(|error| {
        tracing::error!(%error, "session.not_encoded");
        LoginError::Store
    })
}

fn decode(id: SessionId, bytes: &[u8]) -> Result<Session, LoginError> {
    let record = bytes.strip_prefix(&[RECORD_FORMAT]).unwrap_or_default();
    let session: Session = postcard::from_bytes(record).map_err(|error| {
        tracing::error!(%error, "session.not_decoded");
        LoginError::Store
    })?;
    Ok(Session { id, ..session })
}
