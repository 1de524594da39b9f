//! Every statement about logins.

use std::fmt::Write;
use std::time::Duration;

use sqlx::any::AnyRow;
use sqlx::{AnyConnection, AssertSqlSafe, FromRow, Row as _};

use crate::clock::Timestamp;
use crate::database::Database;
use crate::login::journal::{Entry, Mark, Person};

/// How many columns a row is written in.
const COLUMNS: usize = 9;

/// An entry as the database has it.
struct Row(Entry);

impl FromRow<'_, AnyRow> for Row {
    fn from_row(row: &AnyRow) -> Result<Self, sqlx::Error> {
        Ok(Self(Entry {
            jti: row.try_get("jti")?,
            group: row.try_get("user_group")?,
            user: row.try_get("user_id")?,
            namespace: row.try_get("namespace")?,
            provider: row.try_get("provider")?,
            ip: row.try_get("ip")?,
            user_agent: row.try_get("user_agent")?,
            at: timestamp(row.try_get("at")?),
            expires_at: timestamp(row.try_get("expires_at")?),
            revoked_at: row.try_get::<Option<i64>, _>("revoked_at")?.map(timestamp),
        }))
    }
}

fn timestamp(millis: i64) -> Timestamp {
    Timestamp(u64::try_from(millis).unwrap_or_default())
}

fn millis(at: Timestamp) -> i64 {
    i64::try_from(at.0).unwrap_or(i64::MAX)
}

/// `($1, $2, …), ($10, …` for so many rows.
fn places(rows: usize) -> String {
    let mut text = String::new();
    for at in 0..rows * COLUMNS {
        let before = match (at % COLUMNS, at) {
            (0, 0) => "(",
            (0, _) => "), (",
            _ => ", ",
        };
        // Writing to a string cannot fail.
        let _ = write!(text, "{before}${}", at + 1);
    }
    text + ")"
}

/// Writes down logins, in one statement: all of them or none. One that is there already was revoked
/// before it came, and stays so.
pub(super) async fn insert(database: &Database, entries: &[Entry]) -> Result<(), sqlx::Error> {
    let statement = format!(
        "INSERT INTO logins (jti, user_group, user_id, namespace, provider, ip, user_agent, at,
                             expires_at)
         VALUES {} ON CONFLICT (jti) DO NOTHING",
        places(entries.len())
    );
    // There are as many of these as batches have lengths: too many to be kept.
    let mut insert = sqlx::query(AssertSqlSafe(statement)).persistent(false);
    for entry in entries {
        insert = insert
            .bind(&entry.jti)
            .bind(&entry.group)
            .bind(&entry.user)
            .bind(&entry.namespace)
            .bind(&entry.provider)
            .bind(&entry.ip)
            .bind(&entry.user_agent)
            .bind(millis(entry.at))
            .bind(millis(entry.expires_at));
    }
    insert.execute(database.pool()).await?;
    Ok(())
}

/// A person's logins, the newest first.
pub(super) async fn page(
    database: &Database,
    person: &Person,
    before: Option<&Mark>,
    most: usize,
) -> Result<Vec<Entry>, sqlx::Error> {
    let groups: Vec<String> = (5..5 + person.groups.len()).map(|at| format!("${at}")).collect();
    let statement = format!(
        "SELECT * FROM logins
         WHERE user_id = $1 AND (at < $2 OR at = $2 AND jti < $3) AND user_group IN ({})
         ORDER BY at DESC, jti DESC LIMIT $4",
        groups.join(", ")
    );
    let (at, jti) = before.map_or((i64::MAX, ""), |mark| (millis(mark.at), &*mark.jti));
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    let mut page = sqlx::query_as(AssertSqlSafe(statement)).bind(&person.user);
    page = page.bind(at).bind(jti).bind(most);
    for group in &person.groups {
        page = page.bind(group);
    }
    let rows: Vec<Row> = page.fetch_all(database.pool()).await?;
    Ok(rows.into_iter().map(|row| row.0).collect())
}

pub(super) async fn find(database: &Database, jti: &str) -> Result<Option<Entry>, sqlx::Error> {
    let find = sqlx::query_as("SELECT * FROM logins WHERE jti = $1").bind(jti);
    let row: Option<Row> = find.fetch_optional(database.pool()).await?;
    Ok(row.map(|row| row.0))
}

/// Revokes a token, also one that was not written down; one that is revoked already stays as it is.
pub(super) async fn revoke(
    database: &Database,
    jti: &str,
    expires_at: Timestamp,
    now: Timestamp,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT INTO logins (jti, user_group, user_id, namespace, provider, ip, user_agent, at,
                             expires_at, revoked_at)
         VALUES ($1, '', '', '', '', '', '', $3, $2, $3)
         ON CONFLICT (jti) DO UPDATE SET revoked_at = COALESCE(logins.revoked_at, $3)",
    )
    .bind(jti)
    .bind(millis(expires_at))
    .bind(millis(now))
    .execute(database.pool())
    .await?;
    Ok(())
}

/// Revokes all tokens of a user that are good still; how many.
///
/// # Errors
/// The database's.
pub async fn revoke_all(
    tx: &mut AnyConnection,
    group: &str,
    user: &str,
    now: Timestamp,
) -> Result<u64, sqlx::Error> {
    let revoked = sqlx::query(
        "UPDATE logins SET revoked_at = $3
         WHERE user_id = $1 AND user_group = $2 AND expires_at > $3 AND revoked_at IS NULL",
    )
    .bind(user)
    .bind(group)
    .bind(millis(now))
    .execute(tx)
    .await?;
    Ok(revoked.rows_affected())
}

/// Forgets a user: of their logins stays which tokens are not good any more, and of whom they were,
/// nothing. How many tokens were good until now.
///
/// # Errors
/// The database's.
pub async fn forget(
    tx: &mut AnyConnection,
    group: &str,
    user: &str,
    now: Timestamp,
) -> Result<u64, sqlx::Error> {
    let revoked = revoke_all(&mut *tx, group, user, now).await?;
    sqlx::query("DELETE FROM logins WHERE user_id = $1 AND user_group = $2 AND expires_at <= $3")
        .bind(user)
        .bind(group)
        .bind(millis(now))
        .execute(&mut *tx)
        .await?;
    sqlx::query(
        "UPDATE logins SET user_group = '', user_id = '', namespace = '', provider = '', ip = '',
                           user_agent = ''
         WHERE user_id = $1 AND user_group = $2",
    )
    .bind(user)
    .bind(group)
    .execute(tx)
    .await?;
    Ok(revoked)
}

/// Deletes some of what is older than the history is kept; how many. What was revoked stays for as
/// long as its token would be good, and what says no more than that, no longer.
pub(super) async fn delete_old(
    database: &Database,
    kept: Duration,
    now: Timestamp,
    most: u32,
) -> Result<u64, sqlx::Error> {
    let kept = u64::try_from(kept.as_millis()).unwrap_or(u64::MAX);
    let deleted = sqlx::query(
        "DELETE FROM logins WHERE jti IN (
             SELECT jti FROM logins
             WHERE (at <= $1 OR user_id = '') AND (revoked_at IS NULL OR expires_at <= $2)
             LIMIT $3)",
    )
    .bind(millis(Timestamp(now.0.saturating_sub(kept))))
    .bind(millis(now))
    .bind(i64::from(most))
    .execute(database.pool())
    .await?;
    Ok(deleted.rows_affected())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_have_places_of_their_own() {
        assert_eq!(places(1), "($1, $2, $3, $4, $5, $6, $7, $8, $9)");
        assert!(places(2).ends_with("$9), ($10, $11, $12, $13, $14, $15, $16, $17, $18)"));
    }
}
