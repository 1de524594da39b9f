//! What the core needs for tokens, made of the keys: signing with the newest of our own, and
//! verifying with all that are published.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::published::Find;
use crate::clock::Clock;
use crate::config::Config;
use crate::login::LoginError;
use crate::login::secret::Bearer;
use crate::login::tokens::{Claims as Shown, Grant, Sign, Verify};
use crate::token::{Claims, Keys, key_of, verify};

/// What a directory wants the token to say, as the session kept it.
fn further(claims: &str) -> Result<Map<String, Value>, LoginError> {
    serde_json::from_str(claims).map_err(|_| {
        tracing::error!("token.claims_not_decoded");
        LoginError::Signing
    })
}

/// Signs what the core says of a login.
pub(super) fn signing(config: &Config, keys: Arc<Keys>, public_url: &str) -> Sign {
    let issuer = issuer(config, public_url);
    let ttl = config.token.ttl_seconds;
    Arc::new(move |grant: &Grant| {
        let Grant { user, audience, at, jti } = grant.clone();
        let claims = Claims {
            iss: issuer.clone(),
            sub: user.id,
            aud: audience,
            exp: at.unix_seconds() + ttl,
            iat: at.unix_seconds(),
            jti,
            name: user.name,
            picture: user.avatar_url,
            provider: user.provider,
            more: user.claims.as_deref().map(further).transpose()?.unwrap_or_default(),
        };
        keys.sign(&claims).map(|token| (token, ttl)).map_err(|error| {
            tracing::error!(%error, "token.not_signed");
            LoginError::Signing
        })
    })
}

/// Reads tokens of all that publish their keys with us.
pub(super) fn verifying(config: &Config, find: Find, public_url: &str, clock: Clock) -> Verify {
    let issuer: Arc<str> = issuer(config, public_url).into();
    Arc::new(move |token: Bearer| {
        let (issuer, find) = (Arc::clone(&issuer), Arc::clone(&find));
        Box::pin(async move {
            let Some(key) = key_of(token.as_str()) else { return Ok(None) };
            let Some(jwk) = find(key).await? else { return Ok(None) };
            Ok(verify(token.as_str(), &jwk, &issuer, clock.now()).map(shown))
        })
    })
}

fn issuer(config: &Config, public_url: &str) -> String {
    config.token.issuer.clone().unwrap_or_else(|| public_url.to_owned())
}

fn shown(claims: Claims) -> Shown {
    let Claims { iss, sub, aud, exp, iat, jti, name, provider, .. } = claims;
    Shown { iss, sub, aud, exp, iat, jti, name, provider }
}
