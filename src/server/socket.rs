//! A client's socket, with what belongs to it: the peer's address, its place in the census, and
//! bytes that were read from it too early.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::server::TlsStream;

use super::census::Place;
use crate::entropy::Entropy;

/// How long data may stay unacknowledged, and a silent peer unanswering, until it counts as gone.
const GONE: Duration = Duration::from_secs(40);
/// How long a connection is silent until it is probed, and how long from probe to probe. Everything
/// but a long-poll says something before.
const PROBE_AFTER: Duration = Duration::from_secs(60);
const PROBE_EVERY: Duration = Duration::from_secs(3);
/// The same for a long-poll: after how long at the least, and within how many seconds more. Polls
/// that began together must not be probed together: their probes would push each other out of a
/// queue, again and again, until all of them seem gone.
const PROBE_POLL_AFTER: u32 = 15;
const PROBE_POLL_WITHIN: u32 = 11;
/// How much the kernel may hold of what is written to a stream: a reader that is slower than this
/// is noticed, and costs no more.
const STREAM_SEND_BUFFER: usize = 64 * 1024;

/// What bytes go over.
#[derive(Debug)]
pub enum Wire {
    /// As they are.
    Plain(TcpStream),
    /// Encrypted. In a box: most servers have a proxy that does it for them.
    Secure(Box<TlsStream<TcpStream>>),
}

impl Wire {
    fn tcp(&self) -> &TcpStream {
        match self {
            Self::Plain(stream) => stream,
            Self::Secure(stream) => stream.get_ref().0,
        }
    }
}

/// Asks whichever of the two there is.
macro_rules! of_wire {
    ($self:expr, $stream:ident => $asked:expr) => {
        match &mut $self.wire {
            Wire::Plain($stream) => $asked,
            Wire::Secure($stream) => $asked,
        }
    };
}

/// A client's socket.
#[derive(Debug)]
pub struct Socket {
    wire: Wire,
    #[expect(
        clippy::box_collection,
        reason = "a pointer while there is nothing, as nearly always"
    )]
    early: Option<Box<Vec<u8>>>,
    peer: SocketAddr,
    _place: Place,
}

impl Socket {
    /// Takes over an accepted stream.
    pub fn new(wire: Wire, peer: SocketAddr, place: Place) -> Self {
        // The listener's own are inherited on Linux; elsewhere at least this one is wanted.
        #[cfg(not(target_os = "linux"))]
        let _ = wire.tcp().set_nodelay(true);
        Self { wire, early: None, peer, _place: place }
    }

    /// Sets up a listener so that the streams it accepts need no calls of their own.
    pub fn prepare(listener: &TcpListener) {
        // What cannot be set is not missed: each of these makes things better, none is needed.
        let socket = SockRef::from(listener);
        let _ = socket.set_tcp_nodelay(true);
        let keepalive = TcpKeepalive::new().with_time(PROBE_AFTER).with_interval(PROBE_EVERY);
        let _ = socket.set_tcp_keepalive(&keepalive);
        #[cfg(target_os = "linux")]
        let _ = socket.set_tcp_user_timeout(Some(GONE));
    }

    /// The peer's address.
    #[must_use]
    pub fn peer(&self) -> SocketAddr {
        self.peer
    }

    /// What was read too early and will be read again.
    #[must_use]
    pub fn early(&self) -> &[u8] {
        self.early.as_ref().map_or(&[], |early| early)
    }

    /// Reads once more too early; how much came, 0 at the end.
    ///
    /// # Errors
    /// The socket is gone.
    pub fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        // A whole head at once, so that hyper need not ask again.
        let mut bytes = [0; 4096];
        let mut buffer = ReadBuf::new(&mut bytes);
        ready!(of_wire!(self, stream => Pin::new(stream).poll_read(cx, &mut buffer)))?;
        let read = buffer.filled();
        if !read.is_empty() {
            self.early.get_or_insert_default().extend_from_slice(read);
        }
        Poll::Ready(Ok(read.len()))
    }

    /// Puts bytes back in front of what will be read next.
    pub fn unread(&mut self, bytes: &[u8]) {
        if !bytes.is_empty() {
            self.early.get_or_insert_default().splice(0..0, bytes.iter().copied());
        }
    }

    /// What was read too early and has not been taken since.
    pub fn take_early(&mut self) -> Vec<u8> {
        self.early.take().map_or_else(Vec::new, |early| *early)
    }

    /// Has a client that only waits probed before long, at a moment of its own.
    pub fn poll_only(&self, entropy: &Entropy) {
        let after = PROBE_POLL_AFTER + entropy.below(PROBE_POLL_WITHIN);
        let keepalive = TcpKeepalive::new().with_time(Duration::from_secs(after.into()));
        let _ = SockRef::from(self.wire.tcp()).set_tcp_keepalive(&keepalive);
    }

    /// Keeps the kernel from buffering much for a client that does not read.
    pub fn stream_only(&self) {
        let _ = SockRef::from(self.wire.tcp()).set_send_buffer_size(STREAM_SEND_BUFFER);
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if let Some(early) = &mut self.early {
            let n = early.len().min(buffer.remaining());
            buffer.put_slice(&early[..n]);
            early.drain(..n);
            if early.is_empty() {
                self.early = None;
            }
            return Poll::Ready(Ok(()));
        }
        of_wire!(self, stream => Pin::new(stream).poll_read(cx, buffer))
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        of_wire!(self, stream => Pin::new(stream).poll_write(cx, bytes))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        of_wire!(self, stream => Pin::new(stream).poll_flush(cx))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        of_wire!(self, stream => Pin::new(stream).poll_shutdown(cx))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        of_wire!(self, stream => Pin::new(stream).poll_write_vectored(cx, bytes))
    }

    fn is_write_vectored(&self) -> bool {
        match &self.wire {
            Wire::Plain(stream) => stream.is_write_vectored(),
            Wire::Secure(stream) => stream.is_write_vectored(),
        }
    }
}

/// A socket lent to hyper, which tells whether hyper still has something to write.
#[derive(Debug)]
pub struct Lent {
    socket: Socket,
    blocked: Arc<AtomicBool>,
}

impl Lent {
    /// Lends a socket; `blocked` is up while a write waits for the peer.
    pub fn new(socket: Socket, blocked: Arc<AtomicBool>) -> Self {
        Self { socket, blocked }
    }

    /// Takes the socket back.
    pub fn into_inner(self) -> Socket {
        self.socket
    }

    fn note<T>(&self, poll: Poll<T>) -> Poll<T> {
        self.blocked.store(poll.is_pending(), Ordering::Release);
        poll
    }
}

impl AsyncRead for Lent {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Lent {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let poll = Pin::new(&mut self.socket).poll_write(cx, bytes);
        self.note(poll)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // What was encrypted already waits here for the peer.
        let poll = Pin::new(&mut self.socket).poll_flush(cx);
        self.note(poll)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let poll = Pin::new(&mut self.socket).poll_write_vectored(cx, bytes);
        self.note(poll)
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }
}
