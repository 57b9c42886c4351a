//! Errors as problem details (RFC 9457), content type `application/problem+json`.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

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
    /// What is wrong with it and what is accepted.
    pub reason: String,
}
