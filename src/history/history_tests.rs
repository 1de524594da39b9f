//! What is written down of logins, and what is forgotten.

use std::time::Duration;

use super::*;
use crate::clock::Clock;
use crate::database::databases::databases;

/// An hour, and a day, in milliseconds.
const HOUR: u64 = 3_600_000;
const DAY: u64 = 24 * HOUR;
const NOW: Timestamp = Timestamp(100 * DAY);

fn metrics() -> Arc<Metrics> {
    Arc::new(Metrics::new().expect("metrics"))
}

/// A login of Wang's, whose token is good for an hour.
fn login(jti: &str, at: u64) -> Entry {
    Entry {
        jti: jti.to_owned(),
        group: "shop".to_owned(),
        user: "wang".to_owned(),
        namespace: "web".to_owned(),
        provider: "simulator".to_owned(),
        ip: "192.0.2.1".to_owned(),
        user_agent: "Firefox/1 \u{e9}".to_owned(),
        at: Timestamp(at),
        expires_at: Timestamp(at + HOUR),
        revoked_at: None,
    }
}

fn wang(groups: &[&str]) -> Person {
    Person { user: "wang".to_owned(), groups: groups.iter().map(|it| (*it).to_owned()).collect() }
}

/// A history on each kind of database, with these logins.
async fn histories(logins: &[Entry]) -> Vec<(Database, History, Writer)> {
    let mut histories = Vec::new();
    for database in databases().await {
        if !logins.is_empty() {
            rows::insert(&database, logins).await.expect("written");
        }
        let (history, writer) = History::new(database.clone(), metrics());
        histories.push((database, history, writer));
    }
    histories
}

async fn ids(
    history: &History,
    person: &Person,
    before: Option<&Mark>,
    most: usize,
) -> Vec<String> {
    let page = history.read(person, before, most).await.expect("a page");
    page.into_iter().map(|entry| entry.jti).collect()
}

/// The ids of all that is written down, whoever it is of.
async fn all(database: &Database) -> Vec<String> {
    let all = sqlx::query_scalar("SELECT jti FROM logins ORDER BY jti");
    all.fetch_all(database.pool()).await.expect("an answer")
}

#[tokio::test]
async fn what_is_written_is_read_as_it_was() {
    for (_, history, writer) in histories(&[]).await {
        let entry = login("1", NOW.0);
        history.write(entry.clone()).await;
        assert_eq!(history.find("1").await, Ok(Some(entry.clone())));
        assert_eq!(history.read(&wang(&["shop"]), None, 9).await, Ok(vec![entry.clone()]));
        // The same again, as after an answer that was lost.
        history.write(Entry { ip: "192.0.2.2".to_owned(), ..entry.clone() }).await;
        assert_eq!(history.find("1").await, Ok(Some(entry)));
        assert_eq!(history.find("2").await, Ok(None));
        writer.finish().await;
    }
}

#[tokio::test]
async fn a_page_goes_on_where_the_one_before_ended() {
    let at = |jti: &str, at| login(jti, at);
    let elsewhere = |group: &str, user: &str, entry: Entry| Entry {
        group: group.to_owned(),
        user: user.to_owned(),
        ..entry
    };
    let logins = [
        at("a", 1),
        // Of the same moment.
        at("b", 2),
        at("c", 2),
        at("d", 3),
        elsewhere("staff", "wang", at("e", 4)),
        elsewhere("shop", "li", at("f", 5)),
    ];
    for (_, history, _writer) in histories(&logins).await {
        let shop = wang(&["shop"]);
        assert_eq!(ids(&history, &shop, None, 9).await, ["d", "c", "b", "a"]);
        assert_eq!(ids(&history, &shop, None, 2).await, ["d", "c"]);
        let mark = Mark { at: Timestamp(2), jti: "c".to_owned() };
        assert_eq!(ids(&history, &shop, Some(&mark), 9).await, ["b", "a"]);
        assert_eq!(ids(&history, &wang(&["staff", "shop"]), None, 2).await, ["e", "d"]);
        assert_eq!(ids(&history, &wang(&["other"]), None, 9).await, Vec::<String>::new());
    }
}

#[tokio::test]
async fn a_token_is_revoked_once_and_for_good() {
    for (_, history, writer) in histories(&[login("1", NOW.0)]).await {
        for later in [0, 5] {
            let at = Timestamp(NOW.0 + later);
            history.revoke("1", login("1", NOW.0).expires_at, at).await.expect("revoked");
            let expected = Entry { revoked_at: Some(NOW), ..login("1", NOW.0) };
            assert_eq!(history.find("1").await, Ok(Some(expected)));
        }
        // Also one that is written down only later.
        let expires_at = login("2", NOW.0).expires_at;
        history.revoke("2", expires_at, NOW).await.expect("revoked");
        history.write(login("2", NOW.0)).await;
        let entry = history.find("2").await.expect("an answer").expect("an entry");
        assert_eq!((entry.revoked_at, entry.expires_at), (Some(NOW), expires_at));
        writer.finish().await;
    }
}

#[tokio::test]
async fn all_tokens_of_a_user_that_are_good_are_revoked_and_no_others() {
    let other = Entry { user: "li".to_owned(), ..login("li", NOW.0) };
    let elsewhere = Entry { group: "staff".to_owned(), ..login("staff", NOW.0) };
    let logins = [
        login("over", NOW.0 - HOUR),
        login("one", NOW.0 - 1),
        login("two", NOW.0),
        other,
        elsewhere,
    ];
    for (database, history, _writer) in histories(&logins).await {
        let mut tx = database.alone().await.expect("begun");
        for expected in [2, 0] {
            let revoked = revoke_all(&mut tx, "shop", "wang", NOW).await;
            assert_eq!(revoked.expect("revoked"), expected);
        }
        tx.commit().await.expect("committed");
        for (jti, revoked) in
            [("over", false), ("one", true), ("two", true), ("li", false), ("staff", false)]
        {
            let entry = history.find(jti).await.expect("an answer").expect("an entry");
            assert_eq!(entry.revoked_at.is_some(), revoked, "{jti}");
        }
    }
}

#[tokio::test]
async fn of_who_is_forgotten_stays_which_tokens_are_not_good_any_more() {
    let earlier = Timestamp(NOW.0 - 1);
    let logins = [login("over", NOW.0 - HOUR), login("good", NOW.0 - 5), login("revoked", NOW.0)];
    for (database, history, _writer) in histories(&logins).await {
        let expires_at = logins[2].expires_at;
        history.revoke("revoked", expires_at, earlier).await.expect("revoked");
        let mut tx = database.alone().await.expect("begun");
        assert_eq!(forget(&mut tx, "shop", "wang", NOW).await.expect("forgotten"), 1);
        tx.commit().await.expect("committed");
        assert_eq!(all(&database).await, ["good", "revoked"]);
        for (login, revoked_at) in [(&logins[1], NOW), (&logins[2], earlier)] {
            let bare = Entry {
                group: String::new(),
                user: String::new(),
                namespace: String::new(),
                provider: String::new(),
                ip: String::new(),
                user_agent: String::new(),
                revoked_at: Some(revoked_at),
                ..login.clone()
            };
            assert_eq!(history.find(&login.jti).await, Ok(Some(bare)));
        }
    }
}

#[tokio::test]
async fn what_is_old_is_forgotten_but_not_what_a_token_is_still_revoked_by() {
    let long =
        |jti: &str, at: u64| Entry { expires_at: Timestamp(at + 30 * DAY), ..login(jti, at) };
    let revoked = |entry: Entry| Entry { revoked_at: Some(entry.at), ..entry };
    let logins = [
        login("old", NOW.0 - 10 * DAY),
        login("young", NOW.0 - 10 * DAY + 1),
        // Revoked: as long as its token would be good, and then no longer.
        revoked(long("revoked", NOW.0 - 20 * DAY)),
        revoked(long("revoked and over", NOW.0 - 30 * DAY)),
        // What somebody left who was forgotten goes with the token.
        revoked(Entry { user: String::new(), ..login("forgotten", NOW.0 - HOUR) }),
        revoked(Entry { user: String::new(), ..login("forgotten just now", NOW.0) }),
    ];
    for (database, history, _writer) in histories(&logins).await {
        for login in logins.iter().filter(|login| login.revoked_at.is_some()) {
            let revoke = history.revoke(&login.jti, login.expires_at, login.at);
            revoke.await.expect("revoked");
        }
        let clock = Clock::starting_at(NOW);
        sweep::sweep(&database, Duration::from_millis(10 * DAY), &clock).await;
        assert_eq!(all(&database).await, ["forgotten just now", "revoked", "young"]);
        // Where nothing is to be kept any more, what is there goes as well.
        sweep::sweep(&database, Duration::ZERO, &clock).await;
        assert_eq!(all(&database).await, ["forgotten just now", "revoked"]);
    }
}

#[tokio::test]
async fn a_great_many_are_forgotten_a_few_at_a_time_by_whoever_comes() {
    let logins: Vec<Entry> = (0..1200).map(|n| login(&format!("{n:04}"), n)).collect();
    for database in databases().await {
        for few in logins.chunks(200) {
            rows::insert(&database, few).await.expect("written");
        }
        let clock = Clock::starting_at(NOW);
        let sweeping = (0..3).map(|_| sweep::sweep(&database, Duration::ZERO, &clock));
        futures_util::future::join_all(sweeping).await;
        assert_eq!(all(&database).await, Vec::<String>::new());
    }
}

#[tokio::test]
async fn whoever_comes_while_the_database_is_away_waits_for_nothing_and_is_counted_if_lost() {
    for database in databases().await {
        database.close().await;
        let metrics = metrics();
        let (history, writer) = History::new(database, Arc::clone(&metrics));
        // Only the first waits for long; all of them would take minutes.
        tokio::time::pause();
        let begun = tokio::time::Instant::now();
        for n in 0..9000 {
            history.write(login(&n.to_string(), n)).await;
        }
        assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
        let lost = || metrics.text().expect("a text");
        // What does not fit into the queue, and what is at hand.
        let full = lost();
        let of = |text: &str| -> u64 {
            let line =
                text.lines().find_map(|it| it.strip_prefix("saoma_history_unwritten_total "));
            line.expect("a count").parse().expect("a number")
        };
        assert!((1..=9000 - 8192).contains(&of(&full)), "{full}");
        writer.finish().await;
        assert_eq!(of(&lost()), 9000);
        tokio::time::resume();
        assert!(history.find("1").await.is_err_and(|error| error.code == "history_unavailable"));
    }
}
