//! The signature of a call, as Standard Webhooks has it (standardwebhooks.com): HMAC-SHA256 over
//! the call's id, its time and its body, so that neither can be taken for another's.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac};
use sha2::Sha256;

/// How many bytes of a key are enough.
const ENOUGH: usize = 24;

/// What calls are signed with. Never printed.
pub(super) struct Key(Vec<u8>);

impl Key {
    /// The key of a secret: base64 after `whsec_`, any other text as it is.
    pub(super) fn of(secret: &str) -> Option<Self> {
        let key = match secret.strip_prefix("whsec_") {
            Some(encoded) => STANDARD.decode(encoded).ok()?,
            None => secret.as_bytes().to_vec(),
        };
        (!key.is_empty()).then_some(Self(key))
    }

    /// Whether it could be guessed by who tries long enough.
    pub(super) fn is_short(&self) -> bool {
        self.0.len() < ENOUGH
    }

    /// The `webhook-signature` of a body that is sent under an id at a time.
    pub(super) fn sign(&self, id: &str, seconds: u64, body: &str) -> String {
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&self.0) else {
            // A key of any length will do.
            return String::new();
        };
        mac.update(format!("{id}.{seconds}.").as_bytes());
        mac.update(body.as_bytes());
        format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the specification's own libraries.
    #[test]
    fn the_example_of_the_specification_is_signed_alike() {
        let key = Key::of("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").expect("a key");
        let signed =
            key.sign("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, r#"{"test": 2432232314}"#);
        assert_eq!(signed, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
        assert!(!key.is_short());
    }

    #[test]
    fn a_secret_without_the_prefix_is_its_own_bytes() {
        let key = |secret| Key::of(secret).map(|key| key.0);
        assert_eq!(key("hunter2"), Some(b"hunter2".to_vec()));
        assert_eq!(key("whsec_aHVudGVyMg=="), Some(b"hunter2".to_vec()));
        assert!(Key::of("hunter2").is_some_and(|key| key.is_short()));
        for none in ["", "whsec_", "whsec_hunter2!", "whsec_aHVudGVyMg"] {
            assert_eq!(key(none), None, "{none:?}");
        }
    }
}
