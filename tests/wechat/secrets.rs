//! What only WeChat and this server may know is in no log, no answer and no metric, however much
//! is logged and whatever goes wrong.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

use reqwest::Method;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::accounts::AES_KEY;
use crate::stub::{ACCOUNT, MINI, Reply, SECRET, Stub, WEBSITE};
use crate::support::Api;
use crate::world::{CALLBACK_TOKEN, CODES, LOGINS, TOKEN};

/// A server process that logs all it can.
struct Process {
    public: Api,
    admin: Api,
    child: Child,
    folder: TempDir,
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Process {
    fn start(wechat: &Stub, format: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let log = File::create(folder.path().join("log")).expect("a file");
        let mut command = Command::new(env!("CARGO_BIN_EXE_saoma"));
        for (name, _) in saoma::config::environment() {
            command.env_remove(name);
        }
        let settings = [
            ("SAOMA_LISTEN", "127.0.0.1:0"),
            ("SAOMA_ADMIN_LISTEN", "127.0.0.1:0"),
            ("SAOMA_DRAIN_SECONDS", "0"),
            ("SAOMA_LOG", "trace"),
            ("SAOMA_LOG_FORMAT", format),
            ("SAOMA_DIRECTORY", "known"),
            ("SAOMA_PROVIDER", "mini_program"),
            ("SAOMA_WECHAT_APP_ID", MINI),
            ("SAOMA_WECHAT_APP_SECRET", SECRET),
            ("SAOMA_WECHAT_API_URL", &wechat.base),
        ];
        let config = folder.path().join("saoma.toml");
        fs::write(&config, other_ways(&wechat.base)).expect("written");
        command.envs(settings).env("SAOMA_DATA_DIR", folder.path()).env("SAOMA_CONFIG", config);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log);
        let mut child = command.spawn().expect("the server starts");
        let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
        let mut at = |before: &str| {
            let line = lines.next().and_then(Result::ok).unwrap_or_default();
            let address = line.strip_prefix(before).unwrap_or_else(|| panic!("{line:?}"));
            Api::new(format!("http://{address}"))
        };
        let (public, admin) = (at("listening on http://"), at("admin on http://"));
        Self { public, admin, child, folder }
    }

    /// All that it has logged, when it has left.
    fn leaves(mut self) -> String {
        let pid = self.child.id().to_string();
        let told = Command::new("kill").args(["-TERM", &pid]).status();
        assert!(told.is_ok_and(|status| status.success()));
        assert!(self.child.wait().expect("our child").success());
        fs::read_to_string(self.folder.path().join("log")).expect("a log")
    }
}

/// The namespaces of the other two ways.
fn other_ways(url: &str) -> String {
    let way = |name: &str, provider: &str, app: &str| {
        format!(
            "[namespaces.{name}]\nprovider = '{provider}'\ndirectory = 'known'\n\
             [namespaces.{name}.wechat]\napp_id = '{app}'\napp_secret = '{SECRET}'\n\
             api_url = '{url}'\nopen_url = '{url}'\n"
        )
    };
    let sealed = format!("token = '{CALLBACK_TOKEN}'\nencoding_aes_key = '{AES_KEY}'\n");
    let account = way("account", "official_account", ACCOUNT);
    format!("{account}{sealed}{}", way("website", "open_platform", WEBSITE))
}

/// Browsers and phones of the process, and everything that they are told.
struct People<'a> {
    process: &'a Process,
    wechat: &'a Stub,
    /// The bodies of all answers that are no success.
    problems: Vec<String>,
    /// What each side was given for itself alone.
    given: Vec<String>,
}

impl People<'_> {
    async fn asks(&mut self, method: Method, path: &str, token: &str, body: Value) -> Value {
        let ask = self.process.public.ask(method, path).bearer(token).json(body);
        let answer = ask.await;
        if answer.status >= 400 {
            self.problems.push(answer.text().to_owned());
        }
        let told: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        for name in ["secret", "phone_token", "ticket", "access_token"] {
            self.given.extend(told[name].as_str().map(str::to_owned));
        }
        told
    }

    /// Opens a session and looks at its code; its address, its scene and its secret.
    async fn opens(&mut self) -> [String; 3] {
        self.opens_in("default").await
    }

    async fn opens_in(&mut self, namespace: &str) -> [String; 3] {
        let body = json!({ "namespace": namespace });
        let opened = self.asks(Method::POST, "/v1/sessions", "", body).await;
        let text = |name: &str| opened[name].as_str().expect(name).to_owned();
        let path = format!("/v1/sessions/{}", text("session_id"));
        self.asks(Method::GET, &format!("{path}/code"), "", json!({})).await;
        [path, text("scene"), text("secret")]
    }

    async fn scans(&mut self, scene: &str) -> String {
        let wang = json!({ "appid": MINI, "person": "wang" });
        let code = self.wechat.tell("login", wang).await["code"].clone();
        let body = json!({ "login_code": code });
        let path = format!("/v1/scenes/{scene}/scan");
        let told = self.asks(Method::POST, &path, "", body).await;
        told["phone_token"].as_str().unwrap_or_default().to_owned()
    }

    async fn log_in(&mut self) {
        let [session, scene, secret] = self.opens().await;
        let phone = self.scans(&scene).await;
        self.signs_up(&session, &scene, &secret, &phone).await;
    }

    /// By the official account: what is pushed, the link, and pushes that are forged.
    async fn log_in_by_the_account(&mut self) {
        let [session, scene, secret] = self.opens_in("account").await;
        let scan = json!({ "appid": ACCOUNT, "scene": scene, "person": "wang" });
        self.wechat.tell("account/scan", scan).await;
        let messages = self.wechat.see("messages?at_least=1").await;
        let text = messages[0]["body"]["text"]["content"].as_str().expect("a text");
        let (_, code) = text.split_once("#login_code=").expect("a link");
        let code = code.split('"').next().expect("a code").to_owned();
        let body = json!({ "login_code": code });
        self.given.push(code);
        let path = format!("/v1/scenes/{scene}/scan");
        let told = self.asks(Method::POST, &path, "", body).await;
        let phone = told["phone_token"].as_str().expect("a token").to_owned();
        self.signs_up(&session, &scene, &secret, &phone).await;
        for forged in [
            json!({ "xml": "<xml>", "mode": "aes" }),
            json!({ "xml": "<xml>", "mode": "plain" }),
            json!({ "xml": "<xml>", "mode": "aes", "sealed_for": "wx00000000000000ff" }),
            json!({ "xml": "<xml>", "token": "guessed" }),
        ] {
            let mut forged = forged;
            forged["appid"] = ACCOUNT.into();
            let told = self.wechat.tell("account/push", forged).await;
            self.problems.push(told["push"]["tries"][0]["answer"].to_string());
        }
    }

    /// By the open platform: the browser that comes back, and another's.
    async fn log_in_by_the_website(&mut self) {
        let [session, scene, secret] = self.opens_in("website").await;
        let told = self.asks(Method::GET, &session, &secret, json!({})).await;
        let decision = json!({ "address": told["code"]["content"], "person": "wang" });
        let url = format!("{}/stub/website/allow", self.wechat.base);
        let back = Reply::of(self.wechat.client.post(url).json(&decision)).await.location;
        let back = back.expect("an address");
        for (cookie, status) in
            [("a=b".to_owned(), 403), (format!("saoma_secret_{scene}={secret}"), 303)]
        {
            for accept in ["text/html", "*/*"] {
                let ask = self.wechat.client.get(&back).header("cookie", &cookie);
                let came = Reply::of(ask.header("accept", accept)).await;
                if came.status == 303 {
                    let location = came.location.expect("an address");
                    let (_, token) = location.split_once("#phone_token=").expect("a token");
                    let token = token.to_owned();
                    self.given.push(token.clone());
                    self.signs_up(&session, &scene, &secret, &token).await;
                } else {
                    assert!(came.status == status || came.status == 409, "{}", came.status);
                    // The page leads the browser to where it is.
                    let (_, here) = back.split_once('?').expect("a query");
                    self.problems.push(came.text().replace(&here.replace('&', "&amp;"), ""));
                }
            }
        }
    }

    async fn signs_up(&mut self, session: &str, scene: &str, secret: &str, phone: &str) {
        let name = json!({ "name": "Wang" });
        for (call, body) in [("confirm", json!({})), ("register", name), ("confirm", json!({}))] {
            self.asks(Method::POST, &format!("/v1/scenes/{scene}/{call}"), phone, body).await;
        }
        let events = format!("{session}/events?wait=0");
        let told = self.asks(Method::GET, &events, secret, json!({})).await;
        let events = told["events"].as_array().expect("events");
        let ticket = events.iter().find_map(|event| event["data"]["ticket"].as_str());
        let ticket = ticket.expect("a ticket").to_owned();
        let body = json!({ "ticket": ticket });
        let told = self.asks(Method::POST, &format!("{session}/token"), secret, body).await;
        assert_eq!(told["user"]["name"], "Wang", "{told}");
        self.given.push(ticket);
    }
}

/// What WeChat and the server told each other in confidence.
async fn told_in_confidence(wechat: &Stub) -> Vec<String> {
    let mut secrets = [SECRET, CALLBACK_TOKEN, AES_KEY].map(str::to_owned).to_vec();
    for app in [MINI, ACCOUNT, WEBSITE] {
        let who = wechat.tell("who", json!({ "appid": app, "person": "wang" })).await;
        let names = ["openid", "unionid"].map(|name| who[name].as_str().expect(name).to_owned());
        secrets.extend(names);
    }
    for call in wechat.see("calls").await.as_array().expect("a list") {
        for name in ["js_code", "code"] {
            secrets.extend(call["query"][name].as_str().map(str::to_owned));
        }
        let answer = serde_json::from_str(call["answer"].as_str().unwrap_or_default());
        let answer: Value = answer.unwrap_or_default();
        for name in ["access_token", "refresh_token", "session_key"] {
            secrets.extend(answer[name].as_str().map(str::to_owned));
        }
    }
    secrets
}

#[tokio::test]
async fn logins_and_faults_leave_no_secret_anywhere() {
    for format in ["text", "json"] {
        let wechat = Stub::start().await;
        wechat.set(MINI, "pages", json!(["pages/wsLogin/wsLogin"])).await;
        for app in [MINI, ACCOUNT, WEBSITE] {
            wechat.set(app, "open_platform", json!("shop")).await;
        }
        let process = Process::start(&wechat, format);
        let callback = json!({
            "url": format!("{}/v1/wechat/account/events", process.public.base),
            "token": CALLBACK_TOKEN, "aes_key": AES_KEY, "mode": "aes",
        });
        wechat.set(ACCOUNT, "callback", callback).await;
        let (problems, given) = (Vec::new(), Vec::new());
        let mut people = People { process: &process, wechat: &wechat, problems, given };
        people.log_in().await;
        people.log_in_by_the_account().await;
        people.log_in_by_the_website().await;
        let echo = format!("invalid appsecret {SECRET} rid: {SECRET}");
        for fault in [
            json!({ "errcode": 40001 }),
            json!({ "errcode": 40125, "errmsg": echo }),
            json!({ "html": true }),
            json!({ "reset": "half" }),
            json!({ "reset": "before" }),
            // WeChat is left alone after it.
            json!({ "errcode": 45009 }),
        ] {
            for path in [TOKEN, CODES, LOGINS] {
                wechat.breaks(path, fault.clone()).await;
                wechat.tell("tokens/revoke", json!({ "appid": MINI })).await;
                let [_, scene, _] = people.opens().await;
                people.scans(&scene).await;
                people.scans("nobody-opened-this").await;
                Reply::of(wechat.client.delete(format!("{}/stub/faults", wechat.base))).await.ok();
            }
        }
        let Process { admin, .. } = &process;
        let metrics = admin.ask(Method::GET, "/metrics").await.text().to_owned();
        let People { problems, given, .. } = people;
        assert!(problems.len() > 20, "so much has gone wrong: {}", problems.len());
        let confidence = told_in_confidence(&wechat).await;
        let log = process.leaves();
        for event in ["wechat.refused", "wechat.failed"] {
            assert!(log.contains(event), "no {event} in the log: {log}");
        }

        let told = problems.join("\n");
        for (place, text) in [("a log", &log), ("an answer", &told), ("the metrics", &metrics)] {
            for secret in confidence.iter().chain(&given) {
                assert!(secret.len() > 8, "{secret:?} is a secret");
                if let Some(line) = text.lines().find(|line| line.contains(secret.as_str())) {
                    panic!("{secret} is in {place}: {line}");
                }
            }
        }
    }
}
