//! The store of many instances: Redis, from version 7 on. Every change is one atomic step there;
//! an instance is told only of the sessions that somebody watches at it.

mod address;
mod bell;
mod board;
mod link;
mod names;
mod scripts;
mod sentinels;
mod source;
mod unusable;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::select_ok;
use redis::{RedisError, RedisResult, Value};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use tokio::runtime::Handle;

use super::{
    Change, Commit, Item, Key, Record, SEATS, STATES, Seat, Store, StoreError, Tail, Tally,
};
use crate::clock::Timestamp;
use crate::metrics::Metrics;
use address::Address;
use link::Link;
use names::{Names, OfSession, SLOTS};
use scripts::{Call, Scripts};
use source::Source;
use unusable::{check, unusable};

pub use bell::{Heard, listen};
pub use board::Board;
pub use unusable::Unusable;

/// How long the taker of a due record has before it is offered again.
const AGAIN: Duration = Duration::from_secs(1);
/// What a commit says when there is no record, and when its version is another one.
const GONE: i64 = -1;
const CONFLICT: i64 = -2;
/// In how many calls every slot's deadlines have been looked at once.
const ROUND: usize = 4;

/// Keeps records in Redis.
pub struct RedisStore {
    link: Link,
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
    link: Link,
    name: String,
    hears: Arc<AtomicBool>,
}

/// Where the store is, and whose it is.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// The address, of any of the kinds that the README names.
    pub url: &'a str,
    /// A file of certificates that are trusted in the place of the system's.
    pub ca_file: Option<&'a Path>,
    /// The beginning of all keys.
    pub prefix: &'a str,
    /// This process's own name among those that share the store.
    pub instance: &'a str,
}

impl RedisStore {
    /// Connects. What it is asked is counted in `metrics`.
    ///
    /// # Errors
    /// [`Unusable`]
    pub async fn connect(
        place: Place<'_>,
        metrics: Arc<Metrics>,
    ) -> Result<(Self, Channel), Unusable> {
        let address = Address::read(place.url).map_err(Unusable::Address)?;
        if address.is_tls() {
            // Another part of the process may have chosen already; all of ours choose the same.
            let _ = rustls::crypto::ring::default_provider().install_default();
        }
        let ca = place.ca_file.map(trusted).transpose()?;
        let failed = |error: RedisError| unusable(&error);
        let source = Source::new(address, ca).map_err(failed)?;
        let cluster = source.is_cluster();
        if let Some(info) = source.look().await.map_err(failed)? {
            check(&info, cluster)?;
        }
        let link = Link::connect(source, metrics).await.map_err(failed)?;
        for info in infos(&link).await.map_err(failed)? {
            check(&info, cluster)?;
        }
        let names = Names::new(place.prefix.to_owned());
        for (name, kind) in names.of_all() {
            let found: String =
                link.ask("start", redis::cmd("TYPE").arg(&name)).await.map_err(failed)?;
            if found != "none" && found != kind {
                return Err(Unusable::Taken(name));
            }
        }
        let name = format!("{}{}", names.channels(), place.instance);
        let hears = Arc::<AtomicBool>::default();
        let channel = Channel { link: link.clone(), name, hears: Arc::clone(&hears) };
        let (scripts, rounds) = (Scripts::new(), AtomicUsize::new(0));
        let instance = place.instance.to_owned();
        Ok((Self { link, scripts, names, instance, rounds, hears }, channel))
    }

    /// What the log holds after a cursor, for a reader who may take a seat.
    async fn tail(
        &self,
        key: Key,
        after: u64,
        now: Timestamp,
        seat: Option<Seat>,
    ) -> Result<Option<Tail>, StoreError> {
        let OfSession { id, record, log, watchers, seats, .. } = self.names.of_session(key);
        let mut call = self.scripts.read.key(record);
        call.key(log).key(watchers).key(seats).arg(now.0).arg(after).arg(&self.instance);
        if let Some(seat) = seat {
            call.arg(seat).arg(SEATS).arg(self.names.channels()).arg(id);
        }
        let read: RedisResult<Option<Found>> = call.run(&self.link).await;
        let Some((have, state, ended, deadline, texts)) = read.map_err(|error| failed(&error))?
        else {
            return Ok(None);
        };
        let items: Option<Vec<Item>> = texts.iter().map(|text| item(text)).collect();
        let items = items.ok_or_else(|| StoreError("an item of a log is none".to_owned()))?;
        let deadline = Timestamp(deadline);
        Ok(Some(Tail { first: have + 1, items, state, ended: ended == 1, deadline }))
    }

    /// The board of public keys.
    #[must_use]
    pub fn board(&self) -> Board {
        Board { link: self.link.clone(), name: self.names.board() }
    }
}

/// The certificates of a file, as they stand in it.
fn trusted(file: &Path) -> Result<Vec<u8>, Unusable> {
    let wrong = |why: &dyn std::fmt::Display| Unusable::Trust(format!("{}: {why}", file.display()));
    let pem = std::fs::read(file).map_err(|error| wrong(&error))?;
    let mut certificates = CertificateDer::pem_slice_iter(&pem);
    if certificates.next().is_none_or(|first| first.is_err()) || certificates.any(|it| it.is_err())
    {
        return Err(wrong(&"holds no certificates in PEM"));
    }
    Ok(pem)
}

/// What each server says of itself.
async fn infos(link: &Link) -> RedisResult<Vec<String>> {
    let said: Value = link.ask("start", redis::cmd("INFO").arg("server")).await?;
    let texts = match said {
        Value::Map(of_nodes) => of_nodes.into_iter().map(|(_, said)| said).collect(),
        said => vec![said],
    };
    texts.into_iter().map(|text| Ok(redis::from_redis_value(text)?)).collect()
}

/// What is said of a failure: its code or kind, for a text may have an address with a password in
/// it.
fn failed(error: &RedisError) -> StoreError {
    StoreError(error.code().map_or_else(|| format!("{:?}", error.kind()), str::to_owned))
}

/// The arguments of a change, but for the log's items.
fn put(call: &mut Call<'_>, id: &str, change: &Change) {
    let ended = if change.ended { "1" } else { "0" };
    call.arg(id).arg(&change.record).arg(change.state).arg(ended);
    call.arg(change.deadline.0).arg(change.forget_at.0);
}

/// The log's items: the last arguments.
fn append(call: &mut Call<'_>, change: &Change) {
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
        let OfSession { id, record, log, watchers, deadlines, census, .. } =
            self.names.of_session(key);
        let mut call = self.scripts.create.key(record);
        call.key(log).key(watchers).key(deadlines).key(census).key(self.names.alias(alias));
        put(&mut call, &id, &change);
        append(&mut call, &change);
        let made: RedisResult<u8> = call.run(&self.link).await;
        made.map(|made| made == 1).map_err(|error| failed(&error))
    }

    async fn find(&self, alias: &str, now: Timestamp) -> Result<Option<Key>, StoreError> {
        let found: RedisResult<Option<String>> =
            self.link.ask("find", redis::cmd("GET").arg(self.names.alias(alias))).await;
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
            call.key(log).arg(now.0).run(&self.link).await;
        let loaded = loaded.map_err(|error| failed(&error))?;
        Ok(loaded.map(|(version, bytes, last)| Record { version, bytes, last }))
    }

    async fn commit(&self, key: Key, version: u32, change: Change) -> Result<Commit, StoreError> {
        let OfSession { id, record, log, watchers, deadlines, census, .. } =
            self.names.of_session(key);
        let mut call = self.scripts.commit.key(record);
        call.key(log).key(watchers).key(deadlines).key(census);
        put(&mut call, &id, &change);
        call.arg(version).arg(self.names.channels());
        append(&mut call, &change);
        let made: RedisResult<i64> = call.run(&self.link).await;
        Ok(match made.map_err(|error| failed(&error))? {
            GONE => Commit::Gone,
            CONFLICT => Commit::Conflict,
            last => Commit::Made(u64::try_from(last).unwrap_or(0)),
        })
    }

    async fn read(&self, key: Key, after: u64, now: Timestamp) -> Result<Option<Tail>, StoreError> {
        self.tail(key, after, now, None).await
    }

    async fn join(
        &self,
        key: Key,
        after: u64,
        now: Timestamp,
        seat: Seat,
    ) -> Result<Option<Tail>, StoreError> {
        self.tail(key, after, now, Some(seat)).await
    }

    fn leave(&self, key: Key, seat: Seat) {
        let mut gone = redis::cmd("ZREM");
        gone.arg(self.names.of_session(key).seats).arg(format!("{} {seat}", self.instance));
        let link = self.link.clone();
        // A seat that is not given back is the oldest before long. Outside of the runtime the
        // process ends.
        if let Ok(runtime) = Handle::try_current() {
            runtime.spawn(async move { link.ask::<()>("leave", &gone).await });
        }
    }

    async fn due(&self, now: Timestamp, most: usize) -> Result<Vec<Key>, StoreError> {
        // A few slots at a time: the others have their turn a moment later.
        let turn = self.rounds.fetch_add(1, Ordering::Relaxed) % ROUND;
        let mut due = Vec::new();
        for slot in (0..SLOTS).filter(|slot| usize::from(*slot) % ROUND == turn) {
            let mut call = self.scripts.due.key(self.names.deadlines(slot));
            call.arg(now.0).arg(most - due.len()).arg(now.plus(AGAIN).0);
            let keys: RedisResult<Vec<String>> =
                call.arg(self.names.records(slot)).run(&self.link).await;
            let keys = keys.map_err(|error| failed(&error))?;
            due.extend(keys.iter().filter_map(|key| Key::from_str_radix(key, 16).ok()));
        }
        Ok(due)
    }

    fn tells(&self) -> bool {
        self.hears.load(Ordering::Relaxed)
    }

    async fn ready(&self) -> Result<(), StoreError> {
        if !self.tells() {
            return Err(StoreError("the bell is not heard".to_owned()));
        }
        let asked: RedisResult<()> = if self.link.is_cluster() {
            // The nodes that are there answer for those that are not, but not for their slots. While
            // any session can be served, no other instance would serve more of them.
            let served = (0..SLOTS).map(|slot| {
                let name = self.names.census(slot);
                Box::pin(async move { self.link.ask("ready", redis::cmd("TYPE").arg(name)).await })
            });
            select_ok(served).await.map(|(answer, _)| answer)
        } else {
            self.link.ask("ready", &redis::cmd("PING")).await
        };
        asked.map_err(|error| failed(&error))
    }

    async fn census(&self) -> Result<[u64; STATES], StoreError> {
        let mut counts = [0; STATES];
        for slot in 0..SLOTS {
            let all: RedisResult<Vec<(usize, i64)>> =
                self.link.ask("census", redis::cmd("HGETALL").arg(self.names.census(slot))).await;
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
        let wait: RedisResult<u64> = call.run(&self.link).await;
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
}
