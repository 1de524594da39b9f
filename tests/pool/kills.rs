//! `saoma pool fill`, killed at any moment: no number is lost, doubled, or free without a picture.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::process::Stdio;

use futures_util::future::join_all;
use saoma::entropy::Entropy;
use serde_json::{Value, json};
use sqlx::Row as _;
use tempfile::TempDir;
use tokio::process::Command;

use crate::stub::{MINI, SECRET, Stub};
use crate::support::postgres::Postgres;
use crate::world::{CODES, folder, pictures_in, wechat};

/// Places where codes are made, and how often a maker is killed at each: fifty times.
const PLACES: usize = 5;
const KILLS: usize = 10;
/// How many codes a command is to make.
const COUNT: u32 = 40;

/// A place of its own: a database, a folder, a WeChat, and a configuration that names them.
struct Place {
    wechat: Stub,
    database: String,
    folder: TempDir,
}

impl Place {
    async fn new(postgres: bool) -> Self {
        let (wechat, folder) = (wechat().await, folder());
        wechat.breaks(CODES, json!({ "latency_ms": 5 })).await;
        let file = format!("sqlite:{}", folder.path().join("saoma.db").display());
        let database = if postgres { Postgres::shared().new_database() } else { file };
        let place = Self { wechat, database, folder };
        let mut settings = format!("data_dir = \"{}\"\n", place.folder.path().display());
        let _ = write!(
            settings,
            "database_url = {:?}
            [namespaces.default]
            provider = \"mini_program\"
            numbering = \"pool\"
            [namespaces.default.wechat]
            app_id = \"{MINI}\"
            app_secret = \"{SECRET}\"
            api_url = \"{}\"\n",
            place.database, place.wechat.base,
        );
        std::fs::write(place.folder.path().join("saoma.toml"), settings).expect("written");
        place
    }

    fn pictures(&self) -> std::path::PathBuf {
        self.folder.path().join("codes")
    }

    fn command(&self, doing: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_saoma"));
        for (name, _) in saoma::config::environment() {
            command.env_remove(name);
        }
        command.arg("pool").args(doing).arg("--config").arg(self.folder.path().join("saoma.toml"));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.kill_on_drop(true);
        command
    }

    async fn calls(&self) -> usize {
        let calls = self.wechat.see(&format!("calls?all&path={CODES}")).await;
        calls.as_array().expect("a list").len()
    }

    /// Has codes made by somebody who is killed when WeChat has been asked so often.
    async fn makes_until(&self, calls: usize) {
        let at_least = self.calls().await + calls;
        let count = COUNT.to_string();
        let mut maker = self.command(&["fill", "--count", &count]).spawn().expect("a process");
        let asked = format!("calls?all&at_least={at_least}&path={CODES}");
        tokio::select! {
            _ = self.wechat.see(&asked) => {}
            ended = maker.wait() => drop(ended.expect("a status")),
        }
        let _ = maker.start_kill();
        maker.wait().await.expect("a status");
    }

    async fn says(&self, doing: &[&str]) -> String {
        let output = self.command(doing).output().await.expect("a process");
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{errors}");
        String::from_utf8(output.stdout).expect("UTF-8")
    }

    /// Every number from 0 up, each free with a scene and a picture of its own that is there.
    async fn is_whole(&self) -> usize {
        sqlx::any::install_default_drivers();
        let pool = sqlx::AnyPool::connect(&self.database).await.expect("a database");
        let codes =
            sqlx::query("SELECT number, scene, picture, state FROM pool_codes ORDER BY number");
        let codes = codes.fetch_all(&pool).await.expect("rows");
        pool.close().await;
        let text = |row: &sqlx::any::AnyRow, name: &str| row.get::<String, _>(name);
        for (expected, row) in (0i64..).zip(&codes) {
            assert_eq!(
                (row.get::<i64, _>("number"), text(row, "state")),
                (expected, "free".into())
            );
        }
        let of_all = |name: &str| codes.iter().map(|row| text(row, name)).collect::<BTreeSet<_>>();
        assert_eq!(of_all("scene").len(), codes.len());
        let stored: BTreeSet<_> = pictures_in(&self.pictures()).into_iter().collect();
        assert_eq!(of_all("picture"), stored, "each has its picture, and there is no other");
        codes.len()
    }
}

async fn a_maker_is_killed_again_and_again(place: &Place) {
    let entropy = Entropy::system();
    for _ in 0..KILLS {
        let calls = entropy.below(COUNT - 1) + 1;
        place.makes_until(usize::try_from(calls).expect("small")).await;
        // What is free is whole at any moment.
        let stored =
            if place.pictures().exists() { pictures_in(&place.pictures()) } else { Vec::new() };
        let status: Value =
            serde_json::from_str(&place.says(&["status", "--json"]).await).expect("JSON");
        let free = status[0]["free"].as_u64().expect("a count");
        assert!(free <= stored.len() as u64, "{status}: {} pictures", stored.len());
    }
    // Somebody makes one more: what the others have left is finished.
    place.says(&["fill", "--count", "1"]).await;
    let status: Value =
        serde_json::from_str(&place.says(&["status", "--json"]).await).expect("JSON");
    assert_eq!(status[0]["next_number"], place.is_whole().await, "{status}");
}

#[tokio::test]
async fn fifty_kills_lose_and_double_no_number() {
    let places = join_all((0..PLACES).map(|n| Place::new(n % 2 == 0))).await;
    join_all(places.iter().map(a_maker_is_killed_again_and_again)).await;
}

#[tokio::test]
async fn a_command_that_nobody_stops_makes_what_it_is_told_to() {
    let place = Place::new(false).await;
    assert_eq!(place.says(&["fill", "--count", "25"]).await, "made 25 codes\n");
    assert_eq!(place.is_whole().await, 25);
    assert_eq!(place.says(&["fill", "--count", "3"]).await, "made 3 codes\n");
    assert_eq!(place.is_whole().await, 28);
    let status = place.says(&["status"]).await;
    assert!(status.lines().nth(1).is_some_and(|row| row.starts_with("default ")), "{status}");
    assert_eq!(place.says(&["prune"]).await, "cleared away 0 used codes and 0 pictures\n");
}

#[tokio::test]
async fn two_commands_at_once_make_as_many_as_both_were_told_to() {
    for postgres in [false, true] {
        let place = Place::new(postgres).await;
        let fill = ["fill", "--count", "20"];
        let (one, other) = tokio::join!(place.says(&fill), place.says(&fill));
        assert_eq!((&*one, &*other), ("made 20 codes\n", "made 20 codes\n"));
        assert_eq!(place.is_whole().await, 40);
    }
}

/// What goes wrong is said, with what was done until then.
#[tokio::test]
async fn a_wechat_that_knows_no_such_app_is_named_and_exits_with_one() {
    let place = Place::new(false).await;
    place.wechat.breaks("*", json!({ "errcode": 40125 })).await;
    let output = place.command(&["fill", "--count", "3"]).output().await.expect("a process");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{errors}");
    assert!(errors.contains("made 0 of 3 codes"), "{errors}");
    assert!(!errors.contains(SECRET), "{errors}");
}
