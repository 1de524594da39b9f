//! Logins that the service decides, from the scan to the token.

use serde_json::json;

use crate::service::{knows, knows_nobody, refuses};
use crate::support::{Store, TestServer, Via};
use crate::world::{World, claims_of};

stories! {
    on_every_pair:
        the_service_says_who_it_is_and_what_the_token_says,
        whom_the_service_refuses_at_the_scan_is_told_why_and_may_scan_again,
        whom_the_service_refuses_at_the_end_is_told_why_and_may_confirm_again,
        whom_the_service_does_not_know_signs_up_with_it;
    on_every_store:
        a_phone_is_told_why_over_its_websocket_too,
        a_bare_yes_makes_them_whom_the_open_directory_would,
        whom_the_service_does_not_take_stays_unregistered,
        where_nobody_signs_up_the_service_is_not_asked_to,
        claims_are_those_of_the_confirmation_and_are_in_no_event,
        a_stranger_and_a_wrong_number_are_no_questions;
}

async fn the_service_says_who_it_is_and_what_the_token_says(store: Store, via: Via) {
    let world = World::new(store).await;
    let mut tab = world.followed(via).await;
    let alice = json!({
        "registered": true,
        "user": { "id": "42", "name": "Alice Liddell", "avatar_url": "https://a.example/a.png" },
        "claims": { "role": "staff", "groups": ["a", "b"] },
    });
    world.service.will_say(alice.clone());
    let phone = tab.scan_as("Alice").await;
    assert_eq!(phone.told["registered"], true);
    let user = json!({
        "id": "42", "name": "Alice Liddell", "avatar_url": "https://a.example/a.png",
        "provider": "simulator",
    });
    assert_eq!(phone.told["user"], user);
    let seen = tab.sees("scanned").await;
    assert_eq!(seen, json!({ "name": "A***", "avatar_url": "https://a.example/a.png" }));
    world.service.will_say(alice);
    phone.confirm().await.ok();
    let ticket = tab.sees_a_ticket().await;
    tab.is_told_the_end().await;
    let token = tab.redeem(&ticket).await.ok();
    assert_eq!(token["user"], user);
    let claims = claims_of(&token);
    assert_eq!((&claims["sub"], &claims["name"]), (&json!("42"), &json!("Alice Liddell")));
    assert_eq!(claims["picture"], "https://a.example/a.png");
    assert_eq!((&claims["role"], &claims["groups"]), (&json!("staff"), &json!(["a", "b"])));
    assert_eq!(claims["provider"], "simulator");
    assert_eq!(world.service.types(), ["scan", "confirm"]);
}

async fn whom_the_service_refuses_at_the_scan_is_told_why_and_may_scan_again(
    store: Store,
    via: Via,
) {
    let world = World::new(store).await;
    let mut tab = world.followed(via).await;
    world.service.will_say(refuses("您的账号已被锁定"));
    let told = tab.shows_the_code().tries_to_scan_as("Alice").await;
    assert_eq!(told.is_problem(403, "refused")["detail"], "您的账号已被锁定");
    assert_eq!(tab.snapshot().await["cursor"], 1);
    // The code is still anybody's.
    let bob = tab.scan_as("Bob").await;
    tab.sees("scanned").await;
    bob.confirm().await.ok();
    tab.sees_a_ticket().await;
}

async fn whom_the_service_refuses_at_the_end_is_told_why_and_may_confirm_again(
    store: Store,
    via: Via,
) {
    let world = World::new(store).await;
    let mut tab = world.followed(via).await;
    let phone = tab.scan_as("Alice").await;
    tab.sees("scanned").await;
    world.service.will_say(refuses("Come back at nine."));
    let told = phone.confirm().await;
    assert_eq!(told.is_problem(403, "refused")["detail"], "Come back at nine.");
    assert_eq!(tab.state().await, "scanned");
    phone.confirm().await.ok();
    tab.sees_a_ticket().await;
    tab.is_told_the_end().await;
    assert_eq!(world.service.types(), ["scan", "confirm", "confirm"]);
}

async fn whom_the_service_does_not_know_signs_up_with_it(store: Store, via: Via) {
    let world = World::new(store).await;
    let mut tab = world.followed(via).await;
    for _ in 0..2 {
        world.service.will_say(knows_nobody());
    }
    let phone = tab.scan_as("Alice").await;
    assert_eq!(phone.told["registered"], false);
    tab.sees("scanned").await;
    phone.confirm().await.is_problem(403, "unregistered");
    tab.sees("unregistered").await;
    world.service.will_say(knows("Alice L."));
    let told = phone.register("Alice Liddell").await.is(201);
    assert_eq!((&told["state"], &told["user"]["name"]), (&json!("scanned"), &json!("Alice L.")));
    let asked = world.service.asked().pop().expect("a question");
    assert_eq!(
        (&asked.question["type"], &asked.question["name"]),
        (&json!("register"), &json!("Alice Liddell"))
    );
    tab.sees("scanned").await;
    phone.confirm().await.ok();
    let ticket = tab.sees_a_ticket().await;
    tab.redeem(&ticket).await.ok();
    assert_eq!(world.service.types(), ["scan", "confirm", "register", "confirm"]);
}

async fn a_phone_is_told_why_over_its_websocket_too(store: Store) {
    let world = World::new(store).await;
    let session = world.opened().await;
    let phone = session.scan_as("Alice").await;
    let mut line = phone.listens(Via::WebSocket, 0).await;
    world.service.will_say(refuses("not on a Sunday"));
    let told = line.runs(json!({ "do": "confirm", "ref": "1" })).await;
    assert_eq!((&told["ok"], &told["ref"]), (&json!(false), &json!("1")));
    assert_eq!(told["problem"]["code"], "refused");
    assert_eq!(told["problem"]["detail"], "not on a Sunday");
    let told = line.runs(json!({ "do": "confirm" })).await;
    assert_eq!(told["state"], "confirmed");
}

async fn a_bare_yes_makes_them_whom_the_open_directory_would(store: Store) {
    let open = TestServer::start(store).await;
    let mut there = open.browser(Via::Sse).open().await;
    let known = there.scan_as("Alice").await;
    there.sees("scanned").await;

    let world = World::new(store).await;
    let mut tab = world.followed(Via::Sse).await;
    let yes = json!({ "registered": true, "claims": { "role": "staff" } });
    world.service.will_say(yes.clone());
    let phone = tab.scan_as("Alice").await;
    assert_eq!(phone.told["user"], known.told["user"]);
    tab.sees("scanned").await;
    world.service.will_say(yes);
    phone.confirm().await.ok();
    let ticket = tab.sees_a_ticket().await;
    let claims = claims_of(&tab.redeem(&ticket).await.ok());
    assert_eq!((&claims["sub"], &claims["role"]), (&known.told["user"]["id"], &json!("staff")));
}

async fn whom_the_service_does_not_take_stays_unregistered(store: Store) {
    let world = World::new(store).await;
    let session = world.opened().await;
    for _ in 0..3 {
        world.service.will_say(knows_nobody());
    }
    let phone = session.scan_as("Alice").await;
    phone.confirm().await.is_problem(403, "unregistered");
    phone.register("Alice").await.is_problem(403, "unregistered");
    world.service.will_say(refuses("this name is taken"));
    let told = phone.register("Alice").await.is_problem(403, "refused");
    assert_eq!(told["detail"], "this name is taken");
    assert_eq!(session.state().await, "unregistered");
}

async fn where_nobody_signs_up_the_service_is_not_asked_to(store: Store) {
    let change = |config: &mut saoma::config::Config| {
        crate::support::namespace(config, "default").sign_up = false;
    };
    let world = World::with(store, change).await;
    let session = world.opened().await;
    for _ in 0..2 {
        world.service.will_say(knows_nobody());
    }
    let phone = session.scan_as("Alice").await;
    phone.confirm().await.is_problem(403, "unregistered");
    phone.register("Alice").await.is_problem(403, "sign_up_closed");
    assert_eq!(world.service.types(), ["scan", "confirm"]);
}

async fn claims_are_those_of_the_confirmation_and_are_in_no_event(store: Store) {
    let world = World::new(store).await;
    let session = world.opened().await;
    let with = |claim: &str| {
        let mut answer = knows("Alice");
        answer["claims"] = json!({ claim: "remarkable" });
        answer
    };
    world.service.will_say(with("of_the_scan"));
    let phone = session.scan_as("Alice").await;
    world.service.will_say(with("of_the_end"));
    phone.confirm().await.ok();
    let told =
        [session.snapshot().await, session.polls(0).await, phone.told].map(|it| it.to_string());
    assert!(told.iter().all(|told| !told.contains("remarkable")), "{told:?}");
    let events = session.polls(0).await;
    let ticket = events["events"][2]["data"]["ticket"].as_str().expect("a ticket").to_owned();
    let token = session.redeem(&ticket).await.ok();
    assert!(token.get("claims").is_none() && token["user"].get("claims").is_none());
    let claims = claims_of(&token);
    assert_eq!(claims["of_the_end"], "remarkable");
    assert!(claims.get("of_the_scan").is_none(), "{claims}");
}

async fn a_stranger_and_a_wrong_number_are_no_questions(store: Store) {
    let numbered = |config: &mut saoma::config::Config| {
        crate::support::namespace(config, "default").match_number = true;
    };
    let world = World::with(store, numbered).await;
    let session = world.opened().await;
    let phone = session.scan_as("Alice").await;
    session.shows_the_code().tries_to_scan_as("Bob").await.is_problem(409, "already_scanned");
    phone.with_token("guessed").confirm().await.is_problem(401, "unauthorized");
    phone.confirm().await.is_problem(422, "match_number_required");
    let right = session.opened["match_number"].as_u64().expect("a number");
    let wrong = if right == 42 { 43 } else { 42 };
    phone.confirm_with(wrong).await.is_problem(403, "wrong_number");
    phone.confirm_with(right).await.is_problem(409, "wrong_state");
    assert_eq!(world.service.types(), ["scan"]);
}
