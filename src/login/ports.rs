//! What the login core asks of the rooms beside it: how a code is made and a scan told to be
//! somebody (`Provider`, with what only some of them can: `Pushes`, `Website`), which code a session
//! gets (`Numbering`), and who is registered (`Directory`). Who has logged in, [`super::journal`].
//!
//! To add a provider: implement [`Provider`] in `provider/`, name it in `config`, and let
//! `server::assemble` choose it. Nothing in `login` changes.

use std::net::IpAddr;

use async_trait::async_trait;
use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::scene::Scene;
use super::session::SessionId;
use crate::clock::Timestamp;

/// Who scanned, as the provider vouches for it; never taken from the phone's own word.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct Identity {
    /// The provider that vouches, by its name in the configuration.
    pub provider: String,
    /// The provider's account that knows them by this subject, if it has several (WeChat: the app
    /// id; an openid is one app's).
    pub account: Option<String>,
    /// The provider's own id of the person (WeChat: the openid).
    pub subject: String,
    /// The provider's id of the person over all of its accounts, if it has one (WeChat: the
    /// unionid).
    pub union: Option<String>,
    /// The name that the provider gave with it, if any.
    pub name: Option<String>,
    /// The picture that the provider gave with it, if any.
    pub avatar_url: Option<String>,
}

/// Somebody whom the directory knows.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct User {
    /// The directory's id: the token's `sub`.
    pub id: String,
    /// How the person is called.
    pub name: String,
    /// Where their picture is, if they have one.
    pub avatar_url: Option<String>,
    /// The provider that vouched for them.
    pub provider: String,
    /// What the directory wants the token to say besides: a JSON object, if it wants anything.
    pub claims: Option<Box<str>>,
}

/// What a person says of themselves when signing up.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Registration {
    /// The name to be known by; 1 to 64 characters, checked before it comes here.
    pub name: String,
}

/// The picture formats that a code can be asked for in.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ImageFormat {
    /// `image/png`
    Png,
    /// `image/svg+xml`
    Svg,
}

/// A code's picture.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Image {
    /// Its media type.
    pub media_type: &'static str,
    /// Its bytes.
    pub bytes: Bytes,
}

/// Why somebody beside the core could not do their part. It is told to the phone as a problem; the
/// session stays as it was.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{why}")]
pub struct PortError {
    /// Whose fault it is.
    pub fault: Fault,
    /// The problem's short word.
    pub code: &'static str,
    /// What went wrong, without anything secret.
    pub why: String,
    /// Seconds after which it may be otherwise, where that is known.
    pub retry_after: Option<u64>,
}

/// The short word of a directory's refusal, whose reason is for nobody but who scanned.
pub const REFUSED: &str = "refused";

/// Whose fault a [`PortError`] is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Fault {
    /// What was given is wrong: the caller's fault (a login code that is unknown, used or old).
    Refused,
    /// Who calls is not who they would have to be: 403.
    Forged,
    /// There is no such thing: 404.
    Absent,
    /// The other side answered nonsense or an error: 502.
    Bad,
    /// The other side is down or says it is busy: 503.
    Unavailable,
    /// The other side did not answer in time: 504.
    Slow,
}

impl PortError {
    /// Something is wrong with what was given.
    #[must_use]
    pub fn refused(why: impl Into<String>) -> Self {
        Self::new(Fault::Refused, "invalid_login_code", why)
    }

    /// The other side answered nonsense or an error.
    #[must_use]
    pub fn bad(why: impl Into<String>) -> Self {
        Self::new(Fault::Bad, "provider_failed", why)
    }

    /// The other side is down or busy.
    #[must_use]
    pub fn unavailable(why: impl Into<String>) -> Self {
        Self::new(Fault::Unavailable, "provider_unavailable", why)
    }

    /// The other side did not answer in time.
    #[must_use]
    pub fn slow(why: impl Into<String>) -> Self {
        Self::new(Fault::Slow, "provider_timeout", why)
    }

    /// With a short word of its own.
    #[must_use]
    pub fn new(fault: Fault, code: &'static str, why: impl Into<String>) -> Self {
        Self { fault, code, why: why.into(), retry_after: None }
    }

    /// With the seconds after which it may be otherwise.
    #[must_use]
    pub fn after(self, seconds: u64) -> Self {
        Self { retry_after: Some(seconds), ..self }
    }
}

/// Makes a code for a scene and tells who a login code is.
#[async_trait]
pub trait Provider: Send + Sync {
    /// Its name in the configuration and in tokens.
    fn name(&self) -> &'static str;

    /// What the code says when it is a plain QR code, for a browser that draws it itself or a
    /// person who is on the phone already.
    fn content(&self, scene: &Scene) -> Option<String>;

    /// The media type that its pictures have unless another is asked for.
    fn media_type(&self) -> &'static str {
        "image/png"
    }

    /// A session with this scene begins: a code that takes time may be begun now. Returns at once.
    fn prepare(&self, _: &Scene) {}

    /// What codes that are made ahead of their session would be made for; none if that cannot be.
    fn stamp(&self) -> Option<Stamp> {
        None
    }

    /// The picture of a code that is made ahead, and kept by who asks.
    ///
    /// # Errors
    /// [`PortError`] when the picture cannot be had.
    async fn make(&self, scene: &Scene) -> Result<Image, PortError> {
        self.image(scene, ImageFormat::Png).await
    }

    /// The code's picture.
    ///
    /// # Errors
    /// [`PortError`] when the picture cannot be had.
    async fn image(&self, scene: &Scene, format: ImageFormat) -> Result<Image, PortError>;

    /// Who a login code stands for, that is shown at a scene.
    ///
    /// # Errors
    /// [`Fault::Refused`] when the code is no good, the others when nobody could tell.
    async fn identify(&self, login_code: &str, at: &Scene) -> Result<Identity, PortError>;

    /// What it can if its servers tell of scans.
    fn pushes(&self) -> Option<&dyn Pushes> {
        None
    }

    /// What it can if a page of its own shows the code and sends the browser back.
    fn website(&self) -> Option<&dyn Website> {
        None
    }
}

/// What codes that are made ahead are made for. Made for something else, a code leads elsewhere.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Stamp {
    /// The account at the provider, if it has several.
    pub account: String,
    /// The version of the mini program that a code opens: `release`, `trial` or `develop`.
    pub env_version: String,
    /// The page that a code opens.
    pub page: String,
}

/// A code that was made ahead, as a session has it.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct Numbered {
    /// Its number in its namespace.
    pub number: u64,
    /// How often it has been taken, this time included: who had it before is not who has it.
    pub generation: u64,
    /// The name of its picture.
    pub picture: Box<str>,
}

/// Where a code stands that is made ahead.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum CodeState {
    /// Its number is given, its picture not yet stored.
    Making,
    /// A session may have it.
    Free,
    /// A session has it, or has had it.
    Taken,
}

/// A code that was made ahead, as a service looks it up.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Listed {
    /// Its number in its namespace.
    pub number: u64,
    /// Where it stands.
    pub state: CodeState,
    /// Where its picture is; none while it is made.
    pub picture: Option<PictureAt>,
}

/// Where the picture of a code is that was made ahead.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct PictureAt {
    /// Its name.
    pub name: Box<str>,
    /// The whole address, if others than this server give it away.
    pub url: Option<String>,
    /// Its media type.
    pub media_type: &'static str,
}

/// Which code a session gets.
#[async_trait]
pub trait Numbering: Send + Sync {
    /// The scene of a session that is about to be opened and is over then, and its code if that was
    /// made ahead.
    ///
    /// # Errors
    /// [`PortError`] when there is no code, and none can be made.
    async fn next(&self, until: Timestamp) -> Result<(Scene, Option<Numbered>), PortError>;

    /// A code was taken for a session that was not opened.
    async fn give_back(&self, code: &Numbered);

    /// The session of a code has ended. Returns at once.
    fn ended(&self, code: &Numbered);

    /// Where the picture of that name is.
    fn picture_at(&self, name: &str) -> PictureAt;

    /// The picture of that name.
    ///
    /// # Errors
    /// [`PortError`] when nobody can tell.
    async fn picture(&self, name: &str) -> Result<Option<Image>, PortError>;

    /// The code of a number.
    ///
    /// # Errors
    /// [`PortError`] when nobody can tell.
    async fn look_up(&self, number: u64) -> Result<Option<Listed>, PortError>;
}

/// A call that a provider's servers make to one of ours.
#[derive(Clone, Debug)]
pub struct Pushed {
    /// The query's parameters, in their order.
    pub query: Vec<(String, String)>,
    /// The body; none if they only ask whether we are there.
    pub body: Option<Bytes>,
}

/// What to do about a call of the provider's servers.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Heard {
    /// What to answer, as plain text.
    pub answer: String,
    /// Somebody scanned the code of this scene.
    pub scan: Option<(Scene, Identity)>,
}

/// What a person who scanned is written to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Note<'a> {
    /// Somebody wants to log in as them: how to say yes or no, until then.
    Confirm(&'a Scene, Timestamp),
    /// They have logged in.
    LoggedIn,
    /// The code can no longer be used.
    Over,
    /// The directory refuses them, for this reason.
    Refused(&'a str),
}

/// A provider whose servers tell of scans, and which can write to who scanned.
#[async_trait]
pub trait Pushes: Send + Sync {
    /// The account's id: one account may have codes of several namespaces, and tells them all to
    /// one address.
    fn account(&self) -> &str;

    /// Whether a scan is taken for a yes as well.
    fn scan_confirms(&self) -> bool;

    /// Makes sure that a call is of the provider's servers, and reads it.
    ///
    /// # Errors
    /// [`Fault::Forged`] if it is not, or not of now; [`Fault::Refused`] if it cannot be read.
    fn hear(&self, pushed: &Pushed) -> Result<Heard, PortError>;

    /// Asks the provider what more it knows of who scanned.
    ///
    /// # Errors
    /// It cannot tell for now.
    async fn look_up(&self, identity: Identity) -> Result<Identity, PortError>;

    /// Writes to who scanned.
    ///
    /// # Errors
    /// The provider does not take it.
    async fn write(&self, to: &Identity, note: Note<'_>) -> Result<(), PortError>;
}

/// A provider whose own page shows the code, asks the person, and sends the browser back.
#[async_trait]
pub trait Website: Send + Sync {
    /// The page's address, to be shown in a frame. The address for a whole window is the code's
    /// content.
    fn frame(&self, scene: &Scene) -> String;

    /// Who it is that the page sent the browser back for.
    ///
    /// # Errors
    /// As [`Provider::identify`].
    async fn returned(&self, code: &str) -> Result<Identity, PortError>;
}

/// What somebody is about to do.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Act {
    /// They have scanned.
    Scan,
    /// They say yes.
    Confirm,
    /// They sign up.
    Register,
}

/// For which login a directory is asked. Nothing in it opens anything.
#[derive(Clone, Copy, Debug)]
pub struct Cause<'a> {
    /// What is about to happen.
    pub act: Act,
    /// The session.
    pub session: SessionId,
    /// The session's namespace.
    pub namespace: &'a str,
    /// The address of the browser that asks.
    pub browser: IpAddr,
    /// Its `User-Agent`: its own claim.
    pub user_agent: &'a str,
    /// When it opened the session.
    pub opened_at: Timestamp,
    /// The phone, where it has called itself just now to scan.
    pub phone: Option<Caller>,
}

/// A phone that calls.
#[derive(Clone, Copy, Debug)]
pub struct Caller {
    /// Its address.
    pub ip: IpAddr,
    /// Whether the code reached it as a picture.
    pub relayed: bool,
}

/// Knows who is registered. It is asked before anything is decided, and while nobody waits for it
/// but who asks: by the time that it answers, the session may have gone on without.
#[async_trait]
pub trait Directory: Send + Sync {
    /// The user behind an identity, if there is one.
    ///
    /// # Errors
    /// [`PortError`] when the directory cannot tell, or refuses the login.
    async fn find(&self, identity: &Identity, cause: &Cause<'_>)
    -> Result<Option<User>, PortError>;

    /// Registers an identity; one that is registered already is answered as it is.
    ///
    /// # Errors
    /// [`PortError`] when the directory cannot take it.
    async fn register(
        &self,
        identity: &Identity,
        cause: &Cause<'_>,
        says: &Registration,
    ) -> Result<User, PortError>;

    /// Whether somebody whom it found before may still be let in: they are there, and not blocked.
    /// One that keeps nobody cannot say no.
    ///
    /// # Errors
    /// [`PortError`] when the directory cannot tell.
    async fn still_has(&self, _user: &str) -> Result<bool, PortError> {
        Ok(true)
    }
}
