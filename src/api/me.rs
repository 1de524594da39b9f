//! What a person who has logged in may see and do, with the token that they got.

use std::sync::Arc;

use poem_openapi::param::{Path, Query};
use poem_openapi::{ApiResponse, Object, OpenApi};
use uuid::Uuid;

use super::credentials::HolderAuth;
use super::json::{Json, Unwanted};
use super::problem::Problem;
use super::sessions::Audience;
use crate::clock::Timestamp;
use crate::login::Login;
use crate::login::journal::{Entry, Mark};
use crate::login::tokens::Holder;

/// How many logins there are on a page, unless asked otherwise.
const USUAL: u64 = 50;

/// The operations.
#[derive(Clone)]
pub struct Me {
    /// The core.
    pub login: Arc<Login>,
}

/// A login, by the token that it ended in.
#[derive(Debug, Object)]
#[oai(skip_serializing_if_is_none, rename = "PastLogin")]
pub struct PastLogin {
    /// The token's `jti`.
    pub id: String,
    /// When, by RFC 3339 in UTC.
    pub at: String,
    /// When the token is over.
    pub expires_at: String,
    /// The browser's address.
    pub ip: String,
    /// What the browser calls itself.
    pub user_agent: String,
    /// The provider that vouched.
    pub provider: String,
    /// The namespace that was logged in to.
    pub namespace: String,
    /// Whether it is the login that the token shown is of.
    pub current: bool,
    /// When it was ended before its time, if it was.
    pub revoked_at: Option<String>,
}

/// A page of logins.
#[derive(Debug, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct Logins {
    /// The newest first.
    pub logins: Vec<PastLogin>,
    /// What to ask for as `before`, if there may be older ones.
    pub next: Option<String>,
}

/// A login has been ended.
#[derive(ApiResponse)]
pub enum Ended {
    /// It has ended.
    #[oai(status = 204)]
    Ended,
}

#[OpenApi(tag = "Audience::User")]
impl Me {
    /// Read one's own logins
    ///
    /// Who has logged in as the holder of this token, when and from where, the newest first. A
    /// login is remembered for as long as the server is set to.
    #[oai(path = "/v1/me/logins", method = "get", operation_id = "getLogins")]
    async fn logins(
        &self,
        auth: HolderAuth,
        /// The `next` of the page before.
        #[oai(validator(
            max_length = 128,
            pattern = "^[0-9]{1,15}-[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$"
        ))]
        before: Query<Option<String>>,
        /// How many at most.
        #[oai(validator(minimum(value = "1"), maximum(value = "200")))]
        limit: Query<Option<u64>>,
    ) -> Result<Json<Logins>, Problem> {
        let unknown = || Problem::bad_request("the parameter `before` is no `next` of a page");
        let before = before.0.map(|text| mark(&text).ok_or_else(unknown)).transpose()?;
        let limit = usize::try_from(limit.0.unwrap_or(USUAL)).unwrap_or(usize::MAX);
        let logins = self.login.logins(&auth.0, before.as_ref(), limit).await?;
        let last = logins.last().filter(|_| logins.len() == limit);
        let next = last.map(|last| format!("{}-{}", last.at.0, last.jti));
        let logins = logins.into_iter().map(|login| render(&auth.0, login)).collect();
        Ok(Json(Logins { logins, next }))
    }

    /// End one of one's own logins
    ///
    /// Its token is not good any more: here, and where an application asks here. Who verifies
    /// tokens by the published keys alone takes it until it is over.
    #[oai(path = "/v1/me/logins/:id", method = "delete", operation_id = "endLogin")]
    async fn end(
        &self,
        auth: HolderAuth,
        /// The login's id.
        id: Path<String>,
        _body: Unwanted,
    ) -> Result<Ended, Problem> {
        self.login.end_login(&auth.0, &id).await?;
        Ok(Ended::Ended)
    }
}

/// The place in a history that a text names.
fn mark(text: &str) -> Option<Mark> {
    let (at, jti) = text.split_once('-')?;
    Uuid::try_parse(jti).ok()?;
    Some(Mark { at: Timestamp(at.parse().ok()?), jti: jti.to_owned() })
}

fn render(holder: &Holder, login: Entry) -> PastLogin {
    PastLogin {
        current: holder.came_by(&login),
        id: login.jti,
        at: login.at.to_string(),
        expires_at: login.expires_at.to_string(),
        ip: login.ip,
        user_agent: login.user_agent,
        provider: login.provider,
        namespace: login.namespace,
        revoked_at: login.revoked_at.map(|at| at.to_string()),
    }
}
