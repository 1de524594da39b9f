//! The redis-server that instances share: its process, and the commands it is given, one by one.

use std::net::{Ipv4Addr, TcpListener};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use futures_util::StreamExt;
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};

use crate::Outcome;
use crate::measure::Process;

const STARTS_WITHIN: Duration = Duration::from_secs(10);
/// What ends a count.
const MARK: &str = "that is all";

pub(crate) struct RedisServer {
    child: Child,
    port: u16,
    _dir: TempDir,
}

/// What Redis was given in a time.
#[derive(Clone, Copy, Default)]
pub(crate) struct Given {
    /// Commands that came over the wire: as many round trips.
    pub(crate) requests: f64,
    /// Commands that scripts ran.
    pub(crate) steps: f64,
    /// Messages that scripts published: bells.
    pub(crate) bells: f64,
    pub(crate) seconds: f64,
}

impl Given {
    /// Without what an idle time as long has.
    pub(crate) fn less(self, idle: Self) -> Self {
        let share = self.seconds / idle.seconds;
        Self {
            requests: self.requests - idle.requests * share,
            steps: self.steps - idle.steps * share,
            bells: self.bells,
            seconds: self.seconds,
        }
    }
}

impl RedisServer {
    /// One that keeps nothing on disk.
    pub(crate) async fn start() -> Outcome<Self> {
        let dir = tempfile::tempdir()?;
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
        let child = Command::new("redis-server")
            .args(["--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--port"])
            .arg(port.to_string())
            .arg("--dir")
            .arg(dir.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .map_err(|error| format!("redis-server: {error}"))?;
        let this = Self { child, port, _dir: dir };
        let client = redis::Client::open(this.url())?;
        // It says nowhere but on its log that it is ready, so it is asked.
        let ready = async {
            while client.get_multiplexed_async_connection().await.is_err() {
                sleep(Duration::from_millis(20)).await;
            }
        };
        timeout(STARTS_WITHIN, ready).await.map_err(|_| "redis-server did not start")?;
        Ok(this)
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    pub(crate) fn process(&self) -> Process {
        Process::of(self.child.id())
    }

    /// Counts what Redis is given while something happens.
    pub(crate) async fn count(
        &self,
        happening: impl Future<Output = Outcome<()>>,
    ) -> Outcome<Given> {
        let client = redis::Client::open(self.url())?;
        let mut own = client.get_multiplexed_async_connection().await?;
        let monitor = client.get_async_monitor().await?;
        let start = Instant::now();
        let counting: JoinHandle<Given> = tokio::spawn(async move {
            let mut given = Given::default();
            let mut lines = monitor.into_on_message::<String>();
            while let Some(line) = lines.next().await {
                if line.contains(MARK) {
                    break;
                }
                let by_script = line.contains(" lua] ");
                let publishes = line.contains(r#""PUBLISH""#);
                *(if by_script { &mut given.steps } else { &mut given.requests }) += 1.0;
                given.bells += f64::from(u8::from(by_script && publishes));
            }
            given
        });
        happening.await?;
        let seconds = start.elapsed().as_secs_f64();
        let _: String = redis::cmd("ECHO").arg(MARK).query_async(&mut own).await?;
        Ok(Given { seconds, ..counting.await? })
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
