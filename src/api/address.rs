//! The client's address: the peer's, or what a trusted proxy says of it; and the host that the
//! proxy was asked for.
//!
//! `X-Forwarded-For` and `Forwarded` (RFC 7239) are read from the right, for as long as the
//! address that vouches for the next is a trusted proxy's: what a client wrote itself stands left
//! of that and counts for nothing.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use http::HeaderMap;
use poem::{FromRequest, Request, RequestBody};

use super::problem::Problem;

/// Tells which addresses are trusted proxies.
pub type Trusts = Arc<dyn Fn(IpAddr) -> bool + Send + Sync>;

/// The client's address, for operations that ask for it.
#[derive(Clone, Copy, Debug)]
pub struct ClientAddress(pub IpAddr);

impl<'a> FromRequest<'a> for ClientAddress {
    async fn from_request(request: &'a Request, _: &mut RequestBody) -> poem::Result<Self> {
        let peer = request.remote_addr().as_socket_addr().map(SocketAddr::ip);
        match (peer, request.data::<Trusts>()) {
            (Some(peer), Some(trusts)) => Ok(Self(client_address(peer, request.headers(), trusts))),
            _ => Err(Problem::bad_request("the client has no address").into()),
        }
    }
}

/// The address of the client that a request came from.
pub fn client_address(peer: IpAddr, headers: &HeaderMap, trusts: &Trusts) -> IpAddr {
    let mut client = peer.to_canonical();
    for told in forwarded(headers).into_iter().rev() {
        if !trusts(client) {
            break;
        }
        match told {
            Some(address) => client = address.to_canonical(),
            // An obfuscated or broken address: nothing left of it can be vouched for.
            None => break,
        }
    }
    client
}

/// The hosts that a trusted proxy says were asked for. Not told apart by who said which: a page
/// cannot make its browser send these headers.
pub fn forwarded_hosts<'a>(peer: IpAddr, headers: &'a HeaderMap, trusts: &Trusts) -> Vec<&'a str> {
    if !trusts(peer.to_canonical()) {
        return Vec::new();
    }
    let pairs = elements(headers, "forwarded").flat_map(|hop| hop.split(';'));
    let standard = pairs.filter_map(|pair| pair.trim().split_once('='));
    let standard = standard.filter(|(key, _)| key.eq_ignore_ascii_case("host"));
    let standard = standard.map(|(_, host)| host.trim_matches('"'));
    elements(headers, "x-forwarded-host").chain(standard).collect()
}

/// The chain that the headers tell, leftmost first. `X-Forwarded-For` comes first: it is what
/// nearly all proxies write, and they hand a `Forwarded` on as the client sent it.
fn forwarded(headers: &HeaderMap) -> Vec<Option<IpAddr>> {
    if headers.contains_key("x-forwarded-for") {
        return elements(headers, "x-forwarded-for").map(address).collect();
    }
    let hops = elements(headers, "forwarded").map(|hop| {
        let pairs = hop.split(';').filter_map(|pair| pair.trim().split_once('='));
        let node = pairs.rev().find(|(key, _)| key.eq_ignore_ascii_case("for"))?.1;
        address(node.trim_matches('"'))
    });
    hops.collect()
}

/// What a header lists, over all its lines.
fn elements<'a>(headers: &'a HeaderMap, name: &str) -> impl Iterator<Item = &'a str> + use<'a> {
    let lines = headers.get_all(name).into_iter().filter_map(|line| line.to_str().ok());
    lines.flat_map(|line| line.split(',')).map(str::trim)
}

/// An address, with or without brackets and port.
fn address(node: &str) -> Option<IpAddr> {
    let bare = node.strip_prefix('[').and_then(|rest| rest.split(']').next()).unwrap_or(node);
    bare.parse().ok().or_else(|| node.parse::<SocketAddr>().ok().map(|addr| addr.ip()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(peer: &str, head: &[(&'static str, &str)]) -> String {
        let mut headers = HeaderMap::new();
        for (name, value) in head {
            headers.append(*name, value.parse().unwrap());
        }
        let trusts: Trusts = Arc::new(|ip| ip.to_string().starts_with("10."));
        client_address(peer.parse().unwrap(), &headers, &trusts).to_string()
    }

    #[test]
    fn a_stranger_is_not_believed() {
        assert_eq!(client("192.0.2.1", &[("x-forwarded-for", "203.0.113.9")]), "192.0.2.1");
        assert_eq!(client("192.0.2.1", &[("forwarded", "for=203.0.113.9")]), "192.0.2.1");
    }

    #[test]
    fn a_trusted_proxy_is_believed_as_far_as_it_knows() {
        for (head, expected) in [
            (("x-forwarded-for", "203.0.113.9"), "203.0.113.9"),
            (("x-forwarded-for", "1.1.1.1, 203.0.113.9"), "203.0.113.9"),
            (("x-forwarded-for", "1.1.1.1, 203.0.113.9, 10.0.0.2"), "203.0.113.9"),
            (("x-forwarded-for", "203.0.113.9, unknown"), "10.0.0.1"),
            (("forwarded", "for=1.1.1.1, for=\"203.0.113.9:8080\";proto=https"), "203.0.113.9"),
            (("forwarded", "For=\"[2001:db8::7]:443\""), "2001:db8::7"),
            (("forwarded", "for=_hidden"), "10.0.0.1"),
        ] {
            assert_eq!(client("10.0.0.1", &[head]), expected, "{head:?}");
        }
    }

    #[test]
    fn a_trusted_proxy_says_which_host_was_asked_for() {
        let mut headers = HeaderMap::new();
        headers.append("x-forwarded-host", "a.example, b.example:8080".parse().unwrap());
        headers.append("forwarded", "for=1.1.1.1;Host=\"c.example:443\"".parse().unwrap());
        let trusts: Trusts = Arc::new(|ip| ip.to_string().starts_with("10."));
        let told = |peer: &str| forwarded_hosts(peer.parse().unwrap(), &headers, &trusts);
        assert_eq!(told("10.0.0.1"), ["a.example", "b.example:8080", "c.example:443"]);
        assert!(told("192.0.2.1").is_empty());
    }

    #[test]
    fn what_the_proxy_wrote_wins_over_what_it_handed_on() {
        let head = [("x-forwarded-for", "1.1.1.1"), ("forwarded", "for=2.2.2.2")];
        assert_eq!(client("10.0.0.1", &head), "1.1.1.1");
    }
}
