//! The database: one pool for the whole server, opened once, its schema brought up to date.
//!
//! SQLite or PostgreSQL, with one text of each statement for both: what differs is how it is opened,
//! how writers stand in line, and the schema. A change of the schema is a new file in each folder of
//! `migrations/`.

#[cfg(test)]
pub(crate) mod databases;
mod postgres;
mod sqlite;

use std::time::Duration;

use sqlx::any::{AnyPoolOptions, install_default_drivers};
use sqlx::migrate::{MigrateError, Migrator};
use sqlx::{Any, AnyConnection, AnyPool, Connection as _};
use tokio::time::timeout;

/// How long a write waits for another's, and a caller for a connection.
const PATIENCE: Duration = Duration::from_secs(5);

/// How long all that is asked for one caller may take: to connect, and to stand in line.
const LONGEST: Duration = Duration::from_secs(10);

/// How long a connection is kept that nobody uses.
const IDLE: Duration = Duration::from_secs(600);

/// What the database says when it does not do what it is asked.
pub type Error = sqlx::Error;

/// What is done to a database as one: all of it, or nothing where it is dropped.
pub type Transaction = sqlx::Transaction<'static, Any>;

/// What databases differ in.
struct Engine {
    url: String,
    /// Where it is, for messages.
    place: String,
    pool: AnyPoolOptions,
    migrations: &'static Migrator,
    /// Begins a transaction in which nobody else writes.
    alone: &'static str,
    /// Ends a question for a row to change, where others who do the same are to be passed by.
    skip_locked: &'static str,
}

/// A database that is open. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Database {
    pool: AnyPool,
    alone: &'static str,
    skip_locked: &'static str,
}

/// Why the database cannot be used. Its text says where it is, never a password or a statement.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    /// The setting is no address of a database that this version can open.
    #[error(
        "the database's address is not understood: expected sqlite:<path> or \
         postgres://<user>:<password>@<host>/<database>"
    )]
    Address,
    /// The address says something that nobody reads.
    #[error("the database's address has an unknown parameter: known are {known}")]
    Parameter {
        /// Those that there are.
        known: String,
    },
    /// It cannot be made, opened or read.
    #[error("{place}: {reason}")]
    Unusable {
        /// The file, or the server and the name.
        place: String,
        /// What the operating system or the database says.
        reason: String,
    },
    /// A later version of this server has been here.
    #[error(
        "{place}: written by a newer version of Saoma (its schema is {found}, this version knows \
         {known}); start that version, or restore the copy made before it"
    )]
    Newer {
        /// The file, or the server and the name.
        place: String,
        /// The schema's number in the database.
        found: i64,
        /// The greatest number that this version knows.
        known: i64,
    },
    /// The schema is not one that this server made.
    #[error("{place}: its schema differs from what Saoma makes: {reason}")]
    Schema {
        /// The file, or the server and the name.
        place: String,
        /// Where it differs.
        reason: String,
    },
}

impl Database {
    /// Opens `sqlite:<path>`, `sqlite::memory:` or `postgres://…`, and brings its schema up to date.
    /// A file and its folder are made if they are not there.
    ///
    /// # Errors
    /// [`DatabaseError`] when that cannot be.
    pub async fn open(url: &str) -> Result<Self, DatabaseError> {
        let (database, engine) = Self::connect(url).await?;
        if let Err(error) = database.migrate(engine.migrations).await {
            let error = database.refusal(engine, error).await;
            database.close().await;
            return Err(error);
        }
        Ok(database)
    }

    /// Its connections, with the schema as it is.
    async fn connect(url: &str) -> Result<(Self, Engine), DatabaseError> {
        install_default_drivers();
        let engine = match url.split_once(':').map(|(scheme, _)| scheme) {
            Some("sqlite") => sqlite::prepare(url).await?,
            Some("postgres" | "postgresql") => postgres::prepare(url).await?,
            _ => return Err(DatabaseError::Address),
        };
        let pool = engine.pool.clone().acquire_timeout(PATIENCE).connect(&engine.url).await;
        let pool = pool.map_err(|error| unusable(&engine.place, &error))?;
        Ok((Self { pool, alone: engine.alone, skip_locked: engine.skip_locked }, engine))
    }

    /// Refuses what [`Self::open`] would refuse, as far as can be seen without changing anything.
    ///
    /// # Errors
    /// [`DatabaseError`]
    pub async fn look(url: &str) -> Result<(), DatabaseError> {
        install_default_drivers();
        let (place, url, migrations) = match url.split_once(':').map(|(scheme, _)| scheme) {
            Some("sqlite") if !sqlite::is_there(url) => return Ok(()),
            Some("sqlite") => sqlite::seen(url)?,
            Some("postgres" | "postgresql") => {
                let Engine { place, url, migrations, .. } = postgres::prepare(url).await?;
                (place, url, migrations)
            }
            _ => return Err(DatabaseError::Address),
        };
        let asked = timeout(PATIENCE, async {
            let mut connection = AnyConnection::connect(&url).await.map_err(Some)?;
            let found = newest(&mut connection).await;
            let _ = connection.close().await;
            // What has no such table yet is new.
            found.or_else(
                |error| if sqlite::is_no_database(&error) { Err(Some(error)) } else { Ok(None) },
            )
        });
        let found = asked
            .await
            .unwrap_or(Err(None))
            .map_err(|error| unusable(&place, &error.unwrap_or(sqlx::Error::PoolTimedOut)))?;
        let known = greatest(migrations);
        let newer = found.filter(|found| *found > known);
        newer.map_or(Ok(()), |found| Err(DatabaseError::Newer { place, found, known }))
    }

    /// Whether a database of this address has been made, as far as can be seen without a question.
    #[must_use]
    pub fn is_there(url: &str) -> bool {
        !url.starts_with("sqlite:") || sqlite::is_there(url)
    }

    /// Waits for what is under way and closes; SQLite's write-ahead log is taken into the file.
    pub async fn close(&self) {
        self.pool.close().await;
    }

    /// Its connections.
    pub(crate) fn pool(&self) -> &AnyPool {
        &self.pool
    }

    /// What ends a question for one row to change, of which others are asking for one, too.
    pub(crate) fn skip_locked(&self) -> &'static str {
        self.skip_locked
    }

    /// Begins what nobody else writes in between.
    ///
    /// # Errors
    /// The database's.
    pub async fn alone(&self) -> Result<Transaction, Error> {
        self.pool.begin_with(self.alone).await
    }

    /// Brings the schema up to date, all of it or nothing. Of instances that start together, who is
    /// first does it; the others wait and find it done.
    async fn migrate(&self, migrations: &Migrator) -> Result<(), MigrateError> {
        let mut alone = self.alone().await?;
        migrations.run(&mut alone).await?;
        Ok(alone.commit().await?)
    }

    /// Why the schema could not be brought up to date.
    async fn refusal(&self, engine: Engine, error: MigrateError) -> DatabaseError {
        let Engine { place, migrations, .. } = engine;
        match error {
            MigrateError::VersionMissing(missing) => {
                let found = async { newest(&mut *self.pool.acquire().await?).await };
                let found = found.await.ok().flatten().unwrap_or(missing);
                DatabaseError::Newer { place, found, known: greatest(migrations) }
            }
            MigrateError::VersionMismatch(version) => {
                DatabaseError::Schema { place, reason: format!("number {version} is another") }
            }
            MigrateError::ExecuteMigration(error, version) => {
                tracing::error!(%error, version, "the schema could not be brought up to date");
                DatabaseError::Schema { place, reason: format!("number {version} cannot be made") }
            }
            MigrateError::Execute(error) => unusable(&place, &error),
            error => DatabaseError::Schema { place, reason: error.to_string() },
        }
    }
}

/// The number of the schema that a database has, if it has one.
async fn newest(connection: &mut AnyConnection) -> Result<Option<i64>, Error> {
    let newest = sqlx::query_scalar("SELECT max(version) FROM _sqlx_migrations");
    newest.fetch_one(connection).await
}

/// The number of the schema that this version makes.
fn greatest(migrations: &Migrator) -> i64 {
    migrations.iter().map(|it| it.version).max().unwrap_or_default()
}

/// The database gave no answer. What it said is in the log.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the database gives no answer")]
pub struct NoAnswer;

/// What was asked of the database, in time.
///
/// # Errors
/// [`NoAnswer`]; why, only the log says.
pub(crate) async fn answer<T>(
    asked: impl Future<Output = Result<T, sqlx::Error>>,
) -> Result<T, NoAnswer> {
    match timeout(LONGEST, asked).await {
        Ok(Ok(answer)) => return Ok(answer),
        Ok(Err(error)) => tracing::error!(%error, "the database failed"),
        Err(_) => tracing::error!("the database gives no answer"),
    }
    Err(NoAnswer)
}

fn unusable(place: &str, error: &sqlx::Error) -> DatabaseError {
    let reason = match error {
        sqlx::Error::Database(error) => error.message().to_owned(),
        error => error.to_string(),
    };
    DatabaseError::Unusable { place: place.to_owned(), reason }
}

#[cfg(test)]
mod tests {
    use futures_util::future::join_all;

    use super::*;
    use crate::database::databases::{Place, places};

    #[tokio::test]
    async fn several_may_open_a_new_one_at_once() {
        for Place { url, .. } in places() {
            let opened = join_all((0..8).map(|_| Database::open(&url))).await;
            for database in opened {
                database.expect("open").close().await;
            }
        }
    }

    #[tokio::test]
    async fn what_a_newer_version_wrote_is_refused_politely() {
        for Place { url, shown, .. } in places() {
            let database = Database::open(&url).await.expect("open");
            sqlx::query(
                "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
                 SELECT 99, 'later', success, checksum, 0 FROM _sqlx_migrations WHERE version = 2",
            )
            .execute(database.pool())
            .await
            .expect("written");
            database.close().await;
            let looked = Database::look(&url).await.expect_err("refused").to_string();
            let refused = Database::open(&url).await.expect_err("refused").to_string();
            assert_eq!(looked, refused);
            assert!(refused.contains(shown), "{refused}");
            assert!(refused.contains(": written by a newer version of Saoma"), "{refused}");
            assert!(refused.contains("its schema is 99, this version knows "), "{refused}");
        }
    }

    #[tokio::test]
    async fn to_be_looked_at_changes_nothing() {
        for Place { url, .. } in places() {
            Database::look(&url).await.expect("it can be made");
            assert_eq!(Database::is_there(&url), !url.starts_with("sqlite:/"), "it was made");
            let (bare, _) = Database::connect(&url).await.expect("connected");
            Database::look(&url).await.expect("it is empty");
            let made = sqlx::query("SELECT 1 FROM users").fetch_optional(bare.pool()).await;
            assert!(made.is_err(), "its schema was made");
            bare.close().await;
            Database::open(&url).await.expect("open").close().await;
            let file = || {
                url.strip_prefix("sqlite:/")
                    .map(|path| std::fs::read(format!("/{path}")).expect("a file"))
            };
            let before = file();
            Database::look(&url).await.expect("it is ours");
            assert_eq!(file(), before, "it was written to");
        }
    }

    #[tokio::test]
    async fn what_is_no_address_is_refused() {
        for url in ["mysql://a", "postgres://a:port/b", "sqlite:a?mode=none", "sqlite"] {
            let refused = Database::open(url).await.expect_err("refused");
            assert!(matches!(refused, DatabaseError::Address), "{url}");
            let looked = Database::look(url).await.expect_err("refused");
            assert!(matches!(looked, DatabaseError::Address), "{url}");
        }
    }
}
