//! Lists in pieces.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// One piece of a list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Page<T> {
    /// The items.
    pub items: Vec<T>,
    /// Give it as `cursor` to get the next piece; absent at the end of the list.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub next_cursor: Option<String>,
    /// Number of items in the whole list, when it is cheap to know.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub total: Option<u64>,
}
