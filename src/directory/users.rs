//! The users of one group: whom an identity leads to, by itself or by its union, and what is
//! written down so that it stays so.
//!
//! Belongs here: every statement about users that a login makes; an operator's are in `people`. Who
//! may be one is the rules' business.

use sqlx::any::AnyRow;
use sqlx::{AnyConnection, FromRow, Row as _};

use super::people::Added;
use crate::clock::Clock;
use crate::database::Database;
use crate::login::ports::{Identity, PortError, User};

/// The users that the namespaces of a group share.
#[derive(Clone, Debug)]
pub(super) struct Users {
    database: Database,
    group: String,
    clock: Clock,
}

/// A user as the database has them.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Row {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) avatar_url: Option<String>,
    pub(super) blocked: bool,
}

impl FromRow<'_, AnyRow> for Row {
    fn from_row(row: &AnyRow) -> Result<Self, sqlx::Error> {
        let blocked: i64 = row.try_get("blocked")?;
        let (id, name) = (row.try_get("id")?, row.try_get("name")?);
        Ok(Self { id, name, avatar_url: row.try_get("avatar_url")?, blocked: blocked != 0 })
    }
}

/// Where an identity leads.
#[derive(Debug, Eq, PartialEq)]
enum Sight {
    /// To nobody, and so does its union.
    Nobody,
    /// To this user, and nothing of it is new.
    Known(Row),
    /// To this user, and its union is new.
    NewUnion(Row),
    /// By its union to this user; it is new itself.
    NewIdentity(Row),
    /// To one user, and its union to another.
    Divided { from: Row, to: Row },
}

impl Row {
    /// The user, unless they are blocked.
    pub(super) fn user(self, identity: &Identity) -> Option<User> {
        let Self { id, name, avatar_url, blocked } = self;
        let provider = identity.provider.clone();
        (!blocked).then_some(User { id, name, avatar_url, provider, claims: None })
    }
}

/// What somebody is told who is blocked and would register.
pub(super) fn blocked() -> PortError {
    PortError::refused("this user may not register")
}

impl Users {
    pub(super) fn new(database: Database, group: String, clock: Clock) -> Self {
        Self { database, group, clock }
    }

    /// The user of an identity, blocked or not. A link that is new is written down.
    pub(super) async fn find(&self, identity: &Identity) -> Result<Option<Row>, sqlx::Error> {
        let seen = self.look(&mut *self.database.pool().acquire().await?, identity).await?;
        match seen {
            Sight::Nobody => Ok(None),
            Sight::Known(row) => Ok(Some(row)),
            Sight::NewUnion(_) | Sight::NewIdentity(_) | Sight::Divided { .. } => {
                let mut tx = self.database.alone().await?;
                let row = self.settle(&mut tx, identity).await?;
                tx.commit().await?;
                Ok(row)
            }
        }
    }

    /// The user of an identity, blocked or not; `new` if there is none.
    pub(super) async fn find_or_make(
        &self,
        identity: &Identity,
        new: Row,
    ) -> Result<Row, sqlx::Error> {
        if let Some(row) = self.find(identity).await? {
            return Ok(row);
        }
        let mut tx = self.database.alone().await?;
        let row = match self.settle(&mut tx, identity).await? {
            Some(row) => row,
            None => self.make(&mut tx, identity, new).await?,
        };
        tx.commit().await?;
        Ok(row)
    }

    /// Makes a new user of an identity; nothing, if it leads to somebody already.
    pub(super) async fn add(&self, identity: &Identity, new: Row) -> Result<Added, sqlx::Error> {
        let mut tx = self.database.alone().await?;
        let row = match self.look(&mut tx, identity).await? {
            Sight::Nobody => self.make(&mut tx, identity, new).await?,
            Sight::Known(row) | Sight::NewUnion(row) | Sight::NewIdentity(row) => {
                return Ok(Added::There(row.id));
            }
            Sight::Divided { to, .. } => return Ok(Added::There(to.id)),
        };
        tx.commit().await?;
        Ok(Added::New(row.id))
    }

    /// Whether there is a user of this id, who is not blocked. Whoever has gone into another is one
    /// still, for tokens of before.
    pub(super) async fn has(&self, id: &str) -> Result<bool, sqlx::Error> {
        let blocked: Option<i64> = sqlx::query_scalar(
            "SELECT CAST(blocked AS BIGINT) FROM users WHERE id = $1 AND user_group = $2",
        )
        .bind(id)
        .bind(&self.group)
        .fetch_optional(self.database.pool())
        .await?;
        Ok(blocked == Some(0))
    }

    /// The user as the provider shows them now; what it does not say stays.
    pub(super) async fn renew(&self, row: Row, identity: &Identity) -> Result<Row, sqlx::Error> {
        let renewed = Row {
            name: identity.name.as_ref().unwrap_or(&row.name).clone(),
            avatar_url: identity.avatar_url.as_ref().or(row.avatar_url.as_ref()).cloned(),
            ..row.clone()
        };
        if renewed != row {
            sqlx::query("UPDATE users SET name = $1, avatar_url = $2 WHERE id = $3")
                .bind(&renewed.name)
                .bind(&renewed.avatar_url)
                .bind(&renewed.id)
                .execute(self.database.pool())
                .await?;
        }
        Ok(renewed)
    }

    async fn look(
        &self,
        from: &mut AnyConnection,
        identity: &Identity,
    ) -> Result<Sight, sqlx::Error> {
        let by_itself: Option<Row> = sqlx::query_as(
            "SELECT users.id, users.name, users.avatar_url, users.blocked
             FROM identities JOIN users ON users.id = identities.user_id
             WHERE identities.user_group = $1 AND provider = $2 AND account IN ($3, '')
                   AND subject = $4
             ORDER BY account DESC LIMIT 1",
        )
        .bind(&self.group)
        .bind(&identity.provider)
        .bind(account(identity))
        .bind(&identity.subject)
        .fetch_optional(&mut *from)
        .await?;
        let Some(union) = &identity.union else {
            return Ok(by_itself.map_or(Sight::Nobody, Sight::Known));
        };
        let by_union: Option<Row> = sqlx::query_as(
            "SELECT users.id, users.name, users.avatar_url, users.blocked
             FROM unions JOIN users ON users.id = unions.user_id
             WHERE unions.user_group = $1 AND union_id = $2",
        )
        .bind(&self.group)
        .bind(union)
        .fetch_optional(from)
        .await?;
        Ok(match (by_itself, by_union) {
            (None, None) => Sight::Nobody,
            (Some(row), None) => Sight::NewUnion(row),
            (None, Some(row)) => Sight::NewIdentity(row),
            (Some(row), Some(same)) if row.id == same.id => Sight::Known(row),
            // Nothing moves away from a block, or into one.
            (Some(row), Some(_)) | (Some(_), Some(row)) if row.blocked => Sight::Known(row),
            (Some(from), Some(to)) => Sight::Divided { from, to },
        })
    }

    /// Looks again, where nobody else writes, and writes down what is new. A block is linked like
    /// anybody: it holds for the person, whichever way they come.
    async fn settle(
        &self,
        tx: &mut AnyConnection,
        identity: &Identity,
    ) -> Result<Option<Row>, sqlx::Error> {
        match self.look(&mut *tx, identity).await? {
            Sight::Nobody => Ok(None),
            Sight::Known(row) => Ok(Some(row)),
            Sight::NewUnion(row) => {
                self.link_union(tx, identity, &row).await?;
                Ok(Some(row))
            }
            Sight::NewIdentity(row) => {
                self.link_identity(tx, identity, &row).await?;
                Ok(Some(row))
            }
            Sight::Divided { from, to } => {
                self.move_identity(tx, identity, &from, &to).await?;
                Ok(Some(to))
            }
        }
    }

    async fn make(
        &self,
        tx: &mut AnyConnection,
        identity: &Identity,
        new: Row,
    ) -> Result<Row, sqlx::Error> {
        // An id that follows from who somebody is may be there, without its identities.
        let row = sqlx::query_as(
            "INSERT INTO users (id, user_group, name, avatar_url, created_at)
             VALUES ($1, $2, $3, $4, $5)
             ON CONFLICT (id) DO UPDATE SET merged_into = NULL
             RETURNING id, name, avatar_url, blocked",
        )
        .bind(new.id)
        .bind(&self.group)
        .bind(new.name)
        .bind(new.avatar_url)
        .bind(i64::try_from(self.clock.now().0).unwrap_or(i64::MAX))
        .fetch_one(&mut *tx)
        .await?;
        self.link_identity(&mut *tx, identity, &row).await?;
        self.link_union(tx, identity, &row).await?;
        Ok(row)
    }

    async fn link_identity(
        &self,
        tx: &mut AnyConnection,
        identity: &Identity,
        to: &Row,
    ) -> Result<(), sqlx::Error> {
        sqlx::query(
            "INSERT INTO identities (user_group, provider, account, subject, user_id)
             VALUES ($1, $2, $3, $4, $5)",
        )
        .bind(&self.group)
        .bind(&identity.provider)
        .bind(account(identity))
        .bind(&identity.subject)
        .bind(&to.id)
        .execute(tx)
        .await?;
        Ok(())
    }

    async fn link_union(
        &self,
        tx: &mut AnyConnection,
        identity: &Identity,
        to: &Row,
    ) -> Result<(), sqlx::Error> {
        let Some(union) = &identity.union else { return Ok(()) };
        sqlx::query("INSERT INTO unions (user_group, union_id, user_id) VALUES ($1, $2, $3)")
            .bind(&self.group)
            .bind(union)
            .bind(&to.id)
            .execute(tx)
            .await?;
        Ok(())
    }

    async fn move_identity(
        &self,
        tx: &mut AnyConnection,
        identity: &Identity,
        from: &Row,
        to: &Row,
    ) -> Result<(), sqlx::Error> {
        sqlx::query(
            "UPDATE identities SET user_id = $1
             WHERE user_group = $2 AND provider = $3 AND account IN ($4, '') AND subject = $5",
        )
        .bind(&to.id)
        .bind(&self.group)
        .bind(&identity.provider)
        .bind(account(identity))
        .bind(&identity.subject)
        .execute(&mut *tx)
        .await?;
        // Whoever has lost the last one is nobody of their own any more: what else led to them
        // leads to the other.
        let emptied = sqlx::query(
            "UPDATE users SET merged_into = $1
             WHERE id = $2 AND NOT EXISTS (SELECT 1 FROM identities WHERE user_id = $2)",
        )
        .bind(&to.id)
        .bind(&from.id)
        .execute(&mut *tx)
        .await?
        .rows_affected();
        if emptied > 0 {
            sqlx::query("UPDATE unions SET user_id = $1 WHERE user_id = $2")
                .bind(&to.id)
                .bind(&from.id)
                .execute(tx)
                .await?;
        }
        Ok(())
    }
}

/// The account as it is written down. An identity of before there were accounts has none, and is
/// taken for one of any account: subjects of two accounts are never alike.
fn account(identity: &Identity) -> &str {
    identity.account.as_deref().unwrap_or_default()
}

#[cfg(test)]
#[path = "users_tests.rs"]
mod tests;
