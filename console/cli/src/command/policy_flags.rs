//! The flags for missed times, overlap and repetitions, for `job create` and `job edit`.

use clap::Args;
use powerjob_client::api::job::JobInput;
use powerjob_common::status::{BackOffKind, MisfirePolicy, OverlapPolicy};

use super::job_flags::{named, set};
use crate::text::span;

/// What a job does when something goes wrong.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct PolicyFlags {
    /// For times that passed while no server could act: skip, once (one run for all), catch-up.
    #[arg(long, value_name = "WAY", value_parser = misfire, help_heading = "Policies")]
    misfire: Option<MisfirePolicy>,
    /// The last so many missed times run: --misfire catch-up.
    #[arg(long, value_name = "COUNT", help_heading = "Policies")]
    catch_up: Option<u32>,
    /// For a run that is due while --max-instances others (at least one) are out: allow (without
    /// a maximum beside them, else it fails), skip, queue, replace (stops the oldest).
    #[arg(long, value_name = "WAY", value_parser = overlap, help_heading = "Policies")]
    overlap: Option<OverlapPolicy>,
    /// So many may wait: --overlap queue.
    #[arg(long, value_name = "COUNT", help_heading = "Policies")]
    queue_limit: Option<u32>,
    /// Scheduled runs start up to so much later, each by another share of it.
    #[arg(long, value_name = "SPAN", value_parser = span::parse_ms, help_heading = "Policies")]
    jitter: Option<u64>,
    /// With --every or --after-each: whether a worker makes the beats inside one run, true or false;
    /// if not given, when they are less than a second apart.
    #[arg(long, value_name = "BOOL", help_heading = "Policies")]
    second_level: Option<bool>,
    /// How the wait before a repetition grows: fixed, exponential.
    #[arg(long, value_name = "WAY", value_parser = back_off, help_heading = "Policies")]
    retry_backoff: Option<BackOffKind>,
    /// The (first) wait before a failed run is repeated.
    #[arg(long, value_name = "SPAN", value_parser = span::parse_ms, help_heading = "Policies")]
    retry_delay: Option<u64>,
    /// Each wait is so many times as long as the one before: --retry-backoff exponential.
    #[arg(long, value_name = "NUMBER", help_heading = "Policies")]
    retry_factor: Option<f64>,
    /// The longest wait: --retry-backoff exponential.
    #[arg(long, value_name = "SPAN", value_parser = span::parse_ms, help_heading = "Policies")]
    retry_limit: Option<u64>,
    /// The share of each wait, 0 to 1, that chance may take off.
    #[arg(long, value_name = "SHARE", help_heading = "Policies")]
    retry_jitter: Option<f64>,
}

impl PolicyFlags {
    /// Puts what is given over what is there; what belongs to a former way goes with it.
    pub(crate) fn apply(&self, job: &mut JobInput) {
        let policy = &mut job.policy;
        let catch_up = self.catch_up.map(|_| MisfirePolicy::CatchUp);
        set(&mut policy.misfire, &self.misfire.or(catch_up));
        if policy.misfire != MisfirePolicy::CatchUp {
            policy.catch_up = None;
        }
        policy.catch_up = self.catch_up.or(policy.catch_up);
        let queue = self.queue_limit.map(|_| OverlapPolicy::Queue);
        set(&mut policy.overlap, &self.overlap.or(queue));
        if policy.overlap != OverlapPolicy::Queue {
            policy.queue_limit = None;
        }
        policy.queue_limit = self.queue_limit.or(policy.queue_limit);
        let jitter = self.jitter.map(|ms| u32::try_from(ms).unwrap_or(u32::MAX));
        set(&mut policy.jitter_ms, &jitter);
        policy.second_level = self.second_level.or(policy.second_level);
        let retry = &mut job.retry;
        let exponential = self.retry_factor.is_some() || self.retry_limit.is_some();
        let growth = exponential.then_some(BackOffKind::Exponential);
        set(&mut retry.back_off, &self.retry_backoff.or(growth));
        set(&mut retry.delay_ms, &self.retry_delay);
        set(&mut retry.jitter, &self.retry_jitter);
        if retry.back_off == BackOffKind::Fixed {
            retry.factor = None;
            retry.limit_ms = None;
        }
        retry.factor = self.retry_factor.or(retry.factor);
        retry.limit_ms = self.retry_limit.or(retry.limit_ms);
    }
}

fn misfire(text: &str) -> Result<MisfirePolicy, String> {
    named(text, MisfirePolicy::from_name, MisfirePolicy::ALL)
}

fn overlap(text: &str) -> Result<OverlapPolicy, String> {
    named(text, OverlapPolicy::from_name, OverlapPolicy::ALL)
}

fn back_off(text: &str) -> Result<BackOffKind, String> {
    named(text, BackOffKind::from_name, BackOffKind::ALL)
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        flags: PolicyFlags,
    }

    fn apply(job: &mut JobInput, words: &[&str]) {
        let line = Line::try_parse_from([&["x"], words].concat()).expect("words");
        line.flags.apply(job);
    }

    fn job() -> JobInput {
        let value = serde_json::json!({"name": "a", "schedule": {"type": "API"}, "processor": "p"});
        serde_json::from_value(value).expect("a job")
    }

    #[test]
    fn a_number_chooses_its_way_and_another_way_drops_it() {
        let mut job = job();
        apply(
            &mut job,
            &["--catch-up", "3", "--queue-limit", "5", "--jitter", "2s"],
        );
        assert_eq!(
            (job.policy.misfire, job.policy.catch_up),
            (MisfirePolicy::CatchUp, Some(3))
        );
        assert_eq!(
            (job.policy.overlap, job.policy.queue_limit),
            (OverlapPolicy::Queue, Some(5))
        );
        assert_eq!(job.policy.jitter_ms, 2_000);
        apply(&mut job, &["--misfire", "skip", "--overlap", "replace"]);
        assert_eq!(
            (job.policy.misfire, job.policy.catch_up),
            (MisfirePolicy::Skip, None)
        );
        assert_eq!(
            (job.policy.overlap, job.policy.queue_limit),
            (OverlapPolicy::Replace, None)
        );
    }

    #[test]
    fn what_contradicts_is_left_to_the_server_to_refuse() {
        let mut job = job();
        apply(&mut job, &["--misfire", "once", "--catch-up", "3"]);
        assert_eq!(
            (job.policy.misfire, job.policy.catch_up),
            (MisfirePolicy::Once, Some(3))
        );
    }

    #[test]
    fn waits_grow_when_a_factor_is_given() {
        let mut job = job();
        apply(&mut job, &["--retry-delay", "1s", "--retry-factor", "1.5"]);
        let retry = &job.retry;
        assert_eq!(
            (retry.back_off, retry.delay_ms, retry.factor, retry.limit_ms),
            (BackOffKind::Exponential, 1_000, Some(1.5), None)
        );
        apply(&mut job, &["--retry-backoff", "fixed"]);
        assert_eq!(
            (job.retry.back_off, job.retry.factor),
            (BackOffKind::Fixed, None)
        );
    }
}
