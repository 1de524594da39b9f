//! A server whose default namespace asks a service.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use saoma::config::{Config, DirectoryRule, Secret};
use serde_json::Value;

use crate::service::{SECRET, Service};
use crate::support::{Session, Store, Tab, TestServer, Via, namespace};

/// Both sides.
pub(crate) struct World {
    pub(crate) service: Service,
    pub(crate) server: TestServer,
}

/// Makes a namespace ask a service.
pub(crate) fn asks(config: &mut Config, name: &str, url: &str) {
    let rules = namespace(config, name);
    rules.directory = DirectoryRule::Hook;
    rules.hook.url = Some(url.to_owned());
    rules.hook.secret = Some(Secret::new(SECRET.to_owned()));
}

impl World {
    pub(crate) async fn new(store: Store) -> Self {
        Self::with(store, |_| {}).await
    }

    pub(crate) async fn with(store: Store, change: impl FnOnce(&mut Config)) -> Self {
        let service = Service::start().await;
        let url = service.url.clone();
        let server = TestServer::start_with(store, |config| {
            asks(config, "default", &url);
            change(config);
        });
        Self { service, server: server.await }
    }

    /// A session whose browser has only been told of it.
    pub(crate) async fn opened(&self) -> Session {
        self.server.browser(Via::LongPoll).open_only().await
    }

    /// A session that a browser follows.
    pub(crate) async fn followed(&self, via: Via) -> Tab {
        self.server.browser(via).open().await
    }
}

/// What a token says. Whether it is signed is told elsewhere.
pub(crate) fn claims_of(token: &Value) -> Value {
    let token = token["access_token"].as_str().expect("a token");
    let claims = token.split('.').nth(1).expect("three parts");
    let claims = URL_SAFE_NO_PAD.decode(claims).expect("base64url");
    serde_json::from_slice(&claims).expect("JSON")
}
