//! A person's telephone number, given by a code of its own: `getuserphonenumber`.

use std::collections::HashMap;

use serde_json::{Value, json};

use crate::api::Call;
use crate::apps::Kind;
use crate::clock::{MINUTE, Moment};
use crate::envelope::{Refusal, Reply, refuse};
use crate::tokens::caller;
use crate::world::World;

const LIFETIME: Moment = 5 * MINUTE;

struct Grant {
    appid: String,
    person: String,
    expires: Moment,
}

/// Codes that were not used.
#[derive(Default)]
pub(crate) struct Phones(HashMap<String, Grant>);

/// What the mini program gets when the person allows it the number.
pub(crate) fn grant(world: &mut World, appid: &str, person: &str) -> String {
    let code = world.dice.hex(64);
    let expires = world.now() + LIFETIME;
    let grant = Grant { appid: appid.to_owned(), person: person.to_owned(), expires };
    world.phones.0.insert(code.clone(), grant);
    code
}

/// `POST /wxa/business/getuserphonenumber`.
pub(crate) fn getuserphonenumber(world: &mut World, call: &Call) -> Result<Reply, Refusal> {
    let app = caller(world, call, Kind::MiniProgram)?;
    let body = call.json()?;
    let code = body.get("code").and_then(Value::as_str).ok_or_else(|| refuse(40029))?;
    let now = world.now();
    let grant = world.phones.0.get(code).ok_or_else(|| refuse(40029))?;
    if grant.appid != app.appid {
        return Err(refuse(40013));
    }
    let grant = world.phones.0.remove(code).filter(|grant| now < grant.expires);
    let person = grant.ok_or_else(|| refuse(40029))?.person;
    let number = world.people.get(&person).phone.unwrap_or_else(|| "+8613800138000".to_owned());
    let pure = number.strip_prefix("+86");
    Ok(Reply::Json(json!({
        "errcode": 0,
        "errmsg": "ok",
        "phone_info": {
            "phoneNumber": pure.unwrap_or(&number),
            "purePhoneNumber": pure.unwrap_or(&number),
            // The table of the document says a text, its example a number.
            "countryCode": if pure.is_some() { json!("86") } else { json!(1) },
            "watermark": { "timestamp": now / 1000, "appid": app.appid },
        },
    })))
}
