//! What the login core asks of whoever remembers logins: to write down each that ended in a token, to
//! tell a person of theirs, and which tokens have been revoked.

use async_trait::async_trait;

use super::ports::PortError;
use crate::clock::Timestamp;

/// A login that ended in a token, as it is written down.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Entry {
    /// The token's own id.
    pub jti: String,
    /// The name by which users are shared, whose user it is; this and what follows is empty where
    /// no more is known than that the token was revoked.
    pub group: String,
    /// The user.
    pub user: String,
    /// The namespace.
    pub namespace: String,
    /// The provider that vouched for them.
    pub provider: String,
    /// The browser's address.
    pub ip: String,
    /// Its `User-Agent`: its own claim.
    pub user_agent: String,
    /// When.
    pub at: Timestamp,
    /// When the token is over.
    pub expires_at: Timestamp,
    /// When it was revoked, if it was.
    pub revoked_at: Option<Timestamp>,
}

/// Somebody whose logins are asked for.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Person {
    /// The user.
    pub user: String,
    /// The names by which users are shared, of which any may be meant.
    pub groups: Vec<String>,
}

/// A place in somebody's history: what comes before it is older.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Mark {
    /// When.
    pub at: Timestamp,
    /// The token's id: two logins may be of the same moment.
    pub jti: String,
}

/// Remembers who has logged in, and which tokens have been revoked.
#[async_trait]
pub trait Journal: Send + Sync {
    /// Writes down a login. Nobody is kept from logging in by what becomes of it.
    async fn write(&self, entry: Entry);

    /// A person's logins, the newest first, at most so many.
    ///
    /// # Errors
    /// [`PortError`] when it cannot tell, or keeps none.
    async fn read(
        &self,
        person: &Person,
        before: Option<&Mark>,
        most: usize,
    ) -> Result<Vec<Entry>, PortError>;

    /// The login of a token, if it was written down.
    ///
    /// # Errors
    /// [`PortError`] when it cannot tell.
    async fn find(&self, jti: &str) -> Result<Option<Entry>, PortError>;

    /// Revokes a token, whether its login was written down or not.
    ///
    /// # Errors
    /// [`PortError`] when that cannot be remembered.
    async fn revoke(
        &self,
        jti: &str,
        expires_at: Timestamp,
        now: Timestamp,
    ) -> Result<(), PortError>;
}
