//! Where clients reach the server: as configured, else as they just did.

use poem::Request;

use super::origin;
use crate::login::ports::PictureAt;

/// What is known of the address before anybody comes.
#[derive(Clone, Debug)]
pub struct Reached {
    /// The configured address, if there is one.
    pub configured: Option<String>,
    /// Whether the server itself speaks TLS.
    pub secure: bool,
}

impl Reached {
    /// Where this client reaches the server.
    pub(super) fn base(&self, request: &Request) -> String {
        let scheme = if self.secure { "https" } else { "http" };
        let host = || format!("{scheme}://{}", origin::host(request).unwrap_or_default());
        self.configured.clone().unwrap_or_else(host)
    }

    /// Whether the server is reached by https.
    pub(super) fn is_https(&self) -> bool {
        self.configured.as_ref().map_or(self.secure, |url| url.starts_with("https:"))
    }
}

/// Where clients that reach the server at `base` get the picture of a code from that was made ahead.
pub(super) fn address_of(base: &str, picture: PictureAt) -> String {
    picture.url.unwrap_or_else(|| format!("{base}/codes/{}", picture.name))
}
