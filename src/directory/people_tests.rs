//! What an operator sees of users and does to them.

use super::*;
use crate::database::databases::databases;
use crate::directory::{CAUSE, OpenKept};
use crate::login::ports::Directory as _;

/// Somebody by one of WeChat's ways.
fn by(provider: &str, subject: &str, union: Option<&str>) -> Identity {
    Identity {
        provider: provider.to_owned(),
        account: Some(format!("wx-{provider}")),
        subject: subject.to_owned(),
        union: union.map(str::to_owned),
        name: None,
        avatar_url: None,
    }
}

fn users(database: &Database, group: &str, at: u64) -> Users {
    Users::new(database.clone(), group.to_owned(), Clock::starting_at(Timestamp(at)))
}

/// Makes a user of this id and name.
async fn makes(database: &Database, group: &str, at: u64, identity: &Identity, id: &str) {
    let new = Row { id: id.to_owned(), name: id.to_owned(), avatar_url: None, blocked: false };
    let made = users(database, group, at).find_or_make(identity, new).await.expect("made");
    assert_eq!(made.id, id);
    // The clock goes on while they are made.
    sqlx::query("UPDATE users SET created_at = $1 WHERE id = $2")
        .bind(i64::try_from(at).expect("a time"))
        .bind(id)
        .execute(database.pool())
        .await
        .expect("written");
}

async fn finds(database: &Database, identity: &Identity) -> Option<Row> {
    users(database, "shop", 9).find(identity).await.expect("an answer")
}

async fn ids(
    database: &Database,
    group: Option<&str>,
    after: Option<&str>,
    most: u32,
) -> Vec<String> {
    let users = list(database, group, after, most).await.expect("an answer").expect("a list");
    users.into_iter().map(|user| user.id).collect()
}

async fn count(database: &Database, of: &'static str) -> i64 {
    sqlx::query_scalar(of).fetch_one(database.pool()).await.expect("counted")
}

/// Two users who turn out to be one person, as somebody who came by another way told: `li` has gone
/// into `wang`.
async fn two_who_are_one(database: &Database) {
    makes(database, "shop", 1, &by("mini_program", "o1", Some("u")), "wang").await;
    makes(database, "shop", 2, &by("open_platform", "o2", None), "li").await;
    let seen = finds(database, &by("open_platform", "o2", Some("u"))).await;
    assert_eq!(seen.map(|row| row.id).as_deref(), Some("wang"));
}

#[tokio::test]
async fn users_are_listed_in_the_order_in_which_they_came() {
    for database in databases().await {
        makes(&database, "shop", 2, &by("mini_program", "o1", Some("u")), "wang").await;
        finds(&database, &by("open_platform", "o2", Some("u"))).await;
        finds(&database, &by("open_platform", "o3", Some("u"))).await;
        makes(&database, "staff", 1, &by("mini_program", "o1", None), "li").await;
        makes(&database, "shop", 2, &by("mini_program", "o4", None), "zhao").await;
        let users = list(&database, None, None, 9).await.expect("an answer").expect("a list");
        let wang = Listed {
            id: "wang".to_owned(),
            group: "shop".to_owned(),
            name: "wang".to_owned(),
            providers: vec!["mini_program".to_owned(), "open_platform".to_owned()],
            blocked: false,
            created_at: Timestamp(2),
        };
        assert_eq!(users[1], wang);
        assert_eq!(ids(&database, None, None, 9).await, ["li", "wang", "zhao"]);
        assert_eq!(ids(&database, Some("shop"), None, 9).await, ["wang", "zhao"]);
        assert_eq!(ids(&database, None, None, 2).await, ["li", "wang"]);
        assert_eq!(ids(&database, None, Some("wang"), 2).await, ["zhao"]);
        assert_eq!(ids(&database, Some("shop"), Some("li"), 1).await, ["wang"]);
        assert_eq!(ids(&database, Some("other"), None, 9).await, Vec::<String>::new());
        assert_eq!(list(&database, None, Some("nobody"), 9).await.expect("an answer"), None);
    }
}

#[tokio::test]
async fn somebody_is_added_once_whichever_way_is_named() {
    for database in databases().await {
        let (clock, entropy) = (Clock::starting_at(Timestamp(1)), Entropy::system());
        let adds = async |identity: &Identity| {
            add(&database, "shop", identity, "Wang", (clock, &entropy)).await.expect("an answer")
        };
        let mini = by("mini_program", "o1", Some("u"));
        let Added::New(id) = adds(&mini).await else { panic!("new") };
        let before = count(&database, "SELECT count(*) FROM identities").await;
        for again in [mini, by("mini_program", "o1", None), by("open_platform", "o2", Some("u"))] {
            assert_eq!(adds(&again).await, Added::There(id.clone()));
        }
        assert_eq!(count(&database, "SELECT count(*) FROM identities").await, before);
        // They come, and are known.
        let seen = finds(&database, &by("open_platform", "o2", Some("u"))).await.expect("a user");
        assert_eq!((seen.id, seen.name.as_str()), (id, "Wang"));
    }
}

#[tokio::test]
async fn a_person_is_all_users_that_have_gone_into_one() {
    for database in databases().await {
        two_who_are_one(&database).await;
        makes(&database, "shop", 3, &by("mini_program", "o9", None), "zhao").await;
        let mut tx = database.alone().await.expect("begun");
        for id in ["wang", "li"] {
            let person = person(&mut tx, id).await.expect("an answer");
            let ids: Vec<&str> = person.iter().map(|one| &*one.id).collect();
            assert_eq!(ids, ["li", "wang"], "{id}");
        }
        assert_eq!(person(&mut tx, "nobody").await.expect("an answer"), []);
        drop(tx);
        assert_eq!(ids(&database, None, None, 9).await, ["wang", "zhao"]);
    }
}

#[tokio::test]
async fn who_is_blocked_is_blocked_by_all_ids_until_they_are_let_in_again() {
    for database in databases().await {
        two_who_are_one(&database).await;
        let here = users(&database, "shop", 9);
        for (blocked, id) in [(true, "li"), (false, "wang")] {
            let mut tx = database.alone().await.expect("begun");
            let person = person(&mut tx, id).await.expect("an answer");
            set_blocked(&mut tx, &person, blocked).await.expect("written");
            tx.commit().await.expect("committed");
            for id in ["wang", "li"] {
                assert_eq!(here.has(id).await.expect("an answer"), !blocked, "{id}");
            }
            let seen = finds(&database, &by("mini_program", "o1", None)).await.expect("a user");
            assert_eq!(seen.blocked, blocked);
        }
        assert!(!here.has("nobody").await.expect("an answer"));
        assert!(!users(&database, "staff", 9).has("wang").await.expect("an answer"));
    }
}

#[tokio::test]
async fn of_who_is_removed_nothing_is_left_and_others_stay() {
    for database in databases().await {
        for id in ["wang", "li"] {
            two_who_are_one(&database).await;
            let mut tx = database.alone().await.expect("begun");
            let person = person(&mut tx, id).await.expect("an answer");
            remove(&mut tx, &person).await.expect("removed");
            tx.commit().await.expect("committed");
            for table in [
                "SELECT count(*) FROM users WHERE user_group = 'shop'",
                "SELECT count(*) FROM identities WHERE user_group = 'shop'",
                "SELECT count(*) FROM unions WHERE user_group = 'shop'",
            ] {
                assert_eq!(count(&database, table).await, 0, "{id}: {table}");
            }
            makes(&database, "staff", 1, &by("mini_program", "o1", Some("u")), "staff").await;
            assert_eq!(ids(&database, None, None, 9).await, ["staff"]);
        }
    }
}

#[tokio::test]
async fn under_open_who_is_removed_comes_anew_and_who_is_blocked_does_not() {
    for database in databases().await {
        let open = OpenKept::new(database.clone(), None, Clock::starting_at(Timestamp(1)));
        let wang = by("mini_program", "o1", Some("u"));
        let user = open.find(&wang, &CAUSE).await.expect("an answer").expect("a user");
        for removed in [true, false] {
            let mut tx = database.alone().await.expect("begun");
            let person = person(&mut tx, &user.id).await.expect("an answer");
            if removed {
                remove(&mut tx, &person).await.expect("removed");
            } else {
                set_blocked(&mut tx, &person, true).await.expect("blocked");
            }
            tx.commit().await.expect("committed");
            assert!(!open.still_has(&user.id).await.expect("an answer"));
            let again = open.find(&wang, &CAUSE).await.expect("an answer");
            assert_eq!(again, removed.then(|| user.clone()));
        }
        let another_way = by("open_platform", "o2", Some("u"));
        assert_eq!(open.find(&another_way, &CAUSE).await, Ok(None));
    }
}
