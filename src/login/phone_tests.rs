//! What a phone is told when those beside the core cannot do their part, and that the session is
//! then as it was.

use std::collections::HashMap;
use std::time::Duration;

use async_trait::async_trait;
use parking_lot::Mutex;

use super::*;
use crate::clock::Clock;
use crate::entropy::Entropy;
use crate::history::NoHistory;
use crate::login::browser::{Opened, Opening};
use crate::login::limits::{Limits, Rate, Rates};
use crate::login::ports::{Cause, Directory, Image, ImageFormat, PortError, Provider};
use crate::login::tokens::Tokens;
use crate::login::visitor::Visitor;
use crate::metrics::Metrics;
use crate::store::memory::MemoryStore;
use crate::stream::Topics;

/// A provider and a directory that fail once, as told.
#[derive(Default)]
struct Ailing(Mutex<Option<PortError>>);

impl Ailing {
    fn ail(&self) -> Result<(), PortError> {
        self.0.lock().take().map_or(Ok(()), Err)
    }
}

#[async_trait]
impl Provider for Ailing {
    fn name(&self) -> &'static str {
        "ailing"
    }

    fn content(&self, _: &Scene) -> Option<String> {
        None
    }

    async fn image(&self, _: &Scene, _: ImageFormat) -> Result<Image, PortError> {
        Err(PortError::bad("no pictures here"))
    }

    async fn identify(&self, login_code: &str, _: &Scene) -> Result<Identity, PortError> {
        self.ail()?;
        let subject = login_code.to_owned();
        Ok(Identity {
            provider: "ailing".into(),
            subject,
            account: None,
            union: None,
            name: None,
            avatar_url: None,
        })
    }
}

#[async_trait]
impl Directory for Ailing {
    async fn find(&self, identity: &Identity, _: &Cause<'_>) -> Result<Option<User>, PortError> {
        self.ail()?;
        let Identity { subject, provider, .. } = identity.clone();
        let (id, name) = (subject.clone(), subject);
        Ok(Some(User { id, name, avatar_url: None, provider, claims: None }))
    }

    async fn register(
        &self,
        _: &Identity,
        _: &Cause<'_>,
        _: &Registration,
    ) -> Result<User, PortError> {
        Err(PortError::unavailable("closed"))
    }
}

fn login(provider: Arc<Ailing>, directory: Arc<Ailing>) -> Login {
    let clock = Clock::system();
    let hub = Arc::default();
    let store = Arc::new(MemoryStore::new(Arc::new(|_| {})));
    let namespace = Namespace {
        name: "default".into(),
        provider,
        numbering: Arc::new(crate::codes::Fresh(Entropy::system())),
        directory,
        users: "*".into(),
        session_ttl: Duration::from_secs(180),
        messages_ttl: Duration::from_secs(3600),
        ticket_ttl: Duration::from_secs(60),
        match_number: false,
        sign_up: true,
        refuse_relayed: false,
        api_keys: Vec::new(),
        audience: "default".into(),
        origins: Vec::new(),
    };
    let rate = Rate { per_minute: 60, burst: 2 };
    let many = Rate { per_minute: 6000, burst: 100 };
    let rates = Rates { sessions: many, unknown_scans: rate, messages: many };
    let metrics = Arc::new(Metrics::new().unwrap());
    Login::new(
        Arc::new(Topics { store, hub, clock }),
        HashMap::from([("default".to_owned(), Arc::new(namespace))]),
        Limits::new(Some(rates), clock, Arc::clone(&metrics)),
        Entropy::system(),
        Tokens {
            sign: Arc::new(|_| Err(LoginError::Signing)),
            verify: Arc::new(|_| Box::pin(async { Ok(None) })),
            journal: Arc::new(NoHistory),
        },
        metrics,
    )
}

async fn opened(login: &Login) -> (Session, Bearer) {
    let opening = Opening {
        namespace: "default".into(),
        messages: false,
        ip: [192, 0, 2, 1].into(),
        user_agent: String::new(),
        visitor: Visitor::Unnamed,
    };
    let Opened { snapshot, secret, .. } = login.open(opening).await.unwrap();
    (snapshot.session, secret)
}

fn scan(login_code: &str, ip: [u8; 4]) -> Scan {
    Scan { login_code: login_code.into(), entry_scene: None, ip: ip.into() }
}

#[tokio::test(start_paused = true)]
async fn when_the_provider_or_the_directory_fails_the_phone_can_try_again() {
    let (provider, directory) = (Arc::new(Ailing::default()), Arc::new(Ailing::default()));
    let login = login(Arc::clone(&provider), Arc::clone(&directory));
    let (session, _) = opened(&login).await;
    let ills =
        [PortError::bad("nonsense"), PortError::unavailable("down"), PortError::slow("too slow")];
    for (ailing, ill) in
        [&provider, &directory].into_iter().flat_map(|a| ills.clone().map(|i| (a, i)))
    {
        *ailing.0.lock() = Some(ill.clone());
        let told = login.scan(&session.scene, scan("ada", [192, 0, 2, 2])).await.unwrap_err();
        assert!(matches!(told, LoginError::Port(error) if error == ill));
        let after = login.load(session.id).await.unwrap();
        assert_eq!((after.session.state_name(), after.cursor), (EventType::Pending, 1));
    }
    let scanned = login.scan(&session.scene, scan("ada", [192, 0, 2, 2])).await.unwrap();
    let pass = login.phone(&session.scene, &scanned.token).await.unwrap();
    *directory.0.lock() = Some(PortError::unavailable("down"));
    assert!(matches!(login.confirm(&pass, None).await, Err(LoginError::Port(_))));
    assert_eq!(login.load(session.id).await.unwrap().cursor, 2);
    login.confirm(&pass, None).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn guessing_scenes_is_slowed_by_address_and_by_person() {
    let login = login(Arc::default(), Arc::default());
    let guess = Scene::parse("no-such-scene").unwrap();
    let told = async |who: &str, ip| login.scan(&guess, scan(who, ip)).await.unwrap_err();
    let limited = |error: &LoginError| matches!(error, LoginError::TooMany(_));
    for _ in 0..2 {
        assert!(!limited(&told("ada", [192, 0, 2, 1]).await));
    }
    assert!(limited(&told("bob", [192, 0, 2, 1]).await), "another person at that address");
    assert!(limited(&told("ada", [192, 0, 2, 2]).await), "that person at another address");
    assert!(!limited(&told("bob", [192, 0, 2, 3]).await), "somebody else elsewhere");
    // Who scans a code that exists is not held up by any of it.
    let (session, _) = opened(&login).await;
    login.scan(&session.scene, scan("ada", [192, 0, 2, 1])).await.unwrap();
}
