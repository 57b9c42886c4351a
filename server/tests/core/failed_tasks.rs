//! A person has the failed tasks of a map that has failed carried out once more.

use powerjob_common::id::InstanceId;
use powerjob_common::status::{ExecuteType, InstanceStatus};
use powerjob_protocol::wire::codec;
use powerjob_protocol::wire::server_to_worker::RunInstance;
use powerjob_protocol::wire::task_journal::{JournalRecord, JournalRecords, KeepVerdict};
use powerjob_server::actor::instance_manager::ChangeError;
use powerjob_server::domain::job::JobDraft;
use powerjob_server::domain::policy::BackOff;
use powerjob_server::domain::retry_scope::{NoFailedTasks, RetryScope};
use powerjob_server::service::task_search::{self, TaskFilter};
use powerjob_server::service::{Services, tasks};

use crate::cluster::Cluster;
use crate::fake_worker::{FAILED, FakeWorker, RUNNING, SUCCEED};

/// A run of a new job that its worker has.
async fn begin(
    cluster: &Cluster,
    worker: &mut FakeWorker,
    edit: impl FnOnce(&mut JobDraft),
) -> (InstanceId, RunInstance) {
    let job = cluster.save(edit).await;
    let id = cluster.run(&job).await;
    let run = worker.take_run().await;
    worker.report_one(&run, RUNNING, "").await;
    (id, run)
}

fn map(job: &mut JobDraft) {
    job.execute_type = ExecuteType::Map;
    job.instance_retries = 1;
    job.retry.back_off = BackOff::Fixed { delay_ms: 100 };
}

/// The records of all parts that the worker of a run can read.
async fn records(worker: &FakeWorker, run: &RunInstance) -> Vec<JournalRecord> {
    let taken = worker.take_journal(run).await;
    let records = taken.parts.iter().flat_map(|part| {
        let records: JournalRecords = codec::decode(&part.records).expect("readable");
        records.items
    });
    records.collect()
}

fn failed_end() -> JournalRecord {
    JournalRecord::Ended {
        first: 1,
        count: 1,
        is_success: false,
        results: Vec::new(),
    }
}

async fn fail_for_good(cluster: &Cluster, worker: &mut FakeWorker) -> (InstanceId, RunInstance) {
    let (id, run) = begin(cluster, worker, |job| {
        map(job);
        job.instance_retries = 0;
    })
    .await;
    let items = vec![failed_end(), JournalRecord::Decided];
    let kept = worker.keep_records(&run, 1, items).await;
    assert_eq!(kept, KeepVerdict::Kept);
    worker.report_one(&run, FAILED, "1 of 1 failed").await;
    cluster.until(id, InstanceStatus::Failed).await;
    (id, run)
}

async fn refusal(cluster: &Cluster, id: InstanceId) -> NoFailedTasks {
    match cluster.retry(id, RetryScope::FailedTasks).await {
        Err(ChangeError::NoFailedTasks(why)) => why,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_next_attempt_goes_on_from_the_journal() {
    let cluster = Cluster::start().await;
    let mut worker = cluster.worker("w1").await;
    let (id, _) = fail_for_good(&cluster, &mut worker).await;
    let retried = cluster.retry(id, RetryScope::FailedTasks).await;
    retried.expect("its tasks are kept");
    let run = worker.take_run().await;
    assert_eq!(run.attempt, 2);
    let told = [
        failed_end(),
        JournalRecord::Decided,
        JournalRecord::FailedAgain,
    ];
    assert_eq!(records(&worker, &run).await, told);
    worker.report_one(&run, RUNNING, "").await;
    let items = vec![failed_end(), JournalRecord::Decided];
    let kept = worker.keep_records(&run, 1, items).await;
    assert_eq!(kept, KeepVerdict::Kept);
    worker.report_one(&run, FAILED, "again").await;
    cluster.until(id, InstanceStatus::Failed).await;
    // A retry of everything begins anew, though that of the failed tasks would go on.
    cluster.retry_run(id).await.expect("it has ended");
    let run = worker.take_run().await;
    let last = records(&worker, &run).await.pop();
    assert_eq!((run.attempt, last), (3, Some(JournalRecord::Decided)));
    worker.report_one(&run, SUCCEED, "done").await;
    cluster.until(id, InstanceStatus::Succeed).await;
    assert_eq!(refusal(&cluster, id).await, NoFailedTasks::NotFailed);
    cluster.server.stop().await;
}

/// If the tasks fail once more, the automatic retry of the job must not carry out everything.
#[tokio::test(flavor = "multi_thread")]
async fn a_second_failure_is_no_reason_to_begin_anew() {
    let cluster = Cluster::start().await;
    let mut worker = cluster.worker("w1").await;
    let (id, run) = begin(&cluster, &mut worker, map).await;
    worker
        .keep_records(&run, 1, vec![JournalRecord::Decided])
        .await;
    worker.report_one(&run, FAILED, "1 of 3").await;
    let again = worker.take_run().await; // by the job's own retry, which begins anew
    worker.report_one(&again, RUNNING, "").await;
    let items = vec![failed_end(), JournalRecord::Decided];
    worker.keep_records(&again, 1, items).await;
    worker.report_one(&again, FAILED, "1 of 3").await;
    cluster.until(id, InstanceStatus::Failed).await;
    let retried = cluster.retry(id, RetryScope::FailedTasks).await;
    retried.expect("its tasks are kept");
    let third = worker.take_run().await;
    worker.report_one(&third, FAILED, "1 of 3").await;
    let ended = cluster.until(id, InstanceStatus::Failed).await;
    assert_eq!(ended.state.attempt, 3);
    cluster.server.stop().await;
}

/// A journal that says of itself that it is a retry of failed tasks, because the server died before the
/// retry was stored, is not gone on from by a retry of everything.
#[tokio::test(flavor = "multi_thread")]
async fn a_retry_that_was_prepared_only_binds_nobody() {
    let cluster = Cluster::start().await;
    let mut worker = cluster.worker("w1").await;
    let (id, run) = fail_for_good(&cluster, &mut worker).await;
    let store = &cluster.server.handles.store;
    let app = cluster.stored(id).await.app_id;
    for _ in 0..2 {
        let prepared = store.prepare_journal(app, id, run.attempt, RetryScope::FailedTasks);
        assert_eq!(prepared.await.expect("stored"), Some(Ok(())));
    }
    let other = store.prepare_journal(app, id, run.attempt + 1, RetryScope::Whole);
    assert_eq!(other.await.expect("read"), None);
    cluster.retry_run(id).await.expect("it has ended");
    let run = worker.take_run().await;
    let told = records(&worker, &run).await;
    let ends = [JournalRecord::FailedAgain, JournalRecord::Decided];
    assert_eq!(told[told.len() - 2..], ends);
    assert_eq!(told.len(), 4, "said once");
    cluster.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_says_why() {
    let cluster = Cluster::start().await;
    let mut worker = cluster.worker("w1").await;
    let (open, run) = begin(&cluster, &mut worker, map).await;
    let refused = cluster.retry(open, RetryScope::FailedTasks).await;
    assert_eq!(refused.err(), Some(ChangeError::NotFinished));
    worker.report_one(&run, SUCCEED, "").await;
    cluster.until(open, InstanceStatus::Succeed).await;
    assert_eq!(refusal(&cluster, open).await, NoFailedTasks::NotFailed);
    for (kind, why) in [
        (ExecuteType::Standalone, NoFailedTasks::StandAlone),
        (ExecuteType::Broadcast, NoFailedTasks::Broadcast),
        (ExecuteType::Map, NoFailedTasks::NothingKept),
    ] {
        let (id, run) = begin(&cluster, &mut worker, |job| job.execute_type = kind).await;
        worker.report_one(&run, FAILED, "").await;
        cluster.until(id, InstanceStatus::Failed).await;
        assert_eq!(refusal(&cluster, id).await, why);
    }
    let (id, run) = begin(&cluster, &mut worker, |job| {
        job.execute_type = ExecuteType::Map;
    })
    .await;
    worker
        .keep_records(&run, 1, vec![JournalRecord::Broken])
        .await;
    worker.report_one(&run, FAILED, "").await;
    cluster.until(id, InstanceStatus::Failed).await;
    assert_eq!(refusal(&cluster, id).await, NoFailedTasks::NotAllKept);
    cluster.server.stop().await;
}

fn shops() -> Vec<JournalRecord> {
    let contents = ["\"a\"", "\"b\"", "\"c\""].map(|text| text.as_bytes().to_vec());
    let ended = |first, is_success, results: &[&str]| JournalRecord::Ended {
        first,
        count: 1,
        is_success,
        results: results.iter().map(|it| (*it).to_owned()).collect(),
    };
    let made = JournalRecord::Made {
        parent: 0,
        ordinal: 0,
        name: "shop".to_owned(),
        contents: contents.to_vec(),
    };
    vec![made, ended(1, true, &[]), ended(2, false, &["closed"])]
}

/// As a time limit leaves it: one task has succeeded, one has failed, the rest had not ended.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_kept_of_a_failed_map_is_shown_and_searched() {
    let cluster = Cluster::start().await;
    let mut worker = cluster.worker("w1").await;
    let (id, run) = begin(&cluster, &mut worker, |job| {
        job.execute_type = ExecuteType::Map;
    })
    .await;
    worker.keep_records(&run, 1, shops()).await;
    worker
        .report_one(&run, FAILED, "instance execute timeout")
        .await;
    cluster.until(id, InstanceStatus::Failed).await;
    let services = Services::new(cluster.server.handles.clone());
    let instance = cluster.stored(id).await;
    let overview = tasks::overview(&services, &instance, 50);
    let overview = overview.await.expect("readable");
    assert!(overview.is_kept && !overview.is_live);
    let counts = overview.counts;
    assert_eq!((counts.total, counts.succeeded, counts.failed), (4, 1, 1));
    let first = &overview.tasks[0];
    let words = [&first.id, &first.content, &first.result].map(String::as_str);
    assert_eq!(words, ["0.1", "\"b\"", "closed"]);
    let mut filter = TaskFilter {
        limit: 1,
        ..TaskFilter::default()
    };
    let mut all = Vec::new();
    loop {
        let page = task_search::search(&services, &instance, &filter).await;
        let page = page.expect("readable");
        all.extend(page.items.into_iter().map(|task| task.id));
        filter.cursor = page.next_cursor;
        if filter.cursor.is_none() {
            break;
        }
    }
    assert_eq!(all, ["0.1", "0", "0.2"], "failed ones first");
    let filter = TaskFilter {
        query: Some("C".to_owned()),
        status: task_search::status("WAITING"),
        limit: 50,
        ..TaskFilter::default()
    };
    let found = task_search::search(&services, &instance, &filter).await;
    let found = found.expect("readable").items;
    assert_eq!(found.len(), 1);
    assert_eq!(
        (found[0].id.as_str(), found[0].content.as_str()),
        ("0.2", "\"c\"")
    );
    cluster.server.stop().await;
}
