//! The session machine: every rule of the contract's states, as a function of (session, command,
//! time) with no I/O, no clock and no async. A store runs what it decides atomically.
//!
//! ```text
//!            scan            confirm, known
//! pending ─────────► scanned ──────────────► confirmed ──(messages)──► expired
//!    │                │  ▲  └─ confirm, unknown ─► unregistered
//!    │                │  └──────── register ───────────┘ (confirms again from here, too)
//!    └── cancel, expire, reject (the phone, a service, a wrong number) ──► cancelled · expired · rejected
//! ```
//!
//! To add a state: a variant of `State` with its word in `stream::event`, its arms here, and its
//! lines in the table of the tests below; the contract's page names it to clients.

use std::time::Duration;

use serde_json::value::RawValue;

use super::mask::masked;
use super::ports::{Identity, User};
use super::secret::{Bearer, Digest};
use super::session::{PHONE_TOKENS, Phone, Session, State};
use crate::clock::Timestamp;
use crate::store::Item;
use crate::stream::event::EventType;

/// How many messages a session takes.
pub const MOST_MESSAGES: u32 = 1_000;
/// How many bytes of messages a session takes, all together.
pub const MOST_MESSAGE_BYTES: u32 = 1 << 20;

/// Who says a message.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum From {
    /// The browser that opened the session.
    Browser,
    /// The phone that scanned.
    Phone,
    /// A service with an API key.
    Service,
}

impl From {
    /// Its name on the wire.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Browser => "browser",
            Self::Phone => "phone",
            Self::Service => "service",
        }
    }
}

/// What somebody wants of a session. Who may want it has been settled before.
#[derive(Clone, Debug)]
pub enum Command {
    /// A phone scanned the code.
    Scan {
        /// Who it is, by the provider's word.
        identity: Identity,
        /// The name to show, by the directory's or the provider's word.
        name: Option<String>,
        /// The picture to show.
        avatar_url: Option<String>,
        /// The digest of the token that this phone is given.
        token: Digest,
    },
    /// The phone says yes.
    Confirm {
        /// The number that the person typed.
        number: Option<u8>,
        /// The user that the directory knows them as, if it does.
        user: Option<User>,
        /// How long the two ends may go on talking.
        messages_ttl: Duration,
    },
    /// The phone signed up.
    Register {
        /// The user that they are now.
        user: User,
    },
    /// The phone, or a service, says no.
    Reject {
        /// Why, to be shown to the browser.
        reason: Option<String>,
    },
    /// The browser withdraws.
    Cancel,
    /// The time may be over.
    Expire,
    /// One end says something.
    Message {
        /// Which end.
        from: From,
        /// What: any JSON.
        body: Box<RawValue>,
    },
    /// The ticket is to be exchanged for a token.
    Redeem {
        /// The ticket that was shown.
        ticket: Bearer,
        /// How long after the confirmation it is good.
        ticket_ttl: Duration,
    },
}

/// Why a command was refused.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Refusal {
    /// It cannot be done in this state.
    #[error("this cannot be done while the session is {}", .0.name())]
    WrongState(EventType),
    /// The session's, or the ticket's, time is over.
    #[error("its time has run out")]
    Expired,
    /// Another phone scanned first.
    #[error("another phone has scanned this code")]
    AlreadyScanned,
    /// The directory does not know the phone.
    #[error("this person is not registered")]
    Unregistered,
    /// The number is not the one that the browser shows; the session has ended by that.
    #[error("the number is not the one shown beside the code; the login has been refused")]
    WrongNumber,
    /// The number is asked for and was not given.
    #[error("the number shown beside the code is needed")]
    NumberRequired,
    /// The ticket is not this session's.
    #[error("the ticket is not one of this session")]
    WrongTicket,
    /// The ticket was used before.
    #[error("the ticket has been redeemed")]
    AlreadyRedeemed,
    /// The session has taken as many messages, or bytes of them, as it may.
    #[error("the session has taken all the messages it may")]
    TooManyMessages,
}

/// What a command does.
#[derive(Clone, Debug)]
pub struct Step {
    /// The session after it.
    pub session: Session,
    /// What is told of it, in order; may be nothing.
    pub events: Vec<Item>,
    /// Set if the command was refused and changed the session all the same.
    pub refused: Option<Refusal>,
}

/// Decides what a command does to a session.
///
/// # Errors
/// A [`Refusal`] if it does nothing.
pub fn apply(session: &Session, command: Command, now: Timestamp) -> Result<Step, Refusal> {
    if let Command::Expire = command {
        return if session.is_due(now) {
            let phone = session.phone().cloned();
            Ok(step(session, State::Expired(phone), now, String::new()))
        } else {
            Err(Refusal::WrongState(session.state_name()))
        };
    }
    if session.is_due(now) {
        return Err(Refusal::Expired);
    }
    match command {
        Command::Scan { identity, name, avatar_url, token } => {
            scan(session, identity, &shown(name.as_deref(), avatar_url.as_deref()), token, now)
        }
        Command::Confirm { number, user, messages_ttl } => {
            confirm(session, number, user, messages_ttl, now)
        }
        Command::Register { user } => register(session, &user, now),
        Command::Reject { reason } => match &session.state {
            State::Pending | State::Scanned(_) | State::Unregistered(_) => {
                let phone = session.phone().cloned();
                Ok(step(session, State::Rejected(phone), now, rejected(reason)))
            }
            _ => Err(refused(session)),
        },
        Command::Cancel => match &session.state {
            State::Cancelled(_) => Ok(nothing(session)),
            State::Rejected(_) | State::Expired(_) => Err(refused(session)),
            State::Confirmed { .. } if session.has_ended() => Err(refused(session)),
            _ => {
                let phone = session.phone().cloned();
                Ok(step(session, State::Cancelled(phone), now, String::new()))
            }
        },
        Command::Message { from, body } => message(session, from, &body, now),
        Command::Redeem { ticket, ticket_ttl } => redeem(session, &ticket, ticket_ttl, now),
        Command::Expire => Err(refused(session)),
    }
}

fn scan(
    session: &Session,
    identity: Identity,
    shown: &str,
    token: Digest,
    now: Timestamp,
) -> Result<Step, Refusal> {
    let same = |phone: &Phone| {
        phone.identity.provider == identity.provider && phone.identity.subject == identity.subject
    };
    match &session.state {
        State::Pending => Ok(step(
            session,
            State::Scanned(Phone::new(identity, token, now)),
            now,
            shown.to_owned(),
        )),
        State::Scanned(phone) | State::Unregistered(phone) if same(phone) => {
            // The provider may know more of them by now; what it knew before is as true.
            let union = identity.union.clone().or_else(|| phone.identity.union.clone());
            let mut phone = Phone { identity: Identity { union, ..identity }, ..phone.clone() };
            if phone.tokens.len() == PHONE_TOKENS {
                phone.tokens.remove(0);
            }
            phone.tokens.push(token);
            let mut again = nothing(session);
            again.session.state = match &session.state {
                State::Unregistered(_) => State::Unregistered(phone),
                _ => State::Scanned(phone),
            };
            Ok(again)
        }
        State::Scanned(_) | State::Unregistered(_) => Err(Refusal::AlreadyScanned),
        State::Confirmed { phone, .. } if !same(phone) => Err(Refusal::AlreadyScanned),
        _ => Err(refused(session)),
    }
}

fn confirm(
    session: &Session,
    number: Option<u8>,
    user: Option<User>,
    messages_ttl: Duration,
    now: Timestamp,
) -> Result<Step, Refusal> {
    let (State::Scanned(phone) | State::Unregistered(phone)) = &session.state else {
        return Err(refused(session));
    };
    match (session.match_number, number) {
        (Some(_), None) => return Err(Refusal::NumberRequired),
        (Some(shown), Some(typed)) if shown != typed => {
            let data = rejected(Some("wrong_number".to_owned()));
            let mut ended = step(session, State::Rejected(Some(phone.clone())), now, data);
            ended.refused = Some(Refusal::WrongNumber);
            return Ok(ended);
        }
        _ => {}
    }
    let Some(user) = user else {
        if matches!(session.state, State::Unregistered(_)) {
            return Err(Refusal::Unregistered);
        }
        let mut unknown = step(session, State::Unregistered(phone.clone()), now, String::new());
        unknown.refused = Some(Refusal::Unregistered);
        return Ok(unknown);
    };
    let state = State::Confirmed { phone: phone.clone(), user, at: now, redeemed: false };
    let mut done = step(session, state, now, String::new());
    if session.messages {
        done.session.expires_at = session.expires_at.max(now.plus(messages_ttl));
    }
    Ok(done)
}

fn register(session: &Session, user: &User, now: Timestamp) -> Result<Step, Refusal> {
    let data = shown(Some(&user.name), user.avatar_url.as_deref());
    match &session.state {
        State::Unregistered(phone) => Ok(step(session, State::Scanned(phone.clone()), now, data)),
        // Signing up before being asked to changes nothing that the browser could see.
        State::Scanned(_) => Ok(nothing(session)),
        _ => Err(refused(session)),
    }
}

fn message(
    session: &Session,
    from: From,
    body: &RawValue,
    now: Timestamp,
) -> Result<Step, Refusal> {
    if session.has_ended() {
        return Err(refused(session));
    }
    let data = format!(r#"{{"from":"{}","body":{}}}"#, from.name(), body.get());
    let bytes = u32::try_from(data.len()).unwrap_or(u32::MAX).saturating_add(session.message_bytes);
    if session.messages_sent >= MOST_MESSAGES || bytes > MOST_MESSAGE_BYTES {
        return Err(Refusal::TooManyMessages);
    }
    let mut said = nothing(session);
    said.session.messages_sent += 1;
    said.session.message_bytes = bytes;
    said.events.push(item(EventType::Message, now, data));
    Ok(said)
}

fn redeem(
    session: &Session,
    ticket: &Bearer,
    ticket_ttl: Duration,
    now: Timestamp,
) -> Result<Step, Refusal> {
    let State::Confirmed { phone, user, at, redeemed } = &session.state else {
        return Err(refused(session));
    };
    if !session.ticket.is(&ticket.digest()) {
        return Err(Refusal::WrongTicket);
    }
    if *redeemed {
        return Err(Refusal::AlreadyRedeemed);
    }
    if now.since(*at) > ticket_ttl {
        return Err(Refusal::Expired);
    }
    let mut spent = nothing(session);
    // What was for the token alone is kept no longer than for that.
    let user = User { claims: None, ..user.clone() };
    spent.session.state = State::Confirmed { phone: phone.clone(), user, at: *at, redeemed: true };
    Ok(spent)
}

/// What to say to somebody whose command does not fit the state.
fn refused(session: &Session) -> Refusal {
    match session.state {
        State::Expired(_) => Refusal::Expired,
        _ => Refusal::WrongState(session.state_name()),
    }
}

fn nothing(session: &Session) -> Step {
    Step { session: session.clone(), events: Vec::new(), refused: None }
}

fn step(session: &Session, state: State, now: Timestamp, data: String) -> Step {
    let mut session = session.clone();
    session.state = state;
    let event = item(session.state_name(), now, data);
    Step { session, events: vec![event], refused: None }
}

fn item(kind: EventType, at: Timestamp, data: String) -> Item {
    Item { tag: kind as u8, at, data: data.into() }
}

/// The log of a session that was just opened.
#[must_use]
pub fn opening(at: Timestamp) -> Vec<Item> {
    vec![item(EventType::Pending, at, String::new())]
}

fn shown(name: Option<&str>, avatar_url: Option<&str>) -> String {
    let mut data = serde_json::Map::new();
    if let Some(name) = name {
        data.insert("name".into(), masked(name).into());
    }
    if let Some(url) = avatar_url {
        data.insert("avatar_url".into(), url.into());
    }
    serde_json::Value::Object(data).to_string()
}

fn rejected(reason: Option<String>) -> String {
    reason.map_or_else(String::new, |reason| serde_json::json!({ "reason": reason }).to_string())
}

#[cfg(test)]
#[path = "machine_tests.rs"]
mod tests;
