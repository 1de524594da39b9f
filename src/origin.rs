//! A web origin (RFC 6454): scheme, host and port, in the one form that browsers write.

use std::fmt;
use std::net::Ipv6Addr;

use serde::{Deserialize, Serialize};

/// An http or https origin: lower case, without the scheme's own port.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd, Deserialize, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct Origin(Box<str>);

/// The text is no origin.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error(
    "`{0}` is no origin: expected http:// or https://, a host and perhaps a port, and nothing \
     more, such as https://shop.example"
)]
pub struct NotAnOrigin(String);

impl Origin {
    /// The origin of a text that is one and nothing more.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (scheme, authority) = text.split_once("://")?;
        let (host, port) = host_and_port(authority)?;
        let scheme = scheme.to_ascii_lowercase();
        let usual = usual_port(&scheme)?;
        Some(Self(match port.filter(|port| *port != usual) {
            Some(port) => format!("{scheme}://{host}:{port}").into(),
            None => format!("{scheme}://{host}").into(),
        }))
    }

    /// The origin of an http or https address.
    #[must_use]
    pub fn of_address(address: &str) -> Option<Self> {
        let (scheme, rest) = address.split_once("://")?;
        let authority = rest.split(['/', '?', '#']).next()?;
        Self::parse(&format!("{scheme}://{authority}"))
    }

    /// As a browser writes it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is at this host, as a `Host` header names one. One without a port says nothing of
    /// ports: proxies drop them, and with the scheme the usual one is not known either.
    #[must_use]
    pub fn is_at(&self, host: &str) -> bool {
        let own = self.0.split_once("://").and_then(|(scheme, authority)| {
            let (host, port) = host_and_port(authority)?;
            Some((host, port.or(usual_port(scheme))))
        });
        match (own, host_and_port(host)) {
            (Some((own, _)), Some((host, None))) => own == host,
            (own, Some(host)) => own == Some(host),
            (_, None) => false,
        }
    }
}

impl TryFrom<String> for Origin {
    type Error = NotAnOrigin;

    fn try_from(text: String) -> Result<Self, NotAnOrigin> {
        Self::parse(&text).ok_or(NotAnOrigin(text))
    }
}

impl From<Origin> for String {
    fn from(origin: Origin) -> Self {
        origin.0.into()
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn usual_port(scheme: &str) -> Option<u16> {
    match scheme {
        "http" => Some(80),
        "https" => Some(443),
        _ => None,
    }
}

/// The host in its usual form, and the port if one is named.
fn host_and_port(authority: &str) -> Option<(String, Option<u16>)> {
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (authority, None),
    };
    let digits = |port: &str| port.bytes().all(|b| b.is_ascii_digit());
    let port = match port {
        Some(port) => Some(port.parse().ok().filter(|_| digits(port))?),
        None => None,
    };
    if let Some(inner) = host.strip_prefix('[') {
        let address: Ipv6Addr = inner.strip_suffix(']')?.parse().ok()?;
        return Some((format!("[{address}]"), port));
    }
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b"-._".contains(&b);
    let named = !host.is_empty() && host.bytes().all(allowed);
    named.then(|| (host.to_ascii_lowercase(), port))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(text: &str) -> Option<String> {
        Origin::parse(text).map(Into::into)
    }

    #[test]
    fn an_origin_is_written_as_browsers_write_it() {
        for (text, expected) in [
            ("https://shop.example", "https://shop.example"),
            ("HTTPS://Shop.Example:443", "https://shop.example"),
            ("http://localhost:5173", "http://localhost:5173"),
            ("http://shop.example:80", "http://shop.example"),
            ("http://shop.example:443", "http://shop.example:443"),
            ("https://[2001:DB8:0::1]:8443", "https://[2001:db8::1]:8443"),
            ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
        ] {
            assert_eq!(written(text).as_deref(), Some(expected), "{text}");
        }
    }

    #[test]
    fn what_stands_for_more_than_one_origin_or_for_less_is_none() {
        for text in [
            "",
            "*",
            "null",
            "https://*",
            "https://*.shop.example",
            "https://shop.example/",
            "https://shop.example/login",
            "https://shop.example?x",
            "https://shop.example#x",
            "https://me@shop.example",
            "https://",
            "https://:443",
            "https://shop.example:",
            "https://shop.example:+80",
            "https://shop.example:65536",
            "https://shop.example:x",
            "https://[::1",
            "https://[shop]",
            "https://bücher.example",
            "https://shop .example",
            " https://shop.example",
            "shop.example",
            "//shop.example",
            "ftp://shop.example",
            "file://",
            "wss://shop.example",
        ] {
            assert_eq!(written(text), None, "{text}");
        }
    }

    #[test]
    fn an_address_has_its_origin() {
        let of = |address| Origin::of_address(address).map(String::from);
        assert_eq!(of("https://A.example/x/y").as_deref(), Some("https://a.example"));
        assert_eq!(of("http://a.example:8080").as_deref(), Some("http://a.example:8080"));
        assert_eq!(of("a.example"), None);
    }

    #[test]
    fn an_origin_is_at_a_host_by_name_and_by_port_where_one_is_told() {
        for (origin, host, is) in [
            ("https://a.example", "a.example", true),
            ("https://a.example", "A.Example:443", true),
            ("http://a.example", "a.example:80", true),
            ("http://a.example", "a.example:443", false),
            ("https://a.example:8443", "a.example", true),
            ("https://a.example:8443", "a.example:8443", true),
            ("https://a.example:8443", "a.example:8444", false),
            ("http://[::1]:3000", "[0::1]:3000", true),
            ("http://[::1]:3000", "[::1]", true),
            ("https://a.example", "b.example", false),
            ("https://a.example", "a.example.evil", false),
            ("https://a.example", "", false),
            ("https://a.example", "a.example:", false),
        ] {
            let origin = Origin::parse(origin).unwrap();
            assert_eq!(origin.is_at(host), is, "{origin} at {host}");
        }
    }
}
