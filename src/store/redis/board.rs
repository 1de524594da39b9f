//! A board that all instances share: texts by name, each there for a time.

use redis::RedisResult;
use redis::aio::ConnectionManager;

use super::failed;
use crate::clock::Timestamp;
use crate::store::StoreError;

/// A board.
#[derive(Clone)]
pub struct Board {
    pub(super) connection: ConnectionManager,
    pub(super) name: String,
}

impl Board {
    /// Puts up a text until a moment, in the place of one of the same name.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn put(&self, name: &str, text: &str, until: Timestamp) -> Result<(), StoreError> {
        let text = format!("{} {text}", until.0);
        let put: RedisResult<()> = redis::cmd("HSET")
            .arg(&self.name)
            .arg(name)
            .arg(text)
            .query_async(&mut self.connection.clone())
            .await;
        put.map_err(|error| failed(&error))
    }

    /// All texts, in the order of their names. What has been there for its time is taken down.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn all(&self, now: Timestamp) -> Result<Vec<String>, StoreError> {
        let mut connection = self.connection.clone();
        let found: RedisResult<Vec<(String, String)>> =
            redis::cmd("HGETALL").arg(&self.name).query_async(&mut connection).await;
        let mut found = found.map_err(|error| failed(&error))?;
        found.sort();
        let mut texts = Vec::new();
        for (name, text) in found {
            let parts = text.split_once(' ');
            let good = parts.and_then(|(until, text)| Some((until.parse().ok()?, text)));
            match good {
                Some((until, text)) if Timestamp(until) > now => texts.push(text.to_owned()),
                _ => {
                    let taken: RedisResult<()> = redis::cmd("HDEL")
                        .arg(&self.name)
                        .arg(name)
                        .query_async(&mut connection)
                        .await;
                    taken.map_err(|error| failed(&error))?;
                }
            }
        }
        Ok(texts)
    }
}
