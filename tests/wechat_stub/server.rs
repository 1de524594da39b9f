//! An official account's server, as far as a callback sees of it: what it got, what it says.

use std::collections::{BTreeMap, VecDeque};
use std::convert::Infallible;
use std::io;
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::stub::{ACCOUNT, Stub};

pub(crate) const TOKEN: &str = "a-token-of-the-console";
/// 43 characters, the last of which says more than fits.
pub(crate) const AES_KEY: &str = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG";

/// A callback as it came.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Got {
    pub(crate) method: String,
    pub(crate) query: BTreeMap<String, String>,
    pub(crate) body: String,
}

/// What the server does with a callback.
#[derive(Clone)]
pub(crate) enum Does {
    Says(u16, String),
    /// Sends back the `echostr`.
    Echoes,
    /// Closes the connection.
    HangsUp,
    /// Waits for ever.
    Dawdles,
}

/// A server that runs as long as the test.
#[derive(Clone)]
pub(crate) struct Server {
    pub(crate) url: String,
    got: Arc<Mutex<Vec<Got>>>,
    does: Arc<Mutex<VecDeque<Does>>>,
}

impl Server {
    /// A server that says `success` when it was not told to do something else.
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}/wechat?at=1", listener.local_addr().expect("an address"));
        let server = Self { url, got: Arc::default(), does: Arc::default() };
        tokio::spawn(server.clone().serve(listener));
        server
    }

    /// What it does with the next callbacks, one after the other.
    pub(crate) fn will(&self, does: impl IntoIterator<Item = Does>) {
        self.does.lock().extend(does);
    }

    /// What it got since it was asked last.
    pub(crate) fn got(&self) -> Vec<Got> {
        std::mem::take(&mut self.got.lock())
    }

    /// Makes it the account's server.
    pub(crate) async fn serves(&self, stub: &Stub, mode: &str, settings: Value) {
        let mut callback =
            json!({ "url": self.url, "token": TOKEN, "aes_key": AES_KEY, "mode": mode });
        callback.as_object_mut().expect("one").extend(settings.as_object().cloned().expect("one"));
        stub.set(ACCOUNT, "callback", callback).await;
    }

    async fn serve(self, listener: TcpListener) {
        while let Ok((stream, _)) = listener.accept().await {
            let server = self.clone();
            let service = service_fn(move |request| server.clone().respond(request));
            let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
            tokio::spawn(connection);
        }
    }

    async fn respond(self, request: Request<Incoming>) -> io::Result<Response<Full<Bytes>>> {
        let (head, body) = request.into_parts();
        let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
        let query = head.uri.query().unwrap_or_default().as_bytes();
        let query: BTreeMap<_, _> = form_urlencoded::parse(query).into_owned().collect();
        let echo = query.get("echostr").cloned().unwrap_or_default();
        let body = String::from_utf8_lossy(&body).into_owned();
        self.got.lock().push(Got { method: head.method.to_string(), query, body });
        let does = self.does.lock().pop_front();
        let (status, text) = match does.unwrap_or(Does::Says(200, "success".to_owned())) {
            Does::Says(status, text) => (status, text),
            Does::Echoes => (200, echo),
            Does::HangsUp => return Err(io::ErrorKind::ConnectionReset.into()),
            Does::Dawdles => std::future::pending::<Result<_, Infallible>>().await.expect("never"),
        };
        let response = Response::builder().status(status).body(Full::new(text.into()));
        Ok(response.expect("a response"))
    }
}
