//! What an operator sees of the users in the database, and does to them: every statement about users
//! that no login makes. The callers give the transaction, so that what else is kept of somebody goes
//! with it.

use sqlx::any::AnyRow;
use sqlx::{AnyConnection, FromRow, Row as _};
use uuid::Builder;

use super::users::{Row, Users};
use crate::clock::{Clock, Timestamp};
use crate::database::Database;
use crate::entropy::Entropy;
use crate::login::ports::Identity;

/// A user, as a list shows them.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Listed {
    /// The id.
    pub id: String,
    /// The name by which users are shared.
    pub group: String,
    /// How the person is called: their own word, or the provider's.
    pub name: String,
    /// The providers that they come by, each once, in the order of their names.
    pub providers: Vec<String>,
    /// Whether they may log in.
    pub blocked: bool,
    /// When they were registered.
    pub created_at: Timestamp,
}

/// A row of the list: a user and one of their providers, if they have one.
struct Line(Listed, Option<String>);

impl FromRow<'_, AnyRow> for Line {
    fn from_row(row: &AnyRow) -> Result<Self, sqlx::Error> {
        let blocked: i64 = row.try_get("blocked")?;
        let created_at: i64 = row.try_get("created_at")?;
        let listed = Listed {
            id: row.try_get("id")?,
            group: row.try_get("user_group")?,
            name: row.try_get("name")?,
            providers: Vec::new(),
            blocked: blocked != 0,
            created_at: Timestamp(u64::try_from(created_at).unwrap_or_default()),
        };
        Ok(Self(listed, row.try_get("provider")?))
    }
}

/// Users in the order in which they came, of one group or of all, at most so many, from behind one;
/// none if there is no such one. Who has gone into another is that one.
///
/// # Errors
/// The database's.
pub async fn list(
    database: &Database,
    group: Option<&str>,
    after: Option<&str>,
    most: u32,
) -> Result<Option<Vec<Listed>>, sqlx::Error> {
    if let Some(after) = after {
        let there = sqlx::query("SELECT 1 FROM users WHERE id = $1").bind(after);
        if there.fetch_optional(database.pool()).await?.is_none() {
            return Ok(None);
        }
    }
    let lines: Vec<Line> = sqlx::query_as(
        "SELECT chosen.id, chosen.user_group, chosen.name, chosen.blocked, chosen.created_at, provider
         FROM (SELECT * FROM users
               WHERE merged_into IS NULL
                     AND (CAST($1 AS TEXT) IS NULL OR user_group = $1)
                     AND (CAST($2 AS TEXT) IS NULL
                          OR (created_at, id) > (SELECT created_at, id FROM users WHERE id = $2))
               ORDER BY created_at, id LIMIT $3) AS chosen
         LEFT JOIN identities ON identities.user_id = chosen.id
         ORDER BY chosen.created_at, chosen.id, provider",
    )
    .bind(group)
    .bind(after)
    .bind(i64::from(most))
    .fetch_all(database.pool())
    .await?;
    let mut users: Vec<Listed> = Vec::new();
    for Line(listed, provider) in lines {
        if users.last().is_none_or(|last| last.id != listed.id) {
            users.push(listed);
        }
        if let (Some(last), Some(provider)) = (users.last_mut(), provider)
            && last.providers.last() != Some(&provider)
        {
            last.providers.push(provider);
        }
    }
    Ok(Some(users))
}

/// What came of adding somebody.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Added {
    /// A new user of this id.
    New(String),
    /// They are this user already, and stay as they were.
    There(String),
}

/// Registers somebody who has not come yet.
///
/// # Errors
/// The database's.
pub async fn add(
    database: &Database,
    group: &str,
    identity: &Identity,
    name: &str,
    (clock, entropy): (Clock, &Entropy),
) -> Result<Added, sqlx::Error> {
    let new = Row {
        id: Builder::from_random_bytes(entropy.bytes()).into_uuid().to_string(),
        name: name.to_owned(),
        avatar_url: None,
        blocked: false,
    };
    Users::new(database.clone(), group.to_owned(), clock).add(identity, new).await
}

/// One of the users that a person is.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct OneOf {
    /// The id.
    pub id: String,
    /// The name by which users are shared.
    pub group: String,
}

/// The users that a person is, by the id of one of them: with all that have gone into one, and the
/// one that they have gone into. None if there is no such user.
///
/// # Errors
/// The database's.
pub async fn person(tx: &mut AnyConnection, id: &str) -> Result<Vec<OneOf>, sqlx::Error> {
    let rows: Vec<(String, String)> = sqlx::query_as(
        "WITH RECURSIVE up (id, further) AS (
             SELECT id, merged_into FROM users WHERE id = $1
             UNION SELECT users.id, users.merged_into FROM users JOIN up ON users.id = up.further),
         person (id) AS (
             SELECT id FROM up
             UNION SELECT users.id FROM users JOIN person ON users.merged_into = person.id)
         SELECT users.id, users.user_group FROM users JOIN person ON person.id = users.id
         ORDER BY users.id",
    )
    .bind(id)
    .fetch_all(tx)
    .await?;
    Ok(rows.into_iter().map(|(id, group)| OneOf { id, group }).collect())
}

/// Blocks a person, or lets them in again. All that they are is: one that has gone into another can
/// be taken up again by who comes as before.
///
/// # Errors
/// The database's.
pub async fn set_blocked(
    tx: &mut AnyConnection,
    person: &[OneOf],
    blocked: bool,
) -> Result<(), sqlx::Error> {
    for one in person {
        sqlx::query("UPDATE users SET blocked = $1 WHERE id = $2")
            .bind(i64::from(blocked))
            .bind(&one.id)
            .execute(&mut *tx)
            .await?;
    }
    Ok(())
}

/// Removes a person, and what leads to them.
///
/// # Errors
/// The database's.
pub async fn remove(tx: &mut AnyConnection, person: &[OneOf]) -> Result<(), sqlx::Error> {
    for one in person {
        sqlx::query("DELETE FROM users WHERE id = $1").bind(&one.id).execute(&mut *tx).await?;
    }
    Ok(())
}

#[cfg(test)]
#[path = "people_tests.rs"]
mod tests;
