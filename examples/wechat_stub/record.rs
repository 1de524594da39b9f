//! The record of every call that reached WeChat, secrets included: it is there to be tested.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::api::Call;
use crate::clock::Moment;
use crate::envelope::Answer;
use crate::faults::Fault;
use crate::pictures;

/// More than any test makes; the oldest go.
const MOST: usize = 100_000;

/// How a call ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum End {
    /// Under way.
    Pending,
    Answered,
    /// The connection was reset, by a fault.
    Reset,
    /// The caller did not wait for the answer.
    Abandoned,
}

/// A call, and what it was answered.
#[derive(Clone, Serialize)]
pub(crate) struct Entry {
    pub(crate) n: usize,
    pub(crate) at: Moment,
    /// Which connection it came by, counted from the first.
    pub(crate) connection: usize,
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) query: BTreeMap<String, String>,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: String,
    /// Whose call it was, as far as can be told.
    pub(crate) appid: Option<String>,
    pub(crate) fault: Option<Fault>,
    pub(crate) end: End,
    pub(crate) status: u16,
    pub(crate) content_type: String,
    /// The text of the answer, or whose picture it is.
    pub(crate) answer: String,
}

/// How often a path was called.
#[derive(Clone, Copy, Default, Serialize)]
pub(crate) struct Count {
    pub(crate) calls: usize,
    /// Calls that are under way.
    pub(crate) under_way: usize,
    /// How many were under way at the same time, at most.
    pub(crate) most_at_once: usize,
}

/// All calls since the beginning, or since they were forgotten.
#[derive(Default)]
pub(crate) struct Record {
    pub(crate) entries: BTreeMap<usize, Entry>,
    pub(crate) counts: BTreeMap<String, Count>,
    /// Numbers go on after forgetting, so that a call that is under way cannot be mistaken.
    next: usize,
}

impl Record {
    pub(crate) fn begin(&mut self, call: &Call, appid: Option<String>, at: Moment) -> usize {
        let n = self.next;
        self.next += 1;
        let count = self.counts.entry(call.path.clone()).or_default();
        count.calls += 1;
        count.under_way += 1;
        count.most_at_once = count.most_at_once.max(count.under_way);
        let entry = Entry {
            n,
            at,
            connection: call.connection,
            method: call.method.to_string(),
            path: call.path.clone(),
            query: call.query.clone(),
            headers: call.headers.clone(),
            body: String::from_utf8_lossy(&call.body).into_owned(),
            appid,
            fault: None,
            end: End::Pending,
            status: 0,
            content_type: String::new(),
            answer: String::new(),
        };
        self.entries.insert(n, entry);
        if self.entries.len() > MOST {
            self.entries.pop_first();
        }
        n
    }

    /// Notes what a call is going to be answered.
    pub(crate) fn answers(&mut self, n: usize, answer: &Answer, fault: Option<Fault>) {
        let Some(entry) = self.entries.get_mut(&n) else { return };
        entry.fault = fault;
        entry.status = answer.status;
        entry.content_type.clone_from(&answer.content_type);
        entry.answer = pictures::name(&answer.body).map_or_else(
            || String::from_utf8_lossy(&answer.body).into_owned(),
            |name| format!("picture: {name}"),
        );
    }

    pub(crate) fn end(&mut self, n: usize, end: End) {
        let Some(entry) = self.entries.get_mut(&n) else { return };
        entry.end = end;
        if let Some(count) = self.counts.get_mut(&entry.path) {
            count.under_way = count.under_way.saturating_sub(1);
        }
    }

    /// A record without calls that numbers on.
    pub(crate) fn forgotten(self) -> Self {
        Self { next: self.next, ..Self::default() }
    }

    /// Forgets all calls.
    pub(crate) fn clear(&mut self) {
        self.entries.clear();
        self.counts.clear();
    }
}
