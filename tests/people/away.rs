//! What is said while the database is away, and what is written once it is back.

use futures_util::future::join_all;
use saoma::config::{Config, DirectoryRule, Secret};
use sqlx::{Connection, PgConnection};

use crate::support::postgres::Postgres;
use crate::support::{Store, TestServer, Via, namespace, within};
use crate::world::{Held, KEY, introspects, revokes};

async fn on(postgres: &Postgres) -> (String, TestServer) {
    let url = postgres.new_database();
    let server = TestServer::start_with(Store::Memory, |config: &mut Config| {
        config.database_url = Some(Secret::new(url.clone()));
        namespace(config, "shop").api_keys = vec![Secret::new(KEY.to_owned())];
    });
    let server = server.await;
    (url, server)
}

#[tokio::test]
async fn nobody_is_kept_from_logging_in_and_nothing_is_said_that_is_not_known() {
    let postgres = Postgres::start();
    let (_, server) = on(&postgres).await;
    let api = server.api();
    let before = Held::of(&server, "shop", "Alice").await;
    postgres.stops();
    let meanwhile =
        [Held::of(&server, "shop", "Alice").await, Held::of(&server, "shop", "Bob").await];
    let asking = meanwhile.iter().chain([&before]).map(|token| {
        let api = &api;
        async move {
            <[_; 5]>::from(tokio::join!(
                introspects(api, KEY, &token.token),
                token.asks(""),
                token.ends(&token.id),
                revokes(api, KEY, "token", &token.token),
                revokes(api, KEY, "jti", &token.id),
            ))
        }
    });
    for answer in join_all(asking).await.into_iter().flatten() {
        assert!(answer.has("retry-after"));
        answer.is_problem(503, "history_unavailable");
    }
    postgres.starts_again();
    // What was waiting is written when it is tried again.
    let alice = Held::of(&server, "shop", "Alice").await;
    let all = [&alice.id, &meanwhile[0].id, &before.id];
    while alice.logins().await.len() < all.len() {}
    assert_eq!(alice.ids().await, all.map(String::clone));
    assert_eq!(introspects(&api, KEY, &before.token).await.ok()["active"], true);
    assert!(server.metrics().await.contains("saoma_history_unwritten_total 0"));
}

#[tokio::test]
async fn who_has_confirmed_gets_a_token_where_nobody_can_tell_whether_they_were_blocked_since() {
    let postgres = Postgres::start();
    let server = TestServer::start_with(Store::Memory, |config: &mut Config| {
        config.database_url = Some(Secret::new(postgres.new_database()));
        namespace(config, "default").directory = DirectoryRule::Known;
    });
    let server = server.await;
    let mut tab = server.browser(Via::LongPoll).open().await;
    let phone = tab.scan_as("Alice").await;
    tab.sees("scanned").await;
    phone.register("Alice").await.is(201);
    phone.confirm().await.ok();
    let ticket = tab.sees_a_ticket().await;
    postgres.stops();
    tab.redeem(&ticket).await.ok();
}

#[tokio::test]
async fn a_server_that_leaves_writes_what_it_had_not_written() {
    let postgres = Postgres::start();
    let (url, mut server) = on(&postgres).await;
    Held::of(&server, "shop", "Alice").await;
    postgres.stops();
    Held::of(&server, "shop", "Alice").await;
    let leaving = server.leave();
    postgres.starts_again();
    within("the server to leave", leaving).await.expect("no panic");
    let mut database = PgConnection::connect(&url).await.expect("the database");
    let written = sqlx::query_scalar("SELECT count(*) FROM logins");
    let written: i64 = written.fetch_one(&mut database).await.expect("a count");
    assert_eq!(written, 2);
}
