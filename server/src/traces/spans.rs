//! The spans of a run. In: an ended instance. Out: the whole run and its steps (wait, send, queue,
//! run, report), as far as their times are known.
//!
//! Invariants:
//! 1. The trace is that of the messages about the instance; ids follow from instance and attempt, so
//!    that sending twice makes no second span.
//! 2. No span ends before it begins, whatever the clocks of two machines say.

use powerjob_common::id::{AppId, InstanceId, JobId, TraceId};
use powerjob_common::status::InstanceStatus;
use powerjob_common::time::UnixMillis;

use crate::domain::instance::{Instance, Trigger};
use crate::live::nominal_of;

/// Longest cause of a failure that a trace carries.
const CAUSE_CHARACTERS: usize = 256;

/// What a trace needs of an ended instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct EndedRun {
    instance_id: InstanceId,
    job_id: JobId,
    app_id: AppId,
    job_name: String,
    trigger: &'static str,
    worker: Option<String>,
    status: InstanceStatus,
    attempt: u32,
    cause: Option<String>,
    nominal: UnixMillis,
    dispatched_at: Option<UnixMillis>,
    received_at: Option<UnixMillis>,
    started_at: Option<UnixMillis>,
    finished_at: Option<UnixMillis>,
    recorded_at: Option<UnixMillis>,
}

/// A piece of time in a trace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) trace: TraceId,
    pub(super) id: u64,
    /// The span it is a part of; 0 = none.
    pub(super) parent: u64,
    pub(super) name: String,
    pub(super) from: UnixMillis,
    pub(super) until: UnixMillis,
    pub(super) attributes: Vec<(&'static str, Attribute)>,
    /// `None`: nothing to say; `Err`: why it failed.
    pub(super) outcome: Option<Result<(), String>>,
}

/// The value of an attribute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Attribute {
    Text(String),
    Number(i64),
}

impl EndedRun {
    pub(super) fn of(instance: &Instance, job_name: &str) -> Self {
        let state = &instance.state;
        let is_failed = state.status == InstanceStatus::Failed;
        let cause = state.result.as_deref().filter(|_| is_failed);
        Self {
            instance_id: instance.instance_id,
            job_id: instance.job_id,
            app_id: instance.app_id,
            job_name: job_name.to_owned(),
            trigger: match instance.trigger {
                Trigger::Schedule { .. } => "SCHEDULE",
                Trigger::Api => "API",
                Trigger::Workflow { .. } => "WORKFLOW",
            },
            worker: state.tracker.as_ref().map(|it| it.node.node_id.clone()),
            status: state.status,
            attempt: state.attempt,
            cause: cause.map(|text| text.chars().take(CAUSE_CHARACTERS).collect()),
            nominal: nominal_of(instance),
            dispatched_at: state.dispatched_at,
            received_at: state.received_at,
            started_at: state.started_at,
            finished_at: state.finished_at,
            recorded_at: state.recorded_at,
        }
    }

    /// The whole run first, then its steps in order.
    pub(super) fn spans(&self) -> Vec<Span> {
        let end = self.recorded_at.or(self.finished_at);
        let steps = [
            ("wait", Some(self.nominal), self.dispatched_at),
            ("send", self.dispatched_at, self.received_at),
            ("queue", self.received_at, self.started_at),
            ("run", self.started_at, self.finished_at),
            ("report", self.finished_at, self.recorded_at),
        ];
        let root = self.id_of(0);
        let whole = Span {
            attributes: self.attributes(),
            outcome: self.outcome(),
            ..self.span(
                (root, 0),
                &format!("run {}", self.job_name),
                self.nominal,
                end.unwrap_or(self.nominal),
            )
        };
        let steps = steps.iter().zip(1..).filter_map(|(step, number)| {
            let (name, from, until) = *step;
            Some(self.span((self.id_of(number), root), name, from?, until?))
        });
        std::iter::once(whole).chain(steps).collect()
    }

    fn span(
        &self,
        (id, parent): (u64, u64),
        name: &str,
        from: UnixMillis,
        until: UnixMillis,
    ) -> Span {
        Span {
            trace: TraceId::of_instance(self.instance_id),
            id,
            parent,
            name: name.to_owned(),
            from,
            until: until.max(from),
            attributes: Vec::new(),
            outcome: None,
        }
    }

    fn attributes(&self) -> Vec<(&'static str, Attribute)> {
        let text = |text: &str| Attribute::Text(text.to_owned());
        let mut attributes = vec![
            ("powerjob.app.id", Attribute::Number(self.app_id.0)),
            ("powerjob.job.id", Attribute::Number(self.job_id.0)),
            ("powerjob.job.name", text(&self.job_name)),
            (
                "powerjob.instance.id",
                Attribute::Number(self.instance_id.0),
            ),
            (
                "powerjob.attempt",
                Attribute::Number(i64::from(self.attempt)),
            ),
            ("powerjob.trigger", text(self.trigger)),
            ("powerjob.status", text(self.status.name())),
        ];
        if let Some(worker) = &self.worker {
            attributes.push(("powerjob.worker", text(worker)));
        }
        attributes
    }

    fn outcome(&self) -> Option<Result<(), String>> {
        match self.status {
            InstanceStatus::Succeed => Some(Ok(())),
            InstanceStatus::Failed => Some(Err(self.cause.clone().unwrap_or_default())),
            _ => None,
        }
    }

    /// An id that no other span of any run is likely to have (the finisher of splitmix64).
    fn id_of(&self, step: u64) -> u64 {
        let seed = self.instance_id.0.cast_unsigned() ^ (u64::from(self.attempt) << 48);
        let mut id = seed.wrapping_add((step + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
        id = (id ^ (id >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        id = (id ^ (id >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (id ^ (id >> 31)).max(1)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use powerjob_common::id::NodeRef;

    use super::*;
    use crate::domain::instance::{InstanceState, TrackerRef};

    /// A run of the job `greet` that was due at 1,000 ms.
    pub(in crate::traces) fn ended(status: InstanceStatus) -> Instance {
        let at = |ms| Some(UnixMillis(ms));
        Instance {
            instance_id: InstanceId(0x1234),
            job_id: JobId(2),
            app_id: AppId(1),
            job_revision: 1,
            trigger: Trigger::Schedule {
                nominal: UnixMillis(1_000),
            },
            job_params: None,
            instance_params: None,
            chosen_worker: None,
            created_at: UnixMillis(0),
            state: InstanceState {
                status,
                attempt: 1,
                running_times: 1,
                unconfirmed_claims: 0,
                expected_at: UnixMillis(1_000),
                dispatched_at: at(1_001),
                received_at: at(1_003),
                started_at: at(1_004),
                finished_at: at(1_104),
                recorded_at: at(1_110),
                tracker: Some(TrackerRef {
                    node: NodeRef {
                        node_id: "w1".to_owned(),
                        incarnation: 1,
                    },
                    address: "10.0.0.1:1".to_owned(),
                }),
                result: Some("no such table".to_owned()),
            },
        }
    }

    fn times(instance: &Instance) -> Vec<(String, i64, i64)> {
        let spans = EndedRun::of(instance, "greet").spans();
        let root = spans[0].id;
        assert_eq!(spans[0].parent, 0);
        assert!(spans[1..].iter().all(|span| span.parent == root));
        let time = |span: Span| (span.name, span.from.0, span.until.0);
        spans.into_iter().map(time).collect()
    }

    #[test]
    fn a_run_has_its_steps() {
        let expected = [
            ("run greet", 1_000, 1_110),
            ("wait", 1_000, 1_001),
            ("send", 1_001, 1_003),
            ("queue", 1_003, 1_004),
            ("run", 1_004, 1_104),
            ("report", 1_104, 1_110),
        ];
        let expected = expected.map(|(name, from, until)| (name.to_owned(), from, until));
        assert_eq!(times(&ended(InstanceStatus::Succeed)), expected);
    }

    #[test]
    fn a_run_that_never_went_out_only_waited() {
        let mut instance = ended(InstanceStatus::Canceled);
        let state = &mut instance.state;
        state.dispatched_at = None;
        state.received_at = None;
        state.started_at = None;
        state.finished_at = None;
        let expected = [("run greet".to_owned(), 1_000, 1_110)];
        assert_eq!(times(&instance), expected);
    }

    #[test]
    fn clocks_that_differ_make_no_negative_span() {
        let mut instance = ended(InstanceStatus::Succeed);
        instance.state.started_at = Some(UnixMillis(900));
        let times = times(&instance);
        assert!(
            times.iter().all(|(_, from, until)| from <= until),
            "{times:?}"
        );
    }

    #[test]
    fn a_failure_says_why_and_ids_differ() {
        let spans = EndedRun::of(&ended(InstanceStatus::Failed), "greet").spans();
        assert_eq!(spans[0].outcome, Some(Err("no such table".to_owned())));
        let mut ids: Vec<_> = spans.iter().map(|span| span.id).collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), 6);
        assert_eq!(spans[0].trace, TraceId::of_instance(InstanceId(0x1234)));
    }
}
