//! Metrics that are made and registered in one step.

use prometheus::{
    HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry,
    Result,
};

/// Makes metrics of a registry.
pub(super) struct Make<'a>(pub(super) &'a Registry);

impl Make<'_> {
    pub(super) fn counter(&self, name: &str, help: &str) -> Result<IntCounter> {
        let made = IntCounter::new(name, help)?;
        self.0.register(Box::new(made.clone())).map(|()| made)
    }

    pub(super) fn counters(
        &self,
        name: &str,
        help: &str,
        labels: &[&str],
    ) -> Result<IntCounterVec> {
        let made = IntCounterVec::new(Opts::new(name, help), labels)?;
        self.0.register(Box::new(made.clone())).map(|()| made)
    }

    pub(super) fn gauge(&self, name: &str, help: &str) -> Result<IntGauge> {
        let made = IntGauge::new(name, help)?;
        self.0.register(Box::new(made.clone())).map(|()| made)
    }

    pub(super) fn gauges(&self, name: &str, help: &str, labels: &[&str]) -> Result<IntGaugeVec> {
        let made = IntGaugeVec::new(Opts::new(name, help), labels)?;
        self.0.register(Box::new(made.clone())).map(|()| made)
    }

    pub(super) fn histograms(
        &self,
        name: &str,
        help: &str,
        bounds: &[f64],
        labels: &[&str],
    ) -> Result<HistogramVec> {
        let made =
            HistogramVec::new(HistogramOpts::new(name, help).buckets(bounds.to_vec()), labels)?;
        self.0.register(Box::new(made.clone())).map(|()| made)
    }
}

/// A count as a gauge holds it.
pub(super) fn level(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
