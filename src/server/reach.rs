//! Whether what a configuration needs besides itself answers, asked without starting a server: for
//! `saoma check-config --connect`. Nothing is changed there that the start would not find as it was.

use std::sync::Arc;

use super::pools::{has_a_pool, storage};
use super::{StartError, assemble};
use crate::config::Config;
use crate::database::Database;
use crate::entropy::Entropy;
use crate::login::session::SessionId;
use crate::metrics::Metrics;
use crate::store::redis::RedisStore;
use crate::trace::{self, Collector};

/// One of them.
#[derive(Debug)]
pub struct Answer {
    /// What it is.
    pub name: &'static str,
    /// Whether it can be used, or why not. There is no secret in it.
    pub usable: Result<(), String>,
}

/// Asks all that there are, one after the other.
pub async fn ask(config: &Config, collector: Option<&Collector>, entropy: &Entropy) -> Vec<Answer> {
    let mut answers = Vec::new();
    let mut add = |name, asked: Result<(), StartError>| {
        answers.push(Answer { name, usable: asked.map_err(|error| error.to_string()) });
    };
    let database = Database::look(config.database_url().expose()).await;
    add("the database", database.map_err(StartError::from));
    if config.redis_url.is_some() {
        add("Redis", redis(config, entropy).await);
    }
    if config.namespaces.values().any(has_a_pool) {
        add("the storage", storage(config, entropy).await.map(drop));
    }
    if let Some(collector) = collector {
        let usable = trace::ask(collector).await;
        let usable = usable.map_err(|error| format!("otlp.endpoint: the collector: {error}"));
        answers.push(Answer { name: "the collector", usable });
    }
    answers
}

async fn redis(config: &Config, entropy: &Entropy) -> Result<(), StartError> {
    let instance = SessionId::random(entropy).to_string();
    let Some(place) = assemble::redis(config, &instance) else { return Ok(()) };
    RedisStore::connect(place, Arc::new(Metrics::new()?)).await?;
    Ok(())
}
