//! Reasons that people read, with what programs and other languages need to word them.

use std::collections::BTreeMap;

use powerjob_common::reason;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Why something is so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Reason {
    /// In English.
    pub text: String,
    /// Stable name of what it says; `docs/reasons.md` has the list.
    #[schema(schema_with = super::schema::reason_code)]
    pub code: String,
    /// The values in it.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub params: BTreeMap<String, String>,
    /// The reasons it consists of.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    #[schema(no_recursion)]
    pub parts: Vec<Reason>,
}

impl From<&reason::Reason> for Reason {
    fn from(reason: &reason::Reason) -> Self {
        Self {
            text: reason.to_string(),
            code: reason.code().name().to_owned(),
            params: params(reason),
            parts: reason.parts().iter().map(Self::from).collect(),
        }
    }
}

pub(super) fn params(reason: &reason::Reason) -> BTreeMap<String, String> {
    let values = reason.values().iter();
    values
        .map(|(name, value)| ((*name).to_owned(), value.clone()))
        .collect()
}
