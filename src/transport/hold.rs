//! Holding: a connection that was taken back from hyper and only waits.
//!
//! One small hand-written future instead of hyper's connection, poem's handler and their buffers.
//! It writes what the pump says, hears the client (or hears it go), and in the end gives the
//! connection back for the next request. Everything about bytes on a held connection is here, so
//! that an epoll slab can take this module's place.

use std::fmt::Write;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, UNIX_EPOCH};

use http::{HeaderMap, StatusCode};
use pin_project_lite::pin_project;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep};

use super::frame::{Frames, Said};
use super::pump::{After, Output, Pump};
use super::websocket::{self, CloseCode};
use super::{Answer, Commands, Plan, Transport};
use crate::clock::Timestamp;

/// How long a client may leave what is written to it unread.
const STALL: Duration = Duration::from_secs(5);
/// How long a closed connection is still read, so that what was said last is not lost to a reset.
const LINGER: Duration = Duration::from_secs(2);
/// How many bytes a client may send behind a held request before they are left in the kernel.
const MOST_BEHIND: usize = 16 * 1024;
/// How many heartbeats a WebSocket may leave unanswered.
const MOST_UNANSWERED: u8 = 2;

/// The fields of every answer: not kept while it is waited for.
const USUAL: [(&str, &str); 3] = [
    ("cache-control", "no-store"),
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "no-referrer"),
];

/// How the parts of a stream are told apart on the wire.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Framing {
    /// Chunks (RFC 9112, section 7.1).
    Chunked,
    /// The end of the connection is the end of the stream: HTTP/1.0.
    UntilClose,
    /// Nothing around it: WebSocket's own frames, or a head of its own.
    Bare,
}

/// The head of a response, as far as it is known before its body.
#[derive(Debug)]
pub struct Head {
    /// The status; a long-poll may still come to another.
    pub status: StatusCode,
    /// The fields but `Content-Length`, `Transfer-Encoding`, `Connection` and `Date`.
    pub fields: HeaderMap,
    /// Whether the connection may carry another request.
    pub keep_alive: bool,
}

/// What is special to a WebSocket.
struct Socket {
    frames: Frames,
    commands: Option<Arc<dyn Commands>>,
    running: Option<Answer>,
    unanswered: u8,
}

/// What is on its way out. Most of the time nothing is, and it costs a pointer.
#[derive(Default)]
struct Outgoing {
    bytes: Vec<u8>,
    sent: usize,
    stall: Option<Pin<Box<Sleep>>>,
    /// When the request came, until its first byte is out.
    started: Option<Instant>,
}

enum Phase {
    /// The pump is asked.
    Open,
    /// Everything is said and on its way out.
    Flushing(After),
    /// Our side is shut; the client's is read until it ends.
    Lingering(Pin<Box<Sleep>>),
}

pin_project! {
    /// A held connection. It is done when the connection is closed or given back.
    pub struct Held<IO, R> {
        #[pin]
        pump: Pump,
        io: Option<IO>,
        back: Option<R>,
        out: Option<Box<Outgoing>>,
        behind: Option<Box<Vec<u8>>>,
        socket: Option<Box<Socket>>,
        head: Option<Box<str>>,
        phase: Phase,
        framing: Framing,
        keep_alive: bool,
        greeted: bool,
    }
}

impl<IO, R> Held<IO, R>
where
    IO: AsyncRead + AsyncWrite + Unpin,
    R: FnOnce(IO, Vec<u8>),
{
    /// Holds a connection. `head` is written first, if hyper has not written it; `behind` is what
    /// the client has sent already behind the request; `back` gets the connection when it may
    /// carry another request, with what was sent behind this one.
    pub fn new(
        io: IO,
        behind: Vec<u8>,
        head: Option<Head>,
        framing: Framing,
        mut plan: Plan,
        back: R,
    ) -> Self {
        let commands = plan.commands.take();
        let socket = (plan.transport == Transport::WebSocket).then(|| {
            let mut frames = Frames::default();
            frames.feed(&behind);
            Box::new(Socket { frames, commands, running: None, unanswered: 0 })
        });
        let keep_alive = head.as_ref().is_some_and(|head| head.keep_alive);
        let (mut out, mut kept) = (None, None);
        if plan.transport == Transport::LongPoll {
            kept = head.map(|mut head| {
                for (name, value) in USUAL {
                    if head.fields.get(name).is_some_and(|given| given == value) {
                        head.fields.remove(name);
                    }
                }
                fields(&head.fields).into()
            });
        } else {
            let head = head.map(|head| stream_head(&head, framing, plan.shared.clock.now()));
            let bytes = head.unwrap_or_default().into_bytes();
            let started = Some(plan.started);
            out = Some(Box::new(Outgoing { bytes, started, ..Outgoing::default() }));
        }
        let behind = (socket.is_none() && !behind.is_empty()).then(|| Box::new(behind));
        Self {
            pump: Pump::new(plan),
            io: Some(io),
            back: Some(back),
            out,
            behind,
            socket,
            head: kept,
            phase: Phase::Open,
            framing,
            keep_alive,
            greeted: false,
        }
    }

    /// Reads what the client sends. Ready when nothing more will come of this connection.
    fn poll_hear(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.project();
        let Some(io) = this.io else { return Poll::Ready(()) };
        let mut bytes = [0; 2048];
        loop {
            let lingering = matches!(this.phase, Phase::Lingering(_));
            if let Some(socket) = this.socket {
                // A command at a time; until it is answered, and its answer read, the next waits.
                // Behind our close nothing is said (RFC 6455, section 5.5.1), so nothing is heard.
                let flushing = matches!(this.phase, Phase::Flushing(_));
                let busy = socket.running.is_some() || this.out.is_some();
                if flushing || !lingering && busy {
                    return Poll::Pending;
                }
            } else if this.behind.as_ref().is_some_and(|behind| behind.len() >= MOST_BEHIND) {
                return Poll::Pending;
            }
            let mut buffer = ReadBuf::new(&mut bytes);
            if ready!(Pin::new(&mut *io).poll_read(cx, &mut buffer)).is_err() {
                return Poll::Ready(());
            }
            if buffer.filled().is_empty() {
                return Poll::Ready(());
            }
            if lingering {
                continue;
            }
            match this.socket {
                None => {
                    this.behind.get_or_insert_default().extend_from_slice(buffer.filled());
                }
                Some(socket) => {
                    socket.frames.feed(buffer.filled());
                    socket.unanswered = 0;
                    socket.hear(this.out, this.phase);
                }
            }
        }
    }

    /// Writes what is to be written. Ready when it is, or with an error when it cannot be.
    fn poll_say(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut this = self.project();
        let Some(io) = this.io else { return Poll::Ready(Ok(())) };
        let Some(out) = this.out else { return Poll::Ready(Ok(())) };
        while out.sent < out.bytes.len() {
            match Pin::new(&mut *io).poll_write(cx, &out.bytes[out.sent..]) {
                Poll::Ready(Ok(0)) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Poll::Ready(Ok(n)) => {
                    out.sent += n;
                    out.stall = None;
                    if let Some(started) = out.started.take() {
                        let shared = this.pump.as_ref().get_ref().shared();
                        let transport = this.pump.as_ref().get_ref().transport();
                        shared.metrics.streams.handshake(transport.name(), started.elapsed());
                    }
                }
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => {
                    let stall = out.stall.get_or_insert_with(|| Box::pin(sleep(STALL)));
                    ready!(stall.as_mut().poll(cx));
                    this.pump.as_mut().is_slow();
                    return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
                }
            }
        }
        ready!(Pin::new(io).poll_flush(cx))?;
        *this.out = None;
        Poll::Ready(Ok(()))
    }

    /// Fills the output buffer. Pending when there is nothing to say yet.
    fn poll_more(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut this = self.as_mut().project();
        if let Some(socket) = this.socket {
            if let Some(running) = &mut socket.running {
                let text = ready!(running.as_mut().poll(cx));
                socket.running = None;
                push(this.out, &websocket::text(&text));
                // The next command may be here already.
                socket.hear(this.out, this.phase);
                return Poll::Ready(());
            }
            if socket.unanswered > MOST_UNANSWERED {
                *this.phase = Phase::Flushing(After::Close);
                push(this.out, &websocket::close(CloseCode::SILENT));
                return Poll::Ready(());
            }
        }
        match ready!(this.pump.as_mut().poll_output(cx)) {
            Output::Part(bytes) => {
                part(*this.framing, this.out, &bytes);
                if let Some(socket) = this.socket {
                    // Behind the hello: what came in one piece with the handshake.
                    socket.hear(this.out, this.phase);
                }
            }
            Output::Beat(bytes) => {
                part(*this.framing, this.out, &bytes);
                if let Some(socket) = this.socket {
                    socket.unanswered += 1;
                }
            }
            Output::Last(bytes, after) => {
                part(*this.framing, this.out, &bytes);
                if *this.framing == Framing::Chunked {
                    push(this.out, b"0\r\n\r\n");
                }
                let reusable = *this.keep_alive && *this.framing == Framing::Chunked;
                *this.phase = Phase::Flushing(if reusable { after } else { After::Close });
            }
            Output::Answer { status, body, after } => {
                let after = if *this.keep_alive { after } else { After::Close };
                let fields = this.head.take().unwrap_or_default();
                let at = this.pump.as_ref().get_ref().shared().clock.now();
                push(this.out, &answer(status, &fields, &body, after, at));
                *this.phase = Phase::Flushing(after);
            }
        }
        Poll::Ready(())
    }
}

impl Socket {
    /// Acts on what has been said whole: answers pings, starts the next command, closes if it is
    /// over.
    fn hear(&mut self, out: &mut Option<Box<Outgoing>>, phase: &mut Phase) {
        while self.running.is_none() {
            let code = match self.frames.take() {
                Ok(None) => return,
                Ok(Some(Said::Ping(payload))) => {
                    push(out, &websocket::pong(&payload));
                    continue;
                }
                Ok(Some(Said::Pong)) => continue,
                Ok(Some(Said::Text(text))) => match &self.commands {
                    Some(commands) => {
                        self.running = Some(Arc::clone(commands).run(text));
                        continue;
                    }
                    None => CloseCode::UNSUPPORTED,
                },
                Ok(Some(Said::Close(code))) | Err(code) => code,
            };
            push(out, &websocket::close(code));
            *phase = Phase::Flushing(After::Close);
            return;
        }
    }
}

impl<IO, R> Future for Held<IO, R>
where
    IO: AsyncRead + AsyncWrite + Unpin,
    R: FnOnce(IO, Vec<u8>),
{
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if !std::mem::replace(self.as_mut().project().greeted, true) {
            // Hello goes out with the head, before anything that the client says is answered.
            let _ = self.as_mut().poll_more(cx);
        }
        loop {
            if self.as_mut().poll_hear(cx).is_ready() {
                return Poll::Ready(());
            }
            let had_something_to_say = self.out.is_some();
            if ready!(self.as_mut().poll_say(cx)).is_err() {
                return Poll::Ready(());
            }
            if had_something_to_say {
                // A WebSocket is not heard while something waits to be said.
                continue;
            }
            let this = self.as_mut().project();
            match this.phase {
                Phase::Open => ready!(self.as_mut().poll_more(cx)),
                Phase::Flushing(After::KeepAlive) => {
                    if let (Some(io), Some(back)) = (this.io.take(), this.back.take()) {
                        back(io, this.behind.take().map_or_else(Vec::new, |behind| *behind));
                    }
                    return Poll::Ready(());
                }
                Phase::Flushing(After::Close) => {
                    let Some(io) = this.io else { return Poll::Ready(()) };
                    if ready!(Pin::new(io).poll_shutdown(cx)).is_err() {
                        return Poll::Ready(());
                    }
                    *this.phase = Phase::Lingering(Box::pin(sleep(LINGER)));
                    // What was read behind is of no use any more.
                    *this.behind = None;
                }
                Phase::Lingering(timer) => {
                    ready!(timer.as_mut().poll(cx));
                    return Poll::Ready(());
                }
            }
        }
    }
}

fn push(out: &mut Option<Box<Outgoing>>, bytes: &[u8]) {
    out.get_or_insert_default().bytes.extend_from_slice(bytes);
}

fn part(framing: Framing, out: &mut Option<Box<Outgoing>>, bytes: &[u8]) {
    if bytes.is_empty() {
        return;
    }
    if framing == Framing::Chunked {
        push(out, format!("{:x}\r\n", bytes.len()).as_bytes());
        push(out, bytes);
        push(out, b"\r\n");
    } else {
        push(out, bytes);
    }
}

fn stream_head(head: &Head, framing: Framing, at: Timestamp) -> String {
    let mut text = status_line(head.status, at);
    text.push_str(&fields(&head.fields));
    match framing {
        Framing::Chunked => text.push_str("transfer-encoding: chunked\r\n"),
        Framing::UntilClose => text.push_str("connection: close\r\n"),
        Framing::Bare => {}
    }
    if framing == Framing::Chunked && !head.keep_alive {
        text.push_str("connection: close\r\n");
    }
    text.push_str("\r\n");
    text
}

fn answer(status: u16, fields: &str, body: &str, after: After, at: Timestamp) -> Vec<u8> {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut text = status_line(status, at);
    for (name, value) in USUAL {
        let _ = write!(text, "{name}: {value}\r\n");
    }
    text.push_str(fields);
    let media_type = if status.is_success() { "application/json" } else { super::PROBLEM_TYPE };
    let close = if after == After::Close { "connection: close\r\n" } else { "" };
    let length = body.len();
    let _ = write!(text, "content-type: {media_type}\r\ncontent-length: {length}\r\n{close}\r\n");
    text.push_str(body);
    text.into_bytes()
}

fn status_line(status: StatusCode, at: Timestamp) -> String {
    let reason = status.canonical_reason().unwrap_or("");
    let date = httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_millis(at.0));
    format!("HTTP/1.1 {} {reason}\r\ndate: {date}\r\n", status.as_u16())
}

fn fields(fields: &HeaderMap) -> String {
    let mut text = String::new();
    for (name, value) in fields {
        // A value of ours is visible ASCII; one that is not has no place in a head.
        if let Ok(value) = value.to_str() {
            let _ = write!(text, "{name}: {value}\r\n");
        }
    }
    text
}

/// What a plan travels in from the handler to whoever holds the connection.
#[derive(Clone)]
pub struct Handover(Arc<parking_lot::Mutex<Option<Plan>>>);

impl Handover {
    /// Packs a plan.
    #[must_use]
    pub fn new(plan: Plan) -> Self {
        Self(Arc::new(parking_lot::Mutex::new(Some(plan))))
    }

    /// Takes the plan out, once.
    #[must_use]
    pub fn take(&self) -> Option<Plan> {
        self.0.lock().take()
    }
}
