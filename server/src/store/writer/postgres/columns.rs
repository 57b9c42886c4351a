//! The rows of a batch as one array for each column.

use powerjob_common::id::{AppId, NodeRef};
use powerjob_common::time::UnixMillis;
use sea_orm::sqlx::Postgres;
use sea_orm::sqlx::postgres::PgArguments;
use sea_orm::sqlx::query::Query;

use crate::domain::instance::{Instance, InstanceState, TrackerRef};
use crate::store::fence::Fence;
use crate::store::write::{InstanceUpdate, TriggerWrite, WriteOp};
use crate::store::writer::batch::Entry;
use crate::store::writer::encode::{plain_text, trigger_columns};
use crate::store::writer::engine::Frame;

/// The parameters of one statement.
#[derive(Debug, Default)]
pub(super) struct Columns {
    apps: Vec<i64>,
    inserts: Inserts,
    updates: Updates,
    triggers: Triggers,
    attempts: Attempts,
}

#[derive(Debug, Default)]
struct Inserts {
    instance_id: Vec<i64>,
    job_id: Vec<i64>,
    app_id: Vec<i64>,
    job_params: Vec<Option<String>>,
    instance_params: Vec<Option<String>>,
    kind: Vec<i32>,
    nominal: Vec<Option<i64>>,
    workflow: Vec<Option<i64>>,
    revision: Vec<i64>,
    created: Vec<i64>,
    chosen: Vec<Option<String>>,
    state: States,
}

#[derive(Debug, Default)]
struct Updates {
    instance_id: Vec<i64>,
    expect_status: Vec<i32>,
    expect_attempt: Vec<i32>,
    release: Vec<bool>,
    state: States,
}

#[derive(Debug, Default)]
struct Triggers {
    job_id: Vec<i64>,
    revision: Vec<i64>,
    expected: Vec<Option<i64>>,
    next: Vec<Option<i64>>,
}

#[derive(Debug, Default)]
struct Attempts {
    instance_id: Vec<i64>,
    state: States,
}

#[derive(Debug, Default)]
struct States {
    status: Vec<i32>,
    attempt: Vec<i32>,
    running_times: Vec<i64>,
    unconfirmed: Vec<i32>,
    expected: Vec<i64>,
    dispatched: Vec<Option<i64>>,
    received: Vec<Option<i64>>,
    started: Vec<Option<i64>>,
    finished: Vec<Option<i64>>,
    recorded: Vec<Option<i64>>,
    address: Vec<Option<String>>,
    node: Vec<Option<String>>,
    incarnation: Vec<Option<i64>>,
    result: Vec<Option<String>>,
}

pub(super) type Bound<'q> = Query<'q, Postgres, PgArguments>;

impl Columns {
    /// The columns of the writes that have no outcome yet.
    pub(super) fn of(entries: &[Entry]) -> Self {
        let mut columns = Self::default();
        for entry in entries.iter().filter(|entry| entry.outcome.is_none()) {
            match &entry.op {
                WriteOp::Insert(instance) => columns.insert(instance),
                WriteOp::Update(update) => columns.update(update),
                WriteOp::Trigger(trigger) => columns.trigger(trigger),
            }
        }
        columns
    }

    fn app(&mut self, app: AppId) {
        // Batches are about few applications, mostly in runs.
        if self.apps.last() != Some(&app.0) && !self.apps.contains(&app.0) {
            self.apps.push(app.0);
        }
    }

    fn insert(&mut self, instance: &Instance) {
        self.app(instance.app_id);
        let (kind, nominal, workflow) = trigger_columns(instance.trigger);
        let rows = &mut self.inserts;
        rows.instance_id.push(instance.instance_id.0);
        rows.job_id.push(instance.job_id.0);
        rows.app_id.push(instance.app_id.0);
        rows.job_params.push(text(instance.job_params.as_deref()));
        rows.instance_params
            .push(text(instance.instance_params.as_deref()));
        rows.kind.push(narrow(kind));
        rows.nominal.push(nominal);
        rows.workflow.push(workflow);
        rows.revision.push(instance.job_revision);
        rows.created.push(instance.created_at.0);
        rows.chosen.push(text(instance.chosen_worker.as_deref()));
        rows.state.push(&instance.state);
    }

    fn update(&mut self, update: &InstanceUpdate) {
        self.app(update.app_id);
        let rows = &mut self.updates;
        rows.instance_id.push(update.instance_id.0);
        rows.expect_status.push(update.expect_status.code());
        rows.expect_attempt
            .push(update.expect_attempt.cast_signed());
        rows.release.push(update.release_trigger_key);
        rows.state.push(&update.state);
        if let Some(ended) = &update.ended_attempt {
            self.attempts.instance_id.push(update.instance_id.0);
            self.attempts.state.push(ended);
        }
    }

    fn trigger(&mut self, trigger: &TriggerWrite) {
        self.app(trigger.app_id);
        let rows = &mut self.triggers;
        rows.job_id.push(trigger.job_id.0);
        rows.revision.push(trigger.job_revision);
        rows.expected
            .push(trigger.expect_next.map(|instant| instant.0));
        rows.next.push(trigger.next.map(|instant| instant.0));
        for instance in &trigger.instances {
            self.insert(instance);
        }
    }

    /// Binds everything in the order of the statement's parameters.
    pub(super) fn bind<'q>(self, query: Bound<'q>, frame: Frame<'_>) -> Bound<'q> {
        let apps: &[i64] = frame.fence.map_or(&[], |_| &self.apps);
        let held = |fence: &Fence, app: &i64| fence.apps.get(&AppId(*app)).copied();
        let epochs: Vec<Option<i64>> = apps
            .iter()
            .map(|app| frame.fence.and_then(|fence| held(fence, app)))
            .collect();
        let query = query
            .bind(frame.fence.map(|fence| fence.node_id.as_str()))
            .bind(frame.fence.map_or(0, |fence| fence.server_epoch))
            .bind(frame.mark)
            .bind(date(frame.now))
            .bind(frame.now.0)
            .bind(count(apps))
            .bind(count(&self.updates.instance_id))
            .bind(count(&self.triggers.job_id))
            .bind(apps)
            .bind(epochs);
        let query = query
            .bind(&self.inserts.instance_id)
            .bind(&self.inserts.job_id)
            .bind(&self.inserts.app_id)
            .bind(&self.inserts.job_params)
            .bind(&self.inserts.instance_params)
            .bind(&self.inserts.kind)
            .bind(&self.inserts.nominal)
            .bind(&self.inserts.workflow)
            .bind(&self.inserts.revision)
            .bind(&self.inserts.created)
            .bind(&self.inserts.chosen);
        let query = self.inserts.state.bind_all(query);
        let query = query
            .bind(&self.updates.instance_id)
            .bind(&self.updates.expect_status)
            .bind(&self.updates.expect_attempt)
            .bind(&self.updates.release);
        let query = self.updates.state.bind_all(query);
        let query = query
            .bind(&self.triggers.job_id)
            .bind(&self.triggers.revision)
            .bind(&self.triggers.expected)
            .bind(&self.triggers.next)
            .bind(&self.attempts.instance_id);
        self.attempts.state.bind_all(query)
    }
}

impl States {
    fn push(&mut self, state: &InstanceState) {
        let instant = |instant: Option<UnixMillis>| instant.map(|instant| instant.0);
        self.status.push(state.status.code());
        self.attempt.push(state.attempt.cast_signed());
        self.running_times.push(state.running_times.into());
        self.unconfirmed
            .push(state.unconfirmed_claims.cast_signed());
        self.expected.push(state.expected_at.0);
        self.dispatched.push(instant(state.dispatched_at));
        self.received.push(instant(state.received_at));
        self.started.push(instant(state.started_at));
        self.finished.push(instant(state.finished_at));
        self.recorded.push(instant(state.recorded_at));
        self.result.push(text(state.result.as_deref()));
        let (address, node, incarnation) = match &state.tracker {
            Some(TrackerRef { node, address }) => {
                let NodeRef {
                    node_id,
                    incarnation,
                } = node;
                let names = (text(Some(address)), text(Some(node_id)));
                (names.0, names.1, Some(incarnation.cast_signed()))
            }
            None => (None, None, None),
        };
        self.address.push(address);
        self.node.push(node);
        self.incarnation.push(incarnation);
    }

    fn bind_all<'q>(&self, query: Bound<'q>) -> Bound<'q> {
        let query = query
            .bind(&self.status)
            .bind(&self.attempt)
            .bind(&self.running_times)
            .bind(&self.unconfirmed)
            .bind(&self.expected)
            .bind(&self.dispatched)
            .bind(&self.received)
            .bind(&self.started)
            .bind(&self.finished)
            .bind(&self.recorded)
            .bind(&self.address)
            .bind(&self.node)
            .bind(&self.incarnation);
        query.bind(&self.result)
    }
}

/// NUL can not be stored; it becomes the replacement character.
fn text(text: Option<&str>) -> Option<String> {
    text.map(|text| plain_text(text).into_owned())
}

fn narrow(code: i64) -> i32 {
    i32::try_from(code).unwrap_or_default()
}

fn count<T>(rows: &[T]) -> i64 {
    i64::try_from(rows.len()).unwrap_or(i64::MAX)
}

fn date(now: UnixMillis) -> chrono::NaiveDateTime {
    chrono::DateTime::from_timestamp_millis(now.0)
        .unwrap_or_default()
        .naive_utc()
}
