//! What only one end holds: secrets, phone tokens and tickets. Made here, kept only as digests.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, Mac};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq;

use super::session::SessionId;
use crate::entropy::Entropy;

/// A bearer text. Never shown by `Debug`, so that it cannot slip into a log.
#[derive(Clone, Eq, PartialEq)]
pub struct Bearer(Box<str>);

impl Bearer {
    /// 256 random bits, in characters that may stand in a header, a cookie, a subprotocol
    /// (RFC 9110 token) and a URL.
    #[must_use]
    pub fn random(entropy: &Entropy) -> Self {
        Self(URL_SAFE_NO_PAD.encode(entropy.bytes::<32>()).into())
    }

    /// A text that somebody shows.
    #[must_use]
    pub fn shown(text: &str) -> Self {
        Self(text.into())
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What is kept of it.
    #[must_use]
    pub fn digest(&self) -> Digest {
        Digest(Sha256::digest(self.0.as_bytes()).into())
    }
}

impl fmt::Debug for Bearer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Bearer(***)")
    }
}

/// SHA-256 of a bearer text. The texts have 256 random bits, so no salt is needed.
#[derive(Clone, Copy, Serialize, Deserialize)]
pub struct Digest([u8; 32]);

impl Digest {
    /// Whether the other is the digest of the same text, told in the same time whatever the answer.
    #[must_use]
    pub fn is(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Digest(..)")
    }
}

/// The ticket of a session: its id, so that a backend which has nothing else finds the session,
/// and a tag that only the holder of the browser's secret can make. The server keeps the tag's
/// digest and can still tell the ticket again to every subscriber who shows the secret.
#[must_use]
pub fn ticket(id: SessionId, secret: &Bearer) -> Bearer {
    let mut text = id.0.to_be_bytes().to_vec();
    if let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.as_str().as_bytes()) {
        mac.update(b"saoma ticket");
        mac.update(&id.0.to_be_bytes());
        text.extend_from_slice(&mac.finalize().into_bytes());
    }
    Bearer(URL_SAFE_NO_PAD.encode(text).into())
}

/// The session that a ticket says it is of.
#[must_use]
pub fn ticket_session(ticket: &str) -> Option<SessionId> {
    let bytes = URL_SAFE_NO_PAD.decode(ticket).ok()?;
    let id: [u8; 16] = bytes.get(..16)?.try_into().ok()?;
    Some(SessionId(u128::from_be_bytes(id)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_text_itself_matches_its_digest() {
        let bearer = Bearer::random(&Entropy::system());
        assert!(bearer.digest().is(&Bearer::shown(bearer.as_str()).digest()));
        assert!(!bearer.digest().is(&Bearer::random(&Entropy::system()).digest()));
        assert!(!bearer.digest().is(&Bearer::shown("").digest()));
    }

    #[test]
    fn a_ticket_is_the_same_for_the_same_secret_and_leads_to_its_session() {
        let secret = Bearer::random(&Entropy::system());
        let id = SessionId(42);
        let of_session = ticket(id, &secret);
        assert_eq!(of_session, ticket(id, &secret));
        assert_ne!(of_session, ticket(SessionId(43), &secret));
        assert_ne!(of_session, ticket(id, &Bearer::random(&Entropy::system())));
        assert_eq!(ticket_session(of_session.as_str()), Some(id));
        assert_eq!(ticket_session("AAAA"), None);
        assert_eq!(ticket_session("not base64!"), None);
    }

    #[test]
    fn a_bearer_does_not_show_itself() {
        let bearer = Bearer::shown("very secret");
        assert!(!format!("{bearer:?} {:?}", bearer.digest()).contains("very"));
    }
}
