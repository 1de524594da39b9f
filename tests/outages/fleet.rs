//! Three instances behind a balancer, and the redis-server that they share.

use futures_util::future::join_all;
use saoma::config::{Config, Secret};
use tokio::time::Instant;

use crate::insisting::Login;
use crate::support::instance::Instance;
use crate::support::redis::RedisServer;
use crate::support::{Balanced, Via, within};

/// A redis-server that writes to disk what it is given before it answers.
pub(crate) const LASTING: [&str; 2] = ["--appendonly", "yes"];
/// How many logins are under way when something breaks: a third for each transport.
const LOGINS: usize = 30;

pub(crate) struct Fleet {
    pub(crate) balanced: Balanced,
    pub(crate) redis: RedisServer,
}

impl Fleet {
    /// On a redis-server that keeps what it is given over a restart.
    pub(crate) async fn start() -> Self {
        let redis = RedisServer::with(&LASTING);
        let balanced = Self::on(&redis.url()).await;
        Self { balanced, redis }
    }

    /// Three instances on the Redis of this address.
    pub(crate) async fn on(url: &str) -> Balanced {
        let config = Config {
            redis_url: Some(Secret::new(url.to_owned())),
            rate_limit: false,
            // So short that held connections that hear nothing would be noticed.
            heartbeat_seconds: 2,
            ..Config::default()
        };
        Balanced::start(3, config).await
    }

    /// Logins at every stage, over every transport: opened, and a half of them scanned.
    pub(crate) async fn logins(&self) -> Vec<Login> {
        logins(&self.balanced).await
    }

    /// Waits until each instance says that it is ready, or that it is not.
    pub(crate) async fn all_are(&self, ready: bool) {
        let all = self.balanced.instances.iter().map(|instance| is(instance, ready));
        join_all(all).await;
    }

    /// Waits until the balancer sends requests to each instance again.
    pub(crate) async fn is_whole(&self) {
        for instance in &self.balanced.instances {
            self.balanced.balancer.until(instance.address, "UP").await;
        }
    }
}

pub(crate) async fn logins(balanced: &Balanced) -> Vec<Login> {
    let logins = (0..LOGINS).map(|n| async move {
        let mut login = Login::open(balanced, Via::ALL[n % 3]).await;
        if n % 2 == 0 {
            login.scan().await;
        }
        login
    });
    join_all(logins).await
}

/// Every login comes to its end: each event once, the token once. How often they had to come back.
pub(crate) async fn all_end_well(logins: Vec<Login>) -> Vec<(Via, usize)> {
    join_all(logins.into_iter().map(Login::ends_well)).await
}

async fn is(instance: &Instance, ready: bool) {
    let status = if ready { 200 } else { 503 };
    let seen = async { while instance.admin("/readyz").await.status != status {} };
    within(&format!("/readyz to say {status}"), seen).await;
}

/// Says how long something took (`--nocapture`). Nothing depends on it.
pub(crate) async fn timed<T>(what: &str, happening: impl Future<Output = T>) -> T {
    let start = Instant::now();
    let happened = happening.await;
    println!("{what}: {} ms", start.elapsed().as_millis());
    happened
}
