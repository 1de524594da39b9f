//! Redis is far away, or nothing comes through for a while, and no connection breaks.

use std::time::Duration;

use crate::fleet::{Fleet, LASTING, all_end_well, timed};
use crate::latency::SlowWay;
use crate::support::redis::RedisServer;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn logins_are_slow_where_redis_is_far_and_come_to_their_end() {
    let redis = RedisServer::with(&LASTING);
    let way = SlowWay::to(redis.port, Duration::from_millis(75)).await;
    let fleet = Fleet { balanced: Fleet::on(&way.url()).await, redis };
    fleet.all_are(true).await;
    let logins = fleet.logins().await;
    let ends = timed("150 ms to Redis and back, 30 logins ended", all_end_well(logins)).await;
    assert!(ends.iter().all(|(_, returns)| *returns == 0), "{ends:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_way_that_lets_nothing_through_is_noticed_and_left() {
    let redis = RedisServer::with(&LASTING);
    let way = SlowWay::to(redis.port, Duration::from_millis(1)).await;
    let fleet = Fleet { balanced: Fleet::on(&way.url()).await, redis };
    let logins = fleet.logins().await;
    way.takes(None);
    timed("the way to Redis is shut, all instances say so", fleet.all_are(false)).await;
    way.takes(Some(Duration::from_millis(1)));
    timed("the way to Redis is open, all instances ready", fleet.all_are(true)).await;
    fleet.is_whole().await;
    all_end_well(logins).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_subscription_that_stands_and_hears_nothing_is_found_and_made_anew() {
    let redis = RedisServer::with(&LASTING);
    let way = SlowWay::to(redis.port, Duration::from_millis(1)).await;
    let fleet = Fleet { balanced: Fleet::on(&way.url()).await, redis };
    let logins = fleet.logins().await;
    // One an instance: nobody hears of what is done at another, or here.
    way.wedges_subscriptions(fleet.balanced.instances.len());
    let what = "subscriptions hear nothing, commands are answered: 30 logins ended";
    let ends = timed(what, all_end_well(logins)).await;
    assert!(ends.iter().all(|(_, returns)| *returns == 0), "{ends:?}");
    fleet.all_are(true).await;
}
