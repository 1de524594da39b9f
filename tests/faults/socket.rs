//! A WebSocket client that may break every rule.

use std::io;

use crate::http::Client;
use crate::person::{Phone, Session};

/// The first byte of a whole text frame.
pub(crate) const TEXT: u8 = 0x81;
/// The first byte of a close frame.
pub(crate) const CLOSE: u8 = 0x88;
/// The first byte of a ping.
pub(crate) const PING: u8 = 0x89;
/// The first byte of a pong.
pub(crate) const PONG: u8 = 0x8A;

/// What of the second byte says that the payload is masked.
const MASKED: u8 = 0x80;
const MASK: [u8; 4] = [0x37, 0xFA, 0x21, 0x3D];

/// A frame as the server sends it.
#[derive(Debug, Eq, PartialEq)]
pub(crate) struct Frame {
    /// FIN, reserved bits and opcode.
    pub(crate) first: u8,
    /// What it carries.
    pub(crate) payload: Vec<u8>,
}

impl Frame {
    /// The code of a close frame.
    pub(crate) fn close_code(&self) -> Option<u16> {
        let code = *self.payload.first_chunk()?;
        (self.first == CLOSE).then_some(u16::from_be_bytes(code))
    }
}

/// An open WebSocket.
pub(crate) struct Socket(pub(crate) Client);

impl Socket {
    /// A browser's, its hello read.
    pub(crate) async fn of(session: &Session) -> Self {
        let path = format!("{}?cursor=1", session.events);
        Self::open(Client::connect(session.at).await, &path, &session.secret).await
    }

    /// A phone's, its hello read.
    pub(crate) async fn of_phone(session: &Session, phone: &Phone) -> Self {
        let path = format!("{}/events?cursor=2", phone.path);
        Self::open(Client::connect(session.at).await, &path, &phone.token).await
    }

    /// Shakes hands over a connection, and reads the hello.
    pub(crate) async fn open(mut client: Client, path: &str, bearer: &str) -> Self {
        client.send(handshake(path, bearer)).await;
        let head = client.head().await;
        assert_eq!(head.status, 101);
        assert_eq!(head.field("sec-websocket-accept"), Some("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
        assert_eq!(head.field("sec-websocket-protocol"), Some("saoma.v1"));
        let mut socket = Self(client);
        let hello = socket.text().await;
        assert!(hello.contains(r#""type":"hello""#), "{hello}");
        socket
    }

    /// Sends raw bytes.
    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.0.send(bytes).await;
    }

    /// The next frame; none at the connection's clean end.
    pub(crate) async fn frame(&mut self) -> io::Result<Option<Frame>> {
        loop {
            if let Some((frame, used)) = parse(&self.0.unread) {
                self.0.unread.drain(..used);
                return Ok(Some(frame));
            }
            if self.0.read_more().await? == 0 {
                assert!(self.0.unread.is_empty(), "ended in the middle of a frame");
                return Ok(None);
            }
        }
    }

    /// The next frame, which is a text.
    pub(crate) async fn text(&mut self) -> String {
        let frame = self.frame().await.expect("no reset").expect("a frame");
        assert_eq!(frame.first, TEXT, "{frame:?}");
        String::from_utf8(frame.payload).expect("UTF-8")
    }

    /// The code that the server closes with: after it nothing more, and a clean end.
    pub(crate) async fn closed(&mut self) -> u16 {
        let mut last = None;
        while let Some(frame) = self.frame().await.expect("no reset") {
            assert_eq!(last, None, "a frame after the close: {frame:?}");
            last = frame.close_code();
        }
        last.expect("a close frame before the end")
    }
}

/// The handshake, with the standard's own key.
pub(crate) fn handshake(path: &str, bearer: &str) -> String {
    format!(
        "GET {path} HTTP/1.1\r\nhost: a\r\nupgrade: websocket\r\nconnection: Upgrade\r\n\
         sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
         sec-websocket-protocol: saoma.v1, saoma.bearer.{bearer}\r\n\r\n"
    )
}

fn parse(bytes: &[u8]) -> Option<(Frame, usize)> {
    let &[first, second, ref rest @ ..] = bytes else { return None };
    assert_eq!(second & 0x80, 0, "a server masks nothing");
    let (length, used) = match second {
        126 => (usize::from(u16::from_be_bytes(*rest.first_chunk()?)), 4),
        127 => (usize::try_from(u64::from_be_bytes(*rest.first_chunk()?)).ok()?, 10),
        short => (usize::from(short), 2),
    };
    let payload = bytes.get(used..used + length)?.to_vec();
    Some((Frame { first, payload }, used + length))
}

/// A client's frame, masked, with any first byte.
pub(crate) fn frame(first: u8, payload: impl AsRef<[u8]>) -> Vec<u8> {
    let payload = payload.as_ref();
    let mut bytes = vec![first];
    match (u8::try_from(payload.len()), u16::try_from(payload.len())) {
        (Ok(length @ ..=125), _) => bytes.push(MASKED | length),
        (_, Ok(length)) => {
            bytes.push(MASKED | 0x7E);
            bytes.extend(length.to_be_bytes());
        }
        _ => {
            bytes.push(MASKED | 0x7F);
            bytes.extend((payload.len() as u64).to_be_bytes());
        }
    }
    bytes.extend(MASK);
    bytes.extend(payload.iter().zip(MASK.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    bytes
}
