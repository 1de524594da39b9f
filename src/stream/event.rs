//! The event: one numbered fact about a session, and the one JSON form that every transport sends.
//!
//! To add a type: a variant here with its name; `login::machine` says when it happens.

use std::fmt::Write;
use std::sync::Arc;

use crate::clock::Timestamp;
use crate::store::Item;

/// What an event tells. The order is stored in logs: append, never reorder.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[repr(u8)]
pub enum EventType {
    /// The session was opened: always event 1.
    Pending,
    /// A phone scanned the code.
    Scanned,
    /// The phone confirmed, but the directory does not know who it is.
    Unregistered,
    /// The phone confirmed.
    Confirmed,
    /// The phone, or a service, refused.
    Rejected,
    /// The session's time ran out.
    Expired,
    /// The browser withdrew.
    Cancelled,
    /// A new code replaced the old one.
    Code,
    /// One end says something to the other.
    Message,
}

impl EventType {
    /// Every type.
    pub const ALL: [Self; 9] = [
        Self::Pending,
        Self::Scanned,
        Self::Unregistered,
        Self::Confirmed,
        Self::Rejected,
        Self::Expired,
        Self::Cancelled,
        Self::Code,
        Self::Message,
    ];

    /// Its name on the wire.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Scanned => "scanned",
            Self::Unregistered => "unregistered",
            Self::Confirmed => "confirmed",
            Self::Rejected => "rejected",
            Self::Expired => "expired",
            Self::Cancelled => "cancelled",
            Self::Code => "code",
            Self::Message => "message",
        }
    }

    /// True for the types that are also the session's state from then on.
    #[must_use]
    pub fn is_state(self) -> bool {
        !matches!(self, Self::Code | Self::Message)
    }

    /// The type of a stored tag. A tag that this version does not know shows as a `message`: it
    /// changes no state.
    #[must_use]
    pub fn of(tag: u8) -> Self {
        Self::ALL.get(usize::from(tag)).copied().unwrap_or(Self::Message)
    }
}

/// A field of one event type's data that only some subscribers may see, and that no log holds.
#[derive(Clone)]
pub struct Private {
    kind: EventType,
    /// The field as JSON has it: `"name":"value"`.
    member: Arc<str>,
}

impl Private {
    /// A field of a type's data. Neither its name nor its value may need escaping in JSON.
    #[must_use]
    pub fn new(kind: EventType, name: &str, value: &str) -> Self {
        Self { kind, member: format!(r#""{name}":"{value}""#).into() }
    }
}

/// An event as a subscriber gets it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Event {
    /// Its number in the session's log, from 1.
    pub id: u64,
    /// What it tells.
    pub kind: EventType,
    /// When it happened.
    pub at: Timestamp,
    /// The whole event as one line of JSON.
    pub json: String,
}

impl Event {
    /// Renders a log's item for one subscriber.
    #[must_use]
    pub fn render(id: u64, item: &Item, private: Option<&Private>) -> Self {
        let kind = EventType::of(item.tag);
        let mut json = String::with_capacity(96 + item.data.len());
        let name = kind.name();
        // Writing to a String cannot fail.
        let _ = write!(json, r#"{{"id":{id},"type":"{name}","at":"{}","data":"#, item.at);
        let data = if item.data.is_empty() { "{}" } else { &*item.data };
        match private.filter(|private| private.kind == kind) {
            Some(Private { member, .. }) => {
                let open = data.strip_suffix('}').unwrap_or("{");
                let comma = if open.ends_with('{') { "" } else { "," };
                let _ = write!(json, "{open}{comma}{member}}}");
            }
            None => json.push_str(data),
        }
        json.push('}');
        Self { id, kind, at: item.at, json }
    }
}

/// The data of a `hello`: the first thing said on a stream, never logged, never replayed.
#[derive(Clone, Copy, Debug)]
pub struct Hello {
    /// The last event that the subscriber has, as the server understood it.
    pub cursor: u64,
    /// The session's state.
    pub state: EventType,
    /// Seconds until the session ends by itself.
    pub expires_in: u64,
    /// Seconds between two heartbeats.
    pub heartbeat_seconds: u64,
}

impl Hello {
    /// The whole hello as one line of JSON.
    #[must_use]
    pub fn json(&self, at: Timestamp) -> String {
        let Self { cursor, state, expires_in, heartbeat_seconds } = self;
        let state = state.name();
        format!(
            r#"{{"type":"hello","at":"{at}","data":{{"cursor":{cursor},"state":"{state}","expires_in":{expires_in},"heartbeat_seconds":{heartbeat_seconds}}}}}"#
        )
    }
}

/// A heartbeat as one line of JSON.
#[must_use]
pub fn heartbeat_json(at: Timestamp) -> String {
    format!(r#"{{"type":"heartbeat","at":"{at}","data":{{}}}}"#)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(kind: EventType, data: &str) -> Item {
        Item { tag: kind as u8, at: Timestamp(1_767_225_600_000), data: data.into() }
    }

    #[test]
    fn an_event_is_one_line_of_json() {
        let event = Event::render(1, &item(EventType::Pending, ""), None);
        assert_eq!(
            event.json,
            r#"{"id":1,"type":"pending","at":"2026-01-01T00:00:00.000Z","data":{}}"#
        );
        let event = Event::render(2, &item(EventType::Scanned, r#"{"name":"A*"}"#), None);
        assert!(event.json.ends_with(r#""data":{"name":"A*"}}"#));
    }

    #[test]
    fn a_private_field_is_added_to_its_own_type_alone() {
        let ticket = Private::new(EventType::Confirmed, "ticket", "t");
        let with = |kind, data| Event::render(3, &item(kind, data), Some(&ticket)).json;
        assert!(with(EventType::Confirmed, "").ends_with(r#""data":{"ticket":"t"}}"#));
        assert!(with(EventType::Confirmed, r#"{"a":1}"#).ends_with(r#"{"a":1,"ticket":"t"}}"#));
        assert!(with(EventType::Scanned, "").ends_with(r#""data":{}}"#));
    }

    #[test]
    fn a_tag_leads_back_to_its_type() {
        for kind in EventType::ALL {
            assert_eq!(EventType::of(kind as u8), kind);
        }
    }
}
