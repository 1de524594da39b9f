//! Open: whoever scans is registered, and nothing is kept.

use async_trait::async_trait;
use uuid::{Uuid, uuid};

use crate::login::ports::{Directory, Identity, PortError, Registration, User};

/// What the ids of open users are made in. To change it would make everybody somebody else.
const USERS: Uuid = uuid!("5b1f2a86-6d0c-4b8e-9a4e-1d6f3c7a9e02");

/// The name of somebody whose provider gave none.
const NAMELESS: &str = "WeChat user";

/// Everybody is registered; the id follows from who the provider says they are.
#[derive(Clone, Copy, Debug, Default)]
pub struct Open;

#[async_trait]
impl Directory for Open {
    async fn find(&self, identity: &Identity) -> Result<Option<User>, PortError> {
        Ok(Some(user(identity)))
    }

    async fn register(&self, identity: &Identity, _: &Registration) -> Result<User, PortError> {
        Ok(user(identity))
    }
}

fn user(identity: &Identity) -> User {
    // A provider's name has no colon in it, so no two identities share this text.
    let text = format!("{}:{}", identity.provider, identity.subject);
    User {
        id: Uuid::new_v5(&USERS, text.as_bytes()).to_string(),
        name: identity.name.clone().unwrap_or_else(|| NAMELESS.to_owned()),
        avatar_url: identity.avatar_url.clone(),
        provider: identity.provider.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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

    async fn found(identity: &Identity) -> User {
        Open.find(identity).await.expect("an answer").expect("a user")
    }

    #[tokio::test]
    async fn whoever_scans_is_somebody_and_stays_the_same() {
        let alice = found(&identity("alice", Some("Alice"))).await;
        assert_eq!(alice, found(&identity("alice", Some("Alice"))).await);
        assert_ne!(alice.id, found(&identity("bob", Some("Alice"))).await.id);
        // Fixed for good: applications keep this id.
        assert_eq!(alice.id, "2a1f25ce-224b-5019-9532-4ffa4b76542c");
    }

    #[tokio::test]
    async fn somebody_without_a_name_has_one() {
        assert_eq!(found(&identity("alice", None)).await.name, "WeChat user");
    }

    #[tokio::test]
    async fn to_register_changes_nothing() {
        let alice = identity("alice", Some("Alice"));
        let says = Registration { name: "Mallory".to_owned() };
        let registered = Open.register(&alice, &says).await.expect("registered");
        assert_eq!(registered, found(&alice).await);
    }
}
