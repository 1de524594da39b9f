//! What tests say to the stub, under `/stub/`, in JSON. None of it is WeChat's.
//!
//! | call | what it does |
//! | --- | --- |
//! | `POST apps` | registers an app, or changes what is named of one; `GET`: all |
//! | `POST people` | says more about a person than a name |
//! | `POST clock` | `{forward_s}` lets time pass, `{stop}` stops it; `GET`: now |
//! | `POST faults` | puts a fault in the way; `GET`: those in force; `DELETE`: none any more |
//! | `POST tokens/revoke` | ends every token of `{appid}` |
//! | `POST reset` | forgets everything |
//! | `GET calls` | the record; `?path`, `?appid`, and `?at_least=n` waits for as many |
//! | `DELETE calls` | forgets the record; `GET counts`: how often, how many at once |
//! | `GET codes`, `pushes`, `messages` | what was made, pushed, sent; `?appid`, `?at_least` |
//! | `POST who` | `{appid, person}`: by which openid and unionid the app knows the person |
//! | `POST login` | `{appid, person}`: what `wx.login` gives; `POST phone`: for the number |
//! | `POST scan` | a picture, or `{appid, scene}`: what the mini program is opened with |
//! | `POST account/scan` | `{ticket \| url \| picture \| appid and scene, person}` |
//! | `POST account/follow`, `unfollow`, `say`, `click` | `{appid, person, …}` |
//! | `POST account/follower` | makes a follower whom nobody is told of |
//! | `POST account/push` | any content, with any signature; `replay`: the same bytes again |
//! | `POST account/verify` | the console's check of the address |
//! | `POST website/allow`, `refuse` | `{uuid \| state \| address, person}`: 302 to the website |
//!
//! Belongs here: which call is which function. Mistakes get 400 with `stub_error`.

mod account;
mod looking;
mod phone;
mod setup;

use std::sync::Arc;

use serde::de::DeserializeOwned;

use crate::api::Call;
use crate::apps::App;
use crate::envelope::{Answer, Family, Reply};
use crate::world::{Shared, World};

/// Where all of it is.
pub(crate) const ROOM: &str = "/stub/";

/// A reply, or what is wrong with the test.
type Told = Result<Reply, String>;

/// Does what a test says.
pub(crate) async fn answer(shared: &Arc<Shared>, call: &Call) -> Answer {
    match route(shared, call).await {
        Ok(reply) => reply.answer(Family::Page),
        Err(error) => Answer::json(400, Family::Page, &serde_json::json!({ "stub_error": error })),
    }
}

async fn route(shared: &Arc<Shared>, call: &Call) -> Told {
    let path = call.path.strip_prefix(ROOM).unwrap_or_default();
    match (call.method.as_str(), path) {
        ("GET", "apps") => shared.change(|world| setup::apps(world)),
        ("POST", "apps") => shared.change(|world| setup::app(world, call)),
        ("POST", "people") => shared.change(|world| setup::person(world, call)),
        ("GET" | "POST", "clock") => shared.change(|world| setup::clock(world, call)),
        ("GET", "faults") => shared.change(|world| setup::faults(world)),
        ("POST", "faults") => shared.change(|world| setup::fault(world, call)),
        ("DELETE", "faults") => shared.change(setup::no_faults),
        ("POST", "tokens/revoke") => shared.change(|world| setup::revoke(world, call)),
        ("POST", "reset") => shared.change(setup::reset),
        ("GET", "calls" | "codes" | "pushes" | "messages") => {
            looking::list(shared, call, path).await
        }
        ("DELETE", "calls") => shared.change(looking::forget),
        ("GET", "counts") => shared.change(|world| looking::counts(world)),
        ("POST", "who") => shared.change(|world| phone::who(world, call)),
        ("POST", "login") => shared.change(|world| phone::login(world, call)),
        ("POST", "phone") => shared.change(|world| phone::number(world, call)),
        ("POST", "scan") => shared.change(|world| phone::scan(world, call)),
        ("POST", "website/allow") => shared.change(|world| phone::website(world, call, true)),
        ("POST", "website/refuse") => shared.change(|world| phone::website(world, call, false)),
        ("POST", path) if path.starts_with("account/") => account::route(shared, call).await,
        _ => Err(format!("no {} {}", call.method, call.path)),
    }
}

/// What a test's JSON says.
fn told<T: DeserializeOwned>(call: &Call) -> Result<T, String> {
    let body = if call.body.is_empty() { b"{}" } else { &call.body[..] };
    serde_json::from_slice(body).map_err(|error| error.to_string())
}

fn app(world: &World, appid: &str) -> Result<App, String> {
    world.apps.get(appid).cloned().ok_or_else(|| format!("no app {appid:?}"))
}

/// Something of the world's as it is.
fn shown(what: impl serde::Serialize) -> Told {
    serde_json::to_value(what).map(Reply::Json).map_err(|error| error.to_string())
}
