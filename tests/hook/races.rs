//! Whatever happens while the service thinks: the session goes on without it, and what is true when
//! it answers decides.

use serde_json::{Value, json};
use tokio::task::JoinHandle;

use crate::service::{Does, knows};
use crate::support::{Answer, Phone, Session, Store, namespace, time_passes};
use crate::world::{World, claims_of};

stories! {
    on_every_store:
        of_two_confirmations_one_wins_and_its_claims_count,
        of_two_phones_one_is_first,
        a_browser_that_withdraws_is_not_logged_in,
        who_refuses_meanwhile_is_not_logged_in,
        a_service_may_end_what_it_is_asked_about;
}

/// Somebody confirms; the service has been asked so often by then, and thinks.
async fn confirms(world: &World, phone: &Phone, answer: Value) -> JoinHandle<Answer> {
    let times = world.service.asked().len() + 1;
    world.service.will([Does::Ponders(answer)]);
    let phone = phone.clone();
    let confirming = tokio::spawn(async move { phone.confirm().await });
    world.service.was_asked(times).await;
    confirming
}

async fn ticket_of(session: &Session) -> String {
    let told = session.polls(2).await;
    told["events"][0]["data"]["ticket"].as_str().expect("a ticket").to_owned()
}

async fn of_two_confirmations_one_wins_and_its_claims_count(store: Store) {
    let world = World::new(store).await;
    let session = world.opened().await;
    let phone = session.scan_as("Alice").await;
    let with = |n: usize| {
        let mut answer = knows("Alice");
        answer["claims"] = json!({ "answer": n });
        answer
    };
    let mut confirming = Vec::new();
    for n in 0..2 {
        confirming.push(confirms(&world, &phone, with(n)).await);
    }
    assert_eq!(session.state().await, "scanned", "nothing is held up meanwhile");
    world.service.go_on();
    let mut winners = Vec::new();
    for (n, confirming) in confirming.into_iter().enumerate() {
        let answer = confirming.await.expect("no panic");
        if answer.status == 200 {
            winners.push(n);
        } else {
            assert_eq!(answer.is_problem(409, "wrong_state")["state"], "confirmed");
        }
    }
    assert_eq!(winners.len(), 1);
    let token = session.redeem(&ticket_of(&session).await).await.ok();
    assert_eq!(claims_of(&token)["answer"], winners[0]);
    assert_eq!(session.snapshot().await["cursor"], 3);
}

async fn of_two_phones_one_is_first(store: Store) {
    let world = World::new(store).await;
    let session = world.opened().await;
    let mut scanning = Vec::new();
    for (n, name) in ["Alice", "Bob"].into_iter().enumerate() {
        world.service.will([Does::Ponders(knows(name))]);
        let phone = session.shows_the_code();
        scanning.push(tokio::spawn(async move { phone.tries_to_scan_as(name).await }));
        world.service.was_asked(n + 1).await;
    }
    world.service.go_on();
    let mut statuses = Vec::new();
    for scanning in scanning {
        statuses.push(scanning.await.expect("no panic").status);
    }
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 409]);
}

async fn a_browser_that_withdraws_is_not_logged_in(store: Store) {
    let world = World::new(store).await;
    let session = world.opened().await;
    let phone = session.scan_as("Alice").await;
    let confirming = confirms(&world, &phone, knows("Alice")).await;
    session.cancel().await.is(204);
    world.service.go_on();
    let answer = confirming.await.expect("no panic");
    assert_eq!(answer.is_problem(409, "wrong_state")["state"], "cancelled");
}

async fn who_refuses_meanwhile_is_not_logged_in(store: Store) {
    let world = World::new(store).await;
    let session = world.opened().await;
    let phone = session.scan_as("Alice").await;
    let confirming = confirms(&world, &phone, knows("Alice")).await;
    phone.reject().await.ok();
    world.service.go_on();
    confirming.await.expect("no panic").is_problem(409, "wrong_state");
    assert_eq!(session.state().await, "rejected");
}

async fn a_service_may_end_what_it_is_asked_about(store: Store) {
    let keys = |config: &mut saoma::config::Config| {
        let key = saoma::config::Secret::new("a key".to_owned());
        namespace(config, "default").api_keys = vec![key];
    };
    let world = World::with(store, keys).await;
    let session = world.opened().await;
    let phone = session.scan_as("Alice").await;
    let confirming = confirms(&world, &phone, knows("Alice")).await;
    let asked = world.service.asked().pop().expect("a question").question;
    let about = asked["session_id"].as_str().expect("an id");
    world.server.backend("a key").rejects(about, "a stolen phone").await.is(202);
    world.service.go_on();
    confirming.await.expect("no panic").is_problem(409, "wrong_state");
    assert_eq!(session.polls(2).await["events"][0]["data"]["reason"], "a stolen phone");
}

#[tokio::test]
async fn a_session_whose_time_runs_out_is_not_logged_in() {
    let short = |config: &mut saoma::config::Config| {
        let rules = namespace(config, "default");
        rules.session_ttl = 5;
        rules.hook.timeout_seconds = 30;
    };
    let world = World::with(Store::Memory, short).await;
    let session = world.opened().await;
    let phone = session.scan_as("Alice").await;
    let confirming = confirms(&world, &phone, knows("Alice")).await;
    time_passes(6).await;
    world.service.go_on();
    confirming.await.expect("no panic").is_problem(410, "expired");
    assert_eq!(session.state().await, "expired");
}
