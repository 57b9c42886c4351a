//! What happened, held against the rules at once.
//!
//! The rules, as they are cited in messages; numbers in brackets are those of spec 01 section 11:
//! * INV-1 (12, 14) one instance for each (job, nominal time), whatever crashes;
//! * INV-2 (48) the end of an instance is recorded once;
//! * INV-3 (49) a final state is left only by a retry by hand;
//! * INV-4 (52) no attempt is started twice, on whatever worker;
//! * INV-5 (11) nothing is written and no run is sent for an application under another epoch than the
//!   present one;
//! * INV-6 (47) no more attempts than the job allows;
//! * INV-7 (35) no more runs of a job are out than may be;
//! * INV-8 attempts grow by one;
//! * INV-9 what was acknowledged exists and ends;
//! * INV-10 (14) no nominal time is lost, but for the misfire policy and while a job is off;
//! * INV-11 after the faults everything is on time again;
//! * INV-12 the result that is recorded is one that a worker (or the server, for a stated cause) gave.
//! * INV-13 what a worker has spooled reaches the server, through its restart, too;

use std::collections::BTreeMap;
use std::ops::Range;

use powerjob_common::id::{AppId, InstanceId, JobId};
use powerjob_common::status::{InstanceStatus, SwitchableStatus};
use powerjob_common::time::UnixMillis;
use powerjob_server::domain::fold::MAX_UNCONFIRMED_CLAIMS;
use powerjob_server::domain::instance::{Instance, InstanceState, Trigger};
use powerjob_server::domain::job::JobDefinition;
use powerjob_server::domain::trigger::LATE_MS;
use powerjob_server::store::write::TriggerWrite;

/// See the head of the file.
#[derive(Debug, Default)]
pub struct Ledger {
    /// Broken rules.
    pub broken: Vec<String>,
    /// Times of a job on which the misfire policy decided, or in which it was off.
    passed_over: BTreeMap<JobId, Vec<Range<UnixMillis>>>,
    /// Since when a job is off.
    off_since: BTreeMap<JobId, UnixMillis>,
    keys: BTreeMap<(JobId, UnixMillis), Vec<InstanceId>>,
    /// Ends recorded, and retries by hand that were asked for and stored.
    ends: BTreeMap<InstanceId, u32>,
    retries: BTreeMap<InstanceId, u32>,
    asked_retries: BTreeMap<InstanceId, u32>,
    out: BTreeMap<JobId, u32>,
    starts: BTreeMap<(i64, u32), String>,
    results: BTreeMap<i64, Vec<(u32, String)>>,
}

impl Ledger {
    fn break_rule(&mut self, text: String) {
        self.broken.push(text);
    }

    /// A server wrote for an application that it thinks it has under `claimed`.
    pub fn wrote(&mut self, app_id: AppId, claimed: Option<i64>, present: Option<i64>) {
        if claimed != present {
            self.break_rule(format!(
                "INV-5: a write for application {app_id} under epoch {claimed:?}, it has {present:?}"
            ));
        }
    }

    /// An instance was inserted.
    pub fn inserted(&mut self, instance: &Instance) {
        if let Trigger::Schedule { nominal } = instance.trigger {
            let ids = self.keys.entry((instance.job_id, nominal)).or_default();
            ids.push(instance.instance_id);
            if ids.len() > 1 {
                let text = format!(
                    "INV-1: job {} has {} instances for {nominal}: {ids:?}",
                    instance.job_id,
                    ids.len()
                );
                self.break_rule(text);
            }
        }
        if is_out(&instance.state) {
            *self.out.entry(instance.job_id).or_default() += 1;
        }
        if instance.state.status.is_finished() {
            *self.ends.entry(instance.instance_id).or_default() += 1;
        }
    }

    /// A trigger was stored. When it came too late, the misfire policy decided on all times from
    /// the one it was due at to the present.
    pub fn triggered(&mut self, trigger: &TriggerWrite) {
        let (Some(from), Some(next)) = (trigger.expect_next, trigger.next) else {
            return;
        };
        let made_at = trigger.instances.first().map(|it| it.created_at.0 + 1);
        let to = UnixMillis(made_at.map_or(next.0, |made_at| made_at.min(next.0)));
        if to.0 - from.0 > LATE_MS {
            self.pass_over(trigger.job_id, from..to);
        }
    }

    fn pass_over(&mut self, job_id: JobId, times: Range<UnixMillis>) {
        self.passed_over.entry(job_id).or_default().push(times);
    }

    /// The end of the times in which a job owes no instance for `nominal`: the misfire policy
    /// decided on it, perhaps once more after an edit had called its instance off, or it was off.
    pub fn owes_nothing_until(&self, job_id: JobId, nominal: UnixMillis) -> Option<UnixMillis> {
        let off_since = self.off_since.get(&job_id);
        let is_off = off_since.is_some_and(|since| *since <= nominal);
        let of_job = self.passed_over.get(&job_id).into_iter().flatten();
        let around = of_job.filter(|times| times.contains(&nominal));
        let is_off = is_off.then_some(UnixMillis(i64::MAX));
        around.map(|times| times.end).chain(is_off).max()
    }

    /// The state of an instance was replaced.
    pub fn updated(&mut self, old: &Instance, new: &Instance) {
        let id = new.instance_id;
        let (before, after) = (&old.state, &new.state);
        let was_called_off = after.status == InstanceStatus::Canceled && before.attempt == 0;
        if let (true, Trigger::Schedule { nominal }) = (was_called_off, new.trigger)
            && let Some(ids) = self.keys.get_mut(&(new.job_id, nominal))
            && after
                .result
                .as_deref()
                .is_some_and(|it| it.starts_with("called off"))
        {
            ids.retain(|other| *other != id); // an edit gives the trigger key up
        }
        match (is_out(before), is_out(after)) {
            (false, true) => *self.out.entry(new.job_id).or_default() += 1,
            (true, false) => *self.out.entry(new.job_id).or_default() -= 1,
            _ => {}
        }
        if before.status.is_finished() {
            let asked = self.asked_retries.get_mut(&id);
            let asked = asked.filter(|asked| **asked > 0 && !after.status.is_finished());
            let is_retry = asked.map(|asked| *asked -= 1).is_some();
            if is_retry {
                *self.retries.entry(id).or_default() += 1;
            } else {
                self.break_rule(format!(
                    "INV-3: instance {id} leaves {:?} for {:?}",
                    before.status, after.status
                ));
            }
        }
        if after.status.is_finished() {
            let ends = self.ends.entry(id).or_default();
            *ends += 1;
            let allowed = 1 + self.retries.get(&id).copied().unwrap_or(0);
            if *ends > allowed {
                let text = format!("INV-2: instance {id} has {ends} ends, may have {allowed}");
                self.break_rule(text);
            }
        }
        if after.attempt < before.attempt || after.attempt > before.attempt + 1 {
            self.break_rule(format!(
                "INV-8: instance {id} goes from attempt {} to {}",
                before.attempt, after.attempt
            ));
        }
        if after.unconfirmed_claims > MAX_UNCONFIRMED_CLAIMS {
            self.break_rule(format!(
                "INV-6: instance {id} has {} claims in a row that nobody confirmed",
                after.unconfirmed_claims
            ));
        }
        self.check_result(new);
    }

    /// INV-12: a success is recorded only with the word of the worker for one of its attempts.
    fn check_result(&mut self, new: &Instance) {
        if new.state.status != InstanceStatus::Succeed {
            return;
        }
        let said = self.results.get(&new.instance_id.0);
        let text = new.state.result.clone().unwrap_or_default();
        let is_said = said.is_some_and(|said| {
            said.iter()
                .any(|(attempt, result)| *attempt == new.state.attempt && *result == text)
        });
        if !is_said {
            self.break_rule(format!(
                "INV-12: instance {} succeeded in attempt {} with `{text}`, which no worker said",
                new.instance_id, new.state.attempt
            ));
        }
    }

    /// A person asked for a retry of a finished instance.
    pub fn asks_retry(&mut self, id: InstanceId) {
        *self.asked_retries.entry(id).or_default() += 1;
    }

    /// How many runs of a job are out.
    pub fn out_of(&self, job_id: JobId) -> u32 {
        self.out.get(&job_id).copied().unwrap_or(0)
    }

    /// INV-7.
    pub fn check_limit(&mut self, job_id: JobId, out: u32, limit: u32) {
        if out > limit {
            self.break_rule(format!(
                "INV-7: {out} runs of job {job_id} are out, at most {limit} may be"
            ));
        }
    }

    /// INV-6: an instance has used up no more attempts than its job allows.
    pub fn check_attempts(&mut self, instance: &Instance, job: &JobDefinition) {
        if instance.state.running_times > job.instance_retries + 1 {
            self.break_rule(format!(
                "INV-6: instance {} was run {} times, its job allows {} retries",
                instance.instance_id, instance.state.running_times, job.instance_retries
            ));
        }
    }

    /// INV-4: the code of an attempt starts on a worker.
    pub fn started(&mut self, attempt: (i64, u32), worker: &str) {
        if let Some(first) = self.starts.insert(attempt, worker.to_owned()) {
            self.break_rule(format!(
                "INV-4: attempt {} of instance {} starts on {worker}, it was started on {first}",
                attempt.1, attempt.0
            ));
        }
    }

    /// How many starts there were.
    pub fn start_count(&self) -> usize {
        self.starts.len()
    }

    /// The code of an attempt ended with success.
    pub fn succeeded(&mut self, (instance_id, attempt): (i64, u32), result: &str) {
        let said = self.results.entry(instance_id).or_default();
        said.push((attempt, result.to_owned()));
    }

    /// A job was saved or switched; `first_called_off`: the first of its times that were made ahead
    /// and called off.
    pub fn saved(
        &mut self,
        (before, after): (&JobDefinition, &JobDefinition),
        first_called_off: Option<UnixMillis>,
    ) {
        if after.status != SwitchableStatus::Enable {
            let unmade = before.next_trigger_at.into_iter().chain(first_called_off);
            if let Some(since) = unmade.min() {
                let off_since = self.off_since.entry(after.id).or_insert(since);
                *off_since = since.min(*off_since);
            }
        } else if let Some(since) = self.off_since.remove(&after.id) {
            let next = after.next_trigger_at.unwrap_or(UnixMillis(i64::MAX));
            self.pass_over(after.id, since..next);
        }
    }
}

fn is_out(state: &InstanceState) -> bool {
    matches!(
        state.status,
        InstanceStatus::WaitingWorkerReceive | InstanceStatus::Running
    )
}
