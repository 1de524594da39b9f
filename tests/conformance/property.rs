//! Whatever happens, in whatever order, every subscriber's view is the log: told at the core, where
//! time stands still unless the story moves it.

use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use proptest::prelude::*;
use saoma::login::Login;
use saoma::login::browser::Browser;
use saoma::login::phone::PhonePass;
use saoma::store::SEATS;
use saoma::store::memory::MemoryStore;
use saoma::stream::event::Event;
use saoma::stream::subscription::{Page, Subscription, Turn};
use serde_json::value::to_raw_value;

use crate::core::{core, open, scan_as};

/// How many seconds any session is kept, however soon it ends.
const KEPT: u64 = 120;

/// Something that happens.
#[derive(Clone, Debug)]
enum Step {
    Scan(u8),
    Confirm,
    Reject,
    Cancel,
    BrowserSays(u8),
    PhoneSays,
    Seconds(u64),
    /// A subscriber comes, with a cursor that may lie past the end.
    Joins(u64),
    /// A subscriber hears what there is for it.
    Hears(usize),
    /// A subscriber goes on by another connection, from its own cursor.
    Switches(usize),
    Leaves(usize),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        2 => (0..3u8).prop_map(Step::Scan),
        1 => Just(Step::Confirm),
        1 => Just(Step::Reject),
        1 => Just(Step::Cancel),
        6 => any::<u8>().prop_map(Step::BrowserSays),
        4 => Just(Step::PhoneSays),
        1 => (1..50u64).prop_map(Step::Seconds),
        4 => (0..12u64).prop_map(Step::Joins),
        6 => any::<usize>().prop_map(Step::Hears),
        4 => any::<usize>().prop_map(Step::Switches),
        1 => any::<usize>().prop_map(Step::Leaves),
    ]
}

/// A subscriber and all that it has heard: the events after the cursor that it first came with.
struct Subscriber {
    /// None once the stream has ended, or another took its place.
    stream: Option<Subscription>,
    after: u64,
    heard: Vec<Event>,
    ended: bool,
}

impl Subscriber {
    fn takes(&mut self, page: Page) {
        assert_eq!(page.after, self.after + self.heard.len() as u64, "no gap and no repetition");
        self.heard.extend(page.events);
        assert_eq!(page.cursor, self.after + self.heard.len() as u64);
        self.ended |= page.ended;
        if self.ended {
            self.stream = None;
        }
    }

    /// Everything that there is to hear now.
    fn hears(&mut self) {
        let mut cx = Context::from_waker(Waker::noop());
        while let Some(stream) = &mut self.stream {
            match stream.poll_turn(&mut cx) {
                Poll::Pending => return,
                Poll::Ready(Turn::Page(page)) => self.takes(page),
                Poll::Ready(Turn::Replaced) => self.stream = None,
                Poll::Ready(other) => panic!("{other:?}"),
            }
        }
    }
}

/// One session and everybody about it.
struct World {
    login: Arc<Login>,
    passed: u64,
    browser: Browser,
    scene: saoma::login::scene::Scene,
    phone: Option<PhonePass>,
    subscribers: Vec<Subscriber>,
}

impl World {
    async fn new(messages: bool) -> Self {
        let login = Arc::new(core(|bell| Arc::new(MemoryStore::new(bell))));
        let (browser, _, scene) = open(&login, messages).await;
        tokio::spawn(Arc::clone(&login).expire_for_ever());
        Self { login, passed: 0, browser, scene, phone: None, subscribers: Vec::new() }
    }

    /// What a command answers is not the matter here: many do not fit the moment, and are refused.
    async fn takes(&mut self, step: Step) {
        let chosen = |n: usize| n % self.subscribers.len().max(1);
        match step {
            Step::Scan(who) => {
                let scan = scan_as(&format!("Person {who}"));
                if let Ok(scanned) = self.login.scan(&self.scene, scan).await {
                    self.phone = self.login.phone(&self.scene, &scanned.token).await.ok();
                }
            }
            Step::Cancel => drop(self.login.cancel(&self.browser).await),
            Step::BrowserSays(what) => {
                let body = to_raw_value(&what).expect("JSON");
                drop(self.login.browser_says(&self.browser, &body).await);
            }
            Step::Seconds(seconds) if self.passed + seconds < KEPT => {
                self.passed += seconds;
                tokio::time::advance(Duration::from_secs(seconds)).await;
            }
            Step::Joins(cursor) => self.joins(cursor).await,
            Step::Hears(n) => {
                let n = chosen(n);
                self.subscribers.get_mut(n).into_iter().for_each(Subscriber::hears);
            }
            Step::Switches(n) => self.switches(chosen(n)).await,
            Step::Leaves(n) if !self.subscribers.is_empty() => {
                let n = chosen(n);
                self.subscribers[n].stream = None;
            }
            Step::Seconds(_) | Step::Leaves(_) => {}
            Step::Confirm | Step::Reject | Step::PhoneSays => {
                if let Some(phone) = &self.phone {
                    let body = to_raw_value("me").expect("JSON");
                    match step {
                        Step::Confirm => drop(self.login.confirm(phone, None).await),
                        Step::Reject => drop(self.login.reject(phone).await),
                        _ => drop(self.login.phone_says(phone, &body).await),
                    }
                }
            }
        }
    }

    async fn joins(&mut self, cursor: u64) {
        let (stream, page) = self.login.watch(&self.browser, cursor).await.expect("let in");
        let after = page.after;
        assert!(after == cursor || after == 0, "a cursor past the end starts again");
        let mut joined =
            Subscriber { stream: Some(stream), after, heard: Vec::new(), ended: false };
        joined.takes(page);
        self.subscribers.push(joined);
    }

    async fn switches(&mut self, n: usize) {
        let Some(subscriber) = self.subscribers.get_mut(n).filter(|it| !it.ended) else { return };
        let cursor = subscriber.after + subscriber.heard.len() as u64;
        let (stream, page) = self.login.watch(&self.browser, cursor).await.expect("let in");
        // The old connection is gone only after the new one is there, as in a real change.
        subscriber.stream = Some(stream);
        subscriber.takes(page);
    }

    /// In the end, everybody who is still there has heard the log.
    async fn every_view_is_the_log(mut self) {
        let (_, log) = self.login.watch(&self.browser, 0).await.expect("the log");
        for (n, event) in log.events.iter().enumerate() {
            assert_eq!(event.id, n as u64 + 1);
        }
        let mut live = 0;
        for subscriber in &mut self.subscribers {
            subscriber.hears();
            let after = usize::try_from(subscriber.after).expect("small");
            let heard = &subscriber.heard;
            assert_eq!(heard[..], log.events[after..after + heard.len()]);
            if subscriber.stream.is_some() || subscriber.ended {
                assert_eq!(after + heard.len(), log.events.len(), "nothing is missing");
            }
            live += usize::from(subscriber.stream.is_some());
        }
        assert!(live <= SEATS);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_subscribers_view_is_the_log(
        messages in any::<bool>(),
        steps in proptest::collection::vec(step(), 1..60),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = { runtime }.enable_time().start_paused(true).build().expect("a runtime");
        runtime.block_on(async {
            let mut world = World::new(messages).await;
            for step in steps {
                world.takes(step).await;
            }
            world.every_view_is_the_log().await;
        });
    }
}
