//! The ordinary way, where a connection cannot be held by itself (HTTP/2, in-process tests): the
//! pump's output as a response body.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::future::poll_fn;
use tokio::time::Instant;
use tokio_stream::Stream;

use super::Plan;
use super::pump::{Output, Pump};

/// A long-poll's answer: status and body.
pub async fn answer(plan: Plan) -> (u16, String) {
    let mut pump = Box::pin(Pump::new(plan));
    loop {
        if let Output::Answer { status, body, .. } =
            poll_fn(|cx| pump.as_mut().poll_output(cx)).await
        {
            return (status, body);
        }
    }
}

/// An SSE stream's body.
pub struct Body {
    pump: Pin<Box<Pump>>,
    started: Option<Instant>,
    over: bool,
}

impl Body {
    /// The body of a plan.
    #[must_use]
    pub fn new(plan: Plan) -> Self {
        let started = Some(plan.started);
        Self { pump: Box::pin(Pump::new(plan)), started, over: false }
    }
}

impl Stream for Body {
    type Item = std::io::Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            if self.over {
                return Poll::Ready(None);
            }
            let bytes = match std::task::ready!(self.pump.as_mut().poll_output(cx)) {
                Output::Part(bytes) | Output::Beat(bytes) => bytes,
                Output::Last(bytes, _) => {
                    self.over = true;
                    bytes
                }
                Output::Answer { body, .. } => {
                    self.over = true;
                    body.into_bytes()
                }
            };
            if let Some(started) = self.started.take() {
                let shared = self.pump.shared();
                shared.metrics.streams.handshake(self.pump.transport().name(), started.elapsed());
            }
            if !bytes.is_empty() {
                return Poll::Ready(Some(Ok(bytes.into())));
            }
        }
    }
}
