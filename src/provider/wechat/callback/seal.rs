//! How WeChat signs and seals what it pushes (official documentation, "消息加解密说明").
//!
//! Belongs here: the arithmetic alone, as functions of what is given to them.

use aes::Aes256;
use aes::cipher::block_padding::NoPadding;
use aes::cipher::{BlockDecryptMut as _, KeyIvInit as _};
use base64::Engine as _;
use base64::alphabet::STANDARD as ALPHABET;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD};
use sha1::{Digest, Sha1};
use subtle::ConstantTimeEq;

/// WeChat pads to 32 bytes, whatever AES's blocks are.
const BLOCK: usize = 32;
/// Bytes before the text: 16 that nobody knows, and 4 that say how long it is.
const HEAD: usize = 20;
/// A key's 43 characters say two bits more than it has, and consoles take any.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &ALPHABET,
    GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true),
);

/// Whether `shown` is the signature of these parts: SHA-1 of them, sorted, in hexadecimal digits.
/// Told in the same time whatever the answer.
pub(super) fn signs(shown: &str, parts: &[&str]) -> bool {
    let mut parts = parts.to_vec();
    parts.sort_unstable();
    let digest = Sha1::digest(parts.concat());
    let digits = format!("{digest:x}");
    digits.as_bytes().ct_eq(shown.as_bytes()).into()
}

/// An `EncodingAESKey`.
pub(super) struct Key([u8; 32]);

impl Key {
    /// The key of a text of 43 characters.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let bytes = LENIENT.decode(format!("{text}=")).ok()?;
        bytes.try_into().ok().map(Self)
    }

    /// Opens what was sealed: the text, and the app that it is for. None if it was not sealed by
    /// this key.
    pub(super) fn open(&self, sealed: &str) -> Option<(String, String)> {
        let sealed = STANDARD.decode(sealed.trim()).ok()?;
        let cipher = cbc::Decryptor::<Aes256>::new(&self.0.into(), self.0[..16].into());
        let plain = cipher.decrypt_padded_vec_mut::<NoPadding>(&sealed).ok()?;
        let padding = usize::from(*plain.last()?);
        if !(1..=BLOCK).contains(&padding) {
            return None;
        }
        let (content, padded) = plain.split_at_checked(plain.len().checked_sub(padding)?)?;
        if padded.iter().any(|byte| usize::from(*byte) != padding) {
            return None;
        }
        let (head, rest) = content.split_at_checked(HEAD)?;
        let length = u32::from_be_bytes(head[16..].try_into().ok()?);
        let (text, app_id) = rest.split_at_checked(usize::try_from(length).ok()?)?;
        Some((String::from_utf8(text.to_vec()).ok()?, String::from_utf8(app_id.to_vec()).ok()?))
    }
}

#[cfg(test)]
mod tests {
    use aes::cipher::BlockEncryptMut as _;

    use super::*;

    const KEY: &str = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG";

    fn key() -> Key {
        Key::parse(KEY).expect("a key")
    }

    fn sealed(plain: &[u8]) -> String {
        let Key(key) = key();
        let cipher = cbc::Encryptor::<Aes256>::new(&key.into(), key[..16].into());
        STANDARD.encode(cipher.encrypt_padded_vec_mut::<NoPadding>(plain))
    }

    /// As WeChat would: random bytes, length, text, app, padding.
    fn plain(length: u32, rest: &[u8]) -> Vec<u8> {
        let mut plain = [&[7; 16][..], &length.to_be_bytes(), rest].concat();
        let padding = BLOCK - plain.len() % BLOCK;
        plain.resize(plain.len() + padding, u8::try_from(padding).expect("a block"));
        plain
    }

    #[test]
    fn a_signature_is_of_all_parts_in_any_order_and_of_nothing_else() {
        // printf '%s' 11234token | sha1sum
        let right = "218470f975e97620e3d1cc451af42de53d718c22";
        assert!(signs(right, &["token", "1", "1234"]) && signs(right, &["1234", "token", "1"]));
        for wrong in [&right[1..], &right.to_uppercase(), "", &format!("{right}0")] {
            assert!(!signs(wrong, &["token", "1", "1234"]), "{wrong}");
        }
    }

    #[test]
    fn what_was_sealed_is_opened() {
        let sealed = sealed(&plain(5, b"<xml>wx1"));
        assert_eq!(key().open(&sealed), Some(("<xml>".to_owned(), "wx1".to_owned())));
        assert_eq!(key().open(&format!(" {sealed}\n")).map(|it| it.1).as_deref(), Some("wx1"));
    }

    #[test]
    fn what_was_not_sealed_so_is_refused_whatever_it_is() {
        let mut badly_padded = plain(5, b"<xml>wx1");
        if let Some(last) = badly_padded.last_mut() {
            *last = 33;
        }
        let mut half_padded = plain(5, b"<xml>wx1");
        half_padded[30] = 0;
        for bad in [
            String::new(),
            "%".to_owned(),
            STANDARD.encode([0; 15]),
            STANDARD.encode([0; 16]),
            sealed(&[0; 32]),
            sealed(&[32; 32]),
            sealed(&badly_padded),
            sealed(&half_padded),
            sealed(&plain(9, b"<xml>wx1")),
            sealed(&plain(u32::MAX, b"<xml>wx1")),
            sealed(&plain(2, b"\xff\xffwx1")),
        ] {
            assert_eq!(key().open(&bad), None, "{bad}");
        }
    }

    #[test]
    fn a_key_is_43_characters_of_base64_whatever_its_last_bits() {
        assert!(Key::parse(&KEY.replace('G', "H")).is_some());
        for bad in ["", &KEY[1..], &format!("{KEY}a"), &KEY.replace('a', "%")] {
            assert!(Key::parse(bad).is_none(), "{bad}");
        }
    }
}
