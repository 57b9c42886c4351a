//! The recorded lines, our answers to them, and the count of lines per class.

use std::collections::BTreeMap;

use chrono_tz::Tz;
use powerjob_common::status::TimeExpressionType;
use powerjob_common::time::UnixMillis;
use powerjob_common::time_expression::{InvalidExpression, Lifecycle, Schedule};
use serde::Deserialize;

/// One recorded answer; which fields are there depends on the file.
#[derive(Debug, Deserialize)]
pub(crate) struct Line {
    #[serde(rename = "type")]
    pub(crate) kind: Option<String>,
    pub(crate) op: Option<String>,
    pub(crate) expr: Option<String>,
    pub(crate) zone: Option<String>,
    pub(crate) base_ms: Option<i64>,
    pub(crate) start_ms: Option<i64>,
    pub(crate) end_ms: Option<i64>,
    pub(crate) now_ms: Option<i64>,
    #[serde(default)]
    pub(crate) next: Vec<i64>,
    pub(crate) ok: Option<bool>,
    pub(crate) error: Option<String>,
    #[serde(default)]
    pub(crate) group: String,
}

impl Line {
    pub(crate) fn expr(&self) -> &str {
        self.expr.as_deref().unwrap_or_default()
    }

    pub(crate) fn zone(&self) -> Tz {
        self.zone
            .as_deref()
            .map_or(Tz::UTC, |zone| zone.parse().expect("a zone"))
    }

    pub(crate) fn lifecycle(&self) -> Lifecycle {
        Lifecycle {
            start: self.start_ms.map(UnixMillis),
            end: self.end_ms.map(UnixMillis),
        }
    }

    pub(crate) fn kind(&self) -> TimeExpressionType {
        let name = self.kind.as_deref().expect("a type");
        TimeExpressionType::from_name(name).expect("a known type")
    }

    pub(crate) fn now(&self) -> i64 {
        self.now_ms.expect("a clock")
    }

    /// Our answers, as many as a line can hold, or why we refuse.
    pub(crate) fn ours(
        &self,
        kind: TimeExpressionType,
        base: i64,
    ) -> Result<Vec<i64>, InvalidExpression> {
        let schedule = Schedule::parse(kind, self.expr(), self.zone())?;
        let runs = schedule.preview(UnixMillis(base), &self.lifecycle(), RECORDED);
        Ok(runs.iter().map(|run| run.0).collect())
    }

    /// Whether the reference answered at all and `ours` is the same.
    pub(crate) fn is_same(&self, ours: &Result<Vec<i64>, InvalidExpression>) -> bool {
        self.error.is_none() && ours.as_ref() == Ok(&self.next)
    }

    pub(crate) fn label(&self) -> String {
        format!(
            "{} in {:?} after {:?}, {:?}",
            self.expr(),
            self.zone,
            self.base_ms,
            self.start_ms
        )
    }
}

/// Results that a line records at most; fewer mean that there was no further one.
pub(crate) const RECORDED: usize = 12;

/// Reads one file of the vectors.
pub(crate) fn lines(file: &str) -> Vec<Line> {
    let path = format!(
        "{}/../tests/data/vectors/{file}",
        env!("CARGO_MANIFEST_DIR")
    );
    let text = std::fs::read_to_string(&path).expect("the vectors are part of the repository");
    text.lines()
        .map(|line| serde_json::from_str(line).expect("a line of the format"))
        .collect()
}

/// Counts lines per class and compares with what is known and intended.
#[derive(Debug, Default)]
pub(crate) struct Tally(BTreeMap<&'static str, usize>);

impl Tally {
    pub(crate) fn add(&mut self, class: &'static str) {
        *self.0.entry(class).or_default() += 1;
    }

    pub(crate) fn assert(self, expected: &[(&'static str, usize, &str)]) {
        let counts = expected
            .iter()
            .map(|(class, count, _)| (*class, *count))
            .collect();
        assert_eq!(
            self.0, counts,
            "lines per class; what is intended is {expected:#?}"
        );
    }
}
