//! A database in a file of its own, or in memory.

use std::fs::{DirBuilder, File, OpenOptions};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;
use std::str::FromStr;

use sqlx::any::AnyPoolOptions;
use sqlx::migrate::Migrator;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode};
use sqlx::{ConnectOptions, Connection};

use super::{DatabaseError, Engine, unusable};

static MIGRATIONS: Migrator = sqlx::migrate!("./migrations/sqlite");

/// Makes the file and its folder if they are not there.
pub(super) async fn prepare(url: &str) -> Result<Engine, DatabaseError> {
    let options = SqliteConnectOptions::from_str(url).map_err(|_| DatabaseError::Address)?;
    let path = options.get_filename().to_owned();
    let place = path.display().to_string();
    let in_memory = in_memory(url);
    if !in_memory {
        make_folder(&path)?;
        // As the folder is, which may have been there before. What SQLite puts beside it has the
        // same mode; what stands in the way, SQLite will say.
        let _ = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path);
        // The file remembers its journal; a connection that fails now says why.
        let options = options.create_if_missing(true).journal_mode(SqliteJournalMode::Wal);
        let first = options.connect().await.map_err(|error| refused(&path, &error))?;
        first.close().await.map_err(|error| unusable(&place, &error))?;
    }
    // What follows the slashes is a path here, and would be read as a host.
    let url = url.replacen("sqlite://", "sqlite:", 1);
    let pool = AnyPoolOptions::new()
        // A database in memory lives as long as its one connection.
        .max_connections(if in_memory { 1 } else { 8 })
        .min_connections(u32::from(in_memory))
        .idle_timeout((!in_memory).then_some(super::IDLE))
        .max_lifetime(None)
        .after_connect(|connection, _| {
            // With WAL, what a power cut can take is the last moments, never the file.
            let lighter = sqlx::raw_sql("PRAGMA synchronous = NORMAL").execute(connection);
            Box::pin(async { lighter.await.map(drop) })
        });
    // From the start: one that read first and wrote later would fail when another came between.
    Ok(Engine {
        url,
        place,
        pool,
        migrations: &MIGRATIONS,
        alone: "BEGIN IMMEDIATE",
        skip_locked: "",
    })
}

/// Why a file cannot be used. SQLite says that it cannot be opened; the system, why.
fn refused(path: &Path, error: &sqlx::Error) -> DatabaseError {
    let place = path.display().to_string();
    match File::options().append(true).create(true).open(path) {
        Err(error) => DatabaseError::Unusable { place, reason: error.to_string() },
        Ok(_) => unusable(&place, error),
    }
}

/// A file that is there: where, by which address it is not made, and what it is to have in it.
pub(super) fn seen(url: &str) -> Result<(String, String, &'static Migrator), DatabaseError> {
    let options = SqliteConnectOptions::from_str(url).map_err(|_| DatabaseError::Address)?;
    let place = options.get_filename().display().to_string();
    Ok((place, url.replacen("sqlite://", "sqlite:", 1), &MIGRATIONS))
}

/// Whether this is said of a file that is something else (`SQLITE_NOTADB`).
pub(super) fn is_no_database(error: &sqlx::Error) -> bool {
    error.as_database_error().and_then(sqlx::error::DatabaseError::code).as_deref() == Some("26")
}

/// Whether the file is there. What is no address is for [`prepare`] to say.
pub(super) fn is_there(url: &str) -> bool {
    let options = SqliteConnectOptions::from_str(url);
    options.map_or(true, |options| in_memory(url) || options.get_filename().exists())
}

fn in_memory(url: &str) -> bool {
    url.contains(":memory:") || url.contains("mode=memory")
}

fn make_folder(file: &Path) -> Result<(), DatabaseError> {
    let Some(folder) = file.parent() else { return Ok(()) };
    // For its owner alone: there are people's names in it, and the keys beside it.
    DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(|error| {
        DatabaseError::Unusable { place: folder.display().to_string(), reason: error.to_string() }
    })
}

#[cfg(test)]
mod tests {
    use sqlx::SqlitePool;

    use super::*;
    use crate::database::Database;

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
        let rows: Vec<(String, String, String, String, String, i64)> = sqlx::query_as(
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
                row(["shop", "simulator", "alice", "Alice"], 0),
                row(["staff", "mini_program", "oBob", "Bob"], 1),
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
        let looked = Database::look(&format!("sqlite:{}", path.display())).await;
        assert_eq!(looked.expect_err("refused").to_string(), refused);
    }
}
