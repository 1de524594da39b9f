//! `[namespaces.<name>]`: how the sessions of one application go.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize};

use super::secret::{self, from_file, list_from_file};
use super::{
    ConfigError, DirectoryRule, Numbering, Pool, ProviderName, Relayed, Secret, Transport, WeChat,
    forms,
};
use crate::origin::Origin;

/// The namespace that is always there, and that environment variables set.
pub const DEFAULT_NAMESPACE: &str = "default";

/// How the sessions of one application go.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Namespace {
    /// What makes the codes and vouches for who scans. `SAOMA_PROVIDER`, default `simulator`.
    pub provider: ProviderName,
    /// Seconds that a session lives, 5 to 3600. `SAOMA_SESSION_TTL`, default 180.
    #[serde(deserialize_with = "forms::between::<5, 3600, _>")]
    pub session_ttl: u64,
    /// Seconds that a session with messages lives on after its confirmation, 1 to 86400.
    /// `SAOMA_MESSAGES_TTL`, default 3600.
    #[serde(deserialize_with = "forms::between::<1, 86_400, _>")]
    pub messages_ttl: u64,
    /// Seconds that a ticket can be exchanged, 1 to 3600. `SAOMA_TICKET_TTL`, default 60.
    #[serde(deserialize_with = "forms::between::<1, 3600, _>")]
    pub ticket_ttl: u64,
    /// The ways that events may go, each once, at least one. `SAOMA_TRANSPORTS` (comma
    /// separated), default all three.
    #[serde(deserialize_with = "some_transports")]
    pub transports: Vec<Transport>,
    /// The origins, other than the server's own, whose pages may open and follow sessions; each
    /// as a browser writes it. `SAOMA_ORIGINS` (comma separated), default none.
    pub origins: Vec<Origin>,
    /// Who is registered. `SAOMA_DIRECTORY`, default `open`.
    pub directory: DirectoryRule,
    /// A name by which namespaces of one `directory` share their users. `SAOMA_USERS`; for the
    /// default see [`Namespace::shares`].
    #[serde(deserialize_with = "a_name")]
    pub users: Option<String>,
    /// The service that `directory = "hook"` asks.
    pub hook: Hook,
    /// Whether a person whom the directory does not know may register. `SAOMA_SIGN_UP`, default
    /// on.
    #[serde(deserialize_with = "forms::switch")]
    pub sign_up: bool,
    /// Whether the phone must say the number that the browser shows. `SAOMA_MATCH_NUMBER`,
    /// default off.
    #[serde(deserialize_with = "forms::switch")]
    pub match_number: bool,
    /// What backends show to redeem tickets. `SAOMA_API_KEYS` (comma separated), default none.
    #[serde(deserialize_with = "secret::list")]
    pub api_keys: Vec<Secret>,
    /// A file of such keys, one a line, `#` before a remark. `SAOMA_API_KEYS_FILE`.
    pub api_keys_file: Option<PathBuf>,
    /// Where scenes come from. `SAOMA_NUMBERING`, default `fresh`.
    pub numbering: Numbering,
    /// The codes that are made ahead with `numbering = "pool"`.
    pub pool: Pool,
    /// What happens when a code reached the phone as a picture. `SAOMA_RELAYED`, default `warn`.
    pub relayed: Relayed,
    /// The WeChat account of the providers other than the simulator.
    pub wechat: WeChat,
}

/// The service that `directory = "hook"` asks.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Hook {
    /// Where it is. `SAOMA_HOOK_URL`.
    #[serde(deserialize_with = "forms::exact_web_address")]
    pub url: Option<String>,
    /// What calls to it are signed with: base64 after `whsec_`, any other text as it is.
    /// `SAOMA_HOOK_SECRET`.
    pub secret: Option<Secret>,
    /// A file that holds `secret`. `SAOMA_HOOK_SECRET_FILE`.
    pub secret_file: Option<PathBuf>,
    /// Seconds that a phone waits for its answer, a second try included, 1 to 30.
    /// `SAOMA_HOOK_TIMEOUT_SECONDS`, default 5.
    #[serde(deserialize_with = "forms::between::<1, 30, _>")]
    pub timeout_seconds: u64,
}

impl Default for Hook {
    fn default() -> Self {
        Self { url: None, secret: None, secret_file: None, timeout_seconds: 5 }
    }
}

impl Default for Namespace {
    fn default() -> Self {
        Self {
            provider: ProviderName::Simulator,
            session_ttl: 180,
            messages_ttl: 3600,
            ticket_ttl: 60,
            transports: Transport::ALL.to_vec(),
            origins: Vec::new(),
            directory: DirectoryRule::Open,
            users: None,
            hook: Hook::default(),
            sign_up: true,
            match_number: false,
            api_keys: Vec::new(),
            api_keys_file: None,
            numbering: Numbering::Fresh,
            pool: Pool::default(),
            relayed: Relayed::Warn,
            wechat: WeChat::default(),
        }
    }
}

impl Namespace {
    /// The name by which the namespace called `name` shares its users; none for what all share
    /// whose directory is `open` and who name nothing.
    #[must_use]
    pub fn shares<'a>(&'a self, name: &'a str) -> Option<&'a str> {
        let own = (self.directory != DirectoryRule::Open).then_some(name);
        self.users.as_deref().or(own)
    }

    /// Reads the `_file` forms. `key` is the table's own.
    pub(super) fn read_files(&mut self, key: &str) -> Result<(), ConfigError> {
        let file = self.api_keys_file.as_deref();
        list_from_file(&mut self.api_keys, file, &format!("{key}.api_keys"))?;
        let file = self.hook.secret_file.as_deref();
        from_file(&mut self.hook.secret, file, &format!("{key}.hook.secret"))?;
        self.wechat.read_files(&format!("{key}.wechat"))
    }
}

/// The namespaces, `default` among them, each with a name that can stand in a path.
pub(super) fn by_name<'de, D>(from: D) -> Result<BTreeMap<String, Namespace>, D::Error>
where
    D: Deserializer<'de>,
{
    let mut namespaces = BTreeMap::<String, Namespace>::deserialize(from)?;
    if let Some(name) = namespaces.keys().find(|name| !is_name(name)) {
        let rule = format!("a namespace's name is {NAME}");
        return Err(D::Error::custom(format!("{name:?}: {rule}")));
    }
    namespaces.entry(DEFAULT_NAMESPACE.to_owned()).or_default();
    Ok(namespaces)
}

/// What a namespace can be called.
const NAME: &str = "1 to 32 characters out of a-z, 0-9, _ and -";

fn is_name(text: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"_-".contains(&b);
    (1..=32).contains(&text.len()) && text.bytes().all(allowed)
}

/// A name like a namespace's, that may be left out.
fn a_name<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    let name = String::deserialize(from)?;
    if is_name(&name) {
        Ok(Some(name))
    } else {
        Err(D::Error::custom(format!("{name:?}: expected {NAME}")))
    }
}

fn some_transports<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<Transport>, D::Error> {
    let transports = Vec::<Transport>::deserialize(from)?;
    if transports.is_empty() {
        return Err(D::Error::custom("at least one transport is needed"));
    }
    if (1..transports.len()).any(|at| transports[..at].contains(&transports[at])) {
        return Err(D::Error::custom("a transport is named twice"));
    }
    Ok(transports)
}
