//! How callbacks are signed and sealed.
//!
//! Belongs here: the arithmetic alone, as functions of what is given to them.

use std::fmt::Write as _;

use aes::cipher::block_padding::NoPadding;
use aes::cipher::{BlockDecryptMut as _, BlockEncryptMut as _, KeyIvInit as _};
use base64::Engine as _;
use base64::alphabet::STANDARD as ALPHABET;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD};
use sha1::{Digest, Sha1};

/// WeChat pads to 32 bytes, whatever AES's blocks are.
const BLOCK: usize = 32;
/// A key of 43 characters says two bits more than it needs, and they may be anything.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &ALPHABET,
    GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true),
);

/// The hexadecimal SHA-1 of the parts in their order.
pub(crate) fn signature(parts: &[&str]) -> String {
    let mut parts = parts.to_vec();
    parts.sort_unstable();
    hex(&Sha1::digest(parts.concat()))
}

/// In hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// An `EncodingAESKey`.
pub(crate) struct Key([u8; 32]);

impl Key {
    pub(crate) fn parse(text: &str) -> Result<Self, &'static str> {
        let bytes = LENIENT.decode(format!("{text}=")).map_err(|_| "the key is no base64")?;
        bytes.try_into().map(Self).map_err(|_| "the key is not 43 characters long")
    }

    /// Seals a text for an app, behind 16 bytes that nobody can know.
    pub(crate) fn seal(&self, random: [u8; 16], text: &str, appid: &str) -> String {
        let length = u32::try_from(text.len()).expect("no gigabytes").to_be_bytes();
        let mut plain = [&random, &length[..], text.as_bytes(), appid.as_bytes()].concat();
        let padding = BLOCK - plain.len() % BLOCK;
        plain.resize(plain.len() + padding, u8::try_from(padding).expect("at most a block"));
        let cipher = cbc::Encryptor::<aes::Aes256>::new(&self.0.into(), self.0[..16].into());
        STANDARD.encode(cipher.encrypt_padded_vec_mut::<NoPadding>(&plain))
    }

    /// Opens what was sealed: the text and the app that it is for.
    pub(crate) fn open(&self, sealed: &str) -> Result<(String, String), &'static str> {
        let sealed = STANDARD.decode(sealed).map_err(|_| "no base64")?;
        let cipher = cbc::Decryptor::<aes::Aes256>::new(&self.0.into(), self.0[..16].into());
        let plain = cipher.decrypt_padded_vec_mut::<NoPadding>(&sealed);
        let plain = plain.map_err(|_| "no whole blocks")?;
        let padding = usize::from(*plain.last().ok_or("nothing")?);
        let end = plain.len().checked_sub(padding).ok_or("bad padding")?;
        if !(1..=BLOCK).contains(&padding)
            || plain[end..].iter().any(|b| usize::from(*b) != padding)
        {
            return Err("bad padding");
        }
        let (head, rest) = plain[..end].split_at_checked(20).ok_or("too short")?;
        let length = u32::from_be_bytes(head[16..].try_into().map_err(|_| "too short")?);
        let (text, appid) = usize::try_from(length)
            .ok()
            .and_then(|length| rest.split_at_checked(length))
            .ok_or("a length that is too long")?;
        let text = String::from_utf8(text.to_vec()).map_err(|_| "no UTF-8")?;
        let appid = String::from_utf8(appid.to_vec()).map_err(|_| "no UTF-8")?;
        Ok((text, appid))
    }
}
