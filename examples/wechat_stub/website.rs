//! The open platform's page with the code of a website's login, and how the person decides.

use std::collections::HashMap;

use reqwest::Url;
use serde_json::json;

use crate::api::Call;
use crate::apps::{App, AtRefusal, Kind};
use crate::clock::{MINUTE, Moment};
use crate::envelope::Reply;
use crate::grants;
use crate::pictures::{self, Format};
use crate::world::World;

/// Where the codes of the pages are.
pub(crate) const PICTURES: &str = "/connect/qrcode/";
const LIFETIME: Moment = 5 * MINUTE;

#[derive(Clone)]
enum Decision {
    Allowed { code: String },
    Refused { goes_back: bool },
}

/// A page that waits for a person.
#[derive(Clone)]
pub(crate) struct Asking {
    pub(crate) uuid: String,
    pub(crate) appid: String,
    redirect_uri: String,
    pub(crate) state: Option<String>,
    expires: Moment,
    decision: Option<Decision>,
}

impl Asking {
    /// Where the browser goes with what was decided.
    fn back(&self, code: Option<&str>) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        for (name, value) in [("code", code), ("state", self.state.as_deref())] {
            if let Some(value) = value {
                query.append_pair(name, value);
            }
        }
        let mark = if self.redirect_uri.contains('?') { '&' } else { '?' };
        format!("{}{mark}{}", self.redirect_uri, query.finish())
    }
}

/// All pages, by their `uuid`.
#[derive(Default)]
pub(crate) struct Website {
    askings: HashMap<String, Asking>,
    /// In the order in which they were opened.
    order: Vec<String>,
}

impl Website {
    /// The last page with this `uuid` or this `state`.
    pub(crate) fn find(&self, name: &str) -> Option<&Asking> {
        let is = |asking: &&Asking| asking.uuid == name || asking.state.as_deref() == Some(name);
        self.order.iter().rev().filter_map(|uuid| self.askings.get(uuid)).find(is)
    }
}

/// Opens the page, or says what is wrong with its address.
pub(crate) fn open(world: &mut World, call: &Call) -> Result<Asking, &'static str> {
    let app = call.query("appid").and_then(|appid| world.apps.get(appid));
    let app = app.filter(|app| app.kind == Kind::Website).ok_or("AppID 参数错误")?;
    let redirect_uri = call.query("redirect_uri").unwrap_or_default();
    if !leads_home(app, redirect_uri) {
        return Err("redirect_uri 参数错误");
    }
    // The script for embedding does not say it.
    let embedded = call.query("login_type") == Some("jssdk");
    let code = if embedded { None } else { Some("code") };
    if call.query("response_type") != code {
        return Err("response_type 参数错误");
    }
    if call.query("scope") != Some("snsapi_login") {
        return Err("Scope 参数错误或没有 Scope 权限");
    }
    let asking = Asking {
        uuid: world.dice.letters(16),
        appid: app.appid.clone(),
        redirect_uri: redirect_uri.to_owned(),
        state: call.query("state").map(str::to_owned),
        expires: world.clock.now() + LIFETIME,
        decision: None,
    };
    world.website.order.push(asking.uuid.clone());
    world.website.askings.insert(asking.uuid.clone(), asking.clone());
    Ok(asking)
}

fn leads_home(app: &App, redirect_uri: &str) -> bool {
    let Ok(url) = Url::parse(redirect_uri) else { return false };
    matches!(url.scheme(), "http" | "https")
        && app.domain.as_deref().is_none_or(|domain| url.host_str() == Some(domain))
}

/// `GET /connect/qrconnect` of `open.weixin.qq.com`.
pub(crate) fn qrconnect(world: &mut World, call: &Call) -> Reply {
    let asking = match open(world, call) {
        Ok(asking) => asking,
        Err(fault) => {
            let text = format!("<!doctype html><title>微信登录</title><h1>{fault}</h1>");
            return Reply::Html { status: 200, text };
        }
    };
    let itself = call.query("self_redirect") == Some("true");
    let shown = json!({
        "uuid": asking.uuid,
        "allowed": asking.back(Some("CODE")),
        "refused": asking.back(None),
        "itself": itself,
    });
    // No text of the address may end the script.
    let shown = shown.to_string().replace('<', "\\u003c");
    let text = include_str!("qrconnect.html")
        .replace("{appid}", &escape(&asking.appid))
        .replace("{uuid}", &escape(&asking.uuid))
        .replace("{redirect_uri}", &escape(&asking.redirect_uri))
        .replace("{state}", &escape(asking.state.as_deref().unwrap_or_default()))
        .replace("{asking}", &shown);
    Reply::Html { status: 200, text }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;").replace('{', "&#123;")
}

/// What `res.wx.qq.com` has as `wxLogin.js`: it puts the page into a frame.
pub(crate) fn script(_: &mut World, _: &Call) -> Reply {
    Reply::Script(include_str!("wxLogin.js").to_owned())
}

/// `GET /connect/qrcode/{uuid}`: the page's code.
pub(crate) fn qrcode(_: &mut World, call: &Call) -> Reply {
    let uuid = call.path.trim_start_matches(PICTURES);
    let bytes = pictures::draw(Format::Jpeg, 300, &format!("uuid {uuid}"));
    Reply::Picture { bytes, media_type: "image/jpeg".to_owned() }
}

/// `GET /connect/l/qrconnect`: what the page asks again and again.
pub(crate) fn poll(world: &mut World, call: &Call) -> Reply {
    let asking = call.query("uuid").and_then(|uuid| world.website.askings.get(uuid));
    let (errcode, code) = match asking {
        Some(Asking { decision: Some(Decision::Allowed { code }), .. }) => (405, code.as_str()),
        Some(Asking { decision: Some(Decision::Refused { goes_back: true }), .. }) => (403, ""),
        Some(asking) if world.clock.now() < asking.expires => (408, ""),
        _ => (402, ""),
    };
    Reply::Script(format!("window.wx_errcode={errcode};window.wx_code='{code}';"))
}

/// Decides as the person: where the browser goes, if it goes anywhere.
pub(crate) fn decide(
    world: &mut World,
    uuid: &str,
    person: Option<&str>,
) -> Result<Reply, &'static str> {
    let now = world.now();
    let asking = world.website.askings.get(uuid).cloned().ok_or("no such page")?;
    if asking.decision.is_some() {
        return Err("decided already");
    }
    if now >= asking.expires {
        return Err("the page is too old");
    }
    let app = world.apps.get(&asking.appid).cloned().ok_or("no such app")?;
    let goes_back = app.at_refusal == AtRefusal::Redirect;
    let (decision, reply) = match person {
        Some(person) => {
            let code = grants::code(world, &app.appid, person);
            let to = asking.back(Some(&code));
            let body = json!({ "location": to, "code": code });
            (Decision::Allowed { code }, Reply::Redirect { to, body })
        }
        None if goes_back => {
            let to = asking.back(None);
            let body = json!({ "location": to });
            (Decision::Refused { goes_back }, Reply::Redirect { to, body })
        }
        None => (Decision::Refused { goes_back }, Reply::Json(json!({ "location": null }))),
    };
    let asking = Asking { decision: Some(decision), ..asking };
    world.website.askings.insert(uuid.to_owned(), asking);
    Ok(reply)
}
