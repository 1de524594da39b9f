//! What the service is asked, as JSON. Nothing in it opens anything: no secret, no token, no ticket.

use std::net::IpAddr;

use serde::Serialize;

use crate::login::ports::{Cause, Identity};

/// A question.
#[derive(Debug, Serialize)]
pub(super) struct Question<'a> {
    #[serde(rename = "type")]
    act: &'a str,
    namespace: &'a str,
    session_id: String,
    identity: Who<'a>,
    browser: Browser<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    phone: Option<Phone>,
    /// The name that somebody signs up by.
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
}

#[derive(Debug, Serialize)]
struct Who<'a> {
    provider: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    account: Option<&'a str>,
    subject: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    union: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    avatar_url: Option<&'a str>,
}

#[derive(Debug, Serialize)]
struct Browser<'a> {
    ip: IpAddr,
    user_agent: &'a str,
    opened_at: String,
}

#[derive(Debug, Serialize)]
struct Phone {
    ip: IpAddr,
    relayed: bool,
}

impl<'a> Question<'a> {
    /// What is asked of somebody at a login.
    pub(super) fn new(
        act: &'a str,
        identity: &'a Identity,
        cause: &Cause<'a>,
        name: Option<&'a str>,
    ) -> Self {
        let Identity { provider, account, subject, union, name: called, avatar_url } = identity;
        Self {
            act,
            namespace: cause.namespace,
            session_id: cause.session.to_string(),
            identity: Who {
                provider,
                account: account.as_deref(),
                subject,
                union: union.as_deref(),
                name: called.as_deref(),
                avatar_url: avatar_url.as_deref(),
            },
            browser: Browser {
                ip: cause.browser,
                user_agent: cause.user_agent,
                opened_at: cause.opened_at.to_string(),
            },
            phone: cause.phone.map(|phone| Phone { ip: phone.ip, relayed: phone.relayed }),
            name,
        }
    }

    /// The body of the call.
    pub(super) fn json(&self) -> String {
        // Texts and numbers alone: there is nothing that JSON could not hold.
        serde_json::to_string(self).unwrap_or_default()
    }
}
