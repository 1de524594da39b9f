//! A process that ends with the tests, whatever becomes of them.

use std::io::{BufRead as _, BufReader, Lines, Read};
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};

/// A signal that ends all of the tests at once leaves the shell, to end what it keeps.
const OUTLIVE: &str = "trap '' HUP INT TERM\n";

/// A shell whose script starts a process, and ends it when it can read no more.
pub(crate) struct Kept {
    leash: Option<ChildStdin>,
    keeper: Option<Child>,
    lines: Option<Lines<BufReader<ChildStdout>>>,
    errors: Arc<Mutex<String>>,
}

impl Kept {
    /// Runs the script with these arguments. Nothing that it starts sees settings of whoever runs
    /// the tests.
    pub(crate) fn start(script: &str, arguments: &[&str]) -> Self {
        let mut command = Command::new("sh");
        for (name, _) in saoma::config::environment() {
            command.env_remove(name);
        }
        command.args(["-c", &format!("{OUTLIVE}{script}"), "keeper"]).args(arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut keeper = command.spawn().expect("a shell");
        let errors = Arc::<Mutex<String>>::default();
        let said = Arc::clone(&errors);
        let stderr = keeper.stderr.take().expect("piped");
        std::thread::spawn(move || keep(stderr, &said));
        let lines = keeper.stdout.take().map(|stdout| BufReader::new(stdout).lines());
        Self { leash: keeper.stdin.take(), keeper: Some(keeper), lines, errors }
    }

    /// What the next line says behind `before`; nothing if it says something else.
    pub(crate) fn says(&mut self, before: &str) -> Option<String> {
        let line = self.lines.as_mut()?.next()?.ok()?;
        Some(line.strip_prefix(before)?.to_owned())
    }

    /// What it says from now on is for nobody, and must not fill the pipe.
    pub(crate) fn is_not_listened_to(&mut self) {
        if let Some(lines) = self.lines.take() {
            std::thread::spawn(move || lines.for_each(drop));
        }
    }

    /// What went to standard error so far.
    pub(crate) fn errors(&self) -> String {
        self.errors.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits for the end of the script.
    pub(crate) async fn ended(&mut self) -> ExitStatus {
        let mut keeper = self.keeper.take().expect("a process that was not waited for");
        let waiting = tokio::task::spawn_blocking(move || keeper.wait());
        waiting.await.expect("no panic").expect("our child")
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        drop(self.leash.take());
        if let Some(mut keeper) = self.keeper.take() {
            let _ = keeper.wait();
        }
    }
}

fn keep(mut from: impl Read, into: &Mutex<String>) {
    let mut bytes = [0; 4096];
    while let Ok(n @ 1..) = from.read(&mut bytes) {
        let text = String::from_utf8_lossy(&bytes[..n]);
        into.lock().unwrap_or_else(PoisonError::into_inner).push_str(&text);
    }
}
