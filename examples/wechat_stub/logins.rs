//! A mini program's logins: `wx.login`'s codes, `jscode2session`, `checksession`.

use std::collections::HashMap;

use hmac::{Hmac, Mac};
use serde_json::json;
use sha2::Sha256;

use crate::api::Call;
use crate::apps::{Kind, credentials};
use crate::clock::{MINUTE, Moment};
use crate::crypto::hex;
use crate::envelope::{Refusal, Reply, refuse};
use crate::people::{openid, session_key, unionid};
use crate::tokens::caller;
use crate::world::World;

const LIFETIME: Moment = 5 * MINUTE;

struct Login {
    appid: String,
    person: String,
    expires: Moment,
    used: bool,
}

/// Codes, and the sessions that they led to.
#[derive(Default)]
pub(crate) struct Logins {
    codes: HashMap<String, Login>,
    /// How often a person's session with an app was replaced.
    replaced: HashMap<(String, String), u32>,
    keys: HashMap<(String, String), String>,
}

/// What `wx.login` gives the mini program; a login may replace the session.
pub(crate) fn wx_login(world: &mut World, appid: &str, person: &str, replaces: bool) -> String {
    let code = format!("0{}", world.dice.letters(31));
    let expires = world.now() + LIFETIME;
    let (appid, person) = (appid.to_owned(), person.to_owned());
    if replaces {
        *world.logins.replaced.entry((appid.clone(), person.clone())).or_default() += 1;
    }
    world.logins.codes.insert(code.clone(), Login { appid, person, expires, used: false });
    code
}

/// `GET /sns/jscode2session`.
pub(crate) fn jscode2session(world: &mut World, call: &Call) -> Result<Reply, Refusal> {
    if call.query("grant_type") != Some("authorization_code") {
        return Err(refuse(40002));
    }
    let app = credentials(&world.apps, call.query("appid"), call.query("secret"))?;
    if app.kind != Kind::MiniProgram {
        return Err(refuse(48001));
    }
    let code =
        call.query("js_code").filter(|code| !code.is_empty()).ok_or_else(|| refuse(41008))?;
    let now = world.clock.now();
    let login = world.logins.codes.get_mut(code).ok_or_else(|| refuse(40029))?;
    if login.appid != app.appid || now >= login.expires {
        return Err(refuse(40029));
    }
    let most = app.limits.logins_per_minute_and_person;
    let whose = format!("{} {}", app.appid, login.person);
    if !world.quotas.take("logins", &whose, most, MINUTE, now) {
        return Err(refuse(45011));
    }
    if login.used {
        return Err(refuse(40163));
    }
    if world.people.get(&login.person).blocked {
        return Err(refuse(40226));
    }
    login.used = true;
    let openid = openid(&app.appid, &login.person);
    let whose = (app.appid.clone(), login.person.clone());
    let n = world.logins.replaced.get(&whose).copied().unwrap_or(0);
    let key = session_key(&app.appid, &login.person, n);
    world.logins.keys.insert((app.appid.clone(), openid.clone()), key.clone());
    let mut session = json!({ "openid": openid, "session_key": key });
    if let Some(unionid) = unionid(app, &login.person) {
        session["unionid"] = unionid.into();
    }
    Ok(Reply::Json(session))
}

/// `GET /wxa/checksession`: whether a session's key is the one that was given out last.
pub(crate) fn checksession(world: &mut World, call: &Call) -> Result<Reply, Refusal> {
    let app = caller(world, call, Kind::MiniProgram)?;
    let openid = call.query("openid").ok_or_else(|| refuse(41009))?;
    let key = world.logins.keys.get(&(app.appid, openid.to_owned()));
    let key = key.ok_or_else(|| refuse(40003))?;
    if call.query("sig_method") != Some("hmac_sha256") {
        return Err(refuse(87009));
    }
    let sum = Hmac::<Sha256>::new_from_slice(key.as_bytes()).expect("any key").finalize();
    let signature = hex(&sum.into_bytes());
    if call.query("signature") != Some(&signature) {
        return Err(refuse(87009));
    }
    Ok(Reply::ok())
}
