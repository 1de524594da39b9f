//! Every subscription at Redis is killed as soon as it is there, during a thousand logins.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use futures_util::stream::{self, StreamExt};

use crate::fleet::{Fleet, timed};
use crate::insisting::Login;
use crate::support::Via;

const LOGINS: usize = 1000;
const AT_ONCE: usize = 30;

/// Kills until it is done; how many it killed.
fn kill_subscriptions(url: &str, done: &AtomicBool, killed: &AtomicU64) {
    let mut connection = redis::Client::open(url).and_then(|it| it.get_connection());
    let connection = connection.as_mut().expect("a connection");
    while !done.load(Ordering::Relaxed) {
        let mut kill = redis::cmd("CLIENT");
        let count = kill.arg("KILL").arg("TYPE").arg("pubsub").query::<u64>(connection);
        killed.fetch_add(count.expect("an answer"), Ordering::Relaxed);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_logins_while_no_subscription_lives() {
    let fleet = Fleet::start().await;
    let (done, killed) = (Arc::<AtomicBool>::default(), Arc::<AtomicU64>::default());
    let killing = std::thread::spawn({
        let (url, done, killed) = (fleet.redis.url(), Arc::clone(&done), Arc::clone(&killed));
        move || kill_subscriptions(&url, &done, &killed)
    });
    let logins = stream::iter(0..LOGINS).map(|n| {
        let balanced = &fleet.balanced;
        async move { Login::open(balanced, Via::ALL[n % 3]).await.ends_well().await }
    });
    let ended = logins.buffer_unordered(AT_ONCE).count();
    let ended = timed("1000 logins while subscriptions are killed", ended).await;
    done.store(true, Ordering::Relaxed);
    killing.join().expect("no panic");
    let killed = killed.load(Ordering::Relaxed);
    println!("{killed} subscriptions were killed");
    assert!(ended == LOGINS && killed > 30, "{ended} logins, {killed} subscriptions killed");
}
