//! Transports: how the events of one log travel to one client.
//!
//! [`negotiate`] reads off a request which transport is wanted. [`sse`], [`websocket`] and
//! [`long_poll`] are pure encoders: they turn a hello, an event, a heartbeat or an end into bytes.
//! [`pump`] drives a subscription through one of them, and [`hold`] writes the outcome to a
//! connection that was taken back from hyper; over HTTP/2, [`streamed`] makes a body of it.
//!
//! To add a transport: an encoder beside these, a variant of [`Transport`] with its arms in
//! `pump`, its sign in `negotiate`, its name in `config`.

pub mod frame;
pub mod hold;
pub mod long_poll;
pub mod negotiate;
pub mod pump;
pub mod sse;
pub mod streamed;
pub mod websocket;

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::clock::Clock;
use crate::entropy::Entropy;
use crate::metrics::Metrics;
use crate::stream::subscription::{Page, Subscription};

/// One way for events to travel.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Transport {
    /// WebSocket (RFC 6455, over HTTP/2 RFC 8441).
    WebSocket,
    /// Server-Sent Events (WHATWG HTML, 9.2).
    Sse,
    /// HTTP long-polling (RFC 6202, section 2).
    LongPoll,
}

impl Transport {
    /// Every transport, the best first.
    pub const ALL: [Self; 3] = [Self::WebSocket, Self::Sse, Self::LongPoll];

    /// Its name on the wire, in the configuration and in metrics.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::WebSocket => "websocket",
            Self::Sse => "sse",
            Self::LongPoll => "long-poll",
        }
    }
}

/// The media type of problems (RFC 9457, section 3).
pub const PROBLEM_TYPE: &str = "application/problem+json";

/// How an events request ends other than by the log's own end.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Ending {
    /// A newer subscriber took its place: 409.
    Replaced,
    /// The session has been forgotten: 404.
    Gone,
}

/// Renders an [`Ending`], and the URN of this occurrence, as a problem for a client that has had no
/// answer yet: status and body.
pub type Problem = fn(Ending, String) -> (u16, String);

/// The future of a command's answer.
pub type Answer = Pin<Box<dyn Future<Output = String> + Send>>;

/// Runs what a client says over its WebSocket.
pub trait Commands: Send + Sync {
    /// Runs one text message; the answer is one text message.
    fn run(self: Arc<Self>, text: String) -> Answer;
}

/// What all connections of a server have in common.
pub struct Shared {
    /// What time it is.
    pub clock: Clock,
    /// For the spread of reconnects.
    pub entropy: Entropy,
    /// What is counted and measured.
    pub metrics: Arc<Metrics>,
    /// The time between two heartbeats.
    pub heartbeat: Duration,
    /// How a problem is written.
    pub problem: Problem,
}

/// Everything that is needed to serve one events request.
pub struct Plan {
    /// By which transport.
    pub transport: Transport,
    /// Where the events come from.
    pub subscription: Subscription,
    /// What there is already.
    pub first: Page,
    /// How long a long-poll waits.
    pub wait: Duration,
    /// When the request came.
    pub started: Instant,
    /// Who runs what a WebSocket client says.
    pub commands: Option<Arc<dyn Commands>>,
    /// What all connections have in common.
    pub shared: Arc<Shared>,
}
