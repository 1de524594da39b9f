//! Puts the house together: from a configuration to a core with its store, providers,
//! directories and keys.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use crate::api::{self, pages::Pages};
use crate::clock::Clock;
use crate::codes::Filler;
use crate::config::{self, Config, DirectoryRule, ProviderName, Relayed, Transport as Named};
use crate::database::Database;
use crate::directory::{ALL, Hook, HookSettings, Known, Open, OpenKept};
use crate::entropy::Entropy;
use crate::history::{History, NoHistory, Writer};
use crate::login::journal::Journal;
use crate::login::limits::{Limits, Rate, Rates};
use crate::login::namespace::Namespace;
use crate::login::ports::{Directory, Numbering, Provider};
use crate::login::secret::Bearer;
use crate::login::session::SessionId;
use crate::login::tokens::Tokens;
use crate::login::{Login, LoginError};
use crate::metrics::Metrics;
use crate::origin::Origin;
use crate::store::memory::MemoryStore;
use crate::store::redis::{Channel, Place, RedisStore};
use crate::store::{Store, Tally};
use crate::stream::Topics;
use crate::stream::hub::Hub;
use crate::token::Keys;
use crate::transport::{Shared, Transport};

use super::pools::Pools;
use super::providers::Providers;
use super::{StartError, published, tokens};

/// The core and what the server itself needs of its parts.
pub struct Assembled {
    /// The core.
    pub login: Arc<Login>,
    /// Who waits.
    pub hub: Arc<Hub>,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// The API over the core.
    pub api: api::Parts,
    /// The database.
    pub database: Database,
    /// Who writes down logins there, if they are kept.
    pub(super) history: Option<Writer>,
    /// Who keeps the pools of codes filled, where there are any.
    pub filler: Option<Filler>,
    /// What this instance has to do with others, where there may be any.
    pub(super) fleet: Option<Fleet>,
}

/// What an instance has to do with others of the same Redis.
pub(super) struct Fleet {
    /// What tells of changes at others.
    pub(super) channel: Channel,
    /// The public keys of all.
    pub(super) keys: Arc<published::Shared>,
}

/// Where a phone reaches the server, and whether that was configured.
#[must_use]
pub fn public_url(config: &Config, listening: SocketAddr) -> String {
    config.public_url.clone().unwrap_or_else(|| {
        let ip = if listening.ip().is_unspecified() {
            super::interfaces::reachable().unwrap_or(listening.ip())
        } else {
            listening.ip()
        };
        let scheme = if config.tls.is_on() { "https" } else { "http" };
        format!("{scheme}://{}", SocketAddr::new(ip, listening.port()))
    })
}

/// Builds everything. Touches the disk: the keys, and the database where it is a file.
///
/// # Errors
/// [`StartError`]
pub async fn assemble(
    config: &Config,
    public_url: &str,
    clock: Clock,
    entropy: Entropy,
) -> Result<Assembled, StartError> {
    let metrics = Arc::new(Metrics::new()?);
    let hub = Arc::new(Hub::default());
    let bell = {
        let hub = Arc::clone(&hub);
        Arc::new(move |key| hub.ring(key))
    };
    let instance = SessionId::random(&entropy).to_string();
    let (store, shared): (Arc<dyn Store>, _) = match redis(config, &instance) {
        None => (Arc::new(MemoryStore::new(bell)), None),
        Some(place) => {
            let (store, channel) = RedisStore::connect(place, Arc::clone(&metrics)).await?;
            let (board, store) = (store.board(), Arc::new(store));
            let tally: Arc<dyn Tally> = Arc::<RedisStore>::clone(&store);
            (store, Some((channel, board, tally)))
        }
    };
    let topics = Arc::new(Topics { store, hub: Arc::clone(&hub), clock });

    let mut pools = Pools::open(config, clock, entropy.clone(), Arc::clone(&metrics)).await?;
    let database = pools.database();
    warn_of_what_is_not_shared(config);
    let mut providers = Providers::new(public_url, clock, entropy.clone(), Arc::clone(&metrics));
    let directories =
        Directories { database, clock, entropy: entropy.clone(), metrics: Arc::clone(&metrics) };
    let mut namespaces = HashMap::new();
    let mut offers = HashMap::new();
    for (name, rules) in &config.namespaces {
        let directory = directories.of(name, rules)?;
        let provider = providers.of(name, rules)?;
        let numbering = pools.of(name, rules, &provider);
        metrics.logins.begin(name);
        let namespace = namespace_of(config, name, rules, (provider, numbering, directory));
        namespaces.insert(name.clone(), Arc::new(namespace));
        let offered = Transport::ALL.into_iter();
        let offered = offered.filter(|t| rules.transports.iter().any(|named| of(*named) == *t));
        offers.insert(name.clone(), offered.collect());
    }

    let keys = Arc::new(Keys::open(&config.data_dir.join("keys"), &entropy, clock.now())?);
    let own = keys.jwks();
    let limits = config.rate_limit.then(|| rates(config));
    let limits = Limits::new(limits, clock, Arc::clone(&metrics));
    let (jwks, find, fleet, limits) = match shared {
        None => (published::alone(&own), published::found_alone(&own), None, limits),
        Some((channel, board, tally)) => {
            let ttl = Duration::from_secs(config.token.ttl_seconds);
            let keys = published::Shared::new(board, &own, ttl, clock);
            keys.put_up().await;
            (keys.published(), keys.found(), Some(Fleet { channel, keys }), limits.shared(tally))
        }
    };
    let (journal, history) = journal(config, &directories.database, &metrics);
    let tokens = Tokens {
        sign: tokens::signing(config, keys, public_url),
        verify: tokens::verifying(config, find, public_url, clock),
        journal,
    };
    let login = Arc::new(Login::new(
        topics,
        namespaces,
        limits,
        entropy.clone(),
        tokens,
        Arc::clone(&metrics),
    ));
    let shared = Arc::new(Shared {
        clock,
        entropy: entropy.clone(),
        metrics: Arc::clone(&metrics),
        heartbeat: Duration::from_secs(config.heartbeat_seconds),
        problem: api::problem::of_ending,
    });
    let proxies = config.trusted_proxies.clone();
    let api = api::Parts {
        login: Arc::clone(&login),
        streams: Arc::new(api::events::Streams { shared, offers }),
        public_url: config.public_url.clone(),
        secure: config.tls.is_on(),
        trusts: Arc::new(move |ip| proxies.iter().any(|network| network.contains(ip))),
        entropy,
        jwks,
        pages: pages_of(config),
    };
    let (database, filler) = (directories.database, pools.filler());
    Ok(Assembled { login, hub, metrics, api, database, history, filler, fleet })
}

/// The Redis that is set, as this instance uses it.
pub(super) fn redis<'a>(config: &'a Config, instance: &'a str) -> Option<Place<'a>> {
    let url = config.redis_url.as_ref()?.expose();
    let ca_file = config.redis_ca_file.as_deref();
    Some(Place { url, ca_file, prefix: &config.redis_prefix, instance })
}

/// Instances that share a Redis and not what else they must share would contradict each other.
fn warn_of_what_is_not_shared(config: &Config) {
    if config.redis_url.is_none() {
        return;
    }
    if config.database_url.is_none() {
        tracing::warn!(
            "database_url is not set: people, and who logged in, are known to this instance alone"
        );
    }
    let is_pool = |rules: &config::Namespace| rules.numbering == config::Numbering::Pool;
    let storage = config.storage.clone().unwrap_or_default();
    let in_data_dir = storage.service == config::StorageService::Fs && storage.options.is_empty();
    if in_data_dir && config.namespaces.values().any(is_pool) {
        tracing::warn!(
            "storage.options.root is not set: other instances do not have this one's pictures"
        );
    }
}

/// What the `OpenAPI` document is made of: a core that serves nobody.
///
/// # Errors
/// Two metrics have the same name.
pub fn for_the_document() -> Result<api::Parts, StartError> {
    let (clock, entropy) = (Clock::system(), Entropy::system());
    let metrics = Arc::new(Metrics::new()?);
    let store = Arc::new(MemoryStore::new(Arc::new(|_| {})));
    let topics = Arc::new(Topics { store, hub: Arc::default(), clock });
    let limits = Limits::new(None, clock, Arc::clone(&metrics));
    let tokens = Tokens {
        sign: Arc::new(|_| Err(LoginError::Signing)),
        verify: Arc::new(|_| Box::pin(async { Ok(None) })),
        journal: Arc::new(NoHistory),
    };
    let nobody = HashMap::new();
    let login = Login::new(topics, nobody, limits, entropy.clone(), tokens, Arc::clone(&metrics));
    let shared = Arc::new(Shared {
        clock,
        entropy: entropy.clone(),
        metrics,
        heartbeat: Duration::ZERO,
        problem: api::problem::of_ending,
    });
    Ok(api::Parts {
        login: Arc::new(login),
        streams: Arc::new(api::events::Streams { shared, offers: HashMap::new() }),
        public_url: None,
        secure: false,
        trusts: Arc::new(|_| false),
        entropy,
        jwks: published::alone(&Value::Null),
        pages: Pages::default(),
    })
}

/// Where logins are written down, and by whom; nowhere if they are not to be kept.
fn journal(
    config: &Config,
    database: &Database,
    metrics: &Arc<Metrics>,
) -> (Arc<dyn Journal>, Option<Writer>) {
    if config.history.retention_days == 0 {
        return (Arc::new(NoHistory), None);
    }
    let (history, writer) = History::new(database.clone(), Arc::clone(metrics));
    (Arc::new(history), Some(writer))
}

/// What the providers of the namespaces want of the pages.
fn pages_of(config: &Config) -> Pages {
    let cdn = config.storage.as_ref().and_then(|storage| storage.public_base_url.as_deref());
    let mut pages = Pages { pictures: cdn.and_then(Origin::of_address), ..Pages::default() };
    for rules in config.namespaces.values() {
        match rules.provider {
            ProviderName::Simulator => pages.phone = true,
            ProviderName::MiniProgram => {}
            ProviderName::OfficialAccount => pages.wechat = true,
            ProviderName::OpenPlatform => {
                pages.wechat = true;
                pages.framed_by.extend(rules.origins.iter().cloned());
                pages.framed_codes.extend(Origin::of_address(&rules.wechat.open_url));
            }
        }
    }
    pages
}

/// The directories of the namespaces, and what they are made of.
struct Directories {
    database: Database,
    clock: Clock,
    entropy: Entropy,
    metrics: Arc<Metrics>,
}

impl Directories {
    fn of(&self, name: &str, rules: &config::Namespace) -> Result<Arc<dyn Directory>, StartError> {
        let (clock, entropy) = (self.clock, self.entropy.clone());
        let group = rules.shares(name);
        let database = self.database.clone();
        Ok(match rules.directory {
            DirectoryRule::Hook => Arc::new(self.hook(name, &rules.hook)?),
            DirectoryRule::Known => {
                let group = group.unwrap_or(name).to_owned();
                Arc::new(Known::new(database, group, clock, entropy))
            }
            // The simulator's people are who they say they are, each time: nothing to write down.
            DirectoryRule::Open if rules.provider == ProviderName::Simulator => Arc::new(Open),
            DirectoryRule::Open => Arc::new(OpenKept::new(database, group, clock)),
        })
    }

    fn hook(&self, namespace: &str, hook: &config::Hook) -> Result<Hook, StartError> {
        let settings = HookSettings {
            url: hook.url.clone().unwrap_or_default(),
            secret: hook.secret.as_ref().map(config::Secret::expose).unwrap_or_default().to_owned(),
            timeout: Duration::from_secs(hook.timeout_seconds),
        };
        let made = Hook::new(settings, self.clock, self.entropy.clone(), Arc::clone(&self.metrics));
        let hook =
            made.map_err(|source| StartError::Hook { namespace: namespace.to_owned(), source })?;
        if hook.has_a_short_secret() {
            tracing::warn!(namespace, "hook.secret is short: 24 random bytes or more are safe");
        }
        Ok(hook)
    }
}

/// What the rooms beside the core do for a namespace.
type Ports = (Arc<dyn Provider>, Arc<dyn Numbering>, Arc<dyn Directory>);

fn namespace_of(
    config: &Config,
    name: &str,
    rules: &config::Namespace,
    (provider, numbering, directory): Ports,
) -> Namespace {
    let digest = |key: &config::Secret| Bearer::shown(key.expose()).digest();
    Namespace {
        name: name.to_owned(),
        provider,
        numbering,
        directory,
        users: rules.shares(name).unwrap_or(ALL).to_owned(),
        session_ttl: Duration::from_secs(rules.session_ttl),
        messages_ttl: Duration::from_secs(rules.messages_ttl),
        ticket_ttl: Duration::from_secs(rules.ticket_ttl),
        match_number: rules.match_number,
        sign_up: rules.sign_up,
        refuse_relayed: rules.relayed == Relayed::Refuse,
        api_keys: rules.api_keys.iter().map(digest).collect(),
        audience: config.token.audience.clone().unwrap_or_else(|| name.to_owned()),
        origins: rules.origins.clone(),
    }
}

fn of(named: Named) -> Transport {
    match named {
        Named::WebSocket => Transport::WebSocket,
        Named::Sse => Transport::Sse,
        Named::LongPoll => Transport::LongPoll,
    }
}

fn rates(config: &Config) -> Rates {
    let limits = &config.limits;
    let rate = |per_minute: std::num::NonZeroU32, burst: std::num::NonZeroU32| Rate {
        per_minute: per_minute.get(),
        burst: burst.get(),
    };
    Rates {
        sessions: rate(limits.sessions_per_minute, limits.sessions_burst),
        unknown_scans: rate(limits.unknown_scans_per_minute, limits.unknown_scans_burst),
        messages: rate(limits.messages_per_minute, limits.messages_burst),
    }
}
