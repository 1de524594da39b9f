//! Known: whoever is in the database is registered.

use async_trait::async_trait;
use sqlx::{Executor, Sqlite};
use uuid::Builder;

use super::database::{Database, unavailable};
use crate::clock::Clock;
use crate::entropy::Entropy;
use crate::login::ports::{Directory, Identity, PortError, Registration, User};

/// The users of one namespace.
#[derive(Clone, Debug)]
pub struct Known {
    database: Database,
    namespace: String,
    clock: Clock,
    entropy: Entropy,
}

/// A user as the database has them.
#[derive(sqlx::FromRow)]
struct Row {
    id: String,
    name: String,
    avatar_url: Option<String>,
    blocked: bool,
}

impl Row {
    fn user(self, identity: &Identity) -> User {
        let provider = identity.provider.clone();
        User { id: self.id, name: self.name, avatar_url: self.avatar_url, provider }
    }
}

impl Known {
    /// The users of a namespace in a database that is open.
    #[must_use]
    pub fn new(database: Database, namespace: String, clock: Clock, entropy: Entropy) -> Self {
        Self { database, namespace, clock, entropy }
    }

    /// The user of an identity, blocked or not.
    async fn row<'c>(
        &self,
        from: impl Executor<'c, Database = Sqlite>,
        identity: &Identity,
    ) -> Result<Option<Row>, sqlx::Error> {
        sqlx::query_as(
            "SELECT users.id, users.name, users.avatar_url, users.blocked
             FROM identities JOIN users ON users.id = identities.user_id
             WHERE identities.namespace = ? AND provider = ? AND subject = ?",
        )
        .bind(&self.namespace)
        .bind(&identity.provider)
        .bind(&identity.subject)
        .fetch_optional(from)
        .await
    }

    /// The user of an identity, made if there is none.
    async fn row_or_new(&self, identity: &Identity, name: &str) -> Result<Row, sqlx::Error> {
        // Writers stand in line from the start: one that read first and wrote later would fail
        // when another came between.
        let mut tx = self.database.pool().begin_with("BEGIN IMMEDIATE").await?;
        if let Some(row) = self.row(&mut *tx, identity).await? {
            return Ok(row);
        }
        let row = Row {
            id: Builder::from_random_bytes(self.entropy.bytes()).into_uuid().to_string(),
            name: name.to_owned(),
            avatar_url: identity.avatar_url.clone(),
            blocked: false,
        };
        sqlx::query(
            "INSERT INTO users (id, namespace, name, avatar_url, created_at)
             VALUES (?, ?, ?, ?, ?)",
        )
        .bind(&row.id)
        .bind(&self.namespace)
        .bind(&row.name)
        .bind(&row.avatar_url)
        .bind(i64::try_from(self.clock.now().0).unwrap_or(i64::MAX))
        .execute(&mut *tx)
        .await?;
        sqlx::query(
            "INSERT INTO identities (namespace, provider, subject, user_id) VALUES (?, ?, ?, ?)",
        )
        .bind(&self.namespace)
        .bind(&identity.provider)
        .bind(&identity.subject)
        .bind(&row.id)
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(row)
    }
}

#[async_trait]
impl Directory for Known {
    async fn find(&self, identity: &Identity) -> Result<Option<User>, PortError> {
        let row = self.row(self.database.pool(), identity).await.map_err(|it| unavailable(&it))?;
        Ok(row.filter(|row| !row.blocked).map(|row| row.user(identity)))
    }

    async fn register(&self, identity: &Identity, says: &Registration) -> Result<User, PortError> {
        let row = self.row_or_new(identity, &says.name).await.map_err(|it| unavailable(&it))?;
        if row.blocked {
            return Err(PortError::refused("this user may not register"));
        }
        Ok(row.user(identity))
    }
}

#[cfg(test)]
mod tests {
    use crate::clock::Timestamp;

    use super::*;
    use crate::login::ports::Fault;

    fn known(database: &Database, namespace: &str) -> Known {
        let clock = Clock::starting_at(Timestamp(1_000));
        Known::new(database.clone(), namespace.to_owned(), clock, Entropy::system())
    }

    fn alice() -> Identity {
        Identity {
            provider: "simulator".to_owned(),
            subject: "alice".to_owned(),
            account: None,
            union: None,
            name: Some("Alice".to_owned()),
            avatar_url: Some("https://a.example/alice.png".to_owned()),
        }
    }

    fn says(name: &str) -> Registration {
        Registration { name: name.to_owned() }
    }

    #[tokio::test]
    async fn nobody_is_known_until_they_register_and_then_for_good() {
        let database = Database::open("sqlite::memory:").await.expect("open");
        let known = known(&database, "default");
        assert_eq!(known.find(&alice()).await, Ok(None));

        let user = known.register(&alice(), &says("Alice L.")).await.expect("registered");
        assert_eq!((user.name.as_str(), user.provider.as_str()), ("Alice L.", "simulator"));
        assert_eq!(user.avatar_url, alice().avatar_url);
        assert_eq!(known.find(&alice()).await, Ok(Some(user.clone())));
        // Again, by another name: answered as they are.
        assert_eq!(known.register(&alice(), &says("Mallory")).await, Ok(user));
    }

    #[tokio::test]
    async fn each_namespace_has_its_own_users() {
        let database = Database::open("sqlite::memory:").await.expect("open");
        let shop = known(&database, "shop").register(&alice(), &says("Alice")).await;
        assert_eq!(known(&database, "staff").find(&alice()).await, Ok(None));
        let staff = known(&database, "staff").register(&alice(), &says("Alice")).await;
        assert_ne!(shop.expect("registered").id, staff.expect("registered").id);
    }

    #[tokio::test]
    async fn somebody_blocked_is_unknown_and_may_not_come_back() {
        let database = Database::open("sqlite::memory:").await.expect("open");
        let known = known(&database, "default");
        known.register(&alice(), &says("Alice")).await.expect("registered");
        sqlx::query("UPDATE users SET blocked = 1")
            .execute(database.pool())
            .await
            .expect("blocked");
        assert_eq!(known.find(&alice()).await, Ok(None));
        let again = known.register(&alice(), &says("Alice")).await;
        assert!(again.is_err_and(|error| error.fault == Fault::Refused));
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn many_registrations_at_once_make_one_user() {
        let folder = tempfile::tempdir().expect("a folder");
        let url = format!("sqlite:{}", folder.path().join("saoma.db").display());
        let database = Database::open(&url).await.expect("open");
        let calls: Vec<_> = (0..16)
            .map(|at| {
                let known = known(&database, "default");
                tokio::spawn(async move { known.register(&alice(), &says(&at.to_string())).await })
            })
            .collect();
        let mut users = Vec::new();
        for call in calls {
            users.push(call.await.expect("ran").expect("registered"));
        }
        assert!(users.iter().all(|user| *user == users[0]));
        let count: i64 = sqlx::query_scalar("SELECT count(*) FROM users")
            .fetch_one(database.pool())
            .await
            .expect("counted");
        assert_eq!(count, 1);
        database.close().await;
    }

    #[tokio::test]
    async fn a_database_that_is_gone_is_unavailable_and_says_no_sql() {
        let database = Database::open("sqlite::memory:").await.expect("open");
        let known = known(&database, "default");
        sqlx::query("DROP TABLE identities").execute(database.pool()).await.expect("dropped");
        let broken = known.find(&alice()).await;
        database.close().await;
        let closed = known.register(&alice(), &says("Alice")).await;
        let expected = PortError::unavailable("the directory cannot be reached");
        assert_eq!((broken, closed), (Err(expected.clone()), Err(expected)));
    }
}
