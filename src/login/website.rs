//! A browser that comes back from the provider's own page, where the person said yes or no.

use std::sync::Arc;

use super::machine::{Command, Refusal};
use super::phone::{Scanned, wrong_state};
use super::ports::Act;
use super::scene::Scene;
use super::secret::Bearer;
use super::service::{Current, Login, LoginError};
use super::session::SessionId;
use crate::stream::event::EventType;

/// With what a browser comes back.
#[derive(Clone, Debug)]
pub struct Return {
    /// The scene that the page was opened with.
    pub scene: Scene,
    /// The provider's word on who it was; none if they said no.
    pub code: Option<String>,
    /// What the browser knows itself by: the secret of the session that it opened.
    pub secret: Option<Bearer>,
}

impl Login {
    /// Lets a browser come back. Only the one that opened the session: somebody who is made to
    /// open another's page must not log that other one in (RFC 6749, section 10.12). Who it was is
    /// told; none if they refused.
    ///
    /// # Errors
    /// No such login, another browser, somebody else was first, or the provider cannot tell.
    pub async fn come_back(&self, name: &str, back: Return) -> Result<Option<Scanned>, LoginError> {
        let namespace = Arc::clone(self.namespace(name)?);
        let nowhere = LoginError::NotFound("page to come back from");
        let website = namespace.provider.website().ok_or(nowhere)?;
        let unknown = LoginError::NotFound("login");
        let key = self.topics.store.find(back.scene.as_str(), self.now()).await?;
        let Current { session, .. } = self.current(SessionId(key.ok_or(unknown)?)).await?;
        if *session.namespace != *namespace.name {
            return Err(LoginError::NotFound("login"));
        }
        if !back.secret.is_some_and(|secret| session.knows_browser(&secret.digest())) {
            let why = "this login was begun in another browser";
            return Err(LoginError::Forbidden("wrong_browser", why.to_owned()));
        }
        // An answered session is no reason to spend the code.
        if session.has_ended() || session.state_name() == EventType::Confirmed {
            return Err(wrong_state(&session));
        }
        let Some(code) = back.code else {
            self.run(session.id, |_| Ok(Command::Reject { reason: None })).await?;
            return Ok(None);
        };
        let identity = website.returned(&code).await?;
        let user = namespace.directory.find(&identity, &session.cause(Act::Scan)).await?;
        let scanned = self.claim(session.id, &namespace, identity, user).await?;
        // The provider's page has asked them on their phone.
        match self.confirm(&scanned.pass(&namespace), None).await {
            // They can still sign up.
            Ok(()) | Err(LoginError::Refused(Refusal::Unregistered)) => Ok(Some(scanned)),
            Err(error) => Err(error),
        }
    }
}
