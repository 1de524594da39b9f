//! The pages and files that people look at: the login page, the client, the person's page (the
//! simulator's, and the one that WeChat leads to), the API's documentation.

use std::collections::{BTreeSet, HashMap};
use std::fmt::Write;
use std::sync::{Arc, LazyLock};

use bytes::Bytes;
use poem::http::{HeaderMap, StatusCode, header};
use poem::{Endpoint, Request, Response, ResponseBuilder, Route, endpoint, get};
use sha2::{Digest, Sha256};

use super::{Published, document, encoding};
use crate::origin::Origin;

/// What the pages may do: nothing that is not this server's own. To a WebSocket the same
/// host and port is `'self'`, too (CSP level 3, section 6.7.2.8).
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
    connect-src 'self'; base-uri 'none'; form-action 'none'";
/// Where pictures may come from: those of people may be anywhere.
const PICTURES: &str = "img-src 'self' data: https:";
/// The documentation is one page with its script and style inside.
const DOCS_POLICY: &str = "default-src 'none'; script-src 'unsafe-inline'; \
    style-src 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; \
    form-action 'none'";
/// Which pages may hold this one in a frame: none.
const UNFRAMED: &str = "frame-ancestors 'none'";

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
/// The same page, which tells by its address what it is.
const WECHAT: (&str, &str, &str) = ("/wechat/:scene", HTML, PHONE.2);
/// The pages that show a code.
const SHOW_CODES: [&str; 2] = ["/", "/embed.html"];

/// The scripts that pages of any origin may take: a module of another origin is fetched by CORS.
const FOR_EVERYBODY: [&str; 2] = ["/saoma.js", "/saoma-login.js"];

/// The files that get shorter by it in gzip, by path: once for all servers of a process.
static COMPRESSED: LazyLock<HashMap<&str, Bytes>> = LazyLock::new(|| {
    let files = FILES.into_iter().chain([PHONE, WECHAT]);
    files.filter_map(|(path, _, text)| Some((path, encoding::gzip(text.as_bytes())?))).collect()
});

/// What the providers of the namespaces, and the codes that are kept, want of the pages.
#[derive(Clone, Debug, Default)]
pub struct Pages {
    /// Whether the simulator's page is served.
    pub phone: bool,
    /// Whether the page that WeChat leads people to is served.
    pub wechat: bool,
    /// The origins, other than our own, whose pages may hold the latter in a frame.
    pub framed_by: BTreeSet<Origin>,
    /// The origins whose page is a code, to be held in a frame.
    pub framed_codes: BTreeSet<Origin>,
    /// The origin that pictures of codes are at, if not our own.
    pub pictures: Option<Origin>,
}

/// How a file is served.
#[derive(Clone)]
struct Rules {
    media_type: &'static str,
    policy: Arc<str>,
    cache: &'static str,
    for_everybody: bool,
    /// No page that opened this one, or was opened by it, holds on to its window.
    alone: bool,
}

/// A file in one content coding, with a tag by which a browser that has it need not fetch it again.
pub(super) struct Form {
    pub(super) tag: String,
    pub(super) bytes: Bytes,
}

/// Adds the pages to a route.
#[must_use]
pub fn add(mut route: Route, jwks: Published, pages: &Pages) -> Route {
    let strict: Arc<str> = format!("{POLICY}; {PICTURES}; {UNFRAMED}").into();
    let rules = |media_type| Rules {
        media_type,
        policy: Arc::clone(&strict),
        cache: "no-cache",
        for_everybody: false,
        alone: true,
    };
    let people = [(pages.phone, PHONE), (pages.wechat, WECHAT)];
    let people = people.into_iter().filter_map(|(served, page)| served.then_some(page));
    for (path, media_type, text) in FILES.into_iter().chain(people) {
        let mut rules = rules(media_type);
        rules.for_everybody = FOR_EVERYBODY.contains(&path);
        if SHOW_CODES.contains(&path) {
            rules.policy = showing_codes(pages).into();
        } else if path == WECHAT.0 {
            let pages = and_our_own(&pages.framed_by);
            rules.policy = format!("{POLICY}; {PICTURES}; frame-ancestors {pages}").into();
            rules.alone = false;
        }
        route = route.at(path, file(text.into(), COMPRESSED.get(path), rules));
    }
    let docs = format!("{DOCS_POLICY}; {UNFRAMED}").into();
    let docs = Rules { policy: docs, ..rules(HTML) };
    let keys = Rules { cache: "public, max-age=300", ..rules(JSON) };
    route
        .at("/docs", file(document::page().into(), None, docs))
        .at("/openapi.json", file(document::COMMITTED.into(), None, rules(JSON)))
        .at(
            "/.well-known/jwks.json",
            get(endpoint::make(move |request: Request| {
                let (jwks, keys) = (Arc::clone(&jwks), keys.clone());
                async move {
                    poem::Result::<_>::Ok(keys.answer(&request, &Form::of(jwks().await.into())))
                }
            })),
        )
}

/// The policy of a page that shows codes.
fn showing_codes(pages: &Pages) -> String {
    let mut policy = format!("{POLICY}; {UNFRAMED}; {PICTURES}");
    if let Some(origin) = &pages.pictures {
        policy = policy + " " + origin.as_str();
    }
    if !pages.framed_codes.is_empty() {
        // What WeChat's page leads to is ours.
        policy = policy + "; frame-src " + &and_our_own(&pages.framed_codes);
    }
    policy
}

/// Our own origin and these, as a policy names them.
fn and_our_own(origins: &BTreeSet<Origin>) -> String {
    origins.iter().fold("'self'".to_owned(), |all, origin| all + " " + origin.as_str())
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
    /// A content in one form.
    fn answer(&self, request: &Request, form: &Form) -> Response {
        let response = self.head().header(header::ETAG, &form.tag);
        if has(request.headers(), &form.tag) {
            return response.status(StatusCode::NOT_MODIFIED).finish();
        }
        response.header(header::CONTENT_TYPE, self.media_type).body(form.bytes.clone())
    }

    /// What every answer says, with a content and without.
    fn head(&self) -> ResponseBuilder {
        let response = Response::builder()
            .header(header::CACHE_CONTROL, self.cache)
            .header(header::CONTENT_SECURITY_POLICY, &*self.policy);
        if self.for_everybody {
            return response
                .header(header::ACCESS_CONTROL_ALLOW_ORIGIN, "*")
                .header("cross-origin-resource-policy", "cross-origin");
        }
        if self.media_type == HTML && self.alone {
            return response.header("cross-origin-opener-policy", "same-origin");
        }
        response
    }
}

impl Form {
    pub(super) fn of(bytes: Bytes) -> Self {
        let mut tag = String::from("\"");
        for byte in &Sha256::digest(&bytes)[..12] {
            // Writing to a String cannot fail.
            let _ = write!(tag, "{byte:02x}");
        }
        tag.push('"');
        Self { tag, bytes }
    }
}

/// Whether who asks has the form of this tag already.
pub(super) fn has(headers: &HeaderMap, tag: &str) -> bool {
    let tags = headers.get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok());
    tags.is_some_and(|tags| {
        tags.split(',').any(|known| known.trim().trim_start_matches("W/") == tag)
    })
}

#[cfg(test)]
mod tests {
    use poem::http::Uri;

    use super::*;

    /// The headers of a page, or the status if there is none.
    async fn headers(pages: &Pages, path: &'static str) -> Result<HeaderMap, StatusCode> {
        let jwks: Published = Arc::new(|| Box::pin(async { String::new() }));
        let route = add(Route::new(), jwks, pages);
        let request = Request::builder().uri(Uri::from_static(path)).finish();
        let response = route.get_response(request).await;
        if response.status() == StatusCode::OK {
            Ok(response.headers().clone())
        } else {
            Err(response.status())
        }
    }

    /// What a page's policy says of one thing.
    async fn says(pages: &Pages, path: &'static str, directive: &str) -> Option<String> {
        let headers = headers(pages, path).await.expect("the page");
        let policy = headers[header::CONTENT_SECURITY_POLICY].to_str().expect("text");
        let found = policy.split("; ").find_map(|said| said.strip_prefix(directive));
        found.map(|said| said.trim().to_owned())
    }

    #[tokio::test]
    async fn a_persons_page_is_there_where_a_provider_leads_to_it() {
        let none = Pages::default();
        for path in ["/phone/abc", "/wechat/abc"] {
            assert_eq!(headers(&none, path).await, Err(StatusCode::NOT_FOUND), "{path}");
        }
        let phone = Pages { phone: true, ..Pages::default() };
        assert!(headers(&phone, "/phone/abc").await.is_ok());
        assert!(headers(&phone, "/wechat/abc").await.is_err());
        let wechat = Pages { wechat: true, ..Pages::default() };
        assert!(headers(&wechat, "/phone/abc").await.is_err());
        assert!(headers(&wechat, "/wechat/abc").await.is_ok());
    }

    #[tokio::test]
    async fn the_page_that_wechat_leads_to_may_stand_in_a_frame_of_listed_pages_alone() {
        let ancestors = "frame-ancestors";
        let mut pages = Pages { phone: true, wechat: true, ..Pages::default() };
        let itself = says(&pages, "/wechat/abc", ancestors).await;
        assert_eq!(itself.as_deref(), Some("'self'"));
        pages.framed_by = ["https://a.example", "https://b.example:8443"]
            .into_iter()
            .filter_map(Origin::parse)
            .collect();
        let listed = says(&pages, "/wechat/abc", ancestors).await;
        assert_eq!(listed.as_deref(), Some("'self' https://a.example https://b.example:8443"));
        for path in ["/", "/embed.html", "/phone/abc", "/docs"] {
            assert_eq!(says(&pages, path, ancestors).await.as_deref(), Some("'none'"), "{path}");
        }
    }

    #[tokio::test]
    async fn the_page_that_wechat_leads_to_may_have_been_opened_by_another() {
        let opener = "cross-origin-opener-policy";
        let pages = Pages { phone: true, wechat: true, ..Pages::default() };
        let of = async |path| headers(&pages, path).await.expect("the page");
        assert!(!of("/wechat/abc").await.contains_key(opener));
        for path in ["/", "/phone/abc"] {
            assert_eq!(of(path).await[opener], "same-origin", "{path}");
        }
    }

    #[tokio::test]
    async fn a_page_that_shows_codes_takes_them_from_where_they_are() {
        let pictures = "img-src";
        let mut pages = Pages { phone: true, ..Pages::default() };
        let itself = says(&pages, "/", pictures).await;
        assert_eq!(itself.as_deref(), Some("'self' data: https:"));
        pages.pictures = Origin::of_address("http://cdn.example:8080/codes");
        for path in ["/", "/embed.html"] {
            let said = says(&pages, path, pictures).await;
            let expected = "'self' data: https: http://cdn.example:8080";
            assert_eq!(said.as_deref(), Some(expected), "{path}");
        }
        assert_eq!(says(&pages, "/phone/abc", pictures).await, itself);
    }

    #[tokio::test]
    async fn a_page_that_shows_codes_frames_what_is_one_and_what_it_leads_to() {
        let frames = "frame-src";
        let mut pages = Pages { wechat: true, ..Pages::default() };
        assert_eq!(says(&pages, "/", frames).await, None);
        pages.framed_codes.extend(Origin::parse("https://open.weixin.qq.com"));
        for path in ["/", "/embed.html"] {
            let said = says(&pages, path, frames).await;
            assert_eq!(said.as_deref(), Some("'self' https://open.weixin.qq.com"), "{path}");
        }
        assert_eq!(says(&pages, "/wechat/abc", frames).await, None);
    }
}
