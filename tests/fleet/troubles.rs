//! Redis in trouble: held connections stay, logins under way are finished when it is back, nothing
//! is lost or told twice.

use crate::instances::Fleet;
use crate::support::redis::RedisServer;
use crate::support::redis::storm::Storm;
use crate::support::{Via, within};

#[tokio::test]
async fn a_frozen_redis_is_told_and_the_login_goes_on_when_it_thaws() {
    let fleet = Fleet::of(2).await;
    let session = fleet.opens(0).await;
    let mut events = fleet.follows(1, &session, Via::WebSocket).await;
    events.sees("pending").await;
    let token = fleet.token_of_scan(0, &session).await;
    events.sees("scanned").await;
    fleet.signals("-STOP");
    let refused = fleet.phone_at(0, &session, &token).confirm().await;
    assert!(refused.has("retry-after"));
    refused.is_problem(503, "store_unavailable");
    fleet.signals("-CONT");
    // What was asked while it was frozen may have been done when it thawed.
    let again = fleet.phone_at(0, &session, &token).confirm().await;
    assert!(again.status == 200 || again.status == 409, "{}", again.text());
    events.sees("confirmed").await;
    events.ends().await;
}

#[tokio::test]
async fn readiness_tells_the_truth_and_life_goes_on() {
    let fleet = Fleet::of(1).await;
    let server = &fleet.servers[0];
    within("the bell", async { while server.admin("/readyz").await.status != 200 {} }).await;
    fleet.signals("-STOP");
    assert_eq!(server.admin("/readyz").await.status, 503);
    assert_eq!(server.admin("/livez").await.status, 200);
    fleet.signals("-CONT");
    within("Redis to be back", async { while server.admin("/readyz").await.status != 200 {} })
        .await;
}

#[tokio::test]
async fn an_instance_that_hears_no_bell_is_not_ready() {
    let fleet = Fleet::of(1).await;
    let server = &fleet.servers[0];
    assert_eq!(server.admin("/readyz").await.status, 200, "from the start");
    let storm = Storm::over(&fleet.redis);
    within("the bell to be missed", async { while server.admin("/readyz").await.status != 503 {} })
        .await;
    storm.ends();
    within("the bell to be back", async { while server.admin("/readyz").await.status != 200 {} })
        .await;
}

#[tokio::test]
async fn a_redis_that_comes_back_empty_ends_what_was_under_way_and_takes_what_is_new() {
    let Fleet { servers, redis } = Fleet::of(2).await;
    let session = servers[0].browser(Via::LongPoll).open_only().await;
    let port = redis.port;
    drop(redis);
    session.get("").await.is_problem(503, "store_unavailable");
    let redis = RedisServer::start_at(port);
    let fleet = Fleet { servers, redis };
    within("Redis to be back", async {
        while fleet.servers[1].admin("/readyz").await.status != 200 {}
    })
    .await;
    session.get("").await.is_problem(404, "not_found");
    let fresh = fleet.opens(0).await;
    let mut events = fleet.follows(1, &fresh, Via::Sse).await;
    events.sees("pending").await;
    fleet.token_of_scan(0, &fresh).await;
    events.sees("scanned").await;
}
