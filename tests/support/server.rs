//! A server of the test's own, on free ports: one in this process with a folder of its own, or
//! several behind a balancer, which nobody who asks can tell from one.

use std::future::IntoFuture as _;
use std::net::SocketAddr;
use std::time::Duration;

use futures_util::future::join_all;
use reqwest::Method;
use saoma::clock::Clock;
use saoma::config::{Config, Namespace, Secret};
use saoma::entropy::Entropy;
use saoma::server::Server;
use tempfile::TempDir;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::certificates::ca_beside;
use super::haproxy::HaProxy;
use super::{
    Answer, Api, Ask, Backend, Balanced, Browser, Phone, Raw, Via, metrics, redis, time_passes,
    within,
};

/// How many instances a fleet has.
const INSTANCES: usize = 3;

/// Where sessions are kept, and by how many.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Store {
    /// In the server's memory.
    Memory,
    /// In a redis-server, under a prefix of the server's own.
    Redis,
    /// In a redis-server, by three instances: processes behind a balancer.
    Fleet,
}

impl Store {
    fn configure(self, config: &mut Config) {
        match self {
            Self::Memory => config.redis_url = None,
            Self::Redis | Self::Fleet => {
                config.redis_url = Some(Secret::new(redis::shared()));
                config.redis_prefix = format!("test-{}", Entropy::system().urn());
            }
        }
    }

    /// A time that a story lets pass: as it is in life, or the shorter one that it can wait for
    /// where nobody can turn the clock.
    pub(crate) fn time(self, in_life: u64, at_least: u64) -> u64 {
        if self == Self::Fleet { at_least } else { in_life }
    }
}

/// A namespace's settings, made if there are none.
pub(crate) fn namespace<'a>(config: &'a mut Config, name: &str) -> &'a mut Namespace {
    config.namespaces.entry(name.to_owned()).or_default()
}

/// A server that runs until it is told to leave, or the test ends.
pub(crate) struct TestServer {
    /// Its public listener, or its balancer's.
    pub(crate) address: SocketAddr,
    api: Api,
    /// The admin listener of each instance.
    admins: Vec<Api>,
    running: Running,
    _data: Option<TempDir>,
}

enum Running {
    Here {
        leave: oneshot::Sender<()>,
        task: JoinHandle<()>,
    },
    Fleet(Box<Balanced>),
    /// With what stays: the balancer of a fleet.
    Leaves(Option<HaProxy>),
}

impl TestServer {
    /// A server as it comes: simulator, open directory, all transports.
    pub(crate) async fn start(store: Store) -> Self {
        Self::start_with(store, |_| {}).await
    }

    /// A server with some settings changed.
    pub(crate) async fn start_with(store: Store, change: impl FnOnce(&mut Config)) -> Self {
        let mut config = Config { drain_seconds: 2, ..Config::default() };
        store.configure(&mut config);
        change(&mut config);
        match store {
            Store::Memory | Store::Redis => Self::here(config).await,
            Store::Fleet => Self::fleet(config).await,
        }
    }

    async fn here(mut config: Config) -> Self {
        let data = tempfile::tempdir().expect("a folder");
        data.path().clone_into(&mut config.data_dir);
        let free = SocketAddr::from(([127, 0, 0, 1], 0));
        (config.listen, config.admin_listen) = (free, free);
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
        let mut server = Self::of(address, [admin], Running::Here { leave, task }, Some(data));
        if let Some(cert) = &config.tls.cert_file {
            server.api = Api::secure(format!("https://{address}"), &ca_beside(cert));
        }
        server
    }

    async fn fleet(config: Config) -> Self {
        let fleet = Balanced::start(INSTANCES, config).await;
        let admins: Vec<_> = fleet.instances.iter().map(|instance| instance.admin).collect();
        Self::of(fleet.balancer.address, admins, Running::Fleet(Box::new(fleet)), None)
    }

    fn of(
        address: SocketAddr,
        admins: impl IntoIterator<Item = SocketAddr>,
        running: Running,
        data: Option<TempDir>,
    ) -> Self {
        let api = |address| Api::new(format!("http://{address}"));
        Self {
            address,
            api: api(address),
            admins: admins.into_iter().map(api).collect(),
            running,
            _data: data,
        }
    }

    /// Tells the server to leave, as SIGTERM does; the task ends when it has.
    pub(crate) fn leave(&mut self) -> JoinHandle<()> {
        match std::mem::replace(&mut self.running, Running::Leaves(None)) {
            Running::Here { leave, task } => {
                leave.send(()).expect("a server that runs");
                task
            }
            Running::Fleet(fleet) => {
                let Balanced { mut instances, balancer, .. } = *fleet;
                self.running = Running::Leaves(Some(balancer));
                for instance in &instances {
                    instance.signal("-TERM");
                }
                tokio::spawn(async move {
                    for instance in &mut instances {
                        assert_eq!(instance.ended().await, Some(0), "{}", instance.log());
                    }
                })
            }
            Running::Leaves(_) => panic!("a server that leaves already"),
        }
    }

    /// Lets time pass for the whole server at once.
    pub(crate) async fn time_passes(&self, seconds: u64) {
        match self.running {
            // Processes have the world's clock, and have to live through it.
            Running::Fleet(_) => tokio::time::sleep(Duration::from_secs(seconds)).await,
            Running::Leaves(_) => time_passes(seconds).await,
            Running::Here { .. } => {
                time_passes(seconds).await;
                // A request to Redis that was under way took all of that time, and was given up.
                let ready = async || self.admin("/readyz").await.status == 200;
                within("the store to be back", async { while !ready().await {} }).await;
            }
        }
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

    /// Waits until so many clients wait for events, all transports and instances together.
    pub(crate) async fn until_waiting(&self, clients: u64) {
        let waiting =
            async || metrics::sum(&self.metrics().await, "saoma_subscribers", "") == clients;
        within("clients to wait", async { while !waiting().await {} }).await;
    }

    /// `GET` at the admin listeners: what all of them answer; status 0 if they do not agree.
    pub(crate) async fn admin(&self, path: &str) -> Answer {
        let asked = self.admins.iter().map(|admin| admin.ask(Method::GET, path).undocumented());
        let mut answers = join_all(asked).await;
        let mut answer = answers.pop().expect("an instance");
        if answers.iter().any(|other| other.status != answer.status) {
            answer.status = 0;
        }
        answer
    }

    /// The metrics, of all instances together.
    pub(crate) async fn metrics(&self) -> String {
        let asked =
            self.admins.iter().map(|admin| admin.ask(Method::GET, "/metrics").into_future());
        metrics::together(join_all(asked).await.iter().map(Answer::text))
    }
}
