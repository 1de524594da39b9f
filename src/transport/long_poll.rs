//! Long-polling: the encoder of its one answer.

use std::fmt::Write;

use crate::stream::event::{Event, EventType};

/// The answer: what was not known yet, the cursor after it, and whether that was all.
#[must_use]
pub fn answer(events: &[Event], cursor: u64, state: EventType, done: bool) -> String {
    let mut json = String::with_capacity(128 + events.iter().map(|e| e.json.len()).sum::<usize>());
    json.push_str(r#"{"events":["#);
    for (n, event) in events.iter().enumerate() {
        if n > 0 {
            json.push(',');
        }
        json.push_str(&event.json);
    }
    let state = state.name();
    // Writing to a String cannot fail.
    let _ = write!(json, r#"],"cursor":{cursor},"state":"{state}","done":{done}}}"#);
    json
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Timestamp;

    #[test]
    fn the_answer_is_json_with_or_without_events() {
        assert_eq!(
            answer(&[], 2, EventType::Scanned, false),
            r#"{"events":[],"cursor":2,"state":"scanned","done":false}"#
        );
        let json = |id| format!(r#"{{"id":{id}}}"#);
        let (kind, at) = (EventType::Message, Timestamp(0));
        let event = |id| Event { id, kind, at, json: json(id) };
        assert_eq!(
            answer(&[event(1), event(2)], 2, EventType::Rejected, true),
            r#"{"events":[{"id":1},{"id":2}],"cursor":2,"state":"rejected","done":true}"#
        );
    }
}
