//! The admin listener: the status page, `/metrics`, `/livez`, `/readyz`, and `/v1/codes/{number}`
//! without a key. For operators and their tools alone.

use std::sync::Arc;

use poem::endpoint::{BoxEndpoint, make};
use poem::error::ParseQueryError;
use poem::http::{StatusCode, header};
use poem::{EndpointExt, IntoResponse, Request, Response, Route, get};
use poem_openapi::types::ToJSON;
use serde::Deserialize;

use crate::api::backend::PooledCode;
use crate::api::problem::Problem;
use crate::entropy::Entropy;
use crate::login::{Login, LoginError};

use super::scraped::Scraped;

/// Prometheus' text format.
const TEXT_FORMAT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The admin listener's endpoint.
#[must_use]
pub fn endpoint(
    scraped: Scraped,
    public_url: String,
    entropy: Entropy,
) -> BoxEndpoint<'static, Response> {
    let looked_up = Arc::clone(&scraped.login);
    let code = make(move |request| {
        let (login, public_url) = (Arc::clone(&looked_up), public_url.clone());
        let occurrence = entropy.urn();
        async move {
            let found = code(&login, &public_url, &request).await;
            let refused = |problem| Problem { instance: Some(occurrence), ..problem };
            poem::Result::<_>::Ok(
                found.map_err(refused).unwrap_or_else(IntoResponse::into_response),
            )
        }
    });
    let Scraped { login, leaving, .. } = &scraped;
    let (login, leaving) = (Arc::clone(login), leaving.clone());
    let scraped = Arc::new(scraped);
    let scrape = make(move |_| {
        let scraped = Arc::clone(&scraped);
        async move { poem::Result::<_>::Ok(scrape(&scraped).await) }
    });
    let ready = make(move |request: Request| {
        let (login, leaving) = (Arc::clone(&login), leaving.clone());
        async move {
            let verbose = request.uri().query() == Some("verbose");
            let leaving = leaving.is_cancelled();
            // A balancer that asks one that leaves need not wait for the store.
            let store_answers = (verbose || !leaving) && login.ready().await.is_ok();
            poem::Result::<_>::Ok(Checks { leaving, store_answers }.answer(verbose))
        }
    });
    let live = make(|_| async { poem::Result::<_>::Ok(plain(StatusCode::OK, "live\n")) });
    super::status::add(Route::new())
        .at("/metrics", get(scrape))
        .at("/readyz", get(ready))
        .at("/livez", get(live))
        .at("/v1/codes/:number", get(code))
        .map_to_response()
        .boxed()
}

/// What an instance must be to be asked.
struct Checks {
    leaving: bool,
    store_answers: bool,
}

impl Checks {
    /// The status tells a balancer, the words a person: what is wrong, or each check by itself.
    fn answer(&self, verbose: bool) -> Response {
        let (status, said) = if self.leaving {
            (StatusCode::SERVICE_UNAVAILABLE, "leaving\n")
        } else if self.store_answers {
            (StatusCode::OK, "ready\n")
        } else {
            (StatusCode::SERVICE_UNAVAILABLE, "the session store does not answer\n")
        };
        if !verbose {
            return plain(status, said);
        }
        let leaving = if self.leaving { "✗ leaving" } else { "✓ not leaving" };
        let store = if self.store_answers { "✓ answers" } else { "✗ does not answer" };
        plain(status, format!("this instance: {leaving}\nthe session store: {store}\n{said}"))
    }
}

/// The pooled code of a number, in the namespace that the query names, or `default`.
async fn code(login: &Login, public_url: &str, request: &Request) -> Result<Response, Problem> {
    let no_number = |_| Problem::from(LoginError::NotFound("code"));
    let number: u64 = request.path_params().map_err(no_number)?;
    let wrong = |error: ParseQueryError| Problem::bad_request(error.to_string());
    let In { namespace } = request.params().map_err(wrong)?;
    let namespace = namespace.as_deref().unwrap_or("default");
    let code = PooledCode::of(login.code_in(namespace, number).await?, public_url);
    let response = Response::builder().header(header::CACHE_CONTROL, "no-store");
    Ok(response.content_type("application/json").body(code.to_json_string()))
}

/// What the query may say.
#[derive(Deserialize)]
struct In {
    namespace: Option<String>,
}

async fn scrape(scraped: &Scraped) -> Response {
    match scraped.text().await {
        Ok(text) => Response::builder().header(header::CONTENT_TYPE, TEXT_FORMAT).body(text),
        Err(error) => {
            tracing::error!(%error, "metrics.not_written");
            plain(StatusCode::INTERNAL_SERVER_ERROR, "the metrics cannot be written\n")
        }
    }
}

fn plain(status: StatusCode, text: impl Into<String>) -> Response {
    let response = Response::builder().status(status).header(header::CACHE_CONTROL, "no-store");
    response.header(header::CONTENT_TYPE, "text/plain; charset=utf-8").body(text.into())
}
