//! Looking after runs that are out: are they confirmed, is their worker still there, does it speak?

use std::time::Duration;

use powerjob_common::id::InstanceId;
use powerjob_common::time::UnixMillis;

use super::run::{Event, Run, Unconfirmed};
use super::shard::{Due, Shard};
use crate::domain::instance::Instance;
use crate::domain::status_check::{Facts, SILENCE_LIMIT, UNCONFIRMED_AFTER, Verdict, judge_run};

/// A run whose worker is away is looked at again so much later.
const RETURN_PAUSE: Duration = Duration::from_secs(1);

impl Shard {
    /// A run whose worker was away: is it here again?
    pub(super) fn check_return(&mut self, id: InstanceId, now: UnixMillis) {
        if let Some(run) = self.runs.get_mut(&id) {
            run.is_watched = false;
        }
        let Some((attempt, verdict)) = self.judge(id) else {
            return;
        };
        let Some(run) = self.runs.get(&id) else {
            return;
        };
        if verdict == Verdict::Lost {
            let tracker = run.instance.state.tracker.as_ref();
            let name = tracker.map_or("?", |tracker| tracker.node.node_id.as_str());
            let grace_s = self.return_grace(run).as_secs_f64();
            let why = if self.is_worker_here(run) {
                format!("no report about the run within {grace_s} s")
            } else if self.is_worker_restarted(&run.instance) {
                "restarted".to_owned()
            } else {
                format!("not back within {grace_s} s")
            };
            let cause = format!("worker lost: {name} ({why})");
            self.happen(id, Event::Lost { attempt, cause }, now);
        } else if !self.is_worker_here(run) {
            self.remind(now.after(RETURN_PAUSE), Due::Return, id);
        } else {
            self.watch_silence(id, now);
        }
    }

    /// Its worker spoke of a run.
    pub(super) fn hear(&mut self, id: InstanceId, now: UnixMillis) {
        if let Some(run) = self.runs.get_mut(&id)
            && run.is_told_by_silence()
        {
            run.heard_at = self.around.clock.monotonic();
            self.watch_silence(id, now);
        }
    }

    /// From now on a run is given up when its worker says nothing about it, if it would say nothing
    /// of its loss either.
    pub(super) fn watch_silence(&mut self, id: InstanceId, now: UnixMillis) {
        let Some(run) = self.runs.get_mut(&id) else {
            return;
        };
        if run.is_told_by_silence() && !std::mem::replace(&mut run.is_watched, true) {
            let monotonic = self.around.clock.monotonic();
            let silent_for = monotonic.saturating_sub(run.heard_at);
            let left = SILENCE_LIMIT.saturating_sub(silent_for);
            self.remind(now.after(left.max(RETURN_PAUSE)), Due::Return, id);
        }
    }

    /// How long the worker of a run may stay away.
    pub(super) fn return_grace(&self, run: &Run) -> Duration {
        let grace = self.around.return_grace;
        match run.is_told_by_silence() {
            true => grace.max(SILENCE_LIMIT),
            false => grace,
        }
    }

    /// Looks after runs that nobody confirmed in time; sent again, or given to another worker.
    pub(super) fn check_runs(&mut self, now: UnixMillis) {
        self.follow_clock();
        let monotonic = self.around.clock.monotonic();
        self.has_news = true;
        while let Some(sent) = self.unconfirmed.front().copied()
            && sent.look_at <= monotonic
        {
            self.unconfirmed.pop_front();
            let id = sent.id;
            let is_same = |run: &Run| {
                run.sent_at == sent.sent_at && run.instance.state.attempt == sent.attempt
            };
            if !self.runs.get(&id).is_some_and(is_same) {
                continue;
            }
            match self.judge(id) {
                Some((_, Verdict::SendAgain)) => self.send(id),
                Some((attempt, Verdict::Release)) => {
                    let cause = "the worker did not confirm the run".to_owned();
                    self.happen(id, Event::Unreceived { attempt, cause }, now);
                }
                Some((_, Verdict::Lost)) => self.check_return(id, now),
                // Its worker is away: look again when that is decided.
                Some((_, Verdict::Fine)) => {
                    let run = self.runs.get(&id);
                    if run.is_some_and(|run| run.instance.state.unconfirmed_claims > 0) {
                        let look_at = monotonic + UNCONFIRMED_AFTER;
                        self.unconfirmed.push_back(Unconfirmed { look_at, ..sent });
                    }
                }
                None => {}
            }
        }
    }

    fn judge(&self, id: InstanceId) -> Option<(u32, Verdict)> {
        let run = self.runs.get(&id).filter(|run| run.is_out())?;
        let monotonic = self.around.clock.monotonic();
        let facts = Facts {
            is_confirmed: run.instance.state.unconfirmed_claims == 0,
            is_worker_here: self.is_worker_here(run),
            is_worker_restarted: self.is_worker_restarted(&run.instance),
            since_sent: monotonic.saturating_sub(run.sent_at),
            sends: run.sends,
            return_grace: self.return_grace(run),
            silent_for: run
                .is_told_by_silence()
                .then(|| monotonic.saturating_sub(run.heard_at)),
        };
        Some((run.instance.state.attempt, judge_run(&facts)))
    }

    /// Whether a later life of the worker of an instance is connected.
    pub(super) fn is_worker_restarted(&self, instance: &Instance) -> bool {
        let tracker = instance.state.tracker.as_ref();
        tracker.is_some_and(|tracker| {
            let workers = &self.around.workers;
            workers.has_later_life(instance.app_id, &tracker.node)
        })
    }

    fn is_worker_here(&self, run: &Run) -> bool {
        let tracker = run.instance.state.tracker.as_ref();
        let worker = tracker
            .and_then(|tracker| self.around.workers.find(run.instance.app_id, &tracker.node));
        worker.is_some_and(|entry| entry.link.is_some())
    }
}
