//! An instance as it is in life: a process, with settings from a file and a folder of its own.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use reqwest::Method;
use saoma::config::{Config, Secret};
use tempfile::TempDir;

use super::certificates::ca_beside;
use super::kept::Kept;
use super::{Api, Ask, Browser, Phone, Via, metrics, within};

const BINARY: &str = env!("CARGO_BIN_EXE_saoma");
/// Runs the server, tells its process id, and ends as it does; or ends it with the tests.
const KEEPER: &str = r#"
exec 3<&0
sh -c 'echo "pid $$"; exec "$@"' saoma "$@" &
server=$!
(read -r _ <&3; kill -KILL $server) &
wait $server
code=$?
kill -KILL $!
exit $code
"#;

/// An instance that runs until it is told to end, or the test ends.
pub(crate) struct Instance {
    /// Its public listener.
    pub(crate) address: SocketAddr,
    /// Its admin listener.
    pub(crate) admin: SocketAddr,
    api: Api,
    pid: String,
    process: Kept,
    _folder: TempDir,
}

impl Instance {
    /// One with these settings, its secrets among them. It serves when this returns.
    pub(crate) async fn start(config: &Config) -> Self {
        Self::start_under(config, &[]).await
    }

    /// One with these variables, each `NAME=value`, that are no settings.
    pub(crate) async fn start_under(config: &Config, variables: &'static [&str]) -> Self {
        let config = config.clone();
        // It is waited for by reading its first lines; others may start meanwhile.
        let starting = tokio::task::spawn_blocking(move || Self::run(config, variables));
        starting.await.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()))
    }

    fn run(mut config: Config, variables: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        folder.path().clone_into(&mut config.data_dir);
        let file = folder.path().join("saoma.toml");
        std::fs::write(&file, with_secrets(&config)).expect("written");
        let command = [&["env"], variables, &[BINARY, "--config", path(&file)]].concat();
        let mut process = Kept::start(KEEPER, &command);
        let mut says = |before: &str| {
            process.says(before).unwrap_or_else(|| panic!("no {before:?}: {}", process.errors()))
        };
        let pid = says("pid ");
        let base = says("listening on ");
        let address = base.split_once("://").expect("an address").1.parse().expect("an address");
        let admin = says("admin on http://").parse().expect("an address");
        process.is_not_listened_to();
        let api = match &config.tls.cert_file {
            Some(cert) => Api::secure(base, &ca_beside(cert)),
            None => Api::new(base),
        };
        Self { address, admin, api, pid, process, _folder: folder }
    }

    /// Sends it a signal, as `kill` names it.
    pub(crate) fn signal(&self, signal: &str) {
        let sent = Command::new("kill").args([signal, &self.pid]).status();
        assert!(sent.is_ok_and(|status| status.success()), "kill {signal}");
    }

    /// The code that it ended with; 128 and the signal if it was killed.
    pub(crate) async fn ended(&mut self) -> Option<i32> {
        within("an instance to end", self.process.ended()).await.code()
    }

    /// What it has logged so far.
    pub(crate) fn log(&self) -> String {
        self.process.errors()
    }

    /// A client of its own address.
    pub(crate) fn api(&self) -> Api {
        self.api.clone()
    }

    /// A browser that comes to this instance, and follows its sessions by this transport.
    pub(crate) fn browser(&self, via: Via) -> Browser {
        Browser::new(self.api(), via)
    }

    /// Somebody's phone that looks at a scene, and comes to this instance.
    pub(crate) fn phone(&self, scene: &str) -> Phone {
        Phone::new(self.api(), scene)
    }

    /// `GET` at its admin listener.
    pub(crate) fn admin(&self, path: &str) -> Ask {
        self.api.ask(Method::GET, &format!("http://{}{path}", self.admin))
    }

    /// The sum of a metric over those of its labels that hold `label`.
    pub(crate) async fn counts(&self, metric: &str, label: &str) -> u64 {
        metrics::sum(self.admin("/metrics").await.text(), metric, label)
    }
}

fn path(file: &Path) -> &str {
    file.to_str().expect("a folder with a name in UTF-8")
}

/// The settings as a file says them. Those that hide themselves when they are written are put in
/// where they belong.
fn with_secrets(config: &Config) -> String {
    let mut table = toml::Table::try_from(config).expect("settings can be written");
    reveal(&mut table, "redis_url", config.redis_url.as_ref());
    reveal(&mut table, "database_url", config.database_url.as_ref());
    for (name, namespace) in &config.namespaces {
        let table = inner(inner(&mut table, "namespaces"), name);
        let keys = namespace.api_keys.iter().map(|key| key.expose().to_owned());
        table.insert("api_keys".to_owned(), keys.collect::<Vec<_>>().into());
        reveal(inner(table, "hook"), "secret", namespace.hook.secret.as_ref());
        let (wechat, table) = (&namespace.wechat, inner(table, "wechat"));
        reveal(table, "app_secret", wechat.app_secret.as_ref());
        reveal(table, "token", wechat.token.as_ref());
        reveal(table, "encoding_aes_key", wechat.encoding_aes_key.as_ref());
    }
    let text = toml::to_string(&table).expect("settings can be written");
    assert!(!text.contains("***"), "a secret is hidden still: {text}");
    text
}

fn inner<'a>(table: &'a mut toml::Table, key: &str) -> &'a mut toml::Table {
    table.get_mut(key).and_then(toml::Value::as_table_mut).expect("a table")
}

fn reveal(table: &mut toml::Table, key: &str, secret: Option<&Secret>) {
    if let Some(secret) = secret {
        table.insert(key.to_owned(), secret.expose().into());
    }
}
