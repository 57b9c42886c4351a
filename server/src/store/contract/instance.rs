//! Reading instances.

use powerjob_common::id::{AppId, InstanceId, JobId, NodeRef};
use powerjob_common::status::InstanceStatus;
use powerjob_common::time::UnixMillis;

use super::Fixture;
use super::build::{apply, ended_state, insert, instance, saved_job, update};
use crate::domain::instance::{Instance, Trigger};
use crate::store::Error;
use crate::store::instance::InstanceFilter;

async fn ids(fixture: &Fixture, filter: InstanceFilter) -> Vec<i64> {
    let page = fixture
        .store
        .list_instances(filter, None, 500)
        .await
        .unwrap();
    page.instances
        .iter()
        .map(|instance| instance.instance_id.0)
        .collect()
}

pub(super) async fn pages_go_from_new_to_old(fixture: Fixture) {
    let store = &fixture.store;
    apply(store, (1..=7).map(|id| insert(instance(id))).collect()).await;
    let (mut seen, mut cursor) = (Vec::new(), None);
    loop {
        let page = store
            .list_instances(InstanceFilter::default(), cursor, 3)
            .await
            .unwrap();
        seen.push(
            page.instances
                .iter()
                .map(|found| found.instance_id.0)
                .collect::<Vec<_>>(),
        );
        // New rows do not disturb the pages.
        apply(store, vec![insert(instance(100 + seen.len() as i64))]).await;
        cursor = page.next_cursor;
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!(seen, [vec![7, 6, 5], vec![4, 3, 2], vec![1]]);
    let broken = store
        .list_instances(InstanceFilter::default(), Some("x".into()), 3)
        .await;
    assert!(matches!(
        broken,
        Err(Error::Invalid {
            field: "cursor",
            ..
        })
    ));
}

pub(super) async fn filters_restrict_a_page(fixture: Fixture) {
    let other_job = Instance {
        job_id: JobId(8),
        ..instance(2)
    };
    let other_app = Instance {
        app_id: AppId(2),
        ..instance(3)
    };
    let workflow = Instance {
        trigger: Trigger::Workflow { wf_instance_id: 5 },
        ..instance(4)
    };
    let mut later = instance(5);
    later.state.expected_at = UnixMillis(later.state.expected_at.0 + 60_000);
    let from = later.state.expected_at;
    let all = [instance(1), other_job, other_app, workflow, later]
        .map(insert)
        .to_vec();
    apply(&fixture.store, all).await;
    apply(
        &fixture.store,
        vec![update(1, ended_state(InstanceStatus::Failed))],
    )
    .await;
    let filter = InstanceFilter::default;
    let check = async |filter: InstanceFilter, expected: &[i64]| {
        assert_eq!(ids(&fixture, filter).await, expected);
    };
    check(filter(), &[5, 4, 3, 2, 1]).await;
    check(
        InstanceFilter {
            apps: vec![AppId(1)],
            ..filter()
        },
        &[5, 4, 2, 1],
    )
    .await;
    check(
        InstanceFilter {
            apps: vec![AppId(1), AppId(2)],
            ..filter()
        },
        &[5, 4, 3, 2, 1],
    )
    .await;
    check(
        InstanceFilter {
            job_id: Some(JobId(8)),
            ..filter()
        },
        &[2],
    )
    .await;
    check(
        InstanceFilter {
            statuses: vec![InstanceStatus::Failed],
            ..filter()
        },
        &[1],
    )
    .await;
    let open = vec![InstanceStatus::WaitingDispatch, InstanceStatus::Running];
    let open = InstanceFilter {
        statuses: open,
        apps: vec![AppId(1)],
        ..filter()
    };
    check(open, &[5, 4, 2]).await;
    check(
        InstanceFilter {
            wf_instance_id: Some(5),
            ..filter()
        },
        &[4],
    )
    .await;
    check(
        InstanceFilter {
            expected_from: Some(from),
            ..filter()
        },
        &[5],
    )
    .await;
    check(
        InstanceFilter {
            expected_until: Some(from),
            ..filter()
        },
        &[4, 3, 2, 1],
    )
    .await;
}

pub(super) async fn recent_runs_and_open_counts_of_many_jobs(fixture: Fixture) {
    let store = &fixture.store;
    let job = saved_job(store).await;
    let of_job = |id| {
        insert(Instance {
            job_id: job.id,
            app_id: job.app_id,
            ..instance(id)
        })
    };
    apply(store, (1..=5).map(of_job).collect()).await;
    apply(store, vec![update(5, ended_state(InstanceStatus::Succeed))]).await;
    let runs = store.recent_runs(vec![job.id, JobId(99)], 2).await.unwrap();
    assert_eq!(runs.len(), 1);
    let newest: Vec<_> = runs[&job.id]
        .iter()
        .map(|run| (run.instance_id.0, run.status))
        .collect();
    assert_eq!(
        newest,
        [
            (5, InstanceStatus::Succeed),
            (4, InstanceStatus::WaitingDispatch)
        ]
    );
    let counts = store.open_counts(vec![job.id, JobId(99)]).await.unwrap();
    assert_eq!(counts.into_iter().collect::<Vec<_>>(), [(job.id, 4)]);
}

pub(super) async fn open_instances_come_in_pieces(fixture: Fixture) {
    let store = &fixture.store;
    apply(store, (1..=5).map(|id| insert(instance(id))).collect()).await;
    apply(store, vec![update(2, ended_state(InstanceStatus::Stopped))]).await;
    let first = store.open_instances(vec![AppId(1)], None, 2).await.unwrap();
    assert_eq!(
        first
            .iter()
            .map(|found| found.instance_id.0)
            .collect::<Vec<_>>(),
        [1, 3]
    );
    let rest = store
        .open_instances(vec![AppId(1)], Some(InstanceId(3)), 9)
        .await
        .unwrap();
    assert_eq!(
        rest.iter()
            .map(|found| found.instance_id.0)
            .collect::<Vec<_>>(),
        [4, 5]
    );
    assert_eq!(
        store.open_instances(vec![AppId(2)], None, 9).await.unwrap(),
        []
    );
}

pub(super) async fn an_adopted_row_of_java_can_be_read(fixture: Fixture) {
    // A row of `captures/data-mariadb.sql`: our columns are empty.
    fixture
        .execute(
            "insert into {instance_info} (id, actual_trigger_time, app_id, expected_trigger_time, \
             finished_time, gmt_create, gmt_modified, instance_id, instance_params, job_id, \
             job_params, last_report_time, result, running_times, status, task_tracker_address, \
             type, wf_instance_id) values (1004362701108936768, 1795234894823, 1, 1795234894795, 1795234894826, \
             '2026-11-21 04:18:48', '2026-11-21 04:21:34', 1004362701108936768, null, 1, 'p', \
             1795234894827, 'ok', 2, 5, '127.0.0.1:27811', 1, null)",
        )
        .await;
    let read = fixture
        .store
        .instance(InstanceId(1_004_362_701_108_936_768))
        .await
        .unwrap();
    assert_eq!(
        (read.trigger, read.state.status),
        (Trigger::Api, InstanceStatus::Succeed)
    );
    assert_eq!(
        (
            read.state.attempt,
            read.state.running_times,
            read.job_revision
        ),
        (0, 2, 0)
    );
    let node = NodeRef {
        node_id: "127.0.0.1:27811".to_owned(),
        incarnation: 0,
    };
    assert_eq!(read.state.tracker.map(|tracker| tracker.node), Some(node));
    assert!(
        read.created_at.0 > 1_795_000_000_000,
        "taken from the id: {}",
        read.created_at
    );
}

pub(super) async fn a_missing_instance_is_not_found(fixture: Fixture) {
    let missing = fixture.store.instance(InstanceId(1)).await;
    assert_eq!(missing, Err(Error::NotFound { what: "instance" }));
    assert_eq!(fixture.store.instances(vec![]).await.unwrap(), []);
}
