//! Which server is the master of a name, as the sentinels that watch it say.

use std::collections::HashMap;
use std::time::Duration;

use futures_util::future::join_all;
use redis::aio::MultiplexedConnection;
use redis::{
    AsyncConnectionConfig, Client, ErrorKind, RedisConnectionInfo, RedisError, RedisResult,
    ServerErrorKind, Value,
};

/// How long a sentinel may take. All are asked at once.
const ANSWER: Duration = Duration::from_millis(750);

/// Where a master is.
pub(super) struct Master {
    /// How many changes of the master there had been when a sentinel said so.
    pub(super) epoch: u64,
    pub(super) host: String,
    pub(super) port: u16,
}

/// The sentinels of a master.
pub(super) struct Sentinels {
    all: Vec<Sentinel>,
    /// The master's name.
    name: String,
    /// How to speak to the master.
    pub(super) redis: RedisConnectionInfo,
}

struct Sentinel {
    client: Client,
    connection: Option<MultiplexedConnection>,
}

/// What a sentinel says of a master.
type Said = HashMap<String, String>;

impl Sentinels {
    pub(super) fn new(clients: Vec<Client>, name: String, redis: RedisConnectionInfo) -> Self {
        let sentinel = |client| Sentinel { client, connection: None };
        Self { all: clients.into_iter().map(sentinel).collect(), name, redis }
    }

    /// Where the master is. Sentinels hear of a new one at different times, and each counts the
    /// changes: who counts most has heard last.
    pub(super) async fn master(&mut self) -> RedisResult<Master> {
        let asked = join_all(self.all.iter_mut().map(|sentinel| sentinel.says(&self.name))).await;
        let mut newest: Option<(u64, Said)> = None;
        let mut failed = None;
        for answer in asked {
            match answer {
                Ok(said) => {
                    let epoch = said.get("config-epoch").and_then(|epoch| epoch.parse().ok());
                    let epoch = epoch.unwrap_or(0);
                    if newest.as_ref().is_none_or(|(newest, _)| epoch > *newest) {
                        newest = Some((epoch, said));
                    }
                }
                Err(error) => failed = Some(error),
            }
        }
        let Some((epoch, said)) = newest else { return Err(failed.unwrap_or_else(no_master)) };
        let (host, port) = (said.get("ip"), said.get("port").and_then(|port| port.parse().ok()));
        let up = said.get("flags").is_some_and(|flags| !flags.contains("down"));
        let place = host.cloned().zip(port).filter(|_| up);
        place.map(|(host, port)| Master { epoch, host, port }).ok_or_else(no_master)
    }
}

impl Sentinel {
    /// What it says, over the connection that there is or another.
    async fn says(&mut self, name: &str) -> RedisResult<Said> {
        if let Some(connection) = &mut self.connection {
            match ask(connection, name).await {
                Err(error) if error.is_io_error() || error.is_unrecoverable_error() => {}
                answer => return answer,
            }
        }
        self.connection = None;
        let config = AsyncConnectionConfig::new()
            .set_response_timeout(Some(ANSWER))
            .set_connection_timeout(Some(ANSWER));
        let connecting = self.client.get_multiplexed_async_connection_with_config(&config);
        let connection = self.connection.insert(connecting.await?);
        ask(connection, name).await
    }
}

async fn ask(connection: &mut MultiplexedConnection, name: &str) -> RedisResult<Said> {
    let asked = redis::cmd("SENTINEL").arg("MASTER").arg(name).query_async(connection).await;
    asked.map_err(|error: RedisError| match error.detail() {
        Some(said) if error.kind() == ErrorKind::Server(ServerErrorKind::ResponseError) => {
            // Only a sentinel knows the command.
            if said.starts_with("unknown command") { no_sentinel() } else { no_master() }
        }
        _ => error,
    })
}

/// Whether a server says that it is a master.
pub(super) async fn is_master(connection: &mut MultiplexedConnection) -> RedisResult<()> {
    let role: Vec<Value> = redis::cmd("ROLE").query_async(connection).await?;
    let is = matches!(role.first(), Some(Value::BulkString(role)) if role == b"master");
    if is { Ok(()) } else { Err(no_master()) }
}

fn no_master() -> RedisError {
    (ErrorKind::MasterNameNotFoundBySentinel, "no master of this name is up").into()
}

fn no_sentinel() -> RedisError {
    (ErrorKind::InvalidClientConfig, "there is no sentinel").into()
}
