//! The pages and files that people look at: the login page, the client, the phone page of the
//! simulator, the API's documentation.

use std::fmt::Write;

use poem::http::{HeaderMap, StatusCode, header};
use poem::{Endpoint, Request, Response, Route, endpoint, get};
use sha2::{Digest, Sha256};

/// What the pages may do: nothing that is not this server's own (CSP level 3).
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
    img-src 'self' data: https:; connect-src 'self' ws: wss:; base-uri 'none'; \
    form-action 'none'; frame-ancestors 'none'";
/// The documentation is one page with its script and style inside.
const DOCS_POLICY: &str = "default-src 'none'; script-src 'unsafe-inline'; \
    style-src 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; \
    form-action 'none'; frame-ancestors 'none'";

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";

/// The files of `static/`: path, media type, content.
const FILES: [(&str, &str, &str); 10] = [
    ("/", HTML, include_str!("../../static/index.html")),
    ("/demo.css", CSS, include_str!("../../static/demo.css")),
    ("/demo.js", SCRIPT, include_str!("../../static/demo.js")),
    ("/embed.html", HTML, include_str!("../../static/embed.html")),
    ("/embed.css", CSS, include_str!("../../static/embed.css")),
    ("/embed.js", SCRIPT, include_str!("../../static/embed.js")),
    ("/saoma.js", SCRIPT, include_str!("../../static/saoma.js")),
    ("/saoma-login.js", SCRIPT, include_str!("../../static/saoma-login.js")),
    ("/phone.css", CSS, include_str!("../../static/phone.css")),
    ("/phone.js", SCRIPT, include_str!("../../static/phone.js")),
];
const PHONE: &str = include_str!("../../static/phone.html");

/// Adds the pages to a route. `phone` says whether the simulator's page is among them.
#[must_use]
pub fn add(
    mut route: Route,
    docs_html: String,
    document: String,
    jwks: String,
    phone: bool,
) -> Route {
    for (path, media_type, content) in FILES {
        route = route.at(path, file(content.to_owned(), media_type, POLICY, "no-cache"));
    }
    if phone {
        route = route.at("/phone/:scene", file(PHONE.to_owned(), HTML, POLICY, "no-cache"));
    }
    let json = "application/json";
    route
        .at("/docs", file(docs_html, HTML, DOCS_POLICY, "no-cache"))
        .at("/openapi.json", file(document, json, POLICY, "no-cache"))
        .at("/.well-known/jwks.json", file(jwks, json, POLICY, "public, max-age=300"))
}

/// One file, with a tag by which a browser that has it need not fetch it again.
fn file(
    content: String,
    media_type: &'static str,
    policy: &'static str,
    cache: &'static str,
) -> impl Endpoint<Output = Response> {
    let mut tag = String::from("\"");
    for byte in &Sha256::digest(&content)[..12] {
        // Writing to a String cannot fail.
        let _ = write!(tag, "{byte:02x}");
    }
    tag.push('"');
    let content = bytes::Bytes::from(content);
    get(endpoint::make_sync(move |request: Request| {
        let response = Response::builder()
            .header(header::ETAG, &tag)
            .header(header::CACHE_CONTROL, cache)
            .header(header::CONTENT_SECURITY_POLICY, policy);
        if has(request.headers(), &tag) {
            return response.status(StatusCode::NOT_MODIFIED).finish();
        }
        response.header(header::CONTENT_TYPE, media_type).body(content.clone())
    }))
}

fn has(headers: &HeaderMap, tag: &str) -> bool {
    let tags = headers.get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok());
    tags.is_some_and(|tags| {
        tags.split(',').any(|known| known.trim().trim_start_matches("W/") == tag)
    })
}
