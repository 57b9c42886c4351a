//! Errors as problem details (RFC 9457), content type `application/problem+json`.

use std::collections::BTreeMap;

use powerjob_common::reason;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::reason::Reason;

/// Why a request was not carried out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Problem {
    /// Stable name of the kind of problem, e.g. `job-not-found`; programs decide by it.
    pub code: String,
    /// HTTP status.
    pub status: u16,
    /// What went wrong, for people.
    pub title: String,
    /// What to do about it, or more about the cause.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub detail: Option<String>,
    /// All fields that are wrong, not only the first.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub errors: Vec<FieldError>,
}

/// A field that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct FieldError {
    /// Path of the field in the request, e.g. `schedule.expression`.
    pub field: String,
    /// What is wrong with it and what is accepted, in English.
    pub reason: String,
    /// Stable name of what is wrong; `docs/reasons.md` has the list.
    #[schema(schema_with = super::schema::reason_code)]
    #[serde(default)]
    pub code: String,
    /// The values in the reason.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub params: BTreeMap<String, String>,
    /// The reasons it consists of.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub parts: Vec<Reason>,
}

impl FieldError {
    /// What is wrong with a field.
    pub fn new(field: impl Into<String>, reason: impl Into<reason::Reason>) -> Self {
        let reason = reason.into();
        Self {
            field: field.into(),
            reason: reason.to_string(),
            code: reason.code().name().to_owned(),
            params: super::reason::params(&reason),
            parts: reason.parts().iter().map(Reason::from).collect(),
        }
    }
}
