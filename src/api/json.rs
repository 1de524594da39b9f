//! JSON bodies: strict on the way in, bare `application/json` on the way out.
//!
//! poem-openapi's own `Json` names a charset that generators stumble over, and its `String` takes
//! numbers for texts.

use std::borrow::Cow;
use std::time::Duration;

use poem::http::{StatusCode, header};
use poem::{FromRequest, IntoResponse, Request, RequestBody, Response};
use poem_openapi::payload::Payload;
use poem_openapi::registry::{
    MetaMediaType, MetaRequest, MetaResponse, MetaResponses, MetaSchema, MetaSchemaRef, Registry,
};
use poem_openapi::types::{ParseError, ParseFromJSON, ParseResult, ToJSON, Type};
use poem_openapi::{ApiExtractor, ApiExtractorType, ApiResponse, ExtractParamOptions};
use serde_json::Value;
use tokio::time::timeout;

use super::problem::Problem;

const MEDIA_TYPE: &str = "application/json";
/// The greatest body, in bytes.
const MOST_BYTES: usize = 64 * 1024;
/// How long a client may take over a body.
pub const BODY_TIMEOUT: Duration = Duration::from_secs(10);

/// A JSON body.
#[derive(Debug)]
pub struct Json<T>(pub T);

impl<T: Type> Payload for Json<T> {
    const CONTENT_TYPE: &'static str = MEDIA_TYPE;

    fn schema_ref() -> MetaSchemaRef {
        T::schema_ref()
    }

    fn register(registry: &mut Registry) {
        T::register(registry);
    }
}

impl<T: ToJSON> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        // What the API says is about one session at one moment.
        Response::builder()
            .header(header::CONTENT_TYPE, MEDIA_TYPE)
            .header(header::CACHE_CONTROL, "no-store")
            .body(self.0.to_json().unwrap_or_default().to_string())
    }
}

impl<T: ToJSON> ApiResponse for Json<T> {
    fn meta() -> MetaResponses {
        MetaResponses {
            responses: vec![MetaResponse {
                description: "Done.",
                status: Some(200),
                status_range: None,
                content: vec![MetaMediaType { content_type: MEDIA_TYPE, schema: T::schema_ref() }],
                headers: vec![],
            }],
        }
    }

    fn register(registry: &mut Registry) {
        T::register(registry);
    }
}

impl<'a, T: ParseFromJSON + Send> ApiExtractor<'a> for Json<T> {
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
        let json = |media: &mime::Mime| {
            media.type_() == mime::APPLICATION
                && (media.subtype() == mime::JSON || media.suffix() == Some(mime::JSON))
        };
        let bytes = read(request, body).await?;
        if !bytes.is_empty() && named.is_some_and(|named| !named.is_ok_and(|media| json(&media))) {
            let status = StatusCode::UNSUPPORTED_MEDIA_TYPE;
            let detail = "the body must be application/json";
            return Err(Problem::new(status, "unsupported_media_type", detail).into());
        }
        let value = if bytes.is_empty() && !T::IS_REQUIRED {
            None
        } else {
            let value: Value = serde_json::from_slice(&bytes).map_err(|error| {
                Problem::bad_request(format!(
                    "the body is not JSON (line {}, column {})",
                    error.line(),
                    error.column()
                ))
            })?;
            Some(value)
        };
        let parsed = T::parse_from_json(value);
        parsed.map(Json).map_err(|error| Problem::bad_request(error.into_message()).into())
    }
}

/// A body that nobody wants: read all the same, so that one that is too large changes nothing.
#[derive(Debug)]
pub struct Unwanted;

impl<'a> FromRequest<'a> for Unwanted {
    async fn from_request(request: &'a Request, body: &mut RequestBody) -> poem::Result<Self> {
        read(request, body).await.map(|_| Self)
    }
}

/// A whole body of at most 64 KiB.
///
/// # Errors
/// 408, 413, or 400 if it did not come whole.
pub async fn read(request: &Request, body: &mut RequestBody) -> poem::Result<Vec<u8>> {
    let too_large = || {
        let detail = "the body is over 64 KiB";
        poem::Error::from(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", detail))
    };
    let announced = request.header(header::CONTENT_LENGTH).and_then(|n| n.parse::<u64>().ok());
    if announced.is_some_and(|length| length > MOST_BYTES as u64) {
        return Err(too_large());
    }
    let body = <poem::Body as FromRequest>::from_request(request, body).await?;
    match timeout(BODY_TIMEOUT, body.into_bytes_limit(MOST_BYTES)).await {
        Ok(Ok(bytes)) => Ok(bytes.into()),
        Ok(Err(poem::error::ReadBodyError::PayloadTooLarge)) => Err(too_large()),
        Ok(Err(_)) => Err(Problem::bad_request("the body did not come whole").into()),
        Err(_) => Err(Problem::body_late().into()),
    }
}

/// A text that is a text: no number, no boolean.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Text(pub String);

impl AsRef<str> for Text {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl Type for Text {
    const IS_REQUIRED: bool = true;

    type RawValueType = Self;
    type RawElementValueType = Self;

    fn name() -> Cow<'static, str> {
        "string".into()
    }

    fn schema_ref() -> MetaSchemaRef {
        MetaSchemaRef::Inline(Box::new(MetaSchema::new("string")))
    }

    fn as_raw_value(&self) -> Option<&Self> {
        Some(self)
    }

    fn raw_element_iter<'a>(&'a self) -> Box<dyn Iterator<Item = &'a Self> + 'a> {
        Box::new(std::iter::once(self))
    }
}

impl ParseFromJSON for Text {
    fn parse_from_json(value: Option<Value>) -> ParseResult<Self> {
        match value {
            Some(Value::String(text)) => Ok(Self(text)),
            Some(other) => Err(ParseError::expected_type(other)),
            None => Err(ParseError::expected_input()),
        }
    }
}

impl ToJSON for Text {
    fn to_json(&self) -> Option<Value> {
        Some(self.0.clone().into())
    }
}

/// Any JSON that is there: null, but not nothing.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Anything(pub Value);

impl Type for Anything {
    const IS_REQUIRED: bool = true;

    type RawValueType = Self;
    type RawElementValueType = Self;

    fn name() -> Cow<'static, str> {
        "any".into()
    }

    fn schema_ref() -> MetaSchemaRef {
        MetaSchemaRef::Inline(Box::new(MetaSchema::ANY))
    }

    fn as_raw_value(&self) -> Option<&Self> {
        Some(self)
    }

    fn raw_element_iter<'a>(&'a self) -> Box<dyn Iterator<Item = &'a Self> + 'a> {
        Box::new(std::iter::once(self))
    }
}

impl ParseFromJSON for Anything {
    fn parse_from_json(value: Option<Value>) -> ParseResult<Self> {
        value.map(Self).ok_or_else(ParseError::expected_input)
    }
}

impl ToJSON for Anything {
    fn to_json(&self) -> Option<Value> {
        Some(self.0.clone())
    }
}
