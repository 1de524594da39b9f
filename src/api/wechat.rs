//! What `WeChat` calls, and where its page sends browsers back to.

use std::sync::Arc;

use poem::http::header;
use poem::{FromRequest, IntoResponse, Request, RequestBody, Response};
use poem_openapi::param::{Path, Query};
use poem_openapi::registry::{
    MetaMediaType, MetaRequest, MetaResponse, MetaResponses, MetaSchema, MetaSchemaRef, Registry,
};
use poem_openapi::{ApiExtractor, ApiExtractorType, ApiResponse, ExtractParamOptions, OpenApi};

use super::cookie;
use super::credentials::scene;
use super::json;
use super::problem::Problem;
use super::returning::Returned;
use super::sessions::Audience;
use crate::login::Login;
use crate::login::ports::Pushed;
use crate::login::website::Return;

const TEXT: &str = "text/plain";

/// The operations.
#[derive(Clone)]
pub struct WeChat {
    /// The core.
    pub login: Arc<Login>,
}

/// Where the page of a namespace's provider sends browsers back to.
#[must_use]
pub fn callback_path(namespace: &str) -> String {
    format!("/v1/wechat/{namespace}/callback")
}

/// A pushed text, whatever media type it is labelled with.
pub struct PushedText(Pushed);

impl<'a> ApiExtractor<'a> for PushedText {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::RequestObject];

    type ParamType = ();
    type ParamRawType = ();

    fn request_meta() -> Option<MetaRequest> {
        let schema = MetaSchemaRef::Inline(Box::new(MetaSchema::new("string")));
        Some(MetaRequest {
            description: Some("The XML of an event as WeChat writes it, plain or sealed."),
            // WeChat calls it `text/xml`: a body that progenitor refuses to make a client with.
            content: vec![MetaMediaType { content_type: TEXT, schema }],
            required: true,
        })
    }

    async fn from_request(
        request: &'a Request,
        body: &mut RequestBody,
        _: ExtractParamOptions<()>,
    ) -> poem::Result<Self> {
        let body = json::read(request, body).await?;
        Ok(Self(Pushed { query: query(request), body: Some(body.into()) }))
    }
}

/// What `WeChat` is answered: a bare text.
pub struct Answered(String);

impl IntoResponse for Answered {
    fn into_response(self) -> Response {
        Response::builder()
            .header(header::CONTENT_TYPE, TEXT)
            .header(header::CACHE_CONTROL, "no-store")
            .body(self.0)
    }
}

impl ApiResponse for Answered {
    fn meta() -> MetaResponses {
        let schema = MetaSchemaRef::Inline(Box::new(MetaSchema::new("string")));
        let answered = MetaResponse {
            description: "`success`, or the text that the console wants back.",
            status: Some(200),
            status_range: None,
            content: vec![MetaMediaType { content_type: TEXT, schema }],
            headers: Vec::new(),
        };
        MetaResponses { responses: vec![answered] }
    }

    fn register(_: &mut Registry) {}
}

/// A question without a body.
pub struct Asked(Pushed);

impl<'a> FromRequest<'a> for Asked {
    async fn from_request(request: &'a Request, _: &mut RequestBody) -> poem::Result<Self> {
        Ok(Self(Pushed { query: query(request), body: None }))
    }
}

fn query(request: &Request) -> Vec<(String, String)> {
    let query = request.uri().query().unwrap_or_default();
    form_urlencoded::parse(query.as_bytes()).into_owned().collect()
}

#[OpenApi(tag = "Audience::WeChat")]
impl WeChat {
    /// Answer the console's check
    ///
    /// Where an official account's events go, its console asks whether somebody is there. Signed
    /// with the account's token.
    #[oai(
        path = "/v1/wechat/:namespace/events",
        method = "get",
        operation_id = "checkWeChatEvents"
    )]
    #[expect(clippy::unused_async, reason = "operations are")]
    async fn check(
        &self,
        asked: Asked,
        /// The namespace.
        namespace: Path<String>,
    ) -> Result<Answered, Problem> {
        Ok(Answered(self.login.hear(&namespace, &asked.0)?))
    }

    /// Take an event of an official account
    ///
    /// Answered `success` at once; anything else would be shown to the person as a fault.
    #[oai(path = "/v1/wechat/:namespace/events", method = "post", operation_id = "takeWeChatEvent")]
    #[expect(clippy::unused_async, reason = "operations are")]
    async fn push(
        &self,
        /// The namespace.
        namespace: Path<String>,
        body: PushedText,
    ) -> Result<Answered, Problem> {
        Ok(Answered(self.login.hear(&namespace, &body.0)?))
    }

    /// Come back from WeChat's page
    ///
    /// Where the open platform's page sends the browser. Only the browser that opened the session
    /// gets on. A browser that asks for HTML is shown its problems as a page.
    #[oai(
        path = "/v1/wechat/:namespace/callback",
        method = "get",
        operation_id = "returnFromWeChat"
    )]
    async fn callback(
        &self,
        request: &Request,
        /// The namespace.
        namespace: Path<String>,
        /// WeChat's word on who it was; none if they refused.
        code: Query<Option<String>>,
        /// The scene that the page was opened with.
        state: Query<Option<String>>,
    ) -> Result<Returned, Problem> {
        match self.come_back(request, &namespace, code.0, state.0.as_deref()).await {
            Ok(page) => Ok(Returned::to(&page)),
            Err(problem) => Returned::problem(request, problem),
        }
    }
}

impl WeChat {
    async fn come_back(
        &self,
        request: &Request,
        namespace: &str,
        code: Option<String>,
        state: Option<&str>,
    ) -> Result<String, Problem> {
        let missing = || Problem::bad_request("the parameter `state` is missing");
        let scene = scene(state.ok_or_else(missing)?)?;
        // Present without a value is a refusal as well.
        let code = code.filter(|code| !str::is_empty(code));
        let secret = cookie::get_for_return(request, &scene);
        let back = Return { scene: scene.clone(), code, secret };
        let scanned = self.login.come_back(namespace, back).await?;
        // Relative, so that a proxy may serve us under a path of its own.
        Ok(match scanned {
            Some(scanned) => {
                format!("../../../wechat/{scene}#phone_token={}", scanned.token.as_str())
            }
            None => format!("../../../wechat/{scene}#rejected"),
        })
    }
}
