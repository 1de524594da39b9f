//! The lease: of all instances and command lines, one alone makes codes.
//!
//! No two clocks are compared. Whoever holds the lease lets its beat rise; whoever wants it watches
//! the beat, and takes the lease over when it has not risen for as long as [`SILENCE`] by their own
//! clock. A holder that is only slow finds out with its next beat, and what both did meanwhile does
//! no harm (`shelf`).

use std::time::Duration;

use sqlx::Row as _;
use tokio::time::{Instant, sleep};

use crate::database::{Database, NoAnswer, answer};

/// How often a holder lets the beat rise.
const BEAT: Duration = Duration::from_millis(500);
/// How long a beat that does not rise is waited for.
pub(super) const SILENCE: Duration = Duration::from_secs(3);

/// A lease, wanted or held.
#[derive(Clone, Debug)]
pub(super) struct Lease {
    database: Database,
    name: &'static str,
    /// Who we are, for people who look.
    holder: String,
}

/// What is known of it.
#[derive(Clone, Debug, Eq, PartialEq)]
struct Seen {
    holder: Option<String>,
    generation: i64,
    beat: i64,
}

/// A watch on somebody else's beat.
#[derive(Debug, Default)]
pub(super) struct Watch(Option<(Seen, Instant)>);

impl Lease {
    pub(super) fn new(database: Database, name: &'static str, holder: String) -> Self {
        Self { database, name, holder }
    }

    /// Takes the lease if nobody has it, or who has it has fallen silent while it was watched. Its
    /// generation; none if somebody has it.
    pub(super) async fn take(&self, watch: &mut Watch) -> Result<Option<i64>, NoAnswer> {
        let seen = answer(self.look()).await?;
        if seen.holder.is_some() {
            let since = match &watch.0 {
                Some((before, since)) if *before == seen => *since,
                _ => {
                    watch.0 = Some((seen, Instant::now()));
                    return Ok(None);
                }
            };
            if since.elapsed() < SILENCE {
                return Ok(None);
            }
        }
        watch.0 = None;
        answer(self.take_over(&seen)).await
    }

    /// Keeps the lease: returns when another has it, or nobody can tell.
    pub(super) async fn keep(&self, generation: i64) -> Result<(), NoAnswer> {
        loop {
            sleep(BEAT).await;
            if !answer(self.beat(generation)).await? {
                return Ok(());
            }
        }
    }

    /// Gives the lease back, if it is still ours.
    pub(super) async fn give_back(&self, generation: i64) -> Result<(), NoAnswer> {
        let given = sqlx::query(
            "UPDATE leases SET holder = NULL WHERE name = $1 AND holder = $2 AND generation = $3",
        )
        .bind(self.name)
        .bind(&self.holder)
        .bind(generation)
        .execute(self.database.pool());
        answer(given).await.map(drop)
    }

    /// Gives it back if it is ours, whenever it was taken.
    pub(super) async fn let_go(&self) -> Result<(), NoAnswer> {
        let given = sqlx::query("UPDATE leases SET holder = NULL WHERE name = $1 AND holder = $2")
            .bind(self.name)
            .bind(&self.holder)
            .execute(self.database.pool());
        answer(given).await.map(drop)
    }

    /// Who has it.
    pub(super) async fn holder(&self) -> Result<Option<String>, NoAnswer> {
        Ok(answer(self.look()).await?.holder)
    }

    async fn look(&self) -> Result<Seen, sqlx::Error> {
        let row = sqlx::query("SELECT holder, generation, beat FROM leases WHERE name = $1")
            .bind(self.name)
            .fetch_optional(self.database.pool())
            .await?;
        let Some(row) = row else { return Ok(Seen { holder: None, generation: 0, beat: 0 }) };
        Ok(Seen {
            holder: row.try_get("holder")?,
            generation: row.try_get("generation")?,
            beat: row.try_get("beat")?,
        })
    }

    async fn take_over(&self, seen: &Seen) -> Result<Option<i64>, sqlx::Error> {
        // Nothing is changed unless all is as it was seen. It is heard to the end: SQLite writes
        // only then, and may find that it cannot.
        let taken = sqlx::query(
            "INSERT INTO leases (name, holder, generation) VALUES ($1, $2, 1)
             ON CONFLICT (name) DO UPDATE
             SET holder = $2, generation = leases.generation + 1, beat = 0
             WHERE leases.generation = $3 AND leases.beat = $4
                   AND (leases.holder IS NULL OR leases.holder = $5)
             RETURNING generation",
        )
        .bind(self.name)
        .bind(&self.holder)
        .bind(seen.generation)
        .bind(seen.beat)
        .bind(seen.holder.as_deref().unwrap_or_default())
        .fetch_all(self.database.pool())
        .await?;
        taken.first().map(|row| row.try_get("generation")).transpose()
    }

    async fn beat(&self, generation: i64) -> Result<bool, sqlx::Error> {
        let risen = sqlx::query(
            "UPDATE leases SET beat = beat + 1
             WHERE name = $1 AND holder = $2 AND generation = $3",
        )
        .bind(self.name)
        .bind(&self.holder)
        .bind(generation)
        .execute(self.database.pool())
        .await?;
        Ok(risen.rows_affected() == 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::database::databases::databases;

    fn lease(database: &Database, holder: &str) -> Lease {
        Lease::new(database.clone(), "pool", holder.to_owned())
    }

    /// Lets time pass by the holders' clocks, not by the database's patience.
    async fn pass(time: Duration) {
        tokio::time::pause();
        tokio::time::advance(time).await;
        tokio::time::resume();
    }

    #[tokio::test]
    async fn one_has_it_until_it_is_given_back() {
        for database in databases().await {
            let (one, other) = (lease(&database, "one"), lease(&database, "other"));
            let (mut watch, mut others) = (Watch::default(), Watch::default());
            let first = one.take(&mut watch).await.expect("asked").expect("free");
            assert_eq!(other.take(&mut others).await, Ok(None));
            assert_eq!(other.holder().await, Ok(Some("one".to_owned())));
            one.give_back(first).await.expect("given");
            assert_eq!(other.holder().await, Ok(None));
            let second = other.take(&mut others).await.expect("asked").expect("free");
            assert!(second > first);
            // What the one says who had it before counts for nothing.
            one.give_back(first).await.expect("asked");
            assert!(!one.beat(first).await.expect("asked"));
            assert_eq!(other.holder().await, Ok(Some("other".to_owned())));
        }
    }

    #[tokio::test]
    async fn it_is_taken_from_who_has_fallen_silent_and_from_nobody_else() {
        for database in databases().await {
            let (one, other) = (lease(&database, "one"), lease(&database, "other"));
            let mut watch = Watch::default();
            let first = one.take(&mut Watch::default()).await.expect("asked").expect("free");
            assert_eq!(other.take(&mut watch).await, Ok(None));
            pass(SILENCE).await;
            assert!(one.beat(first).await.expect("asked"));
            assert_eq!(other.take(&mut watch).await, Ok(None), "it has risen meanwhile");
            pass(SILENCE).await;
            assert!(other.take(&mut watch).await.expect("asked").is_some());
            assert!(!one.beat(first).await.expect("asked"), "it is told so");
        }
    }

    #[tokio::test]
    async fn of_several_who_see_the_silence_one_takes_it() {
        for database in databases().await {
            lease(&database, "gone").take(&mut Watch::default()).await.expect("asked");
            let mut wanting: Vec<_> = (0..6)
                .map(|n| (lease(&database, &format!("instance {n}")), Watch::default()))
                .collect();
            for (lease, watch) in &mut wanting {
                assert_eq!(lease.take(watch).await, Ok(None));
            }
            pass(SILENCE).await;
            let taking = wanting.iter_mut().map(|(lease, watch)| lease.take(watch));
            let taken = futures_util::future::join_all(taking).await;
            let taken = taken.into_iter().filter(|it| it.as_ref().is_ok_and(Option::is_some));
            assert_eq!(taken.count(), 1);
        }
    }
}
