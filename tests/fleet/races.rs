//! Whoever is first at whichever instance, there is one winner.

use futures_util::future::join3;

use crate::instances::Fleet;
use crate::support::Via;

const ROUNDS: usize = 100;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_confirm_reject_and_cancel_at_three_instances_one_wins() {
    let fleet = Fleet::of(3).await;
    let mut winners = [0; 3];
    for _ in 0..ROUNDS {
        let session = fleet.opens(0).await;
        let token = fleet.token_of_scan(1, &session).await;
        let (confirming, rejecting) =
            (fleet.phone_at(0, &session, &token), fleet.phone_at(1, &session, &token));
        let cancelling = fleet.at(2, &session);
        let (confirmed, rejected, cancelled) =
            join3(confirming.confirm(), rejecting.reject(), cancelling.cancel()).await;
        let won = [confirmed.status == 200, rejected.status == 200, cancelled.status == 204];
        assert_eq!(won.iter().filter(|won| **won).count(), 1, "{won:?}");
        for (winner, won) in winners.iter_mut().zip(won) {
            *winner += usize::from(won);
        }
        // One story, at every instance.
        let ends = [0, 1, 2].map(|instance| fleet.at(instance, &session));
        let mut stories = Vec::new();
        for end in &ends {
            let told = end.polls(0).await;
            stories.push(told["events"].clone());
        }
        assert!(stories.iter().all(|story| *story == stories[0]), "{stories:?}");
        assert_eq!(stories[0].as_array().map(Vec::len), Some(3), "{}", stories[0]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_phones_at_three_instances_one_scans_first() {
    let fleet = Fleet::of(3).await;
    for _ in 0..ROUNDS {
        let session = fleet.opens(0).await;
        let phones = [0, 1, 2].map(|instance| fleet.servers[instance].phone(&session.scene));
        let (a, b, c) = join3(
            phones[0].tries_to_scan_as("Ann"),
            phones[1].tries_to_scan_as("Bob"),
            phones[2].tries_to_scan_as("Cem"),
        )
        .await;
        let mut statuses = [a.status, b.status, c.status];
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 409, 409]);
        let mut events = fleet.follows(1, &session, Via::LongPoll).await;
        events.sees("pending").await;
        events.sees("scanned").await;
    }
}
