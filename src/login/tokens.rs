//! Tokens once they are handed out: whose one is and whether it is good still, which logins its
//! holder has had, and how one is ended.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use uuid::Uuid;

use super::backend::Backend;
use super::journal::{Entry, Journal, Mark, Person};
use super::namespace::Namespace;
use super::ports::User;
use super::secret::Bearer;
use super::service::{Login, LoginError, Token};
use super::session::Session;
use crate::clock::Timestamp;

/// Whom a token is for.
#[derive(Clone, Debug)]
pub struct Grant {
    /// The user.
    pub user: User,
    /// The namespace's audience.
    pub audience: String,
    /// When the token is issued.
    pub at: Timestamp,
    /// The token's own id.
    pub jti: String,
}

/// Signs tokens: the signed JWT and its seconds to live.
pub type Sign = Arc<dyn Fn(&Grant) -> Result<(String, u64), LoginError> + Send + Sync>;

/// What a token says that this server, or another of its fleet, has signed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Claims {
    /// Who signed it.
    pub iss: String,
    /// Who logged in.
    pub sub: String,
    /// Whom it is for.
    pub aud: String,
    /// When it ends, in seconds since the Unix epoch.
    pub exp: u64,
    /// When it was signed, in seconds since the Unix epoch.
    pub iat: u64,
    /// Its own id.
    pub jti: String,
    /// How the person is called.
    pub name: String,
    /// The provider that vouched for them.
    pub provider: String,
}

/// Reads a token: what it says, if it was signed here and is not over.
pub type Verify =
    Arc<dyn Fn(Bearer) -> BoxFuture<'static, Result<Option<Claims>, LoginError>> + Send + Sync>;

/// What the core needs for tokens.
pub struct Tokens {
    /// Signs them.
    pub sign: Sign,
    /// Verifies them.
    pub verify: Verify,
    /// Remembers them.
    pub journal: Arc<dyn Journal>,
}

/// Somebody who has shown a token that is good.
#[derive(Clone, Debug)]
pub struct Holder {
    claims: Claims,
    person: Person,
}

impl Holder {
    /// Whether this login is the one that the token is of.
    #[must_use]
    pub fn came_by(&self, login: &Entry) -> bool {
        self.claims.jti == login.jti
    }
}

impl Login {
    /// Hands out a token.
    pub(super) async fn hand_out(
        &self,
        session: &Session,
        grant: Grant,
    ) -> Result<Token, LoginError> {
        let namespace = self.namespace(&session.namespace)?;
        let (access_token, expires_in) = (self.tokens.sign)(&grant)?;
        let Grant { user, at, jti, .. } = grant;
        let entry = Entry {
            jti,
            group: namespace.users.clone(),
            user: user.id.clone(),
            namespace: namespace.name.clone(),
            provider: user.provider.clone(),
            ip: session.asker.ip.to_string(),
            user_agent: session.asker.user_agent.to_string(),
            at,
            expires_at: seconds(at.unix_seconds().saturating_add(expires_in)),
            revoked_at: None,
        };
        self.tokens.journal.write(entry).await;
        Ok(Token { access_token, expires_in, user })
    }

    /// Lets somebody in by their token.
    ///
    /// # Errors
    /// [`LoginError::Unauthorized`]; or nobody can tell.
    pub async fn holder(&self, token: &Bearer) -> Result<Holder, LoginError> {
        let claims = self.claims(token).await?;
        let claims = claims.ok_or(LoginError::Unauthorized("the token is not good"))?;
        let groups = self.of_audience(&claims.aud).map(|namespace| namespace.users.clone());
        let mut groups: Vec<String> = groups.collect();
        groups.sort();
        groups.dedup();
        let person = Person { user: claims.sub.clone(), groups };
        Ok(Holder { claims, person })
    }

    /// The logins of a token's holder, the newest first, at most so many.
    ///
    /// # Errors
    /// Nothing is kept, or nobody can tell.
    pub async fn logins(
        &self,
        holder: &Holder,
        before: Option<&Mark>,
        most: usize,
    ) -> Result<Vec<Entry>, LoginError> {
        Ok(self.tokens.journal.read(&holder.person, before, most).await?)
    }

    /// Ends one of these logins: its token is not good any more.
    ///
    /// # Errors
    /// They have no such login.
    pub async fn end_login(&self, holder: &Holder, jti: &str) -> Result<(), LoginError> {
        let Holder { claims, person } = holder;
        let theirs =
            |entry: &Entry| entry.user == person.user && person.groups.contains(&entry.group);
        let expires_at = match self.written(jti).await? {
            Some(entry) if theirs(&entry) => entry.expires_at,
            // It may not have been written down; it is theirs all the same.
            None if jti == claims.jti => seconds(claims.exp),
            _ => return Err(LoginError::NotFound("login")),
        };
        Ok(self.tokens.journal.revoke(jti, expires_at, self.now()).await?)
    }

    /// What a token says that is good, and for a service's namespace.
    ///
    /// # Errors
    /// Nobody can tell whether it is good.
    pub async fn introspect(
        &self,
        backend: &Backend,
        token: &Bearer,
    ) -> Result<Option<Claims>, LoginError> {
        let claims = self.claims(token).await?;
        Ok(claims.filter(|claims| claims.aud == backend.namespace.audience))
    }

    /// Revokes a token for a service's namespace. One that is not good need not be.
    ///
    /// # Errors
    /// Nothing is kept, or nobody can tell.
    pub async fn revoke(&self, backend: &Backend, token: &Bearer) -> Result<(), LoginError> {
        let Some(claims) = self.introspect(backend, token).await? else { return Ok(()) };
        let expires_at = seconds(claims.exp);
        Ok(self.tokens.journal.revoke(&claims.jti, expires_at, self.now()).await?)
    }

    /// Revokes a token of a service's namespace by its id.
    ///
    /// # Errors
    /// There is no such token, nothing is kept, or nobody can tell.
    pub async fn revoke_by_id(&self, backend: &Backend, jti: &str) -> Result<(), LoginError> {
        let entry = self.written(jti).await?;
        let entry = entry.filter(|entry| entry.namespace == backend.namespace.name);
        let entry = entry.ok_or(LoginError::NotFound("login"))?;
        Ok(self.tokens.journal.revoke(jti, entry.expires_at, self.now()).await?)
    }

    /// The login of an id that somebody names. What is none is not asked for: some databases refuse
    /// to hear of it.
    async fn written(&self, jti: &str) -> Result<Option<Entry>, LoginError> {
        if Uuid::try_parse(jti).is_err() {
            return Ok(None);
        }
        Ok(self.tokens.journal.find(jti).await?)
    }

    /// What a token says, if it is good: signed here, not over, not revoked, and of somebody who
    /// may still be let in.
    async fn claims(&self, token: &Bearer) -> Result<Option<Claims>, LoginError> {
        let Some(claims) = (self.tokens.verify)(token.clone()).await? else { return Ok(None) };
        let entry = self.tokens.journal.find(&claims.jti).await?;
        if entry.is_some_and(|entry| entry.revoked_at.is_some()) {
            return Ok(None);
        }
        let mut has = false;
        for namespace in self.of_audience(&claims.aud) {
            has = has || namespace.directory.still_has(&claims.sub).await?;
        }
        Ok(has.then_some(claims))
    }

    /// The namespaces whose tokens are for this audience.
    fn of_audience<'a>(&'a self, audience: &'a str) -> impl Iterator<Item = &'a Namespace> {
        let namespaces = self.namespaces.values().map(AsRef::as_ref);
        namespaces.filter(move |namespace: &&Namespace| namespace.audience == audience)
    }
}

fn seconds(since_the_epoch: u64) -> Timestamp {
    Timestamp(since_the_epoch.saturating_mul(1000))
}
