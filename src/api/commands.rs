//! Commands: what a client says over its WebSocket, and the parsing that they share with the
//! operations of the same names.

use std::sync::Arc;

use poem::http::StatusCode;
use poem_openapi::types::ToJSON;
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use serde_json::{Value, json};
use tracing::Instrument as _;

use super::problem::Problem;
use crate::entropy::Entropy;
use crate::login::Login;
use crate::login::browser::Browser;
use crate::login::phone::PhonePass;
use crate::login::ports::Registration;
use crate::login::session::SessionId;
use crate::transport::{Answer, Commands};

/// The greatest length of a name, in characters.
const NAME_CHARACTERS: usize = 64;

/// The commands of a browser.
pub struct BrowserCommands(Arc<Login>, Browser);

/// The commands of a phone.
pub struct PhoneCommands(Arc<Login>, PhonePass);

#[derive(Deserialize)]
struct Said {
    #[serde(rename = "do")]
    command: String,
    #[serde(rename = "ref")]
    reference: Option<Value>,
    #[serde(default, deserialize_with = "given")]
    body: Option<Value>,
    match_number: Option<u8>,
    name: Option<String>,
}

impl BrowserCommands {
    /// What a browser can say by `do`.
    pub const KNOWN: &str = "message, cancel";

    /// The commands of this browser.
    #[must_use]
    pub fn new(login: Arc<Login>, browser: Browser) -> Self {
        Self(login, browser)
    }
}

impl PhoneCommands {
    /// What a phone can say by `do`.
    pub const KNOWN: &str = "confirm, reject, register, message";

    /// The commands of this phone.
    #[must_use]
    pub fn new(login: Arc<Login>, phone: PhonePass) -> Self {
        Self(login, phone)
    }
}

/// What a command is done in: there is no request around it.
fn span(session: SessionId) -> tracing::Span {
    tracing::info_span!("command", session = %session)
}

impl Commands for BrowserCommands {
    fn run(self: Arc<Self>, text: String) -> Answer {
        let span = span(self.1.id);
        let answer = async move {
            let said = parse(&text);
            let reference = reference(&said);
            let Self(login, browser) = &*self;
            let said = said.map_err(|(_, problem)| problem);
            answer(login.entropy(), reference, said, |said| async move {
                match &*said.command {
                    "message" => {
                        let id = login.browser_says(browser, &body(&said)?).await?;
                        Ok(json!({ "id": id }))
                    }
                    "cancel" => {
                        login.cancel(browser).await?;
                        Ok(json!({ "state": "cancelled" }))
                    }
                    _ => Err(unknown(Self::KNOWN)),
                }
            })
            .await
        };
        Box::pin(answer.instrument(span))
    }
}

impl Commands for PhoneCommands {
    fn run(self: Arc<Self>, text: String) -> Answer {
        let span = span(self.1.id);
        let answer = async move {
            let said = parse(&text);
            let reference = reference(&said);
            let Self(login, phone) = &*self;
            let said = said.map_err(|(_, problem)| problem);
            answer(login.entropy(), reference, said, |said| async move {
                match &*said.command {
                    "confirm" => {
                        login.confirm(phone, said.match_number).await?;
                        Ok(json!({ "state": "confirmed" }))
                    }
                    "reject" => {
                        login.reject(phone).await?;
                        Ok(json!({ "state": "rejected" }))
                    }
                    "register" => {
                        let says = registration(said.name.as_deref().unwrap_or_default())?;
                        login.register(phone, &says).await?;
                        Ok(json!({ "state": "scanned" }))
                    }
                    "message" => {
                        let id = login.phone_says(phone, &body(&said)?).await?;
                        Ok(json!({ "id": id }))
                    }
                    _ => Err(unknown(Self::KNOWN)),
                }
            })
            .await
        };
        Box::pin(answer.instrument(span))
    }
}

type Parsed = Result<Said, (Option<Value>, Problem)>;

fn parse(text: &str) -> Parsed {
    serde_json::from_str(text).map_err(|_| {
        // The ref may be there all the same, and the client waits for it.
        let value: Value = serde_json::from_str(text).unwrap_or_default();
        let detail = "a command is a JSON object with `do`, and `ref` to know the answer by";
        (value.get("ref").cloned(), Problem::bad_request(detail))
    })
}

fn reference(said: &Parsed) -> Option<Value> {
    match said {
        Ok(said) => said.reference.clone(),
        Err((reference, _)) => reference.clone(),
    }
}

/// Lets `run` do what was said, and writes the answer with the command's own `ref`.
async fn answer<F>(
    entropy: &Entropy,
    reference: Option<Value>,
    said: Result<Said, Problem>,
    run: impl FnOnce(Said) -> F,
) -> String
where
    F: Future<Output = Result<Value, Problem>>,
{
    let done = match said {
        Ok(said) => run(said).await,
        Err(problem) => Err(problem),
    };
    let mut answer = json!({ "ok": done.is_ok() });
    match done {
        Ok(Value::Object(fields)) => fields.into_iter().for_each(|(k, v)| answer[k] = v),
        Ok(_) => {}
        Err(mut problem) => {
            problem.instance = Some(entropy.urn());
            answer["problem"] = problem.to_json().unwrap_or_default();
        }
    }
    if let Some(reference) = reference {
        answer["ref"] = reference;
    }
    answer.to_string()
}

fn unknown(known: &str) -> Problem {
    Problem::bad_request(format!("`do` is one of {known}"))
}

/// What is there, null as well: only what is not there is none.
fn given<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(from).map(Some)
}

fn body(said: &Said) -> Result<Box<RawValue>, Problem> {
    let nothing = || Problem::bad_request("a message wants a `body`");
    raw(said.body.as_ref().ok_or_else(nothing)?)
}

/// A JSON value as the log keeps it: in one line, as SSE needs it.
///
/// # Errors
/// 400 if it cannot be written.
pub fn raw(value: &Value) -> Result<Box<RawValue>, Problem> {
    serde_json::value::to_raw_value(value)
        .map_err(|_| Problem::bad_request("the body cannot be written as JSON"))
}

/// What a person says of themselves when signing up.
///
/// # Errors
/// 422 if the name is empty, too long, or has control characters.
pub fn registration(name: &str) -> Result<Registration, Problem> {
    let name = name.trim();
    let fits = (1..=NAME_CHARACTERS).contains(&name.chars().count());
    if !fits || name.chars().any(char::is_control) {
        let detail = "the name must have 1 to 64 characters and no control characters";
        return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid_name", detail));
    }
    Ok(Registration { name: name.to_owned() })
}
