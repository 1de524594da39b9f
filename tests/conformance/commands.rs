//! Commands over a WebSocket: the same as the calls of the same names, answered by their `ref`.

use saoma::config::DirectoryRule;
use serde_json::{Value, json};

use crate::support::{Store, Subscriber, TestServer, Via, namespace};

stories! {
    on_every_store:
        a_phone_logs_in_over_its_websocket,
        a_phone_refuses_over_its_websocket,
        somebody_unknown_signs_up_over_their_websocket,
        a_wrong_number_over_a_websocket_ends_the_login,
        a_browser_talks_and_withdraws_over_its_websocket,
        a_message_over_a_websocket_is_any_json_and_one_line_everywhere,
        what_is_no_command_is_a_problem_and_nothing_else,
        commands_are_run_in_the_order_they_came,
        a_command_may_have_any_ref_or_none;
}

/// The answer is a failure with this code, and has the command's `ref`.
fn is_problem(reply: &Value, reference: &Value, status: u16, code: &str) {
    assert_eq!((&reply["ref"], &reply["ok"]), (reference, &json!(false)), "{reply}");
    let problem = &reply["problem"];
    assert_eq!((&problem["status"], &problem["code"]), (&json!(status), &json!(code)), "{reply}");
    for text in ["type", "title", "detail"] {
        assert!(problem[text].is_string(), "no {text}: {reply}");
    }
}

async fn a_phone_logs_in_over_its_websocket(store: Store) {
    let server = TestServer::start(store).await;
    let mut tab = server.browser(Via::Sse).open().await;
    let mut phone = tab.scan_as("Alice").await.listens(Via::WebSocket, 2).await;
    tab.sees("scanned").await;
    let said = phone.runs(json!({ "do": "message", "ref": "0", "body": "me" })).await;
    assert_eq!(said, json!({ "ref": "0", "ok": true, "id": 3 }));
    let done = phone.runs(json!({ "do": "confirm", "ref": "1" })).await;
    assert_eq!(done, json!({ "ref": "1", "ok": true, "state": "confirmed" }));
    phone.cursor = 2;
    tab.sees("message").await;
    tab.sees("confirmed").await;
    tab.is_told_the_end().await;
}

async fn a_phone_refuses_over_its_websocket(store: Store) {
    let server = TestServer::start(store).await;
    let mut tab = server.browser(Via::LongPoll).open().await;
    let mut phone = tab.scan_as("Alice").await.listens(Via::WebSocket, 2).await;
    tab.sees("scanned").await;
    let done = phone.runs(json!({ "do": "reject", "ref": "no" })).await;
    assert_eq!(done, json!({ "ref": "no", "ok": true, "state": "rejected" }));
    tab.sees("rejected").await;
}

async fn somebody_unknown_signs_up_over_their_websocket(store: Store) {
    let server = TestServer::start_with(store, |config| {
        namespace(config, "default").directory = DirectoryRule::Known;
    })
    .await;
    let mut tab = server.browser(Via::Sse).open().await;
    let mut phone = tab.scan_as("Alice").await.listens(Via::WebSocket, 2).await;
    tab.sees("scanned").await;
    let refused = phone.runs(json!({ "do": "confirm", "ref": "1" })).await;
    is_problem(&refused, &json!("1"), 403, "unregistered");
    tab.sees("unregistered").await;
    let nameless = phone.runs(json!({ "do": "register", "ref": "2" })).await;
    is_problem(&nameless, &json!("2"), 422, "invalid_name");
    let done = phone.runs(json!({ "do": "register", "ref": "3", "name": "Alice" })).await;
    assert_eq!((&done["ok"], &done["state"]), (&json!(true), &json!("scanned")), "{done}");
    tab.sees("scanned").await;
    phone.runs(json!({ "do": "confirm", "ref": "4" })).await;
    tab.sees("confirmed").await;
}

async fn a_wrong_number_over_a_websocket_ends_the_login(store: Store) {
    let server =
        TestServer::start_with(store, |config| namespace(config, "default").match_number = true)
            .await;
    let mut tab = server.browser(Via::Sse).open().await;
    let number = tab.opened["match_number"].as_u64().expect("a number");
    let mut phone = tab.scan_as("Alice").await.listens(Via::WebSocket, 2).await;
    tab.sees("scanned").await;
    let missing = phone.runs(json!({ "do": "confirm", "ref": 1 })).await;
    is_problem(&missing, &json!(1), 422, "match_number_required");
    let text = phone.runs(json!({ "do": "confirm", "ref": 2, "match_number": "42" })).await;
    is_problem(&text, &json!(2), 400, "bad_request");
    let wrong = if number == 99 { 10 } else { number + 1 };
    let refused = phone.runs(json!({ "do": "confirm", "ref": 3, "match_number": wrong })).await;
    is_problem(&refused, &json!(3), 403, "wrong_number");
    tab.sees("rejected").await;
}

async fn a_browser_talks_and_withdraws_over_its_websocket(store: Store) {
    let server = TestServer::start(store).await;
    let session = server.browser(Via::WebSocket).open_only().await;
    let mut page = session.follow(Via::WebSocket).await;
    let mut other = session.follow(Via::Sse).await;
    other.sees("pending").await;
    let said = page.runs(json!({ "do": "message", "ref": "a", "body": { "x": 1 } })).await;
    assert_eq!(said, json!({ "ref": "a", "ok": true, "id": 2 }));
    assert_eq!(other.sees("message").await.data, json!({ "from": "browser", "body": { "x": 1 } }));
    let done = page.runs(json!({ "do": "cancel", "ref": "b" })).await;
    assert_eq!((&done["ref"], &done["ok"]), (&json!("b"), &json!(true)));
    other.sees("cancelled").await;
    other.ends().await;
}

async fn a_message_over_a_websocket_is_any_json_and_one_line_everywhere(store: Store) {
    let server = TestServer::start(store).await;
    let session = server.browser(Via::WebSocket).open_only().await;
    let mut page = session.follow_after(1, Via::WebSocket).await;
    let mut followers: Vec<Subscriber> = Vec::new();
    for via in Via::ALL {
        followers.push(session.follow_after(1, via).await);
    }
    for (body, expected) in [
        ("null", json!(null)),
        ("[1,\n\n2]", json!([1, 2])),
        ("{\r\n \"a\" :\r [ ] }", json!({ "a": [] })),
        ("\"two\\nlines\"", json!("two\nlines")),
    ] {
        page.sends(&format!("{{\"do\":\"message\",\"ref\":\"1\",\n\"body\":{body}}}")).await;
        for follower in &mut followers {
            let said = follower.sees("message").await;
            assert_eq!(said.data["body"], expected);
            assert!(!said.json.contains(['\n', '\r']), "{:?}", said.json);
        }
    }
}

async fn what_is_no_command_is_a_problem_and_nothing_else(store: Store) {
    let server = TestServer::start(store).await;
    let session = server.browser(Via::WebSocket).open_only().await;
    let phone = session.scan_as("Alice").await;
    let mut page = session.follow_after(2, Via::WebSocket).await;
    let mut on_the_phone = phone.listens(Via::WebSocket, 2).await;
    let nothing = Value::Null;
    for (text, reference) in [
        ("", &nothing),
        ("hello", &nothing),
        ("{}", &nothing),
        ("[]", &nothing),
        ("null", &nothing),
        (r#"{"ref":"1"}"#, &json!("1")),
        (r#"{"do":"fly","ref":"2"}"#, &json!("2")),
        (r#"{"do":5,"ref":"3"}"#, &json!("3")),
        (r#"{"do":"message","ref":"4"}"#, &json!("4")),
        (r#"{"do":"register","ref":"5","name":7}"#, &json!("5")),
    ] {
        for socket in [&mut page, &mut on_the_phone] {
            socket.sends(text).await;
            let crate::support::Turn::Replied(reply) = socket.turn().await else {
                panic!("an answer to {text}")
            };
            is_problem(&reply, reference, 400, "bad_request");
        }
    }
    // Each end has its own commands.
    for command in ["confirm", "reject", "register"] {
        let reply = page.runs(json!({ "do": command, "ref": "6" })).await;
        is_problem(&reply, &json!("6"), 400, "bad_request");
    }
    let reply = on_the_phone.runs(json!({ "do": "cancel", "ref": "7" })).await;
    is_problem(&reply, &json!("7"), 400, "bad_request");
    assert_eq!(session.snapshot().await["cursor"], 2);
    assert_eq!(session.state().await, "scanned");
}

async fn commands_are_run_in_the_order_they_came(store: Store) {
    let server = TestServer::start(store).await;
    let session = server.browser(Via::WebSocket).open_only().await;
    let mut page = session.follow_after(1, Via::WebSocket).await;
    let mut other = session.follow_after(1, Via::Sse).await;
    for n in 0..20 {
        page.sends(&json!({ "do": "message", "ref": n, "body": n }).to_string()).await;
    }
    for n in 0..20 {
        assert_eq!(other.sees("message").await.data["body"], n);
    }
    let mut answers = Vec::new();
    while answers.len() < 20 {
        if let crate::support::Turn::Replied(reply) = page.turn().await {
            answers.push(reply["ref"].clone());
        }
    }
    assert_eq!(json!(answers), json!((0..20).collect::<Vec<_>>()));
}

async fn a_command_may_have_any_ref_or_none(store: Store) {
    let server = TestServer::start(store).await;
    let session = server.browser(Via::WebSocket).open_only().await;
    let mut page = session.follow_after(1, Via::WebSocket).await;
    for reference in [json!("text"), json!(7), json!({ "a": [1] })] {
        let command = json!({ "do": "message", "ref": reference, "body": 1 });
        assert_eq!(page.runs(command).await["ref"], reference);
    }
    let without = page.runs(json!({ "do": "message", "body": 1 })).await;
    assert!(without.get("ref").is_none() && without["ok"] == true, "{without}");
}
