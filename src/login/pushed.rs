//! What a provider's servers push: somebody scanned. They are answered at once; what has to be done
//! is done behind, and tried again where it may work in a moment.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;
use tracing::Instrument as _;

use super::machine::Refusal;
use super::namespace::Namespace;
use super::ports::{Act, Fault, Heard, Identity, Note, PortError, Pushed, Pushes, REFUSED};
use super::scene::Scene;
use super::service::{Current, Login, LoginError};
use super::session::SessionId;
use crate::stream::event::EventType;

/// How long the browser may wait for what the provider knows of who scanned.
const MOMENT: Duration = Duration::from_secs(2);
/// The pauses before another try, in seconds: a store that is started anew is back by then.
const PAUSES: [u64; 4] = [1, 2, 4, 8];

impl Login {
    /// Hears a call of the servers of a namespace's provider; what to answer. What it tells is done
    /// after that, whatever becomes of it.
    ///
    /// # Errors
    /// There is no such namespace, its provider pushes nothing, or the call is not the provider's.
    pub fn hear(self: &Arc<Self>, name: &str, pushed: &Pushed) -> Result<String, LoginError> {
        let namespace = Arc::clone(self.namespace(name)?);
        let nobody = LoginError::NotFound("account that is told of scans");
        let Heard { answer, scan } = namespace.provider.pushes().ok_or(nobody)?.hear(pushed)?;
        if let Some((scene, identity)) = scan {
            let login = Arc::clone(self);
            let telling = async move { login.tell_of_scan(&namespace, &scene, identity).await };
            tokio::spawn(telling.in_current_span());
        }
        Ok(answer)
    }

    async fn tell_of_scan(&self, heard_by: &Namespace, scene: &Scene, identity: Identity) {
        let Some(pushes) = heard_by.provider.pushes() else { return };
        let mut patience = Patience::default();
        let reason;
        let note = loop {
            match self.scan_told(pushes, scene, &identity).await {
                Err(error) if patience.rest_after(&error).await => {}
                Ok(Some(note)) => break note,
                Ok(None) => return,
                // Another use of the account, or a code from long ago.
                Err(LoginError::NotFound(_)) => return tracing::info!("push.unknown_scene"),
                Err(LoginError::Forbidden(REFUSED, told)) => {
                    reason = told;
                    break Note::Refused(&reason);
                }
                Err(error) => return tracing::warn!(%error, "push.not_done"),
            }
        };
        while let Err(error) = pushes.write(&identity, note).await.map_err(LoginError::from) {
            if !patience.rest_after(&error).await {
                return tracing::warn!(%error, "push.not_written");
            }
        }
    }

    /// Takes a scan as the phone's own, and their yes as well where a scan is one. What to write to
    /// who scanned, if anything.
    async fn scan_told<'a>(
        &self,
        pushes: &dyn Pushes,
        scene: &'a Scene,
        identity: &Identity,
    ) -> Result<Option<Note<'a>>, LoginError> {
        let unknown = LoginError::NotFound("scene");
        let key = self.topics.store.find(scene.as_str(), self.now()).await?;
        let Current { session, .. } = self.current(SessionId(key.ok_or(unknown)?)).await?;
        let namespace = self.namespace(&session.namespace)?;
        let theirs = namespace.provider.pushes();
        let theirs = theirs.filter(|theirs| theirs.account() == pushes.account());
        let confirms = theirs.ok_or(LoginError::NotFound("scene"))?.scan_confirms();
        let known = timeout(MOMENT, pushes.look_up(identity.clone())).await;
        let (identity, user) = match known {
            Ok(Ok(identity)) => {
                let cause = session.cause(Act::Scan);
                let user = namespace.directory.find(&identity, &cause).await?;
                (identity, user)
            }
            // The browser is told at once; who it is can be asked again when they open the link.
            _ if !confirms => (identity.clone(), None),
            Ok(Err(error)) => return Err(error.into()),
            Err(_) => return Err(PortError::slow("the provider does not answer in time").into()),
        };
        let done = match self.claim(session.id, namespace, identity, user).await {
            Ok(scanned) if confirms => {
                let confirmed = self.confirm(&scanned.pass(namespace), None).await;
                confirmed.map(|()| Note::LoggedIn).or_else(|error| match error {
                    // The link leads to where they can sign up.
                    LoginError::Refused(Refusal::Unregistered) => {
                        Ok(Note::Confirm(scene, scanned.session.expires_at))
                    }
                    error => Err(error),
                })
            }
            Ok(scanned) => Ok(Note::Confirm(scene, scanned.session.expires_at)),
            Err(error) => Err(error),
        };
        match done {
            Ok(note) => Ok(Some(note)),
            // Told again, at another instance.
            Err(LoginError::Refused(Refusal::WrongState(EventType::Confirmed))) => Ok(None),
            Err(LoginError::Refused(_)) => Ok(Some(Note::Over)),
            Err(error) => Err(error),
        }
    }
}

/// How often something is tried again.
#[derive(Default)]
struct Patience {
    tries: usize,
}

impl Patience {
    /// Rests, if the same may succeed after it and has not been tried too often; whether to try.
    async fn rest_after(&mut self, error: &LoginError) -> bool {
        let Some(pause) = PAUSES.get(self.tries).filter(|_| passes(error)) else { return false };
        self.tries += 1;
        tokio::time::sleep(Duration::from_secs(*pause)).await;
        true
    }
}

/// Whether the same may succeed in a moment.
fn passes(error: &LoginError) -> bool {
    match error {
        LoginError::Store => true,
        LoginError::Port(error) => matches!(error.fault, Fault::Unavailable | Fault::Slow),
        _ => false,
    }
}
