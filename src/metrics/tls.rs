//! The certificate of the public listener.

use std::sync::OnceLock;

use prometheus::{IntCounterVec, IntGauge, Registry, Result};

use super::make::{Make, level};
use crate::clock::Timestamp;

const OUTCOMES: [&str; 2] = ["loaded", "failed"];

/// The metrics of TLS; none are told while the server does not speak it.
pub struct TlsMetrics {
    registry: Registry,
    made: OnceLock<(IntGauge, IntCounterVec)>,
}

impl TlsMetrics {
    pub(super) fn new(registry: Registry) -> Self {
        Self { registry, made: OnceLock::new() }
    }

    /// The server speaks TLS: all that is counted of it is there from now on.
    ///
    /// # Errors
    /// Two metrics have the same name.
    pub fn begin(&self) -> Result<()> {
        let make = Make(&self.registry);
        let expiry = make.gauge(
            "saoma_tls_certificate_expiry_timestamp_seconds",
            "When the certificate that is shown expires.",
        )?;
        let reloads = make.counters(
            "saoma_tls_reloads_total",
            "Certificates that were read anew because their files had changed.",
            &["outcome"],
        )?;
        for outcome in OUTCOMES {
            reloads.with_label_values(&[outcome]).reset();
        }
        let _ = self.made.set((expiry, reloads));
        Ok(())
    }

    /// A certificate is shown that is good until then.
    pub fn shows(&self, until: Timestamp) {
        if let Some((expiry, _)) = self.made.get() {
            expiry.set(level(until.unix_seconds()));
        }
    }

    /// The files had changed, and were read, or could not be used.
    pub fn reloaded(&self, loaded: bool) {
        if let Some((_, reloads)) = self.made.get() {
            reloads.with_label_values(&[OUTCOMES[usize::from(!loaded)]]).inc();
        }
    }
}
