//! Tickets and tokens: what a login ends in.

use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use serde_json::{Value, json};

use crate::support::{Store, Tab, TestServer, Via, namespace};

stories! {
    on_every_store:
        a_token_is_verified_with_the_published_keys,
        a_token_says_what_it_is_set_to_say,
        a_person_has_the_same_subject_every_time,
        a_wrong_ticket_is_refused_and_the_right_one_still_works,
        a_ticket_of_another_login_is_a_wrong_one,
        a_ticket_is_good_for_a_minute,
        before_the_confirmation_there_is_nothing_to_exchange;
}

/// A login that was confirmed, and its ticket.
async fn confirmed(server: &TestServer, name: &str) -> (Tab, String) {
    let mut tab = server.browser(Via::Sse).open().await;
    let phone = tab.scan_as(name).await;
    phone.confirm().await.ok();
    tab.sees("scanned").await;
    let ticket = tab.sees_a_ticket().await;
    (tab, ticket)
}

/// What an application does with a token: verifies it with the published keys.
async fn verify(server: &TestServer, token: &Value, issuer: &str, audience: &str) -> Value {
    let jwks = server.get("/.well-known/jwks.json").await.ok();
    let keys: JwkSet = serde_json::from_value(jwks).expect("a JWKS");
    let token = token["access_token"].as_str().expect("a token");
    let kid = decode_header(token).expect("a header").kid.expect("a kid");
    let key = DecodingKey::from_jwk(keys.find(&kid).expect("a published key")).expect("a key");
    let mut rules = Validation::new(Algorithm::ES256);
    rules.set_issuer(&[issuer]);
    rules.set_audience(&[audience]);
    rules.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
    decode::<Value>(token, &key, &rules).expect("a good token").claims
}

async fn a_token_is_verified_with_the_published_keys(store: Store) {
    let server = TestServer::start(store).await;
    let (tab, ticket) = confirmed(&server, "Alice").await;
    let token = tab.redeem(&ticket).await.ok();
    assert_eq!((&token["token_type"], &token["expires_in"]), (&json!("Bearer"), &json!(3600)));
    let claims = verify(&server, &token, &format!("http://{}", server.address), "default").await;
    assert_eq!(claims["sub"], token["user"]["id"]);
    assert_eq!((&claims["name"], &claims["provider"]), (&json!("Alice"), &json!("simulator")));
    let seconds = |name: &str| claims[name].as_u64().expect("a number");
    assert_eq!(seconds("exp") - seconds("iat"), 3600);
    assert!(claims["jti"].is_string());
    tab.redeem(&ticket).await.is_problem(409, "already_redeemed");
}

async fn a_token_says_what_it_is_set_to_say(store: Store) {
    let server = TestServer::start_with(store, |config| {
        config.token.issuer = Some("https://issuer.example".to_owned());
        config.token.audience = Some("my app".to_owned());
        config.token.ttl_seconds = 60;
    })
    .await;
    let (tab, ticket) = confirmed(&server, "Alice").await;
    let token = tab.redeem(&ticket).await.ok();
    assert_eq!(token["expires_in"], 60);
    verify(&server, &token, "https://issuer.example", "my app").await;
}

async fn a_person_has_the_same_subject_every_time(store: Store) {
    let server = TestServer::start(store).await;
    let mut tokens = Vec::new();
    for name in ["Alice", "Alice", "Bob"] {
        let (tab, ticket) = confirmed(&server, name).await;
        tokens.push(tab.redeem(&ticket).await.ok());
    }
    assert_eq!(tokens[0]["user"]["id"], tokens[1]["user"]["id"]);
    assert_ne!(tokens[0]["user"]["id"], tokens[2]["user"]["id"]);
    assert_ne!(tokens[0]["access_token"], tokens[1]["access_token"]);
}

async fn a_wrong_ticket_is_refused_and_the_right_one_still_works(store: Store) {
    let server = TestServer::start(store).await;
    let (tab, ticket) = confirmed(&server, "Alice").await;
    let almost = format!("{}A", &ticket[..ticket.len() - 1]);
    for wrong in ["x", "../../etc", "not base64 !", &ticket[1..], &almost] {
        if wrong != ticket {
            tab.redeem(wrong).await.is_problem(403, "wrong_ticket");
        }
    }
    for body in
        [json!({}), json!({ "ticket": "" }), json!({ "ticket": 5 }), json!({ "ticket": null })]
    {
        tab.post("token").json(body).await.is_problem(400, "bad_request");
    }
    tab.redeem(&ticket).await.ok();
}

async fn a_ticket_of_another_login_is_a_wrong_one(store: Store) {
    let server = TestServer::start(store).await;
    let (alice, alices) = confirmed(&server, "Alice").await;
    let (bob, bobs) = confirmed(&server, "Bob").await;
    alice.redeem(&bobs).await.is_problem(403, "wrong_ticket");
    bob.redeem(&alices).await.is_problem(403, "wrong_ticket");
    assert_eq!(alice.redeem(&alices).await.ok()["user"]["name"], "Alice");
    assert_eq!(bob.redeem(&bobs).await.ok()["user"]["name"], "Bob");
}

async fn a_ticket_is_good_for_a_minute(store: Store) {
    let server = TestServer::start_with(store, |config| {
        namespace(config, "default").ticket_ttl = store.time(60, 3);
    })
    .await;
    let (in_time, first) = confirmed(&server, "Alice").await;
    server.time_passes(store.time(58, 1)).await;
    in_time.redeem(&first).await.ok();
    let (too_late, second) = confirmed(&server, "Alice").await;
    server.time_passes(store.time(61, 4)).await;
    too_late.redeem(&second).await.is_problem(410, "expired");
}

async fn before_the_confirmation_there_is_nothing_to_exchange(store: Store) {
    let server = TestServer::start(store).await;
    let session = server.browser(Via::Sse).open_only().await;
    assert_eq!(session.redeem("x").await.is_problem(409, "wrong_state")["state"], "pending");
    session.scan_as("Alice").await;
    assert_eq!(session.redeem("x").await.is_problem(409, "wrong_state")["state"], "scanned");
}
