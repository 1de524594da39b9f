//! The token that a login ends in: a signed JWT that an application can verify by itself.
//!
//! Belongs here: what a token says, how it is signed, and the keys. Not who may have one.

mod keys;
mod store;
mod verify;

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

pub use keys::Keys;
pub use verify::{key_of, verify};

/// What a token says (RFC 7519, section 4.1, and OpenID Connect's `name` and `picture`).
#[derive(Clone, Debug, Eq, PartialEq, Deserialize, Serialize)]
pub struct Claims {
    /// Who signs: the server's public address.
    pub iss: String,
    /// Who logged in: the directory's id.
    pub sub: String,
    /// Whom the token is for: the namespace, unless set.
    pub aud: String,
    /// When it ends, in seconds since the Unix epoch.
    pub exp: u64,
    /// When it was signed, in seconds since the Unix epoch.
    pub iat: u64,
    /// Its own id: no two tokens share one.
    pub jti: String,
    /// How the person is called.
    pub name: String,
    /// Where their picture is, if they have one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub picture: Option<String>,
    /// The provider that vouched for them.
    pub provider: String,
    /// What the directory says besides. None of the above: who adds something here has seen to it.
    #[serde(flatten)]
    pub more: Map<String, Value>,
}

/// Why there are no keys, or no token. Never says anything of what a key file holds.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// The keys' folder or a file in it cannot be read or written.
    #[error("{path}: {source}", path = path.display())]
    File {
        /// Where.
        path: PathBuf,
        /// What the operating system says.
        source: std::io::Error,
    },
    /// A `.pem` file is no key of ours.
    #[error("{path}: not a P-256 private key in PKCS#8 PEM", path = path.display())]
    NotAKey {
        /// The file.
        path: PathBuf,
    },
    /// The token could not be signed.
    #[error("the token could not be signed")]
    Signing,
}
