//! A file that several write at once, and somebody who lets nobody else write: no number is given
//! twice, and no session waits for long.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::str::FromStr as _;
use std::time::Duration;

use futures_util::future::{join, join_all};
use saoma::config::Pool;
use serde_json::json;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _, SqliteConnection};

use crate::place::{Place, codes};
use crate::support::{Session, Store, TestServer, Via, metrics, within};
use crate::world::{CODES, SMALL, has_free, shared, with_a_pool};

/// Codes are made again and again.
const POOL: Pool = Pool { size: 40, low_water: 20, grow_by: 20, ..SMALL };
/// How long the server's own statements wait for another's.
const PATIENCE: Duration = Duration::from_secs(5);
/// Longer than any statement takes.
const A_MOMENT: Duration = Duration::from_millis(300);
/// How many open sessions at a time.
const PEOPLE: usize = 6;

/// Two servers and their file.
struct World {
    place: Place,
    servers: Vec<TestServer>,
}

impl World {
    async fn new() -> Self {
        let place = Place::new(false).await;
        // As long as it takes in life, or people would open more sessions than WeChat makes codes.
        place.wechat.breaks(CODES, json!({ "latency_ms": 50 })).await;
        let start = || {
            TestServer::start_with(Store::Memory, |config| {
                with_a_pool(config, &place.wechat.base, POOL);
                shared(config, &place.database, &place.pictures());
            })
        };
        let servers = join_all((0..2).map(|_| start())).await;
        has_free(&servers[0], POOL.size.into()).await;
        Self { place, servers }
    }

    /// Somebody who waits this long to write.
    async fn writer(&self, patience: Duration) -> SqliteConnection {
        let options = SqliteConnectOptions::from_str(&self.place.database).expect("an address");
        options.busy_timeout(patience).connect().await.expect("connected")
    }

    /// Lets nobody else write meanwhile.
    async fn is_held<T>(&self, meanwhile: impl Future<Output = T>) -> T {
        let mut holder = self.writer(Duration::from_secs(30)).await;
        let held = holder.begin_with("BEGIN IMMEDIATE").await.expect("begun");
        let done = meanwhile.await;
        held.rollback().await.expect("ended");
        done
    }

    /// Waits until somebody has waited to write for as long, in vain.
    async fn is_waited_for(&self, patience: Duration) {
        let mut writer = self.writer(patience).await;
        let refused = writer.begin_with("BEGIN IMMEDIATE").await.expect_err("refused");
        assert!(refused.to_string().contains("database is locked"), "{refused}");
    }

    /// One session of each of those who open them at once.
    async fn opened(&self) -> Vec<Session> {
        let browsers = (0..PEOPLE).map(|n| self.servers[n % 2].browser(Via::LongPoll));
        join_all(browsers.map(|browser| async move { browser.open_only().await })).await
    }

    /// All sessions that people open, again and again, until it is done.
    async fn opened_until<T>(&self, done: impl Future<Output = T>) -> (Vec<Session>, T) {
        let over = Cell::new(false);
        let opening = (0..PEOPLE).map(|n| {
            let (browser, over) = (self.servers[n % 2].browser(Via::LongPoll), &over);
            async move {
                let mut sessions = Vec::new();
                while !over.get() {
                    sessions.push(browser.open_only().await);
                }
                sessions
            }
        });
        let done = async {
            let done = done.await;
            over.set(true);
            done
        };
        let (sessions, done) = join(join_all(opening), done).await;
        (sessions.into_iter().flatten().collect(), done)
    }

    async fn counts(&self, label: &str) -> u64 {
        let mut all = 0;
        for server in &self.servers {
            all += metrics::sum(&server.metrics().await, "saoma_pool_taken_total", label);
        }
        all
    }

    async fn fills(&self, count: u32) {
        let said = self.place.says(&["fill", "--count", &count.to_string()]).await;
        assert_eq!(said, format!("made {count} codes\n"));
    }

    /// Nobody got what another had, and what nobody got is free.
    async fn ends_well(mut self, sessions: &[Session]) {
        assert_eq!(self.counts("").await, sessions.len() as u64);
        assert_eq!(self.counts("from=\"none\"").await, 0);
        let scenes: BTreeSet<_> = sessions.iter().map(|session| &session.scene).collect();
        assert_eq!(scenes.len(), sessions.len());
        let url = |session: &Session| session.opened["code"]["url"].as_str().map(str::to_owned);
        let urls = sessions.iter().filter_map(url).filter(|url| !url.ends_with("/code"));
        let pooled: Vec<_> = urls.collect();
        assert_eq!(self.counts("from=\"pool\"").await, pooled.len() as u64);
        let taken = async || {
            let codes = codes(&self.place.database).await;
            codes.iter().filter(|code| code.is("taken")).count()
        };
        let pooled_alone = async { while taken().await != pooled.len() {} };
        within("what nobody got to be free again", pooled_alone).await;
        for server in &mut self.servers {
            server.leave().await.expect("left");
        }
        // What they were at is finished.
        self.fills(1).await;
        let codes = self.place.whole().await;
        let taken = codes.iter().filter(|code| code.is("taken"));
        let taken: BTreeSet<_> = taken.map(|code| &*code.picture).collect();
        let shown: BTreeSet<_> = pooled.iter().filter_map(|url| url.rsplit('/').next()).collect();
        assert_eq!(taken, shown);
    }
}

#[tokio::test]
async fn no_two_sessions_get_the_same_number_while_many_write() {
    let world = World::new().await;
    let holding = async {
        for _ in 0..3 {
            world.is_held(world.is_waited_for(A_MOMENT)).await;
        }
    };
    let (sessions, ()) = world.opened_until(holding).await;
    assert!(world.counts("from=\"pool\"").await > 0);
    world.ends_well(&sessions).await;
}

#[tokio::test]
async fn who_cannot_have_a_number_in_time_gets_a_fresh_code_and_the_number_stays_free() {
    let world = World::new().await;
    let sessions = world.is_held(world.opened()).await;
    assert_eq!(world.counts("from=\"fresh\"").await, PEOPLE as u64);
    // What they had asked for is theirs by now, and too late.
    world.fills(20).await;
    world.ends_well(&sessions).await;
}

#[tokio::test]
async fn all_go_on_when_somebody_has_held_the_file_for_longer_than_they_wait() {
    let world = World::new().await;
    let held = async {
        let asked = world.place.calls().await + 5;
        world.place.wechat.see(&format!("calls?all&at_least={asked}&path={CODES}")).await;
        world.opened_until(world.is_held(world.is_waited_for(PATIENCE))).await
    };
    let ((), (sessions, ())) = join(world.fills(100), held).await;
    assert!(world.counts("from=\"fresh\"").await > 0);
    world.ends_well(&sessions).await;
}
