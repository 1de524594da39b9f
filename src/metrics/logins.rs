//! What becomes of logins: the funnel from a session that is opened to a token that is fetched,
//! where people drop out of it, and how long they take.

use std::time::Duration;

use prometheus::{HistogramVec, IntCounterVec, IntGaugeVec, Result};

use super::make::{Make, level};

const STATES: [&str; 7] =
    ["pending", "scanned", "unregistered", "confirmed", "rejected", "expired", "cancelled"];
/// The states of a login that is still going on.
const OPEN_STATES: [&str; 4] = ["pending", "scanned", "unregistered", "confirmed"];
/// Where somebody can be who has not confirmed, and how they can end there.
const BEFORE: [&str; 3] = ["pending", "scanned", "unregistered"];
const ENDS: [&str; 3] = ["expired", "rejected", "cancelled"];
/// Why a session was not opened.
const REFUSALS: [&str; 3] = ["rate_limited", "code", "store"];
const TICKETS: [&str; 2] = ["redeemed", "refused"];
const LIMITS: [&str; 3] = ["sessions", "unknown_scans", "messages"];

/// Seconds that people take.
const SCAN_BUCKETS: [f64; 14] =
    [1.0, 2.0, 3.0, 5.0, 8.0, 13.0, 20.0, 30.0, 45.0, 60.0, 90.0, 120.0, 180.0, 300.0];
const CONFIRM_BUCKETS: [f64; 11] = [0.5, 1.0, 2.0, 3.0, 5.0, 8.0, 13.0, 20.0, 30.0, 60.0, 120.0];
const LOGIN_BUCKETS: [f64; 12] =
    [2.0, 5.0, 10.0, 15.0, 20.0, 30.0, 45.0, 60.0, 90.0, 120.0, 180.0, 300.0];

/// The metrics of logins. Their namespaces are those of the configuration.
pub struct LoginMetrics {
    pending: IntGaugeVec,
    transitions: IntCounterVec,
    dropped: IntCounterVec,
    refused: IntCounterVec,
    tickets: IntCounterVec,
    limited: IntCounterVec,
    scan_wait: HistogramVec,
    confirm_wait: HistogramVec,
    login: HistogramVec,
}

impl LoginMetrics {
    pub(super) fn new(make: &Make) -> Result<Self> {
        let pending = make.gauges(
            "saoma_pending_logins",
            "Logins that have not ended, by the store's count.",
            &["state"],
        )?;
        let limited = make.counters(
            "saoma_rate_limited_total",
            "What was asked for too often, and refused.",
            &["limit"],
        )?;
        for state in OPEN_STATES {
            pending.with_label_values(&[state]).set(0);
        }
        for limit in LIMITS {
            limited.with_label_values(&[limit]).reset();
        }
        Ok(Self {
            pending,
            limited,
            transitions: make.counters(
                "saoma_session_transitions_total",
                "Sessions that came into a state.",
                &["namespace", "to"],
            )?,
            dropped: make.counters(
                "saoma_sessions_dropped_total",
                "Sessions that ended without a confirmation: where they stood, and how they ended.",
                &["namespace", "at", "reason"],
            )?,
            refused: make.counters(
                "saoma_sessions_refused_total",
                "Sessions that could not be opened: too many from an address, no code to be had, \
                 or a store that does not answer.",
                &["namespace", "reason"],
            )?,
            tickets: make.counters(
                "saoma_tickets_total",
                "Tickets that were shown: exchanged for a token, or refused.",
                &["namespace", "outcome"],
            )?,
            scan_wait: make.histograms(
                "saoma_scan_wait_seconds",
                "From a session's opening to its scan.",
                &SCAN_BUCKETS,
                &["namespace"],
            )?,
            confirm_wait: make.histograms(
                "saoma_confirm_wait_seconds",
                "From a session's scan to its confirmation.",
                &CONFIRM_BUCKETS,
                &["namespace"],
            )?,
            login: make.histograms(
                "saoma_login_duration_seconds",
                "From a session's opening to its confirmation.",
                &LOGIN_BUCKETS,
                &["namespace"],
            )?,
        })
    }

    /// There is a namespace: all that is counted of it is there from now on.
    pub fn begin(&self, namespace: &str) {
        for state in STATES {
            self.transitions.with_label_values(&[namespace, state]).reset();
        }
        for (at, reason) in BEFORE.iter().flat_map(|at| ENDS.map(|reason| (*at, reason))) {
            self.dropped.with_label_values(&[namespace, at, reason]).reset();
        }
        for reason in REFUSALS {
            self.refused.with_label_values(&[namespace, reason]).reset();
        }
        for outcome in TICKETS {
            self.tickets.with_label_values(&[namespace, outcome]).reset();
        }
        for histogram in [&self.scan_wait, &self.confirm_wait, &self.login] {
            let _ = histogram.with_label_values(&[namespace]);
        }
    }

    /// A session came into a state. Events that are no state are not counted.
    pub fn transition(&self, namespace: &str, to: &str) {
        if STATES.contains(&to) {
            self.transitions.with_label_values(&[namespace, to]).inc();
        }
    }

    /// A session ended; if nobody had confirmed, somebody dropped out.
    pub fn ended(&self, namespace: &str, at: &str, reason: &str) {
        if BEFORE.contains(&at) && ENDS.contains(&reason) {
            self.dropped.with_label_values(&[namespace, at, reason]).inc();
        }
    }

    /// A session was scanned, so long after it was opened.
    pub fn scanned(&self, namespace: &str, after: Duration) {
        self.scan_wait.with_label_values(&[namespace]).observe(after.as_secs_f64());
    }

    /// A session was confirmed, so long after it was opened, and scanned.
    pub fn confirmed(&self, namespace: &str, after: Duration, after_scan: Duration) {
        self.login.with_label_values(&[namespace]).observe(after.as_secs_f64());
        self.confirm_wait.with_label_values(&[namespace]).observe(after_scan.as_secs_f64());
    }

    /// A session could not be opened; why, in a word of the closed set.
    pub fn refused(&self, namespace: &str, reason: &str) {
        if REFUSALS.contains(&reason) {
            self.refused.with_label_values(&[namespace, reason]).inc();
        }
    }

    /// A ticket was shown.
    pub fn ticket(&self, namespace: &str, redeemed: bool) {
        let outcome = if redeemed { TICKETS[0] } else { TICKETS[1] };
        self.tickets.with_label_values(&[namespace, outcome]).inc();
    }

    /// Something was asked for too often.
    pub fn limited(&self, limit: &str) {
        if LIMITS.contains(&limit) {
            self.limited.with_label_values(&[limit]).inc();
        }
    }

    /// Takes over the store's count of the logins in a state.
    pub fn set_pending(&self, state: &str, count: u64) {
        if OPEN_STATES.contains(&state) {
            self.pending.with_label_values(&[state]).set(level(count));
        }
    }
}
