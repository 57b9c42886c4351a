//! Cleaning through the whole server: what is too old goes, what is needed stays.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use powerjob_common::id::{AppId, InstanceId, JobId};
use powerjob_common::status::{InstanceStatus, TimeExpressionType};
use powerjob_common::time::{Clock, SystemClock, UnixMillis};
use powerjob_server::actor::cleaner::CleanNow;
use powerjob_server::domain::instance::{Instance, InstanceState, Trigger};
use powerjob_server::live::CleaningReading;
use powerjob_server::store::write::{Lane, WriteOp, WriteOutcome};
use tokio::sync::oneshot;

use crate::cluster::{Cluster, eventually};
use crate::fake_worker::{FakeWorker, LIMIT, SUCCEED, report_of};

const DAY_MS: i64 = 24 * 60 * 60 * 1_000;
/// Made-up instance ids, far below those of today.
const OLD_IDS: i64 = 1_000;

/// A run that ended so many days ago.
fn old_run(app_id: AppId, job_id: JobId, number: i64, days: i64) -> Instance {
    let at = UnixMillis(SystemClock.now().0 - days * DAY_MS);
    Instance {
        instance_id: InstanceId(OLD_IDS + number),
        job_id,
        app_id,
        job_revision: 1,
        trigger: Trigger::Api,
        job_params: None,
        instance_params: None,
        chosen_worker: None,
        created_at: at,
        state: InstanceState {
            status: InstanceStatus::Succeed,
            attempt: 1,
            running_times: 1,
            unconfirmed_claims: 0,
            expected_at: at,
            dispatched_at: Some(at),
            received_at: Some(at),
            started_at: Some(at),
            finished_at: Some(at),
            recorded_at: Some(at),
            tracker: None,
            result: Some("done".to_owned()),
        },
    }
}

async fn put(cluster: &Cluster, runs: impl Iterator<Item = Instance>) {
    let ops = runs.map(|run| WriteOp::Insert(Box::new(run))).collect();
    let writer = cluster.server.handles.store.writer();
    let outcomes = writer.write(Lane::Bulk, ops).await.expect("there is room");
    assert!(outcomes.iter().all(|it| *it == WriteOutcome::Applied));
}

async fn clean(cluster: &Cluster) -> CleaningReading {
    let port = &cluster.server.handles.clean_now;
    port.ask(LIMIT, |reply| CleanNow { reply })
        .await
        .expect("an answer")
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_over_and_too_old_goes() {
    let cluster = Cluster::start().await;
    let mut worker = cluster.worker("w1").await;
    let job = cluster.save(|_| ()).await;
    let app_id = cluster.app_id;
    put(&cluster, (0..3_000).map(|n| old_run(app_id, job.id, n, 31))).await;
    put(
        &cluster,
        (3_000..3_100).map(|n| old_run(app_id, job.id, n, 29)),
    )
    .await;
    let open = cluster.run(&job).await;
    let run = worker.take_run().await;
    assert_eq!(run.instance_id, open.0);
    let reading = clean(&cluster).await;
    assert_eq!((reading.total.instances, reading.failures), (3_000, 0));
    let store = &cluster.server.handles.store;
    let ids = (0..3_100).map(|n| InstanceId(OLD_IDS + n)).collect();
    assert_eq!(store.instances(ids).await.expect("rows").len(), 100);
    assert!(!cluster.stored(open).await.state.status.is_finished());
    assert_eq!(
        clean(&cluster).await.total.instances,
        3_000,
        "nothing is left"
    );
    cluster.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_application_that_is_gone_leaves_nothing_behind() {
    let cluster = Cluster::start().await;
    let job = cluster.save(|_| ()).await;
    put(
        &cluster,
        std::iter::once(old_run(cluster.app_id, job.id, 0, 0)),
    )
    .await;
    let store = &cluster.server.handles.store;
    store.delete_app(cluster.app_id).await.expect("deleted");
    assert_eq!(clean(&cluster).await.total.instances, 1);
    cluster.server.stop().await;
}

/// Rows of history that are deleted while jobs fire; `CLEANING_ROWS` makes a benchmark of it.
const ROWS: i64 = 5_000;
const JOBS: usize = 20;

#[tokio::test(flavor = "multi_thread")]
async fn jobs_fire_while_history_is_deleted() {
    let rows = std::env::var("CLEANING_ROWS").map_or(ROWS, |rows| rows.parse().expect("a number"));
    let cluster = Cluster::start().await;
    let worker = cluster.worker("w1").await;
    let job = cluster.save(|_| ()).await;
    let app_id = cluster.app_id;
    for from in (0..rows).step_by(10_000) {
        let piece = from..(from + 10_000).min(rows);
        put(&cluster, piece.map(|n| old_run(app_id, job.id, n, 31))).await;
    }
    for number in 0..JOBS {
        cluster
            .save(|draft| {
                draft.name = format!("every 100 ms, {number}");
                draft.schedule.kind = TimeExpressionType::FixedRate;
                draft.schedule.expression = "100".to_owned();
            })
            .await;
    }
    let late = Arc::new(Mutex::new(Vec::new()));
    let (stop, stopped) = oneshot::channel();
    let clock = cluster.server.handles.clock.clone();
    let working = tokio::spawn(work(worker, clock, late.clone(), stopped));
    eventually("jobs fire", async || count(&late) >= 10 * JOBS).await;
    let before = take_p99(&late);
    let port = cluster.server.handles.clean_now.clone();
    let cleaning = tokio::spawn(async move {
        let limit = Duration::from_secs(3_600);
        port.ask(limit, |reply| CleanNow { reply }).await
    });
    // The whole history cannot be one write: runs start and end between its slices.
    eventually("jobs fire meanwhile", async || count(&late) > 0).await;
    let is_meanwhile = cluster.server.handles.cleaning.reading().rounds == 0;
    let reading = cleaning.await.expect("no panic").expect("an answer");
    let meanwhile = take_p99(&late);
    eprintln!(
        "{rows} rows deleted in {:?}; p99 lateness {before} ms before, {meanwhile} ms meanwhile",
        reading.took
    );
    assert!(is_meanwhile, "no run began before the history was deleted");
    assert_eq!(reading.total.instances, rows.unsigned_abs());
    stop.send(()).expect("the worker works");
    working.await.expect("the worker ends well");
    cluster.server.stop().await;
}

type Latenesses = Arc<Mutex<Vec<i64>>>;

/// Ends every run at once and notes how late it came.
async fn work(
    mut worker: FakeWorker,
    clock: Arc<dyn Clock>,
    late: Latenesses,
    mut stopped: oneshot::Receiver<()>,
) {
    loop {
        let runs = tokio::select! {
            runs = worker.take_runs() => runs,
            _ = &mut stopped => return,
        };
        let now = clock.now().0;
        let lateness = runs.iter().map(|run| now - run.nominal_time_ms);
        late.lock().expect("no panic").extend(lateness);
        let reports = runs.iter().map(|run| report_of(run, SUCCEED, "")).collect();
        worker.report(reports).await;
    }
}

fn count(late: &Latenesses) -> usize {
    late.lock().expect("no panic").len()
}

fn take_p99(late: &Latenesses) -> i64 {
    let mut late = std::mem::take(&mut *late.lock().expect("no panic"));
    late.sort_unstable();
    late[late.len() * 99 / 100]
}
