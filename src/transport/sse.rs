//! Server-Sent Events: the encoder (WHATWG HTML, section 9.2.5).

use std::time::Duration;

use super::Ending;
use crate::clock::Timestamp;
use crate::stream::event::{Event, Hello, heartbeat_json};

/// How long an `EventSource` waits before it comes back by itself.
const RETRY: Duration = Duration::from_secs(2);
/// How long one waits that had to give way: long enough not to push out others in turn.
const RETRY_REPLACED: Duration = Duration::from_secs(30);

/// The first thing said: how long to wait before coming back, and hello.
#[must_use]
pub fn hello(hello: &Hello, at: Timestamp) -> Vec<u8> {
    let json = hello.json(at);
    format!("retry: {}\n\nevent: hello\ndata: {json}\n\n", RETRY.as_millis()).into_bytes()
}

/// One event.
#[must_use]
pub fn event(event: &Event) -> Vec<u8> {
    let Event { id, kind, json, .. } = event;
    // The JSON is one line: its own line breaks are escaped.
    format!("id: {id}\nevent: {}\ndata: {json}\n\n", kind.name()).into_bytes()
}

/// A heartbeat: a named event, so that a script sees it; without an id, so that the cursor stays.
#[must_use]
pub fn heartbeat(at: Timestamp) -> Vec<u8> {
    format!("event: heartbeat\ndata: {}\n\n", heartbeat_json(at)).into_bytes()
}

/// The last thing said when the server is leaving: when to come back.
#[must_use]
pub fn leaving(come_back_after: Duration) -> Vec<u8> {
    format!("retry: {}\n\n", come_back_after.as_millis()).into_bytes()
}

/// The last thing said when the stream ends for another reason than the session's end.
#[must_use]
pub fn ending(ending: Ending) -> Vec<u8> {
    match ending {
        Ending::Replaced => leaving(RETRY_REPLACED),
        // An EventSource that comes back is told 404 and stops.
        Ending::Gone => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stream::event::EventType;

    #[test]
    fn what_is_said_is_what_the_standard_reads() {
        let at = Timestamp(0);
        let said =
            Hello { cursor: 0, state: EventType::Pending, expires_in: 180, heartbeat_seconds: 15 };
        let text = String::from_utf8(hello(&said, at)).unwrap();
        assert!(text.starts_with("retry: 2000\n\nevent: hello\ndata: {\"type\":\"hello\""));
        assert!(text.ends_with("\n\n"));
        assert!(!text.contains("id: "), "a hello must not move the cursor");
        let third = Event { id: 3, kind: EventType::Scanned, at: Timestamp(0), json: "{}".into() };
        assert_eq!(event(&third), b"id: 3\nevent: scanned\ndata: {}\n\n");
        assert_eq!(leaving(Duration::from_millis(1500)), b"retry: 1500\n\n");
    }
}
