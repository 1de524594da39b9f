//! A plain HTTP client of the API, and what its answers are held to.

use std::future::{Future, IntoFuture};
use std::path::Path;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use reqwest::header::HeaderMap;
use reqwest::{Client, Method, RequestBuilder, Version};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};
use serde_json::Value;

use super::{documented, within};

/// A client of one server.
#[derive(Clone)]
pub(crate) struct Api {
    /// `http://` and the address.
    pub(crate) base: String,
    client: Client,
    /// How it speaks TLS where it does not ask by the client: over a WebSocket.
    pub(crate) tls: Option<Arc<ClientConfig>>,
}

impl Api {
    /// A client with a connection for each request: one that was kept open may be closed by the
    /// server just when time is made to pass. It takes long to make, and keeps nothing: one is enough
    /// for all.
    pub(crate) fn new(base: String) -> Self {
        static CLIENT: OnceLock<Client> = OnceLock::new();
        let client = CLIENT.get_or_init(|| {
            // The client wants one, though it speaks plain http.
            let _ = rustls::crypto::ring::default_provider().install_default();
            let client = Client::builder().no_proxy().pool_max_idle_per_host(0);
            client.user_agent("a browser/1.0").build().expect("a client")
        });
        Self { base, client: client.clone(), tls: None }
    }

    /// A client of a server that speaks TLS, and shows a certificate of this authority's. It speaks
    /// HTTP/1.1, with a connection for each request.
    pub(crate) fn secure(base: String, ca: &Path) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let pem = std::fs::read(ca).expect("the authority's certificate");
        let trusted = reqwest::Certificate::from_pem(&pem).expect("PEM");
        let client = Client::builder().no_proxy().pool_max_idle_per_host(0).http1_only();
        let client = client.tls_certs_only([trusted]).build().expect("a client");
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(&pem).expect("PEM")).expect("a root");
        let config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
        Self { base, client, tls: Some(Arc::new(config)) }
    }

    /// A client that keeps its connections, as browsers do.
    pub(crate) fn keeping(&self) -> Self {
        let client = Client::builder().no_proxy();
        Self { base: self.base.clone(), client: client.build().expect("a client"), tls: None }
    }

    /// A client that speaks HTTP/2 from the first byte on.
    pub(crate) fn http2(&self) -> Self {
        let client = Client::builder().no_proxy().http2_prior_knowledge();
        Self { base: self.base.clone(), client: client.build().expect("a client"), tls: None }
    }

    /// The client itself.
    pub(crate) fn client(&self) -> Client {
        self.client.clone()
    }

    /// A request of a path, or of a whole address of this server's.
    pub(crate) fn ask(&self, method: Method, path: &str) -> Ask {
        let base = if path.starts_with("http") { "" } else { &self.base };
        Ask(self.client.request(method, format!("{base}{path}")))
    }
}

/// A request; it is sent when it is awaited.
#[must_use = "a request is sent when it is awaited"]
pub(crate) struct Ask(RequestBuilder);

impl Ask {
    /// With `Authorization: Bearer`.
    pub(crate) fn bearer(self, token: &str) -> Self {
        Self(self.0.bearer_auth(token))
    }

    /// With a header.
    pub(crate) fn header(self, name: &str, value: &str) -> Self {
        Self(self.0.header(name, value))
    }

    /// With a JSON body.
    #[expect(clippy::needless_pass_by_value, reason = "written as json!({…}) by the caller")]
    pub(crate) fn json(self, body: Value) -> Self {
        Self(self.0.json(&body))
    }

    /// With a body that is sent as it is, as JSON.
    pub(crate) fn body(self, body: impl Into<String>) -> Self {
        Self(self.0.header("content-type", "application/json").body(body.into()))
    }

    /// With a body of another type.
    pub(crate) fn body_of(self, media_type: &str, body: &str) -> Self {
        Self(self.0.header("content-type", media_type).body(body.to_owned()))
    }

    /// The answer of the admin listener, of which the document does not speak.
    pub(crate) async fn undocumented(self) -> Answer {
        Answer::of(self.response().await).await
    }

    /// The answer where a thousand others are waited for, too.
    pub(crate) async fn in_the_end(self) -> Answer {
        let answered = tokio::time::timeout(Duration::from_secs(60), self.0.send()).await;
        Answer::of(answered.expect("within a minute").expect("an answer")).await
    }

    /// The response as soon as its head is there.
    pub(crate) async fn response(self) -> reqwest::Response {
        within("an answer", self.0.send()).await.expect("an answer")
    }
}

impl IntoFuture for Ask {
    type Output = Answer;
    type IntoFuture = Pin<Box<dyn Future<Output = Answer> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let (client, request) = self.0.build_split();
            let request = request.expect("a request");
            let (method, path) = (request.method().clone(), request.url().path().to_owned());
            let response = within("an answer", client.execute(request)).await.expect("an answer");
            let answer = Answer::of(response).await;
            documented::holds(&method, &path, &answer);
            answer
        })
    }
}

/// An answer that came whole.
#[must_use = "an answer wants to be looked at"]
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) version: Version,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

#[expect(clippy::wrong_self_convention, reason = "who has looked at an answer is done with it")]
impl Answer {
    /// Reads a response to its end.
    pub(crate) async fn of(response: reqwest::Response) -> Self {
        let (status, version) = (response.status().as_u16(), response.version());
        let headers = response.headers().clone();
        let body = within("an answer's body", response.bytes()).await.expect("a whole body");
        Self { status, version, headers, body: body.to_vec() }
    }

    /// A header that is there.
    #[track_caller]
    pub(crate) fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name).unwrap_or_else(|| panic!("no {name}: {self:?}"));
        value.to_str().expect("a text")
    }

    /// Whether a header is there.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.headers.contains_key(name)
    }

    /// The body as text.
    #[track_caller]
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("a text")
    }

    /// The JSON of an answer that has this status; null if there is no body.
    #[track_caller]
    pub(crate) fn is(self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", String::from_utf8_lossy(&self.body));
        if self.body.is_empty() {
            return Value::Null;
        }
        assert_eq!(self.header("content-type"), "application/json");
        serde_json::from_slice(&self.body).expect("JSON")
    }

    /// The JSON of a 200.
    #[track_caller]
    pub(crate) fn ok(self) -> Value {
        self.is(200)
    }

    /// The bytes of a picture of this type.
    #[track_caller]
    pub(crate) fn is_image(self, media_type: &str) -> Vec<u8> {
        assert_eq!(self.status, 200, "{}", String::from_utf8_lossy(&self.body));
        assert_eq!(self.header("content-type"), media_type);
        self.body
    }

    /// The problem of an error, which has all that every problem has.
    #[track_caller]
    pub(crate) fn is_problem(self, status: u16, code: &str) -> Value {
        assert_eq!(self.status, status, "{}", String::from_utf8_lossy(&self.body));
        assert_eq!(self.header("content-type"), "application/problem+json");
        let problem: Value = serde_json::from_slice(&self.body).expect("JSON");
        assert_eq!(problem["code"], code, "{problem}");
        assert_eq!(problem["status"], status, "{problem}");
        for text in ["type", "title", "detail", "instance"] {
            let said = problem[text].as_str();
            assert!(said.is_some_and(|said| !said.is_empty()), "no {text}: {problem}");
        }
        problem
    }
}
