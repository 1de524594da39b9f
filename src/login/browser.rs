//! The browser's side: opens a session, watches it, withdraws, and gets its token.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use serde_json::value::RawValue;
use tokio::time::timeout;

use super::machine::{self, Command, From};
use super::namespace::Namespace;
use super::ports::{Fault, Image, ImageFormat, PictureAt, PortError, REFUSED};
use super::secret::{self, Bearer};
use super::service::{Current, Login, LoginError, Token, change};
use super::session::{Asker, Session, SessionId, State};
use super::tokens::Grant;
use super::visitor::Visitor;
use crate::stream::event::{EventType, Private};
use crate::stream::subscription::{Page, Subscription};
use crate::trace;
use uuid::Builder;

/// How many codes are tried before their source is called broken.
const CODES: usize = 4;
/// How much of a `User-Agent` is kept.
const USER_AGENT_BYTES: usize = 256;
/// How long an exchange waits for the directory.
const DIRECTORY: Duration = Duration::from_secs(1);

/// What a browser asks for.
#[derive(Clone, Debug)]
pub struct Opening {
    /// The namespace's name.
    pub namespace: String,
    /// Whether both ends want to go on talking after the confirmation.
    pub messages: bool,
    /// The browser's address.
    pub ip: IpAddr,
    /// The browser's `User-Agent`.
    pub user_agent: String,
    /// The page that asks.
    pub visitor: Visitor,
}

/// A session that was just opened.
#[derive(Clone, Debug)]
pub struct Opened {
    /// How it stands.
    pub snapshot: Snapshot,
    /// Its secret, told this once.
    pub secret: Bearer,
    /// Whether its page is of another origin, and welcome.
    pub guest: bool,
}

/// A browser that has shown its session's secret.
#[derive(Clone)]
pub struct Browser {
    /// The session.
    pub id: SessionId,
    /// The session's namespace.
    pub namespace: Arc<Namespace>,
    /// The ticket that the secret's holder may see once there is one.
    ticket: Private,
}

/// A session as its browser may see it.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// The session.
    pub session: Session,
    /// The number of its last event.
    pub cursor: u64,
    /// Seconds until it ends by itself.
    pub expires_in: u64,
    /// Seconds until it ends at the latest, if it is confirmed and goes on.
    pub kept_for: u64,
    /// What its code says, where that is a plain text.
    pub content: Option<String>,
    /// The media type of its code's picture.
    pub media_type: &'static str,
    /// Where its code's picture is, if that was made ahead.
    pub picture: Option<PictureAt>,
    /// The provider's page that shows the code instead of a picture of ours.
    pub frame: Option<String>,
}

impl Login {
    /// Opens a session.
    ///
    /// # Errors
    /// No such namespace, a page of another origin, too many sessions from this address, or no
    /// store.
    pub async fn open(&self, opening: Opening) -> Result<Opened, LoginError> {
        let namespace = self.namespace(&opening.namespace)?;
        let opened = self.open_in(namespace, opening).await;
        let refused = |reason| self.metrics.logins.refused(&namespace.name, reason);
        match &opened {
            Err(LoginError::TooMany(_)) => refused("rate_limited"),
            Err(LoginError::Store) => refused("store"),
            // Of all that opening takes, only a code can be had elsewhere than here.
            Err(LoginError::Port(_)) => refused("code"),
            _ => {}
        }
        opened
    }

    async fn open_in(&self, namespace: &Namespace, opening: Opening) -> Result<Opened, LoginError> {
        opening.visitor.may_open(namespace)?;
        let guest = opening.visitor.is_guest(namespace);
        self.limits.open_session(opening.ip).await?;
        let now = self.now();
        let longer = if opening.messages { namespace.messages_ttl } else { Duration::ZERO };
        let latest = now.plus(namespace.session_ttl + longer);
        let (scene, pooled) = namespace.numbering.next(latest).await?;
        let id = SessionId::beside(&scene, &self.entropy);
        let secret = Bearer::random(&self.entropy);
        let mut session = Session {
            id,
            scene,
            pooled,
            namespace: opening.namespace.into(),
            messages: opening.messages,
            match_number: namespace.match_number.then(|| self.match_number()),
            asker: Asker { ip: opening.ip, user_agent: cut(opening.user_agent) },
            opened_at: now,
            expires_at: now.plus(namespace.session_ttl),
            state: State::Pending,
            opener: opening.visitor.opener(),
            secret: secret.digest(),
            ticket: secret::ticket(id, &secret).digest(),
            messages_sent: 0,
            message_bytes: 0,
        };
        for _ in 0..CODES {
            if self.create(namespace, &session).await? {
                trace::about(session.id.0);
                self.metrics.logins.transition(&namespace.name, EventType::Pending.name());
                if session.pooled.is_none() {
                    namespace.provider.prepare(&session.scene);
                }
                let snapshot = self.snapshot_of(session, 1)?;
                return Ok(Opened { snapshot, secret, guest });
            }
            // Another session has it: of a scene that is drawn, nobody's luck is that bad.
            (session.scene, session.pooled) = namespace.numbering.next(latest).await?;
            session.id = SessionId::beside(&session.scene, &self.entropy);
            session.ticket = secret::ticket(session.id, &secret).digest();
        }
        Err(LoginError::Store)
    }

    /// Keeps a session that is opened. False if its code has a session.
    async fn create(&self, namespace: &Namespace, session: &Session) -> Result<bool, LoginError> {
        let change = change(session, machine::opening(session.opened_at), session.opened_at)?;
        let made = self.topics.store.create(session.id.0, session.scene.as_str(), change).await;
        if let (Err(_), Some(code)) = (&made, &session.pooled) {
            namespace.numbering.give_back(code).await;
        }
        Ok(made?)
    }

    /// Lets a browser in by its session's secret, if its page may act.
    ///
    /// # Errors
    /// [`LoginError::NotFound`], [`LoginError::Unauthorized`] or [`LoginError::OriginNotAllowed`].
    pub async fn browser(
        &self,
        id: SessionId,
        secret: &Bearer,
        visitor: &Visitor,
    ) -> Result<Browser, LoginError> {
        trace::about(id.0);
        let Current { session, .. } = self.load(id).await?;
        if !session.knows_browser(&secret.digest()) {
            return Err(LoginError::Unauthorized("the secret is not this session's"));
        }
        let namespace = Arc::clone(self.namespace(&session.namespace)?);
        visitor.may_act(&namespace, session.opener)?;
        let ticket = secret::ticket(id, secret);
        let ticket = Private::new(EventType::Confirmed, "ticket", ticket.as_str());
        Ok(Browser { id, namespace, ticket })
    }

    /// The session as it stands.
    ///
    /// # Errors
    /// The session has been forgotten, or no store.
    pub async fn snapshot(&self, browser: &Browser) -> Result<Snapshot, LoginError> {
        let Current { session, cursor, .. } = self.current(browser.id).await?;
        self.snapshot_of(session, cursor)
    }

    /// The code's picture, for whoever sees the screen.
    ///
    /// # Errors
    /// No such session, or the provider cannot make it.
    pub async fn image(&self, id: SessionId, format: ImageFormat) -> Result<Image, LoginError> {
        let Current { session, .. } = self.load(id).await?;
        let namespace = self.namespace(&session.namespace)?;
        // Where an SVG is wanted, or the storage has nothing, the provider can draw it.
        if let Some(code) = session.pooled.as_ref().filter(|_| format == ImageFormat::Png)
            && let Ok(Some(image)) = namespace.numbering.picture(&code.picture).await
        {
            return Ok(image);
        }
        Ok(namespace.provider.image(&session.scene, format).await?)
    }

    /// The picture of that name, of a code that was made ahead.
    ///
    /// # Errors
    /// Nobody can tell.
    pub async fn picture(&self, name: &str) -> Result<Option<Image>, LoginError> {
        for namespace in self.namespaces.values() {
            if let Some(image) = namespace.numbering.picture(name).await? {
                return Ok(Some(image));
            }
        }
        Ok(None)
    }

    /// Follows the session's events from a cursor on; the first page is what there is now.
    ///
    /// # Errors
    /// The session has been forgotten, or no store.
    pub async fn watch(
        &self,
        browser: &Browser,
        cursor: u64,
    ) -> Result<(Subscription, Page), LoginError> {
        self.follow(browser.id, cursor, Some(browser.ticket.clone())).await
    }

    pub(super) async fn follow(
        &self,
        id: SessionId,
        cursor: u64,
        private: Option<Private>,
    ) -> Result<(Subscription, Page), LoginError> {
        let mut subscription = self.topics.subscribe(id.0, cursor, private);
        let page = subscription.first().await?.ok_or(LoginError::NotFound("session"))?;
        Ok((subscription, page))
    }

    /// Withdraws.
    ///
    /// # Errors
    /// The session has ended otherwise.
    pub async fn cancel(&self, browser: &Browser) -> Result<(), LoginError> {
        self.run(browser.id, |_| Ok(Command::Cancel)).await.map(drop)
    }

    /// Says something to the phone; the number of the event.
    ///
    /// # Errors
    /// The session has ended, or too much was said.
    pub async fn browser_says(
        &self,
        browser: &Browser,
        body: &RawValue,
    ) -> Result<u64, LoginError> {
        self.say(browser.id, From::Browser, body).await
    }

    pub(super) async fn say(
        &self,
        id: SessionId,
        from: From,
        body: &RawValue,
    ) -> Result<u64, LoginError> {
        self.limits.message(id.0).await?;
        let message = |_: &Session| Ok(Command::Message { from, body: body.to_owned() });
        Ok(self.run(id, message).await?.cursor)
    }

    /// Exchanges the ticket for a token, once.
    ///
    /// # Errors
    /// The ticket is wrong, old or used, nothing has been confirmed, or whoever confirmed was blocked
    /// or removed since.
    pub async fn redeem(&self, browser: &Browser, ticket: &Bearer) -> Result<Token, LoginError> {
        let redeemed = self.exchange(browser.id, ticket).await;
        self.count_ticket(&browser.namespace, &redeemed);
        redeemed
    }

    /// Counts a ticket, unless it is not for what it is that it did not bring a token.
    pub(super) fn count_ticket(&self, namespace: &Namespace, redeemed: &Result<Token, LoginError>) {
        if !matches!(redeemed, Err(LoginError::Store | LoginError::Signing)) {
            self.metrics.logins.ticket(&namespace.name, redeemed.is_ok());
        }
    }

    pub(super) async fn exchange(
        &self,
        id: SessionId,
        ticket: &Bearer,
    ) -> Result<Token, LoginError> {
        // The user as they were confirmed: of what the token says, the session forgets some.
        let confirmed = Mutex::new(None);
        let redeem = |session: &Session| {
            if let State::Confirmed { user, .. } = &session.state {
                *confirmed.lock() = Some(user.clone());
            }
            let ticket_ttl = self.namespace(&session.namespace)?.ticket_ttl;
            Ok(Command::Redeem { ticket: ticket.clone(), ticket_ttl })
        };
        let current = self.current(id).await?;
        self.still_lets_in(&current.session, ticket).await?;
        let Current { session, .. } = self.run_from(current, redeem).await?;
        let user = confirmed.into_inner().ok_or(LoginError::Store)?;
        let grant = Grant {
            user,
            audience: self.namespace(&session.namespace)?.audience.clone(),
            at: self.now(),
            jti: Builder::from_random_bytes(self.entropy.bytes()).into_uuid().to_string(),
        };
        self.hand_out(&session, grant).await
    }

    /// Whoever was blocked or removed since they confirmed gets no token. What the directory cannot
    /// tell now, it told then.
    async fn still_lets_in(&self, session: &Session, ticket: &Bearer) -> Result<(), LoginError> {
        let State::Confirmed { user, redeemed: false, .. } = &session.state else { return Ok(()) };
        if !session.ticket.is(&ticket.digest()) {
            return Ok(());
        }
        let namespace = self.namespace(&session.namespace)?;
        let asked = timeout(DIRECTORY, namespace.directory.still_has(&user.id));
        if let Ok(Ok(false)) = asked.await {
            let why = "who has confirmed is not let in any more";
            return Err(PortError::new(Fault::Forged, REFUSED, why).into());
        }
        Ok(())
    }

    fn snapshot_of(&self, session: Session, cursor: u64) -> Result<Snapshot, LoginError> {
        let namespace = self.namespace(&session.namespace)?;
        let content = namespace.provider.content(&session.scene);
        let picture = session.pooled.as_ref();
        let picture = picture.map(|code| namespace.numbering.picture_at(&code.picture));
        let media_type = match &picture {
            Some(picture) => picture.media_type,
            None => namespace.provider.media_type(),
        };
        let frame = namespace.provider.website().map(|website| website.frame(&session.scene));
        let expires_in =
            if session.has_ended() { 0 } else { session.expires_at.seconds_from(self.now()) };
        let longer = if session.messages { namespace.messages_ttl.as_secs() } else { 0 };
        let kept_for = expires_in + longer;
        Ok(Snapshot { session, cursor, expires_in, kept_for, content, media_type, picture, frame })
    }

    /// Two digits, of which none is a leading zero that a person would leave out.
    fn match_number(&self) -> u8 {
        10 + u8::try_from(self.entropy.below(90)).unwrap_or(0)
    }
}

fn cut(mut user_agent: String) -> Box<str> {
    if user_agent.len() > USER_AGENT_BYTES {
        user_agent.truncate(user_agent.floor_char_boundary(USER_AGENT_BYTES));
    }
    user_agent.into()
}
