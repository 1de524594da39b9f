//! An official account's own codes: `qrcode/create` and the pictures of them.

use std::collections::HashMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::api::Call;
use crate::apps::Kind;
use crate::clock::{Moment, SECOND};
use crate::envelope::{Refusal, Reply, refuse};
use crate::pictures::{self, Format};
use crate::tokens::caller;
use crate::world::World;

/// Thirty days.
const LONGEST: u64 = 2_592_000;
/// What a code stands for whose maker forgot the `scene` around the scene.
const FORGOTTEN: &str = "0";

/// A code that can be scanned.
#[derive(Clone)]
pub(crate) struct Ticket {
    /// What its picture is asked for by.
    pub(crate) name: String,
    pub(crate) appid: String,
    /// What events say as `EventKey`, without a prefix.
    pub(crate) key: String,
    /// Whether it was made of a text, and not of a number.
    pub(crate) is_text: bool,
    pub(crate) url: String,
    /// Permanent codes have no end.
    pub(crate) expires: Option<Moment>,
}

/// All codes, by their ticket.
#[derive(Default)]
pub(crate) struct Tickets {
    all: HashMap<String, Ticket>,
    /// In the order in which they were made.
    order: Vec<String>,
}

impl Tickets {
    /// The code with this ticket or this address, or the last of an app with this scene.
    pub(crate) fn find(&self, name: &str, appid: Option<&str>) -> Option<&Ticket> {
        let is = |ticket: &&Ticket| match appid {
            Some(appid) => ticket.appid == appid && ticket.key == name,
            None => ticket.name == name || ticket.url == name,
        };
        self.order.iter().rev().filter_map(|ticket| self.all.get(ticket)).find(is)
    }
}

/// `POST /cgi-bin/qrcode/create`.
pub(crate) fn create(world: &mut World, call: &Call) -> Result<Reply, Refusal> {
    let app = caller(world, call, Kind::OfficialAccount)?;
    if !app.verified {
        return Err(refuse(48001));
    }
    let body = call.json()?;
    let action = body.get("action_name").and_then(Value::as_str).ok_or_else(|| refuse(40052))?;
    let (permanent, as_text) = match action {
        "QR_SCENE" => (false, false),
        "QR_STR_SCENE" => (false, true),
        "QR_LIMIT_SCENE" => (true, false),
        "QR_LIMIT_STR_SCENE" => (true, true),
        _ => return Err(refuse(40052)),
    };
    let info = body.get("action_info").and_then(Value::as_object).ok_or_else(|| refuse(40053))?;
    let key = match info.get("scene") {
        None => FORGOTTEN.to_owned(),
        Some(scene) if as_text => text_scene(scene)?,
        Some(scene) => number_scene(scene, if permanent { 100_000 } else { u32::MAX.into() })?,
    };
    let seconds = if permanent { None } else { Some(lifetime(&body, app.ticket_seconds)?) };
    let made = |ticket: &&Ticket| ticket.appid == app.appid && ticket.expires.is_none();
    if permanent && world.tickets.all.values().filter(made).count() >= app.limits.permanent_tickets
    {
        return Err(refuse(45009));
    }

    let mut bytes: [u8; 70] = world.dice.bytes();
    // So that it begins with gQ, as all do.
    (bytes[0], bytes[1]) = (0x81, bytes[1] & 0x0f);
    let ticket = STANDARD.encode(bytes);
    let url = format!("http://weixin.qq.com/q/02{}", world.dice.letters(22));
    let expires = seconds.map(|seconds| world.clock.now() + seconds * SECOND);
    let appid = app.appid;
    let made =
        Ticket { name: ticket.clone(), appid, key, is_text: as_text, url: url.clone(), expires };
    world.tickets.order.push(ticket.clone());
    world.tickets.all.insert(ticket.clone(), made);
    let mut answer = json!({ "ticket": ticket, "url": url });
    if let Some(seconds) = seconds {
        answer["expire_seconds"] = seconds.into();
    }
    Ok(Reply::Json(answer))
}

fn text_scene(scene: &Value) -> Result<String, Refusal> {
    let text = scene.get("scene_str").and_then(Value::as_str).ok_or_else(|| refuse(40053))?;
    let fits = (1..=64).contains(&text.chars().count());
    fits.then(|| text.to_owned()).ok_or_else(|| refuse(40053))
}

fn number_scene(scene: &Value, most: u64) -> Result<String, Refusal> {
    let number = scene.get("scene_id").and_then(Value::as_u64).ok_or_else(|| refuse(40053))?;
    (1..=most).contains(&number).then(|| number.to_string()).ok_or_else(|| refuse(40053))
}

fn lifetime(body: &Value, otherwise: u64) -> Result<u64, Refusal> {
    match body.get("expire_seconds") {
        None | Some(Value::Null) => Ok(otherwise),
        Some(seconds) => seconds
            .as_u64()
            .filter(|seconds| (1..=LONGEST).contains(seconds))
            .ok_or_else(|| refuse(40053)),
    }
}

/// `GET /cgi-bin/showqrcode` of `mp.weixin.qq.com`: for everybody who has the ticket.
pub(crate) fn showqrcode(world: &mut World, call: &Call) -> Reply {
    let ticket = call.query("ticket").unwrap_or_default();
    if !world.tickets.all.contains_key(ticket) {
        let text = "<html><head><title>404 Not Found</title></head></html>".to_owned();
        return Reply::Html { status: 404, text };
    }
    let bytes = pictures::draw(Format::Jpeg, 430, &format!("ticket {ticket}"));
    Reply::Picture { bytes, media_type: "image/jpg".to_owned() }
}
