//! A thousand sessions at once, at three instances.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};

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

    // All are asked for at once. A slow machine may take its time to answer the last, and who has
    // waited too long for Redis is told so and asks again.
    let late = AtomicU64::new(0);
    let opening = (0..SESSIONS).map(|n| {
        let (server, late) = (&servers[n % 3], &late);
        async move {
            loop {
                let asked = server.api().ask(Method::POST, "/v1/sessions").body("{}");
                let opened = asked.in_the_end().await;
                if opened.status == 201 {
                    return server.browser(Via::LongPoll).session_of(opened.is(201));
                }
                opened.is_problem(503, "store_unavailable");
                assert!(late.fetch_add(1, Ordering::Relaxed) < SESSIONS as u64, "Redis is away");
            }
        }
    });
    let sessions = join_all(opening).await;
    let late = late.into_inner();
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
    assert!(from_pool > 0);
    let calls = wechat.see(&format!("calls?all&path={CODES}")).await;
    let for_sessions = calls.as_array().expect("calls").len() - SESSIONS;
    // What was taken for an answer that came too late is all that there may be besides.
    let with_fresh = sessions.len() - pictures.len();
    for (counted, seen) in
        [(from_pool, pictures.len()), (fresh, with_fresh), (for_sessions as u64, with_fresh)]
    {
        let seen = seen as u64;
        assert!((seen..=seen + late).contains(&counted), "{counted}, not {seen} ({late} late)");
    }
}
