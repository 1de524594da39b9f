//! The connection to Redis, of whatever kind that is. One that fails, answers too late or has
//! become a replica's is replaced by another, for as long as it takes.
//!
//! Belongs here: how a command gets its answer in time. Where Redis is found says [`Source`].

use std::sync::Arc;
use std::time::Duration;

use redis::aio::{ConnectionLike as _, MultiplexedConnection, PubSub};
use redis::cluster_async::ClusterConnection;
use redis::{
    Client, Cmd, ErrorKind, FromRedisValue, RedisError, RedisResult, ServerErrorKind, Value,
};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep, timeout, timeout_at};

use super::source::Source;
use crate::metrics::Metrics;

/// How long a command may take, the wait for a connection included. Whoever waits for it is a
/// browser or a phone.
pub(super) const ANSWER: Duration = Duration::from_secs(2);
/// How long making a connection may take, with all that must be asked on the way.
const CONNECT: Duration = Duration::from_secs(5);
/// The pauses between two tries to connect.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
/// How often it is looked whether the master is another by now.
const LOOK: Duration = Duration::from_secs(1);

/// What commands go through.
#[derive(Clone)]
pub(super) enum Commands {
    Node(MultiplexedConnection),
    Cluster(ClusterConnection),
}

/// A connection that is up.
#[derive(Clone)]
pub(super) struct Up {
    pub(super) commands: Commands,
    /// Where subscriptions may be made.
    pub(super) nodes: Vec<Client>,
    /// Counts the connections.
    pub(super) number: u64,
}

#[derive(Clone)]
enum State {
    Up(Up),
    /// Nobody knows yet.
    Trying,
    /// The last try failed; others follow.
    Down(RedisError),
}

/// The connection, as everybody holds it.
#[derive(Clone)]
pub(super) struct Link {
    cluster: bool,
    state: watch::Receiver<State>,
    /// Takes the number of a connection that is of no use.
    broken: mpsc::UnboundedSender<u64>,
    metrics: Arc<Metrics>,
}

impl Link {
    /// Connects, and stays connected as long as somebody holds the link.
    pub(super) async fn connect(mut source: Source, metrics: Arc<Metrics>) -> RedisResult<Self> {
        let first = timeout(CONNECT, source.connect(0)).await.unwrap_or_else(|_| Err(late()))?;
        let (tell, state) = watch::channel(State::Up(first));
        let (broken, breaks) = mpsc::unbounded_channel();
        let cluster = source.is_cluster();
        tokio::spawn(keep_up(source, tell, breaks));
        Ok(Self { cluster, state, broken, metrics })
    }

    pub(super) fn is_cluster(&self) -> bool {
        self.cluster
    }

    /// The answer to a command, in time. What it is for says the request, in a word of the metrics.
    pub(super) async fn ask<T: FromRedisValue>(
        &self,
        request: &str,
        command: &Cmd,
    ) -> RedisResult<T> {
        let asked = Instant::now();
        let answer = self.ask_in_time(command).await;
        // A refusal is an answer, too.
        let answered = !answer.as_ref().is_err_and(breaks);
        self.metrics.store.asked(request, answered, asked.elapsed());
        Ok(redis::from_redis_value(answer?)?)
    }

    async fn ask_in_time(&self, command: &Cmd) -> RedisResult<Value> {
        let until = Instant::now() + ANSWER;
        let (number, answer) = self.try_once(command, None, until).await?;
        match answer {
            // A replica has done nothing; its master shall.
            Err(error) if is_replicas(&error) => {
                self.try_once(command, Some(number), until).await?.1
            }
            answer => answer,
        }
    }

    /// What a connection says, another than that of the number; and its own number.
    async fn try_once(
        &self,
        command: &Cmd,
        not: Option<u64>,
        until: Instant,
    ) -> RedisResult<(u64, RedisResult<Value>)> {
        let up = timeout_at(until, self.up(not)).await.unwrap_or_else(|_| Err(late()))?;
        let Up { mut commands, number, .. } = up;
        let answer = timeout_at(until, async {
            match &mut commands {
                Commands::Node(node) => node.req_packed_command(command).await,
                Commands::Cluster(cluster) => cluster.req_packed_command(command).await,
            }
        });
        let answer = answer.await.unwrap_or_else(|_| Err(late()));
        let answer = answer.and_then(Value::extract_error);
        if answer.as_ref().is_err_and(breaks) {
            // Nobody hears it once the process ends.
            let _ = self.broken.send(number);
        }
        Ok((number, answer))
    }

    /// The connection, once there is one.
    async fn up(&self, not: Option<u64>) -> RedisResult<Up> {
        let mut state = self.state.clone();
        let known = |state: &State| match state {
            State::Up(up) => Some(up.number) != not,
            State::Trying => false,
            State::Down(_) => true,
        };
        match state.wait_for(known).await.as_deref() {
            Ok(State::Up(up)) => Ok(up.clone()),
            Ok(State::Down(error)) => Err(error.clone()),
            Ok(State::Trying) | Err(_) => Err(late()),
        }
    }

    /// A connection to subscribe with, and the number of the link's own. Where there are several
    /// nodes, each is taken in its turn.
    pub(super) async fn pubsub(&self, turn: usize) -> RedisResult<(PubSub, u64)> {
        let Up { nodes, number, .. } = self.up(None).await?;
        let node = nodes.get(turn % nodes.len().max(1)).ok_or_else(late)?;
        Ok((node.get_async_pubsub().await?, number))
    }

    /// Waits until Redis is another server than it was at that number.
    pub(super) async fn moved(&self, since: u64) {
        let mut state = self.state.clone();
        let another = |state: &State| match state {
            // Every node of a cluster hears what any is told.
            State::Up(Up { commands: Commands::Node(_), number, .. }) => *number != since,
            _ => false,
        };
        if state.wait_for(another).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

/// Whether only a replica says so.
fn is_replicas(error: &RedisError) -> bool {
    error.kind() == ErrorKind::Server(ServerErrorKind::ReadOnly)
}

/// Whether a connection that says so is of no use any more.
fn breaks(error: &RedisError) -> bool {
    error.is_io_error()
        || error.is_unrecoverable_error()
        || is_replicas(error)
        || error.kind() == ErrorKind::Server(ServerErrorKind::MasterDown)
        // A master whose replica has become the master.
        || error.code() == Some("NOREPLICAS")
}

fn late() -> RedisError {
    std::io::Error::from(std::io::ErrorKind::TimedOut).into()
}

/// Replaces the connection whenever it is of no use, or Redis is elsewhere.
async fn keep_up(
    mut source: Source,
    tell: watch::Sender<State>,
    mut breaks: mpsc::UnboundedReceiver<u64>,
) {
    let (mut number, mut since) = (0, Instant::now());
    loop {
        match timeout(LOOK, breaks.recv()).await {
            Ok(None) => return,
            Ok(Some(broken)) if broken == number => {}
            Ok(Some(_)) => continue,
            Err(_) => {
                let looked = timeout(CONNECT, source.is_elsewhere()).await;
                if !looked.unwrap_or(false) {
                    continue;
                }
            }
        }
        // What is left of a cluster serves on.
        if !source.is_cluster() {
            tell.send_replace(State::Trying);
        }
        if since.elapsed() < FIRST_PAUSE {
            sleep(FIRST_PAUSE).await;
        }
        let mut pause = FIRST_PAUSE;
        number += 1;
        loop {
            let tried = timeout(CONNECT, source.connect(number)).await;
            match tried.unwrap_or_else(|_| Err(late())) {
                Ok(up) => {
                    tracing::info!("redis.connected");
                    tell.send_replace(State::Up(up));
                    break;
                }
                Err(error) => {
                    tracing::warn!(kind = ?error.kind(), "redis.not_connected");
                    if !source.is_cluster() {
                        tell.send_replace(State::Down(error));
                    }
                }
            }
            if tell.is_closed() {
                return;
            }
            sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
        since = Instant::now();
    }
}
