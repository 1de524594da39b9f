//! What every store keeps to, asked of each by itself.

use std::sync::Arc;

use saoma::clock::Timestamp;
use saoma::store::memory::MemoryStore;
use saoma::store::redis::{Place, RedisStore};
use saoma::store::{Change, Commit, Item, Store};

use crate::metrics;
use crate::support::redis::RedisServer;

const KEY: u128 = 0x5000_0000_0000_0000_0000_0000_0000_0001;
/// Begins as its key does: `U` says 20, whose first four bits of six are 5.
const ALIAS: &str = "Uabc";
const NOW: Timestamp = Timestamp(4_000_000_000_000);

fn at(seconds: u64) -> Timestamp {
    Timestamp(NOW.0 + seconds * 1000)
}

fn change(state: u8, ended: bool) -> Change {
    Change {
        record: vec![0, 255, 10, state],
        append: vec![Item { tag: state, at: NOW, data: r#"{"a":" b"}"#.into() }],
        state,
        ended,
        deadline: at(60),
        forget_at: at(120),
    }
}

/// Each store, empty.
async fn each_store(mut story: impl AsyncFnMut(Arc<dyn Store>)) {
    story(Arc::new(MemoryStore::new(Arc::new(|_| {})))).await;
    let redis = RedisServer::start();
    let url = redis.url();
    let place = Place { url: &url, ca_file: None, prefix: "test", instance: "one" };
    let (kept, _channel) = RedisStore::connect(place, metrics()).await.expect("a store");
    story(Arc::new(kept)).await;
}

#[tokio::test]
async fn a_key_and_an_alias_are_given_once() {
    each_store(async |store| {
        let other = KEY + 1;
        assert_eq!(store.create(KEY, ALIAS, change(0, false)).await, Ok(true));
        assert_eq!(store.create(KEY, "Uother", change(1, false)).await, Ok(false));
        assert_eq!(store.create(other, ALIAS, change(1, false)).await, Ok(false));
        let record = store.load(KEY, NOW).await.expect("an answer").expect("a record");
        assert_eq!((record.bytes, record.last), (vec![0, 255, 10, 0], 1));
        assert_eq!(store.find(ALIAS, NOW).await, Ok(Some(KEY)));
        assert_eq!(store.load(other, NOW).await, Ok(None));
    })
    .await;
}

#[tokio::test]
async fn what_is_forgotten_is_found_by_no_name() {
    each_store(async |store| {
        store.create(KEY, ALIAS, change(0, false)).await.expect("kept");
        assert_eq!(store.find(ALIAS, at(119)).await, Ok(Some(KEY)));
        assert_eq!(store.find(ALIAS, at(120)).await, Ok(None));
        assert_eq!(store.load(KEY, at(120)).await, Ok(None));
        assert_eq!(store.read(KEY, 0, at(120)).await, Ok(None));
    })
    .await;
}

#[tokio::test]
async fn what_goes_on_is_counted_in_the_state_that_it_is_in() {
    each_store(async |store| {
        let counted = async || store.census().await.expect("an answer")[..4].to_vec();
        store.create(KEY, ALIAS, change(0, false)).await.expect("kept");
        store.create(KEY + 1, "Uother", change(0, false)).await.expect("kept");
        assert_eq!(counted().await, [2, 0, 0, 0]);
        assert_eq!(store.commit(KEY, 0, change(1, false)).await, Ok(Commit::Made(2)));
        assert_eq!(counted().await, [1, 1, 0, 0]);
        assert_eq!(store.commit(KEY, 0, change(2, false)).await, Ok(Commit::Conflict));
        assert_eq!(store.commit(KEY, 1, change(3, true)).await, Ok(Commit::Made(3)));
        assert_eq!(counted().await, [1, 0, 0, 0]);
        assert_eq!(store.commit(KEY + 2, 0, change(0, false)).await, Ok(Commit::Gone));
    })
    .await;
}

#[tokio::test]
async fn a_log_is_read_from_a_cursor_and_whole_from_one_that_is_anothers() {
    each_store(async |store| {
        store.create(KEY, ALIAS, change(0, false)).await.expect("kept");
        store.commit(KEY, 0, change(1, false)).await.expect("made");
        for (after, first, items) in [(0, 1, 2), (1, 2, 1), (2, 3, 0), (3, 1, 2), (u64::MAX, 1, 2)]
        {
            let tail = store.read(KEY, after, NOW).await.expect("an answer").expect("a tail");
            assert_eq!((tail.first, tail.items.len()), (first, items), "{after}");
            assert_eq!((tail.state, tail.ended, tail.deadline), (1, false, at(60)));
            assert!(tail.items.iter().all(|item| &*item.data == r#"{"a":" b"}"#));
        }
    })
    .await;
}

#[tokio::test]
async fn what_is_due_is_offered_to_one_taker_at_a_time_until_it_has_ended() {
    each_store(async |store| {
        store.create(KEY, ALIAS, change(0, false)).await.expect("kept");
        // A store may look at its records in several calls.
        let due = async |seconds| {
            let mut all = Vec::new();
            for _ in 0..4 {
                all.extend(store.due(at(seconds), 10).await.expect("an answer"));
            }
            all
        };
        assert_eq!(due(59).await, []);
        assert_eq!(due(60).await, [KEY]);
        assert_eq!(due(60).await, []);
        assert_eq!(due(61).await, [KEY]);
        store.commit(KEY, 0, change(1, true)).await.expect("made");
        assert_eq!(due(90).await, []);
    })
    .await;
}
