//! Servers on each kind of database, and what is done there with a token.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::Method;
use saoma::config::{Config, Secret};
use serde_json::{Value, json};

use crate::support::postgres::Postgres;
use crate::support::{Answer, Api, Browser, Store, TestServer, Via, namespace};

/// The API key of the namespace `shop`.
pub(crate) const KEY: &str = "shop key";

/// A server on each kind of database, whose namespace `shop` has a key.
pub(crate) async fn servers(change: impl Fn(&mut Config)) -> [TestServer; 2] {
    let shop = |config: &mut Config| {
        namespace(config, "shop").api_keys = vec![Secret::new(KEY.to_owned())];
        change(config);
    };
    let on_file = TestServer::start_with(Store::Memory, shop).await;
    let on_server = TestServer::start_with(Store::Memory, |config| {
        config.database_url = Some(Secret::new(Postgres::shared().new_database()));
        shop(config);
    });
    [on_file, on_server.await]
}

/// Somebody logs in by scanning what a browser shows; all that the browser is answered.
pub(crate) async fn logs_in(browser: Browser, name: &str) -> Value {
    let mut tab = browser.open().await;
    tab.scan_as(name).await.confirm().await.ok();
    tab.sees("scanned").await;
    let ticket = tab.sees_a_ticket().await;
    tab.redeem(&ticket).await.ok()
}

/// The token of a login.
pub(crate) fn text(token: &Value) -> &str {
    token["access_token"].as_str().expect("a token")
}

/// What a token says. Whether it is signed is told elsewhere.
pub(crate) fn claims_of(token: &str) -> Value {
    let claims = token.split('.').nth(1).expect("three parts");
    let claims = URL_SAFE_NO_PAD.decode(claims).expect("base64url");
    serde_json::from_slice(&claims).expect("JSON")
}

/// The id of a token.
pub(crate) fn id(token: &str) -> String {
    claims_of(token)["jti"].as_str().expect("an id").to_owned()
}

/// A token, in the hands of whoever got it.
pub(crate) struct Held {
    api: Api,
    pub(crate) token: String,
    pub(crate) id: String,
}

impl Held {
    /// Somebody's token, at a server.
    pub(crate) fn at(api: Api, token: &str) -> Self {
        Self { api, id: id(token), token: token.to_owned() }
    }

    /// Somebody logs in to a namespace.
    pub(crate) async fn of(server: &TestServer, namespace: &str, name: &str) -> Self {
        let token = logs_in(server.browser(Via::LongPoll).of(namespace), name).await;
        Self::at(server.api(), text(&token))
    }

    /// The same, at another server.
    pub(crate) fn also_at(&self, server: &TestServer) -> Self {
        Self::at(server.api(), &self.token)
    }

    /// Asks for the logins, with a query.
    pub(crate) async fn asks(&self, query: &str) -> Answer {
        self.api.ask(Method::GET, &format!("/v1/me/logins{query}")).bearer(&self.token).await
    }

    /// The logins.
    pub(crate) async fn logins(&self) -> Vec<Value> {
        let page = self.asks("").await.ok();
        page["logins"].as_array().expect("a list").clone()
    }

    /// Their ids.
    pub(crate) async fn ids(&self) -> Vec<String> {
        let logins = self.logins().await;
        logins.iter().map(|login| login["id"].as_str().expect("an id").to_owned()).collect()
    }

    /// Ends a login.
    pub(crate) async fn ends(&self, id: &str) -> Answer {
        self.api.ask(Method::DELETE, &format!("/v1/me/logins/{id}")).bearer(&self.token).await
    }
}

/// A service asks whether a token is good.
pub(crate) async fn introspects(api: &Api, key: &str, token: &str) -> Answer {
    posts(api, "introspect", key, &[("token", token)]).await
}

/// A service revokes a token.
pub(crate) async fn revokes(api: &Api, key: &str, by: &str, value: &str) -> Answer {
    posts(api, "revoke", key, &[(by, value)]).await
}

/// A form, as libraries send it.
pub(crate) async fn posts(api: &Api, call: &str, key: &str, form: &[(&str, &str)]) -> Answer {
    let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
    let ask = api.ask(Method::POST, &format!("/v1/tokens/{call}")).bearer(key);
    ask.body_of("application/x-www-form-urlencoded", &body).await
}

/// What is said of a token that is not good, and nothing else.
pub(crate) fn inactive() -> Value {
    json!({ "active": false })
}
