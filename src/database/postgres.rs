//! A database of a PostgreSQL server, which instances on several machines may share.

use std::str::FromStr;
use std::time::Duration;

use sqlx::any::AnyPoolOptions;
use sqlx::migrate::Migrator;
use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions, Connection};
use tokio::time::timeout;

use super::{DatabaseError, Engine, IDLE, PATIENCE, unusable};

static MIGRATIONS: Migrator = sqlx::migrate!("./migrations/postgres");

/// Writers wait for a lock that is nobody else's and goes with the transaction; one on a table
/// would be in the way of the server's own upkeep. What a writer reads then is what the one before
/// it wrote, whatever the server's own level of isolation.
const ALONE: &str = "BEGIN ISOLATION LEVEL READ COMMITTED;
    SET LOCAL lock_timeout = '5s';
    SET LOCAL client_min_messages = 'warning';
    SELECT pg_advisory_xact_lock(8245922571083041)";

/// What an address may say after its `?`. Of anything else the driver would log name and value.
const PARAMETERS: [&str; 10] = [
    "application_name",
    "dbname",
    "host",
    "options",
    "password",
    "port",
    "sslcert",
    "sslkey",
    "sslmode",
    "sslrootcert",
];

/// How long a connection is used, so that a server that was replaced is left.
const LIFETIME: Duration = Duration::from_secs(1800);

/// Sees whether the server lets us in: a pool would ask again and again, and not say why.
pub(super) async fn prepare(url: &str) -> Result<Engine, DatabaseError> {
    let parameters = url.split_once('?').map_or("", |(_, parameters)| parameters);
    if !form_urlencoded::parse(parameters.as_bytes()).all(|(key, _)| PARAMETERS.contains(&&*key)) {
        return Err(DatabaseError::Parameter { known: PARAMETERS.join(", ") });
    }
    let options = PgConnectOptions::from_str(url).map_err(|_| DatabaseError::Address)?;
    let place = place(&options);
    let Ok(first) = timeout(PATIENCE, options.connect()).await else {
        let reason = format!("no answer within {} s", PATIENCE.as_secs());
        return Err(DatabaseError::Unusable { place, reason });
    };
    first.map_err(|error| unusable(&place, &error))?.close().await.ok();
    let pool = AnyPoolOptions::new().max_connections(8).idle_timeout(IDLE).max_lifetime(LIFETIME);
    Ok(Engine {
        url: url.to_owned(),
        place,
        pool,
        migrations: &MIGRATIONS,
        alone: ALONE,
        skip_locked: "FOR UPDATE SKIP LOCKED",
    })
}

/// Where it is, without who we are there.
fn place(options: &PgConnectOptions) -> String {
    let database = options.get_database().unwrap_or_else(|| options.get_username());
    match options.get_socket() {
        Some(socket) => format!("PostgreSQL at {}, {database}", socket.display()),
        None => {
            format!("PostgreSQL at {}:{}, {database}", options.get_host(), options.get_port())
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::future::join_all;

    use super::super::LONGEST;
    use crate::clock::{Clock, Timestamp};
    use crate::database::Database;
    use crate::database::databases::open;
    use crate::database::databases::postgres::{PASSWORD, Postgres};
    use crate::directory::{CAUSE, Known};
    use crate::entropy::Entropy;
    use crate::login::ports::{Directory, Identity, PortError, Registration};

    fn known(database: &Database) -> Known {
        let clock = Clock::starting_at(Timestamp(1_000));
        Known::new(database.clone(), "default".to_owned(), clock, Entropy::system())
    }

    fn alice() -> Identity {
        Identity {
            provider: "simulator".to_owned(),
            subject: "alice".to_owned(),
            account: None,
            union: None,
            name: None,
            avatar_url: None,
        }
    }

    fn says() -> Registration {
        Registration { name: "Alice".to_owned() }
    }

    async fn refused(url: &str) -> String {
        let refused = Database::open(url).await.expect_err("refused").to_string();
        assert!(!refused.contains(PASSWORD) && !refused.contains("wrong"), "{refused}");
        refused
    }

    #[tokio::test]
    async fn who_is_not_let_in_is_told_why_and_no_password() {
        let server = Postgres::shared();
        for (user, password, database, expected) in [
            ("saoma", "wrong", "postgres", ", postgres: password authentication failed"),
            ("nobody", PASSWORD, "postgres", ", postgres: password authentication failed"),
            ("saoma", PASSWORD, "none", ", none: database \"none\" does not exist"),
        ] {
            let refused = refused(&server.url(user, password, database)).await;
            assert!(refused.starts_with("PostgreSQL at /"), "{refused}");
            assert!(refused.contains(expected), "{refused}");
        }
    }

    #[tokio::test]
    async fn a_server_that_is_not_there_is_named() {
        let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = free.local_addr().expect("an address");
        drop(free);
        let refused = refused(&format!("postgres://a:{PASSWORD}@{address}/users")).await;
        let expected = format!("PostgreSQL at {address}, users: ");
        assert!(refused.starts_with(&expected) && refused.contains("refused"), "{refused}");
    }

    #[tokio::test]
    async fn a_server_that_goes_away_is_unavailable_and_comes_back_by_itself() {
        let server = Postgres::start();
        let database = Database::open(&server.new_database()).await.expect("open");
        let known = known(&database);
        let user = known.register(&alice(), &CAUSE, &says()).await.expect("registered");
        for _ in 0..2 {
            server.stops();
            let gone = PortError::unavailable("the directory cannot be reached");
            assert_eq!(known.find(&alice(), &CAUSE).await, Err(gone.clone()));
            assert_eq!(known.register(&alice(), &CAUSE, &says()).await, Err(gone));
            server.starts_again();
            assert_eq!(known.find(&alice(), &CAUSE).await, Ok(Some(user.clone())));
        }
        database.close().await;
    }

    #[tokio::test]
    async fn a_server_that_gives_no_answer_is_unavailable_until_it_does() {
        let database = Database::open(&Postgres::shared().new_database()).await.expect("open");
        let known = known(&database);
        let mut upkeep = database.pool().begin().await.expect("begun");
        let lock = sqlx::query("LOCK TABLE users IN ACCESS EXCLUSIVE MODE");
        lock.execute(&mut *upkeep).await.expect("locked");
        let asking = known.clone();
        let asked = tokio::spawn(async move { asking.find(&alice(), &CAUSE).await });
        let waiting =
            "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'users'::regclass";
        while sqlx::query_scalar::<_, i64>(waiting).fetch_one(&mut *upkeep).await.expect("counted")
            == 0
        {}
        tokio::time::pause();
        tokio::time::advance(LONGEST).await;
        tokio::time::resume();
        let gone = PortError::unavailable("the directory cannot be reached");
        assert_eq!(asked.await.expect("ran"), Err(gone));
        upkeep.rollback().await.expect("unlocked");
        assert_eq!(known.find(&alice(), &CAUSE).await, Ok(None));
        database.close().await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_level_of_isolation_that_the_server_prefers_changes_nothing() {
        let server = Postgres::shared();
        let url = server.new_database();
        let name = url.split(['/', '?']).nth(3).expect("a name");
        let prefers = "SET default_transaction_isolation = 'serializable'";
        server.runs_sql(&format!("ALTER DATABASE {name} {prefers}"));
        let database = open(&url).await;
        let calls = (0..16).map(|_| {
            let known = known(&database);
            tokio::spawn(async move { known.register(&alice(), &CAUSE, &says()).await })
        });
        for user in join_all(calls.collect::<Vec<_>>()).await {
            assert!(user.is_ok_and(|user| user.is_ok()));
        }
        database.close().await;
    }

    #[tokio::test]
    async fn who_may_make_no_tables_is_told_so() {
        let server = Postgres::shared();
        let url = server.new_database();
        server.runs_sql(&format!("CREATE ROLE reader LOGIN PASSWORD '{PASSWORD}'"));
        let refused = refused(&url.replace("//saoma:", "//reader:")).await;
        assert!(refused.contains("permission denied for schema public"), "{refused}");
    }
}
