//! The signatures and seals of callbacks, held against those of a library that others wrote.

use serde_json::{Value, json};

use crate::crypto::{Key, signature};
use crate::server::{AES_KEY, Does, Got, Server, TOKEN};
use crate::stub::{ACCOUNT, Stub};
use crate::wechatpy::asked;
use crate::xml::find;

/// Texts whose lengths lie around the borders of blocks, and in which bytes are no characters.
fn texts() -> Vec<String> {
    let short = (0..70).map(|length| "x".repeat(length));
    short.chain(["<xml><a><![CDATA[扫码登录]]></a></xml>".to_owned(), "码".repeat(3000)]).collect()
}

/// Keys, also ones whose last character says more than fits, and one all of whose bits are set.
const KEYS: [&str; 4] = [
    "0000000000000000000000000000000000000000000",
    AES_KEY,
    "jWmYm7qr5nMoAUwZRjGtBxmz3KA1tkAj3ykkR6q2B2C",
    "+++++++++++++++++//////////////////////////",
];

#[test]
fn what_the_library_sealed_is_opened() {
    let (timestamp, nonce) = ("1648535359", "1320562132");
    let mut tasks = Vec::new();
    for (n, text) in texts().iter().enumerate() {
        tasks.push(json!({
            "do": "seal", "token": TOKEN, "aes_key": KEYS[n % KEYS.len()], "appid": ACCOUNT,
            "text": text, "timestamp": timestamp, "nonce": nonce,
        }));
    }
    for (task, answer) in tasks.iter().zip(asked(&tasks)) {
        let body = answer["done"].as_str().expect("a body");
        let sealed = find(body, "Encrypt").expect("Encrypt");
        let key = Key::parse(task["aes_key"].as_str().expect("a key")).expect("a key");
        let (text, appid) = key.open(sealed).expect("opened");
        assert_eq!((&json!(text), &*appid), (&task["text"], ACCOUNT));
        let signed = signature(&[TOKEN, timestamp, nonce, sealed]);
        assert_eq!(find(body, "MsgSignature"), Some(&*signed));
    }
}

#[test]
fn what_is_sealed_here_the_library_opens() {
    let (timestamp, nonce) = ("1648535359", "1320562132");
    let mut tasks = Vec::new();
    for (n, text) in texts().iter().enumerate() {
        let aes_key = KEYS[n % KEYS.len()];
        let sealed = Key::parse(aes_key).expect("a key").seal([7; 16], text, ACCOUNT);
        tasks.push(json!({
            "do": "open", "token": TOKEN, "aes_key": aes_key, "appid": ACCOUNT,
            "signature": signature(&[TOKEN, timestamp, nonce, &sealed]),
            "body": format!("<xml><ToUserName>a</ToUserName><Encrypt>{sealed}</Encrypt></xml>"),
            "timestamp": timestamp, "nonce": nonce,
        }));
    }
    for (text, answer) in texts().iter().zip(asked(&tasks)) {
        assert_eq!(answer["done"], **text, "{} bytes", text.len());
    }
}

#[test]
fn what_is_broken_stays_closed() {
    let key = Key::parse(AES_KEY).expect("a key");
    let sealed = key.seal([7; 16], "text", ACCOUNT);
    assert!(Key::parse(KEYS[0]).expect("a key").open(&sealed).is_err());
    for broken in ["", "?", "AAAA", &sealed[4..], &sealed[..64]] {
        assert!(key.open(broken).is_err(), "{broken}");
    }
    assert!(Key::parse("short").is_err());
}

fn open(got: &Got, appid: &str) -> Value {
    json!({
        "do": "open", "token": TOKEN, "aes_key": AES_KEY, "appid": appid, "body": got.body,
        "signature": got.query["msg_signature"], "timestamp": got.query["timestamp"],
        "nonce": got.query["nonce"],
    })
}

fn check(got: &Got) -> Value {
    json!({
        "do": "check", "token": TOKEN, "signature": got.query["signature"],
        "timestamp": got.query["timestamp"], "nonce": got.query["nonce"],
    })
}

/// Has somebody scan a code of the account's.
async fn scan(stub: &Stub, server: &Server) -> (Value, Got) {
    let body = json!({
        "action_name": "QR_STR_SCENE", "action_info": { "scene": { "scene_str": "a_scene" } },
    });
    let token = stub.token(ACCOUNT).await;
    let ticket = stub.post("/cgi-bin/qrcode/create", &token, body).await.ok()["ticket"].clone();
    let scan = json!({ "ticket": ticket, "person": "Ann" });
    let push = stub.tell("account/scan", scan).await["push"].clone();
    (push, server.got().remove(0))
}

#[tokio::test]
async fn the_library_takes_each_mode_of_callback_for_wechats() {
    let (stub, server) = (Stub::start().await, Server::start().await);
    for (mode, kind) in
        [("plain", "SubscribeScanEvent"), ("both", "ScanEvent"), ("aes", "ScanEvent")]
    {
        server.serves(&stub, mode, json!({})).await;
        let (push, got) = scan(&stub, &server).await;
        assert_eq!(asked(&[check(&got)])[0]["done"], true, "{mode}");
        let sealed = mode != "plain";
        assert_eq!(got.query.get("encrypt_type").map(String::as_str), sealed.then_some("aes"));
        // The plain fields are there, or they are not.
        assert_eq!(got.body.contains("a_scene"), mode != "aes");
        assert!(got.body.contains("<ToUserName><![CDATA[gh_"), "{mode}");
        let text = if sealed {
            let answers = asked(&[open(&got, ACCOUNT), open(&got, "wx-of-another")]);
            assert_eq!(answers[1]["refused"], "InvalidAppIdException");
            answers[0]["done"].clone()
        } else {
            json!(got.body)
        };
        assert_eq!(text, push["xml"], "{mode}");
        let read = &asked(&[json!({ "do": "read", "text": text })])[0]["done"];
        assert_eq!((&read["kind"], &read["scene"]), (&json!(kind), &json!("a_scene")), "{mode}");
        assert_eq!(read["source"], push["openid"]);
        assert!(read["ticket"].as_str().is_some_and(|ticket| ticket.starts_with("gQ")));
    }
}

#[tokio::test]
async fn a_sealed_answer_of_the_librarys_is_opened() {
    let (stub, server) = (Stub::start().await, Server::start().await);
    server.serves(&stub, "aes", json!({})).await;
    let message = "<xml><MsgType><![CDATA[text]]></MsgType><Content>确认</Content></xml>";
    let seal = |token: &str, aes_key: &str, appid: &str| {
        json!({
            "do": "seal", "token": token, "aes_key": aes_key, "appid": appid, "text": message,
            "timestamp": "1648535359", "nonce": "1",
        })
    };
    let answers = asked(&[
        seal(TOKEN, AES_KEY, ACCOUNT),
        seal("guessed", AES_KEY, ACCOUNT),
        seal(TOKEN, KEYS[2], ACCOUNT),
        seal(TOKEN, AES_KEY, "wx-of-another"),
    ]);
    let says = |answer: &Value| Does::Says(200, answer["done"].as_str().expect("xml").to_owned());
    server.will(answers.iter().map(says));
    let (push, _) = scan(&stub, &server).await;
    assert_eq!((&push["outcome"], &push["reply"]), (&json!("accepted"), &json!(message)));
    for _ in 1..answers.len() {
        let (push, _) = scan(&stub, &server).await;
        assert_eq!((&push["outcome"], &push["reply"]), (&json!("fault_shown"), &Value::Null));
        assert!(push["reply_error"].is_string());
    }
}

#[tokio::test]
async fn a_forged_seal_is_what_it_says_it_is() {
    let (stub, server) = (Stub::start().await, Server::start().await);
    server.serves(&stub, "aes", json!({})).await;
    let mut forged =
        json!({ "appid": ACCOUNT, "xml": "<xml></xml>", "sealed_for": "wx-of-another" });
    stub.tell("account/push", forged.clone()).await;
    forged["aes_key"] = KEYS[2].into();
    stub.tell("account/push", forged.clone()).await;
    forged["token"] = "guessed".into();
    stub.tell("account/push", forged).await;
    let got = server.got();
    let answers = asked(&[
        open(&got[0], "wx-of-another"),
        open(&got[0], ACCOUNT),
        check(&got[1]),
        open(&got[2], ACCOUNT),
        check(&got[2]),
    ]);
    assert_eq!(answers[0]["done"], "<xml></xml>");
    assert_eq!(answers[1]["refused"], "InvalidAppIdException");
    assert_eq!(answers[2]["done"], true);
    assert_eq!(answers[3]["refused"], "InvalidSignatureException");
    assert_eq!(answers[4]["refused"], "InvalidSignatureException");
    // With a wrong key there is nothing that could be read.
    assert!(
        Key::parse(AES_KEY).expect("a key").open(find(&got[1].body, "Encrypt").unwrap()).is_err()
    );
}
