//! What the service may answer. Whatever is not one of three shapes, in all its parts, is no answer:
//! half of one must not let anybody in.

use http::Uri;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::directory::open::at_first_sight;
use crate::login::ports::{Identity, User};

/// How long a user's id may be: what a token's `sub` may have (OpenID Connect Core, section 2).
const ID_BYTES: usize = 255;
/// How long a name may be: as one that somebody signs up by.
const NAME_CHARACTERS: usize = 64;
/// How long a picture's address may be.
const ADDRESS_BYTES: usize = 1024;
/// How long a reason may be: as that of a refusal by an API key.
const REASON_CHARACTERS: usize = 200;
/// How long all claims may be, as JSON: tokens go into headers.
const CLAIMS_BYTES: usize = 4 << 10;
/// What the token says in any case, and what would change its meaning (RFC 7519, section 4.1).
const OURS: [&str; 10] =
    ["iss", "sub", "aud", "exp", "nbf", "iat", "jti", "name", "picture", "provider"];

/// What the service decided.
#[derive(Debug, Eq, PartialEq)]
pub(super) enum Answer {
    /// They are this user, and may.
    Registered(User),
    /// It knows nobody like that.
    Unregistered,
    /// They may not, for this reason.
    Refused(String),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Shape {
    registered: Option<bool>,
    user: Option<Person>,
    claims: Option<Map<String, Value>>,
    refused: Option<Refusal>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Person {
    id: String,
    name: String,
    avatar_url: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Refusal {
    reason: String,
}

/// Reads an answer about somebody whom a provider vouches for. A service that says no more than yes
/// has no ids of its own: they are whom the rule `open` makes of them.
///
/// # Errors
/// What is wrong with it, in words that repeat nothing of it.
pub(super) fn read(bytes: &[u8], identity: &Identity) -> Result<Answer, &'static str> {
    let shape: Shape = serde_json::from_slice(bytes).map_err(|_| "not JSON of a known shape")?;
    match shape {
        Shape { registered: Some(true), user: person, claims, refused: None } => {
            let user = match person {
                Some(person) => user(person, &identity.provider)?,
                None => at_first_sight(identity),
            };
            let claims = claims.map(checked).transpose()?.flatten();
            Ok(Answer::Registered(User { claims, ..user }))
        }
        Shape { registered: Some(false), user: None, claims: None, refused: None } => {
            Ok(Answer::Unregistered)
        }
        Shape { registered: None, user: None, claims: None, refused: Some(Refusal { reason }) } => {
            if is_plain(&reason) && (1..=REASON_CHARACTERS).contains(&reason.chars().count()) {
                Ok(Answer::Refused(reason))
            } else {
                Err("a reason that is empty, too long, or has control characters")
            }
        }
        _ => Err("fields that do not go together"),
    }
}

fn user(person: Person, provider: &str) -> Result<User, &'static str> {
    let Person { id, name, avatar_url } = person;
    if !is_plain(&id) || !(1..=ID_BYTES).contains(&id.len()) {
        return Err("an id that is empty, too long, or has control characters");
    }
    if !is_plain(&name) || !(1..=NAME_CHARACTERS).contains(&name.chars().count()) {
        return Err("a name that is empty, too long, or has control characters");
    }
    if !avatar_url.as_deref().is_none_or(is_web_address) {
        return Err("an avatar_url that is no http or https address, or too long");
    }
    Ok(User { id, name, avatar_url, provider: provider.to_owned(), claims: None })
}

/// The claims as they are kept; none if there are none.
fn checked(claims: Map<String, Value>) -> Result<Option<Box<str>>, &'static str> {
    if claims.is_empty() {
        return Ok(None);
    }
    if OURS.iter().any(|ours| claims.contains_key(*ours)) {
        return Err("a claim that is the token's own");
    }
    let text = Value::Object(claims).to_string();
    if text.len() > CLAIMS_BYTES {
        return Err("claims that are too long");
    }
    Ok(Some(text.into()))
}

fn is_plain(text: &str) -> bool {
    !text.trim().is_empty() && !text.chars().any(char::is_control)
}

fn is_web_address(text: &str) -> bool {
    let Ok(uri) = text.parse::<Uri>() else { return false };
    let web = matches!(uri.scheme_str(), Some("http" | "https"));
    web && text.len() <= ADDRESS_BYTES && uri.host().is_some_and(|host| !host.is_empty())
}
