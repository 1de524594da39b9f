//! The commands, and the settings that all of them take.
//!
//! Belongs here: a file a command, of what it asks of the library and what it prints. To add one:
//! its file, its variant in `main.rs`.

mod check_config;
mod pool;
mod ready;
mod serve;
mod systemd;
mod users;

use std::path::PathBuf;

use clap::Args;
use saoma::config::{self, Config, Flag};
use saoma::server::assemble;
use saoma::trace::Collector;
use tracing::Level;

pub(crate) use check_config::check_config;
pub(crate) use pool::{PoolCommand, pool};
pub(crate) use ready::ready;
pub(crate) use serve::serve;
pub(crate) use users::{UsersCommand, users};

/// Why a command has not done what was asked.
pub(crate) enum Failed {
    /// The settings, or what is theirs, are wrong: nothing was done. Exit code 2.
    Settings(String),
    /// It could not be done, or not all of it. Exit code 1.
    Done(String),
}

impl From<String> for Failed {
    fn from(why: String) -> Self {
        Self::Settings(why)
    }
}

#[derive(Args)]
pub(crate) struct Settings {
    /// The configuration file (TOML)
    #[arg(long, global = true, env = "SAOMA_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// The address to serve on; port 0 picks a free one
    #[arg(long, global = true, value_name = "ADDRESS")]
    listen: Option<String>,
    /// The address of metrics and health; port 0 picks a free one
    #[arg(long, global = true, value_name = "ADDRESS")]
    admin_listen: Option<String>,
    /// Where browsers and phones reach the server
    #[arg(long, global = true, value_name = "URL")]
    public_url: Option<String>,
    /// Any other setting, by its name in the file: `--set namespaces.default.session_ttl=60`
    #[arg(long, global = true, value_name = "KEY=VALUE")]
    set: Vec<String>,
}

impl Settings {
    fn flags(&self) -> Result<Vec<Flag>, String> {
        let mut flags = Vec::new();
        let named = [
            ("listen", &self.listen),
            ("admin_listen", &self.admin_listen),
            ("public_url", &self.public_url),
        ];
        for (key, value) in named {
            if let Some(value) = value {
                flags.push(Flag { key: key.to_owned(), value: value.clone() });
            }
        }
        for pair in &self.set {
            let (key, value) =
                pair.split_once('=').ok_or_else(|| format!("--set {pair}: not KEY=VALUE"))?;
            flags.push(Flag { key: key.to_owned(), value: value.to_owned() });
        }
        Ok(flags)
    }

    fn load(&self) -> Result<Config, String> {
        let loaded = Config::load(self.config.as_deref(), config::environment(), &self.flags()?);
        let config = loaded.map_err(|error| error.to_string())?;
        config.check().map_err(|error| error.to_string())?;
        Ok(config)
    }
}

/// Who is told of traces, if somebody is.
fn collector(config: &Config) -> Result<Option<Collector>, String> {
    let Some(endpoint) = config.otlp.endpoint.clone() else { return Ok(None) };
    Ok(Some(Collector {
        endpoint,
        fields: config.otlp.headers().map_err(|error| error.to_string())?,
        sample_percent: u8::try_from(config.otlp.sample_percent).unwrap_or(100),
        service_name: config.otlp.service_name.clone(),
    }))
}

/// Runs a command that may be run beside servers. Only what goes wrong is logged.
fn beside_servers(doing: impl Future<Output = Result<(), Failed>>) -> Result<(), Failed> {
    tracing_subscriber::fmt().with_max_level(Level::WARN).with_writer(std::io::stderr).init();
    let mut builder = tokio::runtime::Builder::new_current_thread();
    let runtime = builder.enable_all().build().map_err(|error| error.to_string())?;
    runtime.block_on(doing)
}

/// Prints the `OpenAPI` document.
pub(crate) fn openapi() -> Result<(), String> {
    let parts = assemble::for_the_document().map_err(|error| error.to_string())?;
    print!("{}", saoma::api::openapi(&parts));
    Ok(())
}
