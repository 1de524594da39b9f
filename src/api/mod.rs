//! The HTTP API: parses a request, calls one function of the core, renders what it says.
//!
//! One file an audience ([`sessions`], [`scenes`], [`backend`] with [`tokens`], [`me`], [`wechat`]
//! with [`returning`]), what they share ([`schema`], [`events`], [`commands`]), and what stands around all of them
//! ([`credentials`], [`mod@origin`], [`cors`], [`catch`]). The [`document`] says of each what its
//! types do not: its [`refusals`] and [`examples`].
//! Nothing is decided here.
//!
//! To add an operation: a method in its audience's file with an operation id, which problems it may
//! answer with in [`refusals`], an example of what is new in [`examples`], then
//! `cargo run -- openapi > openapi/saoma.json`.

pub mod address;
pub mod backend;
pub mod catch;
pub mod commands;
pub mod cookie;
pub mod cors;
pub mod credentials;
pub mod document;
pub mod encoding;
pub mod events;
pub mod examples;
pub mod form;
pub mod json;
pub mod me;
pub mod origin;
pub mod pages;
pub mod pictures;
pub mod problem;
pub mod reached;
pub mod refusals;
pub mod returning;
pub mod scenes;
pub mod schema;
pub mod sessions;
pub mod tokens;
pub mod wechat;

use std::sync::Arc;

use futures_util::future::BoxFuture;
use poem::endpoint::BoxEndpoint;
use poem::{EndpointExt, Response, Route};
use poem_openapi::OpenApiService;

use address::Trusts;
use backend::Backends;
use catch::Caught;
use cors::Cors;
use events::Streams;
use me::Me;
use origin::PublicOrigin;
use pages::Pages;
use pictures::Kept;
use reached::Reached;
use scenes::Scenes;
use sessions::Sessions;
use tokens::Tokens;
use wechat::WeChat;

use crate::entropy::Entropy;
use crate::login::Login;
use crate::origin::Origin;

/// The published keys as they are now, as JSON (RFC 7517).
pub type Published = Arc<dyn Fn() -> BoxFuture<'static, String> + Send + Sync>;

/// Everything that the API is made of.
pub struct Parts {
    /// The core.
    pub login: Arc<Login>,
    /// The event streams.
    pub streams: Arc<Streams>,
    /// Where the server is reached, if that was configured.
    pub public_url: Option<String>,
    /// Whether the server itself speaks TLS.
    pub secure: bool,
    /// Whose word on a client's address is taken.
    pub trusts: Trusts,
    /// For request ids.
    pub entropy: Entropy,
    /// The published keys.
    pub jwks: Published,
    /// What the providers want of the pages.
    pub pages: Pages,
}

type Api = (Sessions, Scenes, Backends, Tokens, Me, WeChat);

fn service(parts: &Parts) -> OpenApiService<Api, ()> {
    let Parts { login, streams, public_url, secure, .. } = parts;
    let reached = Reached { configured: public_url.clone(), secure: *secure };
    let sessions = Sessions {
        login: Arc::clone(login),
        streams: Arc::clone(streams),
        reached: reached.clone(),
    };
    let scenes = Scenes {
        login: Arc::clone(login),
        streams: Arc::clone(streams),
        https: reached.is_https(),
    };
    let login = || Arc::clone(login);
    let (backends, tokens) = (Backends { login: login(), reached }, Tokens { login: login() });
    let (me, wechat) = (Me { login: login() }, WeChat { login: login() });
    document::service((sessions, scenes, backends, tokens, me, wechat))
}

/// The `OpenAPI` document, as it is to be committed: then `/openapi.json` serves it.
#[must_use]
pub fn openapi(parts: &Parts) -> String {
    document::text(&service(parts))
}

/// The public listener's endpoint.
#[must_use]
pub fn endpoint(parts: Parts) -> BoxEndpoint<'static, Response> {
    let metrics = Arc::clone(&parts.streams.shared.metrics);
    let service = service(&parts);
    let routes = document::routes();
    for (method, route) in routes.operations() {
        metrics.http.begin(method, route);
    }
    // Nested where all operations are: nested at `/` it would take every other path as well.
    let route = Route::new().nest_no_strip("/v1", service);
    let Parts { login, trusts, entropy, jwks, pages, public_url, .. } = parts;
    let public = PublicOrigin(public_url.as_deref().and_then(Origin::of_address));
    let route = pages::add(route, jwks, &pages);
    let keeper = Arc::clone(&login);
    let kept: Kept = Arc::new(move |name| {
        let login = Arc::clone(&keeper);
        Box::pin(async move { login.picture(&name).await })
    });
    let route = pictures::add(route, kept);
    let cors = Cors(login.listed_origins().cloned().collect());
    let inner = route.data(login).data(trusts).data(public).map_to_response().boxed();
    Caught { inner, routes, cors, entropy, metrics }.boxed()
}
