//! Writes down logins, many at once, behind a queue that has an end: logins go on whatever becomes
//! of the database.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::rows;
use crate::database::{Database, answer};
use crate::login::journal::Entry;
use crate::metrics::Metrics;

/// How many logins may wait to be written: some megabytes, and what a busy server takes in while a
/// database restarts.
const QUEUE: usize = 8192;
/// How many are written at once.
const MOST: usize = 256;
/// How long a login waits for being written down. See [`Queue::write`].
const WAIT: Duration = Duration::from_millis(100);
/// The pause before what could not be written is tried again.
const AGAIN: Duration = Duration::from_secs(1);
/// How long a server that leaves tries to write the rest.
const LAST: Duration = Duration::from_secs(5);

/// A login, and whom to tell once it is written.
struct Line {
    entry: Entry,
    written: oneshot::Sender<()>,
}

/// Where logins stand in line.
pub(super) struct Queue {
    lines: mpsc::Sender<Line>,
    prompt: Arc<AtomicBool>,
    metrics: Arc<Metrics>,
}

/// Who writes down what stands in line.
pub struct Writer {
    task: JoinHandle<()>,
    leave: CancellationToken,
}

/// The task's side.
struct Pen {
    database: Database,
    lines: mpsc::Receiver<Line>,
    /// What is being written.
    batch: Vec<Entry>,
    /// Who waits for it.
    waiting: Vec<oneshot::Sender<()>>,
    prompt: Arc<AtomicBool>,
    metrics: Arc<Metrics>,
}

pub(super) fn start(database: Database, metrics: Arc<Metrics>) -> (Queue, Writer) {
    let (tell, lines) = mpsc::channel(QUEUE);
    let prompt = Arc::new(AtomicBool::new(true));
    let leave = CancellationToken::new();
    let pen = Pen {
        database,
        lines,
        batch: Vec::new(),
        waiting: Vec::new(),
        prompt: Arc::clone(&prompt),
        metrics: Arc::clone(&metrics),
    };
    let task = tokio::spawn(pen.write_until(leave.clone()));
    (Queue { lines: tell, prompt, metrics }, Writer { task, leave })
}

impl Queue {
    /// Puts a login in line, and waits until it is written: whoever has a token sees it among their
    /// logins at once, at any instance, and who blocks a person finds all of their tokens. That is
    /// worth a moment, and no more: the login is done, nothing that the database says can change
    /// that. So the wait is short, and where the last one was in vain, there is none.
    pub(super) async fn write(&self, entry: Entry) {
        let (written, told) = oneshot::channel();
        if self.lines.try_send(Line { entry, written }).is_err() {
            // That it does not come forward is in the log already, once.
            self.metrics.logins_not_written(1);
        } else if self.prompt.load(Ordering::Relaxed) && timeout(WAIT, told).await.is_err() {
            self.prompt.store(false, Ordering::Relaxed);
        }
    }
}

impl Writer {
    /// Writes the rest, if it can be written soon.
    pub async fn finish(self) {
        self.leave.cancel();
        // What it has to tell of a panic has been told.
        let _ = self.task.await;
    }
}

impl Pen {
    async fn write_until(mut self, leave: CancellationToken) {
        let writing = async {
            while self.takes_a_batch().await {
                self.write().await;
            }
        };
        // Wherever it is then, what it holds is still there.
        leave.run_until_cancelled(writing).await;
        self.lines.close();
        let rest = async {
            self.write().await;
            while self.takes_a_batch().await {
                self.write().await;
            }
        };
        if timeout(LAST, rest).await.is_err() {
            let mut lost = self.batch.len();
            while self.lines.try_recv().is_ok() {
                lost += 1;
            }
            tracing::error!(lost, "history.not_written");
            self.metrics.logins_not_written(lost);
        }
    }

    /// Takes what has come, and waits if nothing has; false if nothing will.
    async fn takes_a_batch(&mut self) -> bool {
        let mut lines = Vec::new();
        let came = self.lines.recv_many(&mut lines, MOST).await;
        for Line { entry, written } in lines {
            self.batch.push(entry);
            self.waiting.push(written);
        }
        came > 0
    }

    /// Writes the batch, as often as it takes. To write it again does no harm where only the answer
    /// was lost.
    async fn write(&mut self) {
        if self.batch.is_empty() {
            return;
        }
        let begun = Instant::now();
        while answer(rows::insert(&self.database, &self.batch)).await.is_err() {
            self.prompt.store(false, Ordering::Relaxed);
            sleep(AGAIN).await;
        }
        self.prompt.store(begun.elapsed() < WAIT, Ordering::Relaxed);
        self.batch.clear();
        for waiting in self.waiting.drain(..) {
            // Who has stopped waiting has not stopped logging in.
            let _ = waiting.send(());
        }
    }
}
