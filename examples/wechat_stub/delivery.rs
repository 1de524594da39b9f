//! The delivery of callbacks: how long an answer is waited for, and how often it is tried.

use std::sync::Arc;
use std::time::Duration;

use reqwest::Client;
use reqwest::redirect::Policy;
use tokio::time::Instant;

use crate::callbacks::{Outcome, Push, Try, acceptable, dress, reply};
use crate::world::Shared;

const TRIES: usize = 3;

/// A client as WeChat's: it keeps no connection and follows no redirect.
pub(crate) fn client() -> Client {
    // The client wants one, though it speaks plain http.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = Client::builder().no_proxy().pool_max_idle_per_host(0).redirect(Policy::none());
    client.user_agent("Mozilla/4.0").build().expect("a client")
}

/// Delivers a callback, or gives up.
pub(crate) async fn deliver(shared: &Arc<Shared>, id: usize) {
    let Some(push) = shared.change(|world| world.callbacks.0.get(id).cloned()) else { return };
    let Push { envelope, xml, .. } = push;
    let patience = Duration::from_millis(envelope.callback.timeout_ms);
    let mut dressed = None;
    for _ in 0..TRIES {
        if envelope.callback.signs_anew || dressed.is_none() {
            match shared.change(|world| dress(&envelope, &xml, &mut world.dice)) {
                Ok(anew) => dressed = Some(anew),
                Err(error) => {
                    let faulty = |push: &mut Push| push.reply_error = Some(error);
                    return finish(shared, id, Outcome::Unanswered, faulty);
                }
            }
        }
        let Some((url, body)) = &dressed else { return };
        let tried = attempt(shared, url, body, patience).await;
        let good = tried.status == Some(200);
        let answer = tried.answer.clone().unwrap_or_default();
        shared.change(|world| {
            if let Some(push) = world.callbacks.0.get_mut(id) {
                push.tries.push(tried);
            }
        });
        if !good {
            continue;
        }
        let outcome = if acceptable(&answer) { Outcome::Accepted } else { Outcome::FaultShown };
        let reply = reply(&envelope, &answer);
        return finish(shared, id, outcome, |push| match reply {
            Ok(reply) => push.reply = reply,
            Err(error) => {
                push.outcome = Outcome::FaultShown;
                push.reply_error = Some(error);
            }
        });
    }
    finish(shared, id, Outcome::Unanswered, |_| ());
}

fn finish(shared: &Shared, id: usize, outcome: Outcome, with: impl FnOnce(&mut Push)) {
    shared.change(|world| {
        if let Some(push) = world.callbacks.0.get_mut(id) {
            push.outcome = outcome;
            with(push);
        }
    });
}

/// Posts a callback's body once.
pub(crate) async fn attempt(shared: &Shared, url: &str, body: &str, patience: Duration) -> Try {
    let (at, began) = (shared.change(|world| world.now()), Instant::now());
    let request = shared.client.post(url).header("content-type", "text/xml");
    let sent = request.body(body.to_owned()).timeout(patience).send().await;
    let (status, text) = match sent {
        Ok(response) => (Some(response.status().as_u16()), response.text().await),
        Err(error) => (None, Err(error)),
    };
    let (answer, error) = match text {
        Ok(text) => (Some(text), None),
        Err(error) if error.is_timeout() => (None, Some("no answer in time".to_owned())),
        Err(error) => (None, Some(format!("{error:?}"))),
    };
    // Half an answer is none.
    let status = status.filter(|_| error.is_none());
    let took_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    Try { at, url: url.to_owned(), body: body.to_owned(), status, answer, error, took_ms }
}
