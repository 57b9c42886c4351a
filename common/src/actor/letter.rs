//! What a message shows of itself.

use serde::Serialize;
use serde_json::Value;

use crate::id::InstanceId;

/// A message that can be watched. Implement it beside the message.
///
/// Derive `Serialize` for the body; fields that carry a [`super::Reply`] are `#[serde(skip)]`.
pub trait Letter: Serialize + Send + 'static {
    /// The name of the type as people see it, e.g. `RunInstances`.
    const NAME: &'static str;

    /// Whether it belongs to the life cycle of instances, workers or servers, which the ring of
    /// the tap keeps even when nobody watches.
    const LIFE_CYCLE: bool = false;

    /// The instances it concerns, in any order; empty for messages about no instance.
    fn instances(&self) -> Vec<InstanceId> {
        Vec::new()
    }

    /// How many places it takes in a queue: the number of its items, at least 1.
    fn weight(&self) -> usize {
        1
    }

    /// The body for a person who watches. Secrets must not be in it.
    fn to_json(&self) -> Value {
        serde_json::to_value(self).unwrap_or_else(|error| Value::String(error.to_string()))
    }
}
