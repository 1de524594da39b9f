//! Where clients reach the server: as configured, else as they just did.

use poem::Request;

use super::origin;
use crate::login::ports::PictureAt;

/// The configured address, if there is one.
#[derive(Clone, Debug)]
pub struct Reached(pub Option<String>);

impl Reached {
    /// Where this client reaches the server.
    pub(super) fn base(&self, request: &Request) -> String {
        let host = || format!("http://{}", origin::host(request).unwrap_or_default());
        self.0.clone().unwrap_or_else(host)
    }

    /// Whether the server is reached by https.
    pub(super) fn is_https(&self) -> bool {
        self.0.as_ref().is_some_and(|url| url.starts_with("https:"))
    }
}

/// Where clients that reach the server at `base` get the picture of a code from that was made ahead.
pub(super) fn address_of(base: &str, picture: PictureAt) -> String {
    picture.url.unwrap_or_else(|| format!("{base}/codes/{}", picture.name))
}
