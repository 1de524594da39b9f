//! A board that all instances share: texts by name, each there for a time.

use redis::RedisResult;

use super::failed;
use super::link::Link;
use crate::clock::Timestamp;
use crate::store::StoreError;

/// A board.
#[derive(Clone)]
pub struct Board {
    pub(super) link: Link,
    pub(super) name: String,
}

impl Board {
    /// Puts up a text until a moment, in the place of one of the same name.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn put(&self, name: &str, text: &str, until: Timestamp) -> Result<(), StoreError> {
        let text = format!("{} {text}", until.0);
        let mut put = redis::cmd("HSET");
        let put = put.arg(&self.name).arg(name).arg(text);
        self.link.ask("keys", put).await.map_err(|error| failed(&error))
    }

    /// All texts, in the order of their names. What has been there for its time is taken down; what
    /// was not put up here is left alone.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn all(&self, now: Timestamp) -> Result<Vec<String>, StoreError> {
        let found: RedisResult<Vec<(String, String)>> =
            self.link.ask("keys", redis::cmd("HGETALL").arg(&self.name)).await;
        let mut found = found.map_err(|error| failed(&error))?;
        found.sort();
        let mut texts = Vec::new();
        for (name, text) in found {
            let parts = text.split_once(' ');
            let Some((until, text)) =
                parts.and_then(|(until, text)| Some((until.parse().ok()?, text)))
            else {
                continue;
            };
            if Timestamp(until) > now {
                texts.push(text.to_owned());
            } else {
                let mut take = redis::cmd("HDEL");
                let taken: RedisResult<()> =
                    self.link.ask("keys", take.arg(&self.name).arg(name)).await;
                taken.map_err(|error| failed(&error))?;
            }
        }
        Ok(texts)
    }
}
