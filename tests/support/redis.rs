//! A real redis-server, started by the tests on a free port.

use std::io::{BufRead as _, BufReader};
use std::net::{Ipv4Addr, TcpListener};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

use tempfile::TempDir;

/// Runs the server, tells its process id, and ends it with the tests, whatever becomes of them:
/// their end of the pipe closes then.
const KEEPER: &str = r#"redis-server "$@" & echo "pid $!"; read -r _; kill -KILL $!; wait"#;

/// A redis-server that runs until it is dropped.
pub(crate) struct RedisServer {
    pub(crate) port: u16,
    /// Its process id.
    pub(crate) pid: String,
    keeper: Child,
    _folder: TempDir,
}

impl RedisServer {
    /// One that keeps nothing on disk.
    pub(crate) fn start() -> Self {
        Self::at_a_free_port(&[])
    }

    fn at_a_free_port(settings: &[&str]) -> Self {
        let found = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let port = found.local_addr().expect("its address").port();
        drop(found);
        Self::start_with(port, settings)
    }

    /// One at a port that was another's before.
    pub(crate) fn start_at(port: u16) -> Self {
        Self::start_with(port, &[])
    }

    /// One that wants a password.
    pub(crate) fn start_locked(password: &str) -> Self {
        Self::at_a_free_port(&["--requirepass", password])
    }

    fn start_with(port: u16, settings: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let mut command = Command::new("sh");
        command.args(["-c", KEEPER, "redis", "--bind", "127.0.0.1", "--port", &port.to_string()]);
        command.args(["--save", "", "--appendonly", "no", "--dir"]).arg(folder.path());
        command.args(settings);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut keeper = command.spawn().expect("a shell");
        let mut lines = BufReader::new(keeper.stdout.take().expect("piped")).lines();
        let mut said = |what: &str| {
            let mut lines = lines.by_ref().map_while(Result::ok);
            lines.find(|line| line.contains(what)).expect("redis-server is installed and starts")
        };
        let pid = said("pid ").trim_start_matches("pid ").to_owned();
        said("Ready to accept connections");
        // What it says from now on is for nobody, and must not fill the pipe.
        std::thread::spawn(move || lines.for_each(drop));
        Self { port, pid, keeper, _folder: folder }
    }

    /// Its address.
    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        drop(self.keeper.stdin.take());
        let _ = self.keeper.wait();
    }
}

/// The address of one that all tests of a binary share.
pub(crate) fn shared() -> String {
    static SHARED: OnceLock<RedisServer> = OnceLock::new();
    SHARED.get_or_init(RedisServer::start).url()
}
