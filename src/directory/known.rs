//! Known: whoever is in the database is registered.

use async_trait::async_trait;
use uuid::Builder;

use super::answer;
use super::users::{Row, Users, blocked};
use crate::clock::Clock;
use crate::database::Database;
use crate::entropy::Entropy;
use crate::login::ports::{Cause, Directory, Identity, PortError, Registration, User};

/// The users of one group who have signed up.
#[derive(Clone, Debug)]
pub struct Known {
    users: Users,
    entropy: Entropy,
}

impl Known {
    /// The users of a group in a database that is open.
    #[must_use]
    pub fn new(database: Database, group: String, clock: Clock, entropy: Entropy) -> Self {
        Self { users: Users::new(database, group, clock), entropy }
    }
}

#[async_trait]
impl Directory for Known {
    async fn find(&self, identity: &Identity, _: &Cause<'_>) -> Result<Option<User>, PortError> {
        let row = answer(self.users.find(identity)).await?;
        Ok(row.and_then(|row| row.user(identity)))
    }

    async fn register(
        &self,
        identity: &Identity,
        _: &Cause<'_>,
        says: &Registration,
    ) -> Result<User, PortError> {
        let new = Row {
            id: Builder::from_random_bytes(self.entropy.bytes()).into_uuid().to_string(),
            name: says.name.clone(),
            avatar_url: identity.avatar_url.clone(),
            blocked: false,
        };
        let row = answer(self.users.find_or_make(identity, new)).await?;
        row.user(identity).ok_or_else(blocked)
    }

    async fn still_has(&self, user: &str) -> Result<bool, PortError> {
        answer(self.users.has(user)).await
    }
}

#[cfg(test)]
mod tests {
    use crate::clock::Timestamp;

    use super::*;
    use crate::database::databases::{databases, open, places};
    use crate::directory::CAUSE;
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
        for database in databases().await {
            let known = known(&database, "default");
            assert_eq!(known.find(&alice(), &CAUSE).await, Ok(None));

            let user =
                known.register(&alice(), &CAUSE, &says("Alice L.")).await.expect("registered");
            assert_eq!((user.name.as_str(), user.provider.as_str()), ("Alice L.", "simulator"));
            assert_eq!(user.avatar_url, alice().avatar_url);
            assert_eq!(known.find(&alice(), &CAUSE).await, Ok(Some(user.clone())));
            // Again, by another name: answered as they are.
            assert_eq!(known.register(&alice(), &CAUSE, &says("Mallory")).await, Ok(user));
        }
    }

    #[tokio::test]
    async fn whoever_has_signed_up_one_way_is_known_by_the_others() {
        for database in databases().await {
            let known = known(&database, "default");
            let by = |provider: &str| Identity {
                provider: provider.to_owned(),
                account: Some("wx1".to_owned()),
                union: Some("u".to_owned()),
                ..alice()
            };
            assert_eq!(known.find(&by("mini_program"), &CAUSE).await, Ok(None));
            let user = known
                .register(&by("mini_program"), &CAUSE, &says("Alice"))
                .await
                .expect("registered");
            let web = User { provider: "open_platform".to_owned(), ..user.clone() };
            assert_eq!(
                known.register(&by("open_platform"), &CAUSE, &says("Mallory")).await,
                Ok(web.clone())
            );
            assert_eq!(known.find(&by("open_platform"), &CAUSE).await, Ok(Some(web)));
            // By a way that has never been seen, and is told no union.
            let stranger = Identity { union: None, ..by("official_account") };
            assert_eq!(known.find(&stranger, &CAUSE).await, Ok(None));
        }
    }

    #[tokio::test]
    async fn each_namespace_has_its_own_users() {
        for database in databases().await {
            let shop = known(&database, "shop").register(&alice(), &CAUSE, &says("Alice")).await;
            assert_eq!(known(&database, "staff").find(&alice(), &CAUSE).await, Ok(None));
            let staff = known(&database, "staff").register(&alice(), &CAUSE, &says("Alice")).await;
            assert_ne!(shop.expect("registered").id, staff.expect("registered").id);
        }
    }

    #[tokio::test]
    async fn somebody_blocked_is_unknown_and_may_not_come_back() {
        for database in databases().await {
            let known = known(&database, "default");
            known.register(&alice(), &CAUSE, &says("Alice")).await.expect("registered");
            sqlx::query("UPDATE users SET blocked = 1")
                .execute(database.pool())
                .await
                .expect("blocked");
            assert_eq!(known.find(&alice(), &CAUSE).await, Ok(None));
            let again = known.register(&alice(), &CAUSE, &says("Alice")).await;
            assert!(again.is_err_and(|error| error.fault == Fault::Refused));
        }
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn many_registrations_at_once_make_one_user() {
        for place in places() {
            let database = open(&place.url).await;
            let calls: Vec<_> = (0..16)
                .map(|at| {
                    let known = known(&database, "default");
                    tokio::spawn(async move {
                        known.register(&alice(), &CAUSE, &says(&at.to_string())).await
                    })
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
    }

    #[tokio::test]
    async fn a_database_that_is_gone_is_unavailable_and_says_no_sql() {
        for database in databases().await {
            let known = known(&database, "default");
            sqlx::query("DROP TABLE identities").execute(database.pool()).await.expect("dropped");
            let broken = known.find(&alice(), &CAUSE).await;
            database.close().await;
            let closed = known.register(&alice(), &CAUSE, &says("Alice")).await;
            let expected = PortError::unavailable("the directory cannot be reached");
            assert_eq!((broken, closed), (Err(expected.clone()), Err(expected)));
        }
    }
}
