//! Cleaning: only what is over and too old goes (spec 01 case 63, spec 03 case 34).

use std::collections::HashSet;
use std::time::Duration;

use powerjob_common::id::{AppId, InstanceId, JobId, UserId};
use powerjob_common::status::{InstanceStatus, SwitchableStatus};
use powerjob_common::time::UnixMillis;

use super::build::{app, apply, ended_state, insert, instance, job, update_from};
use super::{Fixture, START};
use crate::domain::instance::Instance;
use crate::store::job::{JobSave, JobSwitch};
use crate::store::session::NewSession;

fn ended(id: i64, status: InstanceStatus) -> Instance {
    Instance {
        state: ended_state(status),
        ..instance(id)
    }
}

fn ids(ids: &[i64]) -> Vec<InstanceId> {
    ids.iter().map(|id| InstanceId(*id)).collect()
}

pub(super) async fn ages_come_in_the_order_of_rows(fixture: Fixture) {
    let store = &fixture.store;
    let other = Instance {
        app_id: AppId(2),
        ..instance(30)
    };
    apply(store, vec![insert(ended(10, InstanceStatus::Failed))]).await;
    apply(store, vec![insert(other)]).await;
    apply(store, vec![insert(instance(20))]).await;
    let ages = store.instance_ages(AppId(1), i64::MIN, 10).await.unwrap();
    let found: Vec<_> = ages
        .iter()
        .map(|age| {
            (
                age.instance_id.0,
                age.is_final,
                age.created_at,
                age.ended_at,
            )
        })
        .collect();
    let recorded = UnixMillis(START.0 + 5);
    assert_eq!(
        found,
        [(10, true, START, Some(recorded)), (20, false, START, None)]
    );
    let rest = store
        .instance_ages(AppId(1), ages[0].row, 10)
        .await
        .unwrap();
    assert_eq!(rest, ages[1..]);
    let first = store.instance_ages(AppId(1), i64::MIN, 1).await.unwrap();
    assert_eq!(first, ages[..1]);
}

pub(super) async fn only_finished_instances_are_deleted_with_their_attempts(fixture: Fixture) {
    let store = &fixture.store;
    let all = [
        ended(1, InstanceStatus::Failed),
        ended(2, InstanceStatus::Succeed),
        ended(3, InstanceStatus::Canceled),
        ended(4, InstanceStatus::Stopped),
        instance(5),
        instance(6),
    ];
    apply(store, all.map(insert).to_vec()).await;
    for open in [5, 6] {
        fixture
            .execute(&format!(
                "insert into {{pj_instance_attempt}} (instance_id, attempt, status, running_times, \
                 unconfirmed_claims, expected_at) values ({open}, 1, 4, 1, 0, 0)"
            ))
            .await;
    }
    let end = update_from(
        6,
        (InstanceStatus::WaitingDispatch, 0),
        ended_state(InstanceStatus::Failed),
    );
    apply(store, vec![end]).await;
    let deleted = store
        .delete_instances(ids(&[1, 2, 3, 4, 5, 6, 7]))
        .await
        .unwrap();
    assert_eq!(deleted, 5);
    let left = store.instances(ids(&[1, 2, 3, 4, 5, 6])).await.unwrap();
    assert_eq!(left.len(), 1);
    assert_eq!(left[0].instance_id, InstanceId(5));
    assert_eq!(store.attempts(InstanceId(5)).await.unwrap().len(), 1);
    assert_eq!(store.attempts(InstanceId(6)).await.unwrap(), []);
    assert_eq!(store.delete_instances(ids(&[1])).await.unwrap(), 0);
}

pub(super) async fn an_instance_of_an_open_workflow_run_stays(fixture: Fixture) {
    let store = &fixture.store;
    for (run, status) in [(70, 2), (71, 4)] {
        fixture
            .execute(&format!(
                "insert into {{workflow_instance_info}} (wf_instance_id, status) \
                 values ({run}, {status})"
            ))
            .await;
    }
    apply(
        store,
        vec![
            insert(ended(1, InstanceStatus::Succeed)),
            insert(ended(2, InstanceStatus::Succeed)),
        ],
    )
    .await;
    for (id, run) in [(1, 70), (2, 71)] {
        fixture
            .execute(&format!(
                "update {{instance_info}} set wf_instance_id = {run} where instance_id = {id}"
            ))
            .await;
    }
    assert_eq!(store.delete_instances(ids(&[1, 2])).await.unwrap(), 1);
    assert!(store.instance(InstanceId(1)).await.is_ok());
}

pub(super) async fn applications_that_are_gone_are_found(fixture: Fixture) {
    let store = &fixture.store;
    let present = app(store, "present").await.id;
    let gone = app(store, "gone").await.id;
    for (id, app_id) in [(1, present), (2, gone), (3, gone)] {
        let ended = Instance {
            app_id,
            ..ended(id, InstanceStatus::Succeed)
        };
        apply(store, vec![insert(ended)]).await;
    }
    assert_eq!(store.apps_left_behind().await.unwrap(), []);
    store.delete_app(gone).await.unwrap();
    assert_eq!(store.apps_left_behind().await.unwrap(), [gone]);
    let asked = vec![present, gone, AppId(4_711)];
    let unknown = store.unknown_apps(asked).await.unwrap();
    assert_eq!(unknown, [gone, AppId(4_711)]);
}

pub(super) async fn replaced_definitions_are_found_and_those_in_use_are_known(fixture: Fixture) {
    let store = &fixture.store;
    let app_id = app(store, "shop").await.id;
    let first = store.create_job(job(app_id, "a"), None).await.unwrap();
    let mut job = first.clone();
    for _ in 0..2 {
        fixture.clock.advance(Duration::from_secs(10));
        let save = JobSave {
            job,
            base_revision: None,
            author: None,
            cancel_after: None,
        };
        job = store.save_job(save).await.unwrap().job;
    }
    let replaced_before = async |horizon_s: i64| {
        let horizon = UnixMillis(START.0 + horizon_s * 1_000);
        let old = store.old_revisions(app_id, horizon, i64::MIN, 10).await;
        old.unwrap()
    };
    assert_eq!(replaced_before(10).await, []);
    let old = replaced_before(11).await;
    assert_eq!(old.len(), 1);
    assert_eq!((old[0].job_id, old[0].revision), (first.id, 1));
    let old = replaced_before(1_000).await;
    assert_eq!(old.len(), 2, "the present one is never old");

    let open = Instance {
        job_id: first.id,
        app_id,
        job_revision: 2,
        ..instance(1)
    };
    apply(store, vec![insert(open)]).await;
    let used = store.revisions_in_use(app_id).await.unwrap();
    assert_eq!(used, HashSet::from([(first.id, 2)]));

    let rows = old.iter().map(|old| old.row).collect();
    assert_eq!(store.delete_revisions(rows).await.unwrap(), 2);
    let left = store.job_history(first.id, 10).await.unwrap();
    assert_eq!(left.len(), 1);
    assert_eq!(left[0].revision, 3);
}

pub(super) async fn a_deleted_job_goes_when_nothing_of_it_is_left(fixture: Fixture) {
    let store = &fixture.store;
    let app_id = app(store, "shop").await.id;
    let mut jobs = Vec::new();
    for name in ["free", "with a run", "alive"] {
        jobs.push(store.create_job(job(app_id, name), None).await.unwrap().id);
    }
    for id in &jobs[..2] {
        let switch = JobSwitch {
            id: *id,
            status: SwitchableStatus::Deleted,
            next_trigger_at: None,
            author: None,
            cancel_after: None,
        };
        store.switch_job(switch).await.unwrap();
    }
    let run = Instance {
        job_id: jobs[1],
        app_id,
        ..ended(1, InstanceStatus::Succeed)
    };
    apply(store, vec![insert(run)]).await;
    let left_behind = async |at: i64| -> Vec<JobId> {
        let horizon = UnixMillis(START.0 + at);
        store.jobs_left_behind(app_id, horizon, 10).await.unwrap()
    };
    assert_eq!(left_behind(0).await, []);
    assert_eq!(left_behind(1).await, jobs[..1]);
    assert_eq!(store.forget_jobs(jobs.clone()).await.unwrap(), 2);
    assert!(store.job(jobs[2]).await.is_ok());
    assert_eq!(store.job_history(jobs[0], 10).await.unwrap(), []);
    assert_eq!(store.job_history(jobs[2], 10).await.unwrap().len(), 1);
}

pub(super) async fn sessions_that_ended_are_deleted(fixture: Fixture) {
    let store = &fixture.store;
    for (token, life_ms) in [(1, 1_000), (2, 2_000)] {
        let session = NewSession {
            fingerprint: [token; 32],
            user_id: UserId(1),
            expires_at: UnixMillis(START.0 + life_ms),
        };
        store.create_session(session).await.unwrap();
    }
    assert_eq!(store.delete_expired_sessions().await.unwrap(), 0);
    fixture.clock.advance(Duration::from_millis(1_000));
    assert_eq!(store.delete_expired_sessions().await.unwrap(), 1);
    let left = fixture.number("select count(*) from {pj_session}").await;
    assert_eq!(left, 1);
}
