//! `[limits]`: how often an address may call. Kept only while `rate_limit` is on.

use std::num::NonZeroU32;

use serde::{Deserialize, Serialize};

/// Calls per minute that an address may go on making, and how many at once before that counts.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Sessions that an address may open, per minute. `SAOMA_LIMITS_SESSIONS_PER_MINUTE`,
    /// default 600.
    pub sessions_per_minute: NonZeroU32,
    /// Sessions that it may open at once. `SAOMA_LIMITS_SESSIONS_BURST`, default 200.
    pub sessions_burst: NonZeroU32,
    /// Scans of scenes that nobody opened, per minute: guesses.
    /// `SAOMA_LIMITS_UNKNOWN_SCANS_PER_MINUTE`, default 30.
    pub unknown_scans_per_minute: NonZeroU32,
    /// Such scans at once. `SAOMA_LIMITS_UNKNOWN_SCANS_BURST`, default 20.
    pub unknown_scans_burst: NonZeroU32,
    /// Messages that one end of a session may send, per minute.
    /// `SAOMA_LIMITS_MESSAGES_PER_MINUTE`, default 300.
    pub messages_per_minute: NonZeroU32,
    /// Messages that it may send at once. `SAOMA_LIMITS_MESSAGES_BURST`, default 50.
    pub messages_burst: NonZeroU32,
}

impl Default for Limits {
    fn default() -> Self {
        const fn some(number: u32) -> NonZeroU32 {
            NonZeroU32::new(number).expect("not zero")
        }
        Self {
            sessions_per_minute: some(600),
            sessions_burst: some(200),
            unknown_scans_per_minute: some(30),
            unknown_scans_burst: some(20),
            messages_per_minute: some(300),
            messages_burst: some(50),
        }
    }
}
