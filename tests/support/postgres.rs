//! A PostgreSQL server of Debian's, in a folder and at a socket of its own.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Mutex, OnceLock};

/// Who may do everything there, by this password.
const USER: &str = "saoma";
pub(crate) const PASSWORD: &str = "hunter2";

/// Runs the server, stops and starts it when it is told to, and ends it with the tests, whatever
/// becomes of them: their end of the pipe closes then. What ends them all at a terminal is not for
/// it, or the folder would stay.
const KEEPER: &str = r#"
trap '' INT TERM HUP
folder=$1; shift
start() { "$@" 2>&1 & server=$!; }
stop() { kill -QUIT $server && wait $server; }
start "$@"
while read -r order; do
  case $order in
    start) start "$@" ;;
    stop) stop; echo "has stopped" ;;
  esac
done
stop
rm -rf "$folder"
"#;

pub(crate) struct Postgres {
    folder: PathBuf,
    databases: AtomicUsize,
    told: Mutex<(Child, Receiver<String>)>,
}

impl Postgres {
    /// One for all tests of this binary, who have each a database of their own.
    pub(crate) fn shared() -> &'static Self {
        static SHARED: OnceLock<Postgres> = OnceLock::new();
        SHARED.get_or_init(Self::start)
    }

    /// One that a test may stop. It answers when this returns.
    pub(crate) fn start() -> Self {
        Self::start_with("fsync=off")
    }

    /// One with a setting of its own.
    pub(crate) fn start_with(setting: &str) -> Self {
        let folder = tempfile::Builder::new().prefix("pg").tempdir().expect("a folder").keep();
        let password = folder.join("password");
        std::fs::write(&password, PASSWORD).expect("written");
        let owner = owner();
        if !owner.is_empty() {
            runs(Command::new("chown").args(["-R", "postgres"]).arg(&folder));
        }
        let data = folder.join("data");
        let (data, password) = (text(&data), format!("--pwfile={}", text(&password)));
        let initdb = program("initdb");
        let settings = ["--no-sync", "--encoding=UTF8", "--locale=C", "--auth=scram-sha-256"];
        let names = ["-D", data, "--username", USER, &password];
        let command = [owner, &[initdb.as_str()], &settings, &names].concat();
        runs(Command::new(command[0]).args(&command[1..]).stdout(Stdio::null()));

        let postgres = program("postgres");
        let sockets = format!("unix_socket_directories={}", text(&folder));
        let settings = ["-c", "listen_addresses=", "-c", setting, "-c", &sockets];
        let command = [owner, &[postgres.as_str(), "-D", data], &settings].concat();
        let mut keeper = Command::new("sh");
        keeper.args(["-c", KEEPER, "postgres"]).arg(&folder).args(command);
        keeper.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut keeper = keeper.spawn().expect("a shell");
        let lines = BufReader::new(keeper.stdout.take().expect("piped")).lines();
        let (tell, told) = channel();
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                // What nobody waits for is still read, so that the pipe does not fill.
                let _ = tell.send(line);
            }
        });
        let server =
            Self { folder, databases: AtomicUsize::new(0), told: Mutex::new((keeper, told)) };
        server.waits_for("ready to accept connections");
        server
    }

    /// The address of a database that is new and empty.
    pub(crate) fn new_database(&self) -> String {
        let name = format!("test{}", self.databases.fetch_add(1, Ordering::Relaxed));
        self.runs_sql(&format!("CREATE DATABASE {name}"));
        self.url(USER, PASSWORD, &name)
    }

    pub(crate) fn url(&self, user: &str, password: &str, database: &str) -> String {
        format!("postgres://{user}:{password}@localhost/{database}?host={}", text(&self.folder))
    }

    /// Runs a statement as whoever may do everything.
    pub(crate) fn runs_sql(&self, statement: &str) {
        let url = self.url(USER, PASSWORD, "postgres");
        runs(Command::new(program("psql")).args(["-q", "-d", &url, "-c", statement]));
    }

    /// Stops at once; who is connected is cut off.
    pub(crate) fn stops(&self) {
        self.orders("stop");
        self.waits_for("has stopped");
    }

    /// Starts again, where it was and with what it had.
    pub(crate) fn starts_again(&self) {
        self.orders("start");
        self.waits_for("ready to accept connections");
    }

    fn orders(&self, order: &str) {
        let mut told = self.told.lock().expect("nobody panicked");
        let stdin = told.0.stdin.as_mut().expect("piped");
        writeln!(stdin, "{order}").expect("told");
    }

    fn waits_for(&self, what: &str) {
        let told = self.told.lock().expect("nobody panicked");
        let mut before = String::new();
        for line in &told.1 {
            if line.contains(what) {
                return;
            }
            before.push_str(&line);
            before.push('\n');
        }
        panic!("PostgreSQL does not start: {before}");
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        if let Ok((keeper, _)) = self.told.get_mut() {
            drop(keeper.stdin.take());
            let _ = keeper.wait();
        }
    }
}

/// What to run the server as: it refuses to be root.
fn owner() -> &'static [&'static str] {
    let id = Command::new("id").arg("-u").output().expect("id");
    if id.stdout == b"0\n" {
        &["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
    } else {
        &[]
    }
}

/// Debian keeps the server's programs by their version, out of the way.
fn program(name: &str) -> String {
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let programs = versions.map(|version| version.path().join("bin").join(name));
    let newest = programs.filter(|it| it.exists()).max();
    text(&newest.unwrap_or_else(|| panic!("PostgreSQL is not installed: no {name}"))).to_owned()
}

fn runs(command: &mut Command) {
    let status = command.status();
    assert!(status.is_ok_and(|status| status.success()), "{command:?}");
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a name in UTF-8")
}
