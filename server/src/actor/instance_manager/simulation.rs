//! A shard without its actor: letters in, what they lead to out. For the simulation.

use std::collections::BTreeMap;

use powerjob_common::id::{AppId, InstanceId};
use powerjob_common::instance_id::InstanceIdGenerator;
use powerjob_common::time::UnixMillis;

use super::letters::{
    AdoptRuns, ApplyReports, ForgetRuns, ReconcileWorker, RunVerdicts, RunsUnanswered, WorkerLost,
};
use super::message::{
    CancelInstance, ChangeError, KillInstance, RetryInstance, StartRuns, StopInstance,
};
use super::placement::Placement;
use super::run::Event;
use super::shard::{Outbox, Shard, Surroundings};
use crate::domain::instance::Instance;
use crate::domain::job::JobDefinition;
use crate::live::RunningCounts;
use crate::store::write::WriteOutcome;

/// What an instance manager hears.
#[derive(Debug)]
pub(crate) enum ShardLetter {
    Start(StartRuns),
    Stop(StopInstance),
    Kill(KillInstance),
    Cancel(CancelInstance),
    Retry(RetryInstance),
    Adopt(AdoptRuns),
    Committed(Vec<(u64, WriteOutcome)>),
    Verdicts(RunVerdicts),
    Unanswered(RunsUnanswered),
    Reports(ApplyReports),
    Reconcile(ReconcileWorker),
    Lost(WorkerLost),
    WorkersChanged,
    Due,
    Check,
    Forget(ForgetRuns),
    DropApp(AppId),
    Settle,
    Reloaded(InstanceId, Option<Box<Instance>>),
    Known(u64, Result<Known, ChangeError>),
}

/// An instance, and its job if it is known or was wanted.
pub(crate) type Known = (Box<Instance>, Option<Box<JobDefinition>>);

/// What a turn leads to.
#[derive(Debug, Default)]
pub(crate) struct ShardNeeds {
    /// Without strangers: these have become questions.
    pub(crate) outbox: Outbox,
    /// Number of the question, instance, whether its job is wanted, too.
    pub(crate) questions: Vec<(u64, InstanceId, bool)>,
}

/// See the head of the file.
#[derive(Debug)]
pub(crate) struct ShardShell {
    shard: Shard,
    asked: BTreeMap<u64, Event>,
    next_question: u64,
}

/// Which of the shards it is, and of how many.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place {
    pub(crate) place: usize,
    pub(crate) shards: usize,
}

impl ShardShell {
    pub(crate) fn new(
        Place { place, shards }: Place,
        around: Surroundings,
        running: RunningCounts,
        ids: InstanceIdGenerator,
        seed: u64,
    ) -> Self {
        let placement = Placement::new(around.workers.clone(), running, seed);
        Self {
            shard: Shard::new(place, shards, around, placement, ids),
            asked: BTreeMap::new(),
            next_question: 0,
        }
    }

    pub(crate) fn handle(&mut self, letter: ShardLetter, now: UnixMillis) {
        let shard = &mut self.shard;
        match letter {
            ShardLetter::Start(it) => shard.start_runs(it, None, now),
            ShardLetter::Stop(it) => shard.happen(it.instance_id, Event::Stop(it.reply), now),
            ShardLetter::Kill(it) => shard.happen(it.instance_id, Event::Kill(it.reply), now),
            ShardLetter::Cancel(it) => shard.happen(it.instance_id, Event::Cancel(it.reply), now),
            ShardLetter::Retry(it) => {
                shard.happen(it.instance_id, Event::Retry(it.scope, it.reply), now)
            }
            ShardLetter::Adopt(it) => shard.adopt(it.runs, now),
            ShardLetter::Committed(results) => shard.committed(results, now),
            ShardLetter::Verdicts(it) => shard.take_verdicts(it.items, now),
            ShardLetter::Unanswered(it) => shard.take_unanswered(it, now),
            ShardLetter::Reports(it) => shard.take_reports(it.app_id, it.items, now),
            ShardLetter::Reconcile(it) => shard.reconcile(it, now),
            ShardLetter::Lost(it) => shard.lose_worker(&it, now),
            ShardLetter::WorkersChanged => shard.has_news = true,
            ShardLetter::Due => shard.meet_deadlines(now),
            ShardLetter::Check => shard.check_runs(now),
            ShardLetter::Forget(it) => shard.forget_called_off(&it.ids),
            ShardLetter::DropApp(app_id) => shard.drop_app(app_id),
            ShardLetter::Settle => {} // answered by the end of the turn
            ShardLetter::Reloaded(id, found) => shard.reloaded(id, found.map(|it| *it), now),
            ShardLetter::Known(question, found) => {
                if let Some(event) = self.asked.remove(&question) {
                    let found = found.map(|(instance, job)| (*instance, job.map(Into::into)));
                    shard.know_stranger(event, found, now);
                }
            }
        }
    }

    /// Ends the turn, as the actor does after the letters that are there.
    pub(crate) fn end_turn(&mut self, now: UnixMillis) -> ShardNeeds {
        self.shard.serve_queues(now);
        let mut outbox = std::mem::take(&mut self.shard.outbox);
        let mut questions = Vec::new();
        for (id, event) in std::mem::take(&mut outbox.strangers) {
            if let Some(event) = self.shard.meet_stranger(event) {
                self.next_question += 1;
                let wants_job = matches!(event, Event::Retry(..));
                questions.push((self.next_question, id, wants_job));
                self.asked.insert(self.next_question, event);
            }
        }
        ShardNeeds { outbox, questions }
    }

    pub(crate) fn next_deadline(&self) -> Option<UnixMillis> {
        self.shard.next_deadline()
    }

    /// The open instances, for messages about a failure.
    pub(crate) fn describe(&self) -> Vec<String> {
        let mut runs: Vec<_> = self.shard.runs.values().collect();
        runs.sort_unstable_by_key(|run| run.instance.instance_id);
        let line = |run: &&super::run::Run| {
            let state = &run.instance.state;
            format!(
                "{} job {} {:?} attempt {} out to {:?} writing {} queued {} waits {:?} sends {} worker {} connection {:?} expected {}",
                run.instance.instance_id,
                run.job.id,
                state.status,
                state.attempt,
                state.tracker.as_ref().map(|it| it.node.to_string()),
                run.writing.is_some(),
                run.is_queued,
                run.waits_for,
                run.sends,
                run.worker.is_some(),
                run.connection,
                state.expected_at,
            )
        };
        runs.iter().map(line).collect()
    }
}
