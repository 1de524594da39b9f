//! What Prometheus reads: the metrics, with all that is only known when it is asked.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::census::Census;
use crate::login::Login;
use crate::metrics::Metrics;

/// What is looked at when the metrics are read.
pub struct Scraped {
    /// The core.
    pub login: Arc<Login>,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// Cancelled once the server leaves.
    pub leaving: CancellationToken,
    /// The public listener's connections.
    pub census: Arc<Census>,
    /// How many of them it takes.
    pub most: usize,
}

impl Scraped {
    /// The metrics as they are now, in Prometheus' text format 0.0.4.
    ///
    /// # Errors
    /// A metric cannot be written in that format.
    pub async fn text(&self) -> prometheus::Result<String> {
        let Self { login, metrics, .. } = self;
        let census = login.census().await;
        metrics.store.set_up(census.is_ok(), login.is_told());
        match census {
            Ok(census) => {
                for (state, count) in census {
                    metrics.logins.set_pending(state.name(), count);
                }
            }
            Err(error) => tracing::warn!(%error, "metrics.census_failed"),
        }
        let leaving = self.leaving.is_cancelled();
        metrics.set_ready(!leaving && login.ready().await.is_ok(), leaving);
        metrics.store.set_missed_bells(login.missed_bells());
        metrics.http.set_connections(self.census.count(), self.most);
        metrics.wechat.tell(login.now());
        metrics.text()
    }
}
