//! `pool`: how many codes are made ahead, and whether they serve again.

use serde::{Deserialize, Serialize};

/// The pool of a namespace whose `numbering` is `pool`.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Pool {
    /// Codes to begin with. `SAOMA_POOL_SIZE`, default 1000.
    pub size: u32,
    /// Free codes below which more are made. `SAOMA_POOL_LOW_WATER`, default 200.
    pub low_water: u32,
    /// Codes made at a time. `SAOMA_POOL_GROW_BY`, default 500.
    pub grow_by: u32,
    /// Whether a code may serve again. `SAOMA_POOL_REUSE`, default off.
    #[serde(deserialize_with = "super::forms::switch")]
    pub reuse: bool,
    /// Seconds that a code rests before it serves again. `SAOMA_POOL_COOLDOWN_SECONDS`, default
    /// 600.
    pub cooldown_seconds: u64,
}

impl Default for Pool {
    fn default() -> Self {
        Self { size: 1000, low_water: 200, grow_by: 500, reuse: false, cooldown_seconds: 600 }
    }
}
