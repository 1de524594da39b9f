//! Every metric, named in this one place.
//!
//! To add one: a field here with its name, help and closed label values, a method that says what
//! happened, and its panel in grafana/. Never an id, a scene or an address as a label.

mod pool;

use std::time::Duration;

use prometheus::{
    Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGaugeVec, Opts, Registry,
    TextEncoder,
};

pub use pool::PoolMetrics;

const TRANSPORTS: [&str; 3] = ["websocket", "sse", "long-poll"];
/// Why a client left a transport, by its own word; what a newer one says is `other`.
const FALLBACK_REASONS: [&str; 6] =
    ["not_opened", "no_hello", "died", "stalled", "remembered", OTHER_REASON];
const OTHER_REASON: &str = "other";
const STATES: [&str; 7] =
    ["pending", "scanned", "unregistered", "confirmed", "rejected", "expired", "cancelled"];
/// The states of a login that is still going on.
const OPEN_STATES: [&str; 4] = ["pending", "scanned", "unregistered", "confirmed"];
/// Seconds. The objective, 1 s, is a bound.
const HANDSHAKE_BUCKETS: [f64; 12] =
    [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0];

/// What a hook can be asked, and what may come of it.
const HOOK_TYPES: [&str; 3] = ["scan", "confirm", "register"];
const HOOK_OUTCOMES: [&str; 6] =
    ["registered", "unregistered", "refused", "unavailable", "timeout", "failed"];
/// Seconds. A hook may take 30 at the most.
const HOOK_BUCKETS: [f64; 11] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

/// The server's metrics.
pub struct Metrics {
    registry: Registry,
    handshake: HistogramVec,
    pending: IntGaugeVec,
    subscribers: IntGaugeVec,
    transitions: IntCounterVec,
    fallbacks: IntCounterVec,
    missed_bells: IntCounter,
    unwritten_logins: IntCounter,
    hook: HistogramVec,
    /// What is counted of pools.
    pub pool: PoolMetrics,
}

impl Metrics {
    /// All metrics at zero, every label value there from the start.
    ///
    /// # Errors
    /// Two metrics have the same name, or one has none that Prometheus takes.
    pub fn new() -> prometheus::Result<Self> {
        let handshake = HistogramVec::new(
            HistogramOpts::new(
                "saoma_handshake_duration_seconds",
                "From an events request to the first byte of its hello, or of an answer that \
                 had not to be waited for.",
            )
            .buckets(HANDSHAKE_BUCKETS.to_vec()),
            &["transport"],
        )?;
        let pending = IntGaugeVec::new(
            Opts::new("saoma_pending_logins", "Logins that have not ended, by the store's count."),
            &["state"],
        )?;
        let subscribers = IntGaugeVec::new(
            Opts::new("saoma_subscribers", "Clients that are waiting for events."),
            &["transport"],
        )?;
        let transitions = IntCounterVec::new(
            Opts::new("saoma_session_transitions_total", "Sessions that came into a state."),
            &["to"],
        )?;
        let fallbacks = IntCounterVec::new(
            Opts::new(
                "saoma_transport_fallbacks_total",
                "Clients that left a transport for another, and why, by their own word.",
            ),
            &["from", "to", "reason"],
        )?;
        let missed_bells = IntCounter::new(
            "saoma_store_bell_missed_total",
            "Events that were found by looking, for the store's bell had not told of them.",
        )?;
        let unwritten_logins = IntCounter::new(
            "saoma_history_unwritten_total",
            "Logins that the history does not have, for the database did not take them.",
        )?;
        let hook = HistogramVec::new(
            HistogramOpts::new(
                "saoma_hook_duration_seconds",
                "From a question to the hook to what came of it, a second try included.",
            )
            .buckets(HOOK_BUCKETS.to_vec()),
            &["type", "outcome"],
        )?;
        let build = IntGaugeVec::new(
            Opts::new("saoma_build_info", "Always 1; the labels say what is running."),
            &["version"],
        )?;
        build.with_label_values(&[env!("CARGO_PKG_VERSION")]).set(1);
        for transport in TRANSPORTS {
            let _: Histogram = handshake.with_label_values(&[transport]);
            subscribers.with_label_values(&[transport]).set(0);
        }
        for (from, to) in TRANSPORTS.iter().flat_map(|from| TRANSPORTS.map(|to| (*from, to))) {
            for reason in FALLBACK_REASONS.iter().filter(|_| from != to) {
                fallbacks.with_label_values(&[from, to, *reason]).reset();
            }
        }
        for state in OPEN_STATES {
            pending.with_label_values(&[state]).set(0);
        }
        for state in STATES {
            transitions.with_label_values(&[state]).reset();
        }

        for (act, outcome) in HOOK_TYPES.iter().flat_map(|act| HOOK_OUTCOMES.map(|it| (*act, it))) {
            let _: Histogram = hook.with_label_values(&[act, outcome]);
        }

        let registry = Registry::new();
        let pool = PoolMetrics::new(&registry)?;
        registry.register(Box::new(handshake.clone()))?;
        registry.register(Box::new(pending.clone()))?;
        registry.register(Box::new(subscribers.clone()))?;
        registry.register(Box::new(transitions.clone()))?;
        registry.register(Box::new(fallbacks.clone()))?;
        registry.register(Box::new(missed_bells.clone()))?;
        registry.register(Box::new(unwritten_logins.clone()))?;
        registry.register(Box::new(hook.clone()))?;
        registry.register(Box::new(build))?;
        #[cfg(target_os = "linux")]
        registry.register(Box::new(prometheus::process_collector::ProcessCollector::for_self()))?;
        Ok(Self {
            registry,
            handshake,
            pending,
            subscribers,
            transitions,
            fallbacks,
            missed_bells,
            unwritten_logins,
            hook,
            pool,
        })
    }

    /// A stream has said its first byte, or an answer that had not to be waited for was given.
    pub fn handshake(&self, transport: &str, took: Duration) {
        self.handshake.with_label_values(&[transport]).observe(took.as_secs_f64());
    }

    /// A client waits for events.
    pub fn subscribed(&self, transport: &str) {
        self.subscribers.with_label_values(&[transport]).inc();
    }

    /// A client waits no longer.
    pub fn unsubscribed(&self, transport: &str) {
        self.subscribers.with_label_values(&[transport]).dec();
    }

    /// A session came into a state. Events that are no state are not counted.
    pub fn transition(&self, to: &str) {
        if STATES.contains(&to) {
            self.transitions.with_label_values(&[to]).inc();
        }
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

    /// A hook was asked something, and something came of it; both words of the closed sets above.
    pub fn hook(&self, act: &str, outcome: &str, took: Duration) {
        if HOOK_TYPES.contains(&act) && HOOK_OUTCOMES.contains(&outcome) {
            self.hook.with_label_values(&[act, outcome]).observe(took.as_secs_f64());
        }
    }

    /// Logins could not be written down.
    pub fn logins_not_written(&self, count: usize) {
        self.unwritten_logins.inc_by(u64::try_from(count).unwrap_or(u64::MAX));
    }

    /// Takes over the count of bells that were missed.
    pub fn set_missed_bells(&self, count: u64) {
        self.missed_bells.inc_by(count.saturating_sub(self.missed_bells.get()));
    }

    /// Takes over the store's count of the logins in a state.
    pub fn set_pending(&self, state: &str, count: u64) {
        if OPEN_STATES.contains(&state) {
            let count = i64::try_from(count).unwrap_or(i64::MAX);
            self.pending.with_label_values(&[state]).set(count);
        }
    }

    /// Everything, in Prometheus' text format 0.0.4.
    ///
    /// # Errors
    /// A metric cannot be written in that format.
    pub fn text(&self) -> prometheus::Result<String> {
        TextEncoder::new().encode_to_string(&self.registry.gather())
    }
}
