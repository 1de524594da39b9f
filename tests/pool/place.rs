//! A place where codes are made, by commands and servers, and what is there in the end.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use sqlx::Row as _;
use sqlx::any::AnyRow;
use tempfile::TempDir;
use tokio::process::Command;

use crate::stub::{MINI, SECRET, Stub};
use crate::support::postgres::Postgres;
use crate::world::{CODES, folder, pictures_in, wechat};

/// A place of its own: a database, a folder, a WeChat, and a configuration that names them.
pub(crate) struct Place {
    pub(crate) wechat: Stub,
    pub(crate) database: String,
    pub(crate) folder: TempDir,
}

impl Place {
    pub(crate) async fn new(postgres: bool) -> Self {
        let (wechat, folder) = (wechat().await, folder());
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

    pub(crate) fn pictures(&self) -> PathBuf {
        self.folder.path().join("codes")
    }

    pub(crate) fn command(&self, doing: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_saoma"));
        for (name, _) in saoma::config::environment() {
            command.env_remove(name);
        }
        command.arg("pool").args(doing).arg("--config").arg(self.folder.path().join("saoma.toml"));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.kill_on_drop(true);
        command
    }

    pub(crate) async fn calls(&self) -> usize {
        let calls = self.wechat.see(&format!("calls?all&path={CODES}")).await;
        calls.as_array().expect("a list").len()
    }

    pub(crate) async fn says(&self, doing: &[&str]) -> String {
        let output = self.command(doing).output().await.expect("a process");
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{errors}");
        String::from_utf8(output.stdout).expect("UTF-8")
    }

    /// All that is here is whole.
    pub(crate) async fn whole(&self) -> Vec<Code> {
        whole(&self.database, &self.pictures()).await
    }
}

/// A code in the database.
pub(crate) struct Code {
    number: i64,
    scene: String,
    pub(crate) picture: String,
    pub(crate) state: String,
}

impl Code {
    pub(crate) fn is(&self, state: &str) -> bool {
        self.state == state
    }
}

/// All codes that a database has.
pub(crate) async fn codes(database: &str) -> Vec<Code> {
    sqlx::any::install_default_drivers();
    let pool = sqlx::AnyPool::connect(database).await.expect("a database");
    let rows = sqlx::query("SELECT number, scene, picture, state FROM pool_codes ORDER BY number");
    let rows = rows.fetch_all(&pool).await.expect("rows");
    pool.close().await;
    let text = |row: &AnyRow, name: &str| row.get(name);
    let code = |row: &AnyRow| Code {
        number: row.get("number"),
        scene: text(row, "scene"),
        picture: text(row, "picture"),
        state: text(row, "state"),
    };
    rows.iter().map(code).collect()
}

/// Every number from 0 up, each made, with a scene and a picture of its own that is there, and no
/// other picture.
pub(crate) async fn whole(database: &str, pictures: &Path) -> Vec<Code> {
    let codes = codes(database).await;
    for (expected, code) in (0..).zip(&codes) {
        assert_eq!(code.number, expected);
        assert!(!code.is("making"), "{expected}");
    }
    assert_eq!(codes.iter().map(|code| &code.scene).collect::<BTreeSet<_>>().len(), codes.len());
    let shown: BTreeSet<_> = codes.iter().map(|code| code.picture.clone()).collect();
    let stored: BTreeSet<_> = pictures_in(pictures).into_iter().collect();
    assert_eq!(shown, stored, "each has its picture, and there is no other");
    codes
}
