//! Requests and connections of the public listener.

use std::time::Duration;

use prometheus::{HistogramVec, IntCounterVec, IntGauge, Result};

use super::make::{Make, level};

/// The classes of statuses (RFC 9110, section 15).
const CLASSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];
/// What no operation's path is: pages and files, and what is not there.
const PAGE: &str = "page";
/// What is not there, or not by this method.
const UNKNOWN: &str = "unknown";
/// The method of both: what there is can be read, and anything may be asked.
const ANY: &str = "any";
/// Seconds.
const BUCKETS: [f64; 13] =
    [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

/// The metrics of HTTP.
pub struct HttpMetrics {
    duration: HistogramVec,
    responses: IntCounterVec,
    in_flight: IntGauge,
    connections: IntGauge,
    connections_limit: IntGauge,
}

/// A request that is being answered, for as long as it is kept.
pub struct InFlight(IntGauge);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.dec();
    }
}

impl HttpMetrics {
    pub(super) fn new(make: &Make) -> Result<Self> {
        let metrics = Self {
            duration: make.histograms(
                "saoma_http_request_duration_seconds",
                "From a request's head to its answer; requests for events are not among them.",
                &BUCKETS,
                &["method", "route"],
            )?,
            responses: make.counters(
                "saoma_http_responses_total",
                "Answers, by the class of their status.",
                &["method", "route", "status"],
            )?,
            in_flight: make.gauge(
                "saoma_http_requests_in_flight",
                "Requests that are being answered; those that wait for events are not among them.",
            )?,
            connections: make
                .gauge("saoma_connections", "Open connections of the public listener.")?,
            connections_limit: make.gauge(
                "saoma_connections_limit",
                "How many connections the public listener takes.",
            )?,
        };
        for route in [PAGE, UNKNOWN] {
            metrics.begin(ANY, route);
        }
        Ok(metrics)
    }

    /// There is an operation: all that is counted of it is there from now on.
    pub fn begin(&self, method: &str, route: &str) {
        for class in CLASSES {
            self.responses.with_label_values(&[method, route, class]).reset();
        }
        if !waits(route) {
            let _ = self.duration.with_label_values(&[method, route]);
        }
    }

    /// A request is being answered as long as this is kept.
    #[must_use]
    pub fn begun(&self) -> InFlight {
        self.in_flight.inc();
        InFlight(self.in_flight.clone())
    }

    /// A request was answered. Its method and route are those of an operation that was begun; none:
    /// it was for a page, or for nothing that is there.
    pub fn answered(&self, operation: Option<(&str, &str)>, status: u16, took: Duration) {
        let nothing = if matches!(status, 404 | 405) { UNKNOWN } else { PAGE };
        let (method, route) = operation.unwrap_or((ANY, nothing));
        let class = usize::from(status / 100).clamp(1, CLASSES.len()) - 1;
        self.responses.with_label_values(&[method, route, CLASSES[class]]).inc();
        if !waits(route) {
            self.duration.with_label_values(&[method, route]).observe(took.as_secs_f64());
        }
    }

    /// How many connections there are, and may be.
    pub fn set_connections(&self, count: usize, limit: usize) {
        self.connections.set(level(count as u64));
        self.connections_limit.set(level(limit as u64));
    }
}

/// Requests for events are answered when something happens: `saoma_handshake_duration_seconds` has
/// what can be said of their speed.
fn waits(route: &str) -> bool {
    route.ends_with("/events")
}
