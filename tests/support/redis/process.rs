//! One process of redis-server.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

/// Runs the server, tells its process id, and ends it with the tests, whatever becomes of them:
/// their end of the pipe closes then. What it says ends where the server does.
const KEEPER: &str = r#"
redis-server "$@" & echo "pid $!"
exec >&-
read -r _; kill -KILL $!; wait
"#;

/// A process that is killed when it is dropped.
pub(super) struct Process {
    pub(super) pid: String,
    keeper: Child,
}

impl Process {
    /// Starts one and waits until it says that it is ready.
    pub(super) fn start(settings: &[String], ready: &str) -> Self {
        let mut command = Command::new("sh");
        command.args(["-c", KEEPER, "redis"]).args(settings);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut keeper = command.spawn().expect("a shell");
        let mut lines = BufReader::new(keeper.stdout.take().expect("piped")).lines();
        let mut told = String::new();
        let mut said = |what: &str| {
            for line in lines.by_ref().map_while(Result::ok) {
                if line.contains(what) {
                    return line;
                }
                told.push_str(&line);
                told.push('\n');
            }
            panic!("redis-server is not installed, or does not start: {told}");
        };
        let pid = said("pid ").trim_start_matches("pid ").to_owned();
        said(ready);
        // What it says from now on is for nobody, and must not fill the pipe.
        std::thread::spawn(move || lines.for_each(drop));
        Self { pid, keeper }
    }

    /// Sends it a signal, as `kill` names it.
    pub(super) fn signal(&self, signal: &str) {
        let sent = Command::new("kill").args([signal, &self.pid]).status();
        assert!(sent.is_ok_and(|status| status.success()), "kill {signal}");
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.keeper.stdin.take());
        let _ = self.keeper.wait();
    }
}
