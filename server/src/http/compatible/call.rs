//! A request as the reference reads it: parameters of query and form, and a JSON body.

use std::collections::BTreeMap;

use actix_web::HttpRequest;
use actix_web::http::header;
use actix_web::web::{self, Bytes};
use powerjob_common::time::UnixMillis;
use serde_json::{Map, Value};

use super::failure::Failure;

/// Largest body.
pub(super) const BODY_LIMIT: usize = 8 << 20;

/// What a route reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Input {
    /// Query and form.
    Params,
    /// A JSON body, beside the query.
    Json,
    /// A JSON body that may be missing.
    JsonOrNothing,
}

/// What a request says.
#[derive(Debug, Clone, Default)]
pub(super) struct Call {
    params: BTreeMap<String, String>,
    /// `Null` where there is none.
    pub(super) body: Value,
}

impl Call {
    /// # Errors
    /// In the reference's words.
    pub(super) fn read(
        request: &HttpRequest,
        input: Input,
        bytes: &Bytes,
    ) -> Result<Self, Failure> {
        let mut call = Self::default();
        call.add_params(request.query_string());
        let content_type = content_type(request);
        let essence = content_type.split(';').next().unwrap_or_default().trim();
        let essence = essence.to_ascii_lowercase();
        match input {
            Input::Params if essence == "application/x-www-form-urlencoded" => {
                call.add_params(&String::from_utf8_lossy(bytes));
            }
            Input::Params => {}
            Input::JsonOrNothing if bytes.is_empty() => {}
            Input::Json if bytes.is_empty() && essence.is_empty() => {
                return Err(Failure::exception(
                    "HttpMessageNotReadableException",
                    "Required request body is missing",
                ));
            }
            Input::Json | Input::JsonOrNothing => {
                let is_json = essence == "application/json" || essence.ends_with("+json");
                if !is_json && !essence.is_empty() {
                    return Err(unsupported(&content_type));
                }
                call.body = parse(bytes)?;
            }
        }
        Ok(call)
    }

    fn add_params(&mut self, text: &str) {
        let pairs = web::Query::<Vec<(String, String)>>::from_query(text);
        for (name, value) in pairs.map(web::Query::into_inner).unwrap_or_default() {
            self.params.entry(name).or_insert(value);
        }
    }

    /// A text parameter.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.params.get(name).map(String::as_str)
    }

    /// A number parameter; an empty one is absent.
    pub(super) fn long(&self, name: &str) -> Result<Option<i64>, Failure> {
        let Some(text) = self.text(name).map(str::trim).filter(|it| !it.is_empty()) else {
            return Ok(None);
        };
        text.parse().map(Some).map_err(|_| {
            Failure::exception(
                "MethodArgumentTypeMismatchException",
                format!(
                    "Failed to convert value of type 'java.lang.String' to required type \
                     'java.lang.Long'; nested exception is java.lang.NumberFormatException: \
                     For input string: \"{text}\""
                ),
            )
        })
    }

    /// A number that the reference takes as text and reads by hand.
    pub(super) fn number(&self, name: &str) -> Result<i64, Failure> {
        parse_number(self.text(name))
    }

    /// The fields of the body.
    pub(super) fn fields(&self) -> Result<Fields<'_>, Failure> {
        Fields::of(&self.body)
    }
}

/// A number as `Long.parseLong` reads it.
pub(super) fn parse_number(text: Option<&str>) -> Result<i64, Failure> {
    let class = "NumberFormatException";
    let text = text.ok_or_else(|| Failure::exception(class, "Cannot parse null string"))?;
    let wrong = |_| Failure::exception(class, format!("For input string: \"{text}\""));
    text.parse().map_err(wrong)
}

/// The value of a header; what the console sends for an empty storage is absent.
pub(super) fn header_text<'a>(request: &'a HttpRequest, name: &str) -> Option<&'a str> {
    let text = request.headers().get(name)?.to_str().ok()?;
    let is_absent = ["null", "undefined"]
        .iter()
        .any(|absent| text.eq_ignore_ascii_case(absent));
    (!is_absent && !text.is_empty()).then_some(text)
}

fn content_type(request: &HttpRequest) -> String {
    let value = request.headers().get(header::CONTENT_TYPE);
    let text = value.and_then(|value| value.to_str().ok());
    text.unwrap_or_default().to_owned()
}

fn unsupported(content_type: &str) -> Failure {
    let charset = if content_type.contains("charset") {
        ""
    } else {
        ";charset=UTF-8"
    };
    Failure::exception(
        "HttpMediaTypeNotSupportedException",
        format!("Content type '{content_type}{charset}' not supported"),
    )
}

/// The first value of the text: what follows it does not count.
fn parse(bytes: &[u8]) -> Result<Value, Failure> {
    let mut values = serde_json::Deserializer::from_slice(bytes).into_iter();
    match values.next() {
        Some(Ok(value)) => Ok(value),
        Some(Err(error)) => Err(Failure::unreadable(error)),
        None => Err(Failure::unreadable("No content to map due to end-of-input")),
    }
}

/// The fields of an object by the reference's rules (spec 06 section 2.2): unknown ones do not
/// matter, numbers may be texts, `null` is as good as absent.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fields<'a>(&'a Map<String, Value>);

impl<'a> Fields<'a> {
    pub(super) fn of(value: &'a Value) -> Result<Self, Failure> {
        let object = value.as_object().map(Self);
        object.ok_or_else(|| Failure::unreadable("an object is expected"))
    }

    fn get(self, name: &str) -> Option<&'a Value> {
        self.0.get(name).filter(|value| !value.is_null())
    }

    pub(super) fn long(self, name: &str) -> Result<Option<i64>, Failure> {
        self.get(name).map_or(Ok(None), |value| long(name, value))
    }

    pub(super) fn double(self, name: &str) -> Result<f64, Failure> {
        match self.get(name) {
            None => Ok(0.0),
            Some(Value::Number(number)) => Ok(number.as_f64().unwrap_or_default()),
            Some(Value::String(text)) if text.trim().is_empty() => Ok(0.0),
            Some(Value::String(text)) => text.trim().parse().map_err(|_| wrong(name, "double")),
            Some(_) => Err(wrong(name, "double")),
        }
    }

    /// A yes or no: absent it is `absent`, `null` is no.
    pub(super) fn flag(self, name: &str, absent: bool) -> Result<bool, Failure> {
        match self.0.get(name) {
            None => Ok(absent),
            Some(Value::Null) => Ok(false),
            Some(Value::Bool(flag)) => Ok(*flag),
            Some(Value::Number(number)) => Ok(number.as_f64() != Some(0.0)),
            Some(Value::String(text)) => match text.trim() {
                "" => Ok(false),
                text if text.eq_ignore_ascii_case("true") => Ok(true),
                text if text.eq_ignore_ascii_case("false") => Ok(false),
                _ => Err(wrong(name, "boolean")),
            },
            Some(_) => Err(wrong(name, "boolean")),
        }
    }

    pub(super) fn text(self, name: &str) -> Result<Option<String>, Failure> {
        match self.get(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(Value::Number(number)) => Ok(Some(number.to_string())),
            Some(Value::Bool(flag)) => Ok(Some(flag.to_string())),
            Some(_) => Err(wrong(name, "java.lang.String")),
        }
    }

    /// A text that is not empty.
    pub(super) fn filled(self, name: &str) -> Result<Option<String>, Failure> {
        Ok(self.text(name)?.filter(|text| !text.is_empty()))
    }

    /// A name of an enumeration. Numbers, which the reference takes for positions, are refused.
    pub(super) fn one_of<T>(
        self,
        name: &str,
        find: impl Fn(&str) -> Option<T>,
    ) -> Result<Option<T>, Failure> {
        match self.get(name) {
            None => Ok(None),
            Some(Value::String(text)) => match find(text.trim()) {
                Some(value) => Ok(Some(value)),
                None => Err(Failure::unreadable(format!(
                    "Cannot deserialize `{name}` from String \"{text}\": not one of the values \
                     accepted for Enum class"
                ))),
            },
            Some(_) => Err(wrong(name, "the name of a value")),
        }
    }

    pub(super) fn longs(self, name: &str) -> Result<Option<Vec<i64>>, Failure> {
        let Some(list) = self.list(name)? else {
            return Ok(None);
        };
        let numbers = list.iter().map(|value| long(name, value));
        let numbers: Result<Vec<_>, _> = numbers.collect();
        Ok(Some(numbers?.into_iter().flatten().collect()))
    }

    pub(super) fn list(self, name: &str) -> Result<Option<&'a Vec<Value>>, Failure> {
        match self.get(name) {
            None => Ok(None),
            Some(Value::Array(list)) => Ok(Some(list)),
            Some(_) => Err(wrong(name, "a list")),
        }
    }

    pub(super) fn object(self, name: &str) -> Result<Option<Fields<'a>>, Failure> {
        match self.get(name) {
            None => Ok(None),
            Some(Value::Object(map)) => Ok(Some(Fields(map))),
            Some(_) => Err(wrong(name, "an object")),
        }
    }

    /// A moment: epoch milliseconds, or a date with or without a time.
    pub(super) fn date(self, name: &str) -> Result<Option<UnixMillis>, Failure> {
        let text = match self.get(name) {
            None => return Ok(None),
            Some(Value::String(text)) if text.trim().is_empty() => return Ok(None),
            Some(Value::String(text)) => text.trim(),
            Some(value) => return Ok(long(name, value)?.map(UnixMillis)),
        };
        let moment = chrono::DateTime::parse_from_rfc3339(text)
            .or_else(|_| chrono::DateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f%z"));
        if let Ok(moment) = moment {
            return Ok(Some(UnixMillis(moment.timestamp_millis())));
        }
        let day = chrono::NaiveDate::parse_from_str(text, "%Y-%m-%d");
        let start = day
            .map_err(|_| wrong(name, "java.util.Date"))?
            .and_time(Default::default());
        Ok(Some(UnixMillis(start.and_utc().timestamp_millis())))
    }
}

fn long(name: &str, value: &Value) -> Result<Option<i64>, Failure> {
    let expected = "java.lang.Long";
    match value {
        Value::Null => Ok(None),
        Value::Number(number) => number
            .as_i64()
            .or_else(|| {
                number
                    .as_f64()
                    .filter(|it| it.abs() < 9e18)
                    .map(|it| it as i64)
            })
            .map(Some)
            .ok_or_else(|| wrong(name, expected)),
        Value::String(text) if text.trim().is_empty() => Ok(None),
        Value::String(text) => match text.trim().parse() {
            Ok(number) => Ok(Some(number)),
            Err(_) => Err(Failure::unreadable(format!(
                "Cannot deserialize value of type `{expected}` from String \"{text}\": not a valid \
                 `{expected}` value (field {name})"
            ))),
        },
        _ => Err(wrong(name, expected)),
    }
}

fn wrong(name: &str, expected: &str) -> Failure {
    Failure::unreadable(format!(
        "Cannot deserialize `{name}`: {expected} is expected"
    ))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// Spec 06 case 13, section 2.2.
    #[test]
    fn fields_are_read_as_the_reference_reads_them() {
        let body = json!({
            "text number": "7", "number": 8, "fraction": 1.9, "empty": "", "none": null,
            "yes": "true", "zero": 0, "list": ["1", 2], "name": " CRON ", "position": 2,
            "day": "2024-12-07", "moment": "2024-12-07T13:09:09.123+00:00", "millis": 5,
        });
        let fields = Fields::of(&body).expect("an object");
        assert_eq!(fields.long("text number"), Ok(Some(7)));
        assert_eq!(fields.long("number"), Ok(Some(8)));
        assert_eq!(fields.long("fraction"), Ok(Some(1)));
        assert_eq!(fields.long("empty"), Ok(None));
        assert_eq!(fields.long("none"), Ok(None));
        assert!(fields.long("yes").is_err());
        assert_eq!(fields.double("empty"), Ok(0.0));
        assert_eq!(fields.flag("yes", false), Ok(true));
        assert_eq!(fields.flag("zero", true), Ok(false));
        assert_eq!(fields.flag("none", true), Ok(false));
        assert_eq!(fields.flag("absent", true), Ok(true));
        assert_eq!(fields.text("number"), Ok(Some("8".to_owned())));
        assert!(fields.text("list").is_err());
        assert_eq!(fields.longs("list"), Ok(Some(vec![1, 2])));
        let cron = |name: &str| (name == "CRON").then_some(());
        assert_eq!(fields.one_of("name", cron), Ok(Some(())));
        assert!(fields.one_of("yes", cron).is_err());
        assert!(fields.one_of("position", cron).is_err());
        assert!(fields.object("empty").is_err());
        assert_eq!(fields.date("day"), Ok(Some(UnixMillis(1_733_529_600_000))));
        let moment = fields.date("moment");
        assert_eq!(moment, Ok(Some(UnixMillis(1_733_576_949_123))));
        assert_eq!(fields.date("millis"), Ok(Some(UnixMillis(5))));
        assert!(fields.date("name").is_err());
        assert!(Fields::of(&json!([])).is_err());
    }

    #[test]
    fn the_text_after_a_value_does_not_count() {
        assert_eq!(parse(b"{\"a\":1} x"), Ok(json!({"a": 1})));
        assert!(parse(b"{\"a\":").is_err());
        assert!(parse(b"").is_err());
        assert!(parse(&[0xfe, 0xff, 0, b'{', 0, b'}']).is_err());
    }
}
