//! The opening of sealed callbacks, held against what wechatpy seals.

use saoma::config::{ProviderName, Secret};
use serde_json::{Value, json};
use sha1::{Digest, Sha1};

use crate::stub::{ACCOUNT, SECRET};
use crate::support::{Session, Via, namespace};
use crate::wechatpy::asked;
use crate::world::{CALLBACK_TOKEN, World};

/// One with all of its bits clear, and one whose last character says more than fits.
const KEYS: [&str; 3] = [
    "0000000000000000000000000000000000000000000",
    "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG",
    "jWmYm7qr5nMoAUwZRjGtBxmz3KA1tkAj3ykkR6q2B2C",
];
const NONCE: &str = "1320562132";

/// A namespace for each key, all of one account.
async fn world() -> World {
    World::with(|config| {
        let account = namespace(config, "account").clone();
        for (n, key) in KEYS.iter().enumerate() {
            let sealed = namespace(config, &format!("sealed{n}"));
            sealed.clone_from(&account);
            sealed.provider = ProviderName::OfficialAccount;
            sealed.wechat.app_secret = Some(Secret::new(SECRET.to_owned()));
            sealed.wechat.encoding_aes_key = Some(Secret::new((*key).to_owned()));
        }
    })
    .await
}

/// A scan of a session's code, as long as is wanted, in which bytes are no characters.
fn event(session: &Session, padding: usize) -> String {
    format!(
        "<xml><!--{}码--><FromUserName><![CDATA[oWang]]></FromUserName>\
         <CreateTime>1648535359</CreateTime><MsgType><![CDATA[event]]></MsgType>\
         <Event><![CDATA[SCAN]]></Event><EventKey><![CDATA[{}]]></EventKey></xml>",
        "x".repeat(padding),
        session.scene,
    )
}

fn element<'a>(xml: &'a str, name: &str) -> &'a str {
    let (_, rest) = xml.split_once(&format!("<{name}>")).expect("an element");
    let text = rest.split_once(&format!("</{name}>")).expect("its end").0;
    text.trim_start_matches("<![CDATA[").trim_end_matches("]]>")
}

#[tokio::test]
async fn what_the_library_sealed_is_understood_whatever_its_length_and_key() {
    let world = world().await;
    let timestamp = saoma::clock::Clock::system().now().unix_seconds().to_string();
    let mut sessions = Vec::new();
    let mut tasks = Vec::new();
    // Around the borders of blocks, and one of many.
    for (n, padding) in (0..35).chain([5000]).enumerate() {
        let session = world.server.browser(Via::LongPoll).of("account").open_only().await;
        tasks.push(json!({
            "do": "seal", "token": CALLBACK_TOKEN, "aes_key": KEYS[n % KEYS.len()],
            "appid": ACCOUNT, "text": event(&session, padding), "timestamp": timestamp,
            "nonce": format!("{NONCE}{n}"),
        }));
        sessions.push(session);
    }
    let answers = asked(&tasks);
    for (n, (session, answer)) in sessions.iter().zip(answers).enumerate() {
        let body = answer["done"].as_str().expect("a body");
        let nonce = format!("{NONCE}{n}");
        let mut parts = [CALLBACK_TOKEN, &timestamp, &nonce];
        parts.sort_unstable();
        let signature = format!("{:x}", Sha1::digest(parts.concat()));
        let checked = json!({
            "do": "check", "token": CALLBACK_TOKEN, "signature": signature,
            "timestamp": timestamp, "nonce": nonce,
        });
        if n == 0 {
            assert_eq!(asked(&[checked])[0]["done"], Value::Bool(true));
        }
        let path = format!("/v1/wechat/sealed{}/events", n % KEYS.len());
        let query = form_urlencoded::Serializer::new(String::new())
            .extend_pairs([
                ("signature", signature.as_str()),
                ("timestamp", &timestamp),
                ("nonce", &nonce),
                ("encrypt_type", "aes"),
                ("msg_signature", element(body, "MsgSignature")),
            ])
            .finish();
        let ask = world.server.post(&format!("{path}?{query}")).body_of("text/xml", body);
        assert_eq!(ask.await.text(), "success", "{n}");
        let mut events = session.follow(Via::LongPoll).await;
        events.sees("pending").await;
        events.sees("scanned").await;
    }
}
