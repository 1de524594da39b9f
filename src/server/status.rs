//! The status page: what the metrics say, drawn by a browser for people who have no Grafana.

use poem::http::header;
use poem::{Response, Route, endpoint::make_sync, get};

/// What the page may do: ask this listener, and nothing else. It has no style and no script inside.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
    connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; \
    frame-ancestors 'none'";

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";

/// Its files: path, media type, content.
const FILES: [(&str, &str, &str); 5] = [
    ("/", HTML, include_str!("../../static/status.html")),
    ("/status.css", CSS, include_str!("../../static/status.css")),
    ("/status.js", SCRIPT, include_str!("../../static/status.js")),
    ("/status-readings.js", SCRIPT, include_str!("../../static/status-readings.js")),
    ("/status-verdict.js", SCRIPT, include_str!("../../static/status-verdict.js")),
];

/// Adds the page to the admin listener's routes.
pub(super) fn add(route: Route) -> Route {
    FILES.into_iter().fold(route, |route, (path, media_type, text)| {
        route.at(path, get(make_sync(move |_| file(media_type, text))))
    })
}

fn file(media_type: &'static str, text: &'static str) -> Response {
    Response::builder()
        .header(header::CACHE_CONTROL, "no-cache")
        .header(header::CONTENT_SECURITY_POLICY, POLICY)
        .header(header::CONTENT_TYPE, media_type)
        .header(header::REFERRER_POLICY, "no-referrer")
        .header(header::X_CONTENT_TYPE_OPTIONS, "nosniff")
        .body(text)
}
