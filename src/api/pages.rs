//! The pages and files that people look at: the login page, the client, the phone page of the
//! simulator, the API's documentation.

use std::collections::HashMap;
use std::fmt::Write;
use std::sync::LazyLock;

use bytes::Bytes;
use poem::http::{HeaderMap, StatusCode, header};
use poem::{Endpoint, Request, Response, ResponseBuilder, Route, endpoint, get};
use sha2::{Digest, Sha256};

use super::encoding;

/// What the pages may do: nothing that is not this server's own. To a WebSocket the same
/// host and port is `'self'`, too (CSP level 3, section 6.7.2.8).
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
    img-src 'self' data: https:; connect-src 'self'; base-uri 'none'; \
    form-action 'none'; frame-ancestors 'none'";
/// The documentation is one page with its script and style inside.
const DOCS_POLICY: &str = "default-src 'none'; script-src 'unsafe-inline'; \
    style-src 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; \
    form-action 'none'; frame-ancestors 'none'";

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const JSON: &str = "application/json";
/// To be looked at, and copied into a project.
const TYPES: &str = "text/plain; charset=utf-8";

/// The files of `static/`: path, media type, content.
const FILES: [(&str, &str, &str); 12] = [
    ("/", HTML, include_str!("../../static/index.html")),
    ("/demo.css", CSS, include_str!("../../static/demo.css")),
    ("/demo.js", SCRIPT, include_str!("../../static/demo.js")),
    ("/embed.html", HTML, include_str!("../../static/embed.html")),
    ("/embed.css", CSS, include_str!("../../static/embed.css")),
    ("/embed.js", SCRIPT, include_str!("../../static/embed.js")),
    ("/saoma.js", SCRIPT, include_str!("../../static/saoma.js")),
    ("/saoma-login.js", SCRIPT, include_str!("../../static/saoma-login.js")),
    ("/saoma.d.ts", TYPES, include_str!("../../static/saoma.d.ts")),
    ("/saoma-login.d.ts", TYPES, include_str!("../../static/saoma-login.d.ts")),
    ("/phone.css", CSS, include_str!("../../static/phone.css")),
    ("/phone.js", SCRIPT, include_str!("../../static/phone.js")),
];
const PHONE: (&str, &str, &str) = ("/phone/:scene", HTML, include_str!("../../static/phone.html"));

/// The scripts that pages of any origin may take: a module of another origin is fetched by CORS.
const FOR_EVERYBODY: [&str; 2] = ["/saoma.js", "/saoma-login.js"];

/// The files that get shorter by it in gzip, by path: once for all servers of a process.
static COMPRESSED: LazyLock<HashMap<&str, Bytes>> = LazyLock::new(|| {
    let files = FILES.into_iter().chain([PHONE]);
    files.filter_map(|(path, _, text)| Some((path, encoding::gzip(text.as_bytes())?))).collect()
});

/// How a file is served.
#[derive(Clone, Copy)]
struct Rules {
    media_type: &'static str,
    policy: &'static str,
    cache: &'static str,
    for_everybody: bool,
}

/// A file in one content coding, with a tag by which a browser that has it need not fetch it again.
struct Form {
    tag: String,
    bytes: Bytes,
}

/// Adds the pages to a route. `phone` says whether the simulator's page is among them.
#[must_use]
pub fn add(
    mut route: Route,
    docs_html: String,
    document: String,
    jwks: String,
    phone: bool,
) -> Route {
    let rules =
        |media_type| Rules { media_type, policy: POLICY, cache: "no-cache", for_everybody: false };
    for (path, media_type, text) in FILES.into_iter().chain(phone.then_some(PHONE)) {
        let rules = Rules { for_everybody: FOR_EVERYBODY.contains(&path), ..rules(media_type) };
        route = route.at(path, file(text.into(), COMPRESSED.get(path), rules));
    }
    let docs = Rules { policy: DOCS_POLICY, ..rules(HTML) };
    let keys = Rules { cache: "public, max-age=300", ..rules(JSON) };
    route
        .at("/docs", file(docs_html.into(), None, docs))
        .at("/openapi.json", file(document.into(), None, rules(JSON)))
        .at("/.well-known/jwks.json", file(jwks.into(), None, keys))
}

/// One file, in gzip as well if it was compressed.
fn file(
    content: Bytes,
    compressed: Option<&Bytes>,
    rules: Rules,
) -> impl Endpoint<Output = Response> + use<> {
    let plain = Form::of(content);
    let gzip = compressed.cloned().map(Form::of);
    get(endpoint::make_sync(move |request: Request| {
        let headers = request.headers();
        let chosen = gzip.as_ref().filter(|_| encoding::takes_gzip(headers));
        let form = chosen.unwrap_or(&plain);
        let mut response = rules.head().header(header::ETAG, &form.tag);
        if gzip.is_some() {
            response = response.header(header::VARY, "Accept-Encoding");
        }
        if has(headers, &form.tag) {
            return response.status(StatusCode::NOT_MODIFIED).finish();
        }
        if chosen.is_some() {
            response = response.header(header::CONTENT_ENCODING, "gzip");
        }
        response.header(header::CONTENT_TYPE, rules.media_type).body(form.bytes.clone())
    }))
}

impl Rules {
    /// What every answer says, with a content and without.
    fn head(&self) -> ResponseBuilder {
        let response = Response::builder()
            .header(header::CACHE_CONTROL, self.cache)
            .header(header::CONTENT_SECURITY_POLICY, self.policy);
        if self.for_everybody {
            return response
                .header(header::ACCESS_CONTROL_ALLOW_ORIGIN, "*")
                .header("cross-origin-resource-policy", "cross-origin");
        }
        if self.media_type == HTML {
            // No page that opened this one, or was opened by it, holds on to its window.
            return response.header("cross-origin-opener-policy", "same-origin");
        }
        response
    }
}

impl Form {
    fn of(bytes: Bytes) -> Self {
        let mut tag = String::from("\"");
        for byte in &Sha256::digest(&bytes)[..12] {
            // Writing to a String cannot fail.
            let _ = write!(tag, "{byte:02x}");
        }
        tag.push('"');
        Self { tag, bytes }
    }
}

fn has(headers: &HeaderMap, tag: &str) -> bool {
    let tags = headers.get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok());
    tags.is_some_and(|tags| {
        tags.split(',').any(|known| known.trim().trim_start_matches("W/") == tag)
    })
}
