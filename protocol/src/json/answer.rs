//! Answers of both directions.

use base64::Engine;
use base64::alphabet;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::lenient;

/// Java's `AskResponse`: the answer to a question over the transport (spec 05 section 3.6).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct AskResponse {
    /// Whether it was done.
    #[serde(deserialize_with = "lenient::flag")]
    pub success: bool,
    /// What was asked for: JSON text, or the bytes of a bare text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data: Option<Bytes>,
    /// Why it was not done.
    #[serde(
        skip_serializing_if = "Option::is_none",
        deserialize_with = "lenient::text"
    )]
    pub message: Option<String>,
}

impl AskResponse {
    /// Done, without data.
    pub fn done() -> Self {
        Self {
            success: true,
            ..Self::default()
        }
    }

    /// Done, with a value as JSON text.
    pub fn with<T: Serialize>(value: &T) -> Self {
        Self {
            data: Some(Bytes(super::encode(value))),
            ..Self::done()
        }
    }

    /// Not done, and why.
    pub fn refused(message: impl Into<String>) -> Self {
        Self {
            message: Some(message.into()),
            ..Self::default()
        }
    }
}

/// Bytes inside JSON: base64 with the URL alphabet and without padding; either alphabet is read,
/// padded or not (spec 05 section 1.5).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Bytes(pub Vec<u8>);

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&URL_SAFE_NO_PAD.encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        const EITHER_PADDING: GeneralPurposeConfig =
            GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
        let text = String::deserialize(from)?
            .replace('+', "-")
            .replace('/', "_");
        let engine = GeneralPurpose::new(&alphabet::URL_SAFE, EITHER_PADDING);
        engine.decode(text).map(Self).map_err(D::Error::custom)
    }
}

/// Java's `ResultDTO`: the answer of a web endpoint; nulls are written (spec 05 section 2).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResultDto<T> {
    /// Whether it was done.
    pub success: bool,
    /// What was asked for.
    pub data: Option<T>,
    /// Why it was not done.
    pub message: Option<String>,
}

impl<T> ResultDto<T> {
    /// Done.
    pub fn done(data: T) -> Self {
        Self {
            success: true,
            data: Some(data),
            message: None,
        }
    }

    /// Not done, and why.
    pub fn refused(message: impl Into<String>) -> Self {
        Self {
            success: false,
            data: None,
            message: Some(message.into()),
        }
    }
}
