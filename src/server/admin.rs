//! The admin listener: `/metrics`, `/livez`, `/readyz`. For operators and their tools alone.

use std::sync::Arc;

use poem::endpoint::{BoxEndpoint, make};
use poem::http::{StatusCode, header};
use poem::{EndpointExt, Response, Route, get};
use tokio_util::sync::CancellationToken;

use crate::login::Login;
use crate::metrics::Metrics;

/// Prometheus' text format.
const TEXT_FORMAT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The admin listener's endpoint.
#[must_use]
pub fn endpoint(
    login: Arc<Login>,
    metrics: Arc<Metrics>,
    leaving: CancellationToken,
) -> BoxEndpoint<'static, Response> {
    let scraped = Arc::clone(&login);
    let scrape = make(move |_| {
        let (login, metrics) = (Arc::clone(&scraped), Arc::clone(&metrics));
        async move { poem::Result::<_>::Ok(scrape(&login, &metrics).await) }
    });
    let ready = make(move |_| {
        let (login, leaving) = (Arc::clone(&login), leaving.clone());
        async move {
            poem::Result::<_>::Ok(if leaving.is_cancelled() {
                plain(StatusCode::SERVICE_UNAVAILABLE, "leaving\n")
            } else if login.ready().await.is_err() {
                plain(StatusCode::SERVICE_UNAVAILABLE, "the session store does not answer\n")
            } else {
                plain(StatusCode::OK, "ready\n")
            })
        }
    });
    let live = make(|_| async { poem::Result::<_>::Ok(plain(StatusCode::OK, "live\n")) });
    Route::new()
        .at("/metrics", get(scrape))
        .at("/readyz", get(ready))
        .at("/livez", get(live))
        .map_to_response()
        .boxed()
}

async fn scrape(login: &Login, metrics: &Metrics) -> Response {
    match login.census().await {
        Ok(census) => census.into_iter().for_each(|(s, n)| metrics.set_pending(s.name(), n)),
        Err(error) => tracing::warn!(%error, "metrics.census_failed"),
    }
    metrics.set_missed_bells(login.missed_bells());
    match metrics.text() {
        Ok(text) => Response::builder().header(header::CONTENT_TYPE, TEXT_FORMAT).body(text),
        Err(error) => {
            tracing::error!(%error, "metrics.not_written");
            plain(StatusCode::INTERNAL_SERVER_ERROR, "the metrics cannot be written\n")
        }
    }
}

fn plain(status: StatusCode, text: &'static str) -> Response {
    let response = Response::builder().status(status).header(header::CACHE_CONTROL, "no-store");
    response.header(header::CONTENT_TYPE, "text/plain; charset=utf-8").body(text)
}
