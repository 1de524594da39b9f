//! The backend's operations on tokens that are handed out: whether one is good still, and its end.

use std::sync::Arc;

use poem::http::StatusCode;
use poem_openapi::{ApiResponse, Object, OpenApi};

use super::credentials::BackendAuth;
use super::form::Form;
use super::json::{Json, Text};
use super::problem::Problem;
use super::sessions::Audience;
use crate::login::Login;
use crate::login::secret::Bearer;
use crate::login::tokens::Claims;

/// The operations.
#[derive(Clone)]
pub struct Tokens {
    /// The core.
    pub login: Arc<Login>,
}

/// A token to be looked at.
#[derive(Debug, Object)]
pub struct ShownToken {
    /// The token. Other parameters of RFC 7662 count for nothing.
    #[oai(validator(min_length = 1))]
    pub token: Text,
}

/// A token to be revoked: itself, or its id.
#[derive(Debug, Object)]
pub struct UnwantedToken {
    /// The token.
    #[oai(validator(min_length = 1))]
    pub token: Option<Text>,
    /// The token's `jti`, in its place.
    #[oai(validator(min_length = 1, max_length = 128))]
    pub jti: Option<Text>,
}

/// What there is to say of a token (RFC 7662, section 2.2).
#[derive(Debug, Default, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct Introspection {
    /// Whether it is good now. Of one that is not, nothing else is said.
    pub active: bool,
    /// Always `Bearer`.
    pub token_type: Option<String>,
    /// Who signed it.
    pub iss: Option<String>,
    /// The user's id.
    pub sub: Option<String>,
    /// Whom it is for.
    pub aud: Option<String>,
    /// When it ends, in seconds since the Unix epoch.
    pub exp: Option<u64>,
    /// When it was signed.
    pub iat: Option<u64>,
    /// Its own id.
    pub jti: Option<String>,
    /// How the person is called.
    pub name: Option<String>,
    /// The provider that vouched for them.
    pub provider: Option<String>,
}

/// A token is not good any more.
#[derive(ApiResponse)]
pub enum Revoked {
    /// It is not good any more, or never was.
    #[oai(status = 200)]
    Revoked,
}

#[OpenApi(tag = "Audience::Backend")]
impl Tokens {
    /// Ask whether a token is good
    ///
    /// By RFC 7662. A token is `active` that was signed here for the key's namespace, is not over,
    /// was not revoked, and whose user is not blocked or gone; of any other is said
    /// `{"active":false}` and nothing else.
    #[oai(path = "/v1/tokens/introspect", method = "post", operation_id = "introspectToken")]
    async fn introspect(
        &self,
        auth: BackendAuth,
        body: Form<ShownToken>,
    ) -> Result<Json<Introspection>, Problem> {
        let token = Bearer::shown(&body.0.token.0);
        Ok(Json(self.login.introspect(&auth.0, &token).await?.into()))
    }

    /// Revoke a token
    ///
    /// By RFC 7009, or by the token's id: one of the key's namespace. A token that is not good is
    /// answered like one that was; an id that there is not, is not.
    #[oai(path = "/v1/tokens/revoke", method = "post", operation_id = "revokeToken")]
    async fn revoke(
        &self,
        auth: BackendAuth,
        body: Form<UnwantedToken>,
    ) -> Result<Revoked, Problem> {
        match body.0 {
            UnwantedToken { token: Some(token), jti: None } => {
                self.login.revoke(&auth.0, &Bearer::shown(&token.0)).await?;
            }
            UnwantedToken { token: None, jti: Some(jti) } => {
                self.login.revoke_by_id(&auth.0, &jti.0).await?;
            }
            _ => {
                let detail = "either `token` or `jti` is needed";
                let status = StatusCode::UNPROCESSABLE_ENTITY;
                return Err(Problem::new(status, "token_required", detail));
            }
        }
        Ok(Revoked::Revoked)
    }
}

impl From<Option<Claims>> for Introspection {
    fn from(claims: Option<Claims>) -> Self {
        let Some(claims) = claims else { return Self::default() };
        Self {
            active: true,
            token_type: Some("Bearer".to_owned()),
            iss: Some(claims.iss),
            sub: Some(claims.sub),
            aud: Some(claims.aud),
            exp: Some(claims.exp),
            iat: Some(claims.iat),
            jti: Some(claims.jti),
            name: Some(claims.name),
            provider: Some(claims.provider),
        }
    }
}
