//! The page that makes a request, as far as the request tells: whether it is one of the server's
//! own, and of which origin it is if not. What it may do is the core's to say.

use http::uri::Authority;
use poem::http::{HeaderMap, header};
use poem::{FromRequest, Request, RequestBody};

use super::address::{Trusts, forwarded_hosts};
use crate::login::visitor::{Named, Visitor};
use crate::origin::Origin;

/// What stands for an origin that is nobody's (WHATWG HTML, section 7.1.1).
const OPAQUE: &str = "null";

/// The origin that the server is reached at, if that was configured.
#[derive(Clone, Debug, Default)]
pub struct PublicOrigin(pub Option<Origin>);

/// The page that asks, for operations that want to know.
pub struct Asking(pub Visitor);

impl<'a> FromRequest<'a> for Asking {
    async fn from_request(request: &'a Request, _: &mut RequestBody) -> poem::Result<Self> {
        Ok(Self(visitor(request)))
    }
}

/// The page that makes a request.
#[must_use]
pub fn visitor(request: &Request) -> Visitor {
    let public = request.data::<PublicOrigin>().and_then(|public| public.0.as_ref());
    let peer = request.remote_addr().as_socket_addr().map(std::net::SocketAddr::ip);
    let told = match (peer, request.data::<Trusts>()) {
        (Some(peer), Some(trusts)) => forwarded_hosts(peer, request.headers(), trusts),
        _ => Vec::new(),
    };
    let hosts: Vec<&str> = host(request).into_iter().chain(told).collect();
    of_head(request.headers(), &hosts, public)
}

/// The host that a request names: the `Host` header, over HTTP/2 `:authority`.
#[must_use]
pub fn host(request: &Request) -> Option<&str> {
    let authority = || request.uri().authority().map(Authority::as_str);
    request.header(header::HOST).or_else(authority)
}

/// The page that a head tells of, for a server that is reached at these hosts.
fn of_head(headers: &HeaderMap, hosts: &[&str], public: Option<&Origin>) -> Visitor {
    let mut lines = headers.get_all(header::ORIGIN).into_iter();
    let Some(line) = lines.next() else { return Visitor::Unnamed };
    let text = line.to_str().ok().filter(|text| !text.is_empty() && lines.next().is_none());
    let origin = text.and_then(Origin::parse);
    let named = Named(origin.as_ref().map_or(text.unwrap_or(OPAQUE), Origin::as_str).into());
    // Fetch Metadata: a script cannot set it, and `none` is the person's own doing.
    let site = headers.get("sec-fetch-site").filter(|site| *site != "none");
    match site {
        Some(site) if site == "same-origin" => return Visitor::Own(named),
        _ if origin.is_some() && origin.as_ref() == public => return Visitor::Own(named),
        Some(_) => return Visitor::Foreign(named),
        None => {}
    }
    match origin {
        Some(origin) if hosts.iter().any(|host| origin.is_at(host)) => Visitor::Own(named),
        _ if &*named.0 == OPAQUE => Visitor::Foreign(named),
        _ => Visitor::Unclear(named),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(origin: &str, site: &str, host: &str) -> Visitor {
        let mut headers = HeaderMap::new();
        for (name, value) in [("origin", origin), ("sec-fetch-site", site)] {
            if !value.is_empty() {
                headers.append(name, value.parse().unwrap());
            }
        }
        let public = Origin::parse("https://login.example");
        of_head(&headers, &[host], public.as_ref())
    }

    fn named(origin: &str) -> Named {
        Named(origin.into())
    }

    #[test]
    fn a_request_that_names_no_origin_is_of_no_page() {
        assert_eq!(of("", "", "a"), Visitor::Unnamed);
        assert_eq!(of("", "cross-site", "a"), Visitor::Unnamed);
    }

    #[test]
    fn a_page_of_the_servers_own_is_known_by_any_of_three_signs() {
        for (origin, site, host) in [
            ("https://login.example", "", "upstream"),
            ("HTTPS://Login.example:443", "cross-site", "upstream"),
            ("http://10.0.0.5:3000", "", "10.0.0.5:3000"),
            ("https://other.example", "none", "other.example"),
            ("https://other.example:8443", "", "other.example"),
            ("http://proxied.example", "same-origin", "upstream"),
            ("null", "same-origin", "upstream"),
        ] {
            let page = of(origin, site, host);
            assert!(matches!(page, Visitor::Own(_)), "{origin} {site} {host}: {page:?}");
        }
    }

    #[test]
    fn a_page_of_another_origin_is_told_from_one_that_nobody_knows() {
        let evil = "https://evil.example";
        for site in ["cross-site", "same-site", "what-a-later-browser-says"] {
            // The browser's word, even where the host has the same name: the port is another.
            assert_eq!(of(evil, site, "evil.example"), Visitor::Foreign(named(evil)), "{site}");
        }
        assert_eq!(of(evil, "", "a.example"), Visitor::Unclear(named(evil)));
        assert_eq!(of(evil, "none", "a.example"), Visitor::Unclear(named(evil)));
        assert_eq!(
            of("app://localhost", "", "localhost"),
            Visitor::Unclear(named("app://localhost"))
        );
        assert_eq!(of("null", "", "null"), Visitor::Foreign(named("null")));
    }

    #[test]
    fn an_origin_named_twice_is_nobodys() {
        let mut headers = HeaderMap::new();
        headers.append("origin", "http://a.example".parse().unwrap());
        headers.append("origin", "http://b.example".parse().unwrap());
        assert_eq!(of_head(&headers, &["a.example"], None), Visitor::Foreign(named("null")));
        headers.clear();
        headers.append("origin", "http://\u{fc}".parse().unwrap());
        assert_eq!(of_head(&headers, &["a.example"], None), Visitor::Foreign(named("null")));
    }
}
