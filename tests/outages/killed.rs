//! An instance is killed in the middle of logins, as by a power cut: nobody is told anything.

use crate::fleet::{Fleet, all_end_well, timed};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn logins_go_on_when_an_instance_is_killed() {
    let mut fleet = Fleet::start().await;
    let logins = fleet.logins().await;
    let mut killed = fleet.balanced.instances.swap_remove(0);
    killed.signal("-KILL");
    assert_eq!(killed.ended().await, Some(128 + 9));
    let ends = timed("an instance killed, 30 logins ended", all_end_well(logins)).await;
    assert!(ends.iter().any(|(_, returns)| *returns > 0), "somebody was there: {ends:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn logins_go_on_when_all_instances_are_killed_and_others_come() {
    let mut fleet = Fleet::start().await;
    let logins = fleet.logins().await;
    for mut killed in std::mem::take(&mut fleet.balanced.instances) {
        killed.signal("-KILL");
        killed.ended().await;
        fleet.balanced.balancer.forgets(killed.address).await;
    }
    fleet.balanced.grows().await;
    let ends = timed("another instance came, 30 logins ended", all_end_well(logins)).await;
    assert!(ends.iter().all(|(_, returns)| *returns > 0), "{ends:?}");
}
