//! Form bodies: what OAuth's own calls are sent as (RFC 7662, RFC 7009), by libraries that know no
//! other way.

use poem::http::StatusCode;
use poem::{Request, RequestBody};
use poem_openapi::registry::{MetaMediaType, MetaRequest, Registry};
use poem_openapi::types::{ParseFromJSON, Type};
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions};
use serde_json::{Map, Value};

use super::json::read;
use super::problem::Problem;

const MEDIA_TYPE: &str = "application/x-www-form-urlencoded";

/// A body of parameters, each of which is a text.
#[derive(Debug)]
pub struct Form<T>(pub T);

impl<'a, T: Type + ParseFromJSON + Send> ApiExtractor<'a> for Form<T> {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::RequestObject];

    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        T::register(registry);
    }

    fn request_meta() -> Option<MetaRequest> {
        Some(MetaRequest {
            description: None,
            content: vec![MetaMediaType { content_type: MEDIA_TYPE, schema: T::schema_ref() }],
            required: T::IS_REQUIRED,
        })
    }

    async fn from_request(
        request: &'a Request,
        body: &mut RequestBody,
        _: ExtractParamOptions<()>,
    ) -> poem::Result<Self> {
        let named = request.content_type().map(str::parse::<mime::Mime>);
        let bytes = read(request, body).await?;
        if named.is_some_and(|named| !named.is_ok_and(|it| it.essence_str() == MEDIA_TYPE)) {
            let status = StatusCode::UNSUPPORTED_MEDIA_TYPE;
            let detail = format!("the body must be {MEDIA_TYPE}");
            return Err(Problem::new(status, "unsupported_media_type", detail).into());
        }
        let mut fields = Map::new();
        for (name, value) in form_urlencoded::parse(&bytes) {
            // Whoever reads the first would see another request than who reads the last.
            if fields.insert(name.into_owned(), Value::String(value.into_owned())).is_some() {
                return Err(Problem::bad_request("a parameter is there twice").into());
            }
        }
        let parsed = T::parse_from_json(Some(Value::Object(fields)));
        parsed.map(Form).map_err(|error| Problem::bad_request(error.into_message()).into())
    }
}
