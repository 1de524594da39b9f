//! What looks random: tokens, codes, nonces. Nothing that is drawn comes a second time.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

use crate::crypto::hex;

/// A row of draws.
#[derive(Default)]
pub(crate) struct Dice {
    seed: u64,
    drawn: u64,
}

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self { seed, drawn: 0 }
    }

    pub(crate) fn bytes<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        for chunk in bytes.chunks_mut(32) {
            self.drawn += 1;
            let drawn = digest(&["dice", &self.seed.to_string(), &self.drawn.to_string()]);
            chunk.copy_from_slice(&drawn[..chunk.len()]);
        }
        bytes
    }

    /// So many hexadecimal digits.
    pub(crate) fn hex(&mut self, digits: usize) -> String {
        hex(&self.bytes::<32>()).chars().take(digits).collect()
    }

    /// So many letters and digits, with `-` and `_` among them.
    pub(crate) fn letters(&mut self, count: usize) -> String {
        let bytes: [u8; 128] = self.bytes();
        URL_SAFE_NO_PAD.encode(bytes).chars().take(count).collect()
    }

    /// So many decimal digits, the first of them no zero.
    pub(crate) fn digits(&mut self, count: usize) -> String {
        let bytes: [u8; 32] = self.bytes();
        let digit = |(at, byte): (usize, &u8)| match at {
            0 => char::from(b'1' + byte % 9),
            _ => char::from(b'0' + byte % 10),
        };
        bytes.iter().enumerate().map(digit).take(count).collect()
    }
}

/// The same for the same parts, always.
pub(crate) fn digest(parts: &[&str]) -> [u8; 32] {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part.len().to_be_bytes());
        hash.update(part.as_bytes());
    }
    hash.finalize().into()
}
