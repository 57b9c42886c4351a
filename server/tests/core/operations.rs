//! What people and programs do to runs.

use powerjob_common::id::InstanceId;
use powerjob_common::status::InstanceStatus;
use powerjob_protocol::wire::worker_to_server::ReportAnswer;
use powerjob_server::actor::instance_manager::ChangeError;

use crate::cluster::Cluster;
use crate::fake_worker::{FAILED, SUCCEED, id_of};

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_run_stays_stopped_and_its_worker_is_told() {
    let cluster = Cluster::start().await;
    let mut worker = cluster.worker("w1").await;
    let job = cluster.save(|_| ()).await;
    let id = cluster.run(&job).await;
    let run = worker.take_run().await;
    let stopped = cluster.stop_run(id).await.expect("it was open");
    assert_eq!(stopped.state.status, InstanceStatus::Stopped);
    assert_eq!(stopped.state.result.as_deref(), Some("stopped by user"));
    let order = worker.take_stop().await;
    assert_eq!((order.instance_id, order.attempt), (id.0, run.attempt));
    assert_eq!(
        worker.report_one(&run, SUCCEED, "too late").await,
        ReportAnswer::Stale
    );
    assert_eq!(cluster.stored(id).await.state, stopped.state);
    assert_eq!(
        cluster.stop_run(id).await,
        Err(ChangeError::AlreadyFinished)
    );
    assert_eq!(
        cluster.stop_run(InstanceId(1)).await,
        Err(ChangeError::NotFound)
    );
    cluster.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_run_and_what_a_stopped_one_left_are_given_up() {
    let cluster = Cluster::start().await;
    let mut worker = cluster.worker("w1").await;
    let job = cluster.save(|_| ()).await;
    let id = cluster.run(&job).await;
    let run = worker.take_run().await;
    let killed = cluster.kill_run(id).await.expect("it was open");
    assert_eq!(killed.state.status, InstanceStatus::Stopped);
    assert_eq!(killed.state.result.as_deref(), Some("killed by user"));
    let order = worker.take_kill(Some(true)).await;
    assert_eq!((order.instance_id, order.attempt), (id.0, run.attempt));

    // It was stopped, and its processor goes on nevertheless.
    let id = cluster.run(&job).await;
    let run = worker.take_run().await;
    cluster.stop_run(id).await.expect("it was open");
    worker.take_stop().await;
    cluster.kill_run(id).await.expect("it was stopped");
    let order = worker.take_kill(None).await;
    assert_eq!((order.instance_id, order.attempt), (id.0, run.attempt));
    let instead = worker.take_stop().await;
    assert_eq!(
        instead, order,
        "a worker that can not kill is asked to stop"
    );

    let id = cluster.run(&job).await;
    let run = worker.take_run().await;
    worker.report_one(&run, SUCCEED, "").await;
    assert_eq!(
        cluster.kill_run(id).await,
        Err(ChangeError::AlreadyFinished)
    );
    cluster.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_what_has_not_started_can_be_called_off() {
    let cluster = Cluster::start().await;
    let mut worker = cluster.worker("w1").await;
    let job = cluster.save(|_| ()).await;
    let later = cluster.run_later(&job, 3_600_000).await;
    let canceled = cluster.cancel_run(later).await.expect("it waits");
    assert_eq!(canceled.state.status, InstanceStatus::Canceled);
    assert_eq!(canceled.state.result.as_deref(), Some("canceled by user"));
    let now = cluster.run(&job).await;
    let run = worker.take_run().await;
    assert_eq!(
        cluster.cancel_run(now).await,
        Err(ChangeError::AlreadyStarted)
    );
    worker.report_one(&run, SUCCEED, "").await;
    cluster.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_finished_run_can_be_run_again() {
    let cluster = Cluster::start().await;
    let mut worker = cluster.worker("w1").await;
    let job = cluster.save(|_| ()).await;
    let id = cluster.run(&job).await;
    let run = worker.take_run().await;
    assert_eq!(
        cluster.retry_run(id).await.err(),
        Some(ChangeError::NotFinished)
    );
    worker.report_one(&run, FAILED, "no").await;
    assert_eq!(
        cluster.stored(id).await.state.status,
        InstanceStatus::Failed
    );
    cluster.retry_run(id).await.expect("it has ended");
    let run = worker.take_run().await;
    assert_eq!((id_of(&run), run.attempt), (id, 2));
    worker.report_one(&run, SUCCEED, "yes").await;
    let state = cluster.stored(id).await.state;
    assert_eq!(state.result.as_deref(), Some("yes"));
    assert_eq!(
        cluster.retry_run(InstanceId(1)).await.err(),
        Some(ChangeError::NotFound)
    );
    cluster.server.stop().await;
}
