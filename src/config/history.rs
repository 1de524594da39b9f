//! `[history]`: how long it is remembered who logged in.

use serde::{Deserialize, Serialize};

/// The history of logins.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct History {
    /// Days that a login is remembered, 0 to 3650; with 0 none is, and no token can be revoked.
    /// `SAOMA_HISTORY_RETENTION_DAYS`, default 90.
    #[serde(deserialize_with = "super::forms::between::<0, 3650, _>")]
    pub retention_days: u64,
}

impl Default for History {
    fn default() -> Self {
        Self { retention_days: 90 }
    }
}
