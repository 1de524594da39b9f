//! `saoma serve`: a server, from its log to its last connection.

use std::cell::Cell;
use std::io::{IsTerminal, Write};
use std::num::NonZeroUsize;
use std::time::Duration;

use saoma::clock::Clock;
use saoma::config::{Config, LogFormat, Namespace, ProviderName};
use saoma::entropy::Entropy;
use saoma::server::{Server, StartError};
use saoma::trace::Exporter;
use tokio::runtime::Runtime;
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer as _};

use super::{Settings, systemd};

/// Serves until it is told to stop.
pub(crate) fn serve(settings: &Settings) -> Result<(), String> {
    let config = settings.load()?;
    runtime(&config)?.block_on(run(&config))
}

/// One thread less than there are cores: the kernel's side of the network wants one, too, and
/// what one thread wakes on itself comes sooner and costs less than what it wakes on another.
fn runtime(config: &Config) -> Result<Runtime, String> {
    let cores = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let threads = config.worker_threads.map_or((cores - 1).max(1), NonZeroUsize::get);
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    builder.worker_threads(threads).enable_all().build().map_err(|error| error.to_string())
}

async fn run(config: &Config) -> Result<(), String> {
    let entropy = Entropy::system();
    let exporter = exporter(config, &entropy)?;
    log(config.log_format, exporter.as_ref())?;
    // As many connections as the system lets us have.
    let _ = rlimit::increase_nofile_limit(u64::MAX);
    let mut terminate = signal(SignalKind::terminate()).map_err(|error| error.to_string())?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(|error| error.to_string())?;
    let server = Server::start(config, Clock::system(), entropy).await;
    let server = server.map_err(|error: StartError| error.to_string())?;
    // Whoever reads only the first lines, as a script may, has heard enough.
    let _ = std::io::stdout().write_all(greeting(config, &server).as_bytes());
    let Server { public, admin, .. } = &server;
    let scheme = scheme(config);
    systemd::serves(&format!("listening on {scheme}://{public}, admin on http://{admin}"));
    let look_again = server.look_again();
    let mut hangup = signal(SignalKind::hangup()).map_err(|error| error.to_string())?;
    tokio::spawn(async move {
        while hangup.recv().await.is_some() {
            look_again.notify_one();
        }
    });
    let mut again = signal(SignalKind::interrupt()).map_err(|error| error.to_string())?;
    let interrupted = Cell::new(false);
    let stop = async {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => interrupted.set(true),
        }
        systemd::leaves(Duration::from_secs(config.drain_seconds));
    };
    // A Ctrl-C while it is leaving: somebody is impatient.
    let at_once = async {
        if interrupted.get() {
            again.recv().await;
        }
        again.recv().await
    };
    server.run_until(stop, at_once).await;
    if let Some(exporter) = exporter {
        // What it says of a collector that does not answer is in the log.
        let _ = tokio::task::spawn_blocking(|| exporter.end()).await;
    }
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
    let scheme = scheme(config);
    let plays = |rules: &Namespace| rules.provider == ProviderName::Simulator;
    let warning = if config.namespaces.values().any(plays) {
        "  WARNING: the simulator lets anybody log in as anybody. It is no security.\n"
    } else {
        ""
    };
    format!(
        "listening on {scheme}://{public}\nadmin on http://{admin}\n
  Open {public_url} in a browser.\n{alone}{warning}\n"
    )
}

fn scheme(config: &Config) -> &'static str {
    if config.tls.is_on() { "https" } else { "http" }
}

/// Who tells a collector of spans, if there is one.
fn exporter(config: &Config, entropy: &Entropy) -> Result<Option<Exporter>, String> {
    let Some(collector) = super::collector(config)? else { return Ok(None) };
    let begun = Exporter::begin(collector, entropy.clone());
    begun.map(Some).map_err(|error| error.to_string())
}

/// The log goes to the standard error: one line for each request.
fn log(format: LogFormat, exporter: Option<&Exporter>) -> Result<(), String> {
    let builder = EnvFilter::builder().with_default_directive(LevelFilter::INFO.into());
    let filter = builder.with_env_var("SAOMA_LOG").from_env();
    let filter = filter.map_err(|error| format!("SAOMA_LOG: {error}"))?;
    let lines = tracing_subscriber::fmt::layer()
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr);
    let lines = match format {
        LogFormat::Json => lines.json().flatten_event(true).with_span_list(false).boxed(),
        LogFormat::Text => lines.boxed(),
    };
    let registry = tracing_subscriber::registry().with(filter).with(lines);
    registry.with(exporter.map(Exporter::layer)).init();
    Ok(())
}
