//! Somebody else's keys in the same Redis: never touched, and no harm to anything else.

use saoma::clock::Timestamp;
use saoma::store::redis::{Place, RedisStore, Unusable};
use saoma::store::{Change, Commit, Item, Store, Tally};

use crate::instances::Fleet;
use crate::metrics;
use crate::support::Via;
use crate::support::redis::RedisServer;

const KEY: u128 = 0x5000_0000_0000_0000_0000_0000_0000_0001;
const ID: &str = "50000000000000000000000000000001";
/// Begins as its key does.
const ALIAS: &str = "Uabc";
const NOW: Timestamp = Timestamp(4_000_000_000_000);

async fn try_store(redis: &RedisServer, prefix: &str) -> Result<RedisStore, Unusable> {
    let url = redis.url();
    let place = Place { url: &url, ca_file: None, prefix, instance: "one" };
    RedisStore::connect(place, metrics()).await.map(|(store, _)| store)
}

async fn store(redis: &RedisServer) -> RedisStore {
    try_store(redis, "test").await.expect("a store")
}

fn change(state: u8) -> Change {
    let (deadline, forget_at) = (Timestamp(NOW.0 + 60_000), Timestamp(NOW.0 + 120_000));
    let append = vec![Item { tag: state, at: NOW, data: "{}".into() }];
    Change { record: vec![state], append, state, ended: false, deadline, forget_at }
}

/// A way to make a key that is none of ours, for each type.
const SHAPES: [&[&str]; 5] = [
    &["SET", "KEY", "theirs"],
    &["RPUSH", "KEY", "theirs"],
    &["SADD", "KEY", "theirs"],
    &["HSET", "KEY", "theirs", "1"],
    &["ZADD", "KEY", "1", "theirs"],
];

fn takes(redis: &RedisServer, shape: &[&str], name: &str) {
    let command: Vec<&str> =
        shape.iter().map(|word| if *word == "KEY" { name } else { *word }).collect();
    redis.asks::<()>(&command);
}

/// A key, whole: its value with its type, and its lifetime.
fn seen(redis: &RedisServer, name: &str) -> (Vec<u8>, i64) {
    (redis.asks(&["DUMP", name]), redis.asks(&["PTTL", name]))
}

#[tokio::test]
async fn a_session_goes_to_no_name_that_is_taken() {
    let redis = RedisServer::start();
    let store = store(&redis).await;
    let of_session = ["session", "log", "watch"].map(|kind| format!("test:{{5}}:{kind}:{ID}"));
    let alias = format!("test:{{5}}:alias:{ALIAS}");
    for name in of_session.iter().chain([&alias]) {
        for shape in SHAPES {
            takes(&redis, shape, name);
            let before = seen(&redis, name);
            assert_eq!(store.create(KEY, ALIAS, change(0)).await, Ok(false), "{name}");
            // What is there is no session: it is none, or cannot be read.
            if let Ok(found) = store.load(KEY, NOW).await {
                assert_eq!(found, None);
            }
            if let Ok(found) = store.find(ALIAS, NOW).await {
                assert_eq!(found, None);
            }
            if let Ok(read) = store.read(KEY, 0, NOW).await {
                assert_eq!(read, None);
            }
            if let Ok(commit) = store.commit(KEY, 0, change(1)).await {
                assert_eq!(commit, Commit::Gone);
            }
            assert_eq!(seen(&redis, name), before, "{name}");
            assert_eq!(redis.asks::<u64>(&["DBSIZE"]), 1, "nothing else was put down");
            redis.asks::<()>(&["DEL", name]);
        }
    }
    assert_eq!(store.create(KEY, ALIAS, change(0)).await, Ok(true));
}

#[tokio::test]
async fn a_start_is_refused_where_a_name_that_all_sessions_share_is_taken() {
    let redis = RedisServer::start();
    for (name, ours) in [("test:{0}:due:", 4), ("test:{f}:census:", 3), ("test:keys", 3)] {
        for (n, shape) in SHAPES.into_iter().enumerate() {
            takes(&redis, shape, name);
            let before = seen(&redis, name);
            let started = try_store(&redis, "test").await.err();
            let expected = (n != ours).then(|| Unusable::Taken(name.to_owned()));
            assert_eq!(started, expected, "{shape:?}");
            assert!(try_store(&redis, "another").await.is_ok(), "another prefix is free");
            assert_eq!(seen(&redis, name), before);
            redis.asks::<()>(&["DEL", name]);
        }
    }
}

#[tokio::test]
async fn a_shared_name_that_is_taken_later_fails_its_slot_and_no_other() {
    let redis = RedisServer::start();
    let store = store(&redis).await;
    assert_eq!(store.create(KEY, ALIAS, change(0)).await, Ok(true));
    for (name, elsewhere) in [("test:{5}:due:", "kone"), ("test:{5}:census:", "ktwo")] {
        redis.asks::<()>(&["RENAME", name, "test:aside"]);
        takes(&redis, SHAPES[0], name);
        let before = seen(&redis, name);
        assert!(store.create(KEY + 1, "Uother", change(0)).await.is_err());
        assert!(store.commit(KEY, 0, change(1)).await.is_err());
        assert_eq!(seen(&redis, name), before);
        // Nothing changed by halves.
        let record = store.load(KEY, NOW).await.expect("an answer").expect("a record");
        assert_eq!((record.version, record.last), (0, 1));
        assert_eq!(store.load(KEY + 1, NOW).await, Ok(None));
        let another = u128::from(elsewhere.as_bytes()[1]) | 9 << 124;
        assert_eq!(store.create(another, elsewhere, change(0)).await, Ok(true), "another slot");
        redis.asks::<()>(&["DEL", name]);
        redis.asks::<()>(&["RENAME", "test:aside", name]);
    }
    assert_eq!(store.commit(KEY, 0, change(1)).await, Ok(Commit::Made(2)));
}

#[tokio::test]
async fn a_counter_that_is_somebody_elses_is_left_alone() {
    let redis = RedisServer::start();
    let store = store(&redis).await;
    for shape in SHAPES {
        takes(&redis, shape, "test:limit:name");
        let before = seen(&redis, "test:limit:name");
        assert!(store.take("name", 60, 1, NOW).await.is_err(), "{shape:?}");
        assert!(store.take("other", 60, 100, NOW).await.is_ok());
        assert_eq!(seen(&redis, "test:limit:name"), before);
        redis.asks::<()>(&["DEL", "test:limit:name"]);
    }
}

#[tokio::test]
async fn what_else_is_on_the_board_stays_there_and_is_not_shown() {
    let redis = RedisServer::start();
    redis.asks::<()>(&["HSET", "saoma:keys", "theirs", "no key", "other", "7"]);
    let fleet = Fleet::on((), &redis.url(), 1, |_| {}).await;
    let keys = fleet.servers[0].get("/.well-known/jwks.json").await.ok();
    assert_eq!(keys["keys"].as_array().map(Vec::len), Some(1), "{keys}");
    let theirs: Vec<String> = redis.asks(&["HMGET", "saoma:keys", "theirs", "other"]);
    assert_eq!(theirs, ["no key", "7"]);
}

#[tokio::test]
async fn other_programs_and_another_deployment_are_never_touched() {
    let redis = RedisServer::start();
    let theirs = ["saoma", "session:1", "saoma2:{5}:due:", "{5}", "saoma:{5}", "saoma:", "keys"];
    for (n, name) in theirs.iter().enumerate() {
        takes(&redis, SHAPES[n % SHAPES.len()], name);
    }
    let before: Vec<_> = theirs.iter().map(|name| seen(&redis, name)).collect();
    let url = redis.url();
    let one = Fleet::on((), &url, 2, |_| {}).await;
    let other = Fleet::on((), &url, 2, |config| config.redis_prefix = "saoma:x".to_owned()).await;
    for first in 0..8 {
        one.logs_in(first, Via::LongPoll).await;
        other.logs_in(first, Via::Sse).await;
    }
    let after: Vec<_> = theirs.iter().map(|name| seen(&redis, name)).collect();
    assert_eq!(after, before);
    for (prefix, fleet) in [("saoma:{*", &one), ("saoma:x:{*", &other)] {
        let records = redis.asks::<Vec<String>>(&["KEYS", &format!("{prefix}:session:*")]);
        assert_eq!(records.len(), 8, "{prefix}");
        let session = fleet.opens(0).await;
        let stranger = if std::ptr::eq(fleet, &raw const one) { &other } else { &one };
        stranger.at(0, &session).get("").await.is_problem(404, "not_found");
    }
}
