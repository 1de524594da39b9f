//! The phone's operations.

use std::sync::Arc;

use poem::Request;
use poem_openapi::param::{Path, Query};
use poem_openapi::{ApiResponse, Object, OpenApi};

use super::address::ClientAddress;
use super::commands::{PhoneCommands, raw, registration};
use super::cookie::{self, Reach};
use super::credentials::{PhoneAuth, scene};
use super::events::{EventsResponse, Left, Streams, Wish};
use super::json::{Json, Text, Unwanted};
use super::problem::Problem;
use super::schema::{EventId, Message, SessionState, Standing, User};
use super::sessions::{Audience, Said};
use crate::login::Login;
use crate::login::phone::{Scan, Scanned};

/// The operations.
#[derive(Clone)]
pub struct Scenes {
    /// The core.
    pub login: Arc<Login>,
    /// The event streams.
    pub streams: Arc<Streams>,
    /// Whether the server is reached by https.
    pub https: bool,
}

/// What a phone says when it scans.
#[derive(Debug, Object)]
pub struct ScanRequest {
    /// What `wx.login` gave; with the simulator, `sim:<name>`.
    #[oai(validator(min_length = 1, max_length = 256))]
    pub login_code: Text,
    /// WeChat's number for the way in, of `wx.getEnterOptionsSync()`: 1048 and 1049 mean that the
    /// code came as a picture.
    #[oai(validator(minimum(value = "0"), maximum(value = "65535")))]
    pub entry_scene: Option<u32>,
}

/// Who scanned, as their own phone shows them.
#[derive(Debug, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct ScanUser {
    /// The directory's id, if they are registered.
    pub id: Option<String>,
    /// How they are called, if that is known.
    pub name: Option<String>,
    /// Where their picture is, if they have one.
    pub avatar_url: Option<String>,
    /// The provider that vouches for them.
    pub provider: String,
}

/// The browser that asks. Its user agent is its own claim.
#[derive(Debug, Object)]
pub struct AskingBrowser {
    /// Its address.
    pub ip: String,
    /// Its `User-Agent`.
    pub user_agent: String,
    /// When it opened the session, by RFC 3339 in UTC.
    pub opened_at: String,
}

/// What a phone is told when it has scanned.
#[derive(Debug, Object)]
pub struct ScanAnswer {
    /// The token of the phone's other calls. Told once.
    pub phone_token: String,
    /// Where the session stands.
    pub state: SessionState,
    /// Whether the directory knows who scanned.
    pub registered: bool,
    /// Whether the code reached the phone as a picture: warn the person.
    pub relayed: bool,
    /// Who scanned.
    pub user: ScanUser,
    /// Who asks: show it to the person.
    pub browser: AskingBrowser,
    /// Whether the person has to type the number that the browser shows.
    pub match_number_required: bool,
}

/// The session is this phone's.
#[derive(ApiResponse)]
pub enum Claimed {
    /// Show the person who asks, and let them confirm or refuse.
    #[oai(status = 200)]
    Claimed(
        Json<ScanAnswer>,
        /// The phone token as a cookie, so that a plain `EventSource` works on the same site.
        #[oai(header = "Set-Cookie")]
        String,
    ),
}

/// A confirmation.
#[derive(Debug, Default, Object)]
pub struct Confirmation {
    /// The two digits that the browser shows, if they were asked for. There is one try.
    #[oai(validator(minimum(value = "0"), maximum(value = "99")))]
    pub match_number: Option<u8>,
}

/// A sign-up.
#[derive(Debug, Object)]
pub struct SignUp {
    /// The name to be known by.
    #[oai(validator(min_length = 1, max_length = 64))]
    pub name: Text,
}

/// Who has signed up.
#[derive(Debug, Object)]
pub struct Registered {
    /// Where the session stands: `scanned` again.
    pub state: SessionState,
    /// The user.
    pub user: User,
}

/// Signed up.
#[derive(ApiResponse)]
pub enum SignedUp {
    /// Signed up; confirm again.
    #[oai(status = 201)]
    SignedUp(Json<Registered>),
}

#[OpenApi(tag = "Audience::Phone")]
impl Scenes {
    /// Scan a code
    ///
    /// Claims the session for this phone and tells who asks. The first phone to scan is the one
    /// that may confirm.
    #[oai(path = "/v1/scenes/:scene/scan", method = "post", operation_id = "scan")]
    async fn scan(
        &self,
        address: ClientAddress,
        /// What the code carries: 1 to 32 digits, letters and marks of ``!#$&'()*+,/:;=?@-._~``.
        #[oai(name = "scene")]
        text: Path<String>,
        body: Json<ScanRequest>,
    ) -> Result<Claimed, Problem> {
        let scene = scene(&text)?;
        let ScanRequest { login_code, entry_scene } = body.0;
        let scan = Scan { login_code: login_code.0, entry_scene, ip: address.0 };
        let scanned = self.login.scan(&scene, scan).await?;
        // A scene that was scanned is one that we made: it has no mark that a cookie's path may not.
        let path = format!("/v1/scenes/{scene}");
        let reach = Reach::of(self.https, false);
        let cookie = cookie::set(&path, &scanned.token, scanned.kept_for, reach);
        Ok(Claimed::Claimed(Json(scanned.into()), cookie))
    }

    /// Confirm
    ///
    /// Logs the browser in. A wrong number ends the session.
    #[oai(path = "/v1/scenes/:scene/confirm", method = "post", operation_id = "confirm")]
    async fn confirm(
        &self,
        auth: PhoneAuth,
        /// What the code carries: 1 to 32 digits, letters and marks of ``!#$&'()*+,/:;=?@-._~``.
        #[oai(name = "scene")]
        _scene: Path<String>,
        body: Json<Option<Confirmation>>,
    ) -> Result<Json<Standing>, Problem> {
        let number = body.0.unwrap_or_default().match_number;
        self.login.confirm(&auth.0, number).await?;
        Ok(Json(Standing { state: SessionState::Confirmed }))
    }

    /// Sign up
    ///
    /// For whom the directory does not know, where the namespace allows it.
    #[oai(path = "/v1/scenes/:scene/register", method = "post", operation_id = "register")]
    async fn register(
        &self,
        auth: PhoneAuth,
        /// What the code carries: 1 to 32 digits, letters and marks of ``!#$&'()*+,/:;=?@-._~``.
        #[oai(name = "scene")]
        _scene: Path<String>,
        body: Json<SignUp>,
    ) -> Result<SignedUp, Problem> {
        let says = registration(&body.0.name.0)?;
        let user = self.login.register(&auth.0, &says).await?.into();
        Ok(SignedUp::SignedUp(Json(Registered { state: SessionState::Scanned, user })))
    }

    /// Refuse
    ///
    /// Ends the session.
    #[oai(path = "/v1/scenes/:scene/reject", method = "post", operation_id = "reject")]
    async fn reject(
        &self,
        auth: PhoneAuth,
        /// What the code carries: 1 to 32 digits, letters and marks of ``!#$&'()*+,/:;=?@-._~``.
        #[oai(name = "scene")]
        _scene: Path<String>,
        _body: Unwanted,
    ) -> Result<Json<Standing>, Problem> {
        self.login.reject(&auth.0).await?;
        Ok(Json(Standing { state: SessionState::Rejected }))
    }

    /// Follow a session from the phone
    ///
    /// The same stream as the browser's, without the ticket.
    #[oai(path = "/v1/scenes/:scene/events", method = "get", operation_id = "followScene")]
    #[expect(clippy::too_many_arguments, reason = "one for each parameter of the address")]
    async fn events(
        &self,
        auth: PhoneAuth,
        request: &Request,
        /// What the code carries: 1 to 32 digits, letters and marks of ``!#$&'()*+,/:;=?@-._~``.
        #[oai(name = "scene")]
        _scene: Path<String>,
        /// The last event that you have; `Last-Event-ID` wins over it.
        #[oai(validator(minimum(value = "0"), maximum(value = "9007199254740991")))]
        cursor: Query<Option<u64>>,
        /// How many seconds a long-poll may wait.
        #[oai(validator(minimum(value = "0"), maximum(value = "60")))]
        wait: Query<Option<u64>>,
        /// The transport that you left for this one, if you did: `websocket`, `sse` or
        /// `long-poll`. For the operators' eyes.
        transport: Query<Option<String>>,
        /// Why: `not_opened`, `no_hello`, `died`, `stalled` or `remembered`; any other word counts
        /// as `other`.
        reason: Query<Option<String>>,
    ) -> Result<EventsResponse, Problem> {
        let left = Left { transport: transport.0, reason: reason.0 };
        let wish = Wish::read(request, cursor.0, wait.0, left)?;
        let transport = self.streams.choose(&auth.0.namespace.name, request)?;
        let watched = self.login.phone_watches(&auth.0, wish.cursor).await?;
        let commands = PhoneCommands::new(Arc::clone(&self.login), auth.0);
        Ok(self.streams.serve(request, transport, &wish, watched, Arc::new(commands)))
    }

    /// Say something to the browser
    ///
    /// The event reaches both ends.
    #[oai(path = "/v1/scenes/:scene/messages", method = "post", operation_id = "sendPhoneMessage")]
    async fn message(
        &self,
        auth: PhoneAuth,
        /// What the code carries: 1 to 32 digits, letters and marks of ``!#$&'()*+,/:;=?@-._~``.
        #[oai(name = "scene")]
        _scene: Path<String>,
        body: Json<Message>,
    ) -> Result<Said, Problem> {
        let body = raw(&body.0.body.0)?;
        let id = self.login.phone_says(&auth.0, &body).await?;
        Ok(Said::Said(Json(EventId { id })))
    }
}

impl From<Scanned> for ScanAnswer {
    fn from(scanned: Scanned) -> Self {
        let Scanned { token, state, registered, relayed, identity, user, session, .. } = scanned;
        let provider = identity.provider;
        let shown = match user {
            Some(user) => ScanUser {
                id: Some(user.id),
                name: Some(user.name),
                avatar_url: user.avatar_url,
                provider,
            },
            None => ScanUser {
                id: None,
                name: identity.name,
                avatar_url: identity.avatar_url,
                provider,
            },
        };
        Self {
            phone_token: token.as_str().to_owned(),
            state: state.into(),
            registered,
            relayed,
            user: shown,
            browser: AskingBrowser {
                ip: session.asker.ip.to_string(),
                user_agent: session.asker.user_agent.into(),
                opened_at: session.opened_at.to_string(),
            },
            match_number_required: session.match_number.is_some(),
        }
    }
}
