//! How many bytes go into one batch, where the database takes only so many in a statement: MySQL and
//! MariaDB end the connection over a longer one (`max_allowed_packet`).

use crate::domain::instance::{Instance, InstanceState};
use crate::store::write::{InstanceUpdate, WriteOp};

/// The most that a row has besides its long texts: numbers, the two names of a worker. In a batch a new
/// instance may be a row of two statements.
const ROW_BYTES: usize = 4_096;
/// What a statement has besides its rows.
const STATEMENT_BYTES: usize = 16 << 10;

/// The bounds of a batch; by default there are none.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Limits {
    /// Of a single write.
    single: Option<usize>,
}

impl Limits {
    /// For a database that takes statements of so many bytes.
    pub(super) fn new(statement_bytes: Option<usize>) -> Self {
        Self {
            single: statement_bytes.map(|bytes| bytes.saturating_sub(STATEMENT_BYTES)),
        }
    }

    /// Whether a write can be stored at all; otherwise why not.
    pub(super) fn check(self, op: &WriteOp) -> Result<(), String> {
        let Some(most) = self.single else {
            return Ok(());
        };
        match bytes(op) {
            many if many > most => Err(format!(
                "it takes {many} bytes, and the database (max_allowed_packet) only {most}"
            )),
            _ => Ok(()),
        }
    }

    /// What a write adds to a batch; nothing where there is no bound.
    pub(super) fn weight(self, op: &WriteOp) -> usize {
        self.single.map_or(0, |_| bytes(op))
    }

    /// Whether a batch may have so many bytes.
    pub(super) fn allow(self, bytes: usize) -> bool {
        self.single.is_none_or(|most| bytes <= most)
    }
}

/// At least as many as the write's rows have as JSON.
fn bytes(op: &WriteOp) -> usize {
    match op {
        WriteOp::Insert(instance) => instance_bytes(instance),
        WriteOp::Update(update) => update_bytes(update),
        WriteOp::Trigger(trigger) => {
            let instances: usize = trigger.instances.iter().map(instance_bytes).sum();
            ROW_BYTES + instances
        }
    }
}

fn instance_bytes(instance: &Instance) -> usize {
    let params = [&instance.job_params, &instance.instance_params];
    let params: usize = params.iter().map(|text| text_bytes(text.as_deref())).sum();
    params + state_bytes(&instance.state)
}

fn update_bytes(update: &InstanceUpdate) -> usize {
    state_bytes(&update.state) + update.ended_attempt.as_ref().map_or(0, state_bytes)
}

fn state_bytes(state: &InstanceState) -> usize {
    ROW_BYTES + text_bytes(state.result.as_deref())
}

/// A text as JSON writes it. NUL becomes a character of three bytes, so six are enough for it, too.
fn text_bytes(text: Option<&str>) -> usize {
    let byte = |byte: u8| match byte {
        b'"' | b'\\' => 2,
        ..b' ' => 6,
        _ => 1,
    };
    text.map_or(0, |text| text.bytes().map(byte).sum())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_has_at_most_as_many_bytes_in_json_as_it_was_counted_for() {
        for text in ["", "plain", "\"\\\"", "\u{1}\n\t\r\u{8}", "ä中🦀", "\u{7f}"] {
            let written = serde_json::to_string(text).unwrap().len();
            assert!(text_bytes(Some(text)) + 2 >= written, "{text:?}");
        }
    }
}
