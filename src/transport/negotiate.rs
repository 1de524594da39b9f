//! Which transport a request wants, read off its head alone.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::Version;
use http::header::{
    ACCEPT, CONNECTION, HeaderMap, HeaderName, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL,
    SEC_WEBSOCKET_VERSION, UPGRADE,
};

use super::Transport;

/// The subprotocol that the server speaks.
pub const SUBPROTOCOL: &str = "saoma.v1";
/// What a subprotocol that carries a bearer begins with.
pub const BEARER_SUBPROTOCOL: &str = "saoma.bearer.";

const EVENT_STREAM: &str = "text/event-stream";
const JSON: &str = "application/json";

/// Marks a request that came as RFC 8441's CONNECT with `:protocol` `websocket`.
#[derive(Clone, Copy, Debug)]
pub struct ExtendedConnect;

/// Why no transport could be chosen.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Unusable {
    /// The headers of a WebSocket without its `Upgrade`: a proxy took it out. 426.
    UpgradeStripped,
    /// A WebSocket version other than 13 (RFC 6455, section 4.4). 426.
    Version,
    /// A `Sec-WebSocket-Key` that is not 16 bytes of base64 (RFC 6455, section 4.2.1). 400.
    Key,
}

/// The transport that a request wants. `extended_connect` is true for RFC 8441's CONNECT.
///
/// # Errors
/// [`Unusable`] for a broken WebSocket handshake.
pub fn negotiate(
    headers: &HeaderMap,
    version: Version,
    extended_connect: bool,
) -> Result<Transport, Unusable> {
    if extended_connect {
        return match headers.get(SEC_WEBSOCKET_VERSION) {
            Some(number) if number != "13" => Err(Unusable::Version),
            _ => Ok(Transport::WebSocket),
        };
    }
    let signs = [SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION];
    let asks = has_token(headers, &UPGRADE, "websocket");
    if asks || signs.iter().any(|name| headers.contains_key(name)) {
        // RFC 9110, section 7.8: an Upgrade in HTTP/1.0 is to be ignored, and without the
        // Connection option it was not meant for us.
        if !asks || !has_token(headers, &CONNECTION, "upgrade") || version != Version::HTTP_11 {
            return Err(Unusable::UpgradeStripped);
        }
        if headers.get(SEC_WEBSOCKET_VERSION).is_none_or(|number| number != "13") {
            return Err(Unusable::Version);
        }
        let key = headers.get(SEC_WEBSOCKET_KEY).and_then(|key| STANDARD.decode(key).ok());
        return match key {
            Some(key) if key.len() == 16 => Ok(Transport::WebSocket),
            _ => Err(Unusable::Key),
        };
    }
    let (stream, json) = (quality(headers, EVENT_STREAM), quality(headers, JSON));
    // Generated clients name all that the document has; of two that weigh the same they mean the
    // first.
    let either = |range: &&str| names(range, EVENT_STREAM) || names(range, JSON);
    let stream_first =
        tokens(headers, &ACCEPT).find(either).is_some_and(|it| names(it, EVENT_STREAM));
    if stream > json || (stream > 0.0 && stream >= json && stream_first) {
        Ok(Transport::Sse)
    } else {
        Ok(Transport::LongPoll)
    }
}

/// The texts of a header that lists tokens.
pub fn tokens<'a>(headers: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'a str> {
    let lines = headers.get_all(name).into_iter().filter_map(|line| line.to_str().ok());
    lines.flat_map(|line| line.split(',')).map(str::trim).filter(|token| !token.is_empty())
}

/// Whether the client offers our subprotocol.
#[must_use]
pub fn offers_subprotocol(headers: &HeaderMap) -> bool {
    tokens(headers, &SEC_WEBSOCKET_PROTOCOL).any(|token| token == SUBPROTOCOL)
}

/// The bearer that a WebSocket client sends as a subprotocol.
#[must_use]
pub fn subprotocol_bearer(headers: &HeaderMap) -> Option<&str> {
    tokens(headers, &SEC_WEBSOCKET_PROTOCOL)
        .find_map(|token| token.strip_prefix(BEARER_SUBPROTOCOL))
}

fn has_token(headers: &HeaderMap, name: &HeaderName, wanted: &str) -> bool {
    tokens(headers, name).any(|token| token.eq_ignore_ascii_case(wanted))
}

/// The weight that `Accept` gives to exactly this media type (RFC 9110, section 12.4.2); ranges
/// with a star want nothing in particular.
#[must_use]
pub fn quality(headers: &HeaderMap, media_type: &str) -> f32 {
    let weight = |range: &str| {
        let mut parameters = range.split(';').skip(1).map(str::trim);
        let q = parameters.find_map(|part| part.strip_prefix("q=").or(part.strip_prefix("Q=")));
        names(range, media_type).then(|| q.map_or(1.0, |q| q.parse().unwrap_or(0.0)))
    };
    tokens(headers, &ACCEPT).find_map(weight).unwrap_or(0.0)
}

/// Whether a range of `Accept` is exactly this media type.
fn names(range: &str, media_type: &str) -> bool {
    range.split(';').next().is_some_and(|name| name.trim().eq_ignore_ascii_case(media_type))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn choose(head: &[(&'static str, &str)]) -> Result<Transport, Unusable> {
        let mut headers = HeaderMap::new();
        for (name, value) in head {
            headers.append(*name, value.parse().unwrap());
        }
        negotiate(&headers, Version::HTTP_11, false)
    }

    const KEY: (&str, &str) = ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==");
    const V13: (&str, &str) = ("sec-websocket-version", "13");

    #[test]
    fn the_client_says_what_it_wants() {
        let sse = Ok(Transport::Sse);
        let poll = Ok(Transport::LongPoll);
        for (accept, expected) in [
            ("text/event-stream", sse),
            ("TEXT/Event-Stream; q=0.9", sse),
            ("application/json;q=0.5, text/event-stream", sse),
            ("text/event-stream, application/json", sse),
            ("text/event-stream, */*", sse),
            ("application/json, text/event-stream", poll),
            ("application/json, application/problem+json, text/event-stream", poll),
            ("text/event-stream;q=0", poll),
            ("text/event-stream;q=0.1, application/json", poll),
            ("*/*", poll),
            ("application/json", poll),
            ("text/html", poll),
        ] {
            assert_eq!(choose(&[("accept", accept)]), expected, "{accept}");
        }
        assert_eq!(choose(&[]), poll);
        let upgrade = [("upgrade", "WebSocket"), ("connection", "keep-alive, Upgrade"), KEY, V13];
        assert_eq!(choose(&upgrade), Ok(Transport::WebSocket));
    }

    #[test]
    fn a_handshake_that_a_proxy_or_a_client_broke_is_told_apart() {
        let connection = ("connection", "upgrade");
        let upgrade = ("upgrade", "websocket");
        for (head, expected) in [
            (&[KEY, V13][..], Unusable::UpgradeStripped),
            (&[KEY, V13, ("connection", "close")], Unusable::UpgradeStripped),
            (&[upgrade, KEY, V13], Unusable::UpgradeStripped),
            (&[upgrade, connection, KEY, ("sec-websocket-version", "8")], Unusable::Version),
            (&[upgrade, connection, V13], Unusable::Key),
            (&[upgrade, connection, V13, ("sec-websocket-key", "short")], Unusable::Key),
        ] {
            assert_eq!(choose(head), Err(expected), "{head:?}");
        }
    }

    #[test]
    fn an_upgrade_in_http_1_0_is_none() {
        let mut headers = HeaderMap::new();
        headers.insert("upgrade", "websocket".parse().unwrap());
        headers.insert("connection", "upgrade".parse().unwrap());
        let chosen = negotiate(&headers, Version::HTTP_10, false);
        assert_eq!(chosen, Err(Unusable::UpgradeStripped));
    }
}
