//! The answer to a browser that comes back from the provider's page: on to a page that says how it
//! went, or what went wrong, as a page if the browser wants one.

use poem::http::{StatusCode, header};
use poem::{IntoResponse, Request, Response};
use poem_openapi::ApiResponse;
use poem_openapi::registry::{MetaHeader, MetaResponse, MetaResponses, Registry};
use poem_openapi::types::Type;

use super::credentials::query_parameter;
use super::problem::Problem;
use crate::transport::negotiate;

/// A mark in the address: the browser has been sent here once more, by ourselves.
const AGAIN: &str = "again";
/// A page with a style sheet and a link to itself. It may stand in a frame: it has nothing that
/// could be clicked by mistake.
const POLICY: &str = "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'";

/// The answer.
pub struct Returned(Response);

impl Returned {
    /// On to a page.
    #[must_use]
    pub fn to(page: &str) -> Self {
        let response = Response::builder()
            .status(StatusCode::SEE_OTHER)
            .header(header::LOCATION, page)
            .header(header::CACHE_CONTROL, "no-store");
        Self(response.finish())
    }

    /// What went wrong, as a page.
    ///
    /// # Errors
    /// The problem itself, for a client that wants no page.
    pub fn problem(request: &Request, problem: Problem) -> Result<Self, Problem> {
        let wants = |media| negotiate::quality(request.headers(), media);
        // A browser that navigates names HTML; others take anything, or JSON.
        if wants("text/html") <= wants("application/problem+json") {
            return Err(problem);
        }
        let mut response = Response::builder()
            .status(StatusCode::from_u16(problem.status).unwrap_or(StatusCode::BAD_REQUEST))
            .header(header::CONTENT_TYPE, "text/html; charset=utf-8")
            .header(header::CACHE_CONTROL, "no-store")
            .header(header::CONTENT_SECURITY_POLICY, POLICY);
        if let Some(seconds) = problem.retry_after {
            response = response.header(header::RETRY_AFTER, seconds.to_string());
        }
        Ok(Self(response.body(page(request, &problem))))
    }
}

/// The problem in words, and what can be done about it.
fn page(request: &Request, problem: &Problem) -> String {
    let query = request.uri().query().unwrap_or_default();
    let here = escape(&format!("?{query}"));
    let temporary = problem.status >= 500 || problem.status == 429;
    let again = query_parameter(request, AGAIN).is_some();
    // In a frame, a browser keeps the cookie to itself when another site leads here. It gives it
    // when we do.
    let reload = if problem.code == "wrong_browser" && !again {
        format!(r#"<meta http-equiv="refresh" content="0;url={here}&amp;{AGAIN}=1">"#)
    } else {
        String::new()
    };
    let retry = if temporary {
        format!(r#"<p><a class="main" href="{here}">重试 · Try again</a></p>"#)
    } else {
        String::new()
    };
    let (zh, en) = words(problem);
    let detail = escape(&problem.detail);
    format!(
        r#"<!doctype html>
<html lang="zh-CN">
<head>
  <meta charset="utf-8">
  <meta name="viewport" content="width=device-width, initial-scale=1">
  <meta name="robots" content="noindex">
  <title>Saoma</title>
  {reload}<link rel="stylesheet" href="../../../phone.css">
</head>
<body>
  <main class="phone">
    <h1>{zh}</h1>
    <p class="lead" lang="en">{en}</p>
    <p class="problem" lang="en">{detail}</p>
    {retry}
  </main>
</body>
</html>
"#
    )
}

fn words(problem: &Problem) -> (&'static str, &'static str) {
    match &*problem.code {
        "wrong_browser" => (
            "请在发起登录的浏览器中操作",
            "This login was begun in another browser. Go back to the page and begin anew.",
        ),
        "expired" | "not_found" => {
            ("登录已过期", "This login is over. Go back to the page and begin anew.")
        }
        "wrong_state" | "already_scanned" => {
            ("本次登录已结束", "This login has been answered. Go back to the page.")
        }
        "invalid_login_code" => {
            ("登录凭证无效", "WeChat's answer has been used or is too old. Begin anew on the page.")
        }
        _ => ("登录未完成", "The login did not go through."),
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

impl IntoResponse for Returned {
    fn into_response(self) -> Response {
        self.0
    }
}

impl ApiResponse for Returned {
    fn meta() -> MetaResponses {
        let location = MetaHeader {
            name: "Location".to_owned(),
            description: Some(
                "A page that says how it went, with the phone token in the fragment.".to_owned(),
            ),
            required: true,
            deprecated: false,
            schema: <String as Type>::schema_ref(),
        };
        let onward = MetaResponse {
            description: "The browser goes on to a page that says how it went.",
            status: Some(303),
            status_range: None,
            content: Vec::new(),
            headers: vec![location],
        };
        MetaResponses { responses: vec![onward] }
    }

    fn register(_: &mut Registry) {}
}
