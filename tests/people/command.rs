//! `saoma users`, a process of its own beside a server that runs.

use std::path::Path;
use std::process::Command;

use saoma::config::{Config, DirectoryRule, Secret};
use serde_json::Value;
use sqlx::any::install_default_drivers;
use sqlx::{AnyConnection, AssertSqlSafe, Connection, Row as _};
use tempfile::TempDir;

use crate::support::postgres::Postgres;
use crate::support::{Store, TestServer, Via, namespace, within};
use crate::world::{Held, KEY, inactive, introspects, text};

/// What a command said, and the code that it ended with.
#[derive(Debug)]
struct Said {
    code: Option<i32>,
    out: String,
    err: String,
}

/// A database, a server on it, and an operator at its side. The namespaces `shop` and `web` have the
/// same users, by the rule `known`; those of `open` are not kept, and those of `asks` somewhere else.
struct Place {
    url: String,
    folder: TempDir,
    server: TestServer,
}

impl Place {
    async fn each() -> [Self; 2] {
        let folder = || tempfile::tempdir().expect("a folder");
        let file = folder();
        let url = format!("sqlite:{}", file.path().join("people.db").display());
        let on_server = Self::new(Postgres::shared().new_database(), folder()).await;
        [Self::new(url, file).await, on_server]
    }

    async fn new(url: String, folder: TempDir) -> Self {
        let server = TestServer::start_with(Store::Memory, |config: &mut Config| {
            config.database_url = Some(Secret::new(url.clone()));
            for name in ["shop", "web"] {
                let rules = namespace(config, name);
                rules.directory = DirectoryRule::Known;
                rules.users = Some("customers".to_owned());
                rules.api_keys = vec![Secret::new(format!("{name} key"))];
            }
        });
        let server = server.await;
        Self { url, folder, server }
    }

    /// Runs a command with the server's settings.
    fn runs(&self, arguments: &[&str]) -> Said {
        runs(self.folder.path(), &self.url, arguments)
    }

    /// Runs one that does what it is to do; what it printed.
    #[track_caller]
    fn does(&self, arguments: &[&str]) -> String {
        let said = self.runs(arguments);
        assert_eq!(said.code, Some(0), "{said:?}");
        said.out
    }

    /// Registers somebody, as an operator does; the id.
    #[track_caller]
    fn adds(&self, name: &str) -> String {
        let id = self.does(&["add", "--namespace", "shop", "--subject", name, "--name", name]);
        id.trim_end().to_owned()
    }

    /// The users, as the command lists them.
    #[track_caller]
    fn users(&self, arguments: &[&str]) -> Vec<Value> {
        let out = self.does(&[&["list", "--json"], arguments].concat());
        out.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
    }

    /// Somebody logs in, if the directory knows them.
    async fn logs_in(&self, namespace: &str, name: &str) -> Option<Held> {
        let mut tab = self.server.browser(Via::LongPoll).of(namespace).open().await;
        let phone = tab.scan_as(name).await;
        tab.sees("scanned").await;
        let confirmed = phone.confirm().await;
        if confirmed.status == 403 {
            confirmed.is_problem(403, "unregistered");
            return None;
        }
        let ticket = tab.sees_a_ticket().await;
        let token = tab.redeem(&ticket).await.ok();
        let held = Held::at(self.server.api(), text(&token));
        // A login waits a moment for being written, and no longer.
        let written = async { while !held.ids().await.contains(&held.id) {} };
        within("the login to be written", written).await;
        Some(held)
    }

    async fn knows(&self, namespace: &str, name: &str) -> Held {
        self.logs_in(namespace, name).await.expect("a user")
    }

    async fn database(&self) -> AnyConnection {
        install_default_drivers();
        AnyConnection::connect(&self.url).await.expect("the database")
    }

    /// All texts that are in the database.
    async fn all_texts(&self) -> String {
        let mut database = self.database().await;
        let mut texts = String::new();
        for table in ["users", "identities", "unions", "logins"] {
            let all = sqlx::query(AssertSqlSafe(format!("SELECT * FROM {table}")));
            for row in all.fetch_all(&mut database).await.expect("rows") {
                for column in 0..row.len() {
                    texts += row.try_get::<String, _>(column).unwrap_or_default().as_str();
                    texts += "\n";
                }
            }
        }
        texts
    }
}

fn runs(folder: &Path, url: &str, arguments: &[&str]) -> Said {
    let mut command = Command::new(env!("CARGO_BIN_EXE_saoma"));
    for (name, _) in saoma::config::environment() {
        command.env_remove(name);
    }
    command.current_dir(folder).env("SAOMA_DATABASE_URL", url);
    for setting in [
        "namespaces.shop.directory=known",
        "namespaces.shop.users=customers",
        "namespaces.web.directory=known",
        "namespaces.web.users=customers",
        "namespaces.asks.directory=hook",
        "namespaces.asks.hook.url=http://127.0.0.1:1/",
        "namespaces.asks.hook.secret=hunter2",
    ] {
        command.args(["--set", setting]);
    }
    let output = command.arg("users").args(arguments).output().expect("the binary runs");
    let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
    Said { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
}

/// Whether a service is told that a token is good.
async fn is_good(place: &Place, token: &Held) -> bool {
    let told = introspects(&place.server.api(), KEY, &token.token).await.ok();
    assert!(told == inactive() || told["active"] == true, "{told}");
    told != inactive()
}

#[tokio::test]
async fn who_was_added_is_known_when_they_come() {
    for place in Place::each().await {
        assert!(place.logs_in("shop", "Alice").await.is_none());
        let id = place.adds("Alice");
        assert_eq!(place.knows("web", "Alice").await.logins().await.len(), 1);
        let users = place.users(&["--namespace", "web"]);
        assert_eq!(users.len(), 1);
        for (field, value) in [("id", &*id), ("group", "customers"), ("name", "Alice")] {
            assert_eq!(users[0][field], value);
        }
        assert_eq!(users[0]["providers"], serde_json::json!(["simulator"]));
        let list = place.does(&["list"]);
        assert_eq!(list.lines().count(), 2);
        assert!(list.lines().nth(1).is_some_and(|line| line.starts_with(&id)), "{list}");
        // Once is enough.
        let again = place.runs(&["add", "--namespace", "web", "--subject", "Alice", "--name", "A"]);
        assert_eq!((again.code, &*again.out), (Some(1), ""));
        assert!(again.err.contains(&id), "{again:?}");
        assert_eq!(place.users(&[]), users);
    }
}

#[tokio::test]
async fn somebody_of_wechat_s_is_added_by_account_and_union() {
    for place in Place::each().await {
        let add = ["add", "--namespace", "shop", "--name", "Wang", "--subject", "o1"];
        let mini = ["--provider", "mini_program"];
        let without = place.runs(&[&add[..], &mini].concat());
        assert_eq!(without.code, Some(2), "{without:?}");
        assert!(without.err.contains("--account"), "{without:?}");
        place.does(&[&add[..], &mini, &["--account", "wx1", "--union", "u"]].concat());
        // The same person by another way, and somebody else at another account.
        let web = ["--provider", "open_platform", "--account", "wx2", "--union", "u"];
        assert_eq!(place.runs(&[&add[..], &web].concat()).code, Some(1));
        place.does(&[&add[..], &mini, &["--account", "wx3"]].concat());
        assert_eq!(place.users(&[]).len(), 2);
        let texts = place.all_texts().await;
        assert!(["wx1", "wx3", "o1"].iter().all(|text| texts.contains(text)), "{texts}");
    }
}

#[tokio::test]
async fn who_is_blocked_is_out_at_once_and_stays_out_until_let_in_again() {
    for place in Place::each().await {
        let (alice, bob) = (place.adds("Alice"), place.adds("Bob"));
        let tokens = [place.knows("shop", "Alice").await, place.knows("shop", "Alice").await];
        let bobs = place.knows("shop", "Bob").await;
        // A ticket that is at hand is no way around it.
        let mut tab = place.server.browser(Via::LongPoll).of("shop").open().await;
        tab.scan_as("Alice").await.confirm().await.ok();
        tab.sees("scanned").await;
        let ticket = tab.sees_a_ticket().await;

        assert_eq!(place.does(&["block", &alice]), format!("blocked {alice}; 2 tokens revoked\n"));
        tab.redeem(&ticket).await.is_problem(403, "refused");
        for token in &tokens {
            assert!(!is_good(&place, token).await);
            token.asks("").await.is_problem(401, "unauthorized");
        }
        assert!(place.logs_in("shop", "Alice").await.is_none());
        assert!(place.logs_in("web", "Alice").await.is_none());
        assert!(is_good(&place, &bobs).await);
        let blocked = |id: &str| {
            let users = place.users(&[]);
            users.iter().find(|user| user["id"] == id).expect("a user")["blocked"].clone()
        };
        assert_eq!((blocked(&alice), blocked(&bob)), (true.into(), false.into()));
        assert!(place.does(&["list"]).contains("blocked  customers  simulator"));
        place.does(&["block", &alice]);

        place.does(&["unblock", &alice]);
        // Nothing has used up the ticket.
        tab.redeem(&ticket).await.ok();
        let again = place.knows("shop", "Alice").await;
        assert!(is_good(&place, &again).await);
        for token in &tokens {
            assert!(!is_good(&place, token).await, "what was revoked stays revoked");
        }
        assert_eq!(blocked(&alice), false);
    }
}

#[tokio::test]
async fn of_who_is_removed_nothing_personal_is_left_and_their_tokens_end() {
    for place in Place::each().await {
        let (alice, bob) = (place.adds("Alice"), place.adds("Bob"));
        let tokens = [place.knows("shop", "Alice").await, place.knows("web", "Alice").await];
        let bobs = place.knows("shop", "Bob").await;
        let mut tab = place.server.browser(Via::LongPoll).of("shop").open().await;
        tab.scan_as("Alice").await.confirm().await.ok();
        tab.sees("scanned").await;
        let ticket = tab.sees_a_ticket().await;
        let said = place.does(&["remove", &alice]);
        tab.redeem(&ticket).await.is_problem(403, "refused");
        assert_eq!(said, format!("removed {alice}; 2 tokens revoked\n"));
        assert_eq!(place.users(&[]).len(), 1);
        let texts = place.all_texts().await;
        for left in [&*tokens[0].id, &tokens[1].id, &bob, "127.0.0.1"] {
            assert!(texts.contains(left), "{left}: {texts}");
        }
        for personal in ["Alice", &*alice] {
            assert!(!texts.contains(personal), "{personal}: {texts}");
        }
        // One login of Bob's is all that there is an address of.
        assert_eq!(texts.matches("127.0.0.1").count(), 1, "{texts}");
        for token in &tokens {
            token.asks("").await.is_problem(401, "unauthorized");
        }
        assert!(!is_good(&place, &tokens[0]).await);
        assert!(is_good(&place, &bobs).await);

        // They may come back, as anybody may, and are somebody else.
        assert!(place.logs_in("shop", "Alice").await.is_none());
        assert_ne!(place.adds("Alice"), alice);
        let new = place.knows("shop", "Alice").await;
        assert_eq!(new.ids().await, std::slice::from_ref(&new.id));
        assert!(!is_good(&place, &tokens[0]).await);
    }
}

#[tokio::test]
async fn names_are_shown_such_that_a_terminal_does_nothing() {
    // Red, a title, a control of eight bits, writing from right to left, nothing to be seen.
    let name = "A\u{1b}[31m\u{9b}2J\u{7}\u{202e}B\u{200b}C\n\\n \u{e0041} 王";
    for place in Place::each().await {
        let id = place.adds("Alice");
        let mut database = place.database().await;
        let rename = sqlx::query("UPDATE users SET name = $1 WHERE id = $2").bind(name).bind(&id);
        rename.execute(&mut database).await.expect("written");
        let (table, objects) = (place.does(&["list"]), place.does(&["list", "--json"]));
        for (out, lines) in [(&table, 2), (&objects, 1)] {
            assert_eq!(out.lines().count(), lines, "{out:?}");
            let odd =
                |c: &char| c.is_control() && *c != '\n' || "\u{202e}\u{200b}\u{e0041}".contains(*c);
            assert_eq!(out.chars().find(odd), None, "{out:?}");
            assert!(out.contains('王'));
        }
        assert!(table.contains(r"A\u{1b}[31m\u{9b}2J\u{7}\u{202e}B\u{200b}C\n\\n"), "{table}");
        assert_eq!(place.users(&[])[0]["name"], name);
        // What an operator was made to paste is no better.
        let said = place.runs(&["block", "\u{1b}[31m"]);
        assert_eq!((said.code, said.err.contains('\u{1b}')), (Some(1), false), "{said:?}");
    }
}

#[tokio::test]
async fn a_long_list_comes_in_parts() {
    for place in Place::each().await {
        let ids: Vec<String> = ["A", "B", "C"].map(|name| place.adds(name)).into();
        let page = |arguments: &[&str]| {
            let said = place.runs(&[&["list", "--json", "--limit", "2"], arguments].concat());
            let ids = said.out.lines().map(|line| {
                let user: Value = serde_json::from_str(line).expect("JSON");
                user["id"].as_str().expect("an id").to_owned()
            });
            (ids.collect::<Vec<_>>(), said.err)
        };
        let (first, hint) = page(&[]);
        assert!(hint.contains(&format!("--after {}", first[1])), "{hint}");
        let (second, hint) = page(&["--after", &first[1]]);
        assert_eq!(([&first[..], &second].concat(), &*hint), (ids, ""));
        assert_eq!(page(&["--group", "other"]).0, Vec::<String>::new());
    }
}

#[tokio::test]
async fn what_cannot_be_done_is_said_and_nothing_is_changed() {
    for place in Place::each().await {
        let id = place.adds("Alice");
        place.knows("shop", "Alice").await;
        let before = place.all_texts().await;
        let nobody = "00000000-0000-4000-8000-000000000000";
        let add = |more: &[&'static str]| {
            let needed = ["add", "--subject", "Bob", "--name", "Bob"];
            [&needed[..], more].concat()
        };
        for (arguments, code, says) in [
            (vec!["block", nobody], 1, "there is no user 0000"),
            (vec!["unblock", nobody], 1, "there is no user 0000"),
            (vec!["remove", nobody], 1, "there is no user 0000"),
            (vec!["remove", "' OR 1=1 --"], 1, "there is no user ' OR"),
            (vec!["list", "--after", nobody], 1, "there is no user 0000"),
            (vec!["list", "--namespace", "nowhere"], 2, "there is no namespace `nowhere`"),
            (vec!["list", "--namespace", "default"], 1, "everybody is who they say they are"),
            (vec!["list", "--namespace", "asks"], 1, "the service that its hook asks knows them"),
            (vec!["list", "--limit", "0"], 2, "--limit"),
            (vec!["list", "--namespace", "shop", "--group", "x"], 2, "cannot be used with"),
            (add(&["--namespace", "default"]), 1, "namespaces.default keeps no users"),
            (add(&["--namespace", "shop", "--union", " "]), 2, "--union"),
            (add(&["--namespace", "shop", "--subject", "B"]), 2, "--subject"),
            (add(&["--namespace", "shop", "--provider", "facebook"]), 2, "facebook"),
            (vec!["add", "--namespace", "shop", "--subject", "\n", "--name", "B"], 2, "--subject"),
            (vec!["add", "--namespace", "shop", "--subject", "B", "--name", " "], 2, "--name"),
            (vec!["add", "--namespace", "shop", "--name", "B"], 2, "--subject"),
            (vec!["block", &id, "--set", "session_tll=5"], 2, "session_tll"),
            (vec!["block"], 2, "<ID>"),
        ] {
            let said = place.runs(&arguments);
            assert_eq!((said.code, &*said.out), (Some(code), ""), "{arguments:?}: {said:?}");
            assert!(said.err.contains(says), "{arguments:?}: {said:?}");
        }
        assert_eq!(place.all_texts().await, before);
    }
}

#[test]
fn a_database_that_cannot_be_used_is_named_and_stays_as_it_was() {
    let folder = tempfile::tempdir().expect("a folder");
    let notes = folder.path().join("notes.txt");
    let text = "no database, but long enough to look like one ".repeat(40);
    std::fs::write(&notes, &text).expect("written");
    let sqlite = |name: &str| format!("sqlite:{}", folder.path().join(name).display());
    let gone = Postgres::shared().url("saoma", "hunter3", "none");
    for (url, says) in [
        (sqlite("none.db"), "there is none yet"),
        (sqlite("notes.txt"), "file is not a database"),
        (gone, "password authentication failed"),
        ("mysql://hunter3@a/b".to_owned(), "database_url"),
    ] {
        for arguments in [&["list"][..], &["block", "x"], &["remove", "x"]] {
            let said = runs(folder.path(), &url, arguments);
            assert_eq!((said.code, &*said.out), (Some(2), ""), "{said:?}");
            assert!(said.err.contains(says) && !said.err.contains("hunter3"), "{said:?}");
        }
    }
    assert_eq!(std::fs::read_to_string(&notes).expect("read"), text);
    assert_eq!(std::fs::read_dir(folder.path()).expect("listed").count(), 1, "nothing was made");
}
