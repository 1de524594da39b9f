//! The browser's operations.

use std::sync::Arc;

use poem::Request;
use poem::http::header;
use poem_openapi::param::{Path, Query};
use poem_openapi::payload::{Binary, Response};
use poem_openapi::{ApiResponse, Object, OpenApi, Tags};

use super::address::ClientAddress;
use super::commands::BrowserCommands;
use super::cookie::{self, Reach};
use super::credentials::BrowserAuth;
use super::events::{EventsResponse, Left, Streams, Wish};
use super::json::{Json, Text, Unwanted};
use super::origin::Asking;
use super::problem::Problem;
use super::reached::{Reached, address_of};
use super::schema::{EventId, Message, SessionState, Ticket, Token};
use super::wechat;
use crate::login::browser::{Opening, Snapshot};
use crate::login::ports::ImageFormat;
use crate::login::secret::Bearer;
use crate::login::session::SessionId;
use crate::login::{Login, LoginError};
use crate::transport::negotiate;

/// The audiences of the API.
#[derive(Tags)]
pub enum Audience {
    /// What the page that shows the code calls.
    Browser,
    /// What the mini program calls.
    Phone,
    /// What your servers call, with an API key.
    Backend,
    /// What a person who has logged in calls, with their token.
    User,
    /// What `WeChat`'s servers call, and where its page sends browsers back to.
    WeChat,
}

/// The operations.
#[derive(Clone)]
pub struct Sessions {
    /// The core.
    pub login: Arc<Login>,
    /// The event streams.
    pub streams: Arc<Streams>,
    /// Where the server is reached.
    pub reached: Reached,
}

/// What to open a session with; everything may be left out.
#[derive(Debug, Default, Object)]
pub struct Open {
    /// The namespace; `default` if left out.
    #[oai(validator(max_length = 32))]
    pub namespace: Option<Text>,
    /// Whether both ends go on exchanging messages after the confirmation.
    pub messages: Option<bool>,
    /// The language of the page, as a BCP 47 tag.
    #[oai(validator(max_length = 35))]
    pub locale: Option<Text>,
}

/// A code to be scanned.
#[derive(Debug, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct Code {
    /// Where its picture is; with the media type `text/html`, the provider's page that shows it, to
    /// be put into a frame.
    pub url: String,
    /// The media type of what is there.
    pub media_type: String,
    /// What the code says, where it is a plain QR code: for drawing it oneself, and for a person
    /// who is on the phone already. Beside a page for a frame: the page for a whole window.
    pub content: Option<String>,
}

/// How to follow a session.
#[derive(Debug, Object)]
pub struct EventsAt {
    /// Where the events are, by whichever transport.
    pub url: String,
    /// The transports that the namespace offers, the best first.
    pub transports: Vec<String>,
    /// Seconds between two heartbeats.
    #[oai(validator(minimum(value = "1"), maximum(value = "3600")))]
    pub heartbeat_seconds: u64,
}

/// A session.
#[derive(Debug, Object)]
pub struct Session {
    /// Its id.
    #[oai(validator(min_length = 36, max_length = 36))]
    pub session_id: String,
    /// What only the browser that opened it holds. Told once, when it is opened.
    #[oai(skip_serializing_if_is_none)]
    pub secret: Option<String>,
    /// What its code carries.
    #[oai(validator(min_length = 1, max_length = 32))]
    pub scene: String,
    /// Where it stands.
    pub state: SessionState,
    /// When it ends by itself, by RFC 3339 in UTC.
    pub expires_at: String,
    /// Seconds until then.
    #[oai(validator(minimum(value = "0"), maximum(value = "604800")))]
    pub expires_in: u64,
    /// Its code.
    pub code: Code,
    /// The two digits to show beside the code, if the phone is going to ask for them.
    #[oai(validator(minimum(value = "10"), maximum(value = "99")))]
    pub match_number: Option<u8>,
    /// How to follow it.
    pub events: EventsAt,
    /// The number of its last event: in a snapshot alone.
    #[oai(
        skip_serializing_if_is_none,
        validator(minimum(value = "1"), maximum(value = "9007199254740991"))
    )]
    pub cursor: Option<u64>,
}

/// A session was opened.
#[derive(ApiResponse)]
pub enum Opened {
    /// The session is open.
    #[oai(status = 201)]
    Opened(
        Json<Session>,
        /// The session's secret as a cookie, so that a plain `EventSource` works: on the same site,
        /// and over https on a page of a listed origin as well.
        #[oai(header = "Set-Cookie")]
        String,
    ),
}

/// The code's picture.
#[derive(ApiResponse)]
pub enum Picture {
    /// The picture.
    #[oai(status = 200)]
    Picture(
        Binary<Vec<u8>>,
        #[oai(header = "Content-Type")] String,
        #[oai(header = "Cache-Control")] String,
        #[oai(header = "Vary")] String,
        /// It may be shown in pages of any origin.
        #[oai(header = "Cross-Origin-Resource-Policy")]
        String,
    ),
}

/// A message was taken.
#[derive(ApiResponse)]
pub enum Said {
    /// The event is in the log and on its way to both ends.
    #[oai(status = 202)]
    Said(Json<EventId>),
}

/// The session was withdrawn.
#[derive(ApiResponse)]
pub enum Cancelled {
    /// The stream ends with `cancelled`.
    #[oai(status = 204)]
    Cancelled,
}

#[OpenApi(tag = "Audience::Browser")]
impl Sessions {
    /// Open a session
    ///
    /// Begins one attempt to log in. Show the code, follow the events, exchange the ticket of the
    /// `confirmed` event for a token.
    #[oai(path = "/v1/sessions", method = "post", operation_id = "openSession")]
    async fn open(
        &self,
        request: &Request,
        address: ClientAddress,
        asking: Asking,
        body: Json<Option<Open>>,
    ) -> Result<Response<Opened>, Problem> {
        let Open { namespace, messages, .. } = body.0.unwrap_or_default();
        let opening = Opening {
            namespace: namespace.map_or_else(|| "default".to_owned(), |name| name.0),
            messages: messages.unwrap_or(false),
            ip: address.0,
            user_agent: request.header(header::USER_AGENT).unwrap_or_default().to_owned(),
            visitor: asking.0,
        };
        let opened = self.login.open(opening).await?;
        let (snapshot, secret) = (opened.snapshot, opened.secret);
        let path = format!("/v1/sessions/{}", snapshot.session.id);
        let reach = Reach::of(self.reached.is_https(), opened.guest);
        let cookie = cookie::set(&path, &secret, snapshot.kept_for, reach);
        // More for when the browser comes back from the provider's page.
        let more = snapshot.frame.as_ref().map(|_| {
            let (session, left) = (&snapshot.session, snapshot.expires_in);
            let path = wechat::callback_path(&session.namespace);
            cookie::set_for_return(&path, &session.scene, &secret, left, reach)
        });
        let mut session = self.render(snapshot, request);
        session.cursor = None;
        session.secret = Some(secret.as_str().to_owned());
        let opened = Response::new(Opened::Opened(Json(session), cookie.clone()));
        // What is set here takes the place of what the answer itself has.
        let all = more.into_iter().flat_map(|more| std::iter::once(cookie.clone()).chain(more));
        Ok(all.fold(opened, |opened, cookie| opened.header(header::SET_COOKIE, cookie)))
    }

    /// Read a session
    ///
    /// The session as it stands, without its secret.
    #[oai(path = "/v1/sessions/:session_id", method = "get", operation_id = "getSession")]
    async fn get(
        &self,
        auth: BrowserAuth,
        request: &Request,
        /// The session's id.
        #[oai(name = "session_id")]
        _session_id: Path<String>,
    ) -> Result<Json<Session>, Problem> {
        let snapshot = self.login.snapshot(&auth.0).await?;
        Ok(Json(self.render(snapshot, request)))
    }

    /// Get the code's picture
    ///
    /// No secret is needed: it is what the screen shows. `Accept: image/svg+xml` gets an SVG where
    /// the provider can draw one.
    #[oai(path = "/v1/sessions/:session_id/code", method = "get", operation_id = "getCode")]
    async fn code(
        &self,
        request: &Request,
        /// The session's id.
        session_id: Path<String>,
    ) -> Result<Picture, Problem> {
        let id = SessionId::parse(&session_id).ok_or(LoginError::NotFound("session"))?;
        let wants = |media| negotiate::quality(request.headers(), media);
        let format = if wants("image/svg+xml") > wants("image/png") {
            ImageFormat::Svg
        } else {
            ImageFormat::Png
        };
        let image = self.login.image(id, format).await?;
        Ok(Picture::Picture(
            Binary(image.bytes.into()),
            image.media_type.to_owned(),
            "private, max-age=3600".to_owned(),
            "Accept".to_owned(),
            "cross-origin".to_owned(),
        ))
    }

    /// Follow a session
    ///
    /// One address for three transports: WebSocket by `Upgrade`, SSE by
    /// `Accept: text/event-stream`, else a long-poll that is answered at once when there is
    /// something after the cursor, else after `wait` seconds with none. The same events with the
    /// same numbers on all of them, so a client may change from one to another at any moment.
    #[oai(path = "/v1/sessions/:session_id/events", method = "get", operation_id = "followSession")]
    #[expect(clippy::too_many_arguments, reason = "one for each parameter of the address")]
    async fn events(
        &self,
        auth: BrowserAuth,
        request: &Request,
        /// The session's id.
        #[oai(name = "session_id")]
        _session_id: Path<String>,
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
        let watched = self.login.watch(&auth.0, wish.cursor).await?;
        let commands = BrowserCommands::new(Arc::clone(&self.login), auth.0);
        Ok(self.streams.serve(request, transport, &wish, watched, Arc::new(commands)))
    }

    /// Exchange the ticket for a token
    ///
    /// Works once.
    #[oai(path = "/v1/sessions/:session_id/token", method = "post", operation_id = "redeemToken")]
    async fn token(
        &self,
        auth: BrowserAuth,
        /// The session's id.
        #[oai(name = "session_id")]
        _session_id: Path<String>,
        body: Json<Ticket>,
    ) -> Result<Json<Token>, Problem> {
        let ticket = Bearer::shown(&body.0.ticket.0);
        Ok(Json(self.login.redeem(&auth.0, &ticket).await?.into()))
    }

    /// Say something to the phone
    ///
    /// The event reaches both ends.
    #[oai(
        path = "/v1/sessions/:session_id/messages",
        method = "post",
        operation_id = "sendBrowserMessage"
    )]
    async fn message(
        &self,
        auth: BrowserAuth,
        /// The session's id.
        #[oai(name = "session_id")]
        _session_id: Path<String>,
        body: Json<Message>,
    ) -> Result<Said, Problem> {
        let body = super::commands::raw(&body.0.body.0)?;
        let id = self.login.browser_says(&auth.0, &body).await?;
        Ok(Said::Said(Json(EventId { id })))
    }

    /// Withdraw
    ///
    /// The stream ends with `cancelled`.
    #[oai(path = "/v1/sessions/:session_id", method = "delete", operation_id = "cancelSession")]
    async fn cancel(
        &self,
        auth: BrowserAuth,
        /// The session's id.
        #[oai(name = "session_id")]
        _session_id: Path<String>,
        _body: Unwanted,
    ) -> Result<Cancelled, Problem> {
        self.login.cancel(&auth.0).await?;
        Ok(Cancelled::Cancelled)
    }
}

impl Sessions {
    fn render(&self, snapshot: Snapshot, request: &Request) -> Session {
        let Snapshot { session, cursor, expires_in, content, media_type, .. } = snapshot;
        let base = self.reached.base(request);
        let id = session.id;
        Session {
            session_id: id.to_string(),
            secret: None,
            scene: session.scene.to_string(),
            state: session.state_name().into(),
            expires_at: session.expires_at.to_string(),
            expires_in,
            code: Code {
                url: match (snapshot.frame, snapshot.picture) {
                    (Some(page), _) => page,
                    (None, Some(picture)) => address_of(&base, picture),
                    (None, None) => format!("{base}/v1/sessions/{id}/code"),
                },
                media_type: media_type.to_owned(),
                content,
            },
            match_number: session.match_number,
            events: EventsAt {
                url: format!("{base}/v1/sessions/{id}/events"),
                transports: self.streams.offered(&session.namespace),
                heartbeat_seconds: self.streams.shared.heartbeat.as_secs(),
            },
            cursor: Some(cursor),
        }
    }
}
