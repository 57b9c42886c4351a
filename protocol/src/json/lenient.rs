//! Values as the reference's workers understand them (spec 05 section 1.4).

use serde::de::Error;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// A whole number; fractions are cut. `None` = null or empty text.
pub(super) fn whole<'de, D: Deserializer<'de>>(from: D) -> Result<Option<i64>, D::Error> {
    let value = Value::deserialize(from)?;
    let out_of_range = || D::Error::custom(format!("`{value}` is no 64-bit whole number"));
    match &value {
        Value::Null => Ok(None),
        Value::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(whole), _) => Ok(Some(whole)),
            (None, Some(real)) if real.abs() < 9.2e18 && !number.is_u64() => Ok(Some(real as i64)),
            _ => Err(out_of_range()),
        },
        Value::String(text) if text.trim().is_empty() => Ok(None),
        Value::String(text) => text.trim().parse().map(Some).map_err(|_| out_of_range()),
        Value::Bool(_) | Value::Array(_) | Value::Object(_) => Err(out_of_range()),
    }
}

/// As [`whole`], 0 for none.
pub(super) fn whole_or_zero<'de, D: Deserializer<'de>>(from: D) -> Result<i64, D::Error> {
    whole(from).map(Option::unwrap_or_default)
}

/// A 32-bit whole number, 0 for none.
pub(super) fn small_or_zero<'de, D: Deserializer<'de>>(from: D) -> Result<i32, D::Error> {
    small(from).map(Option::unwrap_or_default)
}

/// A 32-bit whole number.
pub(super) fn small<'de, D: Deserializer<'de>>(from: D) -> Result<Option<i32>, D::Error> {
    let narrow = |number: i64| {
        i32::try_from(number).map_err(|_| D::Error::custom(format!("{number} has over 32 bits")))
    };
    whole(from)?.map(narrow).transpose()
}

/// A number; `"NaN"` and `"Infinity"` are some, 0 for none.
pub(super) fn real_or_zero<'de, D: Deserializer<'de>>(from: D) -> Result<f64, D::Error> {
    let value = Value::deserialize(from)?;
    let no_number = || D::Error::custom(format!("`{value}` is no number"));
    match &value {
        Value::Null => Ok(0.0),
        Value::Number(number) => number.as_f64().ok_or_else(no_number),
        Value::String(text) if text.trim().is_empty() => Ok(0.0),
        Value::String(text) => text.trim().parse().map_err(|_| no_number()),
        Value::Bool(_) | Value::Array(_) | Value::Object(_) => Err(no_number()),
    }
}

/// Yes or no, as a word or a number; no for none.
pub(super) fn flag<'de, D: Deserializer<'de>>(from: D) -> Result<bool, D::Error> {
    let value = Value::deserialize(from)?;
    match &value {
        Value::Null => Ok(false),
        Value::Bool(flag) => Ok(*flag),
        Value::Number(number) if number.is_i64() || number.is_u64() => {
            Ok(number.as_i64() != Some(0))
        }
        Value::String(text) => match text.trim() {
            "" | "false" | "False" | "FALSE" => Ok(false),
            "true" | "True" | "TRUE" => Ok(true),
            _ => Err(D::Error::custom(format!(
                "`{text}` is neither true nor false"
            ))),
        },
        _ => Err(D::Error::custom(format!(
            "`{value}` is neither true nor false"
        ))),
    }
}

/// Text; numbers and booleans are taken as they are written.
pub(super) fn text<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    as_text(Value::deserialize(from)?).map_err(D::Error::custom)
}

/// A list of texts; null is an empty one, and in it the empty text.
pub(super) fn texts<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<String>, D::Error> {
    let items = Option::<Vec<Value>>::deserialize(from)?.unwrap_or_default();
    let texts = items
        .into_iter()
        .map(|item| Ok(as_text(item)?.unwrap_or_default()));
    texts
        .collect::<Result<_, String>>()
        .map_err(D::Error::custom)
}

/// A list of messages; null is an empty one, and in it nothing.
pub(super) fn items<'de, D, T>(from: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    let items = Option::<Vec<Option<T>>>::deserialize(from)?.unwrap_or_default();
    Ok(items.into_iter().flatten().collect())
}

fn as_text(value: Value) -> Result<Option<String>, String> {
    match value {
        Value::Null => Ok(None),
        Value::String(text) => Ok(Some(text)),
        Value::Number(number) => Ok(Some(number.to_string())),
        Value::Bool(flag) => Ok(Some(flag.to_string())),
        Value::Array(_) | Value::Object(_) => Err(format!("`{value}` is no text")),
    }
}
