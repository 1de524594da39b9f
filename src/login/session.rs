//! The session: what is known of one attempt to log in, in each of its states.

use std::fmt;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use uuid::{Builder, Uuid};

use super::ports::{Act, Cause, Identity, Numbered, User};
use super::scene::Scene;
use super::secret::Digest;
use super::visitor::Opener;
use crate::clock::Timestamp;
use crate::entropy::Entropy;
use crate::stream::event::EventType;

/// How many of a phone's tokens are good at once: a retried scan gets a new one, and the answer
/// that was thought lost may still arrive.
pub(super) const PHONE_TOKENS: usize = 4;

/// A session's id: a random UUID.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub struct SessionId(pub u128);

impl SessionId {
    /// A fresh id: a version 4 UUID (RFC 9562, section 5.4).
    #[must_use]
    pub fn random(entropy: &Entropy) -> Self {
        Self(Builder::from_random_bytes(entropy.bytes()).into_uuid().as_u128())
    }

    /// A fresh id in the place of a scene, where a store finds both: it begins with the scene's
    /// first four bits, and the others are random.
    #[must_use]
    pub fn beside(scene: &Scene, entropy: &Entropy) -> Self {
        let Self(id) = Self::random(entropy);
        Self(id << 4 >> 4 | u128::from(scene.place()) << 124)
    }

    /// The id of a text, if it is a UUID with hyphens.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let id = Uuid::try_parse(text).ok()?;
        (text.len() == 36).then_some(Self(id.as_u128()))
    }
}

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Uuid::from_u128(self.0).fmt(f)
    }
}

/// The browser that asks to be logged in, as the phone is shown it. The user agent is the
/// browser's own claim.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct Asker {
    /// Its address, by the trusted proxies' word where there are any.
    pub ip: IpAddr,
    /// Its `User-Agent`, cut to 256 bytes.
    pub user_agent: Box<str>,
}

/// The phone that scanned first, and whom it stands for.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Phone {
    /// Who scanned.
    pub identity: Identity,
    /// When they scanned first.
    pub scanned_at: Timestamp,
    pub(super) tokens: Vec<Digest>,
}

impl Phone {
    /// A phone that was just given its token.
    #[must_use]
    pub fn new(identity: Identity, token: Digest, scanned_at: Timestamp) -> Self {
        Self { identity, scanned_at, tokens: vec![token] }
    }

    /// Whether the token is one of this phone's.
    #[must_use]
    pub fn holds(&self, token: &Digest) -> bool {
        // No early way out: the time must not tell which one matched.
        self.tokens.iter().fold(false, |found, kept| kept.is(token) | found)
    }
}

/// What state a session is in, with what is true only then.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum State {
    /// Open; nobody has scanned.
    Pending,
    /// A phone has scanned and is asked to confirm.
    Scanned(Phone),
    /// The phone confirmed, and the directory does not know it.
    Unregistered(Phone),
    /// The phone confirmed.
    Confirmed {
        /// Who confirmed.
        phone: Phone,
        /// The user they are.
        user: User,
        /// When.
        at: Timestamp,
        /// Whether the ticket has been exchanged for a token.
        redeemed: bool,
    },
    /// The phone or a service refused, or guessed the wrong number.
    Rejected(Option<Phone>),
    /// The time ran out.
    Expired(Option<Phone>),
    /// The browser withdrew.
    Cancelled(Option<Phone>),
}

/// One attempt to log in.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Session {
    /// Its id, in the browser's calls. Not in its record: that is kept under it.
    #[serde(skip)]
    pub id: SessionId,
    /// What its code carries.
    pub scene: Scene,
    /// Its code, if that was made ahead.
    pub pooled: Option<Numbered>,
    /// The configuration it was opened under.
    pub namespace: Box<str>,
    /// Whether both ends go on exchanging messages after the confirmation.
    pub messages: bool,
    /// The two digits that the browser shows and the person types, if asked for.
    pub match_number: Option<u8>,
    /// Who opened it.
    pub asker: Asker,
    /// When it was opened.
    pub opened_at: Timestamp,
    /// When it ends by itself.
    pub expires_at: Timestamp,
    /// Where it stands.
    pub state: State,
    /// The origin of the page that opened it, if it named one.
    pub(super) opener: Option<Opener>,
    pub(super) secret: Digest,
    pub(super) ticket: Digest,
    pub(super) messages_sent: u32,
    pub(super) message_bytes: u32,
}

impl Session {
    /// The state as a word of the contract.
    #[must_use]
    pub fn state_name(&self) -> EventType {
        match self.state {
            State::Pending => EventType::Pending,
            State::Scanned(_) => EventType::Scanned,
            State::Unregistered(_) => EventType::Unregistered,
            State::Confirmed { .. } => EventType::Confirmed,
            State::Rejected(_) => EventType::Rejected,
            State::Expired(_) => EventType::Expired,
            State::Cancelled(_) => EventType::Cancelled,
        }
    }

    /// True once no event will follow.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        match self.state {
            State::Pending | State::Scanned(_) | State::Unregistered(_) => false,
            State::Confirmed { .. } => !self.messages,
            State::Rejected(_) | State::Expired(_) | State::Cancelled(_) => true,
        }
    }

    /// True if its time is over and it has not been ended yet.
    #[must_use]
    pub fn is_due(&self, now: Timestamp) -> bool {
        !self.has_ended() && now >= self.expires_at
    }

    /// The phone that scanned, in every state that has one.
    #[must_use]
    pub fn phone(&self) -> Option<&Phone> {
        match &self.state {
            State::Pending => None,
            State::Scanned(phone) | State::Unregistered(phone) | State::Confirmed { phone, .. } => {
                Some(phone)
            }
            State::Rejected(phone) | State::Expired(phone) | State::Cancelled(phone) => {
                phone.as_ref()
            }
        }
    }

    /// What a directory is told when it is asked about this login.
    #[must_use]
    pub fn cause(&self, act: Act) -> Cause<'_> {
        Cause {
            act,
            session: self.id,
            namespace: &self.namespace,
            browser: self.asker.ip,
            user_agent: &self.asker.user_agent,
            opened_at: self.opened_at,
            phone: None,
        }
    }

    /// Whether the secret is this session's.
    #[must_use]
    pub fn knows_browser(&self, secret: &Digest) -> bool {
        self.secret.is(secret)
    }
}
