//! Examples for the document: one login, as each of its calls and answers shows it.
//!
//! By schema; a response that shows a schema otherwise has one of its own. Linters hold them against
//! the schemas, a test holds their fields.

use serde_json::{Value, json};

const SESSION: &str = "0b4c5f2e-8d3a-4f6b-9c1d-2e7a8b9c0d1e";
const SCENE: &str = "k3v9TQxw2ZbN8mLr";
const SECRET: &str = "mCq0Zb3TzJ5m2Wq8fXyY1kq9v7d0pQeR4sT6uVwXyZ0";
const PHONE_TOKEN: &str = "Xr2bP8nQ5tLk0vJ7yD3wGf6sHa9cMe1iRo4uZx8qWs0";
const TICKET: &str = "C0xfLo06T2ucHS56i5wNHv3Q8ZkT5m1bYx7sLq0eRj9uWn4aVd6hKg2oPc8iFtEy";
const JWT: &str = "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJ1XzEifQ.c2lnbmF0dXJl";
const JTI: &str = "5f0c3a52-4f1e-4d0a-9a8e-3b1f6c2d7e90";
const AT: &str = "2026-01-01T00:00:00.000Z";
const LATER: &str = "2026-01-01T00:00:09.421Z";
const NAME: &str = "张伟";
const USER: &str = "u_7c1e2f";

/// The example of a schema.
#[must_use]
pub fn of(schema: &str) -> Option<Value> {
    let events =
        || vec![event(1, "pending", AT, &json!({})), event(2, "scanned", LATER, &masked())];
    Some(match schema {
        "AskingBrowser" => browser(),
        "Code" => code(),
        "Confirmation" => json!({ "match_number": 42 }),
        "Event" => event(2, "scanned", LATER, &masked()),
        "EventData" => masked(),
        "EventId" => json!({ "id": 3 }),
        "EventKind" | "SessionState" => json!("scanned"),
        "Events" => json!({ "events": events(), "cursor": 2, "state": "scanned", "done": false }),
        "EventsAt" => events_at(),
        "Introspection" => json!({
            "active": true,
            "token_type": "Bearer",
            "iss": "https://login.example.com",
            "sub": USER,
            "aud": "default",
            "exp": 1_767_229_209,
            "iat": 1_767_225_609,
            "jti": JTI,
            "name": NAME,
            "provider": "mini_program",
        }),
        "Logins" => json!({ "logins": [past_login()], "next": format!("1767225609421-{JTI}") }),
        "Message" => json!({ "body": { "step": "choose_account" } }),
        "Open" => json!({ "namespace": "default", "messages": false, "locale": "zh-CN" }),
        "PastLogin" => past_login(),
        "PooledCode" => json!({
            "number": 17,
            "state": "free",
            "url": "https://cdn.example.com/codes/17-x5s9.png",
            "media_type": "image/png",
        }),
        "PooledCodeState" => json!("free"),
        "Problem" => super::refusals::examples().remove("wrong_state")?["value"].take(),
        "Registered" => json!({ "state": "scanned", "user": user() }),
        "ScanAnswer" => json!({
            "phone_token": PHONE_TOKEN,
            "state": "scanned",
            "registered": true,
            "relayed": false,
            "user": user(),
            "browser": browser(),
            "match_number_required": false,
        }),
        "ScanRequest" => json!({ "login_code": "sim:Alice", "entry_scene": 1047 }),
        "ScanUser" | "User" => user(),
        "ServiceEvent" => json!({ "type": "rejected", "reason": "account locked" }),
        "ServiceEventType" => json!("rejected"),
        "Session" => session(),
        "ShownToken" | "UnwantedToken" => json!({ "token": JWT }),
        "SignUp" => json!({ "name": NAME }),
        "Standing" => json!({ "state": "confirmed" }),
        "Ticket" => json!({ "ticket": TICKET }),
        "Token" => json!({
            "access_token": JWT,
            "token_type": "Bearer",
            "expires_in": 3600,
            "user": user(),
        }),
        _ => return None,
    })
}

/// The example of a response's body that is not its schema's.
#[must_use]
pub fn of_response(operation: &str, media_type: &str) -> Option<Value> {
    Some(match (operation, media_type) {
        ("openSession", "application/json") => {
            let mut opened = session();
            opened["secret"] = SECRET.into();
            opened.as_object_mut()?.remove("cursor");
            opened
        }
        ("reject", "application/json") => json!({ "state": "rejected" }),
        ("followSession" | "followScene", "text/event-stream") => {
            let hello = json!({
                "type": "hello",
                "at": AT,
                "data": { "cursor": 0, "state": "pending", "expires_in": 180, "heartbeat_seconds": 15 },
            });
            let first = event(1, "pending", AT, &json!({}));
            json!(format!(
                "retry: 2000\n\nevent: hello\ndata: {hello}\n\nid: 1\nevent: pending\ndata: {first}\n\n"
            ))
        }
        ("checkWeChatEvents", "text/plain") => json!("5837397576513256042"),
        ("takeWeChatEvent", "text/plain") => json!("success"),
        _ => return None,
    })
}

/// The example of a request's body that has no schema of its own.
#[must_use]
pub fn of_request(operation: &str) -> Option<Value> {
    (operation == "takeWeChatEvent").then(|| {
        json!(format!(
            "<xml><ToUserName>gh_1</ToUserName><FromUserName>oX1</FromUserName>\
             <CreateTime>1767225600</CreateTime><MsgType>event</MsgType><Event>SCAN</Event>\
             <EventKey>{SCENE}</EventKey></xml>"
        ))
    })
}

/// The example of a parameter.
#[must_use]
pub fn of_parameter(operation: &str, name: &str) -> Option<Value> {
    Some(match (operation, name) {
        ("endLogin", "id") => json!(JTI),
        (_, "session_id") => json!(SESSION),
        (_, "scene") | ("returnFromWeChat", "state") => json!(SCENE),
        (_, "namespace") => json!("default"),
        (_, "cursor") => json!(1),
        (_, "wait") => json!(25),
        (_, "transport") => json!("websocket"),
        (_, "reason") => json!("no_hello"),
        (_, "number") => json!(17),
        (_, "limit") => json!(50),
        (_, "before") => json!(format!("1767225609421-{JTI}")),
        ("returnFromWeChat", "code") => json!("041Ae6ll2vWbN84p5yll2kVkQd1Ae6lm"),
        _ => return None,
    })
}

fn event(id: u64, kind: &str, at: &str, data: &Value) -> Value {
    json!({ "id": id, "type": kind, "at": at, "data": data })
}

fn masked() -> Value {
    json!({ "name": "张*", "avatar_url": "https://cdn.example.com/a/1.png" })
}

fn user() -> Value {
    json!({
        "id": USER,
        "name": NAME,
        "avatar_url": "https://cdn.example.com/a/1.png",
        "provider": "mini_program",
    })
}

fn browser() -> Value {
    json!({ "ip": "203.0.113.7", "user_agent": "Mozilla/5.0 (X11; Linux x86_64)", "opened_at": AT })
}

fn code() -> Value {
    json!({
        "url": format!("https://login.example.com/v1/sessions/{SESSION}/code"),
        "media_type": "image/png",
    })
}

fn events_at() -> Value {
    json!({
        "url": format!("https://login.example.com/v1/sessions/{SESSION}/events"),
        "transports": ["websocket", "sse", "long-poll"],
        "heartbeat_seconds": 15,
    })
}

/// As a snapshot shows it.
fn session() -> Value {
    json!({
        "session_id": SESSION,
        "scene": SCENE,
        "state": "pending",
        "expires_at": "2026-01-01T00:03:00.000Z",
        "expires_in": 180,
        "code": code(),
        "match_number": 42,
        "events": events_at(),
        "cursor": 1,
    })
}

fn past_login() -> Value {
    json!({
        "id": JTI,
        "at": LATER,
        "expires_at": "2026-01-01T01:00:09.421Z",
        "ip": "203.0.113.7",
        "user_agent": "Mozilla/5.0 (X11; Linux x86_64)",
        "provider": "mini_program",
        "namespace": "default",
        "current": true,
    })
}
