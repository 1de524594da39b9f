//! A server of the test's own: on free ports, with a folder of its own, in this process.

use std::net::SocketAddr;

use reqwest::Method;
use saoma::clock::Clock;
use saoma::config::{Config, Namespace, Secret};
use saoma::entropy::Entropy;
use saoma::server::Server;
use tempfile::TempDir;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::{Api, Ask, Backend, Browser, Phone, Raw, Via, redis, within};

/// Where sessions are kept.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Store {
    /// In the server's memory.
    Memory,
    /// In a redis-server, under a prefix of the server's own.
    Redis,
}

impl Store {
    fn configure(self, config: &mut Config) {
        match self {
            Self::Memory => config.redis_url = None,
            Self::Redis => {
                config.redis_url = Some(Secret::new(redis::shared()));
                config.redis_prefix = format!("test-{}", Entropy::system().urn());
            }
        }
    }
}

/// A namespace's settings, made if there are none.
pub(crate) fn namespace<'a>(config: &'a mut Config, name: &str) -> &'a mut Namespace {
    config.namespaces.entry(name.to_owned()).or_default()
}

/// A server that runs until it is told to leave, or the test ends.
pub(crate) struct TestServer {
    /// Its public listener.
    pub(crate) address: SocketAddr,
    /// Its admin listener.
    pub(crate) admin: SocketAddr,
    api: Api,
    running: Option<(oneshot::Sender<()>, JoinHandle<()>)>,
    _data: TempDir,
}

impl TestServer {
    /// A server as it comes: simulator, open directory, all transports.
    pub(crate) async fn start(store: Store) -> Self {
        Self::start_with(store, |_| {}).await
    }

    /// A server with some settings changed.
    pub(crate) async fn start_with(store: Store, change: impl FnOnce(&mut Config)) -> Self {
        let data = tempfile::tempdir().expect("a folder");
        let free = SocketAddr::from(([127, 0, 0, 1], 0));
        let mut config = Config {
            listen: free,
            admin_listen: free,
            data_dir: data.path().to_owned(),
            drain_seconds: 2,
            ..Config::default()
        };
        store.configure(&mut config);
        change(&mut config);
        let server = Server::start(&config, Clock::system(), Entropy::system()).await;
        let server = server.expect("a server");
        let (address, admin) = (server.public, server.admin);
        let (leave, told) = oneshot::channel();
        // A test that ends drops `leave`: the server stops where it stands, with its runtime.
        let stop = async {
            if told.await.is_err() {
                std::future::pending::<()>().await;
            }
        };
        let task = tokio::spawn(server.run_until(stop, std::future::pending::<()>()));
        let api = Api::new(format!("http://{address}"));
        Self { address, admin, api, running: Some((leave, task)), _data: data }
    }

    /// Tells the server to leave, as SIGTERM does; the task ends when it has.
    pub(crate) fn leave(&mut self) -> JoinHandle<()> {
        let (leave, task) = self.running.take().expect("a server that has not left");
        leave.send(()).expect("a server that runs");
        task
    }

    /// A browser that follows its sessions by this transport.
    pub(crate) fn browser(&self, via: Via) -> Browser {
        Browser::new(self.api.clone(), via)
    }

    /// Somebody's phone that looks at a scene; it has not scanned yet.
    pub(crate) fn phone(&self, scene: &str) -> Phone {
        Phone::new(self.api.clone(), scene)
    }

    /// A service with an API key.
    pub(crate) fn backend(&self, key: &str) -> Backend {
        Backend::new(self.api.clone(), key)
    }

    /// A connection on which every byte is the test's own.
    pub(crate) async fn raw(&self) -> Raw {
        Raw::connect(self.address).await
    }

    /// A client of the API.
    pub(crate) fn api(&self) -> Api {
        self.api.clone()
    }

    /// `GET`
    pub(crate) fn get(&self, path: &str) -> Ask {
        self.api.ask(Method::GET, path)
    }

    /// `POST`
    pub(crate) fn post(&self, path: &str) -> Ask {
        self.api.ask(Method::POST, path)
    }

    /// `DELETE`
    pub(crate) fn delete(&self, path: &str) -> Ask {
        self.api.ask(Method::DELETE, path)
    }

    /// Waits until so many clients wait for events, all transports together.
    pub(crate) async fn until_waiting(&self, clients: u64) {
        let all_are_there = async {
            loop {
                let metrics = self.admin("/metrics").await;
                let lines = metrics.text().lines().filter(|it| it.starts_with("saoma_subscribers"));
                let numbers = lines.filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok());
                if numbers.sum::<u64>() == clients {
                    return;
                }
            }
        };
        within("clients to wait", all_are_there).await;
    }

    /// `GET` at the admin listener.
    pub(crate) fn admin(&self, path: &str) -> Ask {
        Api::new(format!("http://{}", self.admin)).ask(Method::GET, path)
    }
}
