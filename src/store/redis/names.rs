//! The names of the keys in Redis: under one prefix, a session's all in one slot.

use crate::store::Key;

/// Into how many slots sessions fall. Each has deadlines and a census of its own.
pub(super) const SLOTS: u8 = 16;

/// The alphabet of aliases (RFC 4648, section 5): a character's place says six bits.
const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// Names keys.
#[derive(Clone, Debug)]
pub(super) struct Names {
    prefix: String,
}

/// The names of what is kept of a session.
pub(super) struct OfSession {
    pub(super) id: String,
    pub(super) record: String,
    pub(super) log: String,
    pub(super) watchers: String,
    pub(super) seats: String,
    pub(super) deadlines: String,
    pub(super) census: String,
}

/// The slot of a key: its first four bits.
fn slot(key: Key) -> u8 {
    (key >> 124) as u8
}

/// The slot of an alias: the first four bits of what its first character says.
fn slot_of_alias(alias: &str) -> u8 {
    let first = alias.as_bytes().first();
    let place = first.and_then(|first| ALPHABET.iter().position(|letter| letter == first));
    place.and_then(|place| u8::try_from(place >> 2).ok()).unwrap_or(0)
}

impl Names {
    pub(super) fn new(prefix: String) -> Self {
        Self { prefix }
    }

    pub(super) fn of_session(&self, key: Key) -> OfSession {
        let (id, slot) = (format!("{key:032x}"), slot(key));
        OfSession {
            record: format!("{}{id}", self.records(slot)),
            log: self.of(slot, "log", &id),
            watchers: self.of(slot, "watch", &id),
            seats: self.of(slot, "seats", &id),
            deadlines: self.deadlines(slot),
            census: self.census(slot),
            id,
        }
    }

    /// The name of an alias. It is in the slot of its key if it begins as the key does.
    pub(super) fn alias(&self, alias: &str) -> String {
        self.of(slot_of_alias(alias), "alias", alias)
    }

    /// The beginning of the names of a slot's records.
    pub(super) fn records(&self, slot: u8) -> String {
        self.of(slot, "session", "")
    }

    pub(super) fn deadlines(&self, slot: u8) -> String {
        self.of(slot, "due", "")
    }

    pub(super) fn census(&self, slot: u8) -> String {
        self.of(slot, "census", "")
    }

    /// The beginning of the names of the instances' channels.
    pub(super) fn channels(&self) -> String {
        format!("{}:bell:", self.prefix)
    }

    /// The name of a counter.
    pub(super) fn counter(&self, name: &str) -> String {
        format!("{}:limit:{name}", self.prefix)
    }

    /// The name of the board of public keys.
    pub(super) fn board(&self) -> String {
        format!("{}:keys", self.prefix)
    }

    /// The names that do not come and go with sessions, and the types of what is there.
    pub(super) fn of_all(&self) -> Vec<(String, &'static str)> {
        let mut all = vec![(self.board(), "hash")];
        for slot in 0..SLOTS {
            all.extend([(self.deadlines(slot), "zset"), (self.census(slot), "hash")]);
        }
        all
    }

    /// What is in the braces alone decides the slot of a cluster (Redis cluster specification, hash
    /// tags).
    fn of(&self, slot: u8, kind: &str, rest: &str) -> String {
        format!("{}:{{{slot:x}}}:{kind}:{rest}", self.prefix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_of_a_session_is_in_one_slot() {
        let names = Names::new("saoma".to_owned());
        let key = 0xb000_0000_0000_0000_0000_0000_0000_0001;
        let OfSession { record, log, watchers, seats, deadlines, census, .. } =
            names.of_session(key);
        // `s` says 44, whose first four bits of six are 11.
        for name in [record, log, watchers, seats, deadlines, census, names.alias("sdfg")] {
            assert!(name.starts_with("saoma:{b}:"), "{name}");
        }
    }

    #[test]
    fn every_character_of_an_alias_has_a_slot() {
        for first in "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_!~".chars() {
            assert!(slot_of_alias(&first.to_string()) < SLOTS);
        }
        assert_eq!(slot_of_alias(""), 0);
    }
}
