//! Second-level jobs: one instance that does not end, whose beats its worker makes.
//!
//! A change of the job reaches the instance while it runs: the worker is told of what differs, or the
//! instance is ended if the job is not such a one any more.

use std::collections::BTreeSet;
use std::sync::Arc;

use powerjob_common::id::InstanceId;
use powerjob_common::status::{SwitchableStatus, TimeExpressionType};
use powerjob_common::time::UnixMillis;
use powerjob_protocol::wire::beats::{BeatKind, BeatPlan, CrowdedBeat, MissedBeats};
use powerjob_protocol::wire::server_to_worker::StopReason;

use super::run::{Event, Run};
use super::shard::Shard;
use crate::actor::dispatcher::Dispatch;
use crate::domain::fold::{self, Retries};
use crate::domain::instance::Trigger;
use crate::domain::job::JobDefinition;
use crate::domain::policy::{BackOff, Misfire, Overlap, RetryPolicy};

/// A worker that shuts down, or is lost, hands its second-level instances on at once.
const AT_ONCE: &RetryPolicy = &RetryPolicy {
    back_off: BackOff::Fixed { delay_ms: 0 },
    jitter: 0.0,
};

impl Run {
    /// Whether its worker makes its beats. A run that a person asked for is a single one.
    pub(super) fn has_beats(&self) -> bool {
        self.job.is_second_level() && matches!(self.instance.trigger, Trigger::Schedule { .. })
    }

    /// When it has beats; `None` if it has none.
    pub(super) fn beat_plan(&self) -> Option<BeatPlan> {
        self.has_beats().then(|| beat_plan(&self.job))
    }

    /// How often it may be given to a worker again. An instance with beats fails only with its
    /// worker: it goes on elsewhere, unless the worker is one that makes beats in a way of its own.
    pub(super) fn retries(&self) -> Retries<'_> {
        let instance = self.instance.instance_id;
        if !self.has_beats() {
            return Retries {
                budget: self.job.instance_retries,
                policy: &self.job.retry,
                instance,
            };
        }
        Retries {
            budget: if self.is_told_by_silence() {
                0
            } else {
                u32::MAX
            },
            policy: AT_ONCE,
            instance,
        }
    }

    /// How often it may be given to a worker again after one was lost.
    pub(super) fn loss_budget(&self) -> u32 {
        match self.has_beats() {
            true => u32::MAX,
            false => self.job.instance_retries,
        }
    }
}

fn beat_plan(job: &JobDefinition) -> BeatPlan {
    let every_ms = job.schedule.expression.trim().parse().unwrap_or(1);
    BeatPlan {
        kind: match job.schedule.kind {
            TimeExpressionType::FixedDelay => BeatKind::Delay,
            _ => BeatKind::Rate,
        },
        every_ms,
        until_ms: job.schedule.lifecycle.end.map_or(0, |end| end.0),
        at_once: job.max_instances,
        crowded: match job.policy.overlap {
            Overlap::Allow => CrowdedBeat::Fails,
            Overlap::Skip => CrowdedBeat::Skipped,
            Overlap::Queue { limit } => CrowdedBeat::Waits(limit),
            Overlap::Replace => CrowdedBeat::Replaces,
        },
        missed: MissedBeats::MakeLast(match job.policy.misfire {
            Misfire::Skip => 0,
            Misfire::Once => 1,
            Misfire::CatchUp { runs } => runs,
        }),
    }
}

impl Shard {
    /// A second-level job was changed, or has become or ceased to be one.
    pub(super) fn follow_job(&mut self, job: &Arc<JobDefinition>, now: UnixMillis) {
        let ids: Vec<InstanceId> = self
            .beating
            .get(&job.id)
            .into_iter()
            .flatten()
            .copied()
            .collect();
        for id in ids {
            self.happen(id, Event::JobChanged(job.clone()), now);
        }
    }

    /// Lets an instance go on by the changed job, or ends it.
    pub(super) fn apply_job(&mut self, id: InstanceId, job: Arc<JobDefinition>, now: UnixMillis) {
        let Some(run) = self.runs.get_mut(&id).filter(|run| run.has_beats()) else {
            return;
        };
        if run.job.revision >= job.revision {
            return;
        }
        let goes_on = job.status == SwitchableStatus::Enable
            && job.is_second_level()
            && job.schedule.lifecycle.start == run.job.schedule.lifecycle.start;
        // A worker that makes beats in a way of its own cannot be told of changes.
        let is_deaf = run.is_out() && run.is_told_by_silence();
        if !goes_on || is_deaf {
            let cause = match job.status {
                SwitchableStatus::Enable => "the job was changed",
                SwitchableStatus::Disable => "the job was switched off",
                SwitchableStatus::Deleted => "the job was deleted",
            };
            if let Some(next) = fold::end_by_job(&run.instance.state, cause, now) {
                self.stop_and_end(id, next, StopReason::User, Vec::new());
            }
            return;
        }
        run.instance.job_params = (!job.params.is_empty()).then(|| job.params.clone());
        run.job = job;
        self.tell_beats(id);
    }

    /// Tells the worker of an instance how its beats are by now; it knows what it has.
    pub(super) fn tell_beats(&mut self, id: InstanceId) {
        let Some(run) = self
            .runs
            .get(&id)
            .filter(|run| run.is_out() && run.sends > 0)
        else {
            return;
        };
        let (Some(plan), Some(tracker)) = (run.beat_plan(), &run.instance.state.tracker) else {
            return;
        };
        let worker = self.around.workers.find(run.instance.app_id, &tracker.node);
        let Some(link) = worker.and_then(|entry| entry.link) else {
            return; // it is told when it is back
        };
        let (app_id, item, beats) = (run.instance.app_id, run.request(), Some(plan));
        self.outbox.dispatches.push(Dispatch {
            link,
            app_id,
            item,
            beats,
        });
    }

    pub(super) fn note_beating(&mut self, run: &Run) {
        if run.has_beats() {
            let ids: &mut BTreeSet<_> = self.beating.entry(run.job.id).or_default();
            ids.insert(run.instance.instance_id);
        }
    }
}
