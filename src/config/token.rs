//! `[token]`: what the token that a login ends in says of itself.

use serde::{Deserialize, Serialize};

/// The tokens that a login ends in.
#[derive(Clone, Debug, Eq, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Token {
    /// The token's `iss`. `SAOMA_TOKEN_ISSUER`, default: `public_url`.
    pub issuer: Option<String>,
    /// The token's `aud`. `SAOMA_TOKEN_AUDIENCE`, default: the namespace's name.
    pub audience: Option<String>,
    /// Seconds that a token is good for, 1 to 2592000 (30 days). `SAOMA_TOKEN_TTL_SECONDS`,
    /// default 3600.
    #[serde(deserialize_with = "super::forms::between::<1, 2_592_000, _>")]
    pub ttl_seconds: u64,
}

impl Default for Token {
    fn default() -> Self {
        Self { issuer: None, audience: None, ttl_seconds: 3600 }
    }
}
