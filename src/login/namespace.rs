//! A namespace: the rules under which its sessions are held.

use std::sync::Arc;
use std::time::Duration;

use super::ports::{Directory, Numbering, Provider};
use super::secret::{Bearer, Digest};
use super::visitor::Named;
use crate::origin::Origin;

/// One namespace's rules and the rooms that serve it.
pub struct Namespace {
    /// Its name: the audience of its tokens unless `audience` says otherwise.
    pub name: String,
    /// Who makes its codes and tells who scans them.
    pub provider: Arc<dyn Provider>,
    /// Which codes its sessions get.
    pub numbering: Arc<dyn Numbering>,
    /// Who knows its users.
    pub directory: Arc<dyn Directory>,
    /// The name by which it shares its users.
    pub users: String,
    /// How long a login may take.
    pub session_ttl: Duration,
    /// How long a session with messages goes on after its confirmation.
    pub messages_ttl: Duration,
    /// How long after the confirmation a ticket is good.
    pub ticket_ttl: Duration,
    /// Whether the person types the number that the browser shows.
    pub match_number: bool,
    /// Whether who is unknown may sign up from the phone.
    pub sign_up: bool,
    /// Whether a code that reached the phone as a picture is refused.
    pub refuse_relayed: bool,
    /// The digests of the API keys of its backends.
    pub api_keys: Vec<Digest>,
    /// The `aud` of its tokens.
    pub audience: String,
    /// The origins, other than the server's own, whose pages may log people in here.
    pub origins: Vec<Origin>,
}

impl Namespace {
    /// Whether pages of this origin are welcome.
    #[must_use]
    pub fn lists(&self, named: &Named) -> bool {
        self.origins.iter().any(|origin| *origin.as_str() == *named.0)
    }

    /// Whether the key is one of this namespace's.
    #[must_use]
    pub fn holds_key(&self, key: &Bearer) -> bool {
        let key = key.digest();
        // No early way out: the time must not tell which one matched.
        self.api_keys.iter().fold(false, |found, kept| kept.is(&key) | found)
    }
}
