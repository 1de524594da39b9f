//! A few servers that share a redis-server.

use std::process::Command;

use saoma::config::{Config, Secret};
use serde_json::{Value, json};

use crate::support::redis::RedisServer;
use crate::support::{Phone, Session, Store, Subscriber, TestServer, Via};

pub(crate) struct Fleet {
    pub(crate) servers: Vec<TestServer>,
    pub(crate) redis: RedisServer,
}

impl Fleet {
    pub(crate) async fn of(instances: usize) -> Self {
        let redis = RedisServer::start();
        let mut servers = Vec::new();
        for _ in 0..instances {
            servers.push(Self::instance(&redis).await);
        }
        Self { servers, redis }
    }

    async fn instance(redis: &RedisServer) -> TestServer {
        let url = redis.url();
        let join = move |config: &mut Config| {
            config.redis_url = Some(Secret::new(url));
            config.rate_limit = false;
        };
        TestServer::start_with(Store::Memory, join).await
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

    /// Sends the redis-server a signal.
    pub(crate) fn signals(&self, signal: &str) {
        let sent = Command::new("kill").args([signal, &self.redis.pid]).status();
        assert!(sent.is_ok_and(|status| status.success()));
    }
}
