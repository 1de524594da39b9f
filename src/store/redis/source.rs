//! Where Redis is found: at its address, where the sentinels say, or at the nodes of a cluster.

use std::time::Duration;

use redis::cluster::ClusterClient;
use redis::sentinel::{SentinelClient, SentinelClientBuilder, SentinelServerType};
use redis::{
    AsyncConnectionConfig, Client, ConnectionAddr, ConnectionInfo, RedisResult, TlsCertificates,
    TlsMode,
};

use super::address::Address;
use super::link::{ANSWER, Commands, Up};

/// How long one connection may take.
const CONNECT: Duration = Duration::from_secs(2);
/// The same at a node of a cluster: while one is tried, the others wait.
const CONNECT_NODE: Duration = Duration::from_millis(750);
/// How often a cluster is asked again for what moved, and the pauses meanwhile, in milliseconds:
/// within the time of an answer.
const AGAIN: u32 = 8;
const PAUSES: (u64, u64) = (50, 400);

/// A place where Redis is found.
pub(super) enum Source {
    One(Client),
    Sentinels {
        client: Box<SentinelClient>,
        /// The master that was found last.
        master: Option<ConnectionAddr>,
    },
    Cluster {
        client: ClusterClient,
        /// The nodes of the address.
        nodes: Vec<Client>,
    },
}

impl Source {
    /// `ca`: the certificates that are trusted, in PEM, in the place of the system's.
    pub(super) fn new(address: Address, ca: Option<Vec<u8>>) -> RedisResult<Self> {
        let trusted = ca.map(|ca| TlsCertificates { client_tls: None, root_cert: Some(ca) });
        let client = |at: ConnectionInfo| match &trusted {
            Some(trusted) => Client::build_with_tls(at, trusted.clone()),
            None => Client::open(at),
        };
        Ok(match address {
            Address::One(one) => Self::One(client(*one)?),
            Address::Sentinels { sentinels, master, redis, user, password, tls } => {
                let kind = SentinelServerType::Master;
                let mut builder = SentinelClientBuilder::new(sentinels, master, kind)?;
                builder = builder.set_client_to_redis_db(redis.db());
                if let Some(user) = redis.username() {
                    builder = builder.set_client_to_redis_username(user);
                }
                if let Some(password) = redis.password() {
                    builder = builder.set_client_to_redis_password(password);
                }
                if let Some(user) = user {
                    builder = builder.set_client_to_sentinel_username(user);
                }
                if let Some(password) = password {
                    builder = builder.set_client_to_sentinel_password(password);
                }
                if tls {
                    builder = builder.set_client_to_redis_tls_mode(TlsMode::Secure);
                }
                if let Some(trusted) = trusted {
                    builder = builder
                        .set_client_to_redis_certificates(trusted.clone())
                        .set_client_to_sentinel_certificates(trusted);
                }
                Self::Sentinels { client: Box::new(builder.build()?), master: None }
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
                let nodes = nodes.into_iter().map(client).collect::<RedisResult<_>>()?;
                Self::Cluster { client: builder.build()?, nodes }
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
            Self::Sentinels { client, master } => {
                // It has said of itself that it is one.
                let found = client.async_get_client().await?;
                *master = Some(found.get_connection_info().addr().clone());
                at(found, number).await
            }
            Self::Cluster { client, nodes } => {
                let cluster = client.get_async_connection().await?;
                Ok(Up { commands: Commands::Cluster(cluster), nodes: nodes.clone(), number })
            }
        }
    }

    /// Whether there is another master now than the one that was connected to. One that was cut
    /// off, and does not know yet that it is none any more, would take what is lost.
    pub(super) async fn is_elsewhere(&mut self) -> bool {
        let Self::Sentinels { client, master } = self else { return false };
        let found = client.async_get_client().await;
        found.is_ok_and(|found| Some(found.get_connection_info().addr()) != master.as_ref())
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
