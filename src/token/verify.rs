//! Reading a token that somebody shows: none is believed that was not signed with ES256 by the key
//! that it names.

use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use serde_json::Value;

use super::Claims;
use crate::clock::Timestamp;

/// The id of the key that a token names; none if it is no token of the kind that is signed here.
#[must_use]
pub fn key_of(token: &str) -> Option<String> {
    let header = decode_header(token).ok()?;
    // An algorithm of the token's own choice would be a way around the signature.
    (header.alg == Algorithm::ES256).then_some(header.kid).flatten()
}

/// What a token says, if it was signed by this key (a JWK) in the name of this issuer and is not
/// over.
#[must_use]
pub fn verify(token: &str, jwk: &Value, issuer: &str, now: Timestamp) -> Option<Claims> {
    let jwk: Jwk = serde_json::from_value(jwk.clone()).ok()?;
    let key = DecodingKey::from_jwk(&jwk).ok()?;
    let mut rules = Validation::new(Algorithm::ES256);
    rules.set_issuer(&[issuer]);
    rules.set_required_spec_claims(&["iss", "sub", "aud", "exp"]);
    // By the server's own clock, and to the second: it signed by the same.
    rules.validate_exp = false;
    // There may be several; which it is, the core sees to.
    rules.validate_aud = false;
    let claims: Claims = decode(token, &key, &rules).ok()?.claims;
    (claims.exp > now.unix_seconds()).then_some(claims)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use serde_json::{Map, json};

    use super::*;
    use crate::entropy::Entropy;
    use crate::token::Keys;

    /// 2026-11-23T00:00:00Z
    const NOW: Timestamp = Timestamp(1_795_392_000_000);
    const ISSUER: &str = "https://login.example.com";

    fn claims() -> Claims {
        Claims {
            iss: ISSUER.to_owned(),
            sub: "7c1f".to_owned(),
            aud: "default".to_owned(),
            exp: NOW.unix_seconds() + 1,
            iat: NOW.unix_seconds(),
            jti: "1".to_owned(),
            name: "Alice".to_owned(),
            picture: None,
            provider: "simulator".to_owned(),
            more: Map::new(),
        }
    }

    fn keys(folder: &Path) -> (Keys, Value) {
        let keys = Keys::open(folder, &Entropy::system(), NOW).expect("keys");
        let jwk = keys.jwks()["keys"][0].clone();
        (keys, jwk)
    }

    #[test]
    fn a_token_is_read_until_its_last_second_and_not_after_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let (keys, jwk) = keys(folder.path());
        let token = keys.sign(&claims()).expect("signed");
        assert_eq!(key_of(&token).as_deref(), jwk["kid"].as_str());
        assert_eq!(verify(&token, &jwk, ISSUER, NOW), Some(claims()));
        assert_eq!(verify(&token, &jwk, ISSUER, Timestamp(NOW.0 + 999)), Some(claims()));
        assert_eq!(verify(&token, &jwk, ISSUER, Timestamp(NOW.0 + 1000)), None);
    }

    #[test]
    fn what_says_more_than_usual_is_read_as_well() {
        let folder = tempfile::tempdir().expect("a folder");
        let (keys, jwk) = keys(folder.path());
        let more = Map::from_iter([("role".to_owned(), json!("staff"))]);
        let said = Claims { more, picture: Some("https://a.example/a.png".to_owned()), ..claims() };
        let token = keys.sign(&said).expect("signed");
        assert_eq!(verify(&token, &jwk, ISSUER, NOW), Some(said));
    }

    #[test]
    fn another_issuer_or_another_key_is_not_believed() {
        let (one, two) = (tempfile::tempdir().expect("one"), tempfile::tempdir().expect("two"));
        let ((one, jwk), (two, other)) = (keys(one.path()), keys(two.path()));
        let token = one.sign(&claims()).expect("signed");
        assert_eq!(verify(&token, &jwk, "https://login.example.com/", NOW), None);
        assert_eq!(verify(&token, &other, ISSUER, NOW), None);
        let forged = two.sign(&claims()).expect("signed");
        assert_eq!(verify(&forged, &jwk, ISSUER, NOW), None);
    }

    #[test]
    fn what_is_not_signed_as_ours_are_is_no_token() {
        let folder = tempfile::tempdir().expect("a folder");
        let (keys, jwk) = keys(folder.path());
        let token = keys.sign(&claims()).expect("signed");
        let parts: Vec<&str> = token.split('.').collect();
        let [header, said, signature] = parts[..] else { panic!("three parts") };
        let coded = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let kid = &jwk["kid"];
        for (why, token) in [
            ("no algorithm", [&coded(json!({ "alg": "none", "kid": kid })), said, ""].join(".")),
            (
                "a secret",
                [&coded(json!({ "alg": "HS256", "kid": kid })), said, signature].join("."),
            ),
            ("RSA", [&coded(json!({ "alg": "RS256", "kid": kid })), said, signature].join(".")),
            ("no key", [&coded(json!({ "alg": "ES256" })), said, signature].join(".")),
            ("not three parts", [header, said].join(".")),
            ("nothing", String::new()),
            ("no text", "\u{0}..".to_owned()),
        ] {
            assert_eq!(key_of(&token), None, "{why}");
        }
        for (why, token) in [
            ("unsigned", [header, said, ""].join(".")),
            ("another's words", [header, &coded(json!({ "sub": "8" })), signature].join(".")),
            ("cut", token[..token.len() - 2].to_owned()),
        ] {
            assert_eq!(verify(&token, &jwk, ISSUER, NOW), None, "{why}");
        }
    }
}
