//! The session store's health, and its bell's.

use std::time::Duration;

use prometheus::{HistogramVec, IntCounter, IntGauge, Result};

use super::make::Make;

const OUTCOMES: [&str; 2] = ["ok", "failed"];
/// What Redis is asked: what is done with a session, and beside it rate limits (`limit`), public
/// keys (`keys`), and what instances ask for themselves.
const REQUESTS: [&str; 13] = [
    "create", "find", "load", "commit", "read", "leave", "due", "limit", "keys", "bell", "census",
    "ready", "start",
];
/// Seconds.
const BUCKETS: [f64; 13] =
    [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0];

/// The metrics of the store.
pub struct StoreMetrics {
    up: IntGauge,
    bell_up: IntGauge,
    missed_bells: IntCounter,
    requests: HistogramVec,
}

impl StoreMetrics {
    pub(super) fn new(make: &Make) -> Result<Self> {
        let metrics = Self {
            up: make
                .gauge("saoma_store_up", "1 if the session store answered at the last scrape.")?,
            bell_up: make.gauge(
                "saoma_bell_up",
                "1 while changes at other instances are heard, or there are no others.",
            )?,
            missed_bells: make.counter(
                "saoma_store_bell_missed_total",
                "Events that were found by looking, for the store's bell had not told of them.",
            )?,
            requests: make.histograms(
                "saoma_store_request_duration_seconds",
                "From a request to Redis to its answer, the wait for a connection included.",
                &BUCKETS,
                &["request", "outcome"],
            )?,
        };
        for (request, outcome) in REQUESTS.iter().flat_map(|it| OUTCOMES.map(|of| (*it, of))) {
            let _ = metrics.requests.with_label_values(&[request, outcome]);
        }
        Ok(metrics)
    }

    /// Redis was asked something; what, in a word of the closed set.
    pub fn asked(&self, request: &str, answered: bool, took: Duration) {
        let outcome = if answered { OUTCOMES[0] } else { OUTCOMES[1] };
        if REQUESTS.contains(&request) {
            self.requests.with_label_values(&[request, outcome]).observe(took.as_secs_f64());
        }
    }

    /// Whether the store answers, and whether its bell is heard.
    pub fn set_up(&self, store: bool, bell: bool) {
        self.up.set(store.into());
        self.bell_up.set(bell.into());
    }

    /// Takes over the count of bells that were missed.
    pub fn set_missed_bells(&self, count: u64) {
        self.missed_bells.inc_by(count.saturating_sub(self.missed_bells.get()));
    }
}
