//! Runs of one job that are due while others of it are out.

use powerjob_common::status::InstanceStatus;
use powerjob_common::time::UnixMillis;
use powerjob_protocol::wire::server_to_worker::StopReason;
use powerjob_protocol::wire::worker_to_server::ReportAnswer;
use powerjob_server::actor::instance_manager::ReadInstances;
use powerjob_server::domain::policy::{BackOff, Overlap};

use crate::cluster::{Cluster, eventually};
use crate::fake_worker::{FAILED, LIMIT, SUCCEED, id_of};

/// Several shards: the runs of one job must find each other nevertheless.
async fn cluster() -> Cluster {
    Cluster::start_with(|config| config.shards = Some(3)).await
}

async fn waits_for(cluster: &Cluster, id: powerjob_common::id::InstanceId) -> Option<String> {
    let (port, ids) = cluster.server.handles.instances.readers(&[id]).remove(0);
    let seen = port
        .ask(LIMIT, |reply| ReadInstances { ids, reply })
        .await
        .expect("an answer");
    seen.into_iter()
        .next()
        .and_then(|(_, why)| why)
        .map(|why| why.to_string())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_skips_calls_off_what_is_due_meanwhile() {
    let cluster = cluster().await;
    let mut worker = cluster.worker("w1").await;
    let job = cluster.save(|job| job.policy.overlap = Overlap::Skip).await;
    let first = cluster.run(&job).await;
    let run = worker.take_run().await;
    for _ in 0..3 {
        let skipped = cluster.run(&job).await;
        let state = cluster.stored(skipped).await.state;
        assert_eq!(state.status, InstanceStatus::Canceled);
        let cause = "skipped: 1 run of the job out, 1 allowed";
        assert_eq!(state.result.as_deref(), Some(cause));
    }
    worker.report_one(&run, SUCCEED, "").await;
    cluster.until(first, InstanceStatus::Succeed).await;
    let next = cluster.run(&job).await;
    assert_eq!(id_of(&worker.take_run().await), next);
    cluster.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_queue_keeps_order_and_bound() {
    let cluster = cluster().await;
    let mut worker = cluster.worker("w1").await;
    let job = cluster
        .save(|job| job.policy.overlap = Overlap::Queue { limit: 2 })
        .await;
    cluster.run(&job).await;
    let mut run = worker.take_run().await;
    let waiting = [cluster.run(&job).await, cluster.run(&job).await];
    eventually("both wait in the queue", async || {
        let words = "waits for other runs: 1 of the job out, 1 allowed";
        waits_for(&cluster, waiting[0]).await.as_deref() == Some(words)
            && waits_for(&cluster, waiting[1]).await.as_deref() == Some(words)
    })
    .await;
    let beyond = cluster.run(&job).await;
    let state = cluster.until(beyond, InstanceStatus::Canceled).await.state;
    let cause = "skipped: 2 runs of the job wait already";
    assert_eq!(state.result.as_deref(), Some(cause));
    for id in waiting {
        assert!(worker.is_left_alone(), "one at a time");
        worker.report_one(&run, SUCCEED, "").await;
        run = worker.take_run().await;
        assert_eq!(id_of(&run), id, "in the order in which they were due");
    }
    cluster.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_queue_survives_a_restart() {
    let cluster = Cluster::start().await;
    let mut worker = cluster.worker("w1").await;
    let job = cluster
        .save(|job| job.policy.overlap = Overlap::Queue { limit: 5 })
        .await;
    let first = cluster.run(&job).await;
    let run = worker.take_run().await;
    let second = cluster.run(&job).await;
    let cluster = cluster.restart().await;
    let mut plan = crate::fake_worker::Plan::new("w1", 1);
    plan.running = vec![crate::fake_worker::held(&run)];
    let mut worker = cluster.connect(plan).await;
    assert!(worker.is_left_alone(), "the first one is still out");
    assert_eq!(
        worker.report_one(&run, SUCCEED, "").await,
        ReportAnswer::Stored
    );
    cluster.until(first, InstanceStatus::Succeed).await;
    assert_eq!(id_of(&worker.take_run().await), second);
    cluster.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_newest_run_takes_the_place_of_the_oldest() {
    let cluster = cluster().await;
    let mut worker = cluster.worker("w1").await;
    let job = cluster
        .save(|job| {
            job.policy.overlap = Overlap::Replace;
            job.max_instances = 2;
        })
        .await;
    let mut ids = Vec::new();
    for _ in 0..2 {
        ids.push(cluster.run(&job).await);
        worker.take_run().await;
    }
    let third = cluster.run(&job).await;
    let stop = worker.take_stop().await;
    assert_eq!(stop.instance_id, ids[0].0, "the oldest");
    assert_eq!(stop.reason, StopReason::Superseded);
    let run = worker.take_run().await;
    assert_eq!(id_of(&run), third);
    let stopped = cluster.stored(ids[0]).await.state;
    assert_eq!(stopped.status, InstanceStatus::Stopped);
    let cause = format!("replaced by instance {third}");
    assert_eq!(stopped.result.as_deref(), Some(cause.as_str()));
    assert!(!cluster.stored(ids[1]).await.state.status.is_finished());
    cluster.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repetition_waits_instead_of_being_skipped() {
    let cluster = cluster().await;
    let mut worker = cluster.worker("w1").await;
    let job = cluster
        .save(|job| {
            job.policy.overlap = Overlap::Skip;
            job.instance_retries = 1;
            job.retry.back_off = BackOff::Fixed { delay_ms: 300 };
        })
        .await;
    let failing = cluster.run(&job).await;
    let run = worker.take_run().await;
    worker.report_one(&run, FAILED, "not yet").await;
    // While it waits for its next attempt, another one may go: it is not out.
    let other = cluster.run(&job).await;
    let run = worker.take_run().await;
    assert_eq!(id_of(&run), other);
    eventually("its time comes and it waits for the other", async || {
        let words = waits_for(&cluster, failing).await.unwrap_or_default();
        words.starts_with("waits for other runs")
    })
    .await;
    worker.report_one(&run, SUCCEED, "").await;
    let again = worker.take_run().await;
    assert_eq!((id_of(&again), again.attempt), (failing, 2));
    cluster.server.stop().await;
}

// Spec 01, invariant 35: runs that wait for their time do not count, and nobody is asked.
#[tokio::test(flavor = "multi_thread")]
async fn under_a_rush_a_limit_of_one_holds() {
    let cluster = cluster().await;
    let mut worker = cluster.worker("w1").await;
    let job = cluster.save(|job| job.max_instances = 1).await;
    cluster.run_later(&job, 3_600_000).await;
    let rush: Vec<_> = (0..100).map(|_| cluster.run(&job)).collect();
    let ids = futures_util::future::join_all(rush).await;
    let run = worker.take_run().await;
    let mut failed = 0;
    for id in ids.into_iter().filter(|id| *id != id_of(&run)) {
        let state = cluster.until(id, InstanceStatus::Failed).await.state;
        assert_eq!(state.result.as_deref(), Some("too many instances(1>1)"));
        assert_eq!((state.tracker, state.attempt), (None, 0));
        assert_ne!(state.finished_at, Some(UnixMillis(0)));
        failed += 1;
    }
    assert_eq!(failed, 99);
    assert!(worker.is_left_alone());
    cluster.server.stop().await;
}
