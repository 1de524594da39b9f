//! A master that sentinels watch: when another becomes the master, nobody has to restart anything.

use std::time::Duration;

use crate::instances::Fleet;
use crate::support::redis::sentinels::Sentinels;
use crate::support::{Session, Subscriber, Via, within};

async fn two_instances() -> Fleet<Sentinels> {
    let redis = Sentinels::start();
    let url = redis.url();
    Fleet::on(redis, &url, 2, |_| {}).await
}

/// A login that is scanned and followed, all of it at the replica, too.
async fn scanned(fleet: &Fleet<Sentinels>, via: Via) -> (Session, Subscriber, String) {
    let session = fleet.opens(0).await;
    let mut events = fleet.follows(1, &session, via).await;
    events.sees("pending").await;
    let token = fleet.token_of_scan(0, &session).await;
    events.sees("scanned").await;
    let master = &fleet.redis.servers[fleet.redis.master().expect("one master")];
    // Counts what the connection itself wrote, so it writes something, after the rest.
    let client = redis::Client::open(master.url()).expect("an address");
    let mut connection = client.get_connection().expect("a connection");
    let mut all = redis::pipe();
    all.cmd("SET").arg("a").arg("b").ignore().cmd("WAIT").arg(1).arg(10_000);
    let [replicas] = all.query::<[u32; 1]>(&mut connection).expect("an answer");
    assert_eq!(replicas, 1);
    (session, events, token)
}

/// The phone confirms at both instances until one takes it; then everybody knows.
async fn ends_well(
    fleet: &Fleet<Sentinels>,
    (session, mut events, token): (Session, Subscriber, String),
) {
    let phone = fleet.phone_at(1, &session, &token);
    let answer = fleet.once_redis_answers(async || phone.confirm().await).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let ticket = events.sees("confirmed").await.data["ticket"].clone();
    events.ends().await;
    let session = fleet.at(0, &session);
    let ticket = ticket.as_str().expect("a ticket");
    let redeemed = fleet.once_redis_answers(async || session.redeem(ticket).await).await;
    assert_eq!(redeemed.status, 200, "{}", redeemed.text());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_login_whose_master_dies_ends_well_at_the_next() {
    let mut fleet = two_instances().await;
    fleet.logs_in(0, Via::Sse).await;
    let login = scanned(&fleet, Via::WebSocket).await;
    let master = fleet.redis.master().expect("one master");
    fleet.redis.servers[master].dies();
    ends_well(&fleet, login).await;
    fleet.logs_in(0, Via::WebSocket).await;
    // It comes back as a replica of the other.
    fleet.redis.servers[master].comes_back();
    for first in 0..4 {
        fleet.logs_in(first, Via::LongPoll).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_login_goes_on_where_master_and_replica_swap() {
    let fleet = two_instances().await;
    // The old master does not know for a while that it is none, and would take what is lost then.
    for server in &fleet.redis.servers {
        server.asks::<()>(&["CONFIG", "SET", "min-replicas-to-write", "1"]);
    }
    for via in [Via::WebSocket, Via::LongPoll, Via::Sse] {
        let opens = async || fleet.servers[0].browser(via).tries_to_open().await;
        assert_eq!(fleet.once_redis_answers(opens).await.status, 201);
        let login = scanned(&fleet, via).await;
        fleet.redis.swap();
        ends_well(&fleet, login).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_master_that_hangs_is_left_and_what_it_says_later_is_nothing() {
    let fleet = two_instances().await;
    let login = scanned(&fleet, Via::Sse).await;
    let master = fleet.redis.master().expect("one master");
    fleet.redis.servers[master].signal("-STOP");
    ends_well(&fleet, login).await;
    // It wakes as a master, and is told by the sentinels that it is none.
    fleet.redis.servers[master].signal("-CONT");
    for first in 0..4 {
        fleet.logs_in(first, Via::Sse).await;
    }
    let keys: Vec<String> = fleet.redis.servers[1 - master].asks(&["KEYS", "saoma:*:log:*"]);
    assert_eq!(keys.len(), 5, "all logins are at the new master");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_old_master_is_left_before_it_is_told_that_it_is_none() {
    let fleet = two_instances().await;
    let master = fleet.redis.master().expect("one master");
    fleet.redis.take_their_time();
    fleet.redis.swap();
    let old = &fleet.redis.servers[master];
    let left = async {
        loop {
            let clients: String = old.asks(&["CLIENT", "LIST"]);
            // Besides the sentinels, whoever asks this.
            let others = clients.lines().filter(|client| !client.contains("name=sentinel-"));
            if others.count() == 1 {
                return;
            }
            let said: String = old.asks(&["INFO", "replication"]);
            assert!(said.contains("role:master"), "it is told before they leave");
        }
    };
    within("the instances to leave", left).await;
    fleet.logs_in(0, Via::Sse).await;
}

/// What `README.md` says of failovers that lose something.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_the_next_master_has_not_heard_can_be_done_again() {
    let mut fleet = two_instances().await;
    let (session, mut events, token) = scanned(&fleet, Via::WebSocket).await;
    let master = fleet.redis.master().expect("one master");
    fleet.redis.servers[1 - master].signal("-STOP");
    fleet.redis.servers[master].asks::<()>(&["CLIENT", "KILL", "TYPE", "replica"]);
    fleet.phone_at(0, &session, &token).confirm().await.ok();
    let first = events.sees("confirmed").await;
    events.ends().await;
    fleet.redis.servers[master].dies();
    fleet.redis.servers[1 - master].signal("-CONT");
    let back = async || fleet.at(1, &session).get("").await;
    let back: serde_json::Value = fleet.once_redis_answers(back).await.ok();
    assert_eq!((&back["state"], &back["cursor"]), (&"scanned".into(), &2.into()));
    // The phone confirms again; the ticket that the browser has is the one that it gets.
    let phone = fleet.phone_at(1, &session, &token);
    let answer = fleet.once_redis_answers(async || phone.confirm().await).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let mut again = fleet.at(1, &session).follow_after(2, Via::Sse).await;
    let second = again.sees("confirmed").await;
    assert_eq!(first.data["ticket"], second.data["ticket"]);
    let ticket = first.data["ticket"].as_str().expect("a ticket");
    let first = fleet.at(0, &session);
    let redeemed = fleet.once_redis_answers(async || first.redeem(ticket).await).await;
    assert_eq!(redeemed.status, 200, "{}", redeemed.text());
    fleet.at(1, &session).redeem(ticket).await.is_problem(409, "already_redeemed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_instance_is_ready_again_after_a_failover() {
    let mut fleet = two_instances().await;
    let master = fleet.redis.master().expect("one master");
    fleet.redis.servers[master].dies();
    let ready = async |wanted: u16| {
        for server in &fleet.servers {
            let become_so = async { while server.admin("/readyz").await.status != wanted {} };
            within("it to be told", become_so).await;
        }
    };
    ready(503).await;
    ready(200).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn servers_and_sentinels_may_want_passwords_of_their_own() {
    let redis = Sentinels::locked("of-servers", "of-sentinels");
    let url = redis.url();
    assert!(url.contains("of-servers") && url.contains("of-sentinels"), "{url}");
    let fleet = Fleet::on(redis, &url, 2, |_| {}).await;
    fleet.logs_in(0, Via::WebSocket).await;
    fleet.redis.swap_and_tell();
    // Each instance finds the new master by itself.
    for server in &fleet.servers {
        let opened = async || server.browser(Via::LongPoll).tries_to_open().await;
        assert_eq!(fleet.once_redis_answers(opened).await.status, 201);
    }
    tokio::time::timeout(Duration::from_secs(30), fleet.logs_in(0, Via::Sse))
        .await
        .expect("a login");
}
