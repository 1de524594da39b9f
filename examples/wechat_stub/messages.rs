//! Messages from an official account to a person, and when they are allowed:
//! `message/custom/send`.

use std::collections::HashMap;

use serde::Serialize;
use serde_json::Value;

use crate::api::Call;
use crate::apps::Kind;
use crate::clock::{MINUTE, Moment};
use crate::envelope::{Refusal, Reply, refuse};
use crate::tokens::caller;
use crate::world::World;

const KINDS: [&str; 12] = [
    "text",
    "image",
    "voice",
    "video",
    "music",
    "news",
    "mpnews",
    "mpnewsarticle",
    "msgmenu",
    "wxcard",
    "miniprogrampage",
    "link",
];

/// How many messages an act of the person's allows, and for how long.
#[derive(Clone, Copy)]
pub(crate) struct Allowance {
    left: u32,
    /// A length, and once it is given: until when.
    until: Moment,
}

impl Allowance {
    /// Following, scanning, tapping the menu.
    pub(crate) const SHORT: Self = Self { left: 3, until: MINUTE };
    /// Writing.
    pub(crate) const LONG: Self = Self { left: 5, until: 48 * 60 * MINUTE };
}

/// A message that reached a person.
#[derive(Clone, Serialize)]
pub(crate) struct Message {
    pub(crate) appid: String,
    pub(crate) openid: String,
    pub(crate) at: Moment,
    /// As it was sent.
    pub(crate) body: Value,
}

/// All messages, and what may still be sent.
#[derive(Default)]
pub(crate) struct Messages {
    pub(crate) sent: Vec<Message>,
    allowed: HashMap<(String, String), Vec<Allowance>>,
}

/// Allows messages to a person from now on.
pub(crate) fn allow(world: &mut World, appid: &str, openid: &str, allowance: Allowance) {
    let until = world.now() + allowance.until;
    let whose = (appid.to_owned(), openid.to_owned());
    world.messages.allowed.entry(whose).or_default().push(Allowance { until, ..allowance });
}

/// `POST /cgi-bin/message/custom/send`.
pub(crate) fn send(world: &mut World, call: &Call) -> Result<Reply, Refusal> {
    let app = caller(world, call, Kind::OfficialAccount)?;
    let body = call.json()?;
    let openid = body.get("touser").and_then(Value::as_str).unwrap_or_default();
    if world.followers.person(&app.appid, openid).is_none() {
        return Err(refuse(40003));
    }
    let kind = body.get("msgtype").and_then(Value::as_str).unwrap_or_default();
    let content = body.get(kind).filter(|content| KINDS.contains(&kind) && content.is_object());
    let content = content.ok_or_else(|| refuse(40008))?;
    if kind == "text" && content["content"].as_str().is_none_or(str::is_empty) {
        return Err(refuse(44004));
    }
    let now = world.now();
    let whose = (app.appid.clone(), openid.to_owned());
    if app.reply_windows {
        if !world.followers.follows(&app.appid, openid) {
            return Err(refuse(45015));
        }
        let allowed = world.messages.allowed.entry(whose).or_default();
        allowed.retain(|allowance| now < allowance.until);
        if allowed.is_empty() {
            return Err(refuse(45015));
        }
        let one = allowed.iter_mut().find(|allowance| allowance.left > 0);
        one.ok_or_else(|| refuse(45047))?.left -= 1;
    }
    let (appid, openid) = (app.appid, openid.to_owned());
    world.messages.sent.push(Message { appid, openid, at: now, body });
    Ok(Reply::ok())
}
