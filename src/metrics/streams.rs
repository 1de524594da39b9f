//! How events travel: how soon a stream begins, how soon an event is told, and why clients come,
//! go and change their way.

use std::time::Duration;

use prometheus::{HistogramVec, IntCounterVec, IntGaugeVec, Result};

use super::make::Make;

const TRANSPORTS: [&str; 3] = ["websocket", "sse", "long-poll"];
/// Why a client left a transport, by its own word; what a newer one says is `other`.
const FALLBACK_REASONS: [&str; 6] =
    ["not_opened", "no_hello", "died", "stalled", "remembered", OTHER_REASON];
const OTHER_REASON: &str = "other";
/// How a subscription ended.
const ENDINGS: [&str; 7] = ["done", "waited", "client", "replaced", "slow", "leaving", "gone"];
const RESUMED: [&str; 2] = ["replayed", "nothing_new"];
/// Seconds. The objective, 1 s, is a bound.
const BUCKETS: [f64; 12] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0];

/// The metrics of event streams.
pub struct StreamMetrics {
    handshake: HistogramVec,
    delivery: HistogramVec,
    subscribers: IntGaugeVec,
    ended: IntCounterVec,
    fallbacks: IntCounterVec,
    resumes: IntCounterVec,
}

impl StreamMetrics {
    pub(super) fn new(make: &Make) -> Result<Self> {
        let metrics = Self {
            handshake: make.histograms(
                "saoma_handshake_duration_seconds",
                "From an events request to the first byte of its hello, or of an answer that had \
                 not to be waited for.",
                &BUCKETS,
                &["transport"],
            )?,
            delivery: make.histograms(
                "saoma_delivery_duration_seconds",
                "From an event, at whichever instance it happened, to its bytes being handed to \
                 the connection of somebody who waited for it. To the millisecond.",
                &BUCKETS,
                &["transport"],
            )?,
            subscribers: make.gauges(
                "saoma_subscribers",
                "Clients that are waiting for events.",
                &["transport"],
            )?,
            ended: make.counters(
                "saoma_subscriptions_ended_total",
                "Clients that no longer wait: the login was done, a long-poll had waited long \
                 enough or had its answer, the client left, a newer one took its place, it did \
                 not read, the server leaves, the session was gone.",
                &["transport", "reason"],
            )?,
            fallbacks: make.counters(
                "saoma_transport_fallbacks_total",
                "Clients that left a transport for another, and why, by their own word.",
                &["from", "to", "reason"],
            )?,
            resumes: make.counters(
                "saoma_resumes_total",
                "Clients that came back with a cursor, and whether they had missed something.",
                &["transport", "outcome"],
            )?,
        };
        for transport in TRANSPORTS {
            let _ = metrics.handshake.with_label_values(&[transport]);
            let _ = metrics.delivery.with_label_values(&[transport]);
            metrics.subscribers.with_label_values(&[transport]).set(0);
            for reason in ENDINGS {
                metrics.ended.with_label_values(&[transport, reason]).reset();
            }
            for outcome in RESUMED {
                metrics.resumes.with_label_values(&[transport, outcome]).reset();
            }
        }
        for (from, to) in TRANSPORTS.iter().flat_map(|from| TRANSPORTS.map(|to| (*from, to))) {
            for reason in FALLBACK_REASONS.iter().filter(|_| from != to) {
                metrics.fallbacks.with_label_values(&[from, to, *reason]).reset();
            }
        }
        Ok(metrics)
    }

    /// A stream has said its first byte, or an answer that had not to be waited for was given.
    pub fn handshake(&self, transport: &str, took: Duration) {
        self.handshake.with_label_values(&[transport]).observe(took.as_secs_f64());
    }

    /// Somebody who waited is told an event that happened so long ago.
    pub fn delivered(&self, transport: &str, after: Duration) {
        self.delivery.with_label_values(&[transport]).observe(after.as_secs_f64());
    }

    /// A client waits for events.
    pub fn subscribed(&self, transport: &str) {
        self.subscribers.with_label_values(&[transport]).inc();
    }

    /// A client waits no longer; why, in a word of the closed set.
    pub fn unsubscribed(&self, transport: &str, reason: &str) {
        self.subscribers.with_label_values(&[transport]).dec();
        if ENDINGS.contains(&reason) {
            self.ended.with_label_values(&[transport, reason]).inc();
        }
    }

    /// A client came with a cursor; whether there was something that it had missed.
    pub fn resumed(&self, transport: &str, missed: bool) {
        let outcome = if missed { RESUMED[0] } else { RESUMED[1] };
        self.resumes.with_label_values(&[transport, outcome]).inc();
    }

    /// A client says that it left a transport for another, and why in a word.
    pub fn fallback(&self, from: &str, to: &str, reason: &str) {
        let known = FALLBACK_REASONS.into_iter().find(|known| *known == reason);
        let is_transport = |name: &str| TRANSPORTS.contains(&name);
        if is_transport(from) && is_transport(to) && from != to {
            let reason = known.unwrap_or(OTHER_REASON);
            self.fallbacks.with_label_values(&[from, to, reason]).inc();
        }
    }
}
