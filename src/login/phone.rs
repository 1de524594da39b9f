//! The phone's side: scans, says who asks, confirms, signs up or refuses.

use std::net::IpAddr;
use std::sync::Arc;

use serde_json::value::RawValue;

use super::machine::{self, Command, From, Refusal};
use super::namespace::Namespace;
use super::ports::{Act, Caller, Cause, Identity, Registration, User};
use super::scene::Scene;
use super::secret::{Bearer, Digest};
use super::service::{Current, Login, LoginError};
use super::session::{Phone, Session, SessionId};
use crate::clock::Timestamp;
use crate::stream::event::EventType;
use crate::stream::subscription::{Page, Subscription};
use crate::trace;

/// The entry scenes by which WeChat says that a code reached the phone as a picture: long-pressed
/// or picked from the album, mini-program codes and plain QR codes
/// (`wx.getEnterOptionsSync().scene`).
const RELAYED: [u32; 4] = [1012, 1013, 1048, 1049];

/// What a phone says when it scans.
#[derive(Clone, Debug)]
pub struct Scan {
    /// What `wx.login` gave.
    pub login_code: String,
    /// WeChat's number for the way in.
    pub entry_scene: Option<u32>,
    /// The phone's address.
    pub ip: IpAddr,
}

/// What a phone is told when it has scanned.
#[derive(Clone, Debug)]
pub struct Scanned {
    /// The phone's token, told this once.
    pub token: Bearer,
    /// Where the session stands: `scanned`, or `unregistered` for a phone that comes back.
    pub state: EventType,
    /// Whether the directory knows who scanned.
    pub registered: bool,
    /// Whether the code reached the phone as a picture.
    pub relayed: bool,
    /// Who scanned, as the phone may show them.
    pub identity: Identity,
    /// The user they are, if registered.
    pub user: Option<User>,
    /// Seconds until the session ends at the latest.
    pub kept_for: u64,
    /// The session: who asks, since when, and whether a number is wanted.
    pub session: Session,
}

/// A phone that has shown its token.
#[derive(Clone)]
pub struct PhonePass {
    /// The session.
    pub id: SessionId,
    /// The session's namespace.
    pub namespace: Arc<Namespace>,
    token: Digest,
}

impl Login {
    /// Scans a code.
    ///
    /// # Errors
    /// No such scene, no such person, another phone was first, or the session is past.
    pub async fn scan(&self, scene: &Scene, scan: Scan) -> Result<Scanned, LoginError> {
        let Some(key) = self.topics.store.find(scene.as_str(), self.now()).await? else {
            return Err(self.unknown_scene(scene, &scan).await);
        };
        trace::about(key);
        let Current { session, .. } = self.current(SessionId(key)).await?;
        // An ended session is no reason to spend the login code.
        if session.has_ended() && session.phone().is_none() {
            return Err(wrong_state(&session));
        }
        let namespace = self.namespace(&session.namespace)?;
        let identity = namespace.provider.identify(&scan.login_code, scene).await?;
        let relayed = scan.entry_scene.is_some_and(|number| RELAYED.contains(&number));
        if relayed && namespace.refuse_relayed {
            return Err(LoginError::Relayed);
        }
        if let Err(refusal) = machine::apply(&session, first_look(&identity), self.now()) {
            return Err(refusal.into());
        }
        let phone = Some(Caller { ip: scan.ip, relayed });
        let cause = Cause { phone, ..session.cause(Act::Scan) };
        let user = namespace.directory.find(&identity, &cause).await?;
        let scanned = self.claim(session.id, namespace, identity, user).await?;
        Ok(Scanned { relayed, ..scanned })
    }

    /// Makes a session the phone's of somebody whom the provider has vouched for, and whom the
    /// directory may know.
    pub(super) async fn claim(
        &self,
        id: SessionId,
        namespace: &Namespace,
        identity: Identity,
        user: Option<User>,
    ) -> Result<Scanned, LoginError> {
        let token = Bearer::random(&self.entropy);
        let command = Command::Scan {
            identity: identity.clone(),
            name: user.as_ref().map(|user| user.name.clone()).or_else(|| identity.name.clone()),
            avatar_url: match &user {
                Some(user) => user.avatar_url.clone(),
                None => identity.avatar_url.clone(),
            },
            token: token.digest(),
        };
        let Current { session, .. } = self.run(id, |_| Ok(command.clone())).await?;
        let registered = user.is_some();
        let state = session.state_name();
        let longer = if session.messages { namespace.messages_ttl.as_secs() } else { 0 };
        let kept_for = session.expires_at.seconds_from(self.now()) + longer;
        let relayed = false;
        Ok(Scanned { token, state, registered, relayed, identity, user, kept_for, session })
    }

    /// Counts a scan of a scene that does not exist against the address and the identity: honest
    /// phones scan codes that exist. The identity is asked for as far as the limits go.
    async fn unknown_scene(&self, scene: &Scene, scan: &Scan) -> LoginError {
        if let Err(too_many) = self.limits.unknown_scan_from(scan.ip).await {
            return too_many.into();
        }
        if let Some(namespace) = self.namespaces.get("default")
            && self.limits.may_ask_who_guesses().await
            && let Ok(identity) = namespace.provider.identify(&scan.login_code, scene).await
            && let Err(too_many) = self.limits.unknown_scan_by(&identity.subject).await
        {
            return too_many.into();
        }
        LoginError::NotFound("scene")
    }

    /// Lets a phone in by its token.
    ///
    /// # Errors
    /// [`LoginError::NotFound`] or [`LoginError::Unauthorized`].
    pub async fn phone(&self, scene: &Scene, token: &Bearer) -> Result<PhonePass, LoginError> {
        let key = self.topics.store.find(scene.as_str(), self.now()).await?;
        let id = SessionId(key.ok_or(LoginError::NotFound("scene"))?);
        trace::about(id.0);
        let Current { session, .. } = self.load(id).await?;
        let namespace = Arc::clone(self.namespace(&session.namespace)?);
        let pass = PhonePass { id, namespace, token: token.digest() };
        pass.holder(&session)?;
        Ok(pass)
    }

    /// Confirms.
    ///
    /// # Errors
    /// Unknown to the directory, the wrong number, or the session is past.
    pub async fn confirm(&self, pass: &PhonePass, number: Option<u8>) -> Result<(), LoginError> {
        let current = self.current(pass.id).await?;
        let namespace = &pass.namespace;
        let confirm = |user| {
            let messages_ttl = namespace.messages_ttl;
            Command::Confirm { number, user, messages_ttl }
        };
        // The directory is asked for nobody but the phone's holder, and for no lost cause.
        let session = &current.session;
        let user = match pass.holder(session) {
            Ok(phone) if hangs_on_the_user(session, confirm(None), self.now()) => {
                namespace.directory.find(&phone.identity, &session.cause(Act::Confirm)).await?
            }
            _ => None,
        };
        let confirm = |session: &Session| {
            pass.holder(session)?;
            Ok(confirm(user.clone()))
        };
        self.run_from(current, confirm).await.map(drop)
    }

    /// Signs up whom the directory does not know.
    ///
    /// # Errors
    /// The namespace or the directory does not take them, or the session is past.
    pub async fn register(
        &self,
        pass: &PhonePass,
        says: &Registration,
    ) -> Result<User, LoginError> {
        let Current { session, .. } = self.current(pass.id).await?;
        let phone = pass.holder(&session)?;
        let namespace: &Namespace = self.namespace(&session.namespace)?;
        if session.has_ended() || session.state_name() == EventType::Confirmed {
            return Err(wrong_state(&session));
        }
        if !namespace.sign_up {
            return Err(LoginError::SignUpClosed);
        }
        let cause = session.cause(Act::Register);
        let user = namespace.directory.register(&phone.identity, &cause, says).await?;
        let register = |session: &Session| {
            pass.holder(session)?;
            Ok(Command::Register { user: user.clone() })
        };
        self.run(pass.id, register).await?;
        Ok(user)
    }

    /// Refuses.
    ///
    /// # Errors
    /// The session is past.
    pub async fn reject(&self, pass: &PhonePass) -> Result<(), LoginError> {
        let reject = |session: &Session| {
            pass.holder(session)?;
            Ok(Command::Reject { reason: None })
        };
        self.run(pass.id, reject).await.map(drop)
    }

    /// Says something to the browser; the number of the event.
    ///
    /// # Errors
    /// The session has ended, or too much was said.
    pub async fn phone_says(&self, pass: &PhonePass, body: &RawValue) -> Result<u64, LoginError> {
        self.say(pass.id, From::Phone, body).await
    }

    /// Follows the session's events, without what only the browser may see.
    ///
    /// # Errors
    /// The session has been forgotten, or no store.
    pub async fn phone_watches(
        &self,
        pass: &PhonePass,
        cursor: u64,
    ) -> Result<(Subscription, Page), LoginError> {
        self.follow(pass.id, cursor, None).await
    }
}

impl Scanned {
    /// What the phone could show its token for.
    pub(super) fn pass(&self, namespace: &Arc<Namespace>) -> PhonePass {
        let (id, token) = (self.session.id, self.token.digest());
        PhonePass { id, namespace: Arc::clone(namespace), token }
    }
}

impl PhonePass {
    /// The phone, if the token is still one of its own: asked again at every attempt of a change.
    fn holder<'a>(&self, session: &'a Session) -> Result<&'a Phone, LoginError> {
        let wrong = LoginError::Unauthorized("the phone token is not of this code's phone");
        session.phone().filter(|phone| phone.holds(&self.token)).ok_or(wrong)
    }
}

/// A scan of which only the identity counts: whether it is of any use to ask who that is.
fn first_look(identity: &Identity) -> Command {
    let token = Bearer::shown("").digest();
    Command::Scan { identity: identity.clone(), name: None, avatar_url: None, token }
}

/// Whether a confirmation by somebody unknown fails for no other reason.
fn hangs_on_the_user(session: &Session, by_nobody: Command, now: Timestamp) -> bool {
    match machine::apply(session, by_nobody, now) {
        Ok(step) => step.refused == Some(Refusal::Unregistered),
        Err(refusal) => refusal == Refusal::Unregistered,
    }
}

pub(super) fn wrong_state(session: &Session) -> LoginError {
    match session.state_name() {
        EventType::Expired => Refusal::Expired.into(),
        state => Refusal::WrongState(state).into(),
    }
}

#[cfg(test)]
#[path = "phone_tests.rs"]
mod tests;
