//! Many instances on one Redis, told as stories: whoever asks whichever instance, it is one server.

#[path = "../support/mod.rs"]
mod support;

mod alike;
mod cluster;
mod everywhere;
mod instances;
mod keeping;
mod people;
mod races;
mod refusals;
mod sentinel;
mod shapes;
mod tls;
mod troubles;

use std::sync::Arc;

use saoma::metrics::Metrics;

/// Counters that nobody reads.
fn metrics() -> Arc<Metrics> {
    Arc::new(Metrics::new().expect("metrics"))
}
