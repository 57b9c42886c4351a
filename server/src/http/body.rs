//! Reads the JSON of a request, within a limit, and names the field where it is wrong.

use std::future::Future;
use std::pin::Pin;

use actix_web::dev::Payload;
use actix_web::http::header;
use actix_web::web::{Bytes, BytesMut};
use actix_web::{FromRequest, HttpRequest};
use futures_util::StreamExt;
use powerjob_common::reason::{Reason, ReasonCode};
use powerjob_protocol::api::problem::FieldError;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde_json::error::Category;

use super::error::{ApiError, Code};

/// Largest body of an ordinary request: parameters of 1 MiB fit, with room for their escapes.
pub(super) const BODY_LIMIT: usize = 2 << 20;
/// Largest body of a batch.
pub(super) const BATCH_LIMIT: usize = 16 << 20;

/// The JSON body of a request. An empty body counts as `{}`.
#[derive(Debug)]
pub(super) struct Body<T, const LIMIT: usize = BODY_LIMIT>(pub T);

/// The JSON body of a batch.
pub(super) type BatchBody<T> = Body<T, BATCH_LIMIT>;

impl<T: DeserializeOwned + 'static, const LIMIT: usize> FromRequest for Body<T, LIMIT> {
    type Error = ApiError;
    type Future = Pin<Box<dyn Future<Output = Result<Self, ApiError>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let request = request.clone();
        let payload = payload.take();
        Box::pin(async move {
            let bytes = read(&request, payload, LIMIT).await?;
            if !bytes.is_empty() {
                check_form(&request)?;
            }
            parse(if bytes.is_empty() { b"{}" } else { &bytes }).map(Body)
        })
    }
}

/// All bytes of a body within a limit.
pub(super) async fn read(
    request: &HttpRequest,
    mut payload: Payload,
    limit: usize,
) -> Result<Bytes, ApiError> {
    let announced = header_text(request, header::CONTENT_LENGTH)
        .and_then(|text| text.parse::<usize>().ok())
        .unwrap_or(0);
    if announced > limit {
        return Err(too_large(limit));
    }
    let mut bytes = BytesMut::with_capacity(announced);
    while let Some(chunk) = payload.next().await {
        let chunk = chunk.map_err(|_| Code::IncompleteBody)?;
        if bytes.len() + chunk.len() > limit {
            return Err(too_large(limit));
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes.freeze())
}

fn too_large(limit: usize) -> ApiError {
    ApiError::from(Code::BodyTooLarge).with_detail(format!("the limit is {limit} bytes"))
}

/// Only JSON, not compressed. A body without a content type is taken for JSON.
fn check_form(request: &HttpRequest) -> Result<(), ApiError> {
    let unsupported = |name: &str, found: &str| {
        ApiError::from(Code::UnsupportedMediaType).with_detail(format!(
            "{name} {found} is not understood; send application/json"
        ))
    };
    if let Some(encoding) = header_text(request, header::CONTENT_ENCODING)
        && !encoding.eq_ignore_ascii_case("identity")
    {
        return Err(unsupported("content encoding", encoding));
    }
    let Some(content_type) = header_text(request, header::CONTENT_TYPE) else {
        return Ok(());
    };
    let essence = content_type
        .split(';')
        .next()
        .unwrap_or_default()
        .trim()
        .to_ascii_lowercase();
    if essence == "application/json" || essence.ends_with("+json") {
        Ok(())
    } else {
        Err(unsupported("content type", content_type))
    }
}

fn header_text(request: &HttpRequest, name: header::HeaderName) -> Option<&str> {
    request.headers().get(name)?.to_str().ok()
}

/// Parses JSON; the second, slower pass that finds the path of a mistake runs only after a failure.
fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ApiError> {
    if bytes.trim_ascii_start().first() != Some(&b'{') {
        // serde would take an array for a struct: fields without names, in some order.
        return Err(not_an_object(bytes));
    }
    serde_json::from_slice(bytes).map_err(|error| match error.classify() {
        Category::Data => wrong_field(locate::<T>(bytes)),
        Category::Syntax | Category::Eof | Category::Io => not_json(&error),
    })
}

fn not_an_object(bytes: &[u8]) -> ApiError {
    match serde_json::from_slice::<IgnoredAny>(bytes) {
        Ok(_) => wrong_field(FieldError::new("", ReasonCode::NotAnObject)),
        Err(error) => not_json(&error),
    }
}

fn not_json(error: &serde_json::Error) -> ApiError {
    ApiError::from(Code::InvalidJson).with_detail(error.to_string())
}

fn wrong_field(error: FieldError) -> ApiError {
    ApiError::from(Code::ValidationFailed).with_fields(vec![error])
}

fn locate<T: DeserializeOwned>(bytes: &[u8]) -> FieldError {
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    match serde_path_to_error::deserialize::<_, T>(&mut deserializer) {
        Ok(_) => FieldError::new("", not_understood("not understood")),
        Err(error) => field_error(&error.path().to_string(), &error.inner().to_string()),
    }
}

fn field_error(path: &str, message: &str) -> FieldError {
    let reason = message
        .rsplit_once(" at line ")
        .map_or(message, |(reason, _)| reason);
    let path = if path == "." { "" } else { path };
    let (name, reason) = read_message(reason);
    let name = name.filter(|name| path.rsplit('.').next() != Some(*name));
    let field = match (path, name) {
        ("", Some(name)) => name.to_owned(),
        (path, Some(name)) => format!("{path}.{name}"),
        (path, None) => path.to_owned(),
    };
    FieldError::new(field, reason)
}

/// The name of the field that serde complains about, where it names one, and the reason.
fn read_message(message: &str) -> (Option<&str>, Reason) {
    let named = |start: &str| message.strip_prefix(start)?.split_once('`');
    if let Some((name, _)) = named("missing field `") {
        return (
            Some(name),
            Reason::new(ReasonCode::FieldMissing, "name", name),
        );
    }
    if let Some((name, rest)) = named("unknown field `") {
        let reason = Reason::new(ReasonCode::FieldUnknown, "name", name)
            .with("message", rest.trim_start_matches(", "));
        return (Some(name), reason);
    }
    (None, not_understood(message))
}

fn not_understood(message: &str) -> Reason {
    Reason::new(ReasonCode::NotUnderstood, "message", message)
}

#[cfg(test)]
mod tests {
    use powerjob_protocol::api::job::JobInput;

    use super::*;

    fn check(json: &str, field: &str, reason_has: &str) {
        let error = parse::<JobInput>(json.as_bytes()).expect_err(json);
        assert_eq!(error.code, Code::ValidationFailed, "{json}");
        assert_eq!(error.errors.len(), 1, "{json}");
        assert_eq!(error.errors[0].field, field, "{json}");
        assert!(
            error.errors[0].reason.contains(reason_has),
            "{:?}",
            error.errors[0]
        );
    }

    #[test]
    fn mistakes_are_named_by_their_path() {
        check(
            r#"{"name":"a","schedule":{"type":"X"},"processor":"p"}"#,
            "schedule.type",
            "CRON",
        );
        check(
            r#"{"name":"a","schedule":{"type":"API"},"processor":1}"#,
            "processor",
            "string",
        );
        check(
            r#"{"name":"a","schedule":{"type":"API"}}"#,
            "processor",
            "missing",
        );
        check(
            r#"{"name":"a","schedule":{},"processor":"p"}"#,
            "schedule.type",
            "missing",
        );
        check(r#"{"nam":"a"}"#, "nam", "unknown field");
        check(
            r#"{"name":"a","schedule":{"type":"API","zoen":1},"processor":"p"}"#,
            "schedule.zoen",
            "unknown field",
        );
        check("[]", "", "object");
    }

    #[test]
    fn what_is_not_json_says_where() {
        let error = parse::<JobInput>(b"{\"name\":").expect_err("cut off");
        assert_eq!(error.code, Code::InvalidJson);
        assert!(error.detail.expect("a place").contains("line 1"));
    }
}
