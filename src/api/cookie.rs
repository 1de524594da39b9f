//! The cookies that hold a secret or a phone token, so that a plain `EventSource` works on the same
//! site, and for a welcome guest on its own. A cookie's path is its session's or its scene's:
//! several logins do not get in each other's way.

use poem::Request;
use poem::http::header;

use crate::login::scene::Scene;
use crate::login::secret::Bearer;

/// The name of every one of them.
pub(super) const NAME: &str = "saoma_secret";
/// Seconds by which a cookie outlives its session's time: the end is still to be read.
const LONGER: u64 = 300;

/// By https, with another site's requests as well, under the page that it was set under.
const GUEST: &str = "SameSite=None; Secure; Partitioned";

/// With whose requests a cookie is sent along.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Reach {
    /// The own site's, by plain http.
    Http,
    /// The own site's, by https alone.
    Https,
    /// By https, also another site's, and only under the page that it was set under.
    Guest,
}

impl Reach {
    /// The reach of a session's cookie. Browsers take one for other sites by https alone.
    #[must_use]
    pub fn of(https: bool, guest: bool) -> Self {
        match (https, guest) {
            (false, _) => Self::Http,
            (true, false) => Self::Https,
            (true, true) => Self::Guest,
        }
    }
}

/// A `Set-Cookie` header (RFC 6265, section 4.1), of which no script can read the value.
#[must_use]
pub fn set(path: &str, bearer: &Bearer, seconds: u64, reach: Reach) -> String {
    let reach = match reach {
        Reach::Http => "SameSite=Strict",
        Reach::Https => "SameSite=Strict; Secure",
        Reach::Guest => GUEST,
    };
    header(NAME, path, bearer, seconds.saturating_add(LONGER), reach)
}

/// `Set-Cookie` headers for when the browser comes back from the provider's page, by a link of
/// another site's. Their name has the scene in it: several logins come back to one path.
#[must_use]
pub fn set_for_return(
    path: &str,
    scene: &Scene,
    bearer: &Bearer,
    seconds: u64,
    reach: Reach,
) -> Vec<String> {
    let reaches: &[&str] = match reach {
        Reach::Http => &["SameSite=Lax"],
        Reach::Https => &["SameSite=Lax; Secure"],
        // One for a frame of the guest's page, and one for a window of its own: some browsers keep
        // the latter from guests.
        Reach::Guest => &[GUEST, "SameSite=None; Secure"],
    };
    let name = of_scene(scene);
    reaches.iter().map(|reach| header(&name, path, bearer, seconds, reach)).collect()
}

fn header(name: &str, path: &str, bearer: &Bearer, seconds: u64, reach: &str) -> String {
    let value = bearer.as_str();
    format!("{name}={value}; Path={path}; Max-Age={seconds}; HttpOnly; {reach}")
}

/// A fresh scene has only characters that a cookie's name may have (RFC 6265, section 4.1.1).
fn of_scene(scene: &Scene) -> String {
    format!("{NAME}_{scene}")
}

/// The cookie that came with a request.
#[must_use]
pub fn get(request: &Request) -> Option<Bearer> {
    named(request, NAME)
}

/// The cookie with which a browser comes back to a scene.
#[must_use]
pub fn get_for_return(request: &Request, scene: &Scene) -> Option<Bearer> {
    named(request, &of_scene(scene))
}

fn named(request: &Request, wanted: &str) -> Option<Bearer> {
    let lines = request.headers().get_all(header::COOKIE).into_iter();
    let cookies = lines.filter_map(|line| line.to_str().ok()).flat_map(|line| line.split(';'));
    let mut pairs = cookies.filter_map(|cookie| cookie.trim().split_once('='));
    pairs.find(|(name, _)| *name == wanted).map(|(_, value)| Bearer::shown(value))
}
