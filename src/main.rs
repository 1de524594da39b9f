//! The command line.

use std::cell::Cell;
use std::io::{IsTerminal, Write};
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use saoma::clock::Clock;
use saoma::config::{self, Config, Flag, LogFormat};
use saoma::entropy::Entropy;
use saoma::server::{Server, StartError, assemble};
use tokio::runtime::Runtime;
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

#[cfg(feature = "jemalloc")]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// Scan to log in: a browser shows a code, a phone scans it, and the browser is told at once.
///
/// Without a command it serves. Without a configuration it serves on 127.0.0.1:3000 with the
/// simulator, which lets anybody log in as anybody: for trying and testing, no security.
#[derive(Parser)]
#[command(version, after_long_help = EXAMPLES)]
struct CommandLine {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    settings: Settings,
}

const EXAMPLES: &str = "Examples:
  saoma                                    try it on this machine
  saoma --listen 0.0.0.0:3000              try it with a phone on the same network
  saoma --config saoma.toml                serve as configured
  saoma check-config --config saoma.toml   see what that means, secrets hidden
  SAOMA_SESSION_TTL=60 saoma               every setting is an environment variable, too";

#[derive(Args)]
struct Settings {
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

#[derive(Subcommand)]
enum Command {
    /// Serve (what is done without a command)
    Serve,
    #[command(about = "Print the OpenAPI document")]
    Openapi,
    /// Check the configuration and print it as it takes effect, secrets hidden
    CheckConfig,
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

fn main() -> ExitCode {
    let CommandLine { command, settings } = CommandLine::parse();
    let done = match command {
        None | Some(Command::Serve) => match settings.load() {
            Ok(config) => runtime(&config).and_then(|runtime| runtime.block_on(serve(&config))),
            Err(error) => Err(error),
        },
        Some(Command::Openapi) => openapi(),
        Some(Command::CheckConfig) => settings.load().map(|config| print!("{}", config.to_toml())),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("saoma: {error}");
            ExitCode::from(2)
        }
    }
}

/// One thread less than there are cores: the kernel's side of the network wants one, too, and
/// what one thread wakes on itself comes sooner and costs less than what it wakes on another.
fn runtime(config: &Config) -> Result<Runtime, String> {
    let cores = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let threads = config.worker_threads.map_or((cores - 1).max(1), NonZeroUsize::get);
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    builder.worker_threads(threads).enable_all().build().map_err(|error| error.to_string())
}

async fn serve(config: &Config) -> Result<(), String> {
    log(config.log_format)?;
    // As many connections as the system lets us have.
    let _ = rlimit::increase_nofile_limit(u64::MAX);
    let mut terminate = signal(SignalKind::terminate()).map_err(|error| error.to_string())?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(|error| error.to_string())?;
    let server = Server::start(config, Clock::system(), Entropy::system()).await;
    let server = server.map_err(|error: StartError| error.to_string())?;
    // Whoever reads only the first lines, as a script may, has heard enough.
    let _ = std::io::stdout().write_all(greeting(config, &server).as_bytes());
    let mut again = signal(SignalKind::interrupt()).map_err(|error| error.to_string())?;
    let interrupted = Cell::new(false);
    let stop = async {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => interrupted.set(true),
        }
    };
    // A Ctrl-C while it is leaving: somebody is impatient.
    let at_once = async {
        if interrupted.get() {
            again.recv().await;
        }
        again.recv().await
    };
    server.run_until(stop, at_once).await;
    Ok(())
}

/// The addresses in use, and what a newcomer wants to know.
fn greeting(config: &Config, server: &Server) -> String {
    let Server { public, admin, public_url, .. } = server;
    let alone = if public.ip().is_loopback() && config.public_url.is_none() {
        let port = public.port();
        format!(
            "  Only this machine can reach it: open the code's link in a second tab, or
  start with --listen 0.0.0.0:{port} to scan with a phone.\n"
        )
    } else {
        String::new()
    };
    format!(
        "listening on http://{public}\nadmin on http://{admin}\n
  Open {public_url} in a browser.\n{alone}  WARNING: the simulator lets anybody log in as anybody. \
         It is no security.\n\n"
    )
}

fn log(format: LogFormat) -> Result<(), String> {
    let builder = EnvFilter::builder().with_default_directive(LevelFilter::INFO.into());
    let filter = builder.with_env_var("SAOMA_LOG").from_env();
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter.map_err(|error| format!("SAOMA_LOG: {error}"))?)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr);
    match format {
        LogFormat::Json => log.json().init(),
        LogFormat::Text => log.init(),
    }
    Ok(())
}

fn openapi() -> Result<(), String> {
    let parts = assemble::for_the_document().map_err(|error| error.to_string())?;
    print!("{}", saoma::api::openapi(&parts));
    Ok(())
}
