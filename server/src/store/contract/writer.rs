//! The group commit.

use std::sync::{Arc, Mutex};

use powerjob_common::id::{AppId, InstanceId};
use powerjob_common::status::InstanceStatus;
use powerjob_common::time::UnixMillis;
use sea_orm::{ConnectionTrait, DbBackend};
use tokio::sync::oneshot;

use super::Fixture;
use super::build::{
    app, apply, claim_apps, ended_state, insert, instance, occurrence, saved_job, trigger, update,
    update_from, waiting_state, write,
};
use crate::domain::instance::{Instance, InstanceState, Trigger};
use crate::store::lease::LeaseRequest;
use crate::store::write::{CommitSink, InstanceUpdate, Lane, Overloaded, WriteOp, WriteOutcome};
use crate::store::{Error, Store};

pub(super) async fn an_instance_comes_back_as_it_was_written(fixture: Fixture) {
    let store = &fixture.store;
    let written = Instance {
        instance_params: Some("own".to_owned()),
        chosen_worker: Some("w1,tag\u{fc}".to_owned()),
        trigger: Trigger::Workflow { wf_instance_id: 77 },
        ..instance(1)
    };
    apply(store, vec![insert(written.clone())]).await;
    assert_eq!(store.instance(InstanceId(1)).await.unwrap(), written);
    let ended = ended_state(InstanceStatus::Succeed);
    apply(store, vec![update(1, ended.clone())]).await;
    let expected = Instance {
        state: ended,
        ..written
    };
    assert_eq!(store.instance(InstanceId(1)).await.unwrap(), expected);
}

pub(super) async fn an_instance_may_be_born_ended(fixture: Fixture) {
    let store = &fixture.store;
    let ended = Instance {
        state: ended_state(InstanceStatus::Failed),
        ..instance(1)
    };
    let retried = InstanceState {
        attempt: 2,
        ..waiting_state()
    };
    let retry = update_from(1, (InstanceStatus::Failed, 1), retried.clone());
    apply(store, vec![insert(ended.clone()), insert(instance(2))]).await;
    assert_eq!(store.instance(InstanceId(1)).await.unwrap(), ended);
    apply(store, vec![retry]).await;
    let both = Instance {
        instance_id: InstanceId(3),
        ..ended
    };
    apply(
        store,
        vec![
            insert(both),
            update_from(3, (InstanceStatus::Failed, 1), retried.clone()),
        ],
    )
    .await;
    assert_eq!(store.instance(InstanceId(3)).await.unwrap().state, retried);
}

pub(super) async fn a_stale_update_changes_nothing_and_harms_no_other(fixture: Fixture) {
    let store = &fixture.store;
    apply(
        store,
        vec![
            insert(instance(1)),
            insert(instance(2)),
            insert(instance(3)),
        ],
    )
    .await;
    let ended = || ended_state(InstanceStatus::Failed);
    let outcomes = write(
        store,
        vec![
            update(1, ended()),
            update_from(2, (InstanceStatus::Running, 0), ended()),
            update_from(3, (InstanceStatus::WaitingDispatch, 4), ended()),
            update(4, ended()),
        ],
    )
    .await;
    use WriteOutcome::{Applied, Stale};
    assert_eq!(outcomes, [Applied, Stale, Stale, Stale]);
    assert_eq!(store.instance(InstanceId(1)).await.unwrap().state, ended());
    assert_eq!(
        store.instance(InstanceId(2)).await.unwrap().state,
        waiting_state()
    );
    assert_eq!(
        store.instance(InstanceId(3)).await.unwrap().state,
        waiting_state()
    );
}

pub(super) async fn a_trigger_key_and_an_instance_id_are_used_once(fixture: Fixture) {
    let store = &fixture.store;
    apply(store, vec![insert(occurrence(1, 1_000))]).await;
    let other_job = Instance {
        job_id: powerjob_common::id::JobId(8),
        ..occurrence(5, 1_000)
    };
    let outcomes = write(
        store,
        vec![
            insert(occurrence(2, 1_000)),
            insert(occurrence(1, 2_000)),
            insert(occurrence(3, 3_000)),
            insert(occurrence(4, 3_000)),
            insert(other_job),
        ],
    )
    .await;
    use WriteOutcome::{Applied, Duplicate};
    assert_eq!(
        outcomes,
        [Duplicate, Duplicate, Applied, Duplicate, Applied]
    );
    assert_eq!(
        fixture.number("select count(*) from {instance_info}").await,
        3
    );
}

pub(super) async fn writes_about_one_instance_keep_their_order(fixture: Fixture) {
    let store = &fixture.store;
    let step = |attempt: u32, status| InstanceState {
        attempt,
        status,
        ..waiting_state()
    };
    let mut ops = vec![insert(instance(1))];
    let mut before = (InstanceStatus::WaitingDispatch, 0);
    for attempt in 1..=20 {
        let after = step(attempt, InstanceStatus::WaitingWorkerReceive);
        ops.push(update_from(1, before, after));
        before = (InstanceStatus::WaitingWorkerReceive, attempt);
    }
    apply(store, ops).await;
    assert_eq!(
        store.instance(InstanceId(1)).await.unwrap().state.attempt,
        20
    );
}

pub(super) async fn a_trigger_inserts_its_occurrences_and_moves_on(fixture: Fixture) {
    let store = &fixture.store;
    let job = saved_job(store).await;
    let due = job.next_trigger_at.unwrap().0;
    let made = || vec![occurrence(1, due), occurrence(2, due + 1_000)];
    apply(
        store,
        vec![trigger(&job, Some(due), Some(due + 2_000), made())],
    )
    .await;
    assert_eq!(
        store.job(job.id).await.unwrap().next_trigger_at,
        Some(UnixMillis(due + 2_000))
    );
    assert_eq!(
        store
            .instances(vec![InstanceId(1), InstanceId(2)])
            .await
            .unwrap()
            .len(),
        2
    );
    // The end of a schedule, and from there on again.
    apply(store, vec![trigger(&job, Some(due + 2_000), None, vec![])]).await;
    apply(store, vec![trigger(&job, None, Some(due), vec![])]).await;
}

pub(super) async fn a_trigger_is_applied_as_a_whole_or_not_at_all(fixture: Fixture) {
    let store = &fixture.store;
    let job = saved_job(store).await;
    let due = job.next_trigger_at.unwrap().0;
    let other = super::build::job(job.app_id, "other");
    let other = store.create_job(other, None).await.unwrap();
    apply(
        store,
        vec![trigger(
            &job,
            Some(due),
            Some(due + 1),
            vec![occurrence(1, due)],
        )],
    )
    .await;
    let old_revision = crate::domain::job::JobDefinition {
        revision: 0,
        ..job.clone()
    };
    let outcomes = write(
        store,
        vec![
            trigger(&job, Some(due), Some(due + 1), vec![occurrence(2, due + 5)]),
            trigger(&job, Some(due + 1), Some(due + 2), vec![occurrence(3, due)]),
            trigger(
                &old_revision,
                Some(due + 1),
                Some(due + 2),
                vec![occurrence(4, due + 6)],
            ),
            trigger(&other, Some(due), Some(due + 1), vec![occurrence(5, due)]),
        ],
    )
    .await;
    use WriteOutcome::{Applied, Duplicate, Stale};
    assert_eq!(outcomes, [Stale, Duplicate, Stale, Applied]);
    let next = store.job(job.id).await.unwrap().next_trigger_at;
    assert_eq!(next, Some(UnixMillis(due + 1)));
    assert_eq!(
        fixture.number("select count(*) from {instance_info}").await,
        2
    );
}

pub(super) async fn only_the_guilty_of_a_thousand_are_refused(fixture: Fixture) {
    let store = &fixture.store;
    apply(store, vec![insert(instance(1))]).await;
    let mut ops: Vec<WriteOp> = (1_000..2_000).map(|id| insert(instance(id))).collect();
    ops[0] = insert(instance(1));
    ops[500] = update_from(1, (InstanceStatus::Running, 9), waiting_state());
    ops[999] = insert(instance(1));
    let outcomes = write(store, ops).await;
    for (at, outcome) in outcomes.iter().enumerate() {
        let expected = match at {
            0 | 999 => WriteOutcome::Duplicate,
            500 => WriteOutcome::Stale,
            _ => WriteOutcome::Applied,
        };
        assert_eq!(*outcome, expected, "{at}");
    }
    assert_eq!(
        fixture.number("select count(*) from {instance_info}").await,
        998
    );
}

pub(super) async fn a_lost_application_is_fenced_alone(fixture: Fixture) {
    let (kept, lost) = two_owned_apps(&fixture.store).await;
    let of = |id, app_id| {
        insert(Instance {
            app_id,
            ..instance(id)
        })
    };
    apply(&fixture.store, vec![of(1, kept), of(2, lost)]).await;
    let text = format!("update {{pj_app_assignment}} set epoch = epoch + 1 where app_id = {lost}");
    fixture.execute(&text).await;
    let outcomes = write(
        &fixture.store,
        vec![of(3, kept), of(4, lost), of(5, kept), of(6, AppId(99))],
    )
    .await;
    use WriteOutcome::{Applied, Fenced};
    assert_eq!(outcomes, [Applied, Fenced, Applied, Fenced]);
}

pub(super) async fn a_lost_server_is_fenced_with_everything(fixture: Fixture) {
    let (one, other) = two_owned_apps(&fixture.store).await;
    fixture
        .execute("update {pj_server_lease} set epoch = epoch + 1")
        .await;
    let of = |id, app_id| {
        insert(Instance {
            app_id,
            ..instance(id)
        })
    };
    let outcomes = write(&fixture.store, vec![of(1, one), of(2, other)]).await;
    assert_eq!(outcomes, [WriteOutcome::Fenced, WriteOutcome::Fenced]);
    assert_eq!(
        fixture.number("select count(*) from {instance_info}").await,
        0
    );
}

async fn two_owned_apps(store: &Store) -> (AppId, AppId) {
    let (one, other) = (app(store, "one").await.id, app(store, "other").await.id);
    let lease = store.acquire_lease(lease_request("node", 1)).await.unwrap();
    assert_eq!(claim_apps(&lease).await.unwrap().len(), 2);
    (one, other)
}

pub(super) fn lease_request(node: &str, incarnation: u64) -> LeaseRequest {
    LeaseRequest {
        node: powerjob_common::id::NodeRef {
            node_id: node.to_owned(),
            incarnation,
        },
        address: "127.0.0.1:10086".to_owned(),
        ttl: std::time::Duration::from_millis(1_500),
        server_ids: 16,
    }
}

pub(super) async fn a_released_trigger_key_can_be_used_again(fixture: Fixture) {
    let store = &fixture.store;
    apply(store, vec![insert(occurrence(1, 1_000))]).await;
    let canceled = InstanceState {
        status: InstanceStatus::Canceled,
        ..waiting_state()
    };
    let release = WriteOp::Update(Box::new(InstanceUpdate {
        app_id: AppId(1),
        instance_id: InstanceId(1),
        expect_status: InstanceStatus::WaitingDispatch,
        expect_attempt: 0,
        state: canceled,
        release_trigger_key: true,
        ended_attempt: None,
    }));
    apply(store, vec![release]).await;
    apply(store, vec![insert(occurrence(2, 1_000))]).await;
    let first = store.instance(InstanceId(1)).await.unwrap();
    assert_eq!(
        first.trigger,
        Trigger::Schedule {
            nominal: UnixMillis(1_000)
        }
    );
}

pub(super) async fn ended_attempts_are_kept_once(fixture: Fixture) {
    let store = &fixture.store;
    apply(store, vec![insert(instance(1))]).await;
    let retry = |from, attempt| {
        let ended = InstanceState {
            attempt,
            ..ended_state(InstanceStatus::Failed)
        };
        WriteOp::Update(Box::new(InstanceUpdate {
            app_id: AppId(1),
            instance_id: InstanceId(1),
            expect_status: InstanceStatus::WaitingDispatch,
            expect_attempt: from,
            state: InstanceState {
                attempt,
                ..waiting_state()
            },
            release_trigger_key: false,
            ended_attempt: Some(ended),
        }))
    };
    apply(store, vec![retry(0, 1)]).await;
    apply(store, vec![retry(1, 1)]).await;
    apply(store, vec![retry(1, 2)]).await;
    let kept = store.attempts(InstanceId(1)).await.unwrap();
    assert_eq!(
        kept.iter().map(|state| state.attempt).collect::<Vec<_>>(),
        [1, 2]
    );
    assert_eq!(kept[0], ended_state(InstanceStatus::Failed));
}

/// Remembers what it hears, in calls.
#[derive(Default)]
struct Ear(Mutex<Vec<Vec<(u64, WriteOutcome)>>>);

impl CommitSink for Ear {
    fn committed(&self, results: Vec<(u64, WriteOutcome)>) {
        self.0.lock().unwrap().push(results);
    }
}

/// Keeps the writer busy until the sender is used or dropped.
async fn occupy(store: &Store) -> oneshot::Sender<()> {
    let (release, released) = oneshot::channel::<()>();
    let (begun, has_begun) = oneshot::channel();
    let store = store.clone();
    tokio::spawn(async move {
        store
            .write(async move |_| {
                begun.send(()).unwrap();
                released.await.ok();
                Ok(())
            })
            .await
    });
    has_begun.await.unwrap();
    release
}

pub(super) async fn a_full_queue_gives_everything_back(fixture: Fixture) {
    let fixture = fixture
        .open_again(|config| config.queue_rows = 3)
        .await
        .unwrap();
    let store = fixture.store.clone();
    let release = occupy(&store).await;
    let ear = Arc::new(Ear::default());
    let sink: Arc<dyn CommitSink> = Arc::clone(&ear) as _;
    let some = |ids: std::ops::Range<i64>| ids.map(|id| (1, insert(instance(id)))).collect();
    store
        .writer()
        .submit(Lane::Express, &sink, some(1..3))
        .unwrap();
    let Err(Overloaded { items }) = store.writer().submit(Lane::Bulk, &sink, some(3..6)) else {
        panic!("the queue has 3 places");
    };
    assert_eq!(items.len(), 3);
    let asked = store
        .writer()
        .write(Lane::Bulk, vec![insert(instance(9)); 4])
        .await;
    assert_eq!(asked, Err(Error::Overloaded));
    assert_eq!(store.writer().reading().refused, 2);
    drop(release);
    store.close().await.unwrap();
    assert_eq!(
        ear.0.lock().unwrap().concat().len(),
        2,
        "close finishes what waits"
    );
}

pub(super) async fn express_writes_overtake_bulk_ones(fixture: Fixture) {
    let store = &fixture.store;
    let release = occupy(store).await;
    let (bulk, express) = (Arc::new(Ear::default()), Arc::new(Ear::default()));
    let rows = (0..3_000).map(|id| (0_u64, insert(instance(id)))).collect();
    let bulk_sink: Arc<dyn CommitSink> = Arc::clone(&bulk) as _;
    store.writer().submit(Lane::Bulk, &bulk_sink, rows).unwrap();
    let writer = store.writer().clone();
    let heard = Arc::clone(&bulk);
    struct Witness(Arc<Ear>, Arc<Ear>);
    impl CommitSink for Witness {
        fn committed(&self, results: Vec<(u64, WriteOutcome)>) {
            let bulk_rows = self.0.0.lock().unwrap().concat().len();
            self.1
                .committed(vec![(bulk_rows as u64, results[0].1.clone())]);
        }
    }
    let witness: Arc<dyn CommitSink> = Arc::new(Witness(heard, Arc::clone(&express)));
    writer
        .submit(Lane::Express, &witness, vec![(0, insert(instance(5_000)))])
        .unwrap();
    drop(release);
    write(store, vec![insert(instance(5_001))]).await;
    let heard = express.0.lock().unwrap().concat();
    assert!(heard[0].0 <= 1_000, "{} bulk rows went first", heard[0].0);
    while bulk.0.lock().unwrap().concat().len() < 3_000 {
        tokio::task::yield_now().await;
    }
    assert!(
        bulk.0
            .lock()
            .unwrap()
            .iter()
            .all(|call| call.len() <= 1_000)
    );
}

pub(super) async fn a_write_that_can_not_be_stored_is_answered_at_once(fixture: Fixture) {
    let mut unfit = ended_state(InstanceStatus::Running);
    unfit.tracker.as_mut().unwrap().address = "a".repeat(300);
    let outcomes = write(
        &fixture.store,
        vec![update(1, unfit), insert(instance(2)), insert(instance(3))],
    )
    .await;
    assert!(matches!(&outcomes[0], WriteOutcome::Failed(reason) if reason.contains("300 bytes")));
    assert_eq!(
        outcomes[1..],
        [WriteOutcome::Applied, WriteOutcome::Applied]
    );
}

pub(super) async fn writes_of_many_callers_are_all_applied(fixture: Fixture) {
    let callers = (0..16_i64).map(|caller| {
        let store = fixture.store.clone();
        tokio::spawn(async move {
            for turn in 0..25 {
                let id = caller * 1_000 + turn;
                apply(&store, vec![insert(instance(id))]).await;
                apply(
                    &store,
                    vec![update(id, ended_state(InstanceStatus::Succeed))],
                )
                .await;
            }
        })
    });
    for caller in callers.collect::<Vec<_>>() {
        caller.await.unwrap();
    }
    assert_eq!(
        fixture
            .number("select count(*) from {instance_info} where status = 5")
            .await,
        400
    );
    let reading = fixture.store.writer().reading();
    assert_eq!(reading.rows, 800);
    assert!(
        reading.commits < 800,
        "{} commits: nothing was grouped",
        reading.commits
    );
}

pub(super) async fn another_connection_wins_the_race_and_the_update_is_stale(fixture: Fixture) {
    let store = &fixture.store;
    apply(store, vec![insert(instance(1))]).await;
    let other = fixture.connect().await;
    let begin = match fixture.backend() {
        DbBackend::Sqlite => "begin immediate",
        _ => "begin",
    };
    other.execute_unprepared(begin).await.unwrap();
    other
        .execute_unprepared("update instance_info set status = 10 where instance_id = 1")
        .await
        .unwrap();
    let late = tokio::spawn({
        let store = store.clone();
        async move {
            write(
                &store,
                vec![update(1, ended_state(InstanceStatus::Succeed))],
            )
            .await
        }
    });
    while store.writer().reading().queued_rows > 0 {
        tokio::task::yield_now().await;
    }
    other.execute_unprepared("commit").await.unwrap();
    assert_eq!(late.await.unwrap(), [WriteOutcome::Stale]);
    let state = store.instance(InstanceId(1)).await.unwrap().state;
    assert_eq!(state.status, InstanceStatus::Stopped);
}

pub(super) async fn texts_of_any_kind_survive(fixture: Fixture) {
    let store = &fixture.store;
    let text = "quote \" ' backslash \\ tab \t line\n emoji 🦀 control \u{1} {ids} ? $1 ü";
    let written = Instance {
        job_params: Some(text.to_owned()),
        ..instance(1)
    };
    let empty = Instance {
        job_params: Some(String::new()),
        ..instance(2)
    };
    let long = Instance {
        job_params: Some("x".repeat(1 << 20)),
        ..instance(3)
    };
    let all = [written, empty, long];
    apply(store, all.iter().cloned().map(insert).collect()).await;
    for instance in all {
        assert_eq!(
            store.instance(instance.instance_id).await.unwrap(),
            instance
        );
    }
    let zero = Instance {
        job_params: Some("a\0b".to_owned()),
        ..instance(4)
    };
    apply(store, vec![insert(zero)]).await;
    let read = store.instance(InstanceId(4)).await.unwrap().job_params;
    assert_eq!(read.as_deref(), Some("a\u{fffd}b"));
}

pub(super) async fn a_transaction_ends_though_its_caller_is_gone(fixture: Fixture) {
    let release = occupy(&fixture.store).await;
    let store = fixture.store.clone();
    let caller = tokio::spawn(async move { store.set_meta("key".into(), "value".into()).await });
    tokio::task::yield_now().await;
    drop(release);
    // Whatever the moment of its end, the store goes on.
    caller.abort();
    fixture
        .store
        .set_meta("other".into(), "value".into())
        .await
        .unwrap();
    assert_eq!(
        fixture.store.meta("other".into()).await.unwrap().as_deref(),
        Some("value")
    );
}

pub(super) async fn a_failing_transaction_leaves_nothing(fixture: Fixture) {
    let failed: Result<(), Error> = fixture
        .store
        .write(async move |sql| {
            crate::store::meta::set(&sql, "key", "value").await?;
            Err(Error::not_found("luck"))
        })
        .await;
    assert_eq!(failed, Err(Error::NotFound { what: "luck" }));
    assert_eq!(fixture.store.meta("key".into()).await.unwrap(), None);
    apply(&fixture.store, vec![insert(instance(1))]).await;
}

pub(super) async fn the_log_does_not_grow_without_end(fixture: Fixture) {
    for batch in 0..40 {
        let rows = (0..1_000)
            .map(|id| insert(instance(batch * 1_000 + id)))
            .collect();
        apply(&fixture.store, rows).await;
    }
    // 40,000 rows are some 10,000 pages of table and indexes, written many times over.
    let log = std::fs::metadata(fixture.path().with_extension("db-wal"))
        .unwrap()
        .len();
    assert!(log < 200 << 20, "the log has {} MiB", log >> 20);
}

pub(super) async fn numbers_of_the_writer_add_up(fixture: Fixture) {
    apply(
        &fixture.store,
        (0..100).map(|id| insert(instance(id))).collect(),
    )
    .await;
    let reading = fixture.store.writer().reading();
    assert_eq!(
        (reading.commits, reading.rows, reading.queued_rows),
        (1, 100, 0)
    );
    assert!(
        (80..=125).contains(&reading.batch_rows.0),
        "{:?}",
        reading.batch_rows
    );
    assert!(reading.commit_time.0 > std::time::Duration::ZERO);
}
