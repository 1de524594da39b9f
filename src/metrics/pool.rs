//! What is counted of codes that are made ahead.

use prometheus::{IntCounterVec, IntGaugeVec, Result};

use super::make::{Make, level};

/// Where a code stands.
const STATES: [&str; 4] = ["free", "making", "taken", "outdated"];
/// Where the code of a session came from.
const SOURCES: [&str; 3] = ["pool", "fresh", "none"];
/// What may come of making a code.
const OUTCOMES: [&str; 2] = ["made", "failed"];

/// The metrics of all pools. Their namespaces are those of the configuration.
pub struct PoolMetrics {
    codes: IntGaugeVec,
    low_water: IntGaugeVec,
    taken: IntCounterVec,
    made: IntCounterVec,
}

impl PoolMetrics {
    pub(super) fn new(make: &Make) -> Result<Self> {
        Ok(Self {
            codes: make.gauges(
                "saoma_pool_codes",
                "Codes that are made ahead, by the database's count.",
                &["namespace", "state"],
            )?,
            low_water: make.gauges(
                "saoma_pool_low_water",
                "Free codes below which more are made.",
                &["namespace"],
            )?,
            taken: make.counters(
                "saoma_pool_taken_total",
                "Codes that sessions asked a pool for, and whether they got one of its own, one \
                 that was made for them because it was empty, or none.",
                &["namespace", "from"],
            )?,
            made: make.counters(
                "saoma_pool_made_total",
                "Codes that were to be made ahead.",
                &["namespace", "outcome"],
            )?,
        })
    }

    /// A namespace has a pool: all that is counted of it is there from now on.
    pub fn begin(&self, namespace: &str, low_water: u64) {
        self.low_water.with_label_values(&[namespace]).set(level(low_water));
        for state in STATES {
            self.codes.with_label_values(&[namespace, state]).set(0);
        }
        for from in SOURCES {
            self.taken.with_label_values(&[namespace, from]).reset();
        }
        for outcome in OUTCOMES {
            self.made.with_label_values(&[namespace, outcome]).reset();
        }
    }

    /// Takes over the count of the codes in a state.
    pub fn set_codes(&self, namespace: &str, state: &str, count: u64) {
        if STATES.contains(&state) {
            self.codes.with_label_values(&[namespace, state]).set(level(count));
        }
    }

    /// A session asked for a code.
    pub fn taken(&self, namespace: &str, from: &str) {
        if SOURCES.contains(&from) {
            self.taken.with_label_values(&[namespace, from]).inc();
        }
    }

    /// A code was to be made.
    pub fn made(&self, namespace: &str, outcome: &str) {
        if OUTCOMES.contains(&outcome) {
            self.made.with_label_values(&[namespace, outcome]).inc();
        }
    }
}
