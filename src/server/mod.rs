//! The server: two listeners over one core, from the start to the drain.
//!
//! [`assemble`] puts the parts together; [`accept`] takes connections, [`connection`] lets hyper
//! and poem serve them while they talk; [`drain`] sees everybody out.

pub mod accept;
pub mod admin;
pub mod assemble;
pub mod census;
pub mod connection;
pub mod drain;
mod fleet;
pub mod interfaces;
pub mod pools;
mod providers;
mod published;
pub mod reach;
pub mod scraped;
pub mod socket;
mod status;
pub mod tls;
mod tokens;

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http::uri::Scheme;
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use crate::clock::Clock;
use crate::codes::StorageError;
use crate::config::Config;
use crate::database::{Database, DatabaseError};
use crate::directory::HookError;
use crate::entropy::Entropy;
use crate::history;
use crate::store::redis::Unusable;
use crate::stream::hub::Hub;
use crate::token::TokenError;

use accept::RESERVE;
use census::Census;
use connection::House;
use drain::Leave;
use scraped::Scraped;
use tls::Tls;

/// How many connections may wait to be accepted: a proxy that comes back brings all of its own.
const BACKLOG: u32 = 4096;
/// How many connections the admin listener takes.
const MOST_ADMIN: usize = 64;

/// Why a server could not be started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// An address cannot be listened on.
    #[error("cannot listen on {address} ({setting}): {source}")]
    Listen {
        /// The setting that names it.
        setting: &'static str,
        /// The address.
        address: SocketAddr,
        /// What the system says.
        source: std::io::Error,
    },
    /// The certificate cannot be shown.
    #[error(transparent)]
    Tls(#[from] tls::Unusable),
    /// The signing keys cannot be read or made.
    #[error("the signing keys: {0}")]
    Keys(#[from] TokenError),
    /// Redis cannot be used.
    #[error("{setting}: {0}", setting = setting_of(.0))]
    Redis(#[from] Unusable),
    /// The database cannot be used.
    #[error("the database: {0}")]
    Database(#[from] DatabaseError),
    /// The pictures of codes cannot be stored.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// Two metrics have the same name.
    #[error("the metrics: {0}")]
    Metrics(#[from] prometheus::Error),
    /// An official account's callbacks cannot be opened.
    #[error("wechat.encoding_aes_key is no key")]
    CallbackKey,
    /// A namespace's hook cannot be asked.
    #[error("namespaces.{namespace}.hook: {source}")]
    Hook {
        /// The namespace.
        namespace: String,
        /// Why.
        source: HookError,
    },
    /// Calls to WeChat cannot be made from this machine.
    #[error("the client for WeChat: {0}")]
    WeChat(#[from] reqwest::Error),
}

/// The setting by which it may be mended.
fn setting_of(unusable: &Unusable) -> &'static str {
    match unusable {
        Unusable::Trust(_) => "redis_ca_file",
        Unusable::Taken(_) => "redis_prefix",
        _ => "redis_url",
    }
}

/// A server that runs.
pub struct Server {
    /// The public listener's address.
    pub public: SocketAddr,
    /// The admin listener's address.
    pub admin: SocketAddr,
    /// Where phones and browsers reach it.
    pub public_url: String,
    hub: Arc<Hub>,
    census: Arc<Census>,
    entropy: Entropy,
    leave: Arc<Leave>,
    drain: Duration,
    several: bool,
    database: Database,
    history: Option<history::Writer>,
    look: Arc<Notify>,
    tasks: Vec<JoinHandle<()>>,
}

impl Server {
    /// Starts a server; it serves when this returns.
    ///
    /// # Errors
    /// [`StartError`]
    pub async fn start(
        config: &Config,
        clock: Clock,
        entropy: Entropy,
    ) -> Result<Self, StartError> {
        let public = listen("listen", config.listen)?;
        let admin = listen("admin_listen", config.admin_listen)?;
        let (public_address, admin_address) =
            (local(&public, config.listen)?, local(&admin, config.admin_listen)?);
        let public_url = assemble::public_url(config, public_address);
        let parts = assemble::assemble(config, &public_url, clock, entropy.clone()).await?;
        let assemble::Assembled { login, hub, metrics, api, database, history, filler, fleet } =
            parts;

        let tls = Tls::open(&config.tls, &metrics)?;
        let leave = Arc::<Leave>::default();
        let census = Arc::new(Census::default());
        let most = config.max_connections.map_or_else(most_connections, std::num::NonZero::get);
        let house = Arc::new(House {
            endpoint: crate::api::endpoint(api),
            local: public_address,
            scheme: if tls.is_some() { Scheme::HTTPS } else { Scheme::HTTP },
            leave: Arc::clone(&leave),
        });
        let scraped = Scraped {
            login: Arc::clone(&login),
            metrics,
            leaving: leave.begun.clone(),
            census: Arc::clone(&census),
            most,
        };
        let admin_house = Arc::new(House {
            local: admin_address,
            scheme: Scheme::HTTP,
            endpoint: admin::endpoint(scraped, public_url.clone(), entropy.clone()),
            leave: Arc::default(),
        });
        let mut tasks = vec![
            tokio::spawn(login.expire_for_ever()),
            tokio::spawn(accept::accept(public, house, Arc::clone(&census), most, tls.clone())),
            tokio::spawn(accept::accept(admin, admin_house, Arc::default(), MOST_ADMIN, None)),
        ];
        let look = tls.as_ref().map(|tls| Arc::clone(&tls.look)).unwrap_or_default();
        if let Some(tls) = tls {
            tasks.push(tokio::spawn(tls.follow_for_ever()));
        }
        if let Some(filler) = filler {
            tasks.push(tokio::spawn(filler.fill_for_ever()));
        }
        let kept = Duration::from_secs(config.history.retention_days * 86_400);
        let sweeping = history::sweep_for_ever(database.clone(), kept, clock, entropy.clone());
        tasks.push(tokio::spawn(sweeping));
        let several = fleet.is_some();
        if let Some(fleet) = fleet {
            tasks.extend(fleet::join(fleet, &hub).await);
        }
        Ok(Self {
            public: public_address,
            admin: admin_address,
            public_url,
            hub,
            census,
            entropy,
            leave,
            drain: Duration::from_secs(config.drain_seconds),
            several,
            database,
            history,
            look,
            tasks,
        })
    }

    /// What has the server read its certificate anew, at once, if it shows one.
    #[must_use]
    pub fn look_again(&self) -> Arc<Notify> {
        Arc::clone(&self.look)
    }

    /// Serves until `stop`, then sees everybody out; `at_once` cuts that short.
    pub async fn run_until(self, stop: impl Future, at_once: impl Future) {
        stop.await;
        tracing::info!(connections = self.census.count(), "server.leaving");
        let Self { leave, hub, census, entropy, drain, several, history, .. } = self;
        let leaving = async {
            drain::drain(&leave, &hub, &census, &entropy, drain, several).await;
            if let Some(history) = history {
                history.finish().await;
            }
        };
        tokio::select! {
            () = leaving => {}
            _ = at_once => tracing::warn!("server.leaving_at_once"),
        }
        for task in &self.tasks {
            task.abort();
        }
        self.database.close().await;
    }
}

fn listen(setting: &'static str, address: SocketAddr) -> Result<TcpListener, StartError> {
    let failed = |source| StartError::Listen { setting, address, source };
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() };
    let open = |socket: TcpSocket| {
        // As tokio's own bind: a restart need not wait for the old one's connections to fade.
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        socket.listen(BACKLOG)
    };
    let listener = socket.and_then(open).map_err(failed)?;
    socket::Socket::prepare(&listener);
    Ok(listener)
}

fn local(listener: &TcpListener, asked: SocketAddr) -> Result<SocketAddr, StartError> {
    let failed = |source| StartError::Listen { setting: "listen", address: asked, source };
    listener.local_addr().map_err(failed)
}

/// As many as there are descriptors for, less a reserve.
fn most_connections() -> usize {
    let (soft, _) = rlimit::Resource::NOFILE.get().unwrap_or((1024, 1024));
    usize::try_from(soft).unwrap_or(usize::MAX).saturating_sub(RESERVE).max(RESERVE)
}
