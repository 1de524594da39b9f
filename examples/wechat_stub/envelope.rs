//! The form of WeChat's answers: `errcode` with HTTP 200, the `rid`, the content types.

use serde_json::{Value, json};

use crate::clock::Moment;
use crate::dice::Dice;

/// As WeChat writes it: it says `encoding`, not `charset`.
pub(crate) const JSON: &str = "application/json; encoding=utf-8";
/// What `sns/*` calls its JSON.
pub(crate) const TEXT: &str = "text/plain";
pub(crate) const HTML: &str = "text/html; charset=utf-8";

/// Which of WeChat's habits an API has.
#[derive(Clone, Copy, Eq, PartialEq)]
pub(crate) enum Family {
    /// `cgi-bin/*` and `wxa/*`.
    Api,
    /// `sns/*`.
    Sns,
    /// What browsers and phones open.
    Page,
}

/// A refusal with an `errcode`.
#[derive(Debug)]
pub(crate) struct Refusal {
    code: i64,
    text: String,
}

/// Refuses with the text that WeChat has for a code.
pub(crate) fn refuse(code: i64) -> Refusal {
    Refusal { code, text: text_of(code).to_owned() }
}

impl Refusal {
    /// With a text of its own.
    pub(crate) fn saying(code: i64, text: impl Into<String>) -> Self {
        Self { code, text: text.into() }
    }

    /// The body, which has another `rid` each time.
    pub(crate) fn body(&self, family: Family, dice: &mut Dice, now: Moment) -> Value {
        let (seconds, a, b) = (now / 1000, dice.hex(8), dice.hex(8));
        let comma = if family == Family::Sns { "," } else { "" };
        let text = format!("{}{comma} rid: {seconds:08x}-{a}-{b}", self.text);
        json!({ "errcode": self.code, "errmsg": text })
    }
}

/// What an API says when it does not refuse.
pub(crate) enum Reply {
    Json(Value),
    /// A picture of a type, which need not be what it is.
    Picture {
        bytes: Vec<u8>,
        media_type: String,
    },
    Html {
        status: u16,
        text: String,
    },
    Script(String),
    /// To another address, with the same in JSON.
    Redirect {
        to: String,
        body: Value,
    },
}

impl Reply {
    /// `errcode` 0, from the APIs that say so.
    pub(crate) fn ok() -> Self {
        Self::Json(json!({ "errcode": 0, "errmsg": "ok" }))
    }

    pub(crate) fn answer(self, family: Family) -> Answer {
        match self {
            Self::Json(body) => Answer::json(200, family, &body),
            Self::Picture { bytes, media_type } => Answer::new(200, &media_type, bytes),
            Self::Html { status, text } => Answer::new(status, HTML, text.into_bytes()),
            Self::Script(text) => Answer::new(200, "text/javascript", text.into_bytes()),
            Self::Redirect { to, body } => {
                let answer = Answer::json(302, Family::Page, &body);
                Answer { location: Some(to), ..answer }
            }
        }
    }
}

/// An answer as it goes out.
#[derive(Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) content_type: String,
    pub(crate) location: Option<String>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn new(status: u16, content_type: &str, body: Vec<u8>) -> Self {
        Self { status, content_type: content_type.to_owned(), location: None, body }
    }

    pub(crate) fn json(status: u16, family: Family, body: &Value) -> Self {
        let content_type = match family {
            Family::Api => JSON,
            Family::Sns => TEXT,
            Family::Page => "application/json",
        };
        Self::new(status, content_type, body.to_string().into_bytes())
    }
}

/// WeChat's text for a code, without the `rid`.
pub(crate) fn text_of(code: i64) -> &'static str {
    match code {
        -1 => "system error",
        40001 => {
            "invalid credential, access_token is invalid or not latest, could get access_token by \
             getStableAccessToken, more details at https://mmbizurl.cn/s/JtxxFh33r"
        }
        40002 => "invalid grant_type",
        40003 => "invalid openid",
        40008 => "invalid message type",
        40013 => "invalid appid",
        40014 => "invalid access_token",
        40029 => "invalid code",
        40030 => "invalid refresh_token",
        40052 => "invalid action name",
        40053 => "invalid action info, please check document",
        40066 => "invalid url",
        40097 => "invalid args",
        40125 => "invalid appsecret",
        40129 => "invalid scene",
        40163 => "code been used",
        40164 => "invalid ip 127.0.0.1 ipv6 ::ffff:127.0.0.1, not in whitelist",
        40169 => "invalid length for scene, or the data is not json string",
        40226 => "code blocked",
        40243 => "appsecret has been frozen",
        41001 => "access_token missing",
        41002 => "appid missing",
        41003 => "refresh_token missing",
        41004 => "appsecret missing",
        41008 => "missing code",
        41009 => "missing openid",
        41030 => "invalid page",
        42001 => "access_token expired",
        42003 => "oauth_code expired",
        43001 => "require GET method",
        43002 => "require POST method",
        44002 => "empty post data",
        44004 => "empty content",
        45009 => "reach max api daily quota limit",
        45011 => "api minute-quota reach limit, must slower, retry next minute",
        45015 => "response out of time limit or subscription is canceled",
        45047 => "out of response count limit",
        46004 => "user not exist",
        47001 => "data format error",
        48001 => "api unauthorized",
        50002 => "user limited",
        85096 => "not allow include scancode_time field",
        87009 => "invalid signature",
        89503 => "this ip needs to be confirmed by the administrator",
        _ => "unknown error",
    }
}
