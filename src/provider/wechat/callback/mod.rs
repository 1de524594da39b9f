//! What WeChat pushes to an official account's address: made sure that it is WeChat's, opened, and
//! told apart from what was pushed before. Nothing is parsed before its signature is seen to be
//! right.

mod message;
mod seal;

use std::time::Duration;

use moka::sync::Cache;
use sha2::{Digest, Sha256};

use crate::clock::{Clock, Timestamp};
use crate::login::ports::{Fault, PortError, Pushed};
use crate::login::scene::Scene;
use message::Message;
use seal::{Key, signs};

/// How far the moment of a signature may be from ours: WeChat tries three times within 15 s, and
/// clocks differ.
const WINDOW: Duration = Duration::from_secs(300);
/// For how long what was pushed is known again: as long as its signature could be shown again.
const REMEMBERED: Duration = Duration::from_secs(2 * WINDOW.as_secs());
/// How much of it is remembered.
const MOST: u64 = 100_000;
/// The longest parameter; a signature has 40 characters, a nonce some ten.
const LONGEST: usize = 128;
/// The longest openid; WeChat's have 28 characters.
const LONGEST_OPENID: usize = 64;

/// What an official account's callbacks are signed and sealed with.
#[derive(Clone)]
pub struct CallbackSecrets {
    /// `Token`, as in the console.
    pub token: String,
    /// `EncodingAESKey`: callbacks that are not sealed are refused then.
    pub encoding_aes_key: Option<String>,
}

/// A callback that is WeChat's.
#[derive(Debug, Eq, PartialEq)]
pub(super) enum Callback {
    /// The console asks whether we are there: this is to be answered.
    Echo(String),
    /// Somebody scanned a code: with which scene, and by which openid.
    Scan(Scene, String),
    /// Something else, or the same again.
    Other,
}

/// The gate before an account's callbacks.
pub(super) struct Callbacks {
    token: String,
    key: Option<Key>,
    app_id: String,
    clock: Clock,
    /// By nonce and moment: what came with them. In the plain mode the body is not signed, so one
    /// signature is good for one body.
    signatures: Cache<[u8; 32], [u8; 32]>,
    /// Events that were heard: WeChat tells them again when it thinks that we have not.
    events: Cache<[u8; 32], ()>,
}

impl Callbacks {
    /// The gate of an app. None if the key is none.
    pub(super) fn new(secrets: CallbackSecrets, app_id: String, clock: Clock) -> Option<Self> {
        let CallbackSecrets { token, encoding_aes_key } = secrets;
        let key = match encoding_aes_key {
            Some(text) => Some(Key::parse(&text)?),
            None => None,
        };
        let signatures = Cache::builder().time_to_live(REMEMBERED).max_capacity(MOST).build();
        let events = Cache::builder().time_to_live(REMEMBERED).max_capacity(MOST).build();
        Some(Self { token, key, app_id, clock, signatures, events })
    }

    /// Reads a callback.
    ///
    /// # Errors
    /// [`Fault::Forged`] if it is not WeChat's, or not of now; [`Fault::Refused`] if it cannot be
    /// read.
    pub(super) fn read(&self, pushed: &Pushed) -> Result<Callback, PortError> {
        let (timestamp, nonce) = (one(pushed, "timestamp")?, one(pushed, "nonce")?);
        if !signs(one(pushed, "signature")?, &[&self.token, timestamp, nonce]) {
            return Err(forged("the signature is not WeChat's"));
        }
        self.check_moment(timestamp)?;
        let Some(body) = &pushed.body else {
            return Ok(Callback::Echo(one(pushed, "echostr")?.to_owned()));
        };
        let moment = hash(&[timestamp, nonce]);
        let body_hash: [u8; 32] = Sha256::digest(body).into();
        if self.signatures.get_with(moment, || body_hash) != body_hash {
            return Err(forged("the signature has been used for something else"));
        }
        let text = std::str::from_utf8(body).map_err(|_| unreadable())?;
        let message = self.opened(pushed, Message::parse(text).ok_or_else(unreadable)?)?;
        let plausible = |openid: &str| {
            (1..=LONGEST_OPENID).contains(&openid.len())
                && openid.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-".contains(&b))
        };
        // A scene that is none of ours is another use of the account.
        let scene = message.scanned().and_then(|scene| Scene::parse(scene).ok());
        let Some(scene) = scene.filter(|_| plausible(&message.from)) else {
            return Ok(Callback::Other);
        };
        let event = hash(&[&message.from, &message.created, scene.as_str()]);
        let fresh = self.events.entry(event).or_insert(()).is_fresh();
        Ok(if fresh { Callback::Scan(scene, message.from) } else { Callback::Other })
    }

    fn check_moment(&self, timestamp: &str) -> Result<(), PortError> {
        let seconds: u64 = timestamp.parse().map_err(|_| unreadable())?;
        let then = Timestamp(seconds.saturating_mul(1000));
        let now = self.clock.now();
        if now.since(then) > WINDOW || then.since(now) > WINDOW {
            return Err(PortError::new(
                Fault::Forged,
                "stale_callback",
                "the callback was signed more than five minutes ago, or ahead of time",
            ));
        }
        Ok(())
    }

    /// The message itself: what is sealed in it, where there is a key.
    fn opened(&self, pushed: &Pushed, outer: Message) -> Result<Message, PortError> {
        let Some(key) = &self.key else {
            let sealed = outer.sealed.is_some() && outer.from.is_empty();
            return if sealed { Err(unreadable()) } else { Ok(outer) };
        };
        let sealed = outer.sealed.ok_or_else(|| forged("the callback is not sealed"))?;
        let parts = [&*self.token, one(pushed, "timestamp")?, one(pushed, "nonce")?, &sealed];
        if !signs(one(pushed, "msg_signature")?, &parts) {
            return Err(forged("the seal's signature is not WeChat's"));
        }
        let wrong = || forged("the callback is not sealed by this account's key");
        let (text, app_id) = key.open(&sealed).ok_or_else(wrong)?;
        if app_id != self.app_id {
            return Err(forged("the callback is another account's"));
        }
        Message::parse(&text).ok_or_else(unreadable)
    }
}

/// A parameter that must be there once.
fn one<'a>(pushed: &'a Pushed, name: &str) -> Result<&'a str, PortError> {
    let mut found = pushed.query.iter().filter(|(key, _)| key == name);
    match (found.next(), found.next()) {
        (Some((_, value)), None) if (1..=LONGEST).contains(&value.len()) => Ok(value),
        _ => Err(forged("the callback is not signed as WeChat signs")),
    }
}

fn hash(parts: &[&str]) -> [u8; 32] {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part);
        hash.update([0]);
    }
    hash.finalize().into()
}

fn forged(why: &str) -> PortError {
    PortError::new(Fault::Forged, "bad_signature", why)
}

fn unreadable() -> PortError {
    PortError::new(Fault::Refused, "bad_callback", "the callback cannot be read")
}
