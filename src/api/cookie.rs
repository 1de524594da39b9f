//! The cookies that hold a secret or a phone token, so that a plain `EventSource` works on the same
//! site. A cookie's path is its session's or its scene's: several logins do not get in each
//! other's way.

use poem::Request;
use poem::http::header;

use crate::login::secret::Bearer;

/// The name of every one of them.
const NAME: &str = "saoma_secret";
/// Seconds by which a cookie outlives its session's time: the end is still to be read.
const LONGER: u64 = 300;

/// A `Set-Cookie` header (RFC 6265, section 4.1). Not readable by scripts, not sent along with
/// what other sites ask for.
#[must_use]
pub fn set(path: &str, bearer: &Bearer, seconds: u64, https: bool) -> String {
    let (value, age) = (bearer.as_str(), seconds.saturating_add(LONGER));
    let secure = if https { "; Secure" } else { "" };
    format!("{NAME}={value}; Path={path}; Max-Age={age}; HttpOnly; SameSite=Strict{secure}")
}

/// The cookie that came with a request.
#[must_use]
pub fn get(request: &Request) -> Option<Bearer> {
    let lines = request.headers().get_all(header::COOKIE).into_iter();
    let cookies = lines.filter_map(|line| line.to_str().ok()).flat_map(|line| line.split(';'));
    let mut pairs = cookies.filter_map(|cookie| cookie.trim().split_once('='));
    pairs.find(|(name, _)| *name == NAME).map(|(_, value)| Bearer::shown(value))
}
