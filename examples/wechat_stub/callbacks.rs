//! The callbacks that go to an official account's server: how they are dressed, what came of them.

use reqwest::Url;
use serde::Serialize;

use crate::apps::{Callback, Mode};
use crate::clock::{Moment, SECOND};
use crate::crypto::{Key, signature};
use crate::dice::Dice;
use crate::world::World;
use crate::xml::{Xml, find};

/// What a callback goes out with besides its content.
#[derive(Clone)]
pub(crate) struct Envelope {
    pub(crate) appid: String,
    pub(crate) openid: String,
    pub(crate) at: Moment,
    pub(crate) callback: Callback,
}

/// What came of a callback.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Outcome {
    /// Under way.
    Pending,
    /// Answered with `success`, nothing or a message for the person.
    Accepted,
    /// Answered with something else: the person reads that the account has a fault.
    FaultShown,
    /// Not answered three times: the person reads the same.
    Unanswered,
}

/// One try at delivering a callback.
#[derive(Clone, Serialize)]
pub(crate) struct Try {
    pub(crate) at: Moment,
    pub(crate) url: String,
    pub(crate) body: String,
    pub(crate) status: Option<u16>,
    pub(crate) answer: Option<String>,
    pub(crate) error: Option<String>,
    pub(crate) took_ms: u64,
}

/// A callback.
#[derive(Clone, Serialize)]
pub(crate) struct Push {
    pub(crate) id: usize,
    #[serde(skip)]
    pub(crate) envelope: Envelope,
    pub(crate) appid: String,
    pub(crate) openid: String,
    /// The content before it is sealed.
    pub(crate) xml: String,
    pub(crate) tries: Vec<Try>,
    pub(crate) outcome: Outcome,
    /// The message in the answer, opened if it was sealed.
    pub(crate) reply: Option<String>,
    /// What is wrong with the message in the answer.
    pub(crate) reply_error: Option<String>,
}

/// All callbacks, in their order.
#[derive(Default)]
pub(crate) struct Callbacks(pub(crate) Vec<Push>);

/// Puts a callback down, to be delivered; which one it is.
pub(crate) fn prepare(world: &mut World, envelope: Envelope, xml: String) -> usize {
    let id = world.callbacks.0.len();
    let (appid, openid) = (envelope.appid.clone(), envelope.openid.clone());
    world.callbacks.0.push(Push {
        id,
        envelope,
        appid,
        openid,
        xml,
        tries: Vec::new(),
        outcome: Outcome::Pending,
        reply: None,
        reply_error: None,
    });
    id
}

/// What goes over the wire: the address with the signature, and the body.
pub(crate) fn dress(
    envelope: &Envelope,
    xml: &str,
    dice: &mut Dice,
) -> Result<(String, String), String> {
    let Envelope { appid, openid, at, callback } = envelope;
    let (timestamp, nonce) = ((at / SECOND).to_string(), dice.digits(10));
    let signed = signature(&[&callback.token, &timestamp, &nonce]);
    let mut parameters =
        vec![("signature", signed), ("timestamp", timestamp.clone()), ("nonce", nonce.clone())];
    if !openid.is_empty() {
        parameters.push(("openid", openid.clone()));
    }
    let body = if callback.mode == Mode::Plain {
        xml.to_owned()
    } else {
        let sealed = Key::parse(&callback.aes_key)?.seal(dice.bytes(), xml, appid);
        parameters.push(("encrypt_type", "aes".to_owned()));
        let parts = [&*callback.token, &timestamp, &nonce, &sealed];
        parameters.push(("msg_signature", signature(&parts)));
        let open = if callback.mode == Mode::Both {
            Xml::reopened(xml)
        } else {
            Xml::new().text("ToUserName", find(xml, "ToUserName").unwrap_or_default())
        };
        open.text("Encrypt", &sealed).finish()
    };
    Ok((address(&callback.url, &parameters)?, body))
}

/// The address that a console's check is sent to, with the text that has to come back.
pub(crate) fn check(
    callback: &Callback,
    at: Moment,
    dice: &mut Dice,
) -> Result<(String, String), String> {
    let (timestamp, nonce, echo) = ((at / SECOND).to_string(), dice.digits(10), dice.digits(19));
    let signed = signature(&[&callback.token, &timestamp, &nonce]);
    let parameters = [
        ("signature", signed),
        ("echostr", echo.clone()),
        ("timestamp", timestamp),
        ("nonce", nonce),
    ];
    Ok((address(&callback.url, &parameters)?, echo))
}

fn address(url: &str, parameters: &[(&str, String)]) -> Result<String, String> {
    let mut url = Url::parse(url).map_err(|error| format!("the callback's url: {error}"))?;
    url.query_pairs_mut().extend_pairs(parameters);
    Ok(url.into())
}

/// Whether an answer of status 200 is one that WeChat takes.
pub(crate) fn acceptable(answer: &str) -> bool {
    let answer = answer.trim();
    answer.is_empty() || answer == "success" || answer.starts_with("<xml>")
}

/// The message in an answer, if there is one, as the person would get it.
pub(crate) fn reply(envelope: &Envelope, answer: &str) -> Result<Option<String>, String> {
    if !answer.trim().starts_with("<xml>") {
        return Ok(None);
    }
    let callback = &envelope.callback;
    if callback.mode == Mode::Plain {
        return Ok(Some(answer.to_owned()));
    }
    let Some(sealed) = find(answer, "Encrypt") else {
        let fault = "an answer that is not sealed".to_owned();
        return if callback.mode == Mode::Both { Ok(Some(answer.to_owned())) } else { Err(fault) };
    };
    let part = |name: &str| find(answer, name).ok_or_else(|| format!("no {name}"));
    let (timestamp, nonce) = (part("TimeStamp")?, part("Nonce")?);
    if part("MsgSignature")? != signature(&[&callback.token, timestamp, nonce, sealed]) {
        return Err("a wrong MsgSignature".to_owned());
    }
    let (text, appid) = Key::parse(&callback.aes_key)?.open(sealed)?;
    if appid != envelope.appid {
        return Err(format!("sealed for {appid}"));
    }
    Ok(Some(text))
}
