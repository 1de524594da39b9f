//! The way to a collector over HTTP. The exporter has a thread of its own; connections are the
//! runtime's.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use opentelemetry_http::{HttpClient, HttpError};
use tokio::runtime::Handle;

/// One batch to the collector and its answer.
const ANSWER: Duration = Duration::from_secs(10);

/// A client whose requests run on the server's runtime.
#[derive(Debug)]
pub(super) struct Client {
    http: reqwest::Client,
    runtime: Handle,
    /// What each request is sent with: the collector may want a key.
    fields: HeaderMap,
}

impl Client {
    pub(super) fn new(fields: HeaderMap, runtime: Handle) -> reqwest::Result<Self> {
        // Another part of the process may have chosen already; all of ours choose the same.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder()
            .timeout(ANSWER)
            .redirect(reqwest::redirect::Policy::none())
            .build()?;
        Ok(Self { http, runtime, fields })
    }
}

#[async_trait]
impl HttpClient for Client {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let (parts, body) = request.into_parts();
        let asked = self.http.post(parts.uri.to_string()).body(body);
        let asked = asked.headers(parts.headers).headers(self.fields.clone());
        // Spawned: the thread that waits here is none of the runtime's.
        let answer = self.runtime.spawn(async move {
            let answer = asked.send().await.map_err(reqwest::Error::without_url)?;
            let status = answer.status();
            let body = answer.bytes().await.map_err(reqwest::Error::without_url)?;
            Ok::<_, reqwest::Error>((status, body))
        });
        let (status, body) = answer.await??;
        let mut response = Response::new(body);
        *response.status_mut() = status;
        Ok(response)
    }
}
