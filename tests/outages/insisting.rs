//! People who insist: a call that has no answer, or one that says that the server is in trouble, is made
//! again. So a call may have been done already when it is made again, and says so.

use std::time::Duration;

use reqwest::{Client, Method};
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::support::{Api, Balanced, Session, Steadfast, Via, within};

const PAUSE: Duration = Duration::from_millis(50);

/// Somebody's login, whatever breaks meanwhile.
pub(crate) struct Login {
    calls: Calls,
    via: Via,
    session: Session,
    events: Steadfast,
    /// The phone's token, once it has scanned.
    phone: Option<String>,
}

impl Login {
    /// Opens a session and follows it. Its first event has been seen.
    pub(crate) async fn open(balanced: &Balanced, via: Via) -> Self {
        let (api, browser) = (balanced.api(), balanced.browser(via));
        let calls = Calls::at(&api);
        let opened = calls.insist("/v1/sessions", None, json!({})).await.is(201);
        let session = browser.session_of(opened);
        let mut events = Steadfast::follow(&api, &session, via);
        events.sees("pending").await;
        Self { calls, via, session, events, phone: None }
    }

    /// Somebody scans the code. The browser has been told.
    pub(crate) async fn scan(&mut self) {
        let path = format!("/v1/scenes/{}/scan", self.session.scene);
        // Who scans again is the same person: 200 again.
        let told = self.calls.insist(&path, None, json!({ "login_code": "sim:Ann" })).await.is(200);
        self.phone = Some(told["phone_token"].as_str().expect("a token").to_owned());
        self.events.sees("scanned").await;
    }

    /// Scans if nobody has yet, confirms, and fetches the token. How often the browser had to come back.
    pub(crate) async fn ends_well(mut self) -> (Via, usize) {
        if self.phone.is_none() {
            self.scan().await;
        }
        let path = format!("/v1/scenes/{}/confirm", self.session.scene);
        let confirmed = self.calls.insist(&path, self.phone.as_deref(), json!({})).await;
        confirmed.may_be_done("wrong_state");
        let ticket = self.events.sees("confirmed").await["ticket"].clone();
        let path = self.session.path("token");
        let token =
            self.calls.insist(&path, Some(&self.session.secret), json!({ "ticket": ticket }));
        token.await.may_be_done("already_redeemed");
        let followed = self.events.ends().await;
        assert_eq!(followed.events.len(), 3, "{followed:?}");
        // What is told to who comes late is what was told.
        assert_eq!(self.session.polls(0).await["events"], Value::from(followed.events));
        (self.via, followed.returns)
    }
}

/// A client that asks until it is answered.
struct Calls {
    base: String,
    client: Client,
}

/// An answer that was insisted on.
struct Insisted {
    status: u16,
    body: Value,
    /// Whether an earlier try may have been heard.
    again: bool,
}

impl Calls {
    fn at(api: &Api) -> Self {
        Self { base: api.base.clone(), client: api.client() }
    }

    async fn insist(&self, path: &str, bearer: Option<&str>, body: Value) -> Insisted {
        let asking = async {
            let mut again = false;
            loop {
                let call = self.client.request(Method::POST, format!("{}{path}", self.base));
                let call = match bearer {
                    Some(bearer) => call.bearer_auth(bearer),
                    None => call,
                };
                if let Ok(answer) = call.json(&body).send().await
                    && !answer.status().is_server_error()
                    && let (status, Ok(body)) = (answer.status().as_u16(), answer.json().await)
                {
                    return Insisted { status, body, again };
                }
                again = true;
                sleep(PAUSE).await;
            }
        };
        within(path, asking).await
    }
}

impl Insisted {
    #[track_caller]
    fn is(self, status: u16) -> Value {
        assert!(self.status == status, "{}: {}", self.status, self.body);
        self.body
    }

    /// It was done now; or by an earlier try, which was not answered.
    #[track_caller]
    fn may_be_done(self, code: &str) {
        let before = self.again && self.status == 409 && self.body["code"] == code;
        assert!(self.status == 200 || before, "{}: {}", self.status, self.body);
    }
}
