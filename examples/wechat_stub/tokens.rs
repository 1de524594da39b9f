//! The access tokens of apps: two stores that know nothing of each other.

use std::collections::HashMap;
use std::net::IpAddr;

use serde_json::{Value, json};

use crate::api::Call;
use crate::apps::{App, Kind, credentials};
use crate::clock::{DAY, MINUTE, Moment, SECOND};
use crate::dice::Dice;
use crate::envelope::{Refusal, Reply, refuse};
use crate::world::World;

const LIFETIME: Moment = 7200 * SECOND;
/// How long a token works on that a newer one took the place of.
const OVERLAP: Moment = 5 * MINUTE;
/// Forced refreshes that are closer together give what is there.
const BETWEEN_FORCED: Moment = 30 * SECOND;

#[derive(Clone, Copy, Eq, Hash, PartialEq)]
enum Store {
    Plain,
    Stable,
}

struct Token {
    appid: String,
    store: Store,
    expires: Moment,
    /// Until when it works since a newer one took its place.
    overlaps: Option<Moment>,
}

/// Every token that was ever given out.
#[derive(Default)]
pub(crate) struct Tokens {
    all: HashMap<String, Token>,
    current: HashMap<(Store, String), String>,
    forced: HashMap<String, Moment>,
}

impl Tokens {
    fn current(&self, store: Store, appid: &str, now: Moment) -> Option<(&str, Moment)> {
        let value = self.current.get(&(store, appid.to_owned()))?;
        let left = self.all.get(value)?.expires.checked_sub(now).filter(|left| *left > 0)?;
        Some((value, left))
    }

    fn mint(
        &mut self,
        store: Store,
        appid: &str,
        overlap: Moment,
        dice: &mut Dice,
        now: Moment,
    ) -> Value {
        let value = format!("{}_{}", 60 + dice.bytes::<1>()[0] % 40, dice.letters(133));
        if let Some(before) = self.current.insert((store, appid.to_owned()), value.clone())
            && let Some(before) = self.all.get_mut(&before)
            && now < before.expires
        {
            before.overlaps = Some(now + overlap);
        }
        let token =
            Token { appid: appid.to_owned(), store, expires: now + LIFETIME, overlaps: None };
        self.all.insert(value.clone(), token);
        answer(&value, LIFETIME)
    }

    /// Ends every token of an app, as a console can.
    pub(crate) fn revoke(&mut self, appid: &str) {
        for token in self.all.values_mut().filter(|token| token.appid == appid) {
            token.overlaps = Some(0);
        }
        self.current.retain(|(_, of), _| of != appid);
    }

    /// Whose token it is, whether it works or not.
    pub(crate) fn owner(&self, value: &str) -> Option<&str> {
        self.all.get(value).map(|token| token.appid.as_str())
    }

    fn check(&self, value: Option<&str>, now: Moment) -> Result<&str, Refusal> {
        let value = value.filter(|value| !value.is_empty()).ok_or_else(|| refuse(41001))?;
        let Some(token) = self.all.get(value) else {
            return Err(refuse(if well_formed(value) { 40001 } else { 40014 }));
        };
        match token.overlaps {
            Some(until) if now >= until => Err(refuse(40001)),
            None if now >= token.expires => Err(refuse(42001)),
            _ => Ok(&token.appid),
        }
    }
}

/// Whether a text looks like a token at all.
pub(crate) fn well_formed(value: &str) -> bool {
    let Some((number, rest)) = value.split_once('_') else { return false };
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    !number.is_empty()
        && number.chars().all(|c| c.is_ascii_digit())
        && rest.len() >= 100
        && rest.chars().all(plain)
}

fn answer(value: &str, left: Moment) -> Value {
    json!({ "access_token": value, "expires_in": left.div_ceil(SECOND) })
}

/// The app whose token a call carries, if it is of this kind.
pub(crate) fn caller(world: &World, call: &Call, kind: Kind) -> Result<App, Refusal> {
    let appid = world.tokens.check(call.query("access_token"), world.now())?;
    let app = world.apps.get(appid).ok_or_else(|| refuse(40001))?;
    if app.kind != kind {
        return Err(refuse(48001));
    }
    Ok(app.clone())
}

fn fetcher(
    world: &World,
    grant: Option<&str>,
    appid: Option<&str>,
    secret: Option<&str>,
    from: IpAddr,
) -> Result<App, Refusal> {
    if grant != Some("client_credential") {
        return Err(refuse(40002));
    }
    let app = credentials(&world.apps, appid, secret)?;
    if !app.ip_whitelist.is_empty() && !app.ip_whitelist.contains(&from) {
        let text = format!("invalid ip {from} ipv6 ::ffff:{from}, not in whitelist");
        return Err(Refusal::saying(40164, text));
    }
    if app.frozen {
        return Err(refuse(40243));
    }
    Ok(app.clone())
}

/// `GET /cgi-bin/token`: a new one for each call.
pub(crate) fn token(world: &mut World, call: &Call) -> Result<Reply, Refusal> {
    let (appid, secret) = (call.query("appid"), call.query("secret"));
    let app = fetcher(world, call.query("grant_type"), appid, secret, call.from)?;
    let now = world.now();
    if !world.quotas.take("tokens", &app.appid, app.limits.tokens_per_day, DAY, now) {
        return Err(refuse(45009));
    }
    Ok(Reply::Json(world.tokens.mint(Store::Plain, &app.appid, OVERLAP, &mut world.dice, now)))
}

/// `POST /cgi-bin/stable_token`: the same one until its end is near.
pub(crate) fn stable_token(world: &mut World, call: &Call) -> Result<Reply, Refusal> {
    let body = call.json()?;
    let field = |name: &str| body.get(name).and_then(Value::as_str);
    let app = fetcher(world, field("grant_type"), field("appid"), field("secret"), call.from)?;
    let forced = match body.get("force_refresh") {
        None | Some(Value::Null) => false,
        Some(forced) => forced.as_bool().ok_or_else(|| refuse(47001))?,
    };
    let (now, appid, limits) = (world.now(), &app.appid, &app.limits);
    if !world.quotas.take("stable", appid, limits.stable_per_minute, MINUTE, now) {
        return Err(refuse(45011));
    }
    if !world.quotas.take("stable a day", appid, limits.stable_per_day, DAY, now) {
        return Err(refuse(45009));
    }
    let too_soon = world.tokens.forced.get(appid).is_some_and(|last| now < last + BETWEEN_FORCED);
    if forced && !too_soon {
        if !world.quotas.take("forced", appid, limits.forced_per_day, DAY, now) {
            return Err(refuse(45009));
        }
        world.tokens.forced.insert(appid.clone(), now);
        return Ok(Reply::Json(force(world, &app, now)));
    }
    if let Some((value, left)) = world.tokens.current(Store::Stable, appid, now)
        && left >= OVERLAP
    {
        return Ok(Reply::Json(answer(value, left)));
    }
    Ok(Reply::Json(world.tokens.mint(Store::Stable, appid, OVERLAP, &mut world.dice, now)))
}

/// Mints a token that leaves at most its predecessor alive, and none before that: so a leaked
/// token is dead after two.
fn force(world: &mut World, app: &App, now: Moment) -> Value {
    let old = |token: &&mut Token| token.store == Store::Stable && token.appid == app.appid;
    for token in world.tokens.all.values_mut().filter(old) {
        token.overlaps = token.overlaps.map(|until| until.min(now));
    }
    let overlap = app.forced_grace_s * SECOND;
    world.tokens.mint(Store::Stable, &app.appid, overlap, &mut world.dice, now)
}
