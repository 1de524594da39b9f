//! From a configuration to pools: one for each namespace whose codes are made ahead, in one database
//! and one storage.

use std::sync::Arc;
use std::time::Duration;

use super::StartError;
use crate::clock::Clock;
use crate::codes::{Filler, Fresh, Pool, PoolParts, PoolRules, Storage, StorageSettings};
use crate::config::{self, Config, Numbering as Rule};
use crate::database::Database;
use crate::entropy::Entropy;
use crate::login::ports::{Numbering, Provider};
use crate::login::session::SessionId;
use crate::metrics::Metrics;

/// The pools of the namespaces.
pub(super) struct Pools {
    /// Where they are; none where no namespace has one.
    place: Option<(Database, Storage)>,
    clock: Clock,
    entropy: Entropy,
    metrics: Arc<Metrics>,
    made: Vec<Pool>,
}

/// Whether a namespace's codes are made ahead.
pub(super) fn has_a_pool(rules: &config::Namespace) -> bool {
    rules.numbering == Rule::Pool
}

impl Pools {
    /// Opens the storage, if a namespace has a pool.
    pub(super) async fn open(
        config: &Config,
        database: Option<&Database>,
        clock: Clock,
        entropy: Entropy,
        metrics: Arc<Metrics>,
    ) -> Result<Self, StartError> {
        let place = match database {
            Some(database) if config.namespaces.values().any(has_a_pool) => {
                Some((database.clone(), storage(config).await?))
            }
            _ => None,
        };
        Ok(Self { place, clock, entropy, metrics, made: Vec::new() })
    }

    /// Which codes the sessions of a namespace get.
    pub(super) fn of(
        &mut self,
        name: &str,
        rules: &config::Namespace,
        provider: &Arc<dyn Provider>,
    ) -> Arc<dyn Numbering> {
        let entropy = self.entropy.clone();
        // `Config::check` has seen to it that codes of this provider can be made ahead.
        let stamp = provider.stamp().filter(|_| has_a_pool(rules));
        let (Some((database, storage)), Some(stamp)) = (self.place.clone(), stamp) else {
            return Arc::new(Fresh(entropy));
        };
        let config::Pool { size, low_water, grow_by, reuse, cooldown_seconds } = rules.pool;
        let kept = PoolRules {
            namespace: name.to_owned(),
            size: size.into(),
            low_water: low_water.into(),
            grow_by: grow_by.into(),
            reuse: reuse.then(|| Duration::from_secs(cooldown_seconds)),
        };
        let (clock, metrics) = (self.clock, Arc::clone(&self.metrics));
        let provider = Arc::clone(provider);
        let parts = PoolParts { database, storage, provider, clock, entropy, metrics };
        let pool = Pool::new(kept, stamp, parts);
        self.made.push(pool.clone());
        Arc::new(pool)
    }

    /// Who keeps them filled, if there are any.
    pub(super) fn filler(self) -> Option<Filler> {
        let (database, _) = self.place.filter(|_| !self.made.is_empty())?;
        let holder = SessionId::random(&self.entropy).to_string();
        Some(Filler::new(self.made, database, holder, self.clock))
    }
}

async fn storage(config: &Config) -> Result<Storage, StartError> {
    let config::Storage { service, public_base_url, options } =
        config.storage.clone().unwrap_or_default();
    let options = options.iter().map(|(name, value)| (name.clone(), value.expose().to_owned()));
    let (options, data_dir) = (options.collect(), config.data_dir.clone());
    let settings = StorageSettings { service, options, public_base_url, data_dir };
    Ok(Storage::open(settings).await?)
}
