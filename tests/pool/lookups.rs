//! `GET /v1/codes/{number}`: by an API key, and on the admin listener.

use reqwest::Method;
use serde_json::json;

use crate::world::{KEY, SMALL, World};

#[tokio::test]
async fn a_service_looks_a_number_up() {
    let world = World::new(SMALL).await;
    world.has_free(8).await;
    let session = world.opened().await;
    let code = |number: &str| {
        world.server.api().ask(Method::GET, &format!("/v1/codes/{number}")).bearer(KEY)
    };
    let taken = code("0").await.ok();
    let url = &session.opened["code"]["url"];
    let expected = json!({ "number": 0, "state": "taken", "url": url, "media_type": "image/jpeg" });
    assert_eq!(taken, expected);
    let free = code("7").await.ok();
    assert_eq!((&free["number"], &free["state"]), (&json!(7), &json!("free")));
    let picture = free["url"].as_str().expect("an address");
    world.server.get(picture).await.is_image("image/jpeg");
    for nothing in ["8", "9007199254740991"] {
        code(nothing).await.is_problem(404, "not_found");
    }
    for nonsense in ["-1", "x", "0.5", "99999999999999999999"] {
        let status = code(nonsense).await.status;
        assert!([400, 404].contains(&status), "{nonsense}: {status}");
    }
    world.server.get("/v1/codes/0").await.is_problem(401, "unauthorized");
    let wrong = world.server.api().ask(Method::GET, "/v1/codes/0").bearer("wrong");
    wrong.await.is_problem(401, "unauthorized");
}

#[tokio::test]
async fn an_operator_looks_a_number_up_without_a_key() {
    let world = World::new(SMALL).await;
    world.has_free(8).await;
    let found = world.server.admin("/v1/codes/3").await.ok();
    assert_eq!((&found["number"], &found["state"]), (&json!(3), &json!("free")));
    let found = world.server.admin("/v1/codes/3?namespace=default").await.ok();
    assert_eq!(found["number"], 3);
    world.server.admin("/v1/codes/8").await.is_problem(404, "not_found");
    world.server.admin("/v1/codes/x").await.is_problem(404, "not_found");
    world.server.admin("/v1/codes/3?namespace=none").await.is_problem(404, "unknown_namespace");
}
