//! Credentials: reads who is asking off a request and lets the core say whether they may, before
//! the body is looked at.

use std::future::Future;
use std::sync::Arc;

use poem::Request;
use poem::RequestBody;
use poem::http::{StatusCode, header};
use poem_openapi::registry::{MetaSecurityScheme, Registry};
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions};

use super::cookie;
use super::origin;
use super::problem::Problem;
use crate::login::backend::Backend as BackendPass;
use crate::login::browser::Browser;
use crate::login::phone::PhonePass;
use crate::login::scene::Scene;
use crate::login::secret::Bearer;
use crate::login::session::SessionId;
use crate::login::tokens::Holder;
use crate::login::visitor::Visitor;
use crate::login::{Login, LoginError};
use crate::transport::negotiate;

/// The parameter that shows a credential (RFC 6750, section 2.3).
const QUERY: &str = "access_token";

/// The browser that opened the session of the path.
pub struct BrowserAuth(pub Browser);

/// The phone that scanned the scene of the path.
pub struct PhoneAuth(pub PhonePass);

/// A service with an API key.
pub struct BackendAuth(pub BackendPass);

/// A person with the token of a login.
pub struct HolderAuth(pub Holder);

impl BrowserAuth {
    async fn check(request: &Request) -> Result<Self, Problem> {
        let secret = find(request)?.bearer;
        let unknown = LoginError::NotFound("session");
        let id = path_parameter(request).and_then(SessionId::parse).ok_or(unknown)?;
        Ok(Self(login(request)?.browser(id, &secret, &origin::visitor(request)).await?))
    }
}

impl PhoneAuth {
    async fn check(request: &Request) -> Result<Self, Problem> {
        let Shown { bearer: token, by_cookie } = find(request)?;
        if by_cookie {
            // A cookie comes along with what other sites ask for, too.
            own_page(request)?;
        }
        let scene = scene(path_parameter(request).unwrap_or_default())?;
        Ok(Self(login(request)?.phone(&scene, &token).await?))
    }
}

impl BackendAuth {
    fn check(request: &Request) -> Result<Self, Problem> {
        let key = authorization(request)?.ok_or_else(|| missing("an API key"))?;
        Ok(Self(login(request)?.backend(&key)?))
    }
}

impl HolderAuth {
    async fn check(request: &Request) -> Result<Self, Problem> {
        let token = authorization(request)?.ok_or_else(|| missing("the token of a login"))?;
        Ok(Self(login(request)?.holder(&token).await?))
    }
}

/// The scene of a path.
///
/// # Errors
/// 400 if it is none.
pub fn scene(text: &str) -> Result<Scene, Problem> {
    let bad = |error: crate::login::scene::NotAScene| {
        Problem::new(StatusCode::BAD_REQUEST, "bad_scene", error.to_string())
    };
    Scene::parse(text).map_err(bad)
}

fn login(request: &Request) -> Result<&Arc<Login>, Problem> {
    let nowhere = || Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "no login core");
    request.data::<Arc<Login>>().ok_or_else(nowhere)
}

/// The first parameter of the path, percent-decoded: poem-openapi numbers them.
fn path_parameter(request: &Request) -> Option<&str> {
    request.raw_path_param("param0")
}

/// A bearer that came with a request.
struct Shown {
    bearer: Bearer,
    /// Whether the browser put it there by itself.
    by_cookie: bool,
}

/// The session's secret or phone token: from the header, the subprotocol, the cookie, or, for
/// events alone, the query.
fn find(request: &Request) -> Result<Shown, Problem> {
    let shown = |bearer| Ok(Shown { bearer, by_cookie: false });
    if let Some(bearer) = authorization(request)? {
        return shown(bearer);
    }
    if let Some(text) = negotiate::subprotocol_bearer(request.headers()) {
        return shown(Bearer::shown(text));
    }
    if request.uri().path().ends_with("/events")
        && let Some(text) = query_parameter(request, QUERY)
    {
        return shown(Bearer::shown(&text));
    }
    let bearer =
        cookie::get(request).ok_or_else(|| missing("the session's secret or phone token"))?;
    Ok(Shown { bearer, by_cookie: true })
}

fn missing(what: &str) -> Problem {
    Problem::unauthorized(format!("{what} is needed, as `Authorization: Bearer`"))
}

/// `Authorization: Bearer` (RFC 6750, section 2.1).
fn authorization(request: &Request) -> Result<Option<Bearer>, Problem> {
    let Some(value) = request.headers().get(header::AUTHORIZATION) else { return Ok(None) };
    let bearer = value.to_str().ok().and_then(|text| text.split_once(' '));
    match bearer {
        Some((scheme, text)) if scheme.eq_ignore_ascii_case("bearer") => {
            Ok(Some(Bearer::shown(text.trim())))
        }
        _ => Err(Problem::unauthorized("the Authorization header is not of the scheme Bearer")),
    }
}

/// A parameter of the query, percent-decoded.
pub fn query_parameter(request: &Request, name: &str) -> Option<String> {
    let query = request.uri().query()?;
    let mut pairs = form_urlencoded::parse(query.as_bytes());
    pairs.find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
}

/// Refuses what another site made the browser ask for: such a request names its origin.
fn own_page(request: &Request) -> Result<(), Problem> {
    match origin::visitor(request) {
        Visitor::Unnamed | Visitor::Own(_) => Ok(()),
        Visitor::Foreign(_) | Visitor::Unclear(_) => {
            let detail = "the phone's cookie is good for its own site only";
            Err(Problem::new(StatusCode::FORBIDDEN, "origin_not_allowed", detail))
        }
    }
}

/// The ways of one credential into the document, and the call of its check: the same for all.
macro_rules! security_scheme {
    ($auth:ty, $operations:expr, $also:expr, $check:expr) => {
        impl<'a> ApiExtractor<'a> for $auth {
            const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::SecurityScheme];

            type ParamType = ();
            type ParamRawType = ();

            fn register(registry: &mut Registry) {
                for (name, scheme) in $operations.into_iter().chain($also) {
                    registry.create_security_scheme(name, scheme);
                }
            }

            fn security_schemes() -> Vec<&'static str> {
                $operations.map(|(name, _)| name).into()
            }
            fn from_request(
                request: &'a Request,
                _: &mut RequestBody,
                _: ExtractParamOptions<()>,
            ) -> impl Future<Output = poem::Result<Self>> + Send {
                async move { $check(request).await.map_err(Into::into) }
            }
        }
    };
}

security_scheme!(
    BrowserAuth,
    [
        (
            "sessionSecret",
            bearer(
                "The session's `secret`; a WebSocket may show it as the subprotocol pair \
                 `saoma.v1`, `saoma.bearer.<secret>` instead."
            )
        ),
        ("sessionCookie", key("cookie", cookie::NAME, "The cookie that opening the session set.")),
    ],
    [("sessionQuery", key("query", QUERY, "The session's `secret`, for `/events` alone."))],
    BrowserAuth::check
);
security_scheme!(
    PhoneAuth,
    [
        (
            "phoneToken",
            bearer(
                "The `phone_token` of the phone that scanned; a WebSocket may show it as the \
                 subprotocol pair `saoma.v1`, `saoma.bearer.<phone_token>` instead."
            )
        ),
        (
            "phoneCookie",
            key("cookie", cookie::NAME, "The cookie that scanning set; for the site's own pages.")
        ),
    ],
    [("phoneQuery", key("query", QUERY, "The `phone_token`, for `/events` alone."))],
    PhoneAuth::check
);
security_scheme!(
    BackendAuth,
    [("apiKey", bearer("One of the namespace's API keys."))],
    [],
    |request| { std::future::ready(BackendAuth::check(request)) }
);
security_scheme!(
    HolderAuth,
    [("userToken", bearer("The `access_token` that a login ended in."))],
    [],
    HolderAuth::check
);

fn bearer(description: &'static str) -> MetaSecurityScheme {
    let scheme = Some("bearer");
    MetaSecurityScheme { ty: "http", scheme, ..described(description) }
}

fn key(key_in: &'static str, name: &'static str, description: &'static str) -> MetaSecurityScheme {
    let (name, key_in) = (Some(name), Some(key_in));
    MetaSecurityScheme { ty: "apiKey", name, key_in, ..described(description) }
}

fn described(description: &'static str) -> MetaSecurityScheme {
    MetaSecurityScheme {
        ty: "",
        description: Some(description),
        name: None,
        key_in: None,
        scheme: None,
        bearer_format: None,
        flows: None,
        openid_connect_url: None,
    }
}
