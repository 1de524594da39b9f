//! The saoma process: found, started on free ports with an empty data directory, ended on drop.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use crate::Outcome;
use crate::measure::Process;

/// A setting, by its environment variable.
pub(crate) type Setting = (&'static str, String);

pub(crate) struct Saoma {
    child: Child,
    pub(crate) addr: SocketAddr,
    /// Data and log; gone with the process.
    _dir: TempDir,
}

impl Saoma {
    /// With this many threads, or as many as it takes by itself; in memory, or on this Redis.
    pub(crate) fn start(threads: Option<usize>, redis: Option<&str>) -> Outcome<Self> {
        let threads = threads.map(|it| ("SAOMA_WORKER_THREADS", it.to_string()));
        let redis = redis.map(|url| ("SAOMA_REDIS_URL", url.to_owned()));
        Self::start_with(&threads.into_iter().chain(redis).collect::<Vec<_>>())
    }

    /// With these settings over those that every measured server has.
    pub(crate) fn start_with(settings: &[Setting]) -> Outcome<Self> {
        let dir = tempfile::tempdir()?;
        let log = dir.path().join("log");
        let data = ("SAOMA_DATA_DIR", dir.path().to_string_lossy().into_owned());
        let mut child = command(&[&[data], settings].concat())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(File::create(&log)?)
            .spawn()
            .map_err(|error| format!("{}: {error}", binary().display()))?;
        let mut lines = BufReader::new(child.stdout.take().ok_or("no standard output")?).lines();
        let found = lines.by_ref().map_while(Result::ok).find_map(|line| {
            line.strip_prefix("listening on http://").and_then(|addr| addr.trim().parse().ok())
        });
        let Some(addr) = found else {
            let _ = child.kill();
            let _ = child.wait();
            return Err(format!("saoma did not start:\n{}", std::fs::read_to_string(log)?).into());
        };
        // A pipe that nobody empties would stop the server once it is full.
        std::thread::spawn(move || lines.map_while(Result::ok).for_each(drop));
        Ok(Self { child, addr, _dir: dir })
    }

    pub(crate) fn process(&self) -> Process {
        Process::of(self.child.id())
    }
}

impl Drop for Saoma {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The program with these settings over those that every measured server has.
#[expect(clippy::disallowed_methods, reason = "these are not this program's settings")]
pub(crate) fn command(settings: &[Setting]) -> Command {
    let mut command = Command::new(binary());
    for (name, _) in std::env::vars_os() {
        // What the person running this has set for a server of their own is not what is measured.
        if name.to_string_lossy().starts_with("SAOMA_") {
            command.env_remove(name);
        }
    }
    command
        .env("SAOMA_LISTEN", "127.0.0.1:0")
        .env("SAOMA_ADMIN_LISTEN", "127.0.0.1:0")
        .env("SAOMA_RATE_LIMIT", "off")
        .env("SAOMA_SESSION_TTL", "3600")
        // A line a request is not what is compared: nginx writes none either.
        .env("SAOMA_LOG", "warn")
        .envs(settings.iter().cloned());
    command
}

/// `SAOMA_BIN`, else the release binary that cargo built for this bench.
#[expect(clippy::disallowed_methods, reason = "the bench has no config to take it from")]
pub(crate) fn binary() -> PathBuf {
    std::env::var_os("SAOMA_BIN").map_or_else(
        || option_env!("CARGO_BIN_EXE_saoma").unwrap_or("target/release/saoma").into(),
        PathBuf::from,
    )
}
