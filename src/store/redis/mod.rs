//! The store of many instances: Redis, from version 7 on. Every change is one atomic step there;
//! an instance is told only of the sessions that somebody watches at it.

mod bell;
mod board;
mod names;
mod scripts;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::{Client, RedisError, RedisResult, ScriptInvocation};

use super::{Change, Commit, Item, Key, Record, STATES, Store, StoreError, Tail, Tally};
use crate::clock::Timestamp;
use names::{Names, OfSession, SLOTS};
use scripts::Scripts;

pub use bell::{Heard, listen};
pub use board::Board;

/// The oldest version that is tried by tests.
const OLDEST: u32 = 7;
/// How long a command may take. Whoever waits for it is a browser or a phone.
const ANSWER: Duration = Duration::from_secs(2);
/// How long a connection may take.
const CONNECT: Duration = Duration::from_secs(2);
/// The longest pause between two tries to connect.
const PAUSE: Duration = Duration::from_secs(1);
/// How long the taker of a due record has before it is offered again.
const AGAIN: Duration = Duration::from_secs(1);
/// What a commit says when there is no record, and when its version is another one.
const GONE: i64 = -1;
const CONFLICT: i64 = -2;
/// In how many calls every slot's deadlines have been looked at once.
const ROUND: usize = 4;

/// Keeps records in Redis.
pub struct RedisStore {
    connection: ConnectionManager,
    scripts: Scripts,
    names: Names,
    instance: String,
    rounds: AtomicUsize,
    /// Whether the bell is heard.
    hears: Arc<AtomicBool>,
}

/// What a read finds: how many items the reader has, the state, whether it has ended, the deadline,
/// the items that the reader has not.
type Found = (u64, u8, u8, u64, Vec<String>);

/// What an instance is told of the sessions that it watches by.
pub struct Channel {
    client: Client,
    name: String,
    connection: ConnectionManager,
    hears: Arc<AtomicBool>,
}

impl RedisStore {
    /// Connects. `instance` is this process's own name among those that share the store, `prefix`
    /// the beginning of all of its keys.
    ///
    /// # Errors
    /// [`Unusable`]
    pub async fn connect(
        url: &str,
        prefix: String,
        instance: String,
    ) -> Result<(Self, Channel), Unusable> {
        let client = Client::open(url).map_err(|_| Unusable::Address)?;
        let config = ConnectionManagerConfig::new()
            .set_response_timeout(Some(ANSWER))
            .set_connection_timeout(Some(CONNECT))
            .set_max_delay(PAUSE)
            .set_number_of_retries(2);
        let connection = ConnectionManager::new_with_config(client.clone(), config);
        let mut connection = connection.await.map_err(|error| unusable(&error))?;
        let info: String = redis::cmd("INFO")
            .arg("server")
            .query_async(&mut connection)
            .await
            .map_err(|error| unusable(&error))?;
        check_version(&info)?;
        let names = Names::new(prefix);
        let name = format!("{}{instance}", names.channels());
        let hears = Arc::<AtomicBool>::default();
        let channel =
            Channel { client, name, connection: connection.clone(), hears: Arc::clone(&hears) };
        let (scripts, rounds) = (Scripts::new(), AtomicUsize::new(0));
        Ok((Self { connection, scripts, names, instance, rounds, hears }, channel))
    }

    /// The board of public keys.
    #[must_use]
    pub fn board(&self) -> Board {
        Board { connection: self.connection(), name: self.names.board() }
    }

    fn connection(&self) -> ConnectionManager {
        self.connection.clone()
    }
}

/// Why a Redis cannot be used. No text of it has the address, for that may have a password.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Unusable {
    /// The address is none of Redis'.
    #[error("this is no address of a Redis: expected redis://[[user]:password@]host[:port][/db]")]
    Address,
    /// The user or the password is refused, or one is needed.
    #[error("Redis refuses the user or the password")]
    Refused,
    /// Nobody answers there as Redis does.
    #[error("Redis cannot be reached ({0})")]
    Unreachable(String),
    /// It is too old.
    #[error("Redis {0} is too old: 7.0 or newer is needed")]
    TooOld(String),
}

fn unusable(error: &RedisError) -> Unusable {
    let code = error.code().unwrap_or_default();
    if matches!(code, "WRONGPASS" | "NOAUTH" | "NOPERM")
        || error.kind() == redis::ErrorKind::AuthenticationFailed
    {
        Unusable::Refused
    } else {
        Unusable::Unreachable(format!("{:?}", error.kind()))
    }
}

/// The version that it says in its `INFO`; Valkey says there with which Redis it is compatible.
fn check_version(info: &str) -> Result<(), Unusable> {
    let said = info.lines().find_map(|line| line.strip_prefix("redis_version:"));
    let version = said.unwrap_or("?").trim();
    let major = version.split('.').next().and_then(|major| major.parse::<u32>().ok());
    if major.is_some_and(|major| major >= OLDEST) {
        Ok(())
    } else {
        Err(Unusable::TooOld(version.to_owned()))
    }
}

/// What is said of a failure: its kind, for a text may have an address with a password in it.
fn failed(error: &RedisError) -> StoreError {
    StoreError(format!("{:?}", error.kind()))
}

/// The arguments of a change, but for the log's items.
fn put(call: &mut ScriptInvocation<'_>, id: &str, change: &Change) {
    let ended = if change.ended { "1" } else { "0" };
    call.arg(id).arg(&change.record).arg(change.state).arg(ended);
    call.arg(change.deadline.0).arg(change.forget_at.0);
}

/// The log's items: the last arguments.
fn append(call: &mut ScriptInvocation<'_>, change: &Change) {
    for Item { tag, at, data } in &change.append {
        call.arg(format!("{tag} {} {data}", at.0));
    }
}

fn item(text: &str) -> Option<Item> {
    let [tag, at, data] = text.splitn(3, ' ').collect::<Vec<_>>().try_into().ok()?;
    Some(Item { tag: tag.parse().ok()?, at: Timestamp(at.parse().ok()?), data: data.into() })
}

#[async_trait]
impl Store for RedisStore {
    async fn create(&self, key: Key, alias: &str, change: Change) -> Result<bool, StoreError> {
        let OfSession { id, record, log, watchers, deadlines, census } = self.names.of_session(key);
        let mut call = self.scripts.create.key(record);
        call.key(log).key(watchers).key(deadlines).key(census).key(self.names.alias(alias));
        put(&mut call, &id, &change);
        append(&mut call, &change);
        let made: RedisResult<u8> = call.invoke_async(&mut self.connection()).await;
        made.map(|made| made == 1).map_err(|error| failed(&error))
    }

    async fn find(&self, alias: &str, now: Timestamp) -> Result<Option<Key>, StoreError> {
        let found: RedisResult<Option<String>> = redis::cmd("GET")
            .arg(self.names.alias(alias))
            .query_async(&mut self.connection())
            .await;
        let found = found.map_err(|error| failed(&error))?;
        Ok(found.as_deref().and_then(|found| {
            let (key, forget_at) = found.split_once(' ')?;
            let key = Key::from_str_radix(key, 16).ok()?;
            (Timestamp(forget_at.parse().ok()?) > now).then_some(key)
        }))
    }

    async fn load(&self, key: Key, now: Timestamp) -> Result<Option<Record>, StoreError> {
        let OfSession { record, log, .. } = self.names.of_session(key);
        let mut call = self.scripts.load.key(record);
        let loaded: RedisResult<Option<(u32, Vec<u8>, u64)>> =
            call.key(log).arg(now.0).invoke_async(&mut self.connection()).await;
        let loaded = loaded.map_err(|error| failed(&error))?;
        Ok(loaded.map(|(version, bytes, last)| Record { version, bytes, last }))
    }

    async fn commit(&self, key: Key, version: u32, change: Change) -> Result<Commit, StoreError> {
        let OfSession { id, record, log, watchers, deadlines, census } = self.names.of_session(key);
        let mut call = self.scripts.commit.key(record);
        call.key(log).key(watchers).key(deadlines).key(census);
        put(&mut call, &id, &change);
        call.arg(version).arg(self.names.channels());
        append(&mut call, &change);
        let made: RedisResult<i64> = call.invoke_async(&mut self.connection()).await;
        Ok(match made.map_err(|error| failed(&error))? {
            GONE => Commit::Gone,
            CONFLICT => Commit::Conflict,
            last => Commit::Made(u64::try_from(last).unwrap_or(0)),
        })
    }

    async fn read(&self, key: Key, after: u64, now: Timestamp) -> Result<Option<Tail>, StoreError> {
        let OfSession { record, log, watchers, .. } = self.names.of_session(key);
        let mut call = self.scripts.read.key(record);
        call.key(log).key(watchers).arg(now.0).arg(after).arg(&self.instance);
        let read: RedisResult<Option<Found>> = call.invoke_async(&mut self.connection()).await;
        let Some((have, state, ended, deadline, texts)) = read.map_err(|error| failed(&error))?
        else {
            return Ok(None);
        };
        let items: Option<Vec<Item>> = texts.iter().map(|text| item(text)).collect();
        let items = items.ok_or_else(|| StoreError("an item of a log is none".to_owned()))?;
        let deadline = Timestamp(deadline);
        Ok(Some(Tail { first: have + 1, items, state, ended: ended == 1, deadline }))
    }

    async fn due(&self, now: Timestamp, most: usize) -> Result<Vec<Key>, StoreError> {
        // A few slots at a time: the others have their turn a moment later.
        let turn = self.rounds.fetch_add(1, Ordering::Relaxed) % ROUND;
        let mut due = Vec::new();
        for slot in (0..SLOTS).filter(|slot| usize::from(*slot) % ROUND == turn) {
            let mut call = self.scripts.due.key(self.names.deadlines(slot));
            call.arg(now.0).arg(most - due.len()).arg(now.plus(AGAIN).0);
            let keys: RedisResult<Vec<String>> =
                call.arg(self.names.records(slot)).invoke_async(&mut self.connection()).await;
            let keys = keys.map_err(|error| failed(&error))?;
            due.extend(keys.iter().filter_map(|key| Key::from_str_radix(key, 16).ok()));
        }
        Ok(due)
    }

    async fn ready(&self) -> Result<(), StoreError> {
        if !self.hears.load(Ordering::Relaxed) {
            return Err(StoreError("the bell is not heard".to_owned()));
        }
        let mut connection = self.connection();
        let asked = redis::cmd("PING").query_async::<()>(&mut connection).await;
        asked.map_err(|error| failed(&error))
    }

    async fn census(&self) -> Result<[u64; STATES], StoreError> {
        let mut counts = [0; STATES];
        for slot in 0..SLOTS {
            let all: RedisResult<Vec<(usize, i64)>> = redis::cmd("HGETALL")
                .arg(self.names.census(slot))
                .query_async(&mut self.connection())
                .await;
            for (state, count) in all.map_err(|error| failed(&error))? {
                if let Some(counted) = counts.get_mut(state) {
                    *counted += u64::try_from(count).unwrap_or(0);
                }
            }
        }
        Ok(counts)
    }
}

#[async_trait]
impl Tally for RedisStore {
    async fn take(
        &self,
        name: &str,
        per_minute: u32,
        burst: u32,
        now: Timestamp,
    ) -> Result<Duration, StoreError> {
        let mut call = self.scripts.take.key(self.names.counter(name));
        call.arg(now.0).arg(60_000.0 / f64::from(per_minute)).arg(burst);
        let wait: RedisResult<u64> = call.invoke_async(&mut self.connection()).await;
        wait.map(Duration::from_millis).map_err(|error| failed(&error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_item_comes_back_as_it_was() {
        let data = r#"{"body":"a b  c"}"#;
        let text = format!("8 1000 {data}");
        let expected = Item { tag: 8, at: Timestamp(1000), data: data.into() };
        assert_eq!(item(&text), Some(expected));
        assert_eq!(item("0 1 ").map(|item| item.data.len()), Some(0));
        for bad in ["", "1", "1 2", "x 1 {}", "300 1 {}"] {
            assert_eq!(item(bad), None, "{bad}");
        }
    }

    #[test]
    fn versions_from_seven_on_will_do() {
        let info =
            |version: &str| check_version(&format!("# Server\r\nredis_version:{version}\r\nos:x"));
        assert_eq!((info("7.0.15"), info("7.2.4"), info("8.0.0")), (Ok(()), Ok(()), Ok(())));
        assert_eq!(info("6.2.14"), Err(Unusable::TooOld("6.2.14".to_owned())));
        assert_eq!(check_version("HTTP/1.1 400"), Err(Unusable::TooOld("?".to_owned())));
    }
}
