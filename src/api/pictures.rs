//! The pictures of codes that are kept, where no other server shows them.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use poem::http::{StatusCode, header};
use poem::{Request, Response, Route, endpoint, get};

use super::pages::{Form, has};
use super::problem::Problem;
use crate::login::LoginError;
use crate::login::ports::Image;

/// A picture by its name, if one is kept under it.
pub type Kept =
    Arc<dyn Fn(String) -> BoxFuture<'static, Result<Option<Image>, LoginError>> + Send + Sync>;

/// A picture's name is never used again.
const FOR_EVER: &str = "public, max-age=31536000, immutable";
/// It is looked at, by pages of any origin, and does nothing.
const POLICY: &str = "default-src 'none'";

/// Adds the pictures to a route.
#[must_use]
pub fn add(route: Route, kept: Kept) -> Route {
    route.at(
        "/codes/:name",
        get(endpoint::make(move |request: Request| {
            let kept = Arc::clone(&kept);
            async move { poem::Result::<Response>::Ok(picture(&request, &kept).await?) }
        })),
    )
}

async fn picture(request: &Request, kept: &Kept) -> Result<Response, Problem> {
    let absent = || Problem::from(LoginError::NotFound("picture"));
    let name = request.path_params::<String>().map_err(|_| absent())?;
    let Image { media_type, bytes } = kept(name).await?.ok_or_else(absent)?;
    let form = Form::of(bytes);
    let response = Response::builder()
        .header(header::CACHE_CONTROL, FOR_EVER)
        .header(header::CONTENT_SECURITY_POLICY, POLICY)
        .header("cross-origin-resource-policy", "cross-origin")
        .header(header::ETAG, &form.tag);
    if has(request.headers(), &form.tag) {
        return Ok(response.status(StatusCode::NOT_MODIFIED).finish());
    }
    Ok(response.header(header::CONTENT_TYPE, media_type).body(form.bytes))
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use poem::endpoint::BoxEndpoint;
    use poem::http::{HeaderMap, Method};
    use poem::{Endpoint, EndpointExt};

    use super::*;
    use crate::api::catch::{Caught, Routes};
    use crate::api::cors::Cors;
    use crate::entropy::Entropy;
    use crate::login::ports::{Fault, PortError};
    use crate::metrics::Metrics;

    /// A server that keeps one picture, and of one name cannot tell.
    fn server() -> BoxEndpoint<'static, Response> {
        let kept: Kept = Arc::new(|name| {
            let image = Image { media_type: "image/png", bytes: Bytes::from_static(b"picture") };
            let away = PortError::new(Fault::Unavailable, "storage_unavailable", "it is away");
            Box::pin(async move {
                match name.as_str() {
                    "a.png" => Ok(Some(image)),
                    "away.png" => Err(LoginError::Port(away)),
                    _ => Ok(None),
                }
            })
        });
        let inner = add(Route::new(), kept).map_to_response().boxed();
        let (routes, cors, entropy) = (Routes::default(), Cors::default(), Entropy::system());
        let metrics = Arc::new(Metrics::new().expect("metrics"));
        Caught { inner, routes, cors, entropy, metrics }.boxed()
    }

    async fn ask(method: Method, path: &str, tag: &str) -> (StatusCode, HeaderMap, String) {
        let request = Request::builder().method(method).uri(path.parse().expect("a path"));
        let request = request.header(header::IF_NONE_MATCH, tag).finish();
        let response = server().get_response(request).await;
        let (parts, body) = response.into_parts();
        (parts.status, parts.headers, body.into_string().await.expect("text"))
    }

    #[tokio::test]
    async fn a_picture_may_be_kept_for_ever_and_do_nothing() {
        let (status, headers, body) = ask(Method::GET, "/codes/a.png", "").await;
        assert_eq!((status, &*body), (StatusCode::OK, "picture"));
        for (name, value) in [
            ("content-type", "image/png"),
            ("cache-control", "public, max-age=31536000, immutable"),
            ("content-security-policy", "default-src 'none'"),
            ("cross-origin-resource-policy", "cross-origin"),
            ("x-content-type-options", "nosniff"),
        ] {
            assert_eq!(headers[name], value, "{name}");
        }
        let (status, head, body) = ask(Method::HEAD, "/codes/a.png", "").await;
        assert_eq!((status, &*body), (StatusCode::OK, ""));
        assert_eq!(head[header::CONTENT_TYPE], headers[header::CONTENT_TYPE]);
    }

    #[tokio::test]
    async fn a_picture_that_one_has_is_not_sent_again() {
        let (_, headers, _) = ask(Method::GET, "/codes/a.png", "").await;
        let tag = headers[header::ETAG].to_str().expect("text");
        let (status, again, body) = ask(Method::GET, "/codes/a.png", tag).await;
        assert_eq!((status, &*body), (StatusCode::NOT_MODIFIED, ""));
        assert_eq!(again[header::CACHE_CONTROL], headers[header::CACHE_CONTROL]);
        assert_eq!(ask(Method::GET, "/codes/a.png", "\"other\"").await.0, StatusCode::OK);
    }

    #[tokio::test]
    async fn what_is_not_kept_is_a_problem_that_no_cache_holds() {
        for path in [
            "/codes/b.png",
            "/codes/",
            "/codes/../a.png",
            "/codes/%2e%2e%2fa.png",
            "/codes/x/a.png",
            "/codes/x%2fa.png",
            "/codes/a.png%00",
            "/codes/%ff",
        ] {
            let (status, headers, body) = ask(Method::GET, path, "").await;
            assert_eq!(status, StatusCode::NOT_FOUND, "{path}");
            assert_eq!(headers[header::CONTENT_TYPE], "application/problem+json", "{path}");
            assert_eq!(headers[header::CACHE_CONTROL], "no-store", "{path}");
            assert!(body.contains("\"not_found\""), "{path}: {body}");
        }
    }

    #[tokio::test]
    async fn a_storage_that_is_away_is_no_picture_that_is_not_there() {
        let (status, headers, body) = ask(Method::GET, "/codes/away.png", "").await;
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
        assert!(headers.contains_key(header::RETRY_AFTER));
        assert!(body.contains("storage_unavailable"), "{body}");
    }

    #[tokio::test]
    async fn a_picture_can_be_asked_for_and_nothing_else() {
        let (status, headers, _) = ask(Method::POST, "/codes/a.png", "").await;
        assert_eq!(status, StatusCode::METHOD_NOT_ALLOWED);
        assert_eq!(headers[header::ALLOW], "GET, HEAD");
    }
}
