//! How a server is asked for things: logins opened, scanned and confirmed, the same four words for
//! both servers.

use std::net::SocketAddr;
use std::sync::Arc;

use serde::Deserialize;

use crate::Outcome;
use crate::browser;
use crate::control::{self, Control, Reply};
use crate::server::Kind;

/// Where a server is and which language it speaks.
#[derive(Clone, Copy)]
pub(crate) struct Door {
    pub(crate) kind: Kind,
    pub(crate) addr: SocketAddr,
}

/// One pending login as its browser knows it; at Nchan, one channel.
#[derive(Deserialize)]
pub(crate) struct Login {
    #[serde(rename = "session_id")]
    pub(crate) id: String,
    pub(crate) secret: String,
    /// What the code shows the phone.
    pub(crate) scene: String,
}

#[derive(Deserialize)]
struct Scanned {
    phone_token: String,
}

impl Door {
    /// Opens logins. At Nchan a channel begins with its subscriber, so there it is only a name.
    pub(crate) async fn open(self, from: usize, count: usize) -> Outcome<Vec<Arc<Login>>> {
        if self.kind == Kind::Nchan {
            return Ok((from..from + count).map(|n| Arc::new(channel(n))).collect());
        }
        let replies = control::pour(self, count, |_| self.open_request()).await?;
        replies.iter().map(|reply| Ok(Arc::new(reply.json::<Login>(201)?))).collect()
    }

    pub(crate) fn open_request(self) -> Vec<u8> {
        browser::page_post(self, "/v1/sessions", None, "")
    }

    /// What makes the server say `scanned` to the login's subscriber.
    pub(crate) fn scan_request(self, login: &Login) -> Vec<u8> {
        match self.kind {
            Kind::Saoma => {
                // Every phone is somebody else; a scene is of characters that need no escape.
                let body = format!("{{\"login_code\":\"sim:{}\"}}", login.scene);
                let path = format!("/v1/scenes/{}/scan", login.scene);
                browser::phone_post(self, &path, None, &body)
            }
            Kind::Nchan => {
                self.publish(login, "scanned", r#"{"name":"W*****r","avatar_url":null}"#)
            }
        }
    }

    /// What makes the server say `confirmed` to the login's subscriber.
    pub(crate) fn confirm_request(self, login: &Login, phone_token: &str) -> Vec<u8> {
        match self.kind {
            Kind::Saoma => {
                let path = format!("/v1/scenes/{}/confirm", login.scene);
                browser::phone_post(self, &path, Some(phone_token), "{}")
            }
            Kind::Nchan => self.publish(
                login,
                "confirmed",
                r#"{"ticket":"0123456789abcdef0123456789abcdef0123456789a"}"#,
            ),
        }
    }

    /// Scans each; the phones' tokens. Nchan has no phones, so nothing is said there.
    pub(crate) async fn scan_all(self, logins: &[Arc<Login>]) -> Outcome<Vec<String>> {
        if self.kind == Kind::Nchan {
            return Ok(vec![String::new(); logins.len()]);
        }
        let replies = control::pour(self, logins.len(), |n| self.scan_request(&logins[n])).await?;
        replies.iter().map(phone_token).collect()
    }

    /// Comes back once the server has taken every connection opened before: it is behind them in
    /// the queue.
    pub(crate) async fn fence(self) -> Outcome<()> {
        let request = format!("GET /fence HTTP/1.1\r\nHost: {}\r\n\r\n", self.addr);
        Control::open(self.addr, 0).await?.call(request.as_bytes()).await?;
        Ok(())
    }

    fn publish(self, login: &Login, event: &str, data: &str) -> Vec<u8> {
        let body = format!(
            "{{\"id\":3,\"type\":\"{event}\",\"at\":\"2026-01-01T00:00:00.000Z\",\"data\":{data}}}"
        );
        browser::phone_post(self, &format!("/pub/{}", login.id), None, &body)
    }
}

pub(crate) fn phone_token(reply: &Reply) -> Outcome<String> {
    Ok(reply.json::<Scanned>(200)?.phone_token)
}

/// As long as saoma's names and secrets are, so that the requests are of one size.
fn channel(n: usize) -> Login {
    let id = format!("{n:032x}");
    Login { secret: format!("{n:043x}"), scene: id.clone(), id }
}
