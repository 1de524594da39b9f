//! One instance after the other leaves and another takes its place, under logins on all transports.

use reqwest::Method;
use tokio::sync::watch;

use crate::balance::three;
use crate::support::{Api, Balanced, Browser, Raw, Steadfast, Via};

/// How many logins are under way, of each transport.
const EACH: usize = 20;

/// How many open sessions without a pause.
const HURRIED: usize = 16;

/// A login that takes its time: until it is told to finish, both ends talk, and each waits to see
/// what was said. How often it had to come back, and how many events it saw.
async fn unhurried(api: Api, browser: Browser, via: Via, finish: watch::Receiver<bool>) -> usize {
    let session = browser.open_only().await;
    let mut page = Steadfast::follow(&api, &session, via);
    page.sees("pending").await;
    let phone = session.scan_as("Ann").await;
    page.sees("scanned").await;
    let mut said = 0;
    while !*finish.borrow() {
        session.says(said).await.is(202);
        assert_eq!(page.sees("message").await["body"], said);
        phone.says(said).await.is(202);
        assert_eq!(page.sees("message").await["body"], said);
        said += 1;
    }
    phone.confirm().await.ok();
    let ticket = page.sees("confirmed").await["ticket"].as_str().expect("a ticket").to_owned();
    session.redeem(&ticket).await.ok();
    let followed = page.ends().await;
    assert_eq!(followed.events.len(), 3 + 2 * said);
    followed.returns
}

/// Opens one session after the other on a connection that it keeps; how many.
async fn hurried(api: Api, finish: watch::Receiver<bool>) -> usize {
    let mut opened = 0;
    while !*finish.borrow() {
        api.ask(Method::POST, "/v1/sessions").await.is(201);
        opened += 1;
    }
    opened
}

/// Each instance leaves, and another takes its place. The balancer is not told: it has to notice.
async fn all_are_replaced(balanced: &mut Balanced) {
    for _ in 0..balanced.instances.len() {
        let mut leaves = balanced.instances.remove(0);
        leaves.signal("-TERM");
        assert_eq!(leaves.ended().await, Some(0), "{}", leaves.log());
        balanced.balancer.forgets(leaves.address).await;
        balanced.grows().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_login_notices_that_every_instance_is_replaced() {
    let (mut balanced, _redis) = three().await;
    let (finish, finishing) = watch::channel(false);
    let mut logins = Vec::new();
    for via in Via::ALL {
        for _ in 0..EACH {
            let (api, browser) = (balanced.api(), balanced.browser(via));
            logins.push(tokio::spawn(unhurried(api, browser, via, finishing.clone())));
        }
    }
    all_are_replaced(&mut balanced).await;
    finish.send(true).expect("logins under way");
    let mut returns = 0;
    for login in logins {
        returns += login.await.expect("a login that ends well");
    }
    assert!(returns > 0, "nobody had to come back: nobody was there");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_request_fails_while_every_instance_is_replaced() {
    let (mut balanced, _redis) = three().await;
    let (finish, finishing) = watch::channel(false);
    let opening: Vec<_> = (0..HURRIED)
        .map(|_| tokio::spawn(hurried(balanced.api().keeping(), finishing.clone())))
        .collect();
    all_are_replaced(&mut balanced).await;
    finish.send(true).expect("requests under way");
    for opened in opening {
        assert!(opened.await.expect("all answered") > 0);
    }
}

#[tokio::test]
async fn who_has_not_noticed_that_an_instance_leaves_is_answered() {
    let (mut balanced, _redis) = three().await;
    let mut leaves = balanced.instances.remove(0);
    let mut kept = Raw::connect(leaves.address).await;
    let opens = "POST /v1/sessions HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n";
    kept.send(opens).await;
    assert_eq!(kept.answer().await.header("connection"), None);
    leaves.signal("-TERM");
    balanced.balancer.until(leaves.address, "DOWN").await;
    for mut connection in [kept, Raw::connect(leaves.address).await] {
        connection.send(opens).await;
        let answer = connection.answer().await;
        assert_eq!((answer.status, answer.header("connection")), (201, Some("close")));
        assert_eq!(connection.read_to_end().await, "");
    }
    assert_eq!(leaves.ended().await, Some(0), "{}", leaves.log());
}
