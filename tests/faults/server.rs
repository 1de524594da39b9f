//! A server process of a test's own, and what the system knows about it.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use tempfile::TempDir;
use tokio::time::timeout;

use crate::http::Client;
use crate::{PATIENCE, eventually};

const BINARY: &str = env!("CARGO_BIN_EXE_saoma");
/// What `/proc` counts processor time in (`USER_HZ`).
const TICK: Duration = Duration::from_millis(10);

/// A command that sees no settings of whoever runs the test.
pub(crate) fn saoma() -> Command {
    clean(Command::new(BINARY))
}

fn clean(mut command: Command) -> Command {
    for (name, _) in saoma::config::environment() {
        command.env_remove(name);
    }
    command
}

/// A server that runs until it is dropped.
pub(crate) struct Server {
    /// Where it serves.
    pub(crate) public: SocketAddr,
    /// Where its metrics are.
    pub(crate) admin: SocketAddr,
    child: Child,
    log: Arc<Mutex<String>>,
    reader: Option<JoinHandle<()>>,
    data: TempDir,
}

impl Server {
    /// A server with the settings of a test.
    pub(crate) fn start() -> Self {
        Self::with(&[])
    }

    /// The same with further settings.
    pub(crate) fn with(settings: &[(&str, &str)]) -> Self {
        Self::run(saoma(), settings)
    }

    /// The same, whose standard output nobody reads behind the two lines.
    pub(crate) fn deaf() -> Self {
        Self::begin(saoma(), &[], false)
    }

    /// The same with so many descriptors and no more.
    pub(crate) fn with_descriptors(most: u32, settings: &[(&str, &str)]) -> Self {
        let mut shell = clean(Command::new("bash"));
        shell.arg("-c").arg(format!("ulimit -n {most} && exec {BINARY}"));
        Self::run(shell, settings)
    }

    fn run(command: Command, settings: &[(&str, &str)]) -> Self {
        Self::begin(command, settings, true)
    }

    fn begin(mut command: Command, settings: &[(&str, &str)], reads_on: bool) -> Self {
        let data = tempfile::tempdir().expect("a data folder");
        command
            .env("SAOMA_LISTEN", "127.0.0.1:0")
            .env("SAOMA_ADMIN_LISTEN", "127.0.0.1:0")
            .env("SAOMA_DATA_DIR", data.path())
            .env("SAOMA_RATE_LIMIT", "off")
            .envs(settings.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().expect("the server starts");
        let log = Arc::<Mutex<String>>::default();
        let stderr = child.stderr.take().expect("piped");
        let reader = std::thread::spawn({
            let log = Arc::clone(&log);
            move || keep(stderr, &log)
        });
        let mut stdout = BufReader::new(child.stdout.take().expect("piped")).lines();
        let mut address = |before: &str| {
            let line = stdout.next().and_then(Result::ok).unwrap_or_default();
            let address = line.strip_prefix(before).and_then(|address| address.parse().ok());
            address.unwrap_or_else(|| panic!("{before}…, not {line:?}; log: {}", read(&log)))
        };
        let public = address("listening on http://");
        let admin = address("admin on http://");
        if reads_on {
            std::thread::spawn(move || stdout.for_each(drop));
        }
        Self { public, admin, child, log, reader: Some(reader), data }
    }

    fn pid(&self) -> u32 {
        self.child.id()
    }

    fn proc(&self, file: &str) -> String {
        fs::read_to_string(format!("/proc/{}/{file}", self.pid())).expect("it runs")
    }

    /// How many descriptors it has open.
    pub(crate) fn descriptors(&self) -> usize {
        fs::read_dir(format!("/proc/{}/fd", self.pid())).map_or(0, Iterator::count)
    }

    /// What it has in memory, in KiB.
    pub(crate) fn memory(&self) -> u64 {
        let status = self.proc("status");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let text = line.and_then(|line| line.trim().strip_suffix(" kB")).expect("VmRSS in kB");
        text.trim().parse().expect("a number")
    }

    /// The processor time that it has used.
    pub(crate) fn processor_time(&self) -> Duration {
        let stat = self.proc("stat");
        // The name is in brackets and may hold anything; utime and stime are fields 14 and 15.
        let (_, fields) = stat.rsplit_once(") ").expect("pid (name) fields");
        let ticks = fields.split(' ').skip(11).take(2).map(|n| n.parse::<u32>().expect("ticks"));
        TICK * ticks.sum::<u32>()
    }

    /// What it has logged so far.
    pub(crate) fn log(&self) -> String {
        read(&self.log)
    }

    /// The sum of a metric over its labels.
    pub(crate) async fn metric(&self, name: &str) -> f64 {
        let answer = Client::connect(self.admin).await.get("/metrics").await;
        let text = answer.text();
        let samples = text.lines().filter(|line| {
            line.strip_prefix(name).is_some_and(|rest| rest.starts_with(['{', ' ']))
        });
        samples.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum()
    }

    /// Waits until so many wait for events.
    pub(crate) async fn subscribers(&self, count: u32) {
        let wanted = f64::from(count);
        let what = format!("{count} subscribers");
        eventually(&what, async || (self.metric("saoma_subscribers").await - wanted).abs() < 0.5)
            .await;
    }

    /// Sends a signal, by its name.
    pub(crate) fn signal(&self, name: &str) {
        let sent =
            Command::new("kill").arg(format!("-{name}")).arg(self.pid().to_string()).status();
        assert!(sent.is_ok_and(|status| status.success()), "kill -{name}");
    }

    /// How it ended.
    pub(crate) async fn ended(&mut self) -> ExitStatus {
        let mut status = None;
        eventually("the server's end", async || {
            status = self.child.try_wait().expect("our child");
            status.is_some()
        })
        .await;
        status.expect("just seen")
    }

    /// Its data folder.
    pub(crate) fn data(&self) -> &Path {
        self.data.path()
    }

    fn assert_calm(&self) {
        let log = self.log();
        assert!(!log.contains("panicked"), "{log}");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = self.reader.take().map(JoinHandle::join);
        if std::thread::panicking() {
            let log = self.log();
            let from = log.len().saturating_sub(4_000);
            eprintln!(
                "the server's log ends:\n{}",
                String::from_utf8_lossy(&log.as_bytes()[from..])
            );
        } else {
            self.assert_calm();
        }
    }
}

/// What a command said that was to end by itself.
pub(crate) struct Said {
    /// Its exit code.
    pub(crate) code: Option<i32>,
    /// On standard output.
    pub(crate) out: String,
    /// On standard error.
    pub(crate) err: String,
}

/// Runs a command that is to end by itself, in a folder.
pub(crate) async fn run(command: Command, folder: &Path) -> Said {
    let mut command = tokio::process::Command::from(command);
    command.current_dir(folder).stdin(Stdio::null()).kill_on_drop(true);
    let output = timeout(PATIENCE, command.output()).await.expect("it ends by itself");
    let output = output.expect("it starts");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
    Said { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
}

fn keep(mut from: impl Read, into: &Mutex<String>) {
    let mut bytes = [0; 4096];
    while let Ok(n @ 1..) = from.read(&mut bytes) {
        let text = String::from_utf8_lossy(&bytes[..n]);
        into.lock().unwrap_or_else(PoisonError::into_inner).push_str(&text);
    }
}

fn read(text: &Mutex<String>) -> String {
    text.lock().unwrap_or_else(PoisonError::into_inner).clone()
}
