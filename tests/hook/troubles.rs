//! A service that is down, busy, or slow: what the phone is told, what is tried again, and that the
//! session is as it was.

use std::net::TcpListener;
use std::time::{Duration, SystemTime};

use futures_util::future::join_all;
use serde_json::json;

use crate::service::{Does, key, knows};
use crate::support::{Answer, Phone, Session, Store, namespace, time_passes};
use crate::world::World;

/// Longer than the whole of the wait, and longer than its first half.
const TOO_LONG: u64 = 6;
const HALF: u64 = 3;
/// So many calls are under way at a time.
const AT_ONCE: usize = 64;

stories! {
    on_every_store:
        a_service_that_is_not_there_is_unavailable,
        what_may_pass_in_a_moment_is_asked_again_under_the_same_id,
        what_will_not_pass_is_not_asked_again,
        a_service_that_says_when_is_taken_at_its_word;
}

/// The session is as it was when nobody had scanned.
async fn assert_untouched(session: &Session) {
    let snapshot = session.snapshot().await;
    assert_eq!((&snapshot["state"], &snapshot["cursor"]), (&json!("pending"), &json!(1)));
}

async fn a_service_that_is_not_there_is_unavailable(store: Store) {
    let nowhere = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("one");
    let away = move |config: &mut saoma::config::Config| {
        namespace(config, "default").hook.url = Some(format!("http://{nowhere}/"));
    };
    let world = World::with(store, away).await;
    let session = world.opened().await;
    let told = session.shows_the_code().tries_to_scan_as("Alice").await;
    assert_eq!(told.header("retry-after"), "5");
    told.is_problem(503, "hook_unavailable");
    assert_untouched(&session).await;
}

async fn what_may_pass_in_a_moment_is_asked_again_under_the_same_id(store: Store) {
    for ill in
        [Does::status(502), Does::status(503), Does::status(504), Does::HangsUp, Does::Breaks]
    {
        let world = World::new(store).await;
        let session = world.opened().await;
        world.service.will([ill.clone(), Does::Says(knows("Alice"))]);
        let phone = session.scan_as("Alice").await;
        let asked = world.service.asked();
        assert_eq!(asked.len(), 2, "{ill:?}");
        assert_eq!((&asked[0].id, &asked[0].text), (&asked[1].id, &asked[1].text));
        assert!(asked.iter().all(|asked| asked.is_signed_with(&key())));
        // Twice, and no more.
        world.service.will([ill.clone(), ill.clone()]);
        phone.confirm().await.is_problem(503, "hook_unavailable");
        assert_eq!(session.state().await, "scanned");
        let asked = world.service.asked();
        assert_eq!((asked.len(), &asked[2].id), (4, &asked[3].id), "{ill:?}");
        assert_ne!(asked[1].id, asked[2].id);
        phone.confirm().await.ok();
    }
}

async fn what_will_not_pass_is_not_asked_again(store: Store) {
    for (status, told, code) in [
        (500, 503, "hook_unavailable"),
        (501, 503, "hook_unavailable"),
        (429, 503, "hook_unavailable"),
        (400, 502, "hook_failed"),
        (401, 502, "hook_failed"),
        (403, 502, "hook_failed"),
        (404, 502, "hook_failed"),
        (201, 502, "hook_failed"),
        (204, 502, "hook_failed"),
    ] {
        let world = World::new(store).await;
        let session = world.opened().await;
        world.service.will([Does::status(status)]);
        let answer = session.shows_the_code().tries_to_scan_as("Alice").await;
        assert_eq!(answer.has("retry-after"), told == 503, "{status}");
        answer.is_problem(told, code);
        assert_untouched(&session).await;
        assert_eq!(world.service.asked().len(), 1, "{status}");
    }
}

async fn a_service_that_says_when_is_taken_at_its_word(store: Store) {
    let in_the_past = "Sun, 06 Nov 1994 08:49:37 GMT".to_owned();
    let soon = httpdate::fmt_http_date(in_seconds(3600));
    for (status, said, told) in [
        (429, "7".to_owned(), "7"),
        (503, "7".to_owned(), "7"),
        (502, "0".to_owned(), "1"),
        (503, "86400".to_owned(), "60"),
        (503, "99999999999999999999".to_owned(), "5"),
        (500, "in a while".to_owned(), "5"),
        (429, in_the_past, "1"),
        (429, soon, "60"),
    ] {
        let world = World::new(store).await;
        let session = world.opened().await;
        let busy = Does::Answers(status, vec![("retry-after", said.clone())], String::new());
        // A wait that cannot be read is none, and this one is tried twice.
        world.service.will([busy.clone(), busy]);
        let answer = session.shows_the_code().tries_to_scan_as("Alice").await;
        assert_eq!(answer.header("retry-after"), told, "{said}");
        answer.is_problem(503, "hook_unavailable");
        let times = if status == 503 && told == "5" { 2 } else { 1 };
        assert_eq!(world.service.asked().len(), times, "{status} {said}");
    }
}

#[expect(clippy::disallowed_methods, reason = "a date as the service's own clock would tell it")]
fn in_seconds(seconds: u64) -> SystemTime {
    SystemTime::now() + Duration::from_secs(seconds)
}

/// Somebody scans, and the service has been asked so often by then.
async fn scans(world: &World, session: &Session, times: usize) -> tokio::task::JoinHandle<Answer> {
    let phone: Phone = session.shows_the_code();
    let scanning = tokio::spawn(async move { phone.tries_to_scan_as("Alice").await });
    world.service.was_asked(times).await;
    scanning
}

#[tokio::test]
async fn a_service_that_is_slow_is_asked_again_in_time_and_with_the_time_of_then() {
    let world = World::new(Store::Memory).await;
    let session = world.opened().await;
    world.service.will([Does::Dawdles]);
    let scanning = scans(&world, &session, 1).await;
    time_passes(HALF).await;
    scanning.await.expect("no panic").ok();
    let asked = world.service.asked();
    assert_eq!((asked.len(), &asked[0].id), (2, &asked[1].id));
    assert!(asked[1].timestamp >= asked[0].timestamp + 2, "{asked:?}");
    assert_ne!(asked[0].signature, asked[1].signature);
}

#[tokio::test]
async fn a_service_that_never_answers_is_given_up_and_the_phone_may_try_again() {
    let world = World::new(Store::Memory).await;
    let session = world.opened().await;
    world.service.will([Does::Dawdles, Does::Dawdles]);
    let scanning = scans(&world, &session, 1).await;
    time_passes(HALF).await;
    world.service.was_asked(2).await;
    time_passes(HALF).await;
    scanning.await.expect("no panic").is_problem(504, "hook_timeout");
    assert_untouched(&session).await;
    assert_eq!(world.counted("timeout", "scan").await, 1);
    session.scan_as("Alice").await.confirm().await.ok();
}

#[tokio::test]
async fn who_is_set_to_wait_longer_does() {
    let patient = |config: &mut saoma::config::Config| {
        namespace(config, "default").hook.timeout_seconds = 30;
    };
    let world = World::with(Store::Memory, patient).await;
    let session = world.opened().await;
    world.service.will([Does::Ponders(knows("Alice"))]);
    let scanning = scans(&world, &session, 1).await;
    time_passes(TOO_LONG).await;
    world.service.go_on();
    scanning.await.expect("no panic").ok();
    assert_eq!(world.service.asked().len(), 1);
}

#[tokio::test]
async fn a_phone_that_goes_away_while_the_service_thinks_changes_nothing() {
    let world = World::new(Store::Memory).await;
    let session = world.opened().await;
    world.service.will([Does::Ponders(knows("Alice"))]);
    let scanning = scans(&world, &session, 1).await;
    scanning.abort();
    assert!(scanning.await.is_err());
    world.service.go_on();
    session.scan_as("Bob").await.confirm().await.ok();
    let asked = world.service.asked();
    assert_eq!((&asked[0].question["identity"]["subject"], 3), (&json!("Alice"), asked.len()));
}

#[tokio::test]
async fn a_burst_of_scans_is_no_burst_of_connections() {
    let no_limits = |config: &mut saoma::config::Config| config.rate_limit = false;
    let world = World::with(Store::Memory, no_limits).await;
    let most = AT_ONCE + 20;
    world.service.will((0..most).map(|_| Does::Ponders(knows("Alice"))));
    let sessions = join_all((0..most).map(|_| world.opened())).await;
    let scanning: Vec<_> = sessions
        .iter()
        .map(|session| {
            let phone = session.shows_the_code();
            tokio::spawn(async move { phone.tries_to_scan_as("Alice").await })
        })
        .collect();
    world.service.was_asked(AT_ONCE).await;
    // What is asked after them is served before them; so many they stay.
    for session in &sessions {
        assert_eq!(session.state().await, "pending");
    }
    assert_eq!(world.service.asked().len(), AT_ONCE);
    world.service.go_on();
    for scanning in scanning {
        scanning.await.expect("no panic").ok();
    }
    assert_eq!(world.service.asked().len(), most);
}
