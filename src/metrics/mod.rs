//! Every metric, named in this one place.
//!
//! To add one: a field in the file of what it is about, with its name, help and closed label
//! values; a method that says what happened; its panel in grafana/. Never an id, a scene or an
//! address as a label.

mod http;
mod logins;
mod make;
mod pool;
mod store;
mod streams;
mod tls;
mod wechat;

use std::time::Duration;

use prometheus::{HistogramVec, IntCounter, IntGauge, Registry, TextEncoder};

pub use http::HttpMetrics;
pub use logins::LoginMetrics;
pub use pool::PoolMetrics;
pub use store::StoreMetrics;
pub use streams::StreamMetrics;
pub use tls::TlsMetrics;
pub use wechat::{WeChatCall, WeChatMetrics};

use make::Make;

/// What a hook can be asked, and what may come of it.
const HOOK_TYPES: [&str; 3] = ["scan", "confirm", "register"];
const HOOK_OUTCOMES: [&str; 6] =
    ["registered", "unregistered", "refused", "unavailable", "timeout", "failed"];
/// Seconds. A hook may take 30 at the most.
const HOOK_BUCKETS: [f64; 11] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

/// The server's metrics.
pub struct Metrics {
    registry: Registry,
    /// What becomes of logins.
    pub logins: LoginMetrics,
    /// How events travel.
    pub streams: StreamMetrics,
    /// Requests and connections.
    pub http: HttpMetrics,
    /// WeChat's health.
    pub wechat: WeChatMetrics,
    /// What is counted of pools.
    pub pool: PoolMetrics,
    /// The session store's health.
    pub store: StoreMetrics,
    /// The certificate that is shown.
    pub tls: TlsMetrics,
    hook: HistogramVec,
    unwritten_logins: IntCounter,
    ready: IntGauge,
    draining: IntGauge,
}

impl Metrics {
    /// All metrics at zero, every label value there from the start; those of a namespace, an
    /// account or a pool from when it is begun.
    ///
    /// # Errors
    /// Two metrics have the same name, or one has none that Prometheus takes.
    pub fn new() -> prometheus::Result<Self> {
        let registry = Registry::new();
        let make = Make(&registry);
        let hook = make.histograms(
            "saoma_hook_duration_seconds",
            "From a question to the hook to what came of it, a second try included.",
            &HOOK_BUCKETS,
            &["type", "outcome"],
        )?;
        for (act, outcome) in HOOK_TYPES.iter().flat_map(|act| HOOK_OUTCOMES.map(|it| (*act, it))) {
            let _ = hook.with_label_values(&[act, outcome]);
        }
        let build = make.gauges(
            "saoma_build_info",
            "Always 1; the labels say what is running.",
            &["version"],
        )?;
        build.with_label_values(&[env!("CARGO_PKG_VERSION")]).set(1);
        let metrics = Self {
            logins: LoginMetrics::new(&make)?,
            streams: StreamMetrics::new(&make)?,
            http: HttpMetrics::new(&make)?,
            wechat: WeChatMetrics::new(&make)?,
            pool: PoolMetrics::new(&make)?,
            store: StoreMetrics::new(&make)?,
            tls: TlsMetrics::new(registry.clone()),
            hook,
            unwritten_logins: make.counter(
                "saoma_history_unwritten_total",
                "Logins that the history does not have, for the database did not take them.",
            )?,
            ready: make.gauge("saoma_ready", "1 while the server says that it is ready.")?,
            draining: make.gauge("saoma_draining", "1 while the server is leaving.")?,
            registry: registry.clone(),
        };
        #[cfg(target_os = "linux")]
        registry.register(Box::new(prometheus::process_collector::ProcessCollector::for_self()))?;
        Ok(metrics)
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

    /// Whether logins can go on here, and whether the server is leaving.
    pub fn set_ready(&self, ready: bool, draining: bool) {
        self.ready.set(ready.into());
        self.draining.set(draining.into());
    }

    /// Everything, in Prometheus' text format 0.0.4.
    ///
    /// # Errors
    /// A metric cannot be written in that format.
    pub fn text(&self) -> prometheus::Result<String> {
        TextEncoder::new().encode_to_string(&self.registry.gather())
    }
}
