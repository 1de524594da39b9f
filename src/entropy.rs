//! Randomness, passed in: the operating system's in the server, a seed's in tests.
//!
//! Belongs here: drawing random bytes, and nothing else may.

use parking_lot::Mutex;
use rand_chacha::ChaCha20Rng;
use rand_core::{RngCore, SeedableRng};
use std::fmt;
use std::sync::Arc;
use uuid::Builder;

/// Where random bytes come from. Cheap to clone.
#[derive(Clone)]
pub struct Entropy(Arc<Mutex<Box<dyn RngCore + Send>>>);

impl Entropy {
    /// `ChaCha` seeded by the operating system: as good as the system's own generator, without a
    /// call to it for every id.
    #[must_use]
    pub fn system() -> Self {
        Self::from_rng(ChaCha20Rng::from_entropy())
    }

    /// A generator of the caller's, for tests that want the same bytes each time.
    pub fn from_rng(rng: impl RngCore + Send + 'static) -> Self {
        Self(Arc::new(Mutex::new(Box::new(rng))))
    }

    /// `N` random bytes.
    #[must_use]
    pub fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.0.lock().fill_bytes(&mut bytes);
        bytes
    }

    /// A fresh URN for one occurrence of something: a random UUID (RFC 9562, sections 4 and 5.4).
    #[must_use]
    pub fn urn(&self) -> String {
        Builder::from_random_bytes(self.bytes()).into_uuid().urn().to_string()
    }

    /// A number below `bound`, every one as likely: values that would favour the low ones are
    /// drawn again.
    ///
    /// # Panics
    /// If `bound` is zero.
    #[must_use]
    pub fn below(&self, bound: u32) -> u32 {
        let fair = u32::MAX - u32::MAX % bound;
        loop {
            let drawn = u32::from_le_bytes(self.bytes());
            if drawn < fair {
                return drawn % bound;
            }
        }
    }
}

impl fmt::Debug for Entropy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Entropy")
    }
}
