//! Masters of maps that are gone, and the workers that go on.

use powerjob_common::status::{ExecuteType, InstanceStatus};
use powerjob_protocol::wire::task_journal::{KeepVerdict, TakeVerdict};
use powerjob_protocol::wire::worker_to_server::ReportAnswer;

use crate::cluster::{Cluster, eventually};
use crate::fake_worker::{FAILED, FakeWorker, HANDED_ON, RUNNING, SUCCEED, id_of};

/// What a worker can read of the journal of its run: attempt and number of each part.
async fn journal(
    worker: &FakeWorker,
    run: &powerjob_protocol::wire::server_to_worker::RunInstance,
) -> Vec<(u32, u32)> {
    let taken = worker.take_journal(run).await;
    assert_eq!((taken.verdict, taken.is_last), (TakeVerdict::Parts, true));
    let parts = taken.parts.iter().map(|part| (part.attempt, part.number));
    parts.collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_master_is_followed_by_one_that_reads_its_journal_without_a_retry() {
    let cluster = Cluster::start().await;
    let mut first = cluster.worker("w1").await;
    let job = cluster
        .save(|job| {
            job.execute_type = ExecuteType::MapReduce;
            job.instance_retries = 0;
        })
        .await;
    let id = cluster.run(&job).await;
    let run = first.take_run().await;
    first.report_one(&run, RUNNING, "").await;
    assert_eq!(first.keep_journal(&run, 1).await, KeepVerdict::Kept);
    assert_eq!(first.keep_journal(&run, 2).await, KeepVerdict::Kept);
    assert_eq!(
        first.keep_journal(&run, 2).await,
        KeepVerdict::Kept,
        "repeated"
    );
    let mut second = cluster.worker("w2").await;
    first.vanish();
    let again = second.take_run().await;
    assert_eq!((id_of(&again), again.attempt), (id, 2));
    assert_eq!(journal(&second, &again).await, [(1, 1), (1, 2)]);
    // What the dead master still had under way comes too late.
    assert_eq!(second.keep_journal(&run, 3).await, KeepVerdict::Stale);
    assert_eq!(second.take_journal(&run).await.verdict, TakeVerdict::Stale);
    assert_eq!(second.keep_journal(&again, 1).await, KeepVerdict::Kept);
    second.report_one(&again, RUNNING, "").await;
    let mut third = cluster.worker("w3").await;
    second.vanish();
    let last = third.take_run().await;
    assert_eq!(journal(&third, &last).await, [(1, 1), (1, 2), (2, 1)]);
    third.report_one(&last, SUCCEED, "done").await;
    let ended = cluster.until(id, InstanceStatus::Succeed).await;
    assert_eq!(ended.state.attempt, 3);
    let store = &cluster.server.handles.store;
    let attempts = store.attempts(id).await.expect("readable");
    assert_eq!(attempts.len(), 2, "both lost ones");
    eventually("the journal goes", async || {
        store.journal_bytes(id).await.expect("readable") == 0
    })
    .await;
    cluster.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_master_that_shuts_down_is_followed_at_once_without_a_retry() {
    let cluster = Cluster::start().await;
    let mut first = cluster.worker("w1").await;
    let job = cluster
        .save(|job| {
            job.execute_type = ExecuteType::Map;
            job.instance_retries = 0;
        })
        .await;
    let id = cluster.run(&job).await;
    let run = first.take_run().await;
    first.report_one(&run, RUNNING, "").await;
    assert_eq!(first.keep_journal(&run, 1).await, KeepVerdict::Kept);
    let mut second = cluster.worker("w2").await;
    first.heartbeat(&["demo".to_owned()], true);
    let answer = first
        .report_one(&run, HANDED_ON, "worker shutdown,handed on")
        .await;
    assert_eq!(answer, ReportAnswer::Stored);
    let again = second.take_run().await;
    assert_eq!((id_of(&again), again.attempt), (id, 2));
    assert_eq!(journal(&second, &again).await, [(1, 1)]);
    assert_eq!(first.keep_journal(&run, 2).await, KeepVerdict::Stale);
    let answer = first.report_one(&run, HANDED_ON, "said twice").await;
    assert_eq!(answer, ReportAnswer::Stale);
    second.report_one(&again, SUCCEED, "done").await;
    let ended = cluster.until(id, InstanceStatus::Succeed).await;
    assert_eq!(ended.state.attempt, 2);
    let store = &cluster.server.handles.store;
    let attempts = store.attempts(id).await.expect("readable");
    let results = attempts.iter().map(|it| it.result.as_deref());
    assert_eq!(
        results.collect::<Vec<_>>(),
        [Some("worker shutdown,handed on")]
    );
    cluster.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_failure_of_a_map_is_no_loss_and_keeps_its_journal() {
    let cluster = Cluster::start().await;
    let mut worker = cluster.worker("w1").await;
    let job = cluster
        .save(|job| job.execute_type = ExecuteType::Map)
        .await;
    let id = cluster.run(&job).await;
    let run = worker.take_run().await;
    worker.report_one(&run, RUNNING, "").await;
    assert_eq!(worker.keep_journal(&run, 1).await, KeepVerdict::Kept);
    worker.report_one(&run, FAILED, "2 of 3 failed").await;
    cluster.until(id, InstanceStatus::Failed).await;
    assert_eq!(worker.keep_journal(&run, 2).await, KeepVerdict::Stale);
    let store = &cluster.server.handles.store;
    assert_eq!(store.journal_bytes(id).await.expect("readable"), 3);
    cluster.server.stop().await;
}
