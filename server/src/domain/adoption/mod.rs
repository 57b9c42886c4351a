//! What of a system of the Java product carries over to this one?
//!
//! In: a [`Survey`] of its database or of one of its servers, and what this server cannot do yet.
//! Out: a [`Report`] of findings. Nothing is read or changed here.
//!
//! Invariants:
//! 1. What a survey does not know is no finding: silence never says that something carries over.
//! 2. A report is fit for the move when none of its findings has to be mended or is lost.
//! 3. Findings name at most [`MOST_EXAMPLES`] examples, and the number of all.

mod jobs;
mod survey;
mod system;

use serde::Serialize;

pub use survey::{
    AppPassword, History, Storage, Survey, SurveyedAccount, SurveyedApp, SurveyedContainer,
    SurveyedJob, SurveyedSource, SurveyedWorker, SurveyedWorkflow,
};

/// A finding names so many of what it is about.
pub const MOST_EXAMPLES: usize = 5;

/// What becomes of something in the move.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Verdict {
    /// It does not work here; whoever needs it cannot move yet.
    Lost,
    /// Before the move something has to be changed, else it does not work.
    Mend,
    /// The move itself has to take care of it.
    Step,
    /// It carries over, and behaves differently.
    Changed,
    /// It carries over.
    Kept,
}

/// One thing that a person should know before the move.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Finding {
    /// Stable name for programs.
    pub code: &'static str,
    /// What becomes of it.
    pub verdict: Verdict,
    /// How many of them there are; 1 for something that is there once.
    pub count: usize,
    /// What was found.
    pub text: String,
    /// Some of them, by name and id.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub examples: Vec<String>,
    /// What to do about it; empty: nothing.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub advice: String,
}

/// What carries over and what does not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// What was looked at.
    pub source: SurveyedSource,
    /// Whether nothing has to be mended and nothing is lost.
    pub is_fit: bool,
    /// The gravest first.
    pub findings: Vec<Finding>,
}

/// Judges what a survey found.
pub fn judge(survey: &Survey) -> Report {
    let mut findings = system::findings(survey);
    findings.extend(jobs::findings(survey));
    findings.sort_by_key(|finding| finding.verdict);
    Report {
        source: survey.source.clone(),
        is_fit: findings
            .iter()
            .all(|finding| finding.verdict > Verdict::Mend),
        findings,
    }
}

/// A finding about things that have names; none about nothing.
fn about<T>(
    code: &'static str,
    verdict: Verdict,
    things: &[T],
    name: impl Fn(&T) -> String,
    texts: [&str; 2],
) -> Option<Finding> {
    let [text, advice] = texts;
    (!things.is_empty()).then(|| Finding {
        code,
        verdict,
        count: things.len(),
        text: text.to_owned(),
        examples: things.iter().take(MOST_EXAMPLES).map(name).collect(),
        advice: advice.to_owned(),
    })
}

/// A finding about a number of nameless things; none about nothing.
fn counted(
    code: &'static str,
    verdict: Verdict,
    count: usize,
    texts: [&str; 2],
) -> Option<Finding> {
    let [text, advice] = texts;
    (count > 0).then(|| Finding {
        code,
        verdict,
        count,
        text: text.to_owned(),
        examples: Vec::new(),
        advice: advice.to_owned(),
    })
}

#[cfg(test)]
mod tests;
