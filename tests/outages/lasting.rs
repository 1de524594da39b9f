//! A redis-server that can go and come back: it writes to disk what it is given before it answers.

use std::net::{Ipv4Addr, TcpListener};
use std::process::Command;

use tempfile::TempDir;

use crate::support::kept::Kept;

/// Runs the server, tells its process id, and ends it with the tests.
const KEEPER: &str = r#"redis-server "$@" & echo "pid $!"; read -r _; kill -KILL $!; wait"#;

pub(crate) struct LastingRedis {
    pub(crate) port: u16,
    folder: TempDir,
    running: Option<Running>,
}

struct Running {
    pid: String,
    _process: Kept,
}

impl LastingRedis {
    pub(crate) fn start() -> Self {
        let found = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let port = found.local_addr().expect("its address").port();
        drop(found);
        let folder = tempfile::tempdir().expect("a folder");
        let mut this = Self { port, folder, running: None };
        this.starts_again();
        this
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// It is gone at once, as by a power cut of its process.
    pub(crate) fn stops(&mut self) {
        // The keeper kills it, and is waited for.
        drop(self.running.take().expect("a redis-server that runs"));
    }

    /// It is back at its port with what it had.
    pub(crate) fn starts_again(&mut self) {
        let (port, folder) = (self.port.to_string(), self.folder.path().to_str().expect("UTF-8"));
        let mut arguments = vec!["--bind", "127.0.0.1", "--port", &port, "--dir", folder];
        arguments.extend(["--save", "", "--appendonly", "yes"]);
        let mut process = Kept::start(KEEPER, &arguments);
        let pid = process.says("pid ").expect("a process");
        process.hears("Ready to accept connections");
        process.is_not_listened_to();
        self.running = Some(Running { pid, _process: process });
    }

    /// Sends it a signal, as `kill` names it.
    pub(crate) fn signal(&self, signal: &str) {
        let running = self.running.as_ref().expect("a redis-server that runs");
        let sent = Command::new("kill").args([signal, &running.pid]).status();
        assert!(sent.is_ok_and(|status| status.success()), "kill {signal}");
    }
}
