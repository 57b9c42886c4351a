//! Builders of what the tests write.

use powerjob_common::id::{AppId, InstanceId, JobId, NodeRef, UserId};
use powerjob_common::secret::Secret;
use powerjob_common::status::{
    DispatchStrategy, ExecuteType, InstanceStatus, LogLevel, ProcessorType, SwitchableStatus,
    TimeExpressionType,
};
use powerjob_common::time::UnixMillis;
use powerjob_common::time_expression::Lifecycle;

use super::START;
use crate::domain::instance::{Instance, InstanceState, TrackerRef, Trigger};
use crate::domain::job::{JobDefinition, ScheduleSpec};
use crate::domain::policy::{BackOff, Misfire, Overlap, RetryPolicy, SchedulePolicy};
use crate::store::account::NewAccount;
use crate::store::app::{App, NewApp};
use crate::store::lease::{Assignment, ServerLease};
use crate::store::write::{InstanceUpdate, Lane, TriggerWrite, WriteOp, WriteOutcome};
use crate::store::{Error, Store};

pub(in crate::store) fn waiting_state() -> InstanceState {
    InstanceState {
        status: InstanceStatus::WaitingDispatch,
        attempt: 0,
        running_times: 0,
        unconfirmed_claims: 0,
        expected_at: START,
        dispatched_at: None,
        received_at: None,
        started_at: None,
        finished_at: None,
        recorded_at: None,
        tracker: None,
        result: None,
    }
}

/// A waiting instance of job 7 of application 1.
pub(in crate::store) fn instance(id: i64) -> Instance {
    Instance {
        instance_id: InstanceId(id),
        job_id: JobId(7),
        app_id: AppId(1),
        job_revision: 3,
        trigger: Trigger::Api,
        job_params: Some("job".to_owned()),
        instance_params: None,
        chosen_worker: None,
        created_at: START,
        state: waiting_state(),
    }
}

pub(super) fn occurrence(id: i64, nominal_ms: i64) -> Instance {
    Instance {
        trigger: Trigger::Schedule {
            nominal: UnixMillis(nominal_ms),
        },
        state: InstanceState {
            expected_at: UnixMillis(nominal_ms),
            ..waiting_state()
        },
        ..instance(id)
    }
}

pub(super) fn ended_state(status: InstanceStatus) -> InstanceState {
    let at = |ms| Some(UnixMillis(START.0 + ms));
    InstanceState {
        status,
        attempt: 1,
        running_times: 1,
        dispatched_at: at(1),
        received_at: at(2),
        started_at: at(3),
        finished_at: at(4),
        recorded_at: at(5),
        tracker: Some(TrackerRef {
            node: NodeRef {
                node_id: "worker-1".to_owned(),
                incarnation: 42,
            },
            address: "10.0.0.1:27777".to_owned(),
        }),
        result: Some("done".to_owned()),
        ..waiting_state()
    }
}

pub(in crate::store) fn insert(instance: Instance) -> WriteOp {
    WriteOp::Insert(Box::new(instance))
}

/// An update of an instance that is expected to wait.
pub(in crate::store) fn update(id: i64, state: InstanceState) -> WriteOp {
    update_from(id, (InstanceStatus::WaitingDispatch, 0), state)
}

pub(super) fn update_from(
    id: i64,
    (expect_status, expect_attempt): (InstanceStatus, u32),
    state: InstanceState,
) -> WriteOp {
    WriteOp::Update(Box::new(InstanceUpdate {
        app_id: AppId(1),
        instance_id: InstanceId(id),
        expect_status,
        expect_attempt,
        state,
        release_trigger_key: false,
        ended_attempt: None,
    }))
}

pub(super) fn trigger(
    job: &JobDefinition,
    expect_next: Option<i64>,
    next: Option<i64>,
    instances: Vec<Instance>,
) -> WriteOp {
    let of_job = |instance| Instance {
        job_id: job.id,
        app_id: job.app_id,
        ..instance
    };
    WriteOp::Trigger(Box::new(TriggerWrite {
        app_id: job.app_id,
        job_id: job.id,
        job_revision: job.revision,
        expect_next: expect_next.map(UnixMillis),
        next: next.map(UnixMillis),
        instances: instances.into_iter().map(of_job).collect(),
    }))
}

pub(super) async fn write(store: &Store, ops: Vec<WriteOp>) -> Vec<WriteOutcome> {
    store.writer().write(Lane::Express, ops).await.unwrap()
}

/// Writes what must succeed.
pub(super) async fn apply(store: &Store, ops: Vec<WriteOp>) {
    let outcomes = write(store, ops).await;
    assert!(
        outcomes
            .iter()
            .all(|outcome| *outcome == WriteOutcome::Applied),
        "{outcomes:?}"
    );
}

pub(super) async fn app(store: &Store, name: &str) -> App {
    let new = NewApp {
        name: name.to_owned(),
        title: "a title".to_owned(),
        tags: vec!["one".to_owned(), "two".to_owned()],
        namespace_id: None,
        creator: None,
        worker_secret: Secret::new("first secret".to_owned()),
    };
    store.create_app(new).await.unwrap()
}

pub(super) fn job(app: AppId, name: &str) -> JobDefinition {
    JobDefinition {
        id: JobId(0),
        app_id: app,
        revision: 0,
        name: name.to_owned(),
        description: "what it does".to_owned(),
        schedule: ScheduleSpec {
            kind: TimeExpressionType::FixedRate,
            expression: "1000".to_owned(),
            zone: Some("Europe/Berlin".to_owned()),
            lifecycle: Lifecycle {
                start: Some(UnixMillis(5)),
                end: None,
            },
        },
        policy: SchedulePolicy {
            misfire: Misfire::CatchUp { runs: 7 },
            overlap: Overlap::Queue { limit: 3 },
            jitter_ms: 250,
            second_level: true,
        },
        execute_type: ExecuteType::MapReduce,
        processor_type: ProcessorType::BuiltIn,
        processor: "demo".to_owned(),
        params: "{\"a\":\"ü\"}".to_owned(),
        status: SwitchableStatus::Enable,
        max_instances: 2,
        concurrency: 5,
        time_limit_ms: 60_000,
        instance_retries: 1,
        retry: RetryPolicy {
            back_off: BackOff::Exponential {
                first_ms: 500,
                factor: 1.1,
                limit_ms: 60_000,
            },
            jitter: 0.3,
        },
        task_retries: 2,
        dispatch_strategy: DispatchStrategy::Random,
        dispatch_config: "tagIn:a".to_owned(),
        designated_workers: "10.0.0.1".to_owned(),
        max_workers: 3,
        min_cpu_cores: 0.5,
        min_memory_gib: 1.25,
        min_disk_gib: 0.0,
        log_level: LogLevel::Warn,
        tag: "nightly".to_owned(),
        no_worker_grace_ms: 1_234,
        next_trigger_at: Some(UnixMillis(START.0 + 1_000)),
        created_at: UnixMillis(0),
        modified_at: UnixMillis(0),
    }
}

/// A saved job of a new application.
pub(super) async fn saved_job(store: &Store) -> JobDefinition {
    let app = app(store, "app").await;
    store
        .create_job(job(app.id, "job"), Some(UserId(9)))
        .await
        .unwrap()
}

pub(super) fn account(name: &str) -> NewAccount {
    NewAccount {
        name: name.to_owned(),
        nick: name.to_lowercase(),
        email: Some("a@example.org".to_owned()),
        phone: None,
        password: Secret::new("$argon2id$one".to_owned()),
    }
}

/// Takes every application that has no living owner, as a server does; those that were not its own
/// before.
pub(super) async fn claim_apps(lease: &ServerLease) -> Result<Vec<Assignment>, Error> {
    let me = lease.holder();
    let owners = lease.app_owners().await?;
    let others = owners.iter().filter(|app| app.holder.as_ref() != Some(&me));
    let claimed = lease
        .take_apps(others.map(|app| app.app_id).collect())
        .await?;
    let ours = lease.app_owners().await?.into_iter();
    let ours = ours.filter(|app| app.holder.as_ref() == Some(&me));
    let ours: Vec<_> = ours
        .map(|app| Assignment {
            app_id: app.app_id,
            epoch: app.epoch,
        })
        .collect();
    lease.confirm(&ours);
    Ok(claimed)
}
