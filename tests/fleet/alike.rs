//! The rules of a login are written down once. Whatever is asked, in whatever order, two instances
//! on Redis answer as one with a memory of its own does, and their logs are the same.

use std::collections::{HashMap, HashSet};
use std::fmt::Debug;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use parking_lot::Mutex;
use proptest::prelude::*;
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng as _;
use saoma::clock::{Clock, Timestamp};
use saoma::codes::Fresh;
use saoma::entropy::Entropy;
use saoma::history::NoHistory;
use saoma::login::Login;
use saoma::login::browser::{Opened, Opening};
use saoma::login::limits::Limits;
use saoma::login::namespace::Namespace;
use saoma::login::phone::Scan;
use saoma::login::ports::{Cause, Directory, Identity, PortError, Registration, User};
use saoma::login::scene::Scene;
use saoma::login::secret::{self, Bearer};
use saoma::login::session::SessionId;
use saoma::login::tokens::Tokens;
use saoma::login::visitor::Visitor;
use saoma::provider::Simulator;
use saoma::store::Store;
use saoma::store::memory::MemoryStore;
use saoma::store::redis::{Place, RedisStore};
use saoma::stream::Topics;
use saoma::stream::hub::Hub;
use serde_json::value::{RawValue, to_raw_value};
use tokio::sync::oneshot;

use crate::metrics;
use crate::support::redis;

const API_KEY: &str = "a-key-of-a-service";
const NOW: Timestamp = Timestamp(4_000_000_000_000);

/// What is asked.
#[derive(Clone, Copy, Debug)]
enum Ask {
    /// Of three people, of whom the last has to register first.
    Scan(u8),
    Register,
    /// With the number of the session and so much more, or without one.
    Confirm(Option<u8>),
    Reject,
    Cancel,
    BrowserSays,
    PhoneSays,
    ServiceSays,
    ServiceRejects,
    /// With the right ticket, or a wrong one.
    Redeem(bool),
    ServiceRedeems(bool),
    Snapshot,
    /// The log after a cursor.
    Read(u64),
    Seconds(u64),
}

fn ask() -> impl Strategy<Value = Ask> {
    prop_oneof![
        4 => (0..3u8).prop_map(Ask::Scan),
        3 => Just(Ask::Register),
        4 => prop_oneof![3 => Just(Some(0)), 1 => Just(Some(1)), 1 => Just(None)]
            .prop_map(Ask::Confirm),
        1 => Just(Ask::Reject),
        1 => Just(Ask::Cancel),
        2 => Just(Ask::BrowserSays),
        2 => Just(Ask::PhoneSays),
        1 => Just(Ask::ServiceSays),
        1 => Just(Ask::ServiceRejects),
        2 => any::<bool>().prop_map(Ask::Redeem),
        1 => any::<bool>().prop_map(Ask::ServiceRedeems),
        2 => Just(Ask::Snapshot),
        2 => (0..6u64).prop_map(Ask::Read),
        3 => (1..25u64).prop_map(Ask::Seconds),
    ]
}

/// Knows everybody but the third, until they register.
#[derive(Default)]
struct Guests(Mutex<HashSet<String>>);

#[async_trait]
impl Directory for Guests {
    async fn find(&self, identity: &Identity, _: &Cause<'_>) -> Result<Option<User>, PortError> {
        let known = identity.subject != "Person 2" || self.0.lock().contains(&identity.subject);
        Ok(known.then(|| user(identity)))
    }

    async fn register(
        &self,
        identity: &Identity,
        _: &Cause<'_>,
        _: &Registration,
    ) -> Result<User, PortError> {
        self.0.lock().insert(identity.subject.clone());
        Ok(user(identity))
    }
}

fn user(identity: &Identity) -> User {
    let (id, provider) = (identity.subject.clone(), identity.provider.clone());
    User { name: id.clone(), id, avatar_url: None, provider, claims: None }
}

/// One session, and the cores that it may be asked of in turn.
struct World {
    cores: Vec<Login>,
    turn: usize,
    id: SessionId,
    secret: Bearer,
    scene: Scene,
    number: u8,
    token: Option<Bearer>,
}

/// What differs from case to case.
#[derive(Clone, Copy, Debug)]
struct Kind {
    messages: bool,
    match_number: bool,
}

impl World {
    async fn over(stores: Vec<Arc<dyn Store>>, clock: Clock, kind: Kind) -> Self {
        let entropy = Entropy::from_rng(ChaCha20Rng::seed_from_u64(7));
        let directory = Arc::new(Guests::default());
        let core = |store| core(store, clock, &entropy, Arc::clone(&directory), kind);
        let cores: Vec<Login> = stores.into_iter().map(core).collect();
        let opening = Opening {
            namespace: "default".into(),
            messages: kind.messages,
            ip: [127, 0, 0, 1].into(),
            user_agent: String::new(),
            visitor: Visitor::Unnamed,
        };
        let Opened { snapshot, secret, .. } = cores[0].open(opening).await.expect("open");
        let (id, scene) = (snapshot.session.id, snapshot.session.scene);
        let number = snapshot.session.match_number.unwrap_or(50);
        Self { cores, turn: 0, id, secret, scene, number, token: None }
    }

    /// The answer, as text: everything in it.
    async fn answers(&mut self, ask: Ask) -> String {
        self.turn += 1;
        let login = &self.cores[self.turn % self.cores.len()];
        let ticket =
            |right: bool| secret::ticket(SessionId(self.id.0 ^ u128::from(!right)), &self.secret);
        let wrong = || Bearer::shown("no token");
        match ask {
            Ask::Scan(who) => {
                let login_code = format!("sim:Person {who}");
                let scan = Scan { login_code, entry_scene: None, ip: [127, 0, 0, 1].into() };
                let scanned = login.scan(&self.scene, scan).await;
                if let Ok(scanned) = &scanned {
                    self.token = Some(scanned.token.clone());
                }
                told(&scanned)
            }
            Ask::Register | Ask::Confirm(_) | Ask::Reject | Ask::PhoneSays => {
                let token = self.token.clone().unwrap_or_else(wrong);
                let pass = match login.phone(&self.scene, &token).await {
                    Ok(pass) => pass,
                    Err(error) => return told::<()>(&Err(error)),
                };
                match ask {
                    Ask::Register => {
                        told(&login.register(&pass, &Registration { name: "Three".into() }).await)
                    }
                    Ask::Confirm(more) => {
                        let number = more.map(|more| self.number + more);
                        told(&login.confirm(&pass, number).await)
                    }
                    Ask::Reject => told(&login.reject(&pass).await),
                    _ => told(&login.phone_says(&pass, &says()).await),
                }
            }
            Ask::ServiceSays | Ask::ServiceRejects | Ask::ServiceRedeems(_) => {
                let service = login.backend(&Bearer::shown(API_KEY)).expect("known");
                match ask {
                    Ask::ServiceSays => told(&login.service_says(&service, self.id, &says()).await),
                    Ask::ServiceRejects => {
                        told(&login.service_rejects(&service, self.id, Some("no".into())).await)
                    }
                    Ask::ServiceRedeems(right) => {
                        told(&login.redeem_ticket(&service, &ticket(right)).await)
                    }
                    _ => unreachable!("asked above"),
                }
            }
            Ask::Cancel | Ask::BrowserSays | Ask::Redeem(_) | Ask::Snapshot | Ask::Read(_) => {
                let browser = login.browser(self.id, &self.secret, &Visitor::Unnamed).await;
                let browser = match browser {
                    Ok(browser) => browser,
                    Err(error) => return told::<()>(&Err(error)),
                };
                match ask {
                    Ask::Cancel => told(&login.cancel(&browser).await),
                    Ask::BrowserSays => told(&login.browser_says(&browser, &says()).await),
                    Ask::Redeem(right) => told(&login.redeem(&browser, &ticket(right)).await),
                    Ask::Snapshot => told(&login.snapshot(&browser).await),
                    Ask::Read(cursor) => {
                        told(&login.watch(&browser, cursor).await.map(|(_, page)| page))
                    }
                    _ => unreachable!("asked above"),
                }
            }
            Ask::Seconds(_) => String::new(),
        }
    }
}

fn says() -> Box<RawValue> {
    to_raw_value("hello").expect("JSON")
}

fn told<T: Debug>(answer: &Result<T, saoma::login::LoginError>) -> String {
    format!("{answer:?}")
}

fn core(
    store: Arc<dyn Store>,
    clock: Clock,
    entropy: &Entropy,
    directory: Arc<Guests>,
    kind: Kind,
) -> Login {
    let topics = Arc::new(Topics { store, hub: Arc::new(Hub::default()), clock });
    let namespace = Namespace {
        name: "default".into(),
        provider: Arc::new(Simulator::new("http://x".into())),
        numbering: Arc::new(Fresh(entropy.clone())),
        directory,
        users: "*".into(),
        session_ttl: Duration::from_secs(60),
        messages_ttl: Duration::from_secs(90),
        ticket_ttl: Duration::from_secs(30),
        match_number: kind.match_number,
        sign_up: true,
        refuse_relayed: false,
        api_keys: vec![Bearer::shown(API_KEY).digest()],
        audience: "default".into(),
        origins: Vec::new(),
    };
    let namespaces = HashMap::from([("default".to_owned(), Arc::new(namespace))]);
    let tokens = Tokens {
        sign: Arc::new(|_| Ok((String::new(), 1))),
        verify: Arc::new(|_| Box::pin(async { Ok(None) })),
        journal: Arc::new(NoHistory),
    };
    let limits = Limits::new(None, clock, metrics());
    Login::new(topics, namespaces, limits, entropy.clone(), tokens, metrics())
}

/// Two stores on one Redis, under names of their own.
async fn on_redis() -> Vec<Arc<dyn Store>> {
    static CASES: AtomicU64 = AtomicU64::new(0);
    let (url, case) = (redis::shared(), CASES.fetch_add(1, Ordering::Relaxed));
    let prefix = format!("alike-{case}");
    let mut stores: Vec<Arc<dyn Store>> = Vec::new();
    for instance in ["one", "two"] {
        let place = Place { url: &url, ca_file: None, prefix: &prefix, instance };
        let (store, _channel) = RedisStore::connect(place, metrics()).await.expect("a store");
        stores.push(Arc::new(store));
    }
    stores
}

async fn all_answers_are_the_same(kind: Kind, asks: &[Ask]) {
    // As long as somebody blocks, time goes on only where it is told to.
    let (done, blocks) = oneshot::channel::<()>();
    let blocking = tokio::task::spawn_blocking(move || drop(blocks.blocking_recv()));
    let clock = Clock::starting_at(NOW);
    let memory: Arc<dyn Store> = Arc::new(MemoryStore::new(Arc::new(|_| {})));
    let mut one = World::over(vec![memory], clock, kind).await;
    let mut other = World::over(on_redis().await, clock, kind).await;
    assert_eq!((one.id, one.number), (other.id, other.number));
    let log = Ask::Read(0);
    for ask in asks.iter().chain([&log]) {
        if let Ask::Seconds(seconds) = *ask {
            tokio::time::advance(Duration::from_secs(seconds)).await;
        }
        let (expected, answer) = (one.answers(*ask).await, other.answers(*ask).await);
        assert_eq!(answer, expected, "{ask:?}");
        assert_eq!(other.answers(log).await, one.answers(log).await, "the log after {ask:?}");
    }
    drop(done);
    blocking.await.expect("no panic");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn memory_and_redis_answer_alike(
        messages in any::<bool>(),
        match_number in any::<bool>(),
        asks in proptest::collection::vec(ask(), 1..40),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = { runtime }.enable_all().start_paused(true).build().expect("a runtime");
        runtime.block_on(all_answers_are_the_same(Kind { messages, match_number }, &asks));
    }
}
