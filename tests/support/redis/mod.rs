//! Real redis-servers, started by the tests on free ports.

pub(crate) mod cluster;
mod process;
pub(crate) mod sentinels;
pub(crate) mod storm;

use std::sync::OnceLock;

use super::certificates::Authority;
use super::ports;
use process::Process;
use tempfile::TempDir;

/// What a server says when it serves.
const READY: &str = "Ready to accept connections";

/// A redis-server that runs until it is dropped.
pub(crate) struct RedisServer {
    pub(crate) port: u16,
    /// Where it speaks TLS, if it does.
    tls_port: Option<u16>,
    /// Its process id.
    pub(crate) pid: String,
    /// The password that it wants, or none.
    password: String,
    settings: Vec<String>,
    process: Option<Process>,
    _folder: TempDir,
}

impl RedisServer {
    /// One that keeps nothing on disk.
    pub(crate) fn start() -> Self {
        Self::with(&[])
    }

    /// One at a port that was another's before.
    pub(crate) fn start_at(port: u16) -> Self {
        Self::start_with(port, &[])
    }

    /// One that wants a password.
    pub(crate) fn start_locked(password: &str) -> Self {
        Self { password: password.to_owned(), ..Self::with(&["--requirepass", password]) }
    }

    /// One with these settings at a free port.
    pub(crate) fn with(settings: &[&str]) -> Self {
        Self::start_with(ports::free(), settings)
    }

    /// One that speaks TLS, too, at a port of its own.
    pub(crate) fn with_tls(authority: &Authority, settings: &[&str]) -> Self {
        let (port, tls) = (ports::free(), authority.settings());
        let number = port.to_string();
        let mut all: Vec<&str> = tls.iter().map(String::as_str).collect();
        all.extend(["--tls-port", &number]);
        all.extend(settings);
        Self { tls_port: Some(port), ..Self::with(&all) }
    }

    fn start_with(port: u16, settings: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let number = port.to_string();
        let mut all = vec!["--bind", "127.0.0.1", "--save", "", "--appendonly", "no"];
        all.extend(["--port", &number, "--dir", folder.path().to_str().expect("UTF-8")]);
        all.extend(settings);
        let settings: Vec<String> = all.into_iter().map(str::to_owned).collect();
        let process = Process::start(&settings, READY);
        let (pid, password) = (process.pid.clone(), String::new());
        Self {
            port,
            tls_port: None,
            pid,
            password,
            settings,
            process: Some(process),
            _folder: folder,
        }
    }

    /// Its address.
    pub(crate) fn url(&self) -> String {
        match self.tls_port {
            Some(port) => format!("rediss://127.0.0.1:{port}"),
            None => format!("redis://127.0.0.1:{}", self.port),
        }
    }

    /// The port at which all others find it.
    fn known_port(&self) -> u16 {
        self.tls_port.unwrap_or(self.port)
    }

    /// Sends it a signal, as `kill` names it.
    pub(crate) fn signal(&self, signal: &str) {
        self.process.as_ref().expect("it runs").signal(signal);
    }

    /// Kills it.
    pub(crate) fn dies(&mut self) {
        drop(self.process.take());
    }

    /// Starts it again after its death, with the same settings and whatever is in its folder.
    pub(crate) fn comes_back(&mut self) {
        let process = Process::start(&self.settings, READY);
        self.pid.clone_from(&process.pid);
        self.process = Some(process);
    }

    /// What it answers to a command.
    pub(crate) fn asks<T: redis::FromRedisValue>(&self, command: &[&str]) -> T {
        self.tries(command).unwrap_or_else(|error| panic!("{command:?}: {error}"))
    }

    fn tries<T: redis::FromRedisValue>(&self, command: &[&str]) -> redis::RedisResult<T> {
        ask(self.port, &self.password, command)
    }
}

/// What the server at a port, which wants this password or none, answers to a command.
fn ask<T: redis::FromRedisValue>(
    port: u16,
    password: &str,
    command: &[&str],
) -> redis::RedisResult<T> {
    let password = if password.is_empty() { String::new() } else { format!(":{password}@") };
    let client = redis::Client::open(format!("redis://{password}127.0.0.1:{port}"))?;
    let mut all = redis::cmd(command[0]);
    all.arg(&command[1..]).query(&mut client.get_connection()?)
}

/// Asks until it is so, for at most as long as anything may take.
#[expect(
    clippy::disallowed_methods,
    reason = "nothing tells, and a thread that only asks is none of tokio's"
)]
fn until(what: &str, mut so: impl FnMut() -> bool) {
    let began = std::time::SystemTime::UNIX_EPOCH.elapsed().expect("after 1970");
    let patience = std::time::Duration::from_secs(30);
    while !so() {
        let now = std::time::SystemTime::UNIX_EPOCH.elapsed().expect("after 1970");
        assert!(now < began + patience, "waited {patience:?} in vain for: {what}");
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
}

/// The address of one that all tests of a binary share.
pub(crate) fn shared() -> String {
    static SHARED: OnceLock<RedisServer> = OnceLock::new();
    SHARED.get_or_init(RedisServer::start).url()
}
