//! What a person does to an official account, and what WeChat or a forger pushes to its server.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::json;

use super::{ROOM, Told, app, shown, told};
use crate::api::Call;
use crate::apps::{Kind, Mode};
use crate::callbacks::{self, Envelope};
use crate::clock::SECOND;
use crate::followers::{self, Act, Following};
use crate::people::{openid, unionid};
use crate::tickets::Ticket;
use crate::world::{Shared, World};
use crate::{delivery, pictures};

pub(super) async fn route(shared: &Arc<Shared>, call: &Call) -> Told {
    match call.path.strip_prefix(ROOM).unwrap_or_default() {
        "account/push" => {
            let (id, wait) = shared.change(|world| push(world, call))?;
            delivered(shared, Some(id), wait).await
        }
        "account/replay" => replay(shared, call).await,
        "account/verify" => verify(shared, call).await,
        "account/follower" => shared.change(|world| follower(world, call)),
        act => {
            let (id, wait) = shared.change(|world| happens(world, call, act))?;
            delivered(shared, id, wait).await
        }
    }
}

/// What a person does, and to which account.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Doing {
    person: String,
    appid: Option<String>,
    /// What is scanned.
    ticket: Option<String>,
    url: Option<String>,
    /// In base64.
    picture: Option<String>,
    scene: Option<String>,
    /// What is said, or which item of the menu is tapped.
    text: Option<String>,
    item: Option<String>,
    key: Option<String>,
    /// When it is said to have happened, in seconds.
    at: Option<u64>,
    /// Whether to wait for the callback's end.
    #[serde(default = "yes")]
    wait: bool,
}

fn yes() -> bool {
    true
}

impl Doing {
    fn scanned(&self, world: &World) -> Result<Ticket, String> {
        let picture = match &self.picture {
            Some(picture) => {
                let bytes = STANDARD.decode(picture).map_err(|error| error.to_string())?;
                let name = pictures::name(&bytes).ok_or("no code in this picture")?;
                name.strip_prefix("ticket ").map(str::to_owned)
            }
            None => None,
        };
        let found =
            if let Some(name) = self.ticket.as_ref().or(self.url.as_ref()).or(picture.as_ref()) {
                world.tickets.find(name, None)
            } else {
                let scene = self.scene.as_ref().ok_or("what is scanned?")?;
                world.tickets.find(scene, Some(self.appid.as_ref().ok_or("no appid")?))
            };
        let ticket = found.ok_or("no such code")?.clone();
        if ticket.expires.is_some_and(|expires| world.now() >= expires) {
            return Err("the code has expired".to_owned());
        }
        Ok(ticket)
    }
}

fn happens(world: &mut World, call: &Call, act: &str) -> Result<(Option<usize>, bool), String> {
    let doing: Doing = told(call)?;
    let ticket = if act == "account/scan" { Some(doing.scanned(world)?) } else { None };
    let appid = ticket.as_ref().map(|ticket| &ticket.appid).or(doing.appid.as_ref());
    let app = app(world, appid.ok_or("no appid")?)?;
    if app.kind != Kind::OfficialAccount {
        return Err(format!("{} is no official account", app.appid));
    }
    let act = match (act, &ticket) {
        ("account/scan", Some(ticket)) => Act::Scan(ticket),
        ("account/follow", _) => Act::Follow,
        ("account/unfollow", _) => Act::Unfollow,
        ("account/say", _) => {
            Act::Say { text: doing.text.as_deref().ok_or("no text")?, item: doing.item.as_deref() }
        }
        ("account/click", _) => Act::Click { key: doing.key.as_deref().ok_or("no key")? },
        (other, _) => return Err(format!("no {other}")),
    };
    let at = doing.at.map(|at| at * SECOND);
    Ok((followers::act(world, &app, &doing.person, &act, at), doing.wait))
}

/// Delivers a callback; it is told as it is in the end, if anybody waits for the end.
async fn delivered(shared: &Arc<Shared>, id: Option<usize>, wait: bool) -> Told {
    let Some(id) = id else { return shown(json!({ "push": null })) };
    let delivery = tokio::spawn({
        let shared = Arc::clone(shared);
        async move { delivery::deliver(&shared, id).await }
    });
    if wait {
        delivery.await.map_err(|error| error.to_string())?;
    }
    shown(json!({ "push": shared.change(|world| world.callbacks.0.get(id).cloned()) }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Somebody {
    appid: String,
    person: String,
}

fn follower(world: &mut World, call: &Call) -> Told {
    let Somebody { appid, person } = told(call)?;
    let app = app(world, &appid)?;
    let following = Following { since: world.now(), way: "ADD_SCENE_OTHERS", ticket: None };
    world.followers.add(&appid, &person, following);
    shown(json!({ "openid": openid(&appid, &person), "unionid": unionid(&app, &person) }))
}

/// A callback of any content, each part of which may be wrong.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Forged {
    appid: String,
    xml: String,
    #[serde(default)]
    openid: String,
    /// When it is said to be sent, in seconds.
    at: Option<u64>,
    url: Option<String>,
    token: Option<String>,
    aes_key: Option<String>,
    mode: Option<Mode>,
    /// Whose it says to be when it is opened.
    sealed_for: Option<String>,
    #[serde(default = "yes")]
    wait: bool,
}

fn push(world: &mut World, call: &Call) -> Result<(usize, bool), String> {
    let forged: Forged = told(call)?;
    let app = app(world, &forged.appid)?;
    let mut callback = app.callback.ok_or("the app has no callback")?;
    callback.url = forged.url.unwrap_or(callback.url);
    callback.token = forged.token.unwrap_or(callback.token);
    callback.aes_key = forged.aes_key.unwrap_or(callback.aes_key);
    callback.mode = forged.mode.unwrap_or(callback.mode);
    let at = forged.at.map_or(world.now(), |at| at * SECOND);
    let appid = forged.sealed_for.unwrap_or(app.appid);
    let envelope = Envelope { appid, openid: forged.openid, at, callback };
    Ok((callbacks::prepare(world, envelope, forged.xml), forged.wait))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Again {
    id: usize,
}

/// Sends what went out last for a callback once more, byte for byte.
async fn replay(shared: &Arc<Shared>, call: &Call) -> Told {
    let Again { id } = told(call)?;
    let push = shared.change(|world| world.callbacks.0.get(id).cloned()).ok_or("no such push")?;
    let last = push.tries.last().ok_or("it was never sent")?;
    let patience = Duration::from_millis(push.envelope.callback.timeout_ms);
    shown(delivery::attempt(shared, &last.url, &last.body, patience).await)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Check {
    appid: String,
    token: Option<String>,
    at: Option<u64>,
}

/// Asks the address for the echo, as the console does before it takes it.
async fn verify(shared: &Arc<Shared>, call: &Call) -> Told {
    let check: Check = told(call)?;
    let (callback, url, echo) = shared.change(|world| {
        let app = app(world, &check.appid)?;
        let mut callback = app.callback.ok_or("the app has no callback")?;
        callback.token = check.token.unwrap_or(callback.token);
        let at = check.at.map_or(world.now(), |at| at * SECOND);
        let (url, echo) = callbacks::check(&callback, at, &mut world.dice)?;
        Ok::<_, String>((callback, url, echo))
    })?;
    let patience = Duration::from_millis(callback.timeout_ms);
    let sent = shared.client.get(&url).timeout(patience).send().await;
    let response = match sent {
        Ok(response) => response,
        Err(error) => return shown(json!({ "ok": false, "url": url, "error": error.to_string() })),
    };
    let status = response.status().as_u16();
    let answer = response.text().await.unwrap_or_default();
    let ok = status == 200 && answer == echo;
    shown(json!({ "ok": ok, "url": url, "status": status, "answer": answer }))
}
