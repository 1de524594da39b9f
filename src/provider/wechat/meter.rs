//! What is counted of an account's calls.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::api::Call;
use super::failure::Failure;
use crate::clock::Timestamp;
use crate::metrics::{Metrics, WeChatCall};

/// Counts the calls of an account under the name of a namespace that has it.
pub struct Meter {
    /// The namespace's name.
    pub namespace: String,
    /// Where it is counted.
    pub metrics: Arc<Metrics>,
}

impl fmt::Debug for Meter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Meter").field("namespace", &self.namespace).finish_non_exhaustive()
    }
}

impl Meter {
    /// A call was made.
    pub(super) fn called<T>(
        &self,
        call: Call,
        answer: &Result<T, Failure>,
        took: Duration,
        now: Timestamp,
    ) {
        let outcome = answer.as_ref().map_or_else(Failure::outcome, |_| "ok");
        let call = WeChatCall { api: call.name(), outcome };
        self.metrics.wechat.called(&self.namespace, call, took, now);
    }

    /// A call was not made, for it would have been in vain.
    pub(super) fn paused(&self, call: Call) {
        self.metrics.wechat.paused(call.name());
    }

    /// There is an access token, until then.
    pub(super) fn has_token(&self, until: Timestamp) {
        self.metrics.wechat.has_token(&self.namespace, until);
    }
}
