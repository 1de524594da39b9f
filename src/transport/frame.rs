//! What a WebSocket client sends, byte by byte to messages (RFC 6455, section 5).
//!
//! Buffers nothing between messages: a client that is silent costs no memory here.

use super::websocket::CloseCode;

/// The greatest message that a client may send, in bytes: that of a request's body.
pub const MOST_BYTES: usize = 64 * 1024;

/// One thing that the client said.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Said {
    /// A text message, its fragments put together.
    Text(String),
    /// A ping with its payload.
    Ping(Vec<u8>),
    /// An answer to one of our pings.
    Pong,
    /// A close, with the code to answer it with.
    Close(CloseCode),
}

/// Reads frames.
#[derive(Debug, Default)]
pub struct Frames {
    buffer: Vec<u8>,
    /// The fragments so far of a text that has begun.
    message: Option<Vec<u8>>,
}

struct Head {
    fin: bool,
    opcode: u8,
    mask: [u8; 4],
    /// Where the payload begins and ends.
    payload: std::ops::Range<usize>,
}

impl Frames {
    /// Takes bytes as they came.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// The next thing that was said whole, if there is one.
    ///
    /// # Errors
    /// The code to close with, if the client broke the protocol or sent too much.
    pub fn take(&mut self) -> Result<Option<Said>, CloseCode> {
        loop {
            let Some(head) = self.head()? else { return Ok(None) };
            if self.buffer.len() < head.payload.end {
                return Ok(None);
            }
            let mut payload = self.buffer[head.payload.clone()].to_vec();
            payload.iter_mut().zip(head.mask.iter().cycle()).for_each(|(byte, mask)| *byte ^= mask);
            self.buffer.drain(..head.payload.end);
            if self.buffer.is_empty() {
                self.buffer = Vec::new();
            }
            if let Some(said) = self.accept(&head, payload)? {
                return Ok(Some(said));
            }
        }
    }

    /// Reads a frame's head as soon as it is there, and refuses what could never be right.
    fn head(&self) -> Result<Option<Head>, CloseCode> {
        let &[first, second, ref rest @ ..] = &*self.buffer else { return Ok(None) };
        let (fin, opcode) = (first & 0x80 != 0, first & 0x0F);
        let (reserved, masked) = (first & 0x70 != 0, second & 0x80 != 0);
        let control = opcode & 0x8 != 0;
        let known = matches!(opcode, 0x0..=0x2 | 0x8..=0xA);
        let too_long = control && (second & 0x7F > 125 || !fin);
        let out_of_turn = match opcode {
            0x0 => self.message.is_none(),
            0x1 | 0x2 => self.message.is_some(),
            _ => false,
        };
        if reserved || !masked || !known || too_long || out_of_turn {
            return Err(CloseCode::PROTOCOL);
        }
        if opcode == 0x2 {
            return Err(CloseCode::UNSUPPORTED);
        }
        let (length, used) = match second & 0x7F {
            126 => match rest.first_chunk() {
                Some(length) => (u64::from(u16::from_be_bytes(*length)), 2),
                None => return Ok(None),
            },
            127 => match rest.first_chunk() {
                Some(length) => (u64::from_be_bytes(*length), 8),
                None => return Ok(None),
            },
            short => (u64::from(short), 0),
        };
        let before = self.message.as_ref().map_or(0, Vec::len);
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        if !control && length.saturating_add(before) > MOST_BYTES {
            return Err(CloseCode::TOO_BIG);
        }
        let Some(mask) = rest[used..].first_chunk() else { return Ok(None) };
        let begin = 2 + used + 4;
        Ok(Some(Head { fin, opcode, mask: *mask, payload: begin..begin + length }))
    }

    fn accept(&mut self, head: &Head, payload: Vec<u8>) -> Result<Option<Said>, CloseCode> {
        match head.opcode {
            0x8 => close(&payload).map(Some),
            0x9 => Ok(Some(Said::Ping(payload))),
            0xA => Ok(Some(Said::Pong)),
            _ => {
                let mut message = self.message.take().unwrap_or_default();
                message.extend_from_slice(&payload);
                if !head.fin {
                    self.message = Some(message);
                    return Ok(None);
                }
                let text = String::from_utf8(message).map_err(|_| CloseCode::NOT_UTF8)?;
                Ok(Some(Said::Text(text)))
            }
        }
    }
}

/// What a client's close frame says, or what is wrong with it (RFC 6455, sections 5.5.1, 7.4).
fn close(payload: &[u8]) -> Result<Said, CloseCode> {
    match payload {
        [] => Ok(Said::Close(CloseCode::NORMAL)),
        [_] => Err(CloseCode::PROTOCOL),
        [a, b, reason @ ..] => {
            let code = u16::from_be_bytes([*a, *b]);
            if !matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999) {
                return Err(CloseCode::PROTOCOL);
            }
            std::str::from_utf8(reason).map_err(|_| CloseCode::NOT_UTF8)?;
            Ok(Said::Close(CloseCode(code)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A client's frame, masked.
    fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
        let mask = [1, 2, 3, 4];
        let mut bytes = vec![first];
        if let Ok(length @ ..=125) = u8::try_from(payload.len()) {
            bytes.push(0x80 | length);
        } else {
            bytes.push(0xFE);
            bytes.extend_from_slice(&u16::try_from(payload.len()).unwrap().to_be_bytes());
        }
        bytes.extend_from_slice(&mask);
        bytes.extend(payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask));
        bytes
    }

    fn read(bytes: &[u8]) -> Result<Vec<Said>, CloseCode> {
        let mut frames = Frames::default();
        frames.feed(bytes);
        let mut all = Vec::new();
        while let Some(said) = frames.take()? {
            all.push(said);
        }
        Ok(all)
    }

    #[test]
    fn messages_come_whole_however_the_bytes_are_cut() {
        let bytes = [frame(0x81, b"hello"), frame(0x89, b"p"), frame(0x81, &[b'x'; 300])].concat();
        let whole = read(&bytes).unwrap();
        assert_eq!(whole.len(), 3);
        let mut frames = Frames::default();
        let mut one_by_one = Vec::new();
        for byte in bytes {
            frames.feed(&[byte]);
            while let Some(said) = frames.take().unwrap() {
                one_by_one.push(said);
            }
        }
        assert_eq!(one_by_one, whole);
    }

    #[test]
    fn fragments_are_put_together_with_a_ping_between_them() {
        let bytes = [frame(0x01, b"he"), frame(0x89, b""), frame(0x00, b"l"), frame(0x80, b"lo")];
        let said = [Said::Ping(vec![]), Said::Text("hello".into())];
        assert_eq!(read(&bytes.concat()).unwrap(), said);
    }

    #[test]
    fn what_breaks_the_protocol_gets_its_close_code() {
        let mut unmasked = frame(0x81, b"x");
        unmasked[1] &= 0x7F;
        for (bytes, code) in [
            (unmasked, CloseCode::PROTOCOL),
            (frame(0xC1, b"x"), CloseCode::PROTOCOL), // a reserved bit
            (frame(0x83, b"x"), CloseCode::PROTOCOL), // an unknown opcode
            (frame(0x8B, b"x"), CloseCode::PROTOCOL), // an unknown control opcode
            (frame(0x80, b"x"), CloseCode::PROTOCOL), // nothing to continue
            (frame(0x09, b"x"), CloseCode::PROTOCOL), // a fragmented ping
            (frame(0x89, &[0; 126]), CloseCode::PROTOCOL), // a long ping
            (frame(0x88, &[3]), CloseCode::PROTOCOL), // half a close code
            (frame(0x88, &[3, 0xED]), CloseCode::PROTOCOL), // 1005 is never sent
            (frame(0x82, b"x"), CloseCode::UNSUPPORTED),
            (frame(0x81, b"\xFF"), CloseCode::NOT_UTF8),
            (vec![0x81, 0xFF, 0, 0, 0, 0, 0, 1, 0, 1], CloseCode::TOO_BIG),
            (vec![0x81, 0xFF, 255, 255, 255, 255, 255, 255, 255, 255], CloseCode::TOO_BIG),
        ] {
            assert_eq!(read(&bytes), Err(code), "{bytes:02x?}");
        }
        let begun = [frame(0x01, b"a"), frame(0x81, b"b")].concat();
        assert_eq!(read(&begun), Err(CloseCode::PROTOCOL));
        let half = vec![b'x'; 40_000];
        let grown = [frame(0x01, &half), frame(0x80, &half)].concat();
        assert_eq!(read(&grown), Err(CloseCode::TOO_BIG));
    }

    #[test]
    fn a_close_is_answered_with_its_own_code() {
        assert_eq!(read(&frame(0x88, b"")), Ok(vec![Said::Close(CloseCode::NORMAL)]));
        assert_eq!(read(&frame(0x88, &[0x0F, 0xA0])), Ok(vec![Said::Close(CloseCode(4000))]));
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_it_panic_or_keep_more_than_a_message(
            bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..400),
        ) {
            let _ = read(&bytes);
        }
    }
}
