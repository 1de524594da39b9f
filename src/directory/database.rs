//! The database: one pool for the whole server, opened once, its schema brought up to date.
//!
//! SQLite only, in this version. A change of the schema is a new file in `migrations/`.

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use sqlx::SqlitePool;
use sqlx::migrate::{MigrateError, Migrator};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};

use crate::login::ports::PortError;

static MIGRATIONS: Migrator = sqlx::migrate!("./migrations");

/// How long a write waits for another's, and a caller for a connection.
const PATIENCE: Duration = Duration::from_secs(5);

/// A database that is open. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Database {
    pool: SqlitePool,
}

/// Why the database cannot be used. Its text names the file, never a statement.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    /// The setting is no address of a database that this version can open.
    #[error("the database's address is not understood: expected sqlite:<path>")]
    Address,
    /// The file cannot be made, opened or read.
    #[error("{path}: {reason}", path = path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the operating system or SQLite says.
        reason: String,
    },
    /// A later version of this server has been here.
    #[error(
        "{path}: written by a newer version of Saoma (its schema is {found}, this version knows \
         {known}); start that version, or restore the copy made before it",
        path = path.display()
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// The schema's number in the file.
        found: i64,
        /// The greatest number that this version knows.
        known: i64,
    },
    /// The schema is not one that this server made.
    #[error("{path}: its schema differs from what Saoma makes: {reason}", path = path.display())]
    Schema {
        /// The file.
        path: PathBuf,
        /// Where it differs.
        reason: String,
    },
}

impl Database {
    /// Opens `sqlite:<path>` or `sqlite::memory:`, making the file and its folder if they are not
    /// there, and brings its schema up to date.
    ///
    /// # Errors
    /// [`DatabaseError`] when that cannot be.
    pub async fn open(url: &str) -> Result<Self, DatabaseError> {
        if !url.starts_with("sqlite:") {
            return Err(DatabaseError::Address);
        }
        let options = SqliteConnectOptions::from_str(url)
            .map_err(|_| DatabaseError::Address)?
            .create_if_missing(true)
            .foreign_keys(true)
            .journal_mode(SqliteJournalMode::Wal)
            // With WAL, what a power cut can take is the last moments, never the file.
            .synchronous(SqliteSynchronous::Normal)
            .busy_timeout(PATIENCE);
        let in_memory = url.contains(":memory:") || url.contains("mode=memory");
        let path = options.get_filename().to_owned();
        if !in_memory {
            make_folder(&path)?;
        }
        // A database in memory lives as long as its one connection.
        let pool = SqlitePoolOptions::new()
            .max_connections(if in_memory { 1 } else { 8 })
            .min_connections(u32::from(in_memory))
            .idle_timeout((!in_memory).then_some(Duration::from_secs(600)))
            .max_lifetime(None)
            .acquire_timeout(PATIENCE)
            .connect_with(options)
            .await
            .map_err(|error| unusable(&path, &error))?;
        if let Err(error) = migrate(&pool).await {
            let error = refusal(&pool, path, error).await;
            pool.close().await;
            return Err(error);
        }
        Ok(Self { pool })
    }

    /// Waits for what is under way and closes; the write-ahead log is taken into the file.
    pub async fn close(&self) {
        self.pool.close().await;
    }

    pub(super) fn pool(&self) -> &SqlitePool {
        &self.pool
    }
}

/// What a caller may know of an error of the database; the log has the rest.
pub(super) fn unavailable(error: &sqlx::Error) -> PortError {
    tracing::error!(%error, "the database failed");
    PortError::unavailable("the directory cannot be reached")
}

fn make_folder(file: &Path) -> Result<(), DatabaseError> {
    let Some(folder) = file.parent() else { return Ok(()) };
    // For its owner alone: there are people's names in it, and the keys beside it.
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .map_err(|error| DatabaseError::File { path: folder.to_owned(), reason: error.to_string() })
}

fn unusable(path: &Path, error: &sqlx::Error) -> DatabaseError {
    let reason = match error {
        sqlx::Error::Database(error) => error.message().to_owned(),
        error => error.to_string(),
    };
    DatabaseError::File { path: path.to_owned(), reason }
}

/// Brings the schema up to date, all of it or nothing. Instances that start together share a file:
/// who is first does it, the others wait and find it done.
async fn migrate(pool: &SqlitePool) -> Result<(), MigrateError> {
    let mut alone = pool.begin_with("BEGIN IMMEDIATE").await?;
    MIGRATIONS.run(&mut alone).await?;
    Ok(alone.commit().await?)
}

/// Why the schema could not be brought up to date.
async fn refusal(pool: &SqlitePool, path: PathBuf, error: MigrateError) -> DatabaseError {
    let known = MIGRATIONS.iter().map(|migration| migration.version).max().unwrap_or_default();
    match error {
        MigrateError::VersionMissing(missing) => {
            let found = sqlx::query_scalar("SELECT max(version) FROM _sqlx_migrations")
                .fetch_one(pool)
                .await
                .unwrap_or(missing);
            DatabaseError::Newer { path, found, known }
        }
        MigrateError::VersionMismatch(version) => {
            DatabaseError::Schema { path, reason: format!("number {version} is another") }
        }
        MigrateError::ExecuteMigration(error, version) => {
            tracing::error!(%error, version, "the schema could not be brought up to date");
            DatabaseError::Schema { path, reason: format!("number {version} cannot be made") }
        }
        MigrateError::Execute(error) => unusable(&path, &error),
        error => DatabaseError::Schema { path, reason: error.to_string() },
    }
}

#[cfg(test)]
mod tests {
    use futures_util::future::join_all;

    use super::*;

    #[tokio::test]
    async fn a_file_is_made_with_its_folder_and_opens_again() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("data/saoma.db");
        let url = format!("sqlite:{}", path.display());
        for _ in 0..2 {
            let database = Database::open(&url).await.expect("open");
            let journal: String = sqlx::query_scalar("PRAGMA journal_mode")
                .fetch_one(database.pool())
                .await
                .expect("an answer");
            assert_eq!(journal, "wal");
            database.close().await;
        }
        assert!(!path.with_extension("db-wal").exists(), "closed cleanly");
    }

    #[tokio::test]
    async fn several_may_open_a_new_one_at_once() {
        let folder = tempfile::tempdir().expect("a folder");
        let url = format!("sqlite:{}", folder.path().join("saoma.db").display());
        let opened = join_all((0..8).map(|_| Database::open(&url))).await;
        for database in opened {
            database.expect("open").close().await;
        }
    }

    #[tokio::test]
    async fn what_a_newer_version_wrote_is_refused_politely() {
        let folder = tempfile::tempdir().expect("a folder");
        let url = format!("sqlite:{}", folder.path().join("saoma.db").display());
        let database = Database::open(&url).await.expect("open");
        sqlx::query(
            "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
             VALUES (99, 'later', 1, x'00', 0)",
        )
        .execute(database.pool())
        .await
        .expect("written");
        database.close().await;
        let refused = Database::open(&url).await.expect_err("refused").to_string();
        assert!(refused.contains("saoma.db: written by a newer version of Saoma"), "{refused}");
        assert!(refused.contains("its schema is 99, this version knows 2"), "{refused}");
    }

    #[tokio::test]
    async fn who_was_known_before_a_change_of_the_schema_is_known_after_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let url = format!("sqlite:{}", folder.path().join("saoma.db").display());
        let options = SqliteConnectOptions::from_str(&url).expect("an address");
        let old = SqlitePool::connect_with(options.create_if_missing(true)).await.expect("open");
        MIGRATIONS.run_to(1, &old).await.expect("the first schema");
        for statement in [
            "INSERT INTO users VALUES ('1', 'shop', 'Alice', NULL, 0, 5), ('2', 'staff', 'Bob', 'b', 1, 6)",
            "INSERT INTO identities VALUES ('shop', 'simulator', 'alice', '1'), ('staff', 'mini_program', 'oBob', '2')",
        ] {
            sqlx::query(statement).execute(&old).await.expect("written");
        }
        old.close().await;

        let database = Database::open(&url).await.expect("open");
        let rows: Vec<(String, String, String, String, String, bool)> = sqlx::query_as(
            "SELECT identities.user_group, provider, account, subject, name, blocked
             FROM identities JOIN users ON users.id = user_id
             WHERE users.user_group = identities.user_group ORDER BY users.id",
        )
        .fetch_all(database.pool())
        .await
        .expect("an answer");
        let row = |[group, provider, subject, name]: [&str; 4], blocked| {
            let [group, provider, subject, name] =
                [group, provider, subject, name].map(str::to_owned);
            (group, provider, String::new(), subject, name, blocked)
        };
        assert_eq!(
            rows,
            [
                row(["shop", "simulator", "alice", "Alice"], false),
                row(["staff", "mini_program", "oBob", "Bob"], true),
            ]
        );
        let wrong: Vec<String> = sqlx::query_scalar("PRAGMA foreign_key_check")
            .fetch_all(database.pool())
            .await
            .expect("an answer");
        assert!(wrong.is_empty(), "{wrong:?}");
        // Whoever is deleted takes along what led to them.
        sqlx::query("DELETE FROM users").execute(database.pool()).await.expect("deleted");
        let left: i64 = sqlx::query_scalar("SELECT count(*) FROM identities")
            .fetch_one(database.pool())
            .await
            .expect("counted");
        assert_eq!(left, 0);
        database.close().await;
    }

    #[tokio::test]
    async fn what_is_no_database_is_refused_by_its_name() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("notes.txt");
        std::fs::write(&path, "no database, but long enough to look like one ".repeat(40))
            .expect("written");
        let refused = Database::open(&format!("sqlite:{}", path.display())).await;
        let refused = refused.expect_err("refused").to_string();
        assert!(refused.contains("notes.txt: file is not a database"), "{refused}");

        let other = Database::open("mysql://a").await.expect_err("refused");
        assert!(matches!(other, DatabaseError::Address));
    }
}
