//! A thousand sessions at once, at three instances.

use std::collections::BTreeSet;

use futures_util::future::join_all;
use reqwest::Method;
use saoma::config::{Pool, Secret};

use crate::support::postgres::Postgres;
use crate::support::redis::RedisServer;
use crate::support::{Session, Store, TestServer, Via, metrics};
use crate::world::{CODES, SMALL, folder, has_free, shared, wechat, with_a_pool};

const SESSIONS: usize = 1_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_two_of_a_thousand_sessions_get_the_same_number() {
    let (wechat, pictures) = (wechat().await, folder());
    let (redis, database) = (RedisServer::start(), Postgres::shared().new_database());
    let size = u32::try_from(SESSIONS).expect("small");
    let pool = Pool { size, low_water: 1, grow_by: 1, ..SMALL };
    let (url, wechat_url) = (redis.url(), wechat.base.clone());
    let start = || {
        TestServer::start_with(Store::Memory, |config| {
            with_a_pool(config, &wechat_url, pool);
            shared(config, &database, pictures.path());
            config.redis_url = Some(Secret::new(url.clone()));
        })
    };
    // All three fill it, and one of them at a time.
    let servers = join_all((0..3).map(|_| start())).await;
    has_free(&servers[0], SESSIONS as u64).await;
    let made = wechat.see(&format!("calls?all&path={CODES}")).await;
    assert_eq!(made.as_array().map(Vec::len), Some(SESSIONS));

    // All are asked for at once; a slow machine may take its time to answer the last.
    let opening = (0..SESSIONS).map(|n| {
        let server = &servers[n % 3];
        async move {
            let opened = server.api().ask(Method::POST, "/v1/sessions").body("{}").in_the_end();
            server.browser(Via::LongPoll).session_of(opened.await.is(201))
        }
    });
    let sessions = join_all(opening).await;
    let scenes: BTreeSet<_> = sessions.iter().map(|session| session.scene.clone()).collect();
    assert_eq!(scenes.len(), SESSIONS);
    let picture = |session: &Session| {
        let url = session.opened["code"]["url"].as_str().expect("an address");
        url.rsplit_once("/codes/").map(|(_, name)| name.to_owned())
    };
    let pictures: Vec<_> = sessions.iter().filter_map(picture).collect();
    assert_eq!(pictures.iter().collect::<BTreeSet<_>>().len(), pictures.len());
    // Whoever would have had to wait for long got a code of their own; the others asked WeChat nothing.
    let mut taken = [0; 2];
    for server in &servers {
        let metrics = server.metrics().await;
        for (count, from) in taken.iter_mut().zip(["\"pool\"", "\"fresh\""]) {
            *count += metrics::sum(&metrics, "saoma_pool_taken_total", from);
        }
    }
    let [from_pool, fresh] = taken;
    assert_eq!((from_pool, from_pool + fresh), (pictures.len() as u64, SESSIONS as u64));
    assert!(from_pool > 0);
    let calls = wechat.see(&format!("calls?all&path={CODES}")).await;
    assert_eq!(calls.as_array().map(Vec::len), Some(SESSIONS + sessions.len() - pictures.len()));
}
