//! WebSocket: the encoder (RFC 6455), and the answer to its handshake.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha1::{Digest, Sha1};

use super::Ending;
use crate::clock::Timestamp;
use crate::stream::event::heartbeat_json;

/// What a session's secret is hashed with in the handshake (RFC 6455, section 1.3).
const GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

const TEXT: u8 = 0x1;
const CLOSE: u8 = 0x8;
const PING: u8 = 0x9;
const PONG: u8 = 0xA;

/// Why a WebSocket is closed (RFC 6455, section 7.4; 4000 + S for HTTP status S).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct CloseCode(pub u16);

impl CloseCode {
    /// The session has ended and everything was said.
    pub const NORMAL: Self = Self(1000);
    /// The client broke the protocol.
    pub const PROTOCOL: Self = Self(1002);
    /// The client sent what is not text.
    pub const UNSUPPORTED: Self = Self(1003);
    /// The client sent a text that is not UTF-8.
    pub const NOT_UTF8: Self = Self(1007);
    /// The client sent too much.
    pub const TOO_BIG: Self = Self(1009);
    /// The server is leaving; come back.
    pub const LEAVING: Self = Self(1012);
    /// The client has not been heard for too long.
    pub const SILENT: Self = Self(4408);
    /// The stream has reached its greatest age.
    pub const TOO_OLD: Self = Self(4410);

    /// The code of an ending.
    #[must_use]
    pub fn of(ending: Ending) -> Self {
        match ending {
            Ending::Replaced => Self(4409),
            Ending::Gone => Self(4404),
        }
    }

    /// Every code that the server closes with, and the reason that it gives. Where an HTTP answer
    /// would have been status S, the code is 4000 + S.
    pub const REASONS: [(u16, &str); 10] = [
        (1000, ""),
        (1002, "protocol error"),
        (1003, "text only"),
        (1007, "not UTF-8"),
        (1009, "message too big"),
        (1012, "server is leaving"),
        (4404, "session not found"),
        (4408, "no answer to pings"),
        (4409, "too many subscribers"),
        (4410, "session expired"),
    ];

    fn reason(self) -> &'static str {
        let known = Self::REASONS.into_iter().find(|(code, _)| *code == self.0);
        known.map_or("", |(_, reason)| reason)
    }
}

/// The value of `Sec-WebSocket-Accept` for a key (RFC 6455, section 4.2.2).
#[must_use]
pub fn accept(key: &[u8]) -> String {
    STANDARD.encode(Sha1::new().chain_update(key).chain_update(GUID).finalize())
}

/// A text message in one frame.
#[must_use]
pub fn text(text: &str) -> Vec<u8> {
    frame(TEXT, text.as_bytes())
}

/// A heartbeat: a text that a script sees, and a ping that the browser itself answers.
#[must_use]
pub fn heartbeat(at: Timestamp) -> Vec<u8> {
    let mut bytes = text(&heartbeat_json(at));
    bytes.extend_from_slice(&frame(PING, b""));
    bytes
}

/// The answer to a ping.
#[must_use]
pub fn pong(payload: &[u8]) -> Vec<u8> {
    frame(PONG, payload)
}

/// A close frame.
#[must_use]
pub fn close(code: CloseCode) -> Vec<u8> {
    let mut payload = code.0.to_be_bytes().to_vec();
    payload.extend_from_slice(code.reason().as_bytes());
    frame(CLOSE, &payload)
}

/// One whole frame; a server's are not masked (RFC 6455, section 5.1).
fn frame(opcode: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(payload.len() + 10);
    bytes.push(0x80 | opcode);
    match (u8::try_from(payload.len()), u16::try_from(payload.len())) {
        (Ok(length @ ..=125), _) => bytes.push(length),
        (_, Ok(length)) => {
            bytes.push(126);
            bytes.extend_from_slice(&length.to_be_bytes());
        }
        _ => {
            bytes.push(127);
            bytes.extend_from_slice(&(payload.len() as u64).to_be_bytes());
        }
    }
    bytes.extend_from_slice(payload);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_handshake_of_the_standards_own_example() {
        assert_eq!(accept(b"dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    }

    #[test]
    fn a_frame_says_its_length_in_the_shortest_form() {
        assert_eq!(text("hi"), b"\x81\x02hi");
        assert_eq!(text(&"x".repeat(125))[..2], [0x81, 125]);
        assert_eq!(text(&"x".repeat(126))[..4], [0x81, 126, 0, 126]);
        assert_eq!(text(&"x".repeat(65_535))[..4], [0x81, 126, 255, 255]);
        assert_eq!(text(&"x".repeat(65_536))[..10], [0x81, 127, 0, 0, 0, 0, 0, 1, 0, 0]);
    }

    #[test]
    fn a_close_frame_has_its_code_and_a_short_reason() {
        assert_eq!(close(CloseCode::NORMAL), [0x88, 2, 0x03, 0xE8]);
        let gone = close(CloseCode::of(Ending::Gone));
        assert_eq!(gone[2..4], 4404u16.to_be_bytes());
        assert!(gone.len() < 125);
    }
}
