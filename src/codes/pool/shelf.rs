//! The shelf: a namespace's codes in the database. Belongs here: every statement about them.
//!
//! A code is `making` from the moment that its number is given until its picture is stored, `free`
//! until a session takes it, and `taken` from then on. Only who finds a code as they left it changes
//! it: two who make codes at once do the same twice, and harm nothing.

use sqlx::Row as _;
use sqlx::any::AnyRow;

use crate::clock::Timestamp;
use crate::database::Database;
use crate::login::ports::{Numbered, Stamp};
use crate::login::scene::Scene;

/// A namespace's codes.
#[derive(Clone, Debug)]
pub(super) struct Shelf {
    database: Database,
    namespace: String,
    /// What they are made for now.
    stamp: Stamp,
    /// Whether a code that was taken may be taken again.
    reuse: bool,
}

/// A code that is to be made.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Blank {
    pub(super) number: i64,
    pub(super) scene: Scene,
    /// The name of its picture, without a suffix.
    pub(super) picture: String,
}

/// How many codes there are.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Stock {
    /// That a session can have now.
    pub free: u64,
    /// That are being made.
    pub making: u64,
    /// That a session has, or has had.
    pub taken: u64,
    /// That were made for another account, page or version, and are made anew before anybody gets
    /// them.
    pub outdated: u64,
    /// The numbers that have been given.
    pub numbers: u64,
}

/// A code as it is looked up.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Entry {
    pub(super) state: String,
    pub(super) picture: String,
}

fn blank(row: &AnyRow) -> Result<Blank, sqlx::Error> {
    Ok(Blank {
        number: row.try_get("number")?,
        scene: scene(row)?,
        picture: row.try_get("picture")?,
    })
}

fn scene(row: &AnyRow) -> Result<Scene, sqlx::Error> {
    let text: String = row.try_get("scene")?;
    Scene::parse(&text).map_err(|error| sqlx::Error::Decode(error.into()))
}

fn count(row: &AnyRow, column: &str) -> Result<u64, sqlx::Error> {
    let count: i64 = row.try_get(column)?;
    Ok(u64::try_from(count).unwrap_or(0))
}

fn millis(at: Timestamp) -> i64 {
    i64::try_from(at.0).unwrap_or(i64::MAX)
}

impl Shelf {
    pub(super) fn new(database: Database, namespace: String, stamp: Stamp, reuse: bool) -> Self {
        Self { database, namespace, stamp, reuse }
    }

    /// Takes the lowest free number, until then.
    pub(super) async fn take(
        &self,
        until: Timestamp,
        now: Timestamp,
    ) -> Result<Option<(Scene, Numbered)>, sqlx::Error> {
        if self.reuse {
            self.wake(now).await?;
        }
        let (unused, locked) = (self.unused(), self.database.skip_locked());
        let statement = format!(
            "UPDATE pool_codes SET state = 'taken', generation = generation + 1, free_at = $5
             WHERE namespace = $1 AND number = (
                 SELECT number FROM pool_codes
                 WHERE namespace = $1 AND state = 'free' AND {unused}
                       AND account = $2 AND env_version = $3 AND page = $4
                 ORDER BY number LIMIT 1 {locked})
             RETURNING number, scene, picture, generation"
        );
        // To the end, not to the first row: SQLite writes only then, and may find that it cannot.
        let rows = sqlx::query(sqlx::AssertSqlSafe(statement))
            .bind(&self.namespace)
            .bind(&self.stamp.account)
            .bind(&self.stamp.env_version)
            .bind(&self.stamp.page)
            .bind(millis(until))
            .fetch_all(self.database.pool())
            .await?;
        rows.first()
            .map(|row| {
                let numbered = Numbered {
                    number: count(row, "number")?,
                    generation: count(row, "generation")?,
                    picture: row.try_get::<String, _>("picture")?.into(),
                };
                Ok((scene(row)?, numbered))
            })
            .transpose()
    }

    /// Which of the free codes a session may have: where none serves again, none that ever served.
    fn unused(&self) -> &'static str {
        if self.reuse { "generation >= 0" } else { "generation = 0" }
    }

    /// Sets free what has rested. Asks first: there is seldom any, and writers stand in line.
    async fn wake(&self, now: Timestamp) -> Result<(), sqlx::Error> {
        let rested = "namespace = $1 AND state = 'taken' AND free_at <= $2";
        let ask = format!("SELECT number FROM pool_codes WHERE {rested} LIMIT 1");
        let any = sqlx::query(sqlx::AssertSqlSafe(ask))
            .bind(&self.namespace)
            .bind(millis(now))
            .fetch_optional(self.database.pool())
            .await?;
        if any.is_none() {
            return Ok(());
        }
        let locked = self.database.skip_locked();
        let statement = format!(
            "UPDATE pool_codes SET state = 'free'
             WHERE namespace = $1 AND number IN (
                 SELECT number FROM pool_codes WHERE {rested} {locked})"
        );
        sqlx::query(sqlx::AssertSqlSafe(statement))
            .bind(&self.namespace)
            .bind(millis(now))
            .execute(self.database.pool())
            .await?;
        Ok(())
    }

    /// Gives back what nobody has seen.
    pub(super) async fn give_back(&self, code: &Numbered) -> Result<(), sqlx::Error> {
        sqlx::query(
            "UPDATE pool_codes SET state = 'free', generation = generation - 1, free_at = 0
             WHERE namespace = $1 AND number = $2 AND generation = $3 AND state = 'taken'",
        )
        .bind(&self.namespace)
        .bind(i64::try_from(code.number).unwrap_or(i64::MAX))
        .bind(i64::try_from(code.generation).unwrap_or(i64::MAX))
        .execute(self.database.pool())
        .await?;
        Ok(())
    }

    /// A session of a code has ended: it is free again from then on, unless it was anyway.
    pub(super) async fn rest(&self, code: &Numbered, until: Timestamp) -> Result<(), sqlx::Error> {
        sqlx::query(
            "UPDATE pool_codes SET free_at = $4
             WHERE namespace = $1 AND number = $2 AND generation = $3 AND state = 'taken'
                   AND free_at > $4",
        )
        .bind(&self.namespace)
        .bind(i64::try_from(code.number).unwrap_or(i64::MAX))
        .bind(i64::try_from(code.generation).unwrap_or(i64::MAX))
        .bind(millis(until))
        .execute(self.database.pool())
        .await?;
        Ok(())
    }

    /// The code of a number.
    pub(super) async fn look_up(&self, number: i64) -> Result<Option<Entry>, sqlx::Error> {
        let row = sqlx::query(
            "SELECT state, picture FROM pool_codes WHERE namespace = $1 AND number = $2",
        )
        .bind(&self.namespace)
        .bind(number)
        .fetch_optional(self.database.pool())
        .await?;
        let entry = |row: AnyRow| {
            Ok(Entry { state: row.try_get("state")?, picture: row.try_get("picture")? })
        };
        row.map(entry).transpose()
    }

    /// How many codes there are.
    pub(super) async fn stock(&self, now: Timestamp) -> Result<Stock, sqlx::Error> {
        if self.reuse {
            self.wake(now).await?;
        }
        let unused = self.unused();
        let statement = format!(
            "SELECT sum(CASE WHEN state = 'free' AND {unused} AND fits = 1 THEN 1 ELSE 0 END) AS free,
                    sum(CASE WHEN state = 'making' THEN 1 ELSE 0 END) AS making,
                    sum(CASE WHEN state = 'free' AND fits = 0 THEN 1 ELSE 0 END) AS outdated
             FROM (SELECT state, generation,
                          CASE WHEN account = $2 AND env_version = $3 AND page = $4
                               THEN 1 ELSE 0 END AS fits
                   FROM pool_codes
                   WHERE namespace = $1 AND state IN ('free', 'making')) AS codes"
        );
        let row = sqlx::query(sqlx::AssertSqlSafe(statement))
            .bind(&self.namespace)
            .bind(&self.stamp.account)
            .bind(&self.stamp.env_version)
            .bind(&self.stamp.page)
            .fetch_one(self.database.pool())
            .await?;
        // Of no rows there is no sum.
        let sum = |column: &str| -> Result<u64, sqlx::Error> {
            let sum: Option<i64> = row.try_get(column)?;
            Ok(u64::try_from(sum.unwrap_or(0)).unwrap_or(0))
        };
        let taken: i64 = sqlx::query_scalar(
            "SELECT count(*) FROM pool_codes WHERE namespace = $1 AND state = 'taken'",
        )
        .bind(&self.namespace)
        .fetch_one(self.database.pool())
        .await?;
        let numbers: Option<i64> =
            sqlx::query_scalar("SELECT next_number FROM pools WHERE namespace = $1")
                .bind(&self.namespace)
                .fetch_optional(self.database.pool())
                .await?;
        Ok(Stock {
            free: sum("free")?,
            making: sum("making")?,
            taken: u64::try_from(taken).unwrap_or(0),
            outdated: sum("outdated")?,
            numbers: u64::try_from(numbers.unwrap_or(0)).unwrap_or(0),
        })
    }

    /// Up to `most` codes that somebody began to make.
    pub(super) async fn begun(&self, most: i64) -> Result<Vec<Blank>, sqlx::Error> {
        let rows = sqlx::query(
            "SELECT number, scene, picture FROM pool_codes
             WHERE namespace = $1 AND state = 'making' ORDER BY number LIMIT $2",
        )
        .bind(&self.namespace)
        .bind(most)
        .fetch_all(self.database.pool())
        .await?;
        rows.iter().map(blank).collect()
    }

    /// Gives the next numbers to new codes, whose scenes and pictures' names are these.
    pub(super) async fn begin(&self, new: Vec<(Scene, String)>) -> Result<(), sqlx::Error> {
        let mut tx = self.database.alone().await?;
        let next: i64 = sqlx::query_scalar(
            "INSERT INTO pools (namespace, next_number) VALUES ($1, $2)
             ON CONFLICT (namespace) DO UPDATE SET next_number = pools.next_number + $2
             RETURNING next_number",
        )
        .bind(&self.namespace)
        .bind(i64::try_from(new.len()).unwrap_or(i64::MAX))
        .fetch_one(&mut *tx)
        .await?;
        let first = next - i64::try_from(new.len()).unwrap_or(i64::MAX);
        for (number, (scene, picture)) in (first..).zip(new) {
            sqlx::query(
                "INSERT INTO pool_codes
                     (namespace, number, scene, picture, account, env_version, page, state)
                 VALUES ($1, $2, $3, $4, $5, $6, $7, 'making')",
            )
            .bind(&self.namespace)
            .bind(number)
            .bind(scene.as_str())
            .bind(picture)
            .bind(&self.stamp.account)
            .bind(&self.stamp.env_version)
            .bind(&self.stamp.page)
            .execute(&mut *tx)
            .await?;
        }
        tx.commit().await
    }

    /// The picture of a code is stored under that name: whoever opens a session may have it. False
    /// if it is another's by now.
    pub(super) async fn made(&self, code: &Blank, picture: &str) -> Result<bool, sqlx::Error> {
        let made = sqlx::query(
            "UPDATE pool_codes SET state = 'free', picture = $4
             WHERE namespace = $1 AND number = $2 AND scene = $3 AND state = 'making'",
        )
        .bind(&self.namespace)
        .bind(code.number)
        .bind(code.scene.as_str())
        .bind(picture)
        .execute(self.database.pool())
        .await?;
        Ok(made.rows_affected() == 1)
    }

    /// Up to `most` numbers whose codes nobody has, and which were made for something else.
    pub(super) async fn outdated(
        &self,
        most: i64,
        now: Timestamp,
    ) -> Result<Vec<Blank>, sqlx::Error> {
        if self.reuse {
            self.wake(now).await?;
        }
        let rows = sqlx::query(
            "SELECT number, scene, picture FROM pool_codes
             WHERE namespace = $1 AND state IN ('free', 'making')
                   AND NOT (account = $2 AND env_version = $3 AND page = $4)
             ORDER BY number LIMIT $5",
        )
        .bind(&self.namespace)
        .bind(&self.stamp.account)
        .bind(&self.stamp.env_version)
        .bind(&self.stamp.page)
        .bind(most)
        .fetch_all(self.database.pool())
        .await?;
        rows.iter().map(blank).collect()
    }

    /// Begins an outdated code anew, under its number. Whoever has taken it meanwhile keeps it.
    pub(super) async fn begin_anew(
        &self,
        old: &Blank,
        scene: &Scene,
        picture: &str,
    ) -> Result<(), sqlx::Error> {
        let mut tx = self.database.alone().await?;
        let begun = sqlx::query(
            "UPDATE pool_codes
             SET state = 'making', scene = $4, picture = $5, account = $6, env_version = $7, page = $8
             WHERE namespace = $1 AND number = $2 AND scene = $3
                   AND state <> 'taken'",
        )
        .bind(&self.namespace)
        .bind(old.number)
        .bind(old.scene.as_str())
        .bind(scene.as_str())
        .bind(picture)
        .bind(&self.stamp.account)
        .bind(&self.stamp.env_version)
        .bind(&self.stamp.page)
        .execute(&mut *tx)
        .await?;
        if begun.rows_affected() == 1 {
            sqlx::query("INSERT INTO pool_litter (picture) VALUES ($1) ON CONFLICT DO NOTHING")
                .bind(&old.picture)
                .execute(&mut *tx)
                .await?;
        }
        tx.commit().await
    }

    /// Strikes out codes that were used before then, also when they could be used again, and will
    /// not be; how many.
    pub(super) async fn strike_used(&self, before: Timestamp) -> Result<u64, sqlx::Error> {
        if self.reuse {
            return Ok(0);
        }
        let mut tx = self.database.alone().await?;
        sqlx::query(
            "INSERT INTO pool_litter (picture)
             SELECT picture FROM pool_codes
             WHERE namespace = $1 AND (state = 'taken' OR (state = 'free' AND generation > 0))
                   AND free_at <= $2
             ON CONFLICT DO NOTHING",
        )
        .bind(&self.namespace)
        .bind(millis(before))
        .execute(&mut *tx)
        .await?;
        let struck = sqlx::query(
            "DELETE FROM pool_codes
             WHERE namespace = $1 AND (state = 'taken' OR (state = 'free' AND generation > 0))
                   AND free_at <= $2",
        )
        .bind(&self.namespace)
        .bind(millis(before))
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(struck.rows_affected())
    }

    /// Up to `most` pictures that no code has any more.
    pub(super) async fn litter(&self, most: i64) -> Result<Vec<String>, sqlx::Error> {
        sqlx::query_scalar("SELECT picture FROM pool_litter LIMIT $1")
            .bind(most)
            .fetch_all(self.database.pool())
            .await
    }

    /// A picture is deleted.
    pub(super) async fn cleared(&self, picture: &str) -> Result<(), sqlx::Error> {
        sqlx::query("DELETE FROM pool_litter WHERE picture = $1")
            .bind(picture)
            .execute(self.database.pool())
            .await?;
        Ok(())
    }
}

#[cfg(test)]
#[path = "shelf_tests.rs"]
mod tests;
