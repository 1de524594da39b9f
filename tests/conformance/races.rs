//! Races: many at once, on several threads, and exactly one wins.

use std::sync::Arc;

use serde_json::{Value, json};
use tokio::sync::Barrier;

use crate::support::{Answer, Store, TestServer, Via, namespace};

/// How many of each kind run at once.
const RUNNERS: usize = 8;
/// How often each race is run.
const ROUNDS: usize = 5;

stories! {
    at_once:
        of_confirm_reject_and_cancel_one_wins,
        of_many_people_who_scan_one_is_first,
        of_many_who_redeem_one_gets_the_token,
        of_many_messages_each_gets_its_own_number;
}

/// Runs calls at the same moment; their statuses.
async fn at_once<F>(calls: Vec<F>) -> Vec<Answer>
where
    F: Future<Output = Answer> + Send + 'static,
{
    let start = Arc::new(Barrier::new(calls.len()));
    let run = |call: F| {
        let start = Arc::clone(&start);
        tokio::spawn(async move {
            start.wait().await;
            call.await
        })
    };
    let running: Vec<_> = calls.into_iter().map(run).collect();
    let mut answers = Vec::new();
    for call in running {
        answers.push(call.await.expect("ran"));
    }
    answers
}

type Call = std::pin::Pin<Box<dyn Future<Output = Answer> + Send>>;

async fn of_confirm_reject_and_cancel_one_wins(store: Store) {
    let server = TestServer::start(store).await;
    for _ in 0..ROUNDS {
        let session = server.browser(Via::Sse).open_only().await;
        let phone = session.scan_as("Alice").await;
        let mut stream = session.follow_after(2, Via::Sse).await;
        let mut calls: Vec<Call> = Vec::new();
        for _ in 0..RUNNERS {
            let (yes, no) = (phone.clone(), phone.clone());
            calls.push(Box::pin(async move { yes.confirm().await }));
            calls.push(Box::pin(async move { no.reject().await }));
        }
        let cancel = session.clone();
        calls.push(Box::pin(async move { cancel.cancel().await }));

        let mut winners = Vec::new();
        for answer in at_once(calls).await {
            match answer.status {
                200 => winners.push(answer.ok()["state"].as_str().expect("a state").to_owned()),
                204 => winners.push("cancelled".to_owned()),
                _ => drop(answer.is_problem(409, "wrong_state")),
            }
        }
        assert_eq!(winners.len(), 1, "{winners:?}");
        let (seen, _) = stream.rest().await;
        assert_eq!(seen.iter().map(|said| &*said.kind).collect::<Vec<_>>(), [&*winners[0]]);
    }
}

async fn of_many_people_who_scan_one_is_first(store: Store) {
    let server = TestServer::start(store).await;
    for _ in 0..ROUNDS {
        let session = server.browser(Via::Sse).open_only().await;
        let scan = |n: usize| {
            let phone = session.shows_the_code();
            async move { phone.tries_to_scan_as(&format!("Person {n}")).await }
        };
        let answers = at_once((0..2 * RUNNERS).map(scan).collect()).await;
        let mut first = Vec::new();
        for answer in answers {
            match answer.status {
                200 => first.push(answer.ok()),
                _ => drop(answer.is_problem(409, "already_scanned")),
            }
        }
        assert_eq!(first.len(), 1);
        let token = first[0]["phone_token"].as_str().expect("a token");
        session.shows_the_code().with_token(token).confirm().await.ok();
        let ticket = session.polls(2).await["events"][0]["data"]["ticket"].clone();
        let user = session.redeem(ticket.as_str().expect("a ticket")).await.ok()["user"].clone();
        assert_eq!(user["name"], first[0]["user"]["name"]);
    }
}

async fn of_many_who_redeem_one_gets_the_token(store: Store) {
    let server = TestServer::start_with(store, |config| {
        let key = saoma::config::Secret::new("key".to_owned());
        namespace(config, "default").api_keys.push(key);
    })
    .await;
    for _ in 0..ROUNDS {
        let session = server.browser(Via::Sse).open_only().await;
        session.scan_as("Alice").await.confirm().await.ok();
        let ticket = session.polls(2).await["events"][0]["data"]["ticket"].clone();
        let ticket = ticket.as_str().expect("a ticket").to_owned();
        let mut calls: Vec<Call> = Vec::new();
        for _ in 0..RUNNERS {
            let (page, shown) = (session.clone(), ticket.clone());
            calls.push(Box::pin(async move { page.redeem(&shown).await }));
            let (service, shown) = (server.backend("key"), ticket.clone());
            calls.push(Box::pin(async move { service.redeem(&shown).await }));
        }
        let mut tokens = 0;
        for answer in at_once(calls).await {
            match answer.status {
                200 => tokens += 1,
                _ => drop(answer.is_problem(409, "already_redeemed")),
            }
        }
        assert_eq!(tokens, 1);
    }
}

async fn of_many_messages_each_gets_its_own_number(store: Store) {
    let server = TestServer::start(store).await;
    let session = server.browser(Via::Sse).open_only().await;
    let phone = session.scan_as("Alice").await;
    let mut streams = Vec::new();
    for via in Via::ALL {
        streams.push(session.follow_after(2, via).await);
    }
    let mut calls: Vec<Call> = Vec::new();
    for n in 0..2 * RUNNERS {
        let (page, phone) = (session.clone(), phone.clone());
        calls.push(Box::pin(async move { page.says(format!("browser {n}")).await }));
        calls.push(Box::pin(async move { phone.says(format!("phone {n}")).await }));
    }
    let mut ids: Vec<Value> = Vec::new();
    for answer in at_once(calls).await {
        ids.push(answer.is(202)["id"].clone());
    }
    ids.sort_by_key(Value::as_u64);
    assert_eq!(json!(ids), json!((3..3 + 4 * RUNNERS).collect::<Vec<_>>()));
    session.cancel().await.is(204);
    let mut logs = Vec::new();
    for stream in &mut streams {
        let (seen, _) = stream.rest().await;
        logs.push(seen.into_iter().map(|said| said.json).collect::<Vec<_>>());
    }
    assert_eq!(logs[0].len(), 4 * RUNNERS + 1);
    assert!(logs[0] == logs[1] && logs[1] == logs[2]);
}
