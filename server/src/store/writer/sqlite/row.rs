//! Values of rows, bound in the order of the statements' numbers.

use powerjob_common::time::UnixMillis;
use rusqlite::{CachedStatement, Error, ToSql};

use crate::domain::instance::{Instance, InstanceState};
use crate::store::write::{InstanceUpdate, TriggerWrite};
use crate::store::writer::encode::{plain_text, trigger_columns};

/// A prepared statement that gets the values of one row after the other.
pub(super) struct Row<'s> {
    statement: CachedStatement<'s>,
    bound: usize,
}

impl<'s> Row<'s> {
    pub(super) fn of(statement: CachedStatement<'s>) -> Self {
        Self {
            statement,
            bound: 0,
        }
    }

    /// Inserts an instance; `date` is now, as the reference writes dates.
    pub(super) fn insert(&mut self, instance: &Instance, date: &str) -> Result<(), Error> {
        let (kind, nominal, workflow) = trigger_columns(instance.trigger);
        let reference_type = if workflow.is_some() { 2 } else { 1 };
        self.value(instance.instance_id.0)?;
        self.value(instance.job_id.0)?;
        self.value(instance.app_id.0)?;
        self.text(instance.job_params.as_deref())?;
        self.text(instance.instance_params.as_deref())?;
        self.value(kind)?;
        self.value(reference_type)?;
        self.value(nominal)?;
        self.value(workflow)?;
        self.value(instance.job_revision)?;
        self.value(instance.created_at.0)?;
        self.value(date)?;
        self.state(&instance.state)?;
        self.text(instance.chosen_worker.as_deref())?;
        self.run().map(drop)
    }

    /// Replaces a state; the number of changed rows.
    pub(super) fn update(
        &mut self,
        update: &InstanceUpdate,
        now: UnixMillis,
        date: &str,
    ) -> Result<usize, Error> {
        self.value(update.instance_id.0)?;
        self.value(update.expect_status.code())?;
        self.value(update.expect_attempt)?;
        self.value(now.0)?;
        self.value(date)?;
        self.state(&update.state)?;
        self.run()
    }

    /// Moves a job on; the number of changed rows.
    pub(super) fn trigger(&mut self, trigger: &TriggerWrite) -> Result<usize, Error> {
        self.value(trigger.job_id.0)?;
        self.value(trigger.job_revision)?;
        self.instant(trigger.expect_next)?;
        self.instant(trigger.next)?;
        self.run()
    }

    /// Keeps an attempt that ended.
    pub(super) fn attempt(&mut self, instance: i64, ended: &InstanceState) -> Result<(), Error> {
        self.value(instance)?;
        self.status(ended)?;
        self.times(ended)?;
        self.run().map(drop)
    }

    /// A statement with these two values; whether it found a row.
    pub(super) fn finds(&mut self, first: impl ToSql, second: i64) -> Result<bool, Error> {
        self.statement.exists((first, second))
    }

    /// A statement about one id.
    pub(super) fn by_id(&mut self, id: i64) -> Result<(), Error> {
        self.value(id)?;
        self.run().map(drop)
    }

    /// Status, attempt, counters, times, worker, result.
    fn state(&mut self, state: &InstanceState) -> Result<(), Error> {
        self.status(state)?;
        self.times(state)
    }

    fn status(&mut self, state: &InstanceState) -> Result<(), Error> {
        self.value(state.status.code())?;
        self.value(state.attempt)?;
        self.value(state.running_times)?;
        self.value(state.unconfirmed_claims)
    }

    fn times(&mut self, state: &InstanceState) -> Result<(), Error> {
        self.value(state.expected_at.0)?;
        self.instant(state.dispatched_at)?;
        self.instant(state.received_at)?;
        self.instant(state.started_at)?;
        self.instant(state.finished_at)?;
        self.instant(state.recorded_at)?;
        let tracker = state.tracker.as_ref();
        self.text(tracker.map(|tracker| &*tracker.address))?;
        self.text(tracker.map(|tracker| &*tracker.node.node_id))?;
        self.value(tracker.map(|tracker| tracker.node.incarnation.cast_signed()))?;
        self.text(state.result.as_deref())
    }

    fn instant(&mut self, instant: Option<UnixMillis>) -> Result<(), Error> {
        self.value(instant.map(|instant| instant.0))
    }

    fn text(&mut self, text: Option<&str>) -> Result<(), Error> {
        match text {
            Some(text) => self.value(&*plain_text(text)),
            None => self.value(rusqlite::types::Null),
        }
    }

    fn value(&mut self, value: impl ToSql) -> Result<(), Error> {
        self.bound += 1;
        self.statement.raw_bind_parameter(self.bound, value)
    }

    fn run(&mut self) -> Result<usize, Error> {
        self.bound = 0;
        self.statement.raw_execute()
    }
}
