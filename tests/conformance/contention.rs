//! Races that cannot be missed: a store that lets everybody read before anybody writes.

use std::sync::Arc;

use async_trait::async_trait;
use futures_util::future::join_all;
use saoma::clock::Timestamp;
use saoma::login::LoginError;
use saoma::login::machine::Refusal;
use saoma::store::memory::MemoryStore;
use saoma::store::{Change, Commit, Key, Record, STATES, Store, StoreError, Tail};

use crate::core::{core, open, scan_as};

/// How many race.
const RUNNERS: usize = 12;

/// A store whose every answer waits until all others had their turn.
struct Unhurried(MemoryStore);

#[async_trait]
impl Store for Unhurried {
    async fn create(&self, key: Key, alias: &str, change: Change) -> Result<bool, StoreError> {
        self.0.create(key, alias, change).await
    }

    async fn find(&self, alias: &str, now: Timestamp) -> Result<Option<Key>, StoreError> {
        self.0.find(alias, now).await
    }

    async fn load(&self, key: Key, now: Timestamp) -> Result<Option<Record>, StoreError> {
        let record = self.0.load(key, now).await;
        tokio::task::yield_now().await;
        record
    }

    async fn commit(&self, key: Key, version: u32, change: Change) -> Result<Commit, StoreError> {
        self.0.commit(key, version, change).await
    }

    async fn read(&self, key: Key, after: u64, now: Timestamp) -> Result<Option<Tail>, StoreError> {
        self.0.read(key, after, now).await
    }

    async fn due(&self, now: Timestamp, most: usize) -> Result<Vec<Key>, StoreError> {
        self.0.due(now, most).await
    }

    async fn census(&self) -> Result<[u64; STATES], StoreError> {
        self.0.census().await
    }
}

#[tokio::test]
async fn of_those_who_confirm_refuse_and_withdraw_at_once_one_wins() {
    let login = core(|bell| Arc::new(Unhurried(MemoryStore::new(bell))));
    let (browser, _, scene) = open(&login, false).await;
    let token = login.scan(&scene, scan_as("Alice")).await.expect("scanned").token;
    let phone = login.phone(&scene, &token).await.expect("let in");
    let (login, browser, phone) = (&login, &browser, &phone);
    let run = |n: usize| async move {
        match n % 3 {
            0 => login.confirm(phone, None).await,
            1 => login.reject(phone).await,
            // One browser withdraws: to withdraw again would be no loss.
            _ if n == 2 => login.cancel(browser).await,
            _ => login.reject(phone).await,
        }
    };
    let outcomes = join_all((0..RUNNERS).map(run)).await;
    let lost = |it: &&Result<(), _>| matches!(it, Err(LoginError::Refused(Refusal::WrongState(_))));
    assert_eq!(outcomes.iter().filter(|it| it.is_ok()).count(), 1, "{outcomes:?}");
    assert_eq!(outcomes.iter().filter(lost).count(), RUNNERS - 1, "{outcomes:?}");
    let (_, log) = login.watch(browser, 0).await.expect("the log");
    assert_eq!(log.events.len(), 3);
}

#[tokio::test]
async fn of_many_people_who_scan_at_once_one_is_first() {
    let login = core(|bell| Arc::new(Unhurried(MemoryStore::new(bell))));
    let (browser, _, scene) = open(&login, false).await;
    let people: Vec<_> = (0..RUNNERS).map(|n| scan_as(&format!("Person {n}"))).collect();
    let scans = join_all(people.into_iter().map(|scan| login.scan(&scene, scan))).await;
    assert_eq!(scans.iter().filter(|it| it.is_ok()).count(), 1);
    let late = |it: &&Result<_, _>| matches!(it, Err(LoginError::Refused(Refusal::AlreadyScanned)));
    assert_eq!(scans.iter().filter(late).count(), RUNNERS - 1);
    let (_, log) = login.watch(&browser, 0).await.expect("the log");
    assert_eq!(log.events.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn of_a_confirmation_and_the_time_one_wins() {
    let login = Arc::new(core(|bell| Arc::new(Unhurried(MemoryStore::new(bell)))));
    let (browser, _, scene) = open(&login, false).await;
    let token = login.scan(&scene, scan_as("Alice")).await.expect("scanned").token;
    let phone = login.phone(&scene, &token).await.expect("let in");
    tokio::spawn(Arc::clone(&login).expire_for_ever());
    tokio::time::advance(std::time::Duration::from_secs(60)).await;
    let outcomes = join_all((0..RUNNERS).map(|_| login.confirm(&phone, None))).await;
    for outcome in outcomes {
        assert!(matches!(outcome, Err(LoginError::Refused(Refusal::Expired))), "{outcome:?}");
    }
    let (_, log) = login.watch(&browser, 0).await.expect("the log");
    assert_eq!(log.events.len(), 3);
}

#[tokio::test]
async fn messages_said_at_once_are_all_in_the_log() {
    let login = core(|bell| Arc::new(Unhurried(MemoryStore::new(bell))));
    let (browser, _, _) = open(&login, false).await;
    let body = serde_json::value::to_raw_value("hello").expect("JSON");
    let says = join_all((0..RUNNERS).map(|_| login.browser_says(&browser, &body))).await;
    let mut ids: Vec<_> = says.into_iter().map(|it| it.expect("said")).collect();
    ids.sort_unstable();
    assert_eq!(ids, (2..2 + RUNNERS as u64).collect::<Vec<_>>());
}
