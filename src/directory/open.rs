//! Open: whoever scans is registered. `Open` keeps nothing; `OpenKept` writes down who came, so
//! that one person over several ways is one user.

use async_trait::async_trait;
use uuid::{Uuid, uuid};

use super::answer;
use super::users::{Row, Users, blocked};
use crate::clock::Clock;
use crate::database::Database;
use crate::login::ports::{Cause, Directory, Identity, PortError, Registration, User};

/// What the ids of open users are made in. To change it would make everybody somebody else.
const USERS: Uuid = uuid!("5b1f2a86-6d0c-4b8e-9a4e-1d6f3c7a9e02");

/// The name of somebody whose provider gave none.
const NAMELESS: &str = "WeChat user";

/// The group of the namespaces that name none. No namespace can be called so.
pub const ALL: &str = "*";

/// Everybody is registered; the id follows from who the provider says they are.
#[derive(Clone, Copy, Debug, Default)]
pub struct Open;

#[async_trait]
impl Directory for Open {
    async fn find(&self, identity: &Identity, _: &Cause<'_>) -> Result<Option<User>, PortError> {
        Ok(Some(at_first_sight(identity)))
    }

    async fn register(
        &self,
        identity: &Identity,
        _: &Cause<'_>,
        _: &Registration,
    ) -> Result<User, PortError> {
        Ok(at_first_sight(identity))
    }
}

/// Who somebody is at first sight, where no group has users of its own.
pub(super) fn at_first_sight(identity: &Identity) -> User {
    user(&USERS, identity)
}

/// Who somebody is at first sight.
fn user(ids: &Uuid, identity: &Identity) -> User {
    User {
        id: id(ids, identity),
        name: identity.name.clone().unwrap_or_else(|| NAMELESS.to_owned()),
        avatar_url: identity.avatar_url.clone(),
        provider: identity.provider.clone(),
        claims: None,
    }
}

fn id(ids: &Uuid, identity: &Identity) -> String {
    let Identity { provider, account, subject, union, .. } = identity;
    // No provider is called `union`, one has accounts or has none, and neither name has a colon
    // in it: no two people share this text.
    let text = match (union, account) {
        (Some(union), _) => format!("union:{union}"),
        (None, Some(account)) => format!("{provider}:{account}:{subject}"),
        (None, None) => format!("{provider}:{subject}"),
    };
    Uuid::new_v5(ids, text.as_bytes()).to_string()
}

/// Everybody is registered when first seen, in a database. The id follows from who the provider
/// said they are then, so that a lost database changes as few as can be.
#[derive(Clone, Debug)]
pub struct OpenKept {
    users: Users,
    ids: Uuid,
}

impl OpenKept {
    /// The users of a group, or of all namespaces that name none, in a database that is open.
    #[must_use]
    pub fn new(database: Database, group: Option<&str>, clock: Clock) -> Self {
        // Who is in two groups is two users.
        let ids = group.map_or(USERS, |group| Uuid::new_v5(&USERS, group.as_bytes()));
        Self { users: Users::new(database, group.unwrap_or(ALL).to_owned(), clock), ids }
    }

    /// The user of an identity, as the provider shows them now; none if they are blocked.
    async fn user(&self, identity: &Identity) -> Result<Option<User>, sqlx::Error> {
        let User { id, name, avatar_url, .. } = user(&self.ids, identity);
        let new = Row { id, name, avatar_url, blocked: false };
        let row = self.users.find_or_make(identity, new).await?;
        let row = if row.blocked { row } else { self.users.renew(row, identity).await? };
        Ok(row.user(identity))
    }
}

#[async_trait]
impl Directory for OpenKept {
    async fn find(&self, identity: &Identity, _: &Cause<'_>) -> Result<Option<User>, PortError> {
        answer(self.user(identity)).await
    }

    async fn register(
        &self,
        identity: &Identity,
        cause: &Cause<'_>,
        _: &Registration,
    ) -> Result<User, PortError> {
        self.find(identity, cause).await?.ok_or_else(blocked)
    }

    async fn still_has(&self, user: &str) -> Result<bool, PortError> {
        answer(self.users.has(user)).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Timestamp;
    use crate::database::databases::databases;
    use crate::directory::CAUSE;
    use crate::login::ports::Fault;

    fn identity(subject: &str, name: Option<&str>) -> Identity {
        Identity {
            provider: "simulator".to_owned(),
            subject: subject.to_owned(),
            account: None,
            union: None,
            name: name.map(str::to_owned),
            avatar_url: None,
        }
    }

    async fn found(directory: &dyn Directory, identity: &Identity) -> User {
        directory.find(identity, &CAUSE).await.expect("an answer").expect("a user")
    }

    #[tokio::test]
    async fn whoever_scans_is_somebody_and_stays_the_same() {
        let alice = found(&Open, &identity("alice", Some("Alice"))).await;
        assert_eq!(alice, found(&Open, &identity("alice", Some("Alice"))).await);
        assert_ne!(alice.id, found(&Open, &identity("bob", Some("Alice"))).await.id);
        // Fixed for good: applications keep this id.
        assert_eq!(alice.id, "2a1f25ce-224b-5019-9532-4ffa4b76542c");
    }

    #[tokio::test]
    async fn somebody_without_a_name_has_one() {
        assert_eq!(found(&Open, &identity("alice", None)).await.name, "WeChat user");
    }

    #[tokio::test]
    async fn to_register_changes_nothing() {
        let alice = identity("alice", Some("Alice"));
        let says = Registration { name: "Mallory".to_owned() };
        let registered = Open.register(&alice, &CAUSE, &says).await.expect("registered");
        assert_eq!(registered, found(&Open, &alice).await);
    }

    fn kept(database: &Database, group: Option<&str>) -> OpenKept {
        OpenKept::new(database.clone(), group, Clock::starting_at(Timestamp(1_000)))
    }

    /// Wang, by one of WeChat's ways.
    fn wang(provider: &str, union: Option<&str>) -> Identity {
        Identity {
            provider: provider.to_owned(),
            account: Some(format!("wx-{provider}")),
            union: union.map(str::to_owned),
            ..identity(&format!("o-{provider}"), None)
        }
    }

    #[tokio::test]
    async fn one_person_over_three_ways_is_one_user() {
        for database in databases().await {
            let open = kept(&database, None);
            let user = found(&open, &wang("mini_program", Some("u"))).await;
            assert_eq!(user.provider, "mini_program");
            for provider in ["official_account", "open_platform"] {
                let again = found(&open, &wang(provider, Some("u"))).await;
                assert_eq!((again.id, again.provider.as_str()), (user.id.clone(), provider));
                // Known by now, also where the union is not told.
                assert_eq!(found(&open, &wang(provider, None)).await.id, user.id);
            }
        }
    }

    #[tokio::test]
    async fn without_a_union_each_account_has_users_of_its_own() {
        for database in databases().await {
            let open = kept(&database, None);
            let mini = found(&open, &wang("mini_program", None)).await;
            let web = found(&open, &wang("open_platform", None)).await;
            assert_ne!(mini.id, web.id);
            let other =
                Identity { account: Some("wx-another".to_owned()), ..wang("mini_program", None) };
            assert_ne!(found(&open, &other).await.id, mini.id);
        }
    }

    #[tokio::test]
    async fn a_lost_database_gives_everybody_the_id_they_had() {
        let by_union = wang("mini_program", Some("u"));
        let by_itself = wang("official_account", None);
        for database in [databases().await, databases().await].concat() {
            let open = kept(&database, None);
            // Fixed for good: applications keep these ids.
            let ids = [found(&open, &by_union).await.id, found(&open, &by_itself).await.id];
            assert_eq!(
                ids,
                ["16f99127-874b-5f54-9627-ec164c3fdc85", "3fa36721-e1a3-53fd-a030-c348da80548a",]
            );
        }
    }

    #[tokio::test]
    async fn an_id_that_is_there_without_its_identities_is_taken_up_again() {
        for database in databases().await {
            let open = kept(&database, None);
            let user = found(&open, &wang("mini_program", Some("u"))).await;
            for table in ["DELETE FROM identities", "DELETE FROM unions"] {
                sqlx::query(table).execute(database.pool()).await.expect("deleted");
            }
            assert_eq!(found(&open, &wang("open_platform", Some("u"))).await.id, user.id);
        }
    }

    #[tokio::test]
    async fn namespaces_share_their_users_by_the_name_of_the_group() {
        for database in databases().await {
            let wang = wang("mini_program", Some("u"));
            let of_all = found(&kept(&database, None), &wang).await;
            let of_shop = found(&kept(&database, Some("shop")), &wang).await;
            assert_ne!(of_all.id, of_shop.id);
            assert_eq!(found(&kept(&database, None), &wang).await, of_all);
            assert_eq!(found(&kept(&database, Some("shop")), &wang).await, of_shop);
        }
    }

    #[tokio::test]
    async fn the_provider_s_last_word_on_name_and_picture_holds() {
        for database in databases().await {
            let open = kept(&database, None);
            let nameless = wang("open_platform", Some("u"));
            assert_eq!(found(&open, &nameless).await.name, "WeChat user");
            for (name, avatar) in [("Wang", None), ("Wang Wei", Some("https://a.example/w.png"))] {
                let says = Identity {
                    name: Some(name.to_owned()),
                    avatar_url: avatar.map(str::to_owned),
                    ..nameless.clone()
                };
                let user = found(&open, &says).await;
                assert_eq!((user.name.as_str(), user.avatar_url.as_deref()), (name, avatar));
                // By a way that tells neither.
                let other = found(&open, &wang("mini_program", Some("u"))).await;
                assert_eq!((other.name, other.avatar_url), (user.name, user.avatar_url));
            }
        }
    }

    #[tokio::test]
    async fn somebody_blocked_is_nobody_whichever_way_they_come() {
        for database in databases().await {
            let open = kept(&database, None);
            found(&open, &wang("mini_program", Some("u"))).await;
            let block = sqlx::query("UPDATE users SET blocked = 1");
            block.execute(database.pool()).await.expect("blocked");
            for way in [wang("mini_program", None), wang("open_platform", Some("u"))] {
                assert_eq!(open.find(&way, &CAUSE).await, Ok(None));
                let says = Registration { name: "Wang".to_owned() };
                let refused = open.register(&way, &CAUSE, &says).await.expect_err("refused");
                assert_eq!(refused.fault, Fault::Refused);
            }
            // Also where the union is not told: the way is known by now.
            assert_eq!(open.find(&wang("open_platform", None), &CAUSE).await, Ok(None));
        }
    }
}
