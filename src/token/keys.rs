//! The keys in use: the newest signs, all are published, so that tokens signed before a change of
//! keys stay good.

use std::fmt;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, Header};
use p256::PublicKey;
use p256::ecdsa::signature::Signer;
use p256::ecdsa::{Signature, SigningKey};
use p256::elliptic_curve::sec1::ToEncodedPoint;
use serde::Serialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::clock::Timestamp;
use crate::entropy::Entropy;

use super::{Claims, TokenError, store};

/// The keys that sign tokens (ES256).
pub struct Keys {
    kid: String,
    /// The header of every token, encoded.
    header: String,
    signer: SigningKey,
    published: Vec<Value>,
}

impl Keys {
    /// The keys in a folder: `*.pem`, the last by name signs. A folder without any gets one, made
    /// now; a folder that is not there is made, for its owner alone.
    ///
    /// # Errors
    /// [`TokenError`] when the folder cannot be used or holds a `.pem` file that is no such key.
    pub fn open(folder: &Path, entropy: &Entropy, now: Timestamp) -> Result<Self, TokenError> {
        let keys = store::read_or_make(folder, entropy, now)?;
        let newest = keys.last().ok_or(TokenError::Signing)?;
        let kid = thumbprint(&newest.public_key());
        let mut header = Header::new(Algorithm::ES256);
        header.kid = Some(kid.clone());
        Ok(Self {
            kid,
            header: encoded(&header)?,
            signer: SigningKey::from(newest),
            published: keys.iter().map(|key| jwk(&key.public_key())).collect(),
        })
    }

    /// The token, signed by the newest key.
    ///
    /// # Errors
    /// [`TokenError::Signing`], which no claims should bring about.
    pub fn sign(&self, claims: &Claims) -> Result<String, TokenError> {
        // Not jsonwebtoken's own `encode`: it reads the key anew for each token, at three times
        // the cost of the signature. RFC 7515, section 3.1; RFC 7518, section 3.4.
        let mut token = format!("{}.{}", self.header, encoded(claims)?);
        let signature: Signature =
            self.signer.try_sign(token.as_bytes()).map_err(|_| TokenError::Signing)?;
        token.push('.');
        token.push_str(&URL_SAFE_NO_PAD.encode(signature.to_bytes()));
        Ok(token)
    }

    /// The public halves of all keys, as `/.well-known/jwks.json` shows them (RFC 7517).
    #[must_use]
    pub fn jwks(&self) -> Value {
        json!({ "keys": self.published })
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keys").field("kid", &self.kid).finish_non_exhaustive()
    }
}

/// A part of a token: JSON, in base64url without padding.
fn encoded(part: &impl Serialize) -> Result<String, TokenError> {
    let json = serde_json::to_vec(part).map_err(|_| TokenError::Signing)?;
    Ok(URL_SAFE_NO_PAD.encode(json))
}

/// The point's two coordinates, as JWK writes them.
fn coordinates(key: &PublicKey) -> (String, String) {
    let point = key.to_encoded_point(false);
    // 0x04, then x and y of 32 bytes each: no key is the point at infinity.
    let (x, y) = point.as_bytes()[1..].split_at(32);
    (URL_SAFE_NO_PAD.encode(x), URL_SAFE_NO_PAD.encode(y))
}

fn jwk(key: &PublicKey) -> Value {
    let (x, y) = coordinates(key);
    let kid = thumbprint(key);
    json!({ "kty": "EC", "crv": "P-256", "x": x, "y": y, "use": "sig", "alg": "ES256", "kid": kid })
}

/// RFC 7638: the hash of the members that make the key, in this order and without spaces.
fn thumbprint(key: &PublicKey) -> String {
    let (x, y) = coordinates(key);
    let members = format!(r#"{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}"#);
    URL_SAFE_NO_PAD.encode(Sha256::digest(members))
}

#[cfg(test)]
mod tests {
    use jsonwebtoken::jwk::JwkSet;
    use jsonwebtoken::{DecodingKey, Validation, decode, decode_header};
    use p256::SecretKey;

    use super::*;

    /// 2026-11-23T00:00:00Z
    const TODAY: Timestamp = Timestamp(1_795_392_000_000);

    fn claims() -> Claims {
        Claims {
            iss: "https://login.example.com".to_owned(),
            sub: "7c1f".to_owned(),
            aud: "default".to_owned(),
            exp: 4_000_000_000,
            iat: TODAY.unix_seconds(),
            jti: "1".to_owned(),
            name: "Alice".to_owned(),
            picture: None,
            provider: "simulator".to_owned(),
            more: serde_json::Map::from_iter([("role".to_owned(), json!("staff"))]),
        }
    }

    /// What an application does: picks the published key by the token's `kid`, and verifies.
    fn verify(token: &str, jwks: &Value) -> Result<Claims, jsonwebtoken::errors::Error> {
        let set: JwkSet = serde_json::from_value(jwks.clone()).expect("a JWKS");
        let kid = decode_header(token)?.kid.expect("a kid");
        let key = DecodingKey::from_jwk(set.find(&kid).expect("published"))?;
        let mut rules = Validation::new(Algorithm::ES256);
        rules.set_audience(&["default"]);
        rules.set_issuer(&["https://login.example.com"]);
        Ok(decode(token, &key, &rules)?.claims)
    }

    fn open(folder: &Path, day: u64) -> Keys {
        let now = Timestamp(TODAY.0 + day * 86_400_000);
        Keys::open(folder, &Entropy::system(), now).expect("keys")
    }

    #[test]
    fn a_token_is_verified_with_the_published_key_and_not_with_another() {
        let folder = tempfile::tempdir().expect("a folder");
        let keys = open(&folder.path().join("a"), 0);
        let token = keys.sign(&claims()).expect("signed");
        assert_eq!(verify(&token, &keys.jwks()).expect("good"), claims());

        let mut other = open(&folder.path().join("b"), 0).jwks();
        other["keys"][0]["kid"] = keys.jwks()["keys"][0]["kid"].clone();
        assert!(verify(&token, &other).is_err());
    }

    #[test]
    fn the_newest_key_signs_and_the_older_ones_stay_published() {
        let folder = tempfile::tempdir().expect("a folder");
        let (first, second) = (folder.path().join("first"), folder.path().join("second"));
        let old = open(&first, 0);
        let token = old.sign(&claims()).expect("signed");
        open(&second, 1);
        for entry in std::fs::read_dir(&second).expect("listed") {
            let entry = entry.expect("an entry");
            std::fs::copy(entry.path(), first.join(entry.file_name())).expect("copied");
        }
        let both = open(&first, 2);
        assert_eq!(both.jwks()["keys"].as_array().map(Vec::len), Some(2));
        assert_eq!(Some(&*both.kid), both.jwks()["keys"][1]["kid"].as_str());
        assert_ne!(both.kid, old.kid);
        assert!(verify(&token, &both.jwks()).is_ok());
    }

    #[test]
    fn the_key_stays_the_same_over_a_restart() {
        let folder = tempfile::tempdir().expect("a folder");
        assert_eq!(open(folder.path(), 0).jwks(), open(folder.path(), 9).jwks());
    }

    #[test]
    fn a_key_published_has_the_members_of_rfc_7518_and_no_private_one() {
        let folder = tempfile::tempdir().expect("a folder");
        let jwks = open(folder.path(), 0).jwks();
        let key = jwks["keys"][0].as_object().expect("a key");
        let members: Vec<_> = key.keys().map(String::as_str).collect();
        assert_eq!(members, ["alg", "crv", "kid", "kty", "use", "x", "y"]);
        assert_eq!(key["kid"].as_str().map(str::len), Some(43));
    }

    #[test]
    fn the_thumbprint_is_the_hash_of_the_key_alone() {
        // The private key 1, whose public half is the curve's base point; hashed with Python's
        // hashlib.
        let mut one = [0; 32];
        one[31] = 1;
        let key = SecretKey::from_slice(&one).expect("a key").public_key();
        assert_eq!(coordinates(&key).0, "axfR8uEsQkf4vOblY6RA8ncDfYEt6zOg9KE5RdiYwpY");
        assert_eq!(thumbprint(&key), "xx0BcA-wMohw8atYDJOe6peGModklG2wRHBlXHMvl0M");
    }
}
