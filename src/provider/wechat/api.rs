//! One exchange with WeChat over HTTP: from a call to its answer, or to what went wrong. Knows no
//! token, no patience and no meaning.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use image::ImageFormat;
use reqwest::{Client, Method, RequestBuilder};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::failure::Failure;

/// To make a connection, TLS included.
const CONNECT: Duration = Duration::from_secs(3);
/// The whole exchange. A phone waits for it.
const ANSWER: Duration = Duration::from_secs(6);
/// The longest answer: a code of 1280 pixels is some 300 KiB.
const LONGEST: usize = 4 << 20;
/// Connections kept for the next call.
const IDLE: Duration = Duration::from_secs(60);

/// What WeChat can be asked.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(super) enum Call {
    /// `POST /cgi-bin/stable_token`
    StableToken,
    /// `POST /wxa/getwxacodeunlimit`
    GetWxaCodeUnlimit,
    /// `GET /sns/jscode2session`
    JsCode2Session,
    /// `POST /cgi-bin/qrcode/create`
    QrcodeCreate,
    /// `GET /cgi-bin/user/info`
    UserInfo,
    /// `POST /cgi-bin/message/custom/send`
    CustomSend,
    /// `GET /sns/oauth2/access_token`
    Oauth2AccessToken,
    /// `GET /sns/userinfo`
    SnsUserinfo,
}

impl Call {
    const fn path(self) -> &'static str {
        match self {
            Self::StableToken => "/cgi-bin/stable_token",
            Self::GetWxaCodeUnlimit => "/wxa/getwxacodeunlimit",
            Self::JsCode2Session => "/sns/jscode2session",
            Self::QrcodeCreate => "/cgi-bin/qrcode/create",
            Self::UserInfo => "/cgi-bin/user/info",
            Self::CustomSend => "/cgi-bin/message/custom/send",
            Self::Oauth2AccessToken => "/sns/oauth2/access_token",
            Self::SnsUserinfo => "/sns/userinfo",
        }
    }

    /// Whether these bytes, which are none of WeChat's errors, can be the answer.
    fn fits(self, bytes: &[u8]) -> bool {
        match self {
            Self::GetWxaCodeUnlimit => picture_type(bytes).is_some(),
            _ => serde_json::from_slice::<Map<String, Value>>(bytes).is_ok(),
        }
    }

    /// The name in logs: the path without its first part.
    pub(super) fn name(self) -> &'static str {
        self.path()[1..].split_once('/').map_or("", |(_, name)| name)
    }
}

/// WeChat's servers, over connections that are used again.
#[derive(Clone, Debug)]
pub(super) struct Api {
    http: Client,
    url: String,
}

/// An answer of WeChat's that is none of its errors.
#[derive(Debug)]
pub(super) struct Reply(pub(super) Bytes);

/// The envelope of every answer in JSON.
#[derive(Deserialize)]
struct Envelope {
    #[serde(default)]
    errcode: i64,
    #[serde(default)]
    errmsg: String,
}

impl Api {
    /// WeChat's servers at an address.
    ///
    /// # Errors
    /// TLS cannot be had on this machine.
    pub(super) fn new(url: String) -> reqwest::Result<Self> {
        // Another part of the process may have chosen already; all of ours choose the same.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = Client::builder()
            .connect_timeout(CONNECT)
            .timeout(ANSWER)
            .pool_idle_timeout(IDLE)
            .redirect(reqwest::redirect::Policy::none())
            .build()?;
        Ok(Self { http, url })
    }

    /// Asks. The query holds secrets: it is never logged, nor is an error that names the address.
    pub(super) async fn ask(
        &self,
        call: Call,
        query: &[(&str, &str)],
        body: Option<&Value>,
    ) -> Result<Reply, Failure> {
        let method = if body.is_some() { Method::POST } else { Method::GET };
        let mut request = self.http.request(method, format!("{}{}", self.url, call.path()));
        request = request.query(query);
        if let Some(body) = body {
            request = request.json(body);
        }
        let answer = answer(request).await;
        let failed = answer.and_then(|bytes| match errcode(&bytes) {
            Some((code, rid)) => {
                tracing::warn!(call = call.name(), errcode = code, rid, "wechat.refused");
                Err(Failure::Errcode(code))
            }
            // A proxy's page, or half a picture: an outage as any other.
            None if !call.fits(&bytes) => Err(Failure::Nonsense),
            None => Ok(Reply(bytes)),
        });
        if let Err(failure @ (Failure::Unreachable | Failure::Slow | Failure::Nonsense)) = &failed {
            tracing::warn!(call = call.name(), ?failure, "wechat.failed");
        }
        failed
    }
}

async fn answer(request: RequestBuilder) -> Result<Bytes, Failure> {
    let failure = |error: reqwest::Error| {
        if error.is_timeout() { Failure::Slow } else { Failure::Unreachable }
    };
    let mut response = request.send().await.map_err(failure)?;
    // WeChat says 200 to everything: another status is somebody else's.
    if response.status() == 404 {
        return Err(Failure::NoSuchCall);
    }
    if response.status() != 200 {
        return Err(Failure::Nonsense);
    }
    let mut bytes = BytesMut::new();
    while let Some(chunk) = response.chunk().await.map_err(failure)? {
        if bytes.len() + chunk.len() > LONGEST {
            return Err(Failure::Nonsense);
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes.freeze())
}

/// The errcode of an answer, and the id by which WeChat can look the call up, if it is an error.
/// The media type tells nothing: `sns` says `text/plain`, and a proxy may say anything.
fn errcode(bytes: &[u8]) -> Option<(i64, String)> {
    let Envelope { errcode, errmsg } = serde_json::from_slice(bytes).ok()?;
    let rid = errmsg.rsplit_once("rid: ").map_or("", |(_, rid)| rid.trim_end());
    let plausible = rid.len() <= 32 && rid.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-');
    (errcode != 0).then(|| (errcode, if plausible { rid.to_owned() } else { String::new() }))
}

/// The media type of a picture by its first bytes: what the header says may be wrong, and an error
/// must never be shown as a code.
fn picture_type(bytes: &[u8]) -> Option<&'static str> {
    match image::guess_format(bytes).ok()? {
        ImageFormat::Jpeg => Some("image/jpeg"),
        ImageFormat::Png => Some("image/png"),
        _ => None,
    }
}

impl Reply {
    /// Its bytes with their media type, if they are a picture.
    pub(super) fn picture(self) -> Result<(&'static str, Bytes), Failure> {
        let media_type = picture_type(&self.0).ok_or(Failure::Nonsense)?;
        Ok((media_type, self.0))
    }

    /// Its JSON.
    pub(super) fn json<T: for<'a> Deserialize<'a>>(&self) -> Result<T, Failure> {
        serde_json::from_slice(&self.0).map_err(|_| Failure::Nonsense)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_told_by_its_errcode_alone() {
        let error =
            br#"{"errcode":40029,"errmsg":"invalid code, rid: 6612a0f3-1b2c3d4e-5f607182"}"#;
        assert_eq!(errcode(error), Some((40029, "6612a0f3-1b2c3d4e-5f607182".to_owned())));
        assert_eq!(errcode(br#"{"errcode":-1}"#), Some((-1, String::new())));
        for fine in
            [&br#"{"errcode":0,"errmsg":"ok"}"#[..], br#"{"openid":"o"}"#, b"\xff\xd8\xff\xe0"]
        {
            assert_eq!(errcode(fine), None);
        }
    }

    #[test]
    fn a_picture_is_told_by_its_first_bytes() {
        for (bytes, expected) in [
            (&b"\xff\xd8\xff\xe0\x00\x10JFIF"[..], Some("image/jpeg")),
            (b"\x89PNG\r\n\x1a\n\x00", Some("image/png")),
            (b"{\"errcode\":0}", None),
            (b"<html>", None),
            (b"", None),
        ] {
            assert_eq!(picture_type(bytes), expected);
            assert_eq!(Call::GetWxaCodeUnlimit.fits(bytes), expected.is_some());
        }
    }

    #[test]
    fn what_is_no_object_answers_no_question() {
        assert!(Call::JsCode2Session.fits(br#"{"openid":"o"}"#));
        for nonsense in [&b"<html>"[..], b"", b"\xff\xd8\xff\xe0", b"[]", b"\"o\"", b"{\"openid\":"]
        {
            assert!(!Call::JsCode2Session.fits(nonsense));
        }
    }

    #[test]
    fn what_is_no_id_of_a_call_is_not_logged() {
        for told in ["rid: secret=hunter2", "rid: <b>", "no id at all"] {
            let error = format!(r#"{{"errcode":1,"errmsg":"{told}"}}"#);
            assert_eq!(errcode(error.as_bytes()), Some((1, String::new())), "{told}");
        }
    }
}
