//! What a website gets for a person's consent: `sns/oauth2/*`, `sns/auth`, `sns/userinfo`.

use std::collections::HashMap;

use serde_json::{Value, json};

use crate::api::Call;
use crate::apps::{App, Kind, credentials};
use crate::clock::{DAY, MINUTE, Moment, SECOND};
use crate::envelope::{Refusal, Reply, refuse};
use crate::people::{openid, unionid};
use crate::tokens::well_formed;
use crate::world::World;

const CODE_LIVES: Moment = 10 * MINUTE;
const ACCESS_LIVES: Moment = 7200 * SECOND;
const REFRESH_LIVES: Moment = 30 * DAY;
const SCOPE: &str = "snsapi_login";

struct Code {
    appid: String,
    person: String,
    expires: Moment,
    used: bool,
}

/// An access token for one person, or what it is renewed with.
#[derive(Clone)]
struct Grant {
    appid: String,
    person: String,
    expires: Moment,
}

/// Codes and tokens; none of them has to do with the tokens of the apps.
#[derive(Default)]
pub(crate) struct Grants {
    codes: HashMap<String, Code>,
    access: HashMap<String, Grant>,
    refresh: HashMap<String, Grant>,
    /// The access token that a refresh token belongs to.
    of: HashMap<String, String>,
}

/// The code that the browser brings back.
pub(crate) fn code(world: &mut World, appid: &str, person: &str) -> String {
    let code = format!("0{}", world.dice.letters(31));
    let expires = world.now() + CODE_LIVES;
    let (appid, person) = (appid.to_owned(), person.to_owned());
    world.grants.codes.insert(code.clone(), Code { appid, person, expires, used: false });
    code
}

/// `GET /sns/oauth2/access_token`.
pub(crate) fn access_token(world: &mut World, call: &Call) -> Result<Reply, Refusal> {
    if call.query("grant_type") != Some("authorization_code") {
        return Err(refuse(40002));
    }
    let app = credentials(&world.apps, call.query("appid"), call.query("secret"))?.clone();
    if app.kind != Kind::Website {
        return Err(refuse(48001));
    }
    let code = call.query("code").filter(|code| !code.is_empty()).ok_or_else(|| refuse(41008))?;
    let now = world.now();
    let code = world.grants.codes.get_mut(code).ok_or_else(|| refuse(40029))?;
    if code.appid != app.appid {
        return Err(refuse(40029));
    }
    if now >= code.expires {
        return Err(refuse(app.old_code));
    }
    if code.used {
        return Err(refuse(40163));
    }
    code.used = true;
    let person = code.person.clone();
    let grant = Grant { appid: app.appid.clone(), person: person.clone(), expires: 0 };
    let access = mint(world);
    let refresh = mint(world);
    let grants = &mut world.grants;
    grants.access.insert(access.clone(), Grant { expires: now + ACCESS_LIVES, ..grant.clone() });
    grants.refresh.insert(refresh.clone(), Grant { expires: now + REFRESH_LIVES, ..grant });
    grants.of.insert(refresh.clone(), access.clone());
    let mut body = tokens(&app, &person, &access, &refresh);
    if let Some(unionid) = unionid(&app, &person) {
        body["unionid"] = unionid.into();
    }
    Ok(Reply::Json(body))
}

/// `GET /sns/oauth2/refresh_token`: prolongs what works, replaces what does not.
pub(crate) fn refresh_token(world: &mut World, call: &Call) -> Result<Reply, Refusal> {
    if call.query("grant_type") != Some("refresh_token") {
        return Err(refuse(40002));
    }
    let appid = call.query("appid").ok_or_else(|| refuse(41002))?;
    let app = world.apps.get(appid).cloned().ok_or_else(|| refuse(40013))?;
    let refresh = call.query("refresh_token").ok_or_else(|| refuse(41003))?;
    let now = world.now();
    let grant = world.grants.refresh.get(refresh).cloned();
    let grant = grant.filter(|grant| grant.appid == appid && now < grant.expires);
    let grant = grant.ok_or_else(|| refuse(40030))?;
    let old = world.grants.of.get(refresh).cloned();
    let works = |access: &String| world.grants.access.get(access).is_some_and(|a| now < a.expires);
    let access = match old.filter(works) {
        Some(access) => access,
        None => mint(world),
    };
    let person = grant.person.clone();
    let grants = &mut world.grants;
    grants.access.insert(access.clone(), Grant { expires: now + ACCESS_LIVES, ..grant });
    grants.of.insert(refresh.to_owned(), access.clone());
    Ok(Reply::Json(tokens(&app, &person, &access, refresh)))
}

fn mint(world: &mut World) -> String {
    format!("{}_{}", 60 + world.dice.bytes::<1>()[0] % 40, world.dice.letters(100))
}

fn tokens(app: &App, person: &str, access: &str, refresh: &str) -> Value {
    json!({
        "access_token": access,
        "expires_in": ACCESS_LIVES / SECOND,
        "refresh_token": refresh,
        "openid": openid(&app.appid, person),
        "scope": SCOPE,
    })
}

/// Whose token a call carries, with the person's openid.
fn granted(world: &World, call: &Call) -> Result<(App, String, String), Refusal> {
    let access = call.query("access_token").filter(|access| !access.is_empty());
    let access = access.ok_or_else(|| refuse(41001))?;
    let unknown = || refuse(if well_formed(access) { 40001 } else { 40014 });
    let grant = world.grants.access.get(access).ok_or_else(unknown)?;
    if world.now() >= grant.expires {
        return Err(refuse(42001));
    }
    let named = call.query("openid").ok_or_else(|| refuse(41009))?;
    let openid = openid(&grant.appid, &grant.person);
    if named != openid {
        return Err(refuse(40003));
    }
    let app = world.apps.get(&grant.appid).cloned().ok_or_else(|| refuse(40013))?;
    Ok((app, grant.person.clone(), openid))
}

/// `GET /sns/auth`: whether a token works.
pub(crate) fn auth(world: &mut World, call: &Call) -> Result<Reply, Refusal> {
    granted(world, call).map(|_| Reply::ok())
}

/// `GET /sns/userinfo`.
pub(crate) fn userinfo(world: &mut World, call: &Call) -> Result<Reply, Refusal> {
    let (app, person, openid) = granted(world, call)?;
    let profile = world.people.get(&person);
    let mut info = json!({
        "openid": openid,
        "nickname": profile.nickname.unwrap_or(person.clone()),
        "sex": 0,
        "province": "",
        "city": "",
        "country": "",
        "headimgurl": profile.headimgurl,
        "privilege": [],
    });
    if let Some(unionid) = unionid(&app, &person) {
        info["unionid"] = unionid.into();
    }
    Ok(Reply::Json(info))
}
