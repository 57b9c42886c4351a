//! Rows as JSON arrays, in the order in which the statements of MySQL read them.

use std::borrow::Cow;

use powerjob_common::id::{AppId, InstanceId};
use powerjob_common::status::InstanceStatus;
use powerjob_common::time::UnixMillis;

use super::batch::Entry;
use crate::domain::instance::{Instance, InstanceState, Trigger};
use crate::store::fence::Fence;
use crate::store::write::{InstanceUpdate, TriggerWrite, WriteOp};

/// Codes of `pj_trigger_kind`.
pub(in crate::store) const KIND_SCHEDULE: i64 = 1;
pub(in crate::store) const KIND_API: i64 = 2;
pub(in crate::store) const KIND_WORKFLOW: i64 = 3;

/// The parameters of one transaction or part.
#[derive(Debug, Default)]
pub(super) struct Parameters {
    pub(super) inserts: Rows,
    pub(super) updates: Rows,
    pub(super) released: Rows,
    pub(super) triggers: Rows,
    pub(super) attempts: Rows,
    apps: Vec<i64>,
}

impl Parameters {
    /// The parameters of the writes that have no outcome yet.
    pub(super) fn of(entries: &[Entry]) -> Self {
        let mut parameters = Self::default();
        for entry in entries.iter().filter(|entry| entry.outcome.is_none()) {
            parameters.add(&entry.op);
        }
        parameters
    }

    fn add(&mut self, op: &WriteOp) {
        match op {
            WriteOp::Insert(instance) => self.add_instance(instance),
            WriteOp::Update(update) => self.add_update(update),
            WriteOp::Trigger(trigger) => self.add_trigger(trigger),
        }
    }

    fn add_app(&mut self, app: i64) {
        // Batches are about few applications, mostly in runs.
        if self.apps.last() != Some(&app) && !self.apps.contains(&app) {
            self.apps.push(app);
        }
    }

    fn add_instance(&mut self, instance: &Instance) {
        self.add_app(instance.app_id.0);
        let (kind, nominal, workflow) = trigger_columns(instance.trigger);
        let row = &mut self.inserts;
        row.begin();
        row.number(instance.instance_id.0);
        row.number(instance.job_id.0);
        row.number(instance.app_id.0);
        row.optional_text(instance.job_params.as_deref());
        row.optional_text(instance.instance_params.as_deref());
        row.number(kind);
        row.optional(nominal);
        row.optional(workflow);
        row.number(instance.job_revision);
        row.number(instance.created_at.0);
        row.new_state(&instance.state);
        row.optional_text(instance.chosen_worker.as_deref());
        row.end();
        if is_born_with_more(&instance.state) {
            let state = &instance.state;
            self.add_state(instance.instance_id, (state.status, state.attempt), state);
        }
    }

    fn add_state(
        &mut self,
        id: InstanceId,
        (expect_status, expect_attempt): (InstanceStatus, u32),
        state: &InstanceState,
    ) {
        let row = &mut self.updates;
        row.begin();
        row.number(id.0);
        row.number(expect_status.code().into());
        row.number(expect_attempt.into());
        row.state(state);
        row.end();
    }

    fn add_update(&mut self, update: &InstanceUpdate) {
        self.add_app(update.app_id.0);
        let expected = (update.expect_status, update.expect_attempt);
        self.add_state(update.instance_id, expected, &update.state);
        if update.release_trigger_key {
            self.released.bare_number(update.instance_id.0);
        }
        if let Some(ended) = &update.ended_attempt {
            let row = &mut self.attempts;
            row.begin();
            row.number(update.instance_id.0);
            row.state(ended);
            row.end();
        }
    }

    fn add_trigger(&mut self, trigger: &TriggerWrite) {
        self.add_app(trigger.app_id.0);
        let row = &mut self.triggers;
        row.begin();
        row.number(trigger.job_id.0);
        row.number(trigger.job_revision);
        row.instant(trigger.expect_next);
        row.instant(trigger.next);
        row.end();
        for instance in &trigger.instances {
            self.add_instance(instance);
        }
    }

    /// Application and epoch of each assignment that the writes rely on.
    pub(super) fn assignments(&self, fence: Option<&Fence>) -> Rows {
        let mut assignments = Rows::default();
        for app in fence.map_or(&[][..], |_| &self.apps[..]) {
            let held = fence.and_then(|fence| fence.apps.get(&AppId(*app)));
            assignments.begin();
            assignments.number(*app);
            assignments.optional(held.copied());
            assignments.end();
        }
        assignments
    }
}

/// Kind, trigger key and workflow instance of what made an instance.
pub(super) fn trigger_columns(trigger: Trigger) -> (i64, Option<i64>, Option<i64>) {
    match trigger {
        Trigger::Schedule { nominal } => (KIND_SCHEDULE, Some(nominal.0), None),
        Trigger::Api => (KIND_API, None, None),
        Trigger::Workflow { wf_instance_id } => (KIND_WORKFLOW, None, Some(wf_instance_id)),
    }
}

/// NUL can not be stored by every database; it becomes the replacement character.
pub(super) fn plain_text(text: &str) -> Cow<'_, str> {
    if text.contains('\0') {
        Cow::Owned(text.replace('\0', "\u{fffd}"))
    } else {
        Cow::Borrowed(text)
    }
}

/// Whether a new instance has more than the insert writes; then an update follows it.
pub(super) fn is_born_with_more(state: &InstanceState) -> bool {
    let InstanceState {
        running_times,
        received_at,
        started_at,
        finished_at,
        recorded_at,
        result,
        ..
    } = state;
    *running_times > 0
        || result.is_some()
        || [received_at, started_at, finished_at, recorded_at]
            .iter()
            .any(|at| at.is_some())
}

/// A JSON array of rows.
#[derive(Debug, Default)]
pub(super) struct Rows {
    text: Vec<u8>,
    pub(super) count: i64,
    in_row: bool,
}

impl Rows {
    fn begin(&mut self) {
        self.text.push(if self.count == 0 { b'[' } else { b',' });
        self.text.push(b'[');
        self.count += 1;
        self.in_row = false;
    }

    fn end(&mut self) {
        self.text.push(b']');
    }

    /// A row that is one number.
    fn bare_number(&mut self, number: i64) {
        self.text.push(if self.count == 0 { b'[' } else { b',' });
        self.count += 1;
        self.json(&number);
    }

    fn separate(&mut self) {
        if self.in_row {
            self.text.push(b',');
        }
        self.in_row = true;
    }

    fn json<T: serde::Serialize + ?Sized>(&mut self, value: &T) {
        let written = serde_json::to_writer(&mut self.text, value);
        debug_assert!(written.is_ok(), "numbers and texts always have a JSON form");
    }

    fn number(&mut self, number: i64) {
        self.separate();
        self.json(&number);
    }

    fn optional(&mut self, number: Option<i64>) {
        match number {
            Some(number) => self.number(number),
            None => self.null(),
        }
    }

    fn instant(&mut self, instant: Option<UnixMillis>) {
        self.optional(instant.map(|instant| instant.0));
    }

    fn null(&mut self) {
        self.separate();
        self.text.extend_from_slice(b"null");
    }

    fn optional_text(&mut self, text: Option<&str>) {
        let Some(text) = text else { return self.null() };
        self.separate();
        self.json(&*plain_text(text));
    }

    /// The fields of a state that an instance may have when it is made.
    fn new_state(&mut self, state: &InstanceState) {
        self.number(state.status.code().into());
        self.number(state.attempt.into());
        self.number(state.unconfirmed_claims.into());
        self.number(state.expected_at.0);
        self.instant(state.dispatched_at);
        self.tracker(state);
    }

    /// All fields of a state.
    fn state(&mut self, state: &InstanceState) {
        self.number(state.status.code().into());
        self.number(state.attempt.into());
        self.number(state.running_times.into());
        self.number(state.unconfirmed_claims.into());
        self.number(state.expected_at.0);
        self.instant(state.dispatched_at);
        self.instant(state.received_at);
        self.instant(state.started_at);
        self.instant(state.finished_at);
        self.instant(state.recorded_at);
        self.tracker(state);
        self.optional_text(state.result.as_deref());
    }

    fn tracker(&mut self, state: &InstanceState) {
        match &state.tracker {
            Some(tracker) => {
                self.optional_text(Some(&tracker.address));
                self.optional_text(Some(&tracker.node.node_id));
                self.number(tracker.node.incarnation.cast_signed());
            }
            None => (0..3).for_each(|_| self.null()),
        }
    }

    /// The rows as JSON.
    pub(super) fn json_text(mut self) -> String {
        self.text
            .extend_from_slice(if self.count == 0 { b"[]" } else { b"]" });
        String::from_utf8(self.text).expect("JSON text is UTF-8")
    }
}
