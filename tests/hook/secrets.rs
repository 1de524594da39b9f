//! What only the service, the phone, or this server may know is in no log, no problem and no
//! metric, however much is logged and whatever goes wrong.

use std::net::SocketAddr;

use reqwest::Method;
use saoma::config::{Config, LogFormat, Secret};
use serde_json::{Value, json};

use crate::service::{Does, SECRET, Service, knows_nobody, refuses};
use crate::support::instance::Instance;
use crate::support::{Api, namespace};
use crate::world::asks;

const API_KEY: &str = "a key of those who know the accounts";
/// Who scans, by the provider's word.
const OPENID: &str = "oPenIdOfSomebody";

/// People at an instance, and everything that they are told.
struct People {
    api: Api,
    /// The bodies of all answers that are no success.
    problems: Vec<String>,
    /// What each side was given for itself alone.
    given: Vec<String>,
}

impl People {
    async fn asks(&mut self, path: &str, token: &str, body: Value) -> Value {
        let answer = self.api.ask(Method::POST, path).bearer(token).json(body).await;
        if answer.status >= 400 {
            self.problems.push(answer.text().to_owned());
        }
        let told: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        for name in ["secret", "phone_token", "access_token"] {
            self.given.extend(told[name].as_str().map(str::to_owned));
        }
        told
    }

    /// A login, as far as it goes.
    async fn log_in(&mut self) {
        let opened = self.asks("/v1/sessions", "", json!({})).await;
        let text = |name: &str| opened[name].as_str().expect(name).to_owned();
        let (id, secret, scene) = (text("session_id"), text("secret"), text("scene"));
        let code = format!("sim:{OPENID}");
        let scan = json!({ "login_code": code });
        let told = self.asks(&format!("/v1/scenes/{scene}/scan"), "", scan).await;
        let phone = told["phone_token"].as_str().unwrap_or("none").to_owned();
        let name = json!({ "name": "Wang the Unmistakable" });
        for (call, body) in [("confirm", json!({})), ("register", name), ("confirm", json!({}))] {
            self.asks(&format!("/v1/scenes/{scene}/{call}"), &phone, body).await;
        }
        let events = format!("/v1/sessions/{id}/events?wait=0");
        let told = self.api.ask(Method::GET, &events).bearer(&secret).await.ok();
        let events = told["events"].as_array().expect("events").clone();
        if let Some(ticket) = events.iter().find_map(|event| event["data"]["ticket"].as_str()) {
            let body = json!({ "ticket": ticket });
            self.asks(&format!("/v1/sessions/{id}/token"), &secret, body).await;
            self.given.push(ticket.to_owned());
        }
        self.asks(&format!("/v1/sessions/{id}/events"), API_KEY, json!({ "type": "rejected" }))
            .await;
    }
}

#[tokio::test]
async fn logins_and_faults_leave_no_secret_anywhere() {
    for format in [LogFormat::Text, LogFormat::Json] {
        let service = Service::start().await;
        let free = SocketAddr::from(([127, 0, 0, 1], 0));
        let mut config = Config { listen: free, admin_listen: free, ..Config::default() };
        config.log_format = format;
        config.drain_seconds = 0;
        asks(&mut config, "default", &service.url);
        namespace(&mut config, "default").api_keys = vec![Secret::new(API_KEY.to_owned())];
        let mut instance = Instance::start_under(&config, &["SAOMA_LOG=trace"]).await;
        let api = Api::new(format!("http://{}", instance.address));
        let mut people = People { api, problems: Vec::new(), given: Vec::new() };
        let known = json!({
            "registered": true,
            "user": { "id": "the-id-of-wang", "name": "Wang the Unmistakable" },
            "claims": { "salary": "a well kept figure" },
        });
        let allows = || Does::Says(known.clone());
        service.will([Does::Says(knows_nobody()), Does::Says(knows_nobody()), allows(), allows()]);
        people.log_in().await;
        let mut odd = known.clone();
        odd["claims"]["iss"] = OPENID.into();
        for fault in [
            Does::Says(odd),
            Does::Says(refuses("a reason for Wang's ears")),
            Does::HangsUp,
            Does::Breaks,
            Does::status(503),
            Does::text(format!("{OPENID} {SECRET} is not JSON")),
            Does::Answers(302, vec![("location", format!("http://{OPENID}/"))], String::new()),
        ] {
            // Where it begins, and where it would end, each twice where that is tried.
            service.will([fault.clone(), fault.clone()]);
            people.log_in().await;
            service.will([allows()]);
            service.will(vec![fault; 4]);
            people.log_in().await;
            service.forgets();
        }
        let metrics = instance.admin("/metrics").await.text().to_owned();
        instance.signal("-TERM");
        assert_eq!(instance.ended().await, Some(0));
        let log = instance.log();
        for event in ["hook.again", "hook.failed"] {
            assert!(log.contains(event), "no {event} in the log: {log}");
        }
        assert!(people.problems.len() > 20, "so much has gone wrong: {}", people.problems.len());

        let mut secrets = people.given;
        secrets.extend([SECRET, &SECRET["whsec_".len()..], API_KEY, OPENID].map(str::to_owned));
        secrets.extend(["the-id-of-wang", "Unmistakable", "well kept"].map(str::to_owned));
        secrets.extend(service.asked().into_iter().map(|asked| asked.signature));
        let told = people.problems.join("\n");
        assert!(told.contains("for Wang's ears"), "the phone is told the reason");
        for (place, text) in [("a log", &log), ("an answer", &told), ("the metrics", &metrics)] {
            for secret in &secrets {
                assert!(secret.len() > 8, "{secret:?} is a secret");
                if let Some(line) = text.lines().find(|line| line.contains(secret.as_str())) {
                    panic!("{secret} is in {place}: {line}");
                }
            }
        }
        for (place, text) in [("a log", &log), ("the metrics", &metrics)] {
            assert!(!text.contains("Wang's ears"), "a reason is in {place}");
        }
    }
}
