//! The login core without a server around it, as `server::assemble` builds it: for what sockets are
//! too slow or too coarse to tell.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use saoma::clock::{Clock, Timestamp};
use saoma::codes::Fresh;
use saoma::directory::Open;
use saoma::entropy::Entropy;
use saoma::history::NoHistory;
use saoma::login::Login;
use saoma::login::browser::{Browser, Opened, Opening};
use saoma::login::limits::Limits;
use saoma::login::namespace::Namespace;
use saoma::login::phone::Scan;
use saoma::login::scene::Scene;
use saoma::login::secret::Bearer;
use saoma::login::tokens::Tokens;
use saoma::login::visitor::Visitor;
use saoma::metrics::Metrics;
use saoma::provider::Simulator;
use saoma::store::{Bell, Store};
use saoma::stream::Topics;
use saoma::stream::hub::Hub;

/// A core over a store: sessions last a minute, with messages a minute and a half.
pub(crate) fn core(store: impl FnOnce(Bell) -> Arc<dyn Store>) -> Login {
    let clock = Clock::starting_at(Timestamp(1_767_225_600_000));
    let hub = Arc::new(Hub::default());
    let rung = Arc::clone(&hub);
    let store = store(Arc::new(move |key| rung.ring(key)));
    let topics = Arc::new(Topics { store, hub, clock });
    let namespace = Namespace {
        name: "default".into(),
        provider: Arc::new(Simulator::new("http://x".into())),
        numbering: Arc::new(Fresh(Entropy::system())),
        directory: Arc::new(Open),
        users: "*".into(),
        session_ttl: Duration::from_secs(60),
        messages_ttl: Duration::from_secs(90),
        ticket_ttl: Duration::from_secs(60),
        match_number: false,
        sign_up: true,
        refuse_relayed: false,
        api_keys: Vec::new(),
        audience: "default".into(),
        origins: Vec::new(),
    };
    let namespaces = HashMap::from([("default".to_owned(), Arc::new(namespace))]);
    let tokens = Tokens {
        sign: Arc::new(|_| Ok((String::new(), 1))),
        verify: Arc::new(|_| Box::pin(async { Ok(None) })),
        journal: Arc::new(NoHistory),
    };
    let metrics = Arc::new(Metrics::new().expect("metrics"));
    let limits = Limits::new(None, clock, Arc::clone(&metrics));
    Login::new(topics, namespaces, limits, Entropy::system(), tokens, metrics)
}

/// A session: its browser, its secret and its scene.
pub(crate) async fn open(login: &Login, messages: bool) -> (Browser, Bearer, Scene) {
    let ip = [127, 0, 0, 1].into();
    let opening = Opening {
        namespace: "default".into(),
        messages,
        ip,
        user_agent: String::new(),
        visitor: Visitor::Unnamed,
    };
    let Opened { snapshot, secret, .. } = login.open(opening).await.expect("open");
    let browser = login.browser(snapshot.session.id, &secret, &Visitor::Unnamed).await;
    let browser = browser.expect("let in");
    (browser, secret, snapshot.session.scene)
}

/// Somebody scans.
pub(crate) fn scan_as(name: &str) -> Scan {
    let login_code = format!("sim:{name}");
    Scan { login_code, entry_scene: None, ip: [127, 0, 0, 1].into() }
}
