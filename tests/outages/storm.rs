//! Every subscription at Redis is killed as soon as it is there, during a thousand logins.

use futures_util::stream::{self, StreamExt};

use crate::fleet::{Fleet, timed};
use crate::insisting::Login;
use crate::support::Via;
use crate::support::redis::storm::Storm;

const LOGINS: usize = 1000;
const AT_ONCE: usize = 30;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_logins_while_no_subscription_lives() {
    let fleet = Fleet::start().await;
    let storm = Storm::over(&fleet.redis);
    let logins = stream::iter(0..LOGINS).map(|n| {
        let balanced = &fleet.balanced;
        async move { Login::open(balanced, Via::ALL[n % 3]).await.ends_well().await }
    });
    let ended = logins.buffer_unordered(AT_ONCE).count();
    let ended = timed("1000 logins while subscriptions are killed", ended).await;
    let killed = storm.ends();
    println!("{killed} subscriptions were killed");
    assert!(ended == LOGINS && killed > 30, "{ended} logins, {killed} subscriptions killed");
}
