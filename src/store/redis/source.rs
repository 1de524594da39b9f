//! Where Redis is found: at its address, where the sentinels say, or at the nodes of a cluster.

use std::time::Duration;

use redis::cluster::ClusterClient;
use redis::{
    AsyncConnectionConfig, Client, ConnectionAddr, ConnectionInfo, IntoConnectionInfo as _,
    RedisResult, TlsCertificates,
};

use super::address::Address;
use super::link::{ANSWER, Commands, Up};
use super::sentinels::{Master, Sentinels, is_master};

/// How long one connection may take.
const CONNECT: Duration = Duration::from_secs(2);
/// The same at a node of a cluster: while one is tried, the others wait.
const CONNECT_NODE: Duration = Duration::from_millis(750);
/// How often a cluster is asked again for what moved, and the pauses meanwhile, in milliseconds:
/// within the time of an answer.
const AGAIN: u32 = 8;
const PAUSES: (u64, u64) = (50, 400);

/// The certificates that are trusted in the place of the system's.
type Trusted = Option<TlsCertificates>;

/// A place where Redis is found.
pub(super) enum Source {
    One(Client),
    Sentinels {
        sentinels: Box<Sentinels>,
        tls: bool,
        trusted: Trusted,
        /// The master that was found last.
        master: Option<Master>,
    },
    Cluster {
        client: Box<ClusterClient>,
        /// The nodes of the address.
        nodes: Vec<Client>,
    },
}

fn client(at: ConnectionInfo, trusted: &Trusted) -> RedisResult<Client> {
    match trusted {
        Some(trusted) => Client::build_with_tls(at, trusted.clone()),
        None => Client::open(at),
    }
}

impl Source {
    /// `ca`: the certificates that are trusted, in PEM.
    pub(super) fn new(address: Address, ca: Option<Vec<u8>>) -> RedisResult<Self> {
        let trusted = ca.map(|ca| TlsCertificates { client_tls: None, root_cert: Some(ca) });
        Ok(match address {
            Address::One(one) => Self::One(client(*one, &trusted)?),
            Address::Sentinels { sentinels, master, redis, tls } => {
                let clients = sentinels.into_iter().map(|at| client(at, &trusted));
                let clients = clients.collect::<RedisResult<_>>()?;
                let sentinels = Box::new(Sentinels::new(clients, master, redis));
                Self::Sentinels { sentinels, tls, trusted, master: None }
            }
            Address::Cluster(nodes) => {
                let mut builder = ClusterClient::builder(nodes.clone())
                    .connection_timeout(CONNECT_NODE)
                    .response_timeout(ANSWER)
                    .retries(AGAIN)
                    .min_retry_wait(PAUSES.0)
                    .max_retry_wait(PAUSES.1);
                if let Some(trusted) = &trusted {
                    builder = builder.certs(trusted.clone());
                }
                let nodes = nodes.into_iter().map(|at| client(at, &trusted));
                let nodes = nodes.collect::<RedisResult<_>>()?;
                Self::Cluster { client: Box::new(builder.build()?), nodes }
            }
        })
    }

    pub(super) fn is_cluster(&self) -> bool {
        matches!(self, Self::Cluster { .. })
    }

    /// Makes a connection and gives it its number.
    pub(super) async fn connect(&mut self, number: u64) -> RedisResult<Up> {
        match self {
            Self::One(client) => at(client.clone(), number).await,
            Self::Sentinels { sentinels, tls, trusted, master } => {
                let found = sentinels.master().await?;
                let (host, port) = (found.host.clone(), found.port);
                let addr = if *tls {
                    ConnectionAddr::TcpTls { host, port, insecure: false, tls_params: None }
                } else {
                    ConnectionAddr::Tcp(host, port)
                };
                let at_master = addr.into_connection_info()?;
                let at_master = at_master.set_redis_settings(sentinels.redis.clone());
                let mut up = at(client(at_master, trusted)?, number).await?;
                if let Commands::Node(node) = &mut up.commands {
                    is_master(node).await?;
                }
                *master = Some(found);
                Ok(up)
            }
            Self::Cluster { client, nodes } => {
                let cluster = client.get_async_connection().await?;
                Ok(Up { commands: Commands::Cluster(cluster), nodes: nodes.clone(), number })
            }
        }
    }

    /// Whether there is another master now than the one that was connected to. The old one may not
    /// know it yet, and what it still takes is lost.
    pub(super) async fn is_elsewhere(&mut self) -> bool {
        let Self::Sentinels { sentinels, master: Some(known), .. } = self else { return false };
        // Who has heard last may not have answered in time.
        sentinels.master().await.is_ok_and(|found| {
            found.epoch >= known.epoch && (&found.host, found.port) != (&known.host, known.port)
        })
    }

    /// What a node of a cluster says of itself: the cluster's own connection would not say why there
    /// is none.
    pub(super) async fn look(&self) -> RedisResult<Option<String>> {
        let Self::Cluster { nodes, .. } = self else { return Ok(None) };
        let mut looked = Ok(None);
        for node in nodes {
            looked = async {
                let mut node = node.get_multiplexed_async_connection_with_config(&config()).await?;
                redis::cmd("INFO").arg("server").query_async(&mut node).await.map(Some)
            }
            .await;
            if looked.is_ok() {
                break;
            }
        }
        looked
    }
}

fn config() -> AsyncConnectionConfig {
    let config = AsyncConnectionConfig::new();
    config.set_response_timeout(Some(ANSWER)).set_connection_timeout(Some(CONNECT))
}

async fn at(client: Client, number: u64) -> RedisResult<Up> {
    let node = client.get_multiplexed_async_connection_with_config(&config()).await?;
    Ok(Up { commands: Commands::Node(node), nodes: vec![client], number })
}
