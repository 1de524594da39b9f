//! Ids of traces and spans: random, but for a session's own span, which anybody who knows the
//! session can name.

use std::cell::Cell;

use opentelemetry::{SpanId, TraceId};
use opentelemetry_sdk::trace::IdGenerator;

use crate::entropy::Entropy;

thread_local! {
    static SESSION: Cell<Option<u128>> = const { Cell::new(None) };
}

/// The trace of a session has its id.
pub(super) fn trace_of(session: u128) -> TraceId {
    TraceId::from_bytes(session.to_be_bytes())
}

/// The span of a session has the second half of its id: of a version 4 UUID it is never zero.
pub(super) fn span_of(session: u128) -> SpanId {
    let mut half = [0; 8];
    half.copy_from_slice(&session.to_be_bytes()[8..]);
    SpanId::from_bytes(half)
}

/// Begins a span that is a session's own.
pub(super) fn as_session(session: u128, begin: impl FnOnce()) {
    SESSION.set(Some(session));
    begin();
    SESSION.set(None);
}

/// Where ids come from.
#[derive(Clone, Debug)]
pub(super) struct Ids(pub(super) Entropy);

impl IdGenerator for Ids {
    fn new_trace_id(&self) -> TraceId {
        SESSION.get().map_or_else(|| TraceId::from_bytes(self.0.bytes()), trace_of)
    }

    fn new_span_id(&self) -> SpanId {
        SESSION.get().map_or_else(|| SpanId::from_bytes(self.0.bytes()), span_of)
    }
}
