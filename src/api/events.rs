//! The event streams of both audiences: from a request to a plan that whoever holds the
//! connection carries out.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use poem::http::{StatusCode, header};
use poem::{IntoResponse, Request, Response};
use poem_openapi::ApiResponse;
use poem_openapi::registry::{
    MetaMediaType, MetaResponse, MetaResponses, MetaSchema, MetaSchemaRef, Registry,
};
use poem_openapi::types::Type;
use tokio::time::Instant;

use super::problem::Problem;
use super::schema::Events;
use crate::stream::subscription::{Page, Subscription};
use crate::transport::hold::Handover;
use crate::transport::negotiate::{self, ExtendedConnect, Unusable};
use crate::transport::{Commands, Plan, Shared, Transport, long_poll, websocket};

/// Seconds that a long-poll waits unless it says otherwise.
const WAIT: u64 = 25;
/// The greatest number that JSON's readers agree on (RFC 8259, section 6).
const GREATEST: u64 = (1 << 53) - 1;

/// The streams of all namespaces.
pub struct Streams {
    /// What all connections have in common.
    pub shared: Arc<Shared>,
    /// The transports of each namespace.
    pub offers: HashMap<String, Vec<Transport>>,
}

/// What a client wants to hear.
pub struct Wish {
    /// The last event that it has.
    pub cursor: u64,
    wait: Duration,
    started: Instant,
    left: Left,
}

/// The transport that a client says it left, and why. For a metric alone: whatever it says, it is
/// served.
#[derive(Debug, Default)]
pub struct Left {
    /// The transport's name.
    pub transport: Option<String>,
    /// A word.
    pub reason: Option<String>,
}

impl Wish {
    /// Reads it off a request; `Last-Event-ID` wins over the query, as an `EventSource` that comes
    /// back has both.
    ///
    /// # Errors
    /// 400 if the header is no number.
    pub fn read(
        request: &Request,
        cursor: Option<u64>,
        wait: Option<u64>,
        left: Left,
    ) -> Result<Self, Problem> {
        // Named in full: poem-openapi's `Type` has an `is_empty` for `&str`, which is always false.
        let last = request.header("last-event-id").filter(|text| !str::is_empty(text));
        let last = last.map(|text| text.parse::<u64>().map(|id| id.min(GREATEST)));
        let bad = |_| Problem::bad_request("Last-Event-ID is not the number of an event");
        Ok(Self {
            cursor: last.transpose().map_err(bad)?.or(cursor).unwrap_or(0),
            wait: Duration::from_secs(wait.unwrap_or(WAIT)),
            started: Instant::now(),
            left,
        })
    }
}

impl Streams {
    /// The names of a namespace's transports, the best first.
    #[must_use]
    pub fn offered(&self, namespace: &str) -> Vec<String> {
        let offered = self.offers.get(namespace).into_iter().flatten();
        offered.map(|transport| transport.name().to_owned()).collect()
    }

    /// The transport that a request wants, if the namespace offers it.
    ///
    /// # Errors
    /// 400, 406 or 426.
    pub fn choose(&self, namespace: &str, request: &Request) -> Result<Transport, Problem> {
        let extended = request.extensions().get::<ExtendedConnect>().is_some();
        let chosen = negotiate::negotiate(request.headers(), request.version(), extended);
        let transport = chosen.map_err(unusable)?;
        if self.offers.get(namespace).is_some_and(|offered| offered.contains(&transport)) {
            return Ok(transport);
        }
        let offered = self.offered(namespace).join(", ");
        let detail = format!("{} is switched off here; use {offered}", transport.name());
        Err(Problem::new(StatusCode::NOT_ACCEPTABLE, "transport_off", detail))
    }

    /// Answers with what there is, or with a plan to wait.
    pub fn serve(
        &self,
        request: &Request,
        transport: Transport,
        wish: &Wish,
        (subscription, page): (Subscription, Page),
        commands: Arc<dyn Commands>,
    ) -> EventsResponse {
        if let Some(from) = &wish.left.transport {
            let reason = wish.left.reason.as_deref().unwrap_or_default();
            self.shared.metrics.streams.fallback(from, transport.name(), reason);
        }
        if wish.cursor > 0 {
            self.shared.metrics.streams.resumed(transport.name(), !page.events.is_empty());
        }
        let nothing_left = page.ended && page.events.is_empty();
        if transport == Transport::Sse && nothing_left {
            // WHATWG HTML, section 9.2.3: 204 stops an EventSource.
            let gone = Response::builder().header(header::CACHE_CONTROL, "no-store");
            return EventsResponse(gone.status(StatusCode::NO_CONTENT).finish());
        }
        let mut response = head(transport, request);
        if transport == Transport::LongPoll && (!page.events.is_empty() || page.ended) {
            let Page { events, cursor, state, ended, .. } = page;
            response.set_body(long_poll::answer(&events, cursor, state, ended));
            self.shared.metrics.streams.handshake(transport.name(), wish.started.elapsed());
            return EventsResponse(response);
        }
        let plan = Plan {
            transport,
            subscription,
            first: page,
            wait: wish.wait,
            started: wish.started,
            commands: Some(commands),
            shared: Arc::clone(&self.shared),
        };
        response.extensions_mut().insert(Handover::new(plan));
        EventsResponse(response)
    }
}

/// The head of a stream's or an answer's response.
fn head(transport: Transport, request: &Request) -> Response {
    let response = Response::builder();
    match transport {
        Transport::LongPoll => response
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::CACHE_CONTROL, "no-store")
            .finish(),
        // The bare type: some proxies know no other. No transforming, no buffering (nginx).
        Transport::Sse => response
            .header(header::CONTENT_TYPE, "text/event-stream")
            .header(header::CACHE_CONTROL, "no-store, no-transform")
            .header("x-accel-buffering", "no")
            .finish(),
        Transport::WebSocket => {
            let mut response = response.finish();
            let headers = response.headers_mut();
            if let Some(key) = request.headers().get(header::SEC_WEBSOCKET_KEY)
                && let Ok(accept) = websocket::accept(key.as_bytes()).parse()
            {
                headers.insert(header::SEC_WEBSOCKET_ACCEPT, accept);
            }
            if negotiate::offers_subprotocol(request.headers())
                && let Ok(protocol) = negotiate::SUBPROTOCOL.parse()
            {
                headers.insert(header::SEC_WEBSOCKET_PROTOCOL, protocol);
            }
            response
        }
    }
}

fn unusable(unusable: Unusable) -> Problem {
    match unusable {
        Unusable::UpgradeStripped => Problem::new(
            StatusCode::UPGRADE_REQUIRED,
            "upgrade_required",
            "the WebSocket's Upgrade header did not arrive: a proxy took it out; use \
             `Accept: text/event-stream`, or a long-poll without either",
        ),
        Unusable::Version => Problem::new(
            StatusCode::UPGRADE_REQUIRED,
            "upgrade_required",
            "Sec-WebSocket-Version must be 13",
        ),
        Unusable::Key => Problem::bad_request("Sec-WebSocket-Key must be 16 bytes of base64"),
    }
}

/// The answer of an events operation.
pub struct EventsResponse(Response);

impl IntoResponse for EventsResponse {
    fn into_response(self) -> Response {
        self.0
    }
}

impl ApiResponse for EventsResponse {
    fn meta() -> MetaResponses {
        let mut text = MetaSchema::new("string");
        text.description = Some("Server-Sent Events; the `data` of each is an `Event`.");
        let stream = MetaResponse {
            description: "A long-poll's answer, or a stream of Server-Sent Events. A \
                              WebSocket is answered by 101; an `EventSource` that comes back with \
                              nothing left to hear by 204.",
            status: Some(200),
            status_range: None,
            content: vec![
                MetaMediaType { content_type: "application/json", schema: Events::schema_ref() },
                MetaMediaType {
                    content_type: "text/event-stream",
                    schema: MetaSchemaRef::Inline(Box::new(text)),
                },
            ],
            headers: Vec::new(),
        };
        MetaResponses { responses: vec![stream] }
    }

    fn register(registry: &mut Registry) {
        Events::register(registry);
    }
}
