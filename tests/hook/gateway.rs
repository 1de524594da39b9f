//! A gateway: instances that hold the connections, and services of others that decide and speak,
//! each with a key of its own, to sessions wherever they are held.

use saoma::config::{Config, Secret};
use serde_json::json;

use crate::service::Service;
use crate::support::redis::RedisServer;
use crate::support::{Session, Store, TestServer, Via, namespace};
use crate::world::asks;

const ACCOUNTS: &str = "the key of those who know the accounts";
const ORDERS: &str = "the key of those who take the orders";

/// Two instances, and the service that decides.
struct Gateway {
    here: TestServer,
    there: TestServer,
    accounts: Service,
    _redis: RedisServer,
}

impl Gateway {
    async fn new() -> Self {
        let redis = RedisServer::start();
        let accounts = Service::start().await;
        let instance = async || {
            let (redis, url) = (redis.url(), accounts.url.clone());
            let join = move |config: &mut Config| {
                config.redis_url = Some(Secret::new(redis));
                asks(config, "default", &url);
                let keys = [ACCOUNTS, ORDERS].map(|key| Secret::new(key.to_owned()));
                namespace(config, "default").api_keys = keys.to_vec();
            };
            TestServer::start_with(Store::Memory, join).await
        };
        let (here, there) = (instance().await, instance().await);
        Self { here, there, accounts, _redis: redis }
    }

    /// The session that the service was asked about last.
    fn session_of_the_question(&self) -> String {
        let asked = self.accounts.asked().pop().expect("a question");
        asked.question["session_id"].as_str().expect("an id").to_owned()
    }

    /// A phone that scans at the other instance.
    async fn scans(&self, session: &Session) -> crate::support::Phone {
        self.there.phone(&session.scene).scans_as("Alice").await
    }
}

async fn services_speak_to_sessions_that_another_instance_holds(via: Via) {
    let gateway = Gateway::new().await;
    let mut tab = gateway.here.browser(via).with_messages().open().await;
    let phone = gateway.scans(&tab).await;
    tab.sees("scanned").await;

    let session = gateway.session_of_the_question();
    let accounts = gateway.there.backend(ACCOUNTS);
    accounts.says(&session, json!({ "greeting": "Hello, Alice" })).await.is(202);
    let said = tab.sees("message").await;
    assert_eq!(said, json!({ "from": "service", "body": { "greeting": "Hello, Alice" } }));

    phone.confirm().await.ok();
    let ticket = tab.sees_a_ticket().await;
    let orders = gateway.there.backend(ORDERS);
    let token = orders.redeem(&ticket).await.ok();
    assert_eq!(token["user"]["id"], "u-Alice");
    orders.says(&session, json!({ "order": 7 })).await.is(202);
    assert_eq!(tab.sees("message").await["body"], json!({ "order": 7 }));
    // The other end has seen the same.
    let mut listening = phone.listens(via, 4).await;
    assert_eq!(listening.sees("message").await.data["body"], json!({ "order": 7 }));
}

async fn a_service_refuses_a_login_that_another_instance_holds(via: Via) {
    let gateway = Gateway::new().await;
    let mut tab = gateway.here.browser(via).open().await;
    let phone = gateway.scans(&tab).await;
    tab.sees("scanned").await;
    let session = gateway.session_of_the_question();
    let told = gateway.there.backend(ORDERS).rejects(&session, "unpaid bills").await;
    assert_eq!(told.is(202)["id"], 3);
    assert_eq!(tab.sees("rejected").await, json!({ "reason": "unpaid bills" }));
    tab.is_told_the_end().await;
    phone.confirm().await.is_problem(409, "wrong_state");
    gateway.here.backend("no key").says(&session, json!(1)).await.is_problem(401, "unauthorized");
    assert_eq!(gateway.accounts.types(), ["scan"]);
}

macro_rules! by_every_transport {
    ($($via:ident $name:ident),+) => { $(
        mod $name {
            #[tokio::test]
            async fn services_speak_to_sessions_that_another_instance_holds() {
                super::services_speak_to_sessions_that_another_instance_holds(
                    crate::support::Via::$via,
                )
                .await;
            }

            #[tokio::test]
            async fn a_service_refuses_a_login_that_another_instance_holds() {
                super::a_service_refuses_a_login_that_another_instance_holds(
                    crate::support::Via::$via,
                )
                .await;
            }
        }
    )+ };
}

by_every_transport!(WebSocket websocket, Sse sse, LongPoll long_poll);

/// One question at one instance and the next at another: the service sees one login.
#[tokio::test]
async fn a_login_whose_steps_are_asked_by_different_instances_is_one() {
    let gateway = Gateway::new().await;
    let session = gateway.here.browser(Via::Sse).open_only().await;
    let phone = gateway.scans(&session).await;
    gateway.here.phone(&session.scene).with_token(&phone.token).confirm().await.ok();
    let asked = gateway.accounts.asked();
    assert_eq!(asked.len(), 2);
    assert_eq!(asked[0].question["session_id"], asked[1].question["session_id"]);
    assert_eq!(asked[0].question["session_id"], session.id.as_str());
}
