//! Databases of each kind, new and empty, for stories that hold on all of them.

use futures_util::future::join_all;
use tempfile::TempDir;

use super::Database;
use postgres::Postgres;

// The server that other tests use, too.
#[path = "../../tests/support/postgres.rs"]
pub(crate) mod postgres;

/// Where a database is to be.
pub(crate) struct Place {
    pub(crate) url: String,
    /// How an error names it.
    pub(crate) shown: &'static str,
    _folder: Option<TempDir>,
}

/// A place of each kind: a file, and a database of a server.
pub(crate) fn places() -> [Place; 2] {
    let folder = tempfile::tempdir().expect("a folder");
    let url = format!("sqlite:{}", folder.path().join("saoma.db").display());
    let file = Place { url, shown: "saoma.db", _folder: Some(folder) };
    let url = Postgres::shared().new_database();
    [file, Place { url, shown: "PostgreSQL at ", _folder: None }]
}

/// A database of each kind that is open. One in memory does for what no two do at once.
pub(crate) async fn databases() -> [Database; 2] {
    let server = Postgres::shared().new_database();
    let open = async |url: &str| Database::open(url).await.expect("open");
    [open("sqlite::memory:").await, open(&server).await]
}

/// Opens one with all its connections made, so that who comes at once is at work at once.
pub(crate) async fn open(url: &str) -> Database {
    let database = Database::open(url).await.expect("open");
    let most = database.pool().options().get_max_connections();
    let all = join_all((0..most).map(|_| database.pool().acquire())).await;
    assert!(all.iter().all(Result::is_ok), "connected");
    drop(all);
    database
}
