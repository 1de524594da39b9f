//! The settings: defaults, then the TOML file, then the environment, then the command line.
//!
//! Belongs here: what can be set, what it is when nobody sets it, and how a wrong setting is
//! named. Not what a setting does.
//!
//! To add a setting: a field with its default in the table it belongs to, and its row in
//! `settings`. A test fails while one of the two is missing; the README's table follows.

mod check;
mod choices;
mod error;
mod forms;
mod history;
mod limits;
mod load;
mod namespace;
mod network;
mod otlp;
mod overlay;
mod pool;
mod reference;
mod secret;
mod settings;
mod storage;
mod tls;
mod token;
mod wechat;

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::num::NonZeroUsize;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

pub use choices::{DirectoryRule, Numbering, ProviderName, Relayed, StorageService, Transport};
pub use error::{ConfigError, Named};
pub use history::History;
pub use limits::Limits;
pub use load::environment;
pub use namespace::{DEFAULT_NAMESPACE, Hook, Namespace};
pub use network::Network;
pub use otlp::Otlp;
pub use overlay::Flag;
pub use pool::Pool;
pub use reference::reference;
pub use secret::Secret;
pub use storage::Storage;
pub use tls::Tls;
pub use token::Token;
pub use wechat::{EnvVersion, LineColor, WeChat};

/// Everything that can be set. Made by [`Config::load`]; printed with its secrets hidden.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Where the public listener listens; port 0 picks a free one. `SAOMA_LISTEN`, default
    /// `127.0.0.1:3000`.
    pub listen: SocketAddr,
    /// Where the admin listener listens; port 0 picks a free one. `SAOMA_ADMIN_LISTEN`, default
    /// `127.0.0.1:3001`.
    pub admin_listen: SocketAddr,
    /// The http or https address that people reach the server at, with no query and no slash at
    /// its end. `SAOMA_PUBLIC_URL`, default: the address that is listened at.
    #[serde(deserialize_with = "forms::web_address")]
    pub public_url: Option<String>,
    /// The certificate that the public listener shows.
    pub tls: Tls,
    /// The folder of what must outlive a restart. `SAOMA_DATA_DIR`, default `data`.
    pub data_dir: PathBuf,
    /// The Redis that instances share. `SAOMA_REDIS_URL`, default none: one instance, in memory.
    pub redis_url: Option<Secret>,
    /// A file that holds `redis_url`. `SAOMA_REDIS_URL_FILE`.
    pub redis_url_file: Option<PathBuf>,
    /// A file of the certificates, in PEM, that Redis' own is verified by.
    /// `SAOMA_REDIS_CA_FILE`, default none: those that the system trusts.
    pub redis_ca_file: Option<PathBuf>,
    /// The beginning of all keys in Redis, so that several deployments can share one.
    /// `SAOMA_REDIS_PREFIX`, default `saoma`.
    #[serde(deserialize_with = "forms::prefix")]
    pub redis_prefix: String,
    /// The database, `sqlite:…` or `postgres://…`. `SAOMA_DATABASE_URL`; for the default see
    /// [`Config::database_url`].
    pub database_url: Option<Secret>,
    /// A file that holds `database_url`. `SAOMA_DATABASE_URL_FILE`.
    pub database_url_file: Option<PathBuf>,
    /// Seconds that a leaving server gives its subscribers, 0 to 3600. `SAOMA_DRAIN_SECONDS`,
    /// default 20.
    #[serde(deserialize_with = "forms::between::<0, 3600, _>")]
    pub drain_seconds: u64,
    /// Seconds between two heartbeats of a stream, 1 to 300. `SAOMA_HEARTBEAT_SECONDS`, default
    /// 15.
    #[serde(deserialize_with = "forms::between::<1, 300, _>")]
    pub heartbeat_seconds: u64,
    /// Whether `limits` are kept. `SAOMA_RATE_LIMIT` (`on`, `off`), default on.
    #[serde(deserialize_with = "forms::switch")]
    pub rate_limit: bool,
    /// How often an address may call.
    pub limits: Limits,
    /// Addresses of proxies whose word on the client's address is taken.
    /// `SAOMA_TRUSTED_PROXIES` (comma separated), default none.
    pub trusted_proxies: Vec<Network>,
    /// Connections held at once. `SAOMA_MAX_CONNECTIONS`, default: what the limit of open files
    /// leaves.
    pub max_connections: Option<NonZeroUsize>,
    /// Threads that serve connections. `SAOMA_WORKER_THREADS`, default: one less than the machine
    /// has cores, so that the kernel's side of the network has one, too.
    pub worker_threads: Option<NonZeroUsize>,
    /// How a log line is written. `SAOMA_LOG_FORMAT` (`text`, `json`), default `text`.
    pub log_format: LogFormat,
    /// Where traces go.
    pub otlp: Otlp,
    /// The tokens that a login ends in.
    pub token: Token,
    /// How long it is remembered who logged in.
    pub history: History,
    /// Where the images of pooled codes go.
    pub storage: Option<Storage>,
    /// The namespaces by name; `default` is always there.
    #[serde(deserialize_with = "namespace::by_name")]
    pub namespaces: BTreeMap<String, Namespace>,
}

/// How a log line is written.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// For machines: one JSON object a line.
    Json,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 3000)),
            admin_listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 3001)),
            public_url: None,
            tls: Tls::default(),
            data_dir: PathBuf::from("data"),
            redis_url: None,
            redis_url_file: None,
            redis_ca_file: None,
            redis_prefix: "saoma".to_owned(),
            database_url: None,
            database_url_file: None,
            drain_seconds: 20,
            heartbeat_seconds: 15,
            rate_limit: true,
            limits: Limits::default(),
            trusted_proxies: Vec::new(),
            max_connections: None,
            worker_threads: None,
            log_format: LogFormat::Text,
            otlp: Otlp::default(),
            token: Token::default(),
            history: History::default(),
            storage: None,
            namespaces: BTreeMap::from([(DEFAULT_NAMESPACE.to_owned(), Namespace::default())]),
        }
    }
}

impl Config {
    /// The database in use: the one that is set, or the SQLite file `saoma.db` under `data_dir`.
    #[must_use]
    pub fn database_url(&self) -> Secret {
        self.database_url.clone().unwrap_or_else(|| {
            let path = self.data_dir.join("saoma.db").to_string_lossy().into_owned();
            // In a URL these two mean something; in a folder's name they do not.
            Secret::new(format!("sqlite:{}", path.replace('%', "%25").replace('?', "%3F")))
        })
    }

    /// The settings in effect as TOML, secrets hidden.
    #[must_use]
    pub fn to_toml(&self) -> String {
        toml::to_string(self).unwrap_or_else(|error| format!("# cannot be printed: {error}\n"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_database_is_a_file_under_the_data_folder_unless_set() {
        let mut config = Config { data_dir: "/srv/100%?".into(), ..Config::default() };
        assert_eq!(config.database_url().expose(), "sqlite:/srv/100%25%3F/saoma.db");
        config.database_url = Some(Secret::new("sqlite:/tmp/x.db".to_owned()));
        assert_eq!(config.database_url().expose(), "sqlite:/tmp/x.db");
    }

    #[test]
    fn the_settings_in_effect_print_as_toml_without_their_secrets() {
        let redis_url = Some(Secret::new("redis://:hunter2@cache".to_owned()));
        let mut config = Config { redis_url, ..Config::default() };
        config.namespaces.entry("default".to_owned()).and_modify(|it| {
            it.api_keys = vec![Secret::new("hunter2".to_owned())];
        });
        let printed = config.to_toml();
        assert!(!printed.contains("hunter2") && !format!("{config:?}").contains("hunter2"));
        let table: toml::Table = printed.parse().expect("TOML");
        assert_eq!(table["redis_url"].as_str(), Some("***"));
        assert_eq!(table["namespaces"]["default"]["session_ttl"].as_integer(), Some(180));
    }
}
