//! A process of the stub, and how a test speaks to it: as a client of WeChat's, and as its master.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

use reqwest::redirect::Policy;
use reqwest::{Client, RequestBuilder, Url};
use serde_json::{Value, json};

/// How long anything may take.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) const MINI: &str = "wx00000000000000a1";
pub(crate) const ACCOUNT: &str = "wx00000000000000b2";
pub(crate) const WEBSITE: &str = "wx00000000000000c3";
pub(crate) const SECRET: &str = "0123456789abcdef0123456789abcdef";

/// The variables that ring's build depends on.
const RING_LOOKS_AT: [&str; 7] = [
    "CARGO_MANIFEST_DIR",
    "CARGO_MANIFEST_LINKS",
    "CARGO_PKG_NAME",
    "CARGO_PKG_VERSION_MAJOR",
    "CARGO_PKG_VERSION_MINOR",
    "CARGO_PKG_VERSION_PATCH",
    "CARGO_PKG_VERSION_PRE",
];

/// The program as it is now. Cargo builds examples for a whole `cargo test` only, not for `--test`.
fn program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        let test = std::env::current_exe().expect("a program");
        let built = test.parent().and_then(Path::parent).expect("target/…/deps");
        let mut cargo = Command::new(env!("CARGO"));
        cargo.args(["build", "--quiet", "--locked", "--example", "wechat_stub"]);
        cargo.arg("--target-dir").arg(built.parent().expect("target"));
        if !cfg!(feature = "jemalloc") {
            cargo.arg("--no-default-features");
        }
        if !built.ends_with("debug") {
            cargo.arg("--profile").arg(built.file_name().expect("a profile"));
        }
        // What cargo tells this process of itself would make ring, and all that is built on it, anew.
        for name in RING_LOOKS_AT {
            cargo.env_remove(name);
        }
        let status = cargo.current_dir(env!("CARGO_MANIFEST_DIR")).status().expect("cargo");
        assert!(status.success(), "the stub cannot be built");
        built.join("examples/wechat_stub")
    })
}

/// A stub that runs until it is dropped.
pub(crate) struct Stub {
    pub(crate) base: String,
    pub(crate) client: Client,
    child: Child,
}

impl Drop for Stub {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Stub {
    /// A stub with an app of each kind, whose time passes only when it is told to.
    pub(crate) async fn start() -> Self {
        let stub = Self::empty();
        stub.tell("clock", json!({ "stop": true })).await;
        for (appid, kind) in
            [(MINI, "mini_program"), (ACCOUNT, "official_account"), (WEBSITE, "website")]
        {
            let app = json!({ "appid": appid, "secret": SECRET, "kind": kind });
            stub.tell("apps", app).await;
        }
        stub
    }

    /// A stub that knows nothing.
    pub(crate) fn empty() -> Self {
        let mut command = Command::new(program());
        command.args(["--listen", "127.0.0.1:0"]).stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("the stub starts");
        let mut first = String::new();
        let stdout = child.stdout.take().expect("piped");
        BufReader::new(stdout).read_line(&mut first).expect("a first line");
        let base = first.trim().strip_prefix("listening on ").expect("where it listens").to_owned();
        // The client wants one, though it speaks plain http.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = Client::builder().no_proxy().redirect(Policy::none()).timeout(PATIENCE);
        Self { base, client: client.build().expect("a client"), child }
    }

    /// Tells the stub something; what it says.
    pub(crate) async fn tell(&self, what: &str, body: Value) -> Value {
        Reply::of(self.client.post(format!("{}/stub/{what}", self.base)).json(&body)).await.told()
    }

    /// Asks the stub for something of its own.
    pub(crate) async fn see(&self, what: &str) -> Value {
        Reply::of(self.client.get(format!("{}/stub/{what}", self.base))).await.told()
    }

    /// Sets something of an app.
    pub(crate) async fn set(&self, appid: &str, name: &str, value: Value) {
        self.tell("apps", json!({ "appid": appid, name: value })).await;
    }

    /// Lets time pass.
    pub(crate) async fn forward(&self, seconds: u64) {
        self.tell("clock", json!({ "forward_s": seconds })).await;
    }

    /// Puts a fault in the way of an API.
    pub(crate) async fn breaks(&self, api: &str, mut fault: Value) {
        fault["api"] = api.into();
        self.tell("faults", fault).await;
    }

    /// An address of WeChat's.
    pub(crate) fn url(&self, path: &str, query: &[(&str, &str)]) -> Url {
        Url::parse_with_params(&format!("{}{path}", self.base), query).expect("an address")
    }

    /// Calls WeChat by GET.
    pub(crate) async fn get(&self, path: &str, query: &[(&str, &str)]) -> Reply {
        Reply::of(self.client.get(self.url(path, query))).await
    }

    /// Calls WeChat by POST, with a token if there is one.
    pub(crate) async fn post(&self, path: &str, token: &str, body: Value) -> Reply {
        self.post_text(path, token, &body.to_string()).await
    }

    /// The same with a body of any form.
    pub(crate) async fn post_text(&self, path: &str, token: &str, body: &str) -> Reply {
        let query = [("access_token", token)];
        let query = if token.is_empty() { &[] } else { &query[..] };
        let request = self.client.post(self.url(path, query));
        Reply::of(request.body(body.to_owned())).await
    }

    /// Asks for the stable token of an app.
    pub(crate) async fn stable(&self, appid: &str, force: bool) -> Reply {
        let body = json!({
            "grant_type": "client_credential", "appid": appid, "secret": SECRET,
            "force_refresh": force,
        });
        self.post("/cgi-bin/stable_token", "", body).await
    }

    /// A token that works.
    pub(crate) async fn token(&self, appid: &str) -> String {
        self.stable(appid, false).await.ok()["access_token"].as_str().expect("a token").to_owned()
    }
}

/// What WeChat said.
#[must_use = "an answer wants to be looked at"]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) content_type: String,
    pub(crate) location: Option<String>,
    pub(crate) body: Vec<u8>,
}

impl Reply {
    pub(crate) async fn of(request: RequestBuilder) -> Self {
        let response = request.send().await.expect("an answer");
        let header = |name: &str| {
            let value = response.headers().get(name)?;
            Some(value.to_str().expect("a text").to_owned())
        };
        let (content_type, location) = (header("content-type"), header("location"));
        Self {
            status: response.status().as_u16(),
            content_type: content_type.unwrap_or_default(),
            location,
            body: response.bytes().await.expect("a whole body").to_vec(),
        }
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("a text")
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    /// What the stub itself says.
    #[track_caller]
    fn told(&self) -> Value {
        assert!(self.status < 400, "{}", self.text());
        self.json()
    }

    /// The JSON of an answer that is no refusal.
    #[track_caller]
    pub(crate) fn ok(&self) -> Value {
        assert_eq!(self.status, 200, "{}", self.text());
        let body = self.json();
        let errcode = body.get("errcode").and_then(Value::as_i64).unwrap_or(0);
        assert_eq!(errcode, 0, "{body}");
        body
    }

    /// A refusal as WeChat refuses: HTTP 200, and a `rid`.
    #[track_caller]
    pub(crate) fn refuses(&self, code: i64, text: &str) {
        let body = self.json();
        assert_eq!((self.status, body["errcode"].as_i64()), (200, Some(code)), "{body}");
        let said = body["errmsg"].as_str().expect("errmsg");
        assert!(said.starts_with(text), "{said}");
        let (_, rid) = said.split_once("rid: ").expect("a rid");
        let parts: Vec<&str> = rid.split('-').collect();
        let hex = |part: &&str| part.len() == 8 && part.chars().all(|c| c.is_ascii_hexdigit());
        assert!(parts.len() == 3 && parts.iter().all(hex), "{said}");
    }
}
