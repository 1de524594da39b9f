//! Mini-program codes: `getwxacodeunlimit`, its rules of arguments, and what a scan leads to.

use std::collections::HashSet;
use std::fmt::Write as _;

use serde::Serialize;
use serde_json::{Value, json};

use crate::api::Call;
use crate::apps::{App, Kind};
use crate::clock::MINUTE;
use crate::envelope::{Refusal, Reply, refuse};
use crate::pictures::{self, Format};
use crate::tokens::caller;
use crate::world::World;

/// What a scene may be made of besides letters and digits.
const SCENE_MARKS: &str = "!#$&'()*+,/:;=?@-._~";
const LONGEST_SCENE: usize = 32;
const WIDTHS: std::ops::RangeInclusive<u64> = 280..=1280;

/// A code that was made; it is valid for ever.
#[derive(Clone, Serialize)]
pub(crate) struct Code {
    pub(crate) id: usize,
    pub(crate) appid: String,
    pub(crate) scene: String,
    pub(crate) page: String,
    pub(crate) env_version: String,
    pub(crate) width: u64,
    pub(crate) is_hyaline: bool,
}

/// All codes, the pages that were never published among them.
#[derive(Default)]
pub(crate) struct Codes {
    pub(crate) all: Vec<Code>,
    unpublished: HashSet<(String, String)>,
}

/// `POST /wxa/getwxacodeunlimit`.
pub(crate) fn getwxacodeunlimit(world: &mut World, call: &Call) -> Result<Reply, Refusal> {
    let app = caller(world, call, Kind::MiniProgram)?;
    let now = world.now();
    if !world.quotas.take("codes", &app.appid, app.limits.codes_per_minute, MINUTE, now) {
        return Err(refuse(45009));
    }
    let body = call.json()?;
    let scene = scene(&body)?;
    let page = page(&app, &body, &mut world.codes.unpublished)?;
    let env_version = env_version(&body)?;
    let width = width(&body)?;
    flag(&body, "auto_color", false)?;
    line_color(&body)?;
    let is_hyaline = flag(&body, "is_hyaline", false)?;

    let id = world.codes.all.len();
    let format = if is_hyaline { Format::Png } else { Format::Jpeg };
    let media_type = if is_hyaline { &app.hyaline_type } else { "image/jpeg" };
    let bytes =
        pictures::draw(format, u32::try_from(width).unwrap_or(430), &format!("wxacode {id}"));
    let appid = app.appid.clone();
    world.codes.all.push(Code { id, appid, scene, page, env_version, width, is_hyaline });
    Ok(Reply::Picture { bytes, media_type: media_type.to_owned() })
}

fn scene(body: &Value) -> Result<String, Refusal> {
    let scene = body.get("scene").and_then(Value::as_str).ok_or_else(|| refuse(40169))?;
    if scene.is_empty() || scene.chars().count() > LONGEST_SCENE {
        return Err(refuse(40169));
    }
    if !scene.chars().all(|c| c.is_ascii_alphanumeric() || SCENE_MARKS.contains(c)) {
        return Err(refuse(40129));
    }
    Ok(scene.to_owned())
}

fn page(
    app: &App,
    body: &Value,
    unpublished: &mut HashSet<(String, String)>,
) -> Result<String, Refusal> {
    let check = flag(body, "check_path", true)?;
    let page = match body.get("page") {
        None | Some(Value::Null) => "",
        Some(page) => page.as_str().ok_or_else(|| refuse(40097))?,
    };
    if page.contains("scancode_time") {
        return Err(refuse(85096));
    }
    if page.starts_with('/') || page.contains('?') {
        return Err(refuse(41030));
    }
    if page.is_empty() {
        let home = app.pages.first().cloned();
        return if check {
            home.ok_or_else(|| refuse(41030))
        } else {
            Ok(home.unwrap_or_default())
        };
    }
    if !app.pages.iter().any(|published| published == page) {
        if check {
            return Err(refuse(41030));
        }
        let name = (app.appid.clone(), page.to_owned());
        let known = unpublished.iter().filter(|(of, _)| *of == app.appid).count();
        if !unpublished.contains(&name) && known >= app.limits.unpublished_pages {
            return Err(refuse(40097));
        }
        unpublished.insert(name);
    }
    Ok(page.to_owned())
}

fn env_version(body: &Value) -> Result<String, Refusal> {
    match body.get("env_version") {
        None | Some(Value::Null) => Ok("release".to_owned()),
        Some(Value::String(version)) if matches!(&**version, "release" | "trial" | "develop") => {
            Ok(version.clone())
        }
        Some(_) => Err(refuse(40097)),
    }
}

fn width(body: &Value) -> Result<u64, Refusal> {
    match body.get("width") {
        None | Some(Value::Null) => Ok(430),
        Some(width) => {
            width.as_u64().filter(|width| WIDTHS.contains(width)).ok_or_else(|| refuse(40097))
        }
    }
}

fn flag(body: &Value, name: &str, otherwise: bool) -> Result<bool, Refusal> {
    match body.get(name) {
        None | Some(Value::Null) => Ok(otherwise),
        Some(flag) => flag.as_bool().ok_or_else(|| refuse(40097)),
    }
}

/// Three shares, as numbers or as texts: the libraries send texts.
fn line_color(body: &Value) -> Result<(), Refusal> {
    let color = match body.get("line_color") {
        None | Some(Value::Null) => return Ok(()),
        Some(color) => color.as_object().ok_or_else(|| refuse(40097))?,
    };
    for name in ["r", "g", "b"] {
        let share = match color.get(name) {
            None => Some(0),
            Some(Value::String(text)) => text.parse().ok(),
            Some(share) => share.as_u64(),
        };
        share.filter(|share| *share <= 255).ok_or_else(|| refuse(40097))?;
    }
    Ok(())
}

/// What the mini program is opened with by a phone that scanned a code.
pub(crate) fn opened(app: Option<&App>, code: &Code, entry: u16) -> Value {
    let scene = encode_uri_component(&code.scene);
    json!({
        "appid": code.appid,
        "page": code.page,
        "query": { "scene": scene },
        "path": format!("{}?scene={scene}", code.page),
        "entry_scene": entry,
        "env_version": code.env_version,
        "page_exists": app.is_some_and(|app| app.pages.contains(&code.page)),
    })
}

/// As JavaScript's `encodeURIComponent`.
pub(crate) fn encode_uri_component(text: &str) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.!~*'()".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}
