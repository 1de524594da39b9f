//! What cannot be: said at the start, with exit code 2, and nothing is changed.

use std::path::Path;
use std::process::{Command, Output, Stdio};

use sqlx::{Connection as _, SqliteConnection};

use crate::disks::files;
use crate::world::folder;

/// The seconds that a start, or a command, is given.
const LONGEST: &str = "60";

/// A start with these settings, which comes to nothing.
pub(crate) fn start(folder: &Path, settings: &str, command: &[&str]) -> Output {
    let file = folder.join("saoma.toml");
    let text = format!(
        "data_dir = \"{}\"\nlisten = \"127.0.0.1:0\"\nadmin_listen = \"127.0.0.1:0\"\n{settings}",
        folder.join("data").display()
    );
    std::fs::write(&file, text).expect("written");
    // A start that is not refused would serve for ever.
    let mut saoma = Command::new("timeout");
    saoma.args([LONGEST, env!("CARGO_BIN_EXE_saoma")]);
    for (name, _) in saoma::config::environment() {
        saoma.env_remove(name);
    }
    saoma.args(command).arg("--config").arg(file).stdin(Stdio::null());
    saoma.output().expect("a process")
}

pub(crate) fn refused(folder: &Path, settings: &str, command: &[&str]) -> String {
    let output = start(folder, settings, command);
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{errors}");
    assert!(output.stdout.is_empty());
    errors
}

pub(crate) const POOL: &str = "[namespaces.default]\nnumbering = \"pool\"\n";

#[test]
fn rules_that_contradict_each_other_start_nothing() {
    for (rules, named) in [
        ("pool = { reuse = true }", "namespaces.default.pool.reuse: needs `match_number = true`"),
        ("pool = { size = 10 }", "namespaces.default.pool.low_water: is more than `pool.size`"),
        ("pool = { grow_by = 0 }", "namespaces.default.pool.grow_by: must be 1 or more"),
        ("pool = { sizes = 1 }", "namespaces.default.pool.sizes: unknown field"),
    ] {
        for command in [&[][..], &["check-config"], &["pool", "status"]] {
            let folder = folder();
            let errors = refused(folder.path(), &format!("{POOL}{rules}\n"), command);
            assert!(errors.contains(named), "{errors}");
            assert!(!folder.path().join("data").exists(), "nothing is made");
        }
    }
}

#[test]
fn a_database_that_is_a_text_file_is_left_as_it_is() {
    let folder = folder();
    let file = folder.path().join("notes.txt");
    let text = "no database, but long enough to look like one\n".repeat(40);
    std::fs::write(&file, &text).expect("written");
    let settings = format!("database_url = \"sqlite:{}\"\n{POOL}", file.display());
    for command in [&[][..], &["pool", "fill", "--count", "1"]] {
        let errors = refused(folder.path(), &settings, command);
        assert!(errors.contains("notes.txt: file is not a database"), "{errors}");
        assert_eq!(std::fs::read_to_string(&file).expect("read"), text);
        assert!(!folder.path().join("data").exists(), "nothing is made");
    }
}

#[tokio::test]
async fn a_database_of_a_newer_version_is_left_as_it_is() {
    let folder = folder();
    assert!(start(folder.path(), POOL, &["pool", "fill", "--count", "1"]).status.success());
    let data = folder.path().join("data");
    let file = data.join("saoma.db");
    let url = format!("sqlite:{}", file.display());
    let mut database = SqliteConnection::connect(&url).await.expect("the database");
    let later = "INSERT INTO _sqlx_migrations
                     (version, description, success, checksum, execution_time)
                 VALUES (99, 'later', TRUE, X'00', 0)";
    sqlx::query(later).execute(&mut database).await.expect("written");
    database.close().await.expect("closed");
    let before = files(&data);
    for command in
        [&[][..], &["pool", "fill", "--count", "1"], &["pool", "status"], &["users", "list"]]
    {
        let errors = refused(folder.path(), POOL, command);
        assert!(errors.contains("saoma.db: written by a newer version of Saoma"), "{errors}");
        assert_eq!(files(&data), before, "{command:?}");
    }
}

#[test]
fn a_storage_that_cannot_be_written_is_named_and_nothing_starts() {
    let folder = folder();
    let file = folder.path().join("a file");
    std::fs::write(&file, "in the way").expect("written");
    let root = file.join("codes");
    let settings = format!("{POOL}[storage.options]\nroot = {root:?}\n");
    for command in [&[][..], &["pool", "fill", "--count", "1"]] {
        let errors = refused(folder.path(), &settings, command);
        assert!(errors.contains("storage.options.root"), "{errors}");
        assert!(!folder.path().join("data").exists(), "nothing is made");
    }
}

#[test]
fn a_command_for_a_pool_that_there_is_not_says_so() {
    let folder = folder();
    let errors = refused(folder.path(), "", &["pool", "status"]);
    assert!(errors.contains("no namespace has a pool"), "{errors}");
    let errors = refused(folder.path(), POOL, &["pool", "status", "--namespace", "shop"]);
    assert!(errors.contains("--namespace shop"), "{errors}");
    let two = format!("{POOL}[namespaces.shop]\nnumbering = \"pool\"\n");
    let errors = refused(folder.path(), &two, &["pool", "fill", "--count", "1"]);
    assert!(errors.contains("several namespaces have a pool"), "{errors}");
}
