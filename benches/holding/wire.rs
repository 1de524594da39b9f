//! HTTP/1.1 and WebSocket as bytes, as much as a client of these two servers meets.

/// The head of an answer.
pub(crate) struct Head {
    /// Its length in bytes, the empty line included.
    pub(crate) size: usize,
    pub(crate) status: u16,
    pub(crate) length: Option<usize>,
    pub(crate) chunked: bool,
}

/// The head at the front of `bytes`, once it is all there.
pub(crate) fn head(bytes: &[u8]) -> Result<Option<Head>, String> {
    let Some(end) = find(bytes, b"\r\n\r\n") else { return Ok(None) };
    let text = std::str::from_utf8(&bytes[..end]).map_err(|error| error.to_string())?;
    let mut lines = text.split("\r\n");
    let status_line = lines.next().unwrap_or_default();
    let status = status_line.split(' ').nth(1).and_then(|code| code.parse().ok());
    let status = status.ok_or_else(|| format!("no status line: {status_line}"))?;
    let mut head = Head { size: end + 4, status, length: None, chunked: false };
    for (name, value) in lines.filter_map(|line| line.split_once(':')) {
        if name.eq_ignore_ascii_case("content-length") {
            head.length = value.trim().parse().ok();
        } else if name.eq_ignore_ascii_case("transfer-encoding") {
            head.chunked = value.trim().eq_ignore_ascii_case("chunked");
        }
    }
    if matches!(status, 204 | 304) {
        head.length = Some(0);
    }
    Ok(Some(head))
}

/// Where a chunked body stands.
#[derive(Default)]
pub(crate) struct Chunks {
    /// Bytes of the current chunk still to come, its line end included.
    left: usize,
}

impl Chunks {
    /// Moves what is there of the body from `raw` to `text`; true at the last chunk.
    pub(crate) fn take(&mut self, raw: &mut Vec<u8>, text: &mut Vec<u8>) -> Result<bool, String> {
        loop {
            if self.left > 0 {
                let here = self.left.min(raw.len());
                if here == 0 {
                    return Ok(false);
                }
                text.extend_from_slice(&raw[..here.min(self.left.saturating_sub(2))]);
                raw.drain(..here);
                self.left -= here;
                continue;
            }
            let Some(end) = find(raw, b"\r\n") else { return Ok(false) };
            let line = String::from_utf8_lossy(&raw[..end]);
            let digits = line.split(';').next().unwrap_or_default().trim();
            let size =
                usize::from_str_radix(digits, 16).map_err(|_| format!("no chunk size: {line}"))?;
            if size == 0 {
                return Ok(true);
            }
            self.left = size + 2;
            raw.drain(..end + 2);
        }
    }
}

/// A frame from the server.
pub(crate) enum Frame {
    Text(Vec<u8>),
    Ping(Vec<u8>),
    Pong,
    Close(u16),
}

/// Takes the frame at the front of `raw`, once it is all there.
pub(crate) fn frame(raw: &mut Vec<u8>) -> Result<Option<Frame>, String> {
    let (start, length) = match raw.as_slice() {
        [_, 127, ..] => return Err("a frame longer than any event".into()),
        [_, 126, high, low, ..] => (4, usize::from(u16::from_be_bytes([*high, *low]))),
        [_, 126, ..] | [] | [_] => return Ok(None),
        [_, 128..=255, ..] => return Err("a masked frame".into()),
        [_, length, ..] => (2, usize::from(*length)),
    };
    if raw.len() < start + length {
        return Ok(None);
    }
    let payload = raw[start..start + length].to_vec();
    let first = raw[0];
    raw.drain(..start + length);
    match first {
        0x81 => Ok(Some(Frame::Text(payload))),
        0x88 => {
            let code = payload.first_chunk().map_or(1005, |code| u16::from_be_bytes(*code));
            Ok(Some(Frame::Close(code)))
        }
        0x89 => Ok(Some(Frame::Ping(payload))),
        0x8A => Ok(Some(Frame::Pong)),
        // Nothing was asked for that makes fragments or compressed frames.
        _ => Err(format!("a frame beginning with {first:#x}")),
    }
}

/// The answer to a ping. A mask of zeros is a mask; nothing between here and the server caches.
pub(crate) fn pong(payload: &[u8]) -> Vec<u8> {
    let length = u8::try_from(payload.len().min(125)).unwrap_or_default();
    let mut frame = vec![0x8A, 0x80 | length, 0, 0, 0, 0];
    frame.extend_from_slice(&payload[..usize::from(length)]);
    frame
}

pub(crate) fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}
