//! Who logged in, and the end of a login.

use std::collections::HashSet;

use saoma::config::{DirectoryRule, Secret};
use serde_json::{Value, json};

use crate::support::{Store, TestServer, Via, namespace, within};
use crate::world::{
    Held, KEY, claims_of, inactive, introspects, logs_in, posts, revokes, servers, text,
};

#[tokio::test]
async fn a_person_sees_their_own_logins_and_nobody_else_s() {
    for server in servers(|_| {}).await {
        let browser = server.browser(Via::LongPoll).of("shop");
        let browser = browser.with_headers(&[("user-agent", "Firefox/1")]);
        let first = logs_in(browser, "Alice").await;
        let first = Held::at(server.api(), text(&first));
        let bob = Held::of(&server, "shop", "Bob").await;
        let second = Held::of(&server, "default", "Alice").await;
        // At once, and the newest first.
        assert_eq!(second.ids().await, [second.id.clone(), first.id.clone()]);
        assert_eq!(first.ids().await, second.ids().await);
        assert_eq!(bob.ids().await, std::slice::from_ref(&bob.id));

        let page = first.asks("").await;
        assert_eq!(page.header("cache-control"), "no-store");
        let page = page.ok();
        assert_eq!(page.get("next"), None);
        let (newest, oldest) = (&page["logins"][0], &page["logins"][1]);
        assert_eq!((&newest["current"], &oldest["current"]), (&json!(false), &json!(true)));
        assert_eq!(
            (&newest["namespace"], &oldest["namespace"]),
            (&json!("default"), &json!("shop"))
        );
        assert_eq!(oldest["ip"], "127.0.0.1");
        assert_eq!(oldest["user_agent"], "Firefox/1");
        assert_eq!(oldest["provider"], "simulator");
        assert_eq!(oldest.get("revoked_at"), None);
        let claims = claims_of(&first.token);
        let when = |name: &str| {
            let time = oldest[name].as_str().expect("a time");
            let time = humantime::parse_rfc3339(time).expect("RFC 3339");
            time.duration_since(std::time::UNIX_EPOCH).expect("after it").as_secs()
        };
        assert_eq!(
            (json!(when("at")), json!(when("expires_at"))),
            (claims["iat"].clone(), claims["exp"].clone())
        );
    }
}

#[tokio::test]
async fn a_long_history_comes_in_pages() {
    for server in servers(|config| config.rate_limit = false).await {
        let mut tokens = Vec::new();
        for _ in 0..5 {
            tokens.push(Held::of(&server, "shop", "Alice").await);
        }
        tokens.reverse();
        let (mut query, mut seen, mut sizes) = ("?limit=2".to_owned(), Vec::new(), Vec::new());
        loop {
            let page = tokens[0].asks(&query).await.ok();
            let logins = page["logins"].as_array().expect("a list");
            sizes.push(logins.len());
            seen.extend(logins.iter().map(|login| login["id"].as_str().expect("an id").to_owned()));
            let Some(next) = page["next"].as_str() else { break };
            assert!(sizes.len() < tokens.len(), "no end of pages: {sizes:?}");
            query = format!("?limit=2&before={next}");
        }
        assert_eq!(sizes, [2, 2, 1]);
        assert_eq!(seen, tokens.iter().map(|token| token.id.clone()).collect::<Vec<_>>());
        for wrong in [
            "limit=0",
            "limit=201",
            "limit=x",
            "before=x",
            "before=5",
            "before=-a",
            "before=x-1",
            "before=1-%00",
        ] {
            tokens[0].asks(&format!("?{wrong}")).await.is_problem(400, "bad_request");
        }
        let earliest = format!("?limit=200&before=0-{}", tokens[0].id);
        assert_eq!(tokens[0].asks(&earliest).await.ok(), json!({ "logins": [] }));
    }
}

#[tokio::test]
async fn a_login_that_was_not_theirs_can_be_ended() {
    for server in servers(|_| {}).await {
        let thief = Held::of(&server, "shop", "Alice").await;
        let alice = Held::of(&server, "shop", "Alice").await;
        let bob = Held::of(&server, "shop", "Bob").await;
        bob.ends(&thief.id).await.is_problem(404, "not_found");
        for nothing in ["nothing", "%00", "00000000-0000-4000-8000-000000000000"] {
            bob.ends(nothing).await.is_problem(404, "not_found");
        }
        assert_eq!(thief.logins().await.len(), 2);

        alice.ends(&thief.id).await.is(204);
        thief.asks("").await.is_problem(401, "unauthorized");
        thief.ends(&alice.id).await.is_problem(401, "unauthorized");
        let told = introspects(&server.api(), KEY, &thief.token).await.ok();
        assert_eq!(told, inactive());
        let logins = alice.logins().await;
        let ended = logins[1]["revoked_at"].clone();
        assert!(ended.is_string() && logins[0].get("revoked_at").is_none(), "{logins:?}");
        // Again is no other end.
        alice.ends(&thief.id).await.is(204);
        assert_eq!(alice.logins().await[1]["revoked_at"], ended);
        // And their own.
        alice.ends(&alice.id).await.is(204);
        alice.ends(&alice.id).await.is_problem(401, "unauthorized");
        assert_eq!(bob.logins().await.len(), 1);
    }
}

#[tokio::test]
async fn a_service_is_told_what_a_token_says_while_it_is_good() {
    for server in servers(|config| config.token.ttl_seconds = 60).await {
        let alice = Held::of(&server, "shop", "Alice").await;
        let told = introspects(&server.api(), KEY, &alice.token).await;
        assert_eq!(told.header("cache-control"), "no-store");
        let mut expected = claims_of(&alice.token);
        expected["active"] = true.into();
        expected["token_type"] = "Bearer".into();
        assert_eq!(told.ok(), expected);
        server.time_passes(61).await;
        assert_eq!(introspects(&server.api(), KEY, &alice.token).await.ok(), inactive());
        alice.asks("").await.is_problem(401, "unauthorized");
    }
}

#[tokio::test]
async fn nothing_is_said_of_a_token_that_is_none_of_the_service_s() {
    for server in servers(|_| {}).await {
        let shops = Held::of(&server, "shop", "Alice").await;
        let others = Held::of(&server, "default", "Alice").await;
        let parts: Vec<&str> = shops.token.split('.').collect();
        let (a, b) = (parts[0], parts[1]);
        let stranger = TestServer::start_with(Store::Memory, |config| {
            config.token.issuer = Some(format!("http://{}", server.address));
            namespace(config, "shop");
        });
        let forged = Held::of(&stranger.await, "shop", "Alice").await;
        let another_issuer = TestServer::start(Store::Memory).await;
        let elsewhere = Held::of(&another_issuer, "default", "Alice").await;
        let unsigned = format!("eyJhbGciOiJub25lIn0.{b}.");
        let changed = format!("{a}.{}.{}", parts[1].replacen('e', "f", 1), parts[2]);
        for token in [
            &*others.token,
            &forged.token,
            &elsewhere.token,
            &unsigned,
            &changed,
            &shops.id,
            "x",
            "..",
            &"x".repeat(60_000),
        ] {
            let told = introspects(&server.api(), KEY, token).await.ok();
            assert_eq!(told, inactive(), "{token}");
            // To revoke it does no harm, and is not told apart.
            revokes(&server.api(), KEY, "token", token).await.is(200);
        }
        for token in [&forged, &elsewhere] {
            token.also_at(&server).asks("").await.is_problem(401, "unauthorized");
        }
        assert_eq!(introspects(&server.api(), KEY, &shops.token).await.ok()["active"], true);
        assert_eq!(others.logins().await.len(), 2);
    }
}

#[tokio::test]
async fn a_service_ends_logins_of_its_own_namespace() {
    for server in servers(|_| {}).await {
        let api = server.api();
        let [one, two] =
            [Held::of(&server, "shop", "Alice").await, Held::of(&server, "shop", "Alice").await];
        let other = Held::of(&server, "default", "Alice").await;
        assert_eq!(revokes(&api, KEY, "token", &one.token).await.is(200), Value::Null);
        revokes(&api, KEY, "jti", &two.id).await.is(200);
        revokes(&api, KEY, "jti", &two.id).await.is(200);
        for token in [&one, &two] {
            assert_eq!(introspects(&api, KEY, &token.token).await.ok(), inactive());
            token.asks("").await.is_problem(401, "unauthorized");
        }
        for id in [&*other.id, "nothing", "\0", "00000000-0000-4000-8000-000000000000"] {
            revokes(&api, KEY, "jti", id).await.is_problem(404, "not_found");
        }
        revokes(&api, KEY, "token", &other.token).await.is(200);
        assert_eq!(other.logins().await.len(), 3);
    }
}

#[tokio::test]
async fn what_is_no_question_is_refused_and_ends_nothing() {
    for server in servers(|_| {}).await {
        let api = server.api();
        let alice = Held::of(&server, "shop", "Alice").await;
        let token = &*alice.token;
        for call in ["introspect", "revoke"] {
            for key in ["wrong", token] {
                let stranger = posts(&api, call, key, &[("token", token)]).await;
                stranger.is_problem(401, "unauthorized");
            }
            let keyless = server.post(&format!("/v1/tokens/{call}"));
            let form = "application/x-www-form-urlencoded";
            keyless.body_of(form, &format!("token={token}")).await.is_problem(401, "unauthorized");
            let twice = posts(&api, call, KEY, &[("token", token), ("token", token)]).await;
            twice.is_problem(400, "bad_request");
            posts(&api, call, KEY, &[("token", "")]).await.is_problem(400, "bad_request");
            let json = server.post(&format!("/v1/tokens/{call}")).bearer(KEY);
            json.json(json!({ "token": token })).await.is_problem(415, "unsupported_media_type");
        }
        posts(&api, "introspect", KEY, &[]).await.is_problem(400, "bad_request");
        posts(&api, "introspect", KEY, &[("jti", &alice.id)]).await.is_problem(400, "bad_request");
        posts(&api, "revoke", KEY, &[]).await.is_problem(422, "token_required");
        let both = [("token", token), ("jti", &alice.id)];
        posts(&api, "revoke", KEY, &both).await.is_problem(422, "token_required");
        server.get("/v1/me/logins").await.is_problem(401, "unauthorized");
        server.delete(&format!("/v1/me/logins/{}", alice.id)).await.is_problem(401, "unauthorized");
        let query = server.get(&format!("/v1/me/logins?access_token={token}")).await;
        query.is_problem(401, "unauthorized");
        // What hints at the kind of token is heard, and means nothing.
        let hint = [("token", token), ("token_type_hint", "access_token")];
        assert_eq!(posts(&api, "introspect", KEY, &hint).await.ok()["active"], true);
    }
}

#[tokio::test]
async fn namespaces_that_share_their_users_share_their_history() {
    let known = |config: &mut saoma::config::Config| {
        namespace(config, "shop").directory = DirectoryRule::Known;
        namespace(config, "web").directory = DirectoryRule::Known;
        namespace(config, "web").users = Some("shop".to_owned());
        namespace(config, "staff").directory = DirectoryRule::Known;
    };
    for server in servers(known).await {
        let mut tokens = Vec::new();
        for name in ["shop", "web", "staff"] {
            let mut tab = server.browser(Via::LongPoll).of(name).open().await;
            let phone = tab.scan_as("Alice").await;
            tab.sees("scanned").await;
            if phone.confirm().await.status == 403 {
                phone.register("Alice").await.is(201);
                tab.sees("unregistered").await;
                tab.sees("scanned").await;
                phone.confirm().await.ok();
            }
            let ticket = tab.sees_a_ticket().await;
            tokens.push(Held::at(server.api(), text(&tab.redeem(&ticket).await.ok())));
        }
        let (shop, staff) = (tokens[0].ids().await, tokens[2].ids().await);
        assert_eq!(shop, [tokens[1].id.clone(), tokens[0].id.clone()]);
        assert_eq!(staff, std::slice::from_ref(&tokens[2].id));
        tokens[2].ends(&tokens[0].id).await.is_problem(404, "not_found");
        tokens[1].ends(&tokens[0].id).await.is(204);
    }
}

#[tokio::test]
async fn a_login_is_forgotten_when_its_days_are_over_and_no_sooner() {
    const HOUR: u64 = 3600;
    for server in servers(|config| config.history.retention_days = 1).await {
        Held::of(&server, "shop", "Alice").await;
        server.time_passes(23 * HOUR).await;
        let second = Held::of(&server, "shop", "Alice").await;
        assert_eq!(second.logins().await.len(), 2);
        // It is looked after within the hour.
        server.time_passes(2 * HOUR).await;
        let third = Held::of(&server, "shop", "Alice").await;
        within("the first to be forgotten", async { while third.logins().await.len() > 2 {} })
            .await;
        assert_eq!(third.ids().await, [third.id.clone(), second.id.clone()]);
    }
}

#[tokio::test]
async fn where_nothing_is_kept_nothing_is_told_and_nothing_can_be_revoked() {
    for server in servers(|config| config.history.retention_days = 0).await {
        let api = server.api();
        let alice = Held::of(&server, "shop", "Alice").await;
        alice.asks("").await.is_problem(404, "no_history");
        alice.ends(&alice.id).await.is_problem(404, "no_history");
        revokes(&api, KEY, "token", &alice.token).await.is_problem(404, "no_history");
        revokes(&api, KEY, "jti", &alice.id).await.is_problem(404, "not_found");
        // Whether it was signed here can be told all the same.
        assert_eq!(introspects(&api, KEY, &alice.token).await.ok()["active"], true);
        assert_eq!(introspects(&api, KEY, "x").await.ok(), inactive());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crowd_is_written_down_to_the_last() {
    for server in servers(|config| config.rate_limit = false).await {
        let people = (0..60).map(|n| {
            let server = &server;
            async move { Held::of(server, "shop", &format!("P{}", n % 3)).await }
        });
        let tokens = futures_util::future::join_all(people).await;
        for (n, token) in tokens.iter().take(3).enumerate() {
            let seen: HashSet<String> = token.ids().await.into_iter().collect();
            let theirs = tokens.iter().enumerate().filter(|(at, _)| at % 3 == n);
            assert_eq!(seen, theirs.map(|(_, token)| token.id.clone()).collect());
        }
        let unwritten = "saoma_history_unwritten_total 0";
        assert!(server.metrics().await.contains(unwritten));
    }
}

#[tokio::test]
async fn a_page_of_a_listed_origin_may_ask() {
    let server = TestServer::start_with(Store::Memory, |config| {
        let origin = saoma::origin::Origin::parse("https://shop.example").expect("an origin");
        namespace(config, "shop").origins = vec![origin];
        namespace(config, "shop").api_keys = vec![Secret::new(KEY.to_owned())];
    })
    .await;
    let alice = Held::of(&server, "shop", "Alice").await;
    let ask = server.get("/v1/me/logins").bearer(&alice.token);
    let answer = ask.header("origin", "https://shop.example").await;
    assert_eq!(answer.header("access-control-allow-origin"), "https://shop.example");
    answer.ok();
}
