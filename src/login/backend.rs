//! The backend's side: services that hold one of a namespace's API keys.

use std::sync::Arc;

use serde_json::value::RawValue;

use super::machine::{Command, From};
use super::namespace::Namespace;
use super::ports::Listed;
use super::secret::{self, Bearer};
use super::service::{Current, Login, LoginError, Token};
use super::session::{Session, SessionId};
use crate::trace;

/// A service that has shown an API key.
#[derive(Clone)]
pub struct Backend {
    pub(super) namespace: Arc<Namespace>,
}

impl Login {
    /// Lets a service in by its API key.
    ///
    /// # Errors
    /// [`LoginError::Unauthorized`]
    pub fn backend(&self, key: &Bearer) -> Result<Backend, LoginError> {
        // Every namespace is asked, so that the time does not tell which one it was.
        let holder = self.namespaces.values().filter(|namespace| namespace.holds_key(key)).last();
        let wrong = LoginError::Unauthorized("the API key is not known");
        holder.map(|namespace| Backend { namespace: Arc::clone(namespace) }).ok_or(wrong)
    }

    /// Exchanges a ticket of the service's namespace for a token, once.
    ///
    /// # Errors
    /// The ticket is wrong, old or used.
    pub async fn redeem_ticket(
        &self,
        backend: &Backend,
        ticket: &Bearer,
    ) -> Result<Token, LoginError> {
        let redeemed = self.exchange_own(backend, ticket).await;
        self.count_ticket(&backend.namespace, &redeemed);
        redeemed
    }

    async fn exchange_own(&self, backend: &Backend, ticket: &Bearer) -> Result<Token, LoginError> {
        let wrong = || super::machine::Refusal::WrongTicket.into();
        let id = secret::ticket_session(ticket.as_str()).ok_or_else(wrong)?;
        let exchanged = match self.own(backend, id).await {
            Ok(_) => self.exchange(id, ticket).await,
            Err(error) => Err(error),
        };
        exchanged.map_err(|error| match error {
            LoginError::NotFound(_) => wrong(),
            error => error,
        })
    }

    /// Says something to both ends of a session; the number of the event.
    ///
    /// # Errors
    /// No such session in the service's namespace, it has ended, or too much was said.
    pub async fn service_says(
        &self,
        backend: &Backend,
        id: SessionId,
        body: &RawValue,
    ) -> Result<u64, LoginError> {
        self.own(backend, id).await?;
        self.say(id, From::Service, body).await
    }

    /// Refuses a login; the number of the event.
    ///
    /// # Errors
    /// No such session in the service's namespace, or it is past refusing.
    pub async fn service_rejects(
        &self,
        backend: &Backend,
        id: SessionId,
        reason: Option<String>,
    ) -> Result<u64, LoginError> {
        self.own(backend, id).await?;
        let reject = |_: &Session| Ok(Command::Reject { reason: reason.clone() });
        Ok(self.run(id, reject).await?.cursor)
    }

    /// The code of a number, in the service's namespace.
    ///
    /// # Errors
    /// There is none, or nobody can tell.
    pub async fn code(&self, backend: &Backend, number: u64) -> Result<Listed, LoginError> {
        Self::code_of(&backend.namespace, number).await
    }

    /// The code of a number, in the namespace of that name.
    ///
    /// # Errors
    /// As [`Self::code`], or there is no such namespace.
    pub async fn code_in(&self, namespace: &str, number: u64) -> Result<Listed, LoginError> {
        Self::code_of(self.namespace(namespace)?, number).await
    }

    async fn code_of(namespace: &Namespace, number: u64) -> Result<Listed, LoginError> {
        namespace.numbering.look_up(number).await?.ok_or(LoginError::NotFound("code"))
    }

    async fn own(&self, backend: &Backend, id: SessionId) -> Result<Session, LoginError> {
        trace::about(id.0);
        let Current { session, .. } = self.load(id).await?;
        if *session.namespace == *backend.namespace.name {
            Ok(session)
        } else {
            Err(LoginError::NotFound("session"))
        }
    }
}
