//! Who is who: what an identity and its union lead to, and what is written down of it.

use super::*;
use crate::clock::Timestamp;
use crate::database::databases::{databases, open, places};

fn users(database: &Database, group: &str) -> Users {
    Users::new(database.clone(), group.to_owned(), Clock::starting_at(Timestamp(1_000)))
}

/// Somebody by one of WeChat's ways, whose union is told or is not.
fn by(provider: &str, union: Option<&str>) -> Identity {
    Identity {
        provider: provider.to_owned(),
        account: Some(format!("wx-{provider}")),
        subject: format!("o-{provider}"),
        union: union.map(str::to_owned),
        name: None,
        avatar_url: None,
    }
}

fn mini(union: Option<&str>) -> Identity {
    by("mini_program", union)
}

fn account(union: Option<&str>) -> Identity {
    by("official_account", union)
}

fn web(union: Option<&str>) -> Identity {
    by("open_platform", union)
}

impl Users {
    /// The id of whom an identity leads to; `new` if it led to nobody.
    async fn makes(&self, identity: &Identity, new: &str) -> String {
        let (id, name) = (new.to_owned(), new.to_owned());
        let new = Row { id, name, avatar_url: None, blocked: false };
        self.find_or_make(identity, new).await.expect("an answer").id
    }

    /// The id of whom an identity leads to.
    async fn finds(&self, identity: &Identity) -> Option<String> {
        self.find(identity).await.expect("an answer").map(|row| row.id)
    }

    async fn do_sql(&self, statement: &'static str) {
        sqlx::query(statement).execute(self.database.pool()).await.expect("done");
    }

    /// Whom a user has gone into.
    async fn merged_into(&self, id: &str) -> Option<String> {
        sqlx::query_scalar("SELECT merged_into FROM users WHERE id = $1")
            .bind(id)
            .fetch_one(self.database.pool())
            .await
            .expect("a user")
    }

    /// What changes with each row that is written.
    async fn written(&self) -> i64 {
        let mut connection = self.database.pool().acquire().await.expect("a connection");
        let of = match connection.backend_name() {
            // Of its one connection, in memory.
            "SQLite" => "SELECT total_changes()",
            // A row tells which transaction wrote it.
            _ => {
                "SELECT sum(xmin::text::bigint)::bigint
                 FROM (SELECT xmin FROM users UNION ALL SELECT xmin FROM identities
                       UNION ALL SELECT xmin FROM unions) AS rows"
            }
        };
        sqlx::query_scalar(of).fetch_one(&mut *connection).await.expect("counted")
    }
}

#[tokio::test]
async fn a_subject_is_somebody_at_one_account_of_one_provider() {
    for database in databases().await {
        let users = users(&database, "a");
        assert_eq!(users.makes(&mini(None), "wang").await, "wang");
        let elsewhere = Identity { account: Some("wx-other".to_owned()), ..mini(None) };
        assert_eq!(users.makes(&elsewhere, "li").await, "li");
        let otherwise = Identity { provider: "open_platform".to_owned(), ..mini(None) };
        assert_eq!(users.makes(&otherwise, "zhao").await, "zhao");
        assert_eq!(users.finds(&mini(None)).await.as_deref(), Some("wang"));
        assert_eq!(users.finds(&elsewhere).await.as_deref(), Some("li"));
    }
}

#[tokio::test]
async fn whoever_was_written_down_without_an_account_is_known_with_one() {
    for database in databases().await {
        let users = users(&database, "a");
        let before = Identity { account: None, ..mini(None) };
        users.makes(&before, "wang").await;
        assert_eq!(users.finds(&mini(Some("u"))).await.as_deref(), Some("wang"));
        assert_eq!(users.finds(&web(Some("u"))).await.as_deref(), Some("wang"));
    }
}

#[tokio::test]
async fn a_union_that_appears_later_brings_the_other_ways() {
    for database in databases().await {
        let users = users(&database, "a");
        users.makes(&mini(None), "wang").await;
        assert_eq!(users.finds(&web(Some("u"))).await, None);
        assert_eq!(users.finds(&mini(Some("u"))).await.as_deref(), Some("wang"));
        assert_eq!(users.finds(&web(Some("u"))).await.as_deref(), Some("wang"));
        // And once it came, it need not come again.
        assert_eq!(users.finds(&web(None)).await.as_deref(), Some("wang"));
        assert_eq!(users.finds(&mini(None)).await.as_deref(), Some("wang"));
    }
}

#[tokio::test]
async fn what_is_known_is_not_written_again() {
    for database in databases().await {
        let users = users(&database, "a");
        users.makes(&mini(Some("u")), "wang").await;
        users.finds(&web(Some("u"))).await;
        let before = users.written().await;
        for identity in [mini(Some("u")), mini(None), web(Some("u")), web(None)] {
            assert_eq!(users.makes(&identity, "li").await, "wang");
        }
        assert_eq!(users.finds(&account(None)).await, None);
        assert_eq!(users.written().await, before);
    }
}

#[tokio::test]
async fn two_users_who_prove_to_be_one_person_are_whoever_had_the_union_first() {
    for database in databases().await {
        let users = users(&database, "a");
        users.makes(&mini(None), "first").await;
        users.makes(&web(Some("u")), "wang").await;
        assert_eq!(users.finds(&mini(Some("u"))).await.as_deref(), Some("wang"));
        assert_eq!(users.finds(&mini(None)).await.as_deref(), Some("wang"));
        // Others may refer to them: the row stays, and says where they went.
        assert_eq!(users.merged_into("first").await.as_deref(), Some("wang"));
        assert_eq!(users.merged_into("wang").await, None);
    }
}

#[tokio::test]
async fn whoever_has_another_way_left_stays_somebody() {
    for database in databases().await {
        let users = users(&database, "a");
        users.makes(&mini(Some("old")), "family").await;
        users.makes(&account(Some("old")), "nobody").await;
        users.makes(&web(Some("u")), "wang").await;
        assert_eq!(users.finds(&mini(Some("u"))).await.as_deref(), Some("wang"));
        assert_eq!(users.finds(&account(None)).await.as_deref(), Some("family"));
        assert_eq!(users.finds(&account(Some("old"))).await.as_deref(), Some("family"));
        assert_eq!(users.merged_into("family").await, None);
    }
}

#[tokio::test]
async fn all_that_led_to_somebody_who_is_merged_leads_to_the_other() {
    for database in databases().await {
        let users = users(&database, "a");
        users.makes(&mini(Some("old")), "first").await;
        users.makes(&web(Some("u")), "wang").await;
        assert_eq!(users.finds(&mini(Some("u"))).await.as_deref(), Some("wang"));
        assert_eq!(users.finds(&account(Some("old"))).await.as_deref(), Some("wang"));
    }
}

#[tokio::test]
async fn a_block_on_either_of_two_wins_and_nothing_moves() {
    for blocked in ["first", "wang"] {
        for database in databases().await {
            let users = users(&database, "a");
            users.makes(&mini(None), "first").await;
            users.makes(&web(Some("u")), "wang").await;
            let block = sqlx::query("UPDATE users SET blocked = 1 WHERE id = $1").bind(blocked);
            block.execute(users.database.pool()).await.expect("blocked");
            let before = users.written().await;
            let found = users.find(&mini(Some("u"))).await.expect("an answer").expect("a row");
            assert_eq!((found.id.as_str(), found.blocked), (blocked, true));
            assert_eq!(found.user(&mini(None)), None);
            assert_eq!(users.written().await, before);
            users.do_sql("UPDATE users SET blocked = 0").await;
            assert_eq!(users.finds(&mini(None)).await.as_deref(), Some("first"));
        }
    }
}

#[tokio::test]
async fn a_block_holds_for_the_ways_that_a_union_brings() {
    for database in databases().await {
        let users = users(&database, "a");
        users.makes(&mini(None), "wang").await;
        users.do_sql("UPDATE users SET blocked = 1").await;
        for identity in [mini(Some("u")), web(Some("u")), web(None)] {
            let found = users.find(&identity).await.expect("an answer");
            assert!(found.is_some_and(|row| row.blocked), "{}", identity.provider);
        }
    }
}

#[tokio::test]
async fn a_union_says_nothing_in_another_group() {
    for database in databases().await {
        users(&database, "shop").makes(&mini(Some("u")), "wang").await;
        let staff = users(&database, "staff");
        assert_eq!(staff.finds(&mini(Some("u"))).await, None);
        assert_eq!(staff.makes(&web(Some("u")), "li").await, "li");
        assert_eq!(users(&database, "shop").finds(&web(Some("u"))).await.as_deref(), Some("wang"));
    }
}

/// Whom sixteen at once are told to be, who come by two ways.
async fn sixteen_at_once(database: &Database, at_once: [Identity; 2]) -> Vec<String> {
    let all = users(database, "a");
    let calls = (0..16).map(|at| {
        let (users, identity) = (all.clone(), at_once[at % 2].clone());
        tokio::spawn(async move { users.makes(&identity, &at.to_string()).await })
    });
    let mut found = Vec::new();
    for call in calls.collect::<Vec<_>>() {
        found.push(call.await.expect("ran"));
    }
    found
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_first_sights_over_two_ways_make_one_user() {
    for place in places() {
        let database = open(&place.url).await;
        let found = sixteen_at_once(&database, [mini(Some("u")), web(Some("u"))]).await;
        assert!(found.iter().all(|id| *id == found[0]), "{found:?}");
        let count: i64 = sqlx::query_scalar("SELECT count(*) FROM users")
            .fetch_one(database.pool())
            .await
            .expect("counted");
        assert_eq!(count, 1);
        database.close().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_who_bring_two_users_together_find_one() {
    for place in places() {
        let database = open(&place.url).await;
        let all = users(&database, "a");
        all.makes(&mini(None), "first").await;
        all.makes(&account(None), "second").await;
        all.makes(&web(Some("u")), "wang").await;
        let found = sixteen_at_once(&database, [mini(Some("u")), account(Some("u"))]).await;
        assert!(found.iter().all(|id| id == "wang"), "{found:?}");
        for gone in ["first", "second"] {
            assert_eq!(all.merged_into(gone).await.as_deref(), Some("wang"));
        }
        database.close().await;
    }
}
