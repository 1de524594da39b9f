//! Which problems each operation may answer with: declared here alone, published in the document.
//!
//! The tests hold every answer that any of them gets against the document. To add a code: what it
//! means in [`CODES`], and a place in the list of each operation that may answer with it.

use std::collections::BTreeMap;

use poem::http::StatusCode;
use serde_json::{Value, json};

use super::problem::Problem;
use crate::transport::PROBLEM_TYPE;

/// A status and the code that comes with it.
type Refusal = (u16, &'static str);

/// Every code, and what it means.
const CODES: [(&str, &str); 51] = [
    ("already_redeemed", "the ticket has been redeemed"),
    ("already_scanned", "another phone has scanned this code"),
    ("bad_callback", "the callback cannot be read"),
    ("bad_request", "the request cannot be understood"),
    ("bad_scene", "the path names no scene: one has 1 to 32 characters of WeChat's alphabet"),
    ("bad_signature", "the callback is not signed by WeChat"),
    ("body_required", "a message wants a `body`"),
    ("body_too_large", "the body is over 64 KiB"),
    ("database_unavailable", "the database does not answer"),
    ("expired", "the time of the session, or of the ticket, has run out"),
    ("history_unavailable", "the history of logins cannot be reached"),
    ("hook_failed", "the answer of the service that decides cannot be used"),
    ("hook_timeout", "the service that decides does not answer in time"),
    ("hook_unavailable", "the service that decides cannot be reached, or is busy"),
    ("internal", "something unexpected went wrong"),
    ("invalid_login_code", "the login code is not good, or not any more; or this user is blocked"),
    ("invalid_name", "the name must have 1 to 64 characters and no control characters"),
    ("login_code_blocked", "WeChat blocks this person for now"),
    ("match_number_required", "the number shown beside the code is needed"),
    ("no_history", "this server keeps no history of logins, and revokes no tokens"),
    ("no_picture", "the provider's own page shows the code: see `code.url`"),
    ("not_found", "there is no such thing, or it has been forgotten"),
    ("origin_not_allowed", "pages of this origin may not do this"),
    ("provider_failed", "the code's picture could not be made"),
    ("provider_unavailable", "the directory of users cannot be reached"),
    ("refused", "whoever decides who is let in has refused; `detail` is the reason"),
    ("relayed", "this code reached the phone as a picture; scan it from the screen"),
    ("request_timeout", "the body did not come in time"),
    ("sign_up_closed", "signing up is not possible here"),
    ("stale_callback", "the callback was signed too long ago, or ahead of time"),
    ("store_unavailable", "the session store is not available"),
    ("token_required", "either `token` or `jti` is needed"),
    ("too_many_messages", "the session has taken all the messages it may"),
    ("too_many_requests", "too much was asked for"),
    ("too_many_subscribers", "newer subscribers of this session took this one's place"),
    ("transport_off", "the namespace has switched this transport off"),
    ("unauthorized", "the credential is missing or wrong"),
    ("unknown_namespace", "there is no such namespace, or not any more"),
    ("unregistered", "this person is not registered"),
    ("unsupported_media_type", "the body is not of the media type that is wanted"),
    ("upgrade_required", "the WebSocket's `Upgrade` did not arrive; use another transport"),
    ("wechat_busy", "WeChat says that it is busy"),
    ("wechat_failed", "WeChat's answer cannot be understood, or is an error"),
    ("wechat_misconfigured", "WeChat refuses this server"),
    ("wechat_quota", "WeChat's quota is used up for now"),
    ("wechat_timeout", "WeChat does not answer in time"),
    ("wechat_unavailable", "WeChat cannot be reached, or is given a rest"),
    ("wrong_browser", "this login was begun in another browser"),
    ("wrong_number", "the number is not the one beside the code; the login has been refused"),
    ("wrong_state", "this cannot be done in the session's `state`"),
    ("wrong_ticket", "the ticket is not one of this session"),
];

/// A body is read, wanted or not.
const UNWANTED: &[Refusal] =
    &[(400, "bad_request"), (408, "request_timeout"), (413, "body_too_large")];
/// A body of a media type is read.
const BODY: &[Refusal] = &[
    (400, "bad_request"),
    (408, "request_timeout"),
    (413, "body_too_large"),
    (415, "unsupported_media_type"),
];
/// A parameter is read.
const PARAMETER: &[Refusal] = &[(400, "bad_request")];
/// A browser shows its secret.
const BROWSER: &[Refusal] = &[
    (401, "unauthorized"),
    (403, "origin_not_allowed"),
    (404, "not_found"),
    (404, "unknown_namespace"),
    (503, "store_unavailable"),
];
/// A phone shows its token.
const PHONE: &[Refusal] = &[
    (400, "bad_scene"),
    (401, "unauthorized"),
    (403, "origin_not_allowed"),
    (404, "not_found"),
    (404, "unknown_namespace"),
    (503, "store_unavailable"),
];
/// A service shows its key.
const BACKEND: &[Refusal] = &[(401, "unauthorized")];
/// A person shows their token.
const HOLDER: &[Refusal] = &[
    (401, "unauthorized"),
    (503, "history_unavailable"),
    (503, "provider_unavailable"),
    (503, "store_unavailable"),
];
/// A session changes.
const CHANGE: &[Refusal] = &[(409, "wrong_state"), (410, "expired"), (503, "store_unavailable")];
/// Events are followed.
const EVENTS: &[Refusal] = &[
    (400, "bad_request"),
    (406, "transport_off"),
    (409, "too_many_subscribers"),
    (426, "upgrade_required"),
];
/// Something is said.
const MESSAGE: &[Refusal] = &[(429, "too_many_messages"), (429, "too_many_requests")];
/// A ticket is exchanged.
const TICKET: &[Refusal] =
    &[(403, "refused"), (403, "wrong_ticket"), (409, "already_redeemed"), (500, "internal")];
/// WeChat is asked.
const WECHAT: &[Refusal] = &[
    (502, "wechat_failed"),
    (502, "wechat_misconfigured"),
    (503, "wechat_busy"),
    (503, "wechat_quota"),
    (503, "wechat_unavailable"),
    (504, "wechat_timeout"),
];
/// The directory is asked.
const DIRECTORY: &[Refusal] = &[
    (403, "refused"),
    (502, "hook_failed"),
    (503, "hook_unavailable"),
    (503, "provider_unavailable"),
    (504, "hook_timeout"),
];
/// Somebody is told by a login code.
const LOGIN_CODE: &[Refusal] = &[(422, "invalid_login_code"), (422, "login_code_blocked")];

/// The operations, by their ids.
const OPERATIONS: [(&str, &[&[Refusal]]); 23] = [
    (
        "openSession",
        &[
            BODY,
            &[
                (403, "origin_not_allowed"),
                (404, "unknown_namespace"),
                (429, "too_many_requests"),
                (503, "store_unavailable"),
                // A pool that is empty has a code made, and waits for it.
                (503, "provider_failed"),
                (503, "wechat_busy"),
                (503, "wechat_failed"),
                (503, "wechat_misconfigured"),
                (503, "wechat_quota"),
                (503, "wechat_timeout"),
                (503, "wechat_unavailable"),
            ],
        ],
    ),
    ("getSession", &[BROWSER]),
    (
        "getCode",
        &[
            WECHAT,
            &[
                (404, "no_picture"),
                (404, "not_found"),
                (404, "unknown_namespace"),
                (502, "provider_failed"),
                (503, "store_unavailable"),
            ],
        ],
    ),
    ("followSession", &[BROWSER, EVENTS]),
    ("redeemToken", &[BROWSER, BODY, CHANGE, TICKET]),
    ("sendBrowserMessage", &[BROWSER, BODY, CHANGE, MESSAGE]),
    ("cancelSession", &[BROWSER, UNWANTED, CHANGE]),
    (
        "scan",
        &[
            BODY,
            CHANGE,
            LOGIN_CODE,
            WECHAT,
            DIRECTORY,
            &[
                (400, "bad_scene"),
                (403, "relayed"),
                (404, "not_found"),
                (404, "unknown_namespace"),
                (409, "already_scanned"),
                (429, "too_many_requests"),
            ],
        ],
    ),
    (
        "confirm",
        &[
            PHONE,
            BODY,
            CHANGE,
            DIRECTORY,
            &[(403, "unregistered"), (403, "wrong_number"), (422, "match_number_required")],
        ],
    ),
    (
        "register",
        &[
            PHONE,
            BODY,
            CHANGE,
            DIRECTORY,
            &[
                (403, "sign_up_closed"),
                (403, "unregistered"),
                (422, "invalid_login_code"),
                (422, "invalid_name"),
            ],
        ],
    ),
    ("reject", &[PHONE, UNWANTED, CHANGE]),
    ("followScene", &[PHONE, EVENTS]),
    ("sendPhoneMessage", &[PHONE, BODY, CHANGE, MESSAGE]),
    ("redeemTicket", &[BACKEND, BODY, CHANGE, TICKET]),
    (
        "sendServiceEvent",
        &[BACKEND, BODY, CHANGE, MESSAGE, &[(404, "not_found"), (422, "body_required")]],
    ),
    ("getPooledCode", &[BACKEND, PARAMETER, &[(404, "not_found"), (503, "database_unavailable")]]),
    ("introspectToken", &[BACKEND, BODY, HOLDER]),
    (
        "revokeToken",
        &[
            BACKEND,
            BODY,
            HOLDER,
            &[(404, "no_history"), (404, "not_found"), (422, "token_required")],
        ],
    ),
    ("getLogins", &[HOLDER, PARAMETER, &[(404, "no_history")]]),
    ("endLogin", &[HOLDER, UNWANTED, &[(404, "no_history"), (404, "not_found")]]),
    (
        "checkWeChatEvents",
        &[&[
            (403, "bad_signature"),
            (403, "stale_callback"),
            (404, "not_found"),
            (404, "unknown_namespace"),
            (422, "bad_callback"),
        ]],
    ),
    (
        "takeWeChatEvent",
        &[
            UNWANTED,
            &[
                (403, "bad_signature"),
                (403, "stale_callback"),
                (404, "not_found"),
                (404, "unknown_namespace"),
                (422, "bad_callback"),
            ],
        ],
    ),
    (
        "returnFromWeChat",
        &[
            PARAMETER,
            CHANGE,
            LOGIN_CODE,
            WECHAT,
            DIRECTORY,
            &[
                (400, "bad_scene"),
                (403, "wrong_browser"),
                (404, "not_found"),
                (404, "unknown_namespace"),
                (409, "already_scanned"),
            ],
        ],
    ),
];

/// The responses of an operation that are problems, by status.
#[must_use]
pub fn of(operation: &str) -> BTreeMap<String, Value> {
    let lists = OPERATIONS.iter().find(|(id, _)| *id == operation).map(|(_, lists)| *lists);
    let mut refusals: Vec<Refusal> =
        lists.into_iter().flatten().copied().flatten().copied().collect();
    refusals.sort_unstable();
    refusals.dedup();
    let by_status = refusals.chunk_by(|(one, _), (other, _)| one == other);
    by_status.map(|refusals| (refusals[0].0.to_string(), response(refusals))).collect()
}

/// An example of every problem: what responses refer to.
#[must_use]
pub fn examples() -> BTreeMap<String, Value> {
    let all = OPERATIONS.iter().flat_map(|(_, lists)| lists.iter().copied().flatten());
    all.map(|refusal| (name(*refusal), json!({ "summary": refusal.1, "value": example(*refusal) })))
        .collect()
}

/// The codes, for who wants to know them all.
pub fn codes() -> impl Iterator<Item = &'static str> {
    CODES.into_iter().map(|(code, _)| code)
}

fn response(refusals: &[Refusal]) -> Value {
    let status = refusals[0].0;
    let lines = refusals.iter().map(|(_, code)| format!("- `{code}`: {}", meaning(code)));
    let lines: Vec<String> = lines.collect();
    let examples = refusals.iter().map(|refusal| {
        let reference = format!("#/components/examples/{}", name(*refusal));
        (refusal.1.to_owned(), json!({ "$ref": reference }))
    });
    let examples: BTreeMap<String, Value> = examples.collect();
    let schema = json!({ "$ref": "#/components/schemas/Problem" });
    let mut response = json!({
        "description": format!("{}, by `code`:\n{}", title(status), lines.join("\n")),
        "content": { PROBLEM_TYPE: { "schema": schema, "examples": examples } },
    });
    if let Some((name, header)) = header(status) {
        response["headers"] = json!({ name: header });
    }
    response
}

/// The header that always comes with a status.
fn header(status: u16) -> Option<(&'static str, Value)> {
    let text = json!({ "type": "string" });
    match status {
        401 => Some((
            "WWW-Authenticate",
            json!({ "description": "`Bearer` (RFC 6750).", "required": true, "schema": text }),
        )),
        426 => Some((
            "Upgrade",
            json!({ "description": "`websocket`.", "required": true, "schema": text }),
        )),
        429 | 503 => Some((
            "Retry-After",
            json!({
                "description": "Seconds to wait before asking again.",
                "required": true,
                "schema": { "type": "integer", "minimum": 1 },
            }),
        )),
        _ => None,
    }
}

/// What an example is called: by its code, and the status where a code has two.
fn name((status, code): Refusal) -> String {
    let all = OPERATIONS.iter().flat_map(|(_, lists)| lists.iter().copied().flatten());
    let usual = all.rev().find(|(_, known)| *known == code).map_or(status, |(status, _)| *status);
    if status == usual { code.to_owned() } else { format!("{code}_{status}") }
}

fn example((status, code): Refusal) -> Value {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST);
    let mut problem = Problem::new(status, code, meaning(code));
    problem.instance = Some("urn:uuid:7d0a6c7e-5b1c-4b0e-9f51-0d8c3a1e2f46".to_owned());
    problem.state = match code {
        "wrong_state" => Some("rejected".to_owned()),
        "expired" => Some("expired".to_owned()),
        _ => None,
    };
    serde_json::from_str(&problem.json()).unwrap_or_default()
}

fn title(status: u16) -> &'static str {
    StatusCode::from_u16(status)
        .ok()
        .and_then(|status| status.canonical_reason())
        .unwrap_or("Error")
}

fn meaning(code: &str) -> &'static str {
    CODES.into_iter().find(|(known, _)| *known == code).map_or("", |(_, meaning)| meaning)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_code_that_an_operation_may_answer_has_a_meaning_and_the_other_way_round() {
        let answered = OPERATIONS.iter().flat_map(|(_, lists)| lists.iter().copied().flatten());
        let answered: BTreeSet<_> = answered.map(|(_, code)| *code).collect();
        let known: BTreeSet<_> = codes().collect();
        assert_eq!(answered, known);
        assert_eq!(known.len(), CODES.len(), "one is there twice");
    }

    #[test]
    fn every_operation_of_the_list_is_one_of_the_document() {
        let document = include_str!("../../openapi/saoma.json");
        for (operation, _) in OPERATIONS {
            let id = format!("\"operationId\": \"{operation}\"");
            assert!(document.contains(&id), "{operation} is no operation (any more)");
        }
    }

    #[test]
    fn a_response_names_each_code_once_and_the_header_that_comes_with_it() {
        let responses = of("sendBrowserMessage");
        let too_many = &responses["429"];
        let text = too_many["description"].as_str().unwrap();
        assert!(text.contains("- `too_many_messages`: ") && text.contains("`too_many_requests`"));
        assert!(too_many["headers"]["Retry-After"].is_object());
        assert_eq!(responses["503"]["description"].as_str().unwrap().matches("- `").count(), 1);
        assert!(of("noSuchOperation").is_empty());
    }

    #[test]
    fn a_code_with_two_statuses_has_two_examples() {
        let examples = examples();
        let statuses = ["wechat_timeout", "wechat_timeout_503"].map(|name| examples.get(name));
        let statuses = statuses.map(|example| example.map(|it| it["value"]["status"].clone()));
        assert_eq!(statuses, [Some(json!(504)), Some(json!(503))]);
    }
}
