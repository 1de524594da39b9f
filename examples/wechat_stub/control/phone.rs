//! What a person does with a phone: logs in to a mini program, scans its code, decides about a
//! website.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::json;

use super::{Told, app, shown, told};
use crate::api::Call;
use crate::apps::Kind;
use crate::codes::{self, Code};
use crate::people::{openid, unionid};
use crate::world::World;
use crate::{logins, phones, pictures, website};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Login {
    appid: String,
    person: String,
    /// Whether the login replaces the session that there is.
    #[serde(default)]
    new_session: bool,
}

pub(super) fn login(world: &mut World, call: &Call) -> Told {
    let Login { appid, person, new_session } = told(call)?;
    let app = app(world, &appid)?;
    if app.kind != Kind::MiniProgram {
        return Err(format!("{appid} is no mini program"));
    }
    shown(json!({ "code": logins::wx_login(world, &appid, &person, new_session) }))
}

pub(super) fn who(world: &mut World, call: &Call) -> Told {
    let Login { appid, person, .. } = told(call)?;
    let app = app(world, &appid)?;
    shown(json!({ "openid": openid(&appid, &person), "unionid": unionid(&app, &person) }))
}

pub(super) fn number(world: &mut World, call: &Call) -> Told {
    let Login { appid, person, .. } = told(call)?;
    app(world, &appid)?;
    shown(json!({ "code": phones::grant(world, &appid, &person) }))
}

/// How a code came before the camera.
#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Entry {
    #[default]
    Camera,
    LongPress,
    Album,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Scan {
    /// In base64.
    picture: Option<String>,
    appid: Option<String>,
    scene: Option<String>,
    #[serde(default)]
    entry: Entry,
}

pub(super) fn scan(world: &mut World, call: &Call) -> Told {
    // A picture may be the body, too.
    let is_picture = call.headers.get("content-type").is_some_and(|t| t.starts_with("image/"));
    let (code, entry) = if is_picture {
        let entry = match call.query("entry").unwrap_or("camera") {
            "camera" => Entry::Camera,
            "long_press" => Entry::LongPress,
            "album" => Entry::Album,
            other => return Err(format!("no entry {other:?}")),
        };
        (pictured(world, &call.body)?, entry)
    } else {
        let scan: Scan = told(call)?;
        let code = match (&scan.picture, &scan.appid, &scan.scene) {
            (Some(picture), None, None) => {
                let picture = STANDARD.decode(picture).map_err(|error| error.to_string())?;
                pictured(world, &picture)?
            }
            (None, Some(appid), Some(scene)) => {
                let is = |code: &&Code| code.appid == *appid && code.scene == *scene;
                world.codes.all.iter().rev().find(is).ok_or("no such code")?
            }
            _ => return Err("a picture, or an appid and a scene".to_owned()),
        };
        (code, scan.entry)
    };
    let number = match entry {
        Entry::Camera => 1047,
        Entry::LongPress => 1048,
        Entry::Album => 1049,
    };
    shown(codes::opened(world.apps.get(&code.appid), code, number))
}

fn pictured<'a>(world: &'a World, picture: &[u8]) -> Result<&'a Code, String> {
    let name = pictures::name(picture).ok_or("no code in this picture")?;
    let id = name.strip_prefix("wxacode ").and_then(|id| id.parse::<usize>().ok());
    id.and_then(|id| world.codes.all.get(id)).ok_or_else(|| format!("{name}: no such code"))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Decision {
    uuid: Option<String>,
    state: Option<String>,
    /// The whole address of the page, which is opened first.
    address: Option<String>,
    person: Option<String>,
}

pub(super) fn website(world: &mut World, call: &Call, allows: bool) -> Told {
    let decision: Decision = told(call)?;
    let uuid = match (&decision.uuid, &decision.state, &decision.address) {
        (Some(name), None, None) | (None, Some(name), None) => {
            world.website.find(name).ok_or("no such page")?.uuid.clone()
        }
        (None, None, Some(address)) => {
            let query = address.split_once('?').map_or("", |(_, query)| query);
            let query = query.split('#').next().unwrap_or_default();
            let query = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
            let page = Call { query, ..call.bare() };
            website::open(world, &page)?.uuid
        }
        _ => return Err("a uuid, a state or an address".to_owned()),
    };
    let person = match (allows, &decision.person) {
        (true, None) => return Err("no person".to_owned()),
        (true, Some(person)) => Some(person.as_str()),
        (false, _) => None,
    };
    website::decide(world, &uuid, person).map_err(str::to_owned)
}
