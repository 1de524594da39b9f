//! Bytes of a subscription to what they say, on each transport. No I/O.

use std::collections::VecDeque;

use serde::Deserialize;

use crate::server::{Kind, Transport};
use crate::wire::{self, Chunks, Frame};

/// What a measurement waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum EventKind {
    Scanned,
    Confirmed,
    #[serde(other)]
    Other,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Event {
    #[serde(rename = "type")]
    pub(crate) kind: EventKind,
    #[serde(default)]
    pub(crate) data: Option<Data>,
}

#[derive(Debug, Default, Deserialize)]
pub(crate) struct Data {
    pub(crate) ticket: Option<String>,
}

pub(crate) enum Item {
    /// The stream stands.
    Open,
    Event(Event),
    Ping(Vec<u8>),
    /// A long-poll answer is over; the next poll begins after this cursor.
    Answered(Option<u64>),
    /// Nothing more will come, and why.
    End(String),
}

/// A long-poll answer of saoma.
#[derive(Deserialize)]
struct Answer {
    events: Vec<Event>,
    cursor: u64,
}

pub(crate) struct Decoder {
    kind: Kind,
    transport: Transport,
    phase: Phase,
    /// Bytes that are no whole thing yet. Empty, and without memory, while nothing happens.
    raw: Vec<u8>,
    /// The same inside a chunked body.
    text: Vec<u8>,
}

enum Phase {
    Head,
    Frames,
    Lines,
    Chunked(Chunks),
}

impl Decoder {
    pub(crate) fn new(kind: Kind, transport: Transport) -> Self {
        Self { kind, transport, phase: Phase::Head, raw: Vec::new(), text: Vec::new() }
    }

    pub(crate) fn feed(&mut self, bytes: &[u8], items: &mut VecDeque<Item>) {
        self.raw.extend_from_slice(bytes);
        if let Err(why) = self.decode(items) {
            items.push_back(Item::End(why));
        }
        for buffer in [&mut self.raw, &mut self.text] {
            if buffer.is_empty() {
                *buffer = Vec::new();
            }
        }
    }

    fn decode(&mut self, items: &mut VecDeque<Item>) -> Result<(), String> {
        loop {
            match &mut self.phase {
                Phase::Head => {
                    if !self.head(items)? {
                        return Ok(());
                    }
                }
                Phase::Frames => match wire::frame(&mut self.raw)? {
                    None => return Ok(()),
                    Some(Frame::Text(text)) => items.push_back(Item::Event(event(&text)?)),
                    Some(Frame::Ping(payload)) => items.push_back(Item::Ping(payload)),
                    Some(Frame::Pong) => {}
                    Some(Frame::Close(code)) => return Err(format!("closed with {code}")),
                },
                Phase::Lines => return lines(&mut self.raw, items),
                Phase::Chunked(chunks) => {
                    let ended = chunks.take(&mut self.raw, &mut self.text)?;
                    lines(&mut self.text, items)?;
                    return if ended { Err("the stream ended".into()) } else { Ok(()) };
                }
            }
        }
    }

    /// An answer's head and, for a long-poll, its body; whether there was all of it.
    fn head(&mut self, items: &mut VecDeque<Item>) -> Result<bool, String> {
        let Some(head) = wire::head(&self.raw)? else { return Ok(false) };
        self.phase = match (self.transport, head.status) {
            (Transport::WebSocket, 101) => Phase::Frames,
            (Transport::Sse, 200) if head.chunked => Phase::Chunked(Chunks::default()),
            (Transport::Sse, 200) => Phase::Lines,
            (Transport::LongPoll, 200) => {
                let end = head.size + head.length.ok_or("a long-poll answer without a length")?;
                let Some(body) = self.raw.get(head.size..end) else { return Ok(false) };
                answer(self.kind, body, items)?;
                self.raw.drain(..end);
                return Ok(true);
            }
            (_, status) => {
                let body = String::from_utf8_lossy(&self.raw[head.size..]);
                return Err(format!("status {status}: {body}"));
            }
        };
        items.push_back(Item::Open);
        self.raw.drain(..head.size);
        Ok(true)
    }
}

fn answer(kind: Kind, body: &[u8], items: &mut VecDeque<Item>) -> Result<(), String> {
    let cursor = match kind {
        Kind::Saoma => {
            let answer: Answer = json(body)?;
            items.extend(answer.events.into_iter().map(Item::Event));
            Some(answer.cursor)
        }
        Kind::Nchan => {
            items.push_back(Item::Event(event(body)?));
            None
        }
    };
    items.push_back(Item::Answered(cursor));
    Ok(())
}

/// The whole lines of an SSE stream. Both servers write an event's JSON as one `data` line and its
/// type is in it, so the other fields need no reading.
fn lines(text: &mut Vec<u8>, items: &mut VecDeque<Item>) -> Result<(), String> {
    let end = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    for line in text[..end].split(|byte| *byte == b'\n') {
        if let Some(data) = line.strip_prefix(b"data:") {
            items.push_back(Item::Event(event(data)?));
        }
    }
    text.drain(..end);
    Ok(())
}

fn event(text: &[u8]) -> Result<Event, String> {
    json(text)
}

fn json<'a, T: Deserialize<'a>>(text: &'a [u8]) -> Result<T, String> {
    serde_json::from_slice(text)
        .map_err(|error| format!("{error} in {}", String::from_utf8_lossy(text)))
}
