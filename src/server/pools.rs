//! From a configuration to pools: one for each namespace whose codes are made ahead, in one database
//! and one storage.

use std::sync::Arc;
use std::time::Duration;

use super::StartError;
use super::providers::Providers;
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
    database: Database,
    /// Where pictures go; none where no namespace has a pool.
    storage: Option<Storage>,
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
    /// Opens the database, and the storage if a namespace has a pool. The storage first: where it
    /// cannot be used, no schema has been changed; but only once it is seen that the database is one.
    pub(super) async fn open(
        config: &Config,
        clock: Clock,
        entropy: Entropy,
        metrics: Arc<Metrics>,
    ) -> Result<Self, StartError> {
        let url = config.database_url();
        let storage = if config.namespaces.values().any(has_a_pool) {
            Database::look(url.expose()).await?;
            Some(storage(config, &entropy).await?)
        } else {
            None
        };
        let database = Database::open(url.expose()).await?;
        Ok(Self { database, storage, clock, entropy, metrics, made: Vec::new() })
    }

    /// The database, for others.
    pub(super) fn database(&self) -> Database {
        self.database.clone()
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
        let (Some(storage), Some(stamp)) = (self.storage.clone(), stamp) else {
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
        let (database, clock) = (self.database.clone(), self.clock);
        let metrics = Arc::clone(&self.metrics);
        let provider = Arc::clone(provider);
        let parts = PoolParts { database, storage, provider, clock, entropy, metrics };
        let pool = Pool::new(kept, stamp, parts);
        self.made.push(pool.clone());
        Arc::new(pool)
    }

    /// Who keeps them filled, if there are any.
    pub(super) fn filler(self) -> Option<Filler> {
        if self.made.is_empty() {
            return None;
        }
        let holder = format!("server {}", SessionId::random(&self.entropy));
        Some(Filler::new(self.made, self.database, holder, self.clock))
    }
}

/// The pools of a configuration for a command that looks after them, beside servers.
pub struct Tended {
    /// The pools, each with its namespace's name.
    pub pools: Vec<Pool>,
    /// Who fills and clears them.
    pub filler: Filler,
    /// The database, to be closed.
    pub database: Database,
}

/// Opens the pools of the namespaces that `chosen` picks.
///
/// # Errors
/// [`StartError`]
pub async fn tend(
    config: &Config,
    public_url: &str,
    chosen: impl Fn(&str) -> bool,
    clock: Clock,
    entropy: Entropy,
) -> Result<Tended, StartError> {
    let metrics = Arc::new(Metrics::new()?);
    let mut providers = Providers::new(public_url, clock, entropy.clone(), Arc::clone(&metrics));
    let mut pools = Pools::open(config, clock, entropy.clone(), metrics).await?;
    let database = pools.database();
    for (name, rules) in config.namespaces.iter().filter(|(name, _)| chosen(name)) {
        let provider = providers.of(name, rules)?;
        pools.of(name, rules, &provider);
    }
    let holder = format!("command {}", SessionId::random(&entropy));
    let filler = Filler::new(pools.made.clone(), database.clone(), holder, clock);
    Ok(Tended { pools: pools.made, filler, database })
}

pub(super) async fn storage(config: &Config, entropy: &Entropy) -> Result<Storage, StartError> {
    let config::Storage { service, public_base_url, options } =
        config.storage.clone().unwrap_or_default();
    let options = options.iter().map(|(name, value)| (name.clone(), value.expose().to_owned()));
    let (options, data_dir) = (options.collect(), config.data_dir.clone());
    let settings =
        StorageSettings { service: service.name().to_owned(), options, public_base_url, data_dir };
    Ok(Storage::open(settings, entropy).await?)
}
