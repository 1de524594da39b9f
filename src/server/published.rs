//! The public keys that tokens can be verified with: this instance's own, and where there are
//! several, all of theirs. A private key leaves its instance never.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use parking_lot::Mutex;
use serde_json::{Value, json};

use crate::api::Published;
use crate::clock::Clock;
use crate::store::StoreError;
use crate::store::redis::Board;

/// How often an instance puts its keys up anew.
const AGAIN: Duration = Duration::from_secs(3600);
/// How long a key stays up after the last token that it may have signed has expired.
const LONGER: Duration = Duration::from_secs(86_400);

/// Finds a published key by its id; an error if nobody can tell whether there is one.
pub(super) type Find =
    Arc<dyn Fn(String) -> BoxFuture<'static, Result<Option<Value>, StoreError>> + Send + Sync>;

/// The key of this id among these.
fn of_id(keys: &[Value], id: &str) -> Option<Value> {
    keys.iter().find(|key| key["kid"] == id).cloned()
}

/// Finds a key of one instance.
pub(super) fn found_alone(jwks: &Value) -> Find {
    let keys: Arc<[Value]> = jwks["keys"].as_array().cloned().unwrap_or_default().into();
    Arc::new(move |id| {
        let found = of_id(&keys, &id);
        Box::pin(async move { Ok(found) })
    })
}

/// The keys of one instance, that never change.
pub(super) fn alone(jwks: &Value) -> Published {
    let text = jwks.to_string();
    Arc::new(move || {
        let text = text.clone();
        Box::pin(async move { text })
    })
}

/// The keys of all instances that share a board.
pub(super) struct Shared {
    board: Board,
    own: Vec<Value>,
    /// How long a token is good.
    token_ttl: Duration,
    clock: Clock,
    /// What the board said last: shown while it says nothing.
    last: Mutex<String>,
}

impl Shared {
    pub(super) fn new(board: Board, jwks: &Value, token_ttl: Duration, clock: Clock) -> Arc<Self> {
        let own = jwks["keys"].as_array().cloned().unwrap_or_default();
        Arc::new(Self { board, own, token_ttl, clock, last: Mutex::new(jwks.to_string()) })
    }

    /// Puts up this instance's keys.
    pub(super) async fn put_up(&self) {
        let until = self.clock.now().plus(self.token_ttl + LONGER);
        for key in &self.own {
            let name = key["kid"].as_str().unwrap_or_default();
            if let Err(error) = self.board.put(name, &key.to_string(), until).await {
                tracing::warn!(%error, "keys.not_put_up");
            }
        }
    }

    /// Puts them up again and again: a Redis that was emptied has them back within the hour, and an
    /// instance that runs for long does not lose them.
    pub(super) async fn keep_up(self: Arc<Self>) {
        loop {
            tokio::time::sleep(AGAIN).await;
            self.put_up().await;
        }
    }

    /// All keys that are up, and our own whatever is up.
    async fn all(&self) -> String {
        match self.board.all(self.clock.now()).await {
            Ok(texts) => {
                let mut keys: Vec<Value> =
                    texts.iter().filter_map(|text| serde_json::from_str(text).ok()).collect();
                keys.extend(
                    self.own.iter().filter(|own| !keys.contains(own)).cloned().collect::<Vec<_>>(),
                );
                let text = json!({ "keys": keys }).to_string();
                self.last.lock().clone_from(&text);
                text
            }
            Err(error) => {
                tracing::warn!(%error, "keys.not_read");
                self.last.lock().clone()
            }
        }
    }

    pub(super) fn published(self: &Arc<Self>) -> Published {
        let shared = Arc::clone(self);
        Arc::new(move || {
            let shared = Arc::clone(&shared);
            Box::pin(async move { shared.all().await })
        })
    }

    /// Finds a key of any instance. What was shown last is not asked: a key that has been taken down
    /// is no longer to be believed.
    pub(super) fn found(self: &Arc<Self>) -> Find {
        let shared = Arc::clone(self);
        Arc::new(move |id| {
            let shared = Arc::clone(&shared);
            Box::pin(async move {
                if let Some(own) = of_id(&shared.own, &id) {
                    return Ok(Some(own));
                }
                let texts = shared.board.all(shared.clock.now()).await?;
                let keys: Vec<Value> =
                    texts.iter().filter_map(|text| serde_json::from_str(text).ok()).collect();
                Ok(of_id(&keys, &id))
            })
        })
    }
}
