//! Who may see what: the ticket is the browser's alone.

use serde_json::json;

use crate::support::{Store, TestServer, Via};

stories! {
    on_every_pair:
        the_phone_follows_the_same_events_without_the_ticket,
        the_ticket_is_told_again_to_every_tab_that_has_the_secret;
}

async fn the_phone_follows_the_same_events_without_the_ticket(store: Store, via: Via) {
    let server = TestServer::start(store).await;
    let mut tab = server.browser(via).open().await;
    let phone = tab.scan_as("Alice").await;
    let mut on_the_phone = phone.listens(via, 0).await;
    tab.says("hello").await.is(202);
    phone.confirm().await.ok();

    let (seen, _) = tab.stream().rest().await;
    let (on_the_phone, _) = on_the_phone.rest().await;
    assert_eq!(on_the_phone[0].kind, "pending");
    assert_eq!(on_the_phone.len(), 4);
    let (page, phone) = (&seen[..2], &on_the_phone[1..3]);
    assert!(page.iter().zip(phone).all(|(page, phone)| page.json == phone.json));
    assert_eq!((&*on_the_phone[3].kind, &on_the_phone[3].data), ("confirmed", &json!({})));
    let ticket = seen[2].data["ticket"].as_str().expect("a ticket");
    assert!(on_the_phone.iter().all(|said| !said.json.contains(ticket)));
}

async fn the_ticket_is_told_again_to_every_tab_that_has_the_secret(store: Store, via: Via) {
    let server = TestServer::start(store).await;
    let mut tab = server.browser(via).open().await;
    tab.scan_as("Alice").await.confirm().await.ok();
    tab.sees("scanned").await;
    let ticket = tab.sees_a_ticket().await;
    for via in Via::ALL {
        let mut again = tab.follow_after(2, via).await;
        assert_eq!(again.sees("confirmed").await.data, json!({ "ticket": ticket }));
    }
    assert!(!tab.snapshot().await.to_string().contains(&ticket));
}
