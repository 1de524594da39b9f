//! A master, its replica, and three sentinels that watch them.

use std::collections::HashMap;

use tempfile::TempDir;

use super::super::certificates::Authority;
use super::process::Process;
use super::{RedisServer, ask, ports, until};

/// What the master is called.
const NAME: &str = "main";
/// Everything at a pace at which a test can wait for it.
const SETTINGS: &str = "bind 127.0.0.1
sentinel down-after-milliseconds main 500
sentinel failover-timeout main 2000
";
const PACE: [&str; 6] = ["info-period", "200", "publish-period", "200", "ask-period", "100"];

/// A master that sentinels watch.
pub(crate) struct Sentinels {
    /// Who was the master at first, and who was the replica.
    pub(crate) servers: [RedisServer; 2],
    watching: Vec<Sentinel>,
    /// Of the servers, and of the sentinels.
    passwords: [&'static str; 2],
    tls: bool,
}

struct Sentinel {
    port: u16,
    known_port: u16,
    password: &'static str,
    _process: Process,
    _folder: TempDir,
}

impl Sentinels {
    /// All of them, knowing each other.
    pub(crate) fn start() -> Self {
        Self::of(RedisServer::with, "", [""; 2])
    }

    /// The same with a password that the servers want, and one that the sentinels want.
    pub(crate) fn locked(servers: &'static str, sentinels: &'static str) -> Self {
        let start = |settings: &[&str]| {
            let locked = ["--requirepass", servers, "--masterauth", servers];
            let server = RedisServer::with(&[settings, &locked].concat());
            RedisServer { password: servers.to_owned(), ..server }
        };
        let lines = format!(
            "sentinel auth-pass {NAME} {servers}\nrequirepass {sentinels}\n\
             sentinel sentinel-pass {sentinels}\n"
        );
        Self::of(start, &lines, [servers, sentinels])
    }

    /// The same, all speaking TLS.
    pub(crate) fn with_tls(authority: &Authority) -> Self {
        let start = |settings: &[&str]| {
            let tls = ["--tls-replication", "yes"];
            RedisServer::with_tls(authority, &[settings, &tls].concat())
        };
        let settings = authority.settings();
        let words = settings.chunks(2).map(|two| format!("{}\n", two.join(" ")));
        let lines = words.map(|line| line.trim_start_matches('-').to_owned()).collect::<String>();
        Self::of(start, &format!("{lines}tls-replication yes\n"), [""; 2])
    }

    fn of(
        start: impl Fn(&[&str]) -> RedisServer,
        lines: &str,
        passwords: [&'static str; 2],
    ) -> Self {
        let master = start(&[]);
        let port = master.known_port().to_string();
        let replica = start(&["--replicaof", "127.0.0.1", &port]);
        for server in [&master, &replica] {
            server.asks::<()>(&["CONFIG", "SET", "repl-diskless-sync-delay", "0"]);
        }
        let tls = master.tls_port.is_some();
        let sentinel = |_| Sentinel::of(&port, lines, passwords[1], tls);
        let watching = (0..3).map(sentinel).collect();
        let all = Self { servers: [master, replica], watching, passwords, tls };
        until("the sentinels to know each other", || all.watching.iter().all(Sentinel::knows_all));
        all
    }

    /// The address of the master, whoever that is.
    pub(crate) fn url(&self) -> String {
        let at = |sentinel: &Sentinel| format!("127.0.0.1:{}", sentinel.known_port);
        let hosts = self.watching.iter().map(at).collect::<Vec<_>>().join(",");
        let scheme = if self.tls { "rediss-sentinel" } else { "redis-sentinel" };
        match self.passwords {
            ["", _] => format!("{scheme}://{hosts}?sentinelMasterId={NAME}"),
            [servers, sentinels] => format!(
                "{scheme}://:{servers}@{hosts}?sentinelMasterId={NAME}&sentinelPassword={sentinels}"
            ),
        }
    }

    /// The place of the master among the servers, as all sentinels say.
    pub(crate) fn master(&self) -> Option<usize> {
        let said: Vec<Option<String>> = self.watching.iter().map(Sentinel::says_master).collect();
        let first = said.first()?.as_ref()?;
        said.iter().all(|it| it.as_ref() == Some(first)).then(|| self.place(first))?
    }

    /// From now on they take the time that sentinels take: an old master is told that it is none eight
    /// seconds after the change.
    pub(crate) fn take_their_time(&self) {
        for sentinel in &self.watching {
            let usual = ["SENTINEL", "DEBUG", "publish-period", "2000"];
            sentinel.tries::<()>(&usual).expect("a sentinel that can be told");
        }
    }

    /// Makes the replica the master, in order.
    pub(crate) fn swap(&self) {
        until("the sentinels to agree", || self.master().is_some());
        let was = self.master();
        until("the swap", || {
            let now = self.watching[0].says_master();
            let first = now.is_some_and(|port| self.place(&port) != was);
            if !first {
                // Refused while they are not sure of each other; given up when it takes too long.
                let _ = self.watching[0].tries::<()>(&["SENTINEL", "FAILOVER", NAME]);
            }
            first && self.master().is_some_and(|is| Some(is) != was)
        });
    }

    /// The same, and waits until the old one knows: until then it takes what is lost.
    pub(crate) fn swap_and_tell(&self) {
        let old = &self.servers[self.master().expect("one master")];
        self.swap();
        until("the old master to follow", || {
            old.tries::<String>(&["INFO", "replication"])
                .is_ok_and(|said| said.contains("master_link_status:up"))
        });
    }

    fn place(&self, port: &str) -> Option<usize> {
        self.servers.iter().position(|server| server.known_port().to_string() == port)
    }
}

impl Sentinel {
    fn of(master: &str, lines: &str, password: &'static str, tls: bool) -> Self {
        let (folder, port) = (tempfile::tempdir().expect("a folder"), ports::free());
        let known_port = if tls { ports::free() } else { port };
        let file = folder.path().join("sentinel.conf");
        let tls_port = if tls { format!("tls-port {known_port}\n") } else { String::new() };
        let watched = format!("sentinel monitor {NAME} 127.0.0.1 {master} 2\n");
        let settings = format!("port {port}\n{tls_port}{watched}{SETTINGS}{lines}");
        std::fs::write(&file, settings).expect("written");
        let file = file.to_str().expect("UTF-8").to_owned();
        let process = Process::start(&[file, "--sentinel".to_owned()], "Sentinel ID is");
        let sentinel = Self { port, known_port, password, _process: process, _folder: folder };
        until("a sentinel", || sentinel.tries::<()>(&["PING"]).is_ok());
        let pace = [&["SENTINEL", "DEBUG"], &PACE[..]].concat();
        sentinel.tries::<()>(&pace).expect("a sentinel that can be hurried");
        sentinel
    }

    fn tries<T: redis::FromRedisValue>(&self, command: &[&str]) -> redis::RedisResult<T> {
        ask(self.port, self.password, command)
    }

    /// The port of the master.
    fn says_master(&self) -> Option<String> {
        let command = ["SENTINEL", "GET-MASTER-ADDR-BY-NAME", NAME];
        self.tries::<(String, String)>(&command).ok().map(|(_, port)| port)
    }

    /// Whether it knows of the replica and of the two others.
    fn knows_all(&self) -> bool {
        let asked = self.tries::<HashMap<String, String>>(&["SENTINEL", "MASTER", NAME]);
        let known = asked.unwrap_or_default();
        let number = |name: &str| known.get(name).map(String::as_str);
        (number("num-slaves"), number("num-other-sentinels")) == (Some("1"), Some("2"))
    }
}
