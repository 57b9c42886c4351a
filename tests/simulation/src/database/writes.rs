//! The batches of the group-committing writer.

use std::collections::BTreeMap;

use powerjob_common::id::{AppId, JobId};
use powerjob_common::time::UnixMillis;
use powerjob_server::domain::instance::{Instance, Trigger};
use powerjob_server::domain::overlap::run_limit;
use powerjob_server::store::write::{InstanceUpdate, TriggerWrite, WriteOp, WriteOutcome};

use super::{Database, Fence, Row};
use crate::plant::Plant;

impl Database {
    /// Applies each write completely or not at all, all in one transaction.
    pub(crate) fn apply(&mut self, fence: &Fence, ops: &[WriteOp]) -> Vec<WriteOutcome> {
        let outcomes = ops.iter().map(|op| self.apply_one(fence, op)).collect();
        ops.iter().for_each(|op| self.check_limit(op));
        outcomes
    }

    fn apply_one(&mut self, fence: &Fence, op: &WriteOp) -> WriteOutcome {
        let app_id = match op {
            WriteOp::Insert(instance) => instance.app_id,
            WriteOp::Update(update) => update.app_id,
            WriteOp::Trigger(trigger) => trigger.app_id,
        };
        if self.hold(fence, app_id).is_err() {
            return WriteOutcome::Fenced;
        }
        let claimed = fence.apps.get(&app_id).copied();
        self.ledger.wrote(app_id, claimed, self.epoch(app_id));
        match op {
            WriteOp::Insert(instance) => self.insert_new(instance),
            WriteOp::Update(update) => self.update(update),
            WriteOp::Trigger(trigger) => self.trigger(trigger),
        }
    }

    fn insert_new(&mut self, instance: &Instance) -> WriteOutcome {
        if self.instances.contains_key(&instance.instance_id) {
            return WriteOutcome::Duplicate;
        }
        self.insert(instance);
        WriteOutcome::Applied
    }

    fn insert(&mut self, instance: &Instance) {
        let key = key_of(instance);
        if let Some(key) = key {
            self.keys.insert(key, instance.instance_id);
        }
        self.ledger.inserted(instance);
        let row = Row {
            instance: instance.clone(),
            key,
        };
        self.instances.insert(instance.instance_id, row);
    }

    fn update(&mut self, update: &InstanceUpdate) -> WriteOutcome {
        let Some(row) = self.instances.get_mut(&update.instance_id) else {
            return WriteOutcome::Stale;
        };
        let state = &row.instance.state;
        let is_expected =
            state.status == update.expect_status && state.attempt == update.expect_attempt;
        if !is_expected && self.plant != Some(Plant::BlindUpdate) {
            return WriteOutcome::Stale;
        }
        let old = row.instance.clone();
        row.instance.state = update.state.clone();
        if update.release_trigger_key
            && let Some(key) = row.key.take()
        {
            self.keys.remove(&key);
        }
        let new = row.instance.clone();
        self.ledger.updated(&old, &new);
        WriteOutcome::Applied
    }

    fn trigger(&mut self, trigger: &TriggerWrite) -> WriteOutcome {
        let is_known = |instance: &Instance| {
            let is_taken = key_of(instance).is_some_and(|key| self.keys.contains_key(&key));
            self.instances.contains_key(&instance.instance_id)
                || is_taken && self.plant != Some(Plant::NoTriggerKey)
        };
        if trigger.instances.iter().any(is_known) {
            return WriteOutcome::Duplicate;
        }
        let Some(job) = self.jobs.get_mut(&trigger.job_id) else {
            return WriteOutcome::Stale;
        };
        let is_expected =
            job.revision == trigger.job_revision && job.next_trigger_at == trigger.expect_next;
        if !is_expected && self.plant != Some(Plant::NoTriggerKey) {
            return WriteOutcome::Stale;
        }
        job.next_trigger_at = trigger.next;
        self.ledger.triggered(trigger);
        for instance in &trigger.instances {
            self.insert(instance);
        }
        WriteOutcome::Applied
    }

    /// Invariant 35: no more runs of a job are out than its limit.
    fn check_limit(&mut self, op: &WriteOp) {
        let job_id = match op {
            WriteOp::Insert(instance) => instance.job_id,
            WriteOp::Update(update) => match self.instances.get(&update.instance_id) {
                Some(row) => row.instance.job_id,
                None => return,
            },
            WriteOp::Trigger(_) => return,
        };
        let Some(job) = self.jobs.get(&job_id) else {
            return;
        };
        let limit = run_limit(job);
        if limit > 0 {
            let out = self.ledger.out_of(job_id);
            self.ledger.check_limit(job_id, out, limit);
        }
    }

    /// The nominal times of a job that have an instance, with the instances.
    pub(crate) fn occurrences(&self) -> BTreeMap<(AppId, JobId), Vec<(UnixMillis, &Instance)>> {
        let mut occurrences: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for row in self.instances.values() {
            if let Some((job_id, nominal)) = row.key {
                let of_job = occurrences.entry((row.instance.app_id, job_id));
                of_job.or_default().push((nominal, &row.instance));
            }
        }
        for list in occurrences.values_mut() {
            list.sort_by_key(|(nominal, instance)| (*nominal, instance.instance_id));
        }
        occurrences
    }
}

fn key_of(instance: &Instance) -> Option<(JobId, UnixMillis)> {
    match instance.trigger {
        Trigger::Schedule { nominal } => Some((instance.job_id, nominal)),
        Trigger::Api | Trigger::Workflow { .. } => None,
    }
}
