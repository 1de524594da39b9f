//! The table of WeChat's APIs: which path is which function, how it is called, how it answers.

use std::collections::BTreeMap;
use std::net::IpAddr;

use bytes::Bytes;
use hyper::Method;
use serde_json::Value;

use crate::envelope::{Answer, Family, Refusal, Reply, refuse};
use crate::world::World;
use crate::{codes, grants, logins, messages, phones, tickets, tokens, users, website};

/// A call.
pub(crate) struct Call {
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) query: BTreeMap<String, String>,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: Bytes,
    pub(crate) from: IpAddr,
    /// Which connection it came by, counted from the first.
    pub(crate) connection: usize,
}

impl Call {
    pub(crate) fn query(&self, name: &str) -> Option<&str> {
        self.query.get(name).map(String::as_str)
    }

    /// The same call of the same caller's, with nothing in it.
    pub(crate) fn bare(&self) -> Self {
        Self {
            method: self.method.clone(),
            path: self.path.clone(),
            query: BTreeMap::new(),
            headers: BTreeMap::new(),
            body: Bytes::new(),
            from: self.from,
            connection: self.connection,
        }
    }

    /// The body, which must be an object, whatever the call says that it is.
    pub(crate) fn json(&self) -> Result<Value, Refusal> {
        if self.body.is_empty() {
            return Err(refuse(44002));
        }
        let body = serde_json::from_slice(&self.body).ok();
        body.filter(Value::is_object).ok_or_else(|| refuse(47001))
    }

    /// Whose call it is, as far as can be told without checking anything.
    pub(crate) fn appid(&self, world: &World) -> Option<String> {
        if let Some(appid) = self.query("appid") {
            return Some(appid.to_owned());
        }
        if let Some(owner) = self.query("access_token").and_then(|token| world.tokens.owner(token))
        {
            return Some(owner.to_owned());
        }
        self.json().ok()?.get("appid")?.as_str().map(str::to_owned)
    }
}

type Handler = fn(&mut World, &Call) -> Result<Reply, Refusal>;

const APIS: [(&str, &str, Handler); 13] = [
    ("GET", "/cgi-bin/token", tokens::token),
    ("POST", "/cgi-bin/stable_token", tokens::stable_token),
    ("POST", "/wxa/getwxacodeunlimit", codes::getwxacodeunlimit),
    ("POST", "/wxa/business/getuserphonenumber", phones::getuserphonenumber),
    ("GET", "/wxa/checksession", logins::checksession),
    ("POST", "/cgi-bin/qrcode/create", tickets::create),
    ("GET", "/cgi-bin/user/info", users::info),
    ("POST", "/cgi-bin/message/custom/send", messages::send),
    ("GET", "/sns/jscode2session", logins::jscode2session),
    ("GET", "/sns/oauth2/access_token", grants::access_token),
    ("GET", "/sns/oauth2/refresh_token", grants::refresh_token),
    ("GET", "/sns/auth", grants::auth),
    ("GET", "/sns/userinfo", grants::userinfo),
];

/// What a path is that browsers and phones open.
fn page(path: &str) -> Option<fn(&mut World, &Call) -> Reply> {
    match path {
        "/cgi-bin/showqrcode" => Some(tickets::showqrcode),
        "/connect/qrconnect" => Some(website::qrconnect),
        "/connect/l/qrconnect" => Some(website::poll),
        "/connect/zh_CN/htmledition/js/wxLogin.js" => Some(website::script),
        _ if path.starts_with(website::PICTURES) => Some(website::qrcode),
        _ => None,
    }
}

/// The habits of a path.
pub(crate) fn family(path: &str) -> Family {
    match path {
        _ if page(path).is_some() => Family::Page,
        _ if path.starts_with("/sns/") => Family::Sns,
        _ => Family::Api,
    }
}

/// Answers a call.
pub(crate) fn answer(world: &mut World, call: &Call) -> Answer {
    let family = family(&call.path);
    let done = if let Some(page) = page(&call.path) {
        Ok(page(world, call))
    } else if let Some((method, _, handler)) = APIS.iter().find(|(_, path, _)| *path == call.path) {
        match *method {
            method if call.method.as_str() == method => handler(world, call),
            "GET" => Err(refuse(43001)),
            _ => Err(refuse(43002)),
        }
    } else {
        Err(refuse(40066))
    };
    let now = world.now();
    match done {
        Ok(reply) => reply.answer(family),
        Err(refusal) => Answer::json(200, family, &refusal.body(family, &mut world.dice, now)),
    }
}
