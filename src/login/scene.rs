//! The scene: what the code carries to the phone, in WeChat's alphabet.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use crate::entropy::Entropy;

/// WeChat's greatest length of a scene (getUnlimitedQRCode, field `scene`).
const MAX: usize = 32;

/// 1 to 32 characters of WeChat's scene alphabet.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Scene(Box<str>);

/// The text is no scene: empty, over 32 characters, or a character outside WeChat's alphabet.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("a scene is 1 to 32 characters out of digits, letters and !#$&'()*+,/:;=?@-._~")]
pub struct NotAScene;

impl Scene {
    /// A fresh scene that nobody can guess: 136 random bits, of which its session's id repeats
    /// four. Only characters that mean the same when percent-decoded are used, for pages that forget
    /// to decode or do it twice.
    #[must_use]
    pub fn random(entropy: &Entropy) -> Self {
        Self(URL_SAFE_NO_PAD.encode(entropy.bytes::<17>()).into())
    }

    /// Its first four bits: a session whose id begins with them is found by a store in the same
    /// place.
    #[must_use]
    pub fn place(&self) -> u8 {
        let bytes = URL_SAFE_NO_PAD.decode(&*self.0).unwrap_or_default();
        bytes.first().copied().unwrap_or(0) >> 4
    }

    /// Takes a text as a scene.
    ///
    /// # Errors
    /// [`NotAScene`] if it is none.
    pub fn parse(text: &str) -> Result<Self, NotAScene> {
        let allowed = |b: u8| b.is_ascii_alphanumeric() || b"!#$&'()*+,/:;=?@-._~".contains(&b);
        if (1..=MAX).contains(&text.len()) && text.bytes().all(allowed) {
            Ok(Self(text.into()))
        } else {
            Err(NotAScene)
        }
    }

    /// The scene's text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Scene {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for Scene {
    type Error = NotAScene;
    fn try_from(text: String) -> Result<Self, NotAScene> {
        Self::parse(&text)
    }
}

impl From<Scene> for String {
    fn from(scene: Scene) -> Self {
        scene.0.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fresh_scene_is_a_scene_of_136_bits_in_a_place_that_they_say() {
        let entropy = Entropy::system();
        for _ in 0..16 {
            let scene = Scene::random(&entropy);
            assert_eq!(scene.as_str().len(), 23);
            let bytes = URL_SAFE_NO_PAD.decode(scene.as_str()).expect("base64");
            assert_eq!((bytes.len(), bytes[0] >> 4), (17, scene.place()));
            assert_eq!(Scene::parse(scene.as_str()), Ok(scene));
        }
        assert_eq!(Scene::parse("~").expect("a scene").place(), 0);
    }

    #[test]
    fn only_wechats_alphabet_and_at_most_32_characters() {
        for good in ["a", "0!#$&'()*+,/:;=?@-._~Z", &"x".repeat(32)] {
            assert!(Scene::parse(good).is_ok(), "{good}");
        }
        for bad in ["", "a b", "a%20", "é", "a\"", "a\n", &"x".repeat(33)] {
            assert_eq!(Scene::parse(bad), Err(NotAScene), "{bad}");
        }
    }
}
