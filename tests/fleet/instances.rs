//! A few servers that share a redis-server.

use std::time::Duration;

use saoma::config::{Config, Secret};
use serde_json::{Value, json};

use crate::support::redis::RedisServer;
use crate::support::{Answer, Phone, Session, Store, Subscriber, TestServer, Via};

pub(crate) struct Fleet<R = RedisServer> {
    pub(crate) servers: Vec<TestServer>,
    pub(crate) redis: R,
}

impl Fleet {
    pub(crate) async fn of(instances: usize) -> Self {
        let redis = RedisServer::start();
        let url = redis.url();
        Self::on(redis, &url, instances, |_| {}).await
    }

    /// Sends the redis-server a signal.
    pub(crate) fn signals(&self, signal: &str) {
        self.redis.signal(signal);
    }
}

impl<R> Fleet<R> {
    /// Instances at this address, with some settings changed.
    pub(crate) async fn on(
        redis: R,
        url: &str,
        instances: usize,
        change: impl Fn(&mut Config),
    ) -> Self {
        let mut servers = Vec::new();
        for _ in 0..instances {
            let join = |config: &mut Config| {
                config.redis_url = Some(Secret::new(url.to_owned()));
                config.rate_limit = false;
                change(config);
            };
            servers.push(TestServer::start_with(Store::Memory, join).await);
        }
        Self { servers, redis }
    }

    /// A session that was opened at one instance, as it is held at another.
    pub(crate) fn at(&self, instance: usize, session: &Session) -> Session {
        self.servers[instance].browser(Via::LongPoll).session_of(session.opened.clone())
    }

    pub(crate) async fn opens(&self, instance: usize) -> Session {
        self.servers[instance].browser(Via::LongPoll).open_only().await
    }

    pub(crate) async fn follows(&self, instance: usize, session: &Session, via: Via) -> Subscriber {
        self.at(instance, session).follow(via).await
    }

    /// The phone, at another instance.
    pub(crate) fn phone_at(&self, instance: usize, session: &Session, token: &str) -> Phone {
        self.servers[instance].phone(&session.scene).with_token(token)
    }

    /// Scans at an instance; the phone token.
    pub(crate) async fn token_of_scan(&self, instance: usize, session: &Session) -> String {
        let body = json!({ "login_code": "sim:Ann" });
        let told: Value =
            self.servers[instance].phone(&session.scene).tries_to_scan(body).await.ok();
        told["phone_token"].as_str().expect("a token").to_owned()
    }

    /// One login, each step at the next instance.
    pub(crate) async fn logs_in(&self, first: usize, via: Via) {
        let at = |step: usize| (first + step) % self.servers.len();
        let session = self.opens(at(0)).await;
        let mut events = self.follows(at(1), &session, via).await;
        events.sees("pending").await;
        let token = self.token_of_scan(at(2), &session).await;
        events.sees("scanned").await;
        self.phone_at(at(3), &session, &token).confirm().await.ok();
        let confirmed = events.sees("confirmed").await.data;
        events.ends().await;
        let ticket = confirmed["ticket"].as_str().expect("a ticket");
        self.at(at(4), &session).redeem(ticket).await.ok();
    }

    /// Asks again and again for as long as Redis cannot be reached, and is told so.
    pub(crate) async fn once_redis_answers(&self, mut ask: impl AsyncFnMut() -> Answer) -> Answer {
        let answered = async {
            loop {
                let answer = ask().await;
                if answer.status != 503 {
                    return answer;
                }
                assert!(answer.has("retry-after"));
                answer.is_problem(503, "store_unavailable");
            }
        };
        let patience = Duration::from_secs(30);
        tokio::time::timeout(patience, answered).await.expect("Redis to answer again")
    }
}
