//! Workers and servers that go and come back.

use std::time::Duration;

use powerjob_common::status::InstanceStatus;
use powerjob_protocol::wire::worker_to_server::ReportAnswer;
use powerjob_server::domain::policy::BackOff;

use crate::cluster::{APP, Cluster, SECRET, eventually};
use crate::fake_worker::{FAILED, Plan, RUNNING, SUCCEED, held, id_of, report_of};

#[tokio::test(flavor = "multi_thread")]
async fn runs_of_a_lost_worker_go_to_another_one_if_the_job_allows() {
    let cluster = Cluster::start().await;
    let mut first = cluster.worker("w1").await;
    let job = cluster.save(|job| job.instance_retries = 1).await;
    let id = cluster.run(&job).await;
    let run = first.take_run().await;
    first.report_one(&run, RUNNING, "").await;
    let mut second = cluster.worker("w2").await;
    first.vanish();
    let again = second.take_run().await;
    assert_eq!((id_of(&again), again.attempt), (id, 2));
    second.report_one(&again, SUCCEED, "").await;
    let attempts = cluster.server.handles.store.attempts(id).await;
    let attempts = attempts.expect("readable");
    assert_eq!(attempts.len(), 1);
    assert_eq!(attempts[0].status, InstanceStatus::Failed);
    cluster.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_retries_the_loss_of_a_worker_is_the_cause_of_the_failure() {
    let cluster = Cluster::start().await;
    let mut worker = cluster.worker("w1").await;
    let job = cluster.save(|_| ()).await;
    let id = cluster.run(&job).await;
    let run = worker.take_run().await;
    worker.report_one(&run, RUNNING, "").await;
    worker.vanish();
    let failed = cluster.until(id, InstanceStatus::Failed).await;
    let result = failed.state.result.unwrap_or_default();
    assert!(result.starts_with("worker lost: w1"), "{result}");
    cluster.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_comes_back_in_time_keeps_its_runs() {
    let cluster = Cluster::start().await;
    let mut worker = cluster.worker("w1").await;
    let job = cluster.save(|_| ()).await;
    let id = cluster.run(&job).await;
    let run = worker.take_run().await;
    let mut plan = Plan::new("w1", 1);
    plan.running = vec![held(&run)];
    let back = cluster.connect(plan).await;
    drop(worker);
    assert_eq!(
        back.report_one(&run, SUCCEED, "").await,
        ReportAnswer::Stored
    );
    assert_eq!(cluster.stored(id).await.state.attempt, 1);
    cluster.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_life_of_a_worker_delivers_what_the_old_one_finished_and_loses_the_rest() {
    let cluster = Cluster::start().await;
    let mut worker = cluster.worker("w1").await;
    let job = cluster.save(|_| ()).await;
    let (done, lost) = (cluster.run(&job).await, cluster.run(&job).await);
    let mut runs = worker.take_runs().await;
    while runs.len() < 2 {
        runs.extend(worker.take_runs().await);
    }
    let spooled = runs.iter().find(|run| id_of(run) == done).expect("sent");
    let mut plan = Plan::new("w1", 2);
    plan.finished = vec![report_of(spooled, SUCCEED, "spooled")];
    for run in &runs {
        worker.report_one(run, RUNNING, "").await;
    }
    let (_second, answer) = plan
        .connect_with_answer(cluster.server.worker_addr, APP, SECRET)
        .await;
    assert_eq!(answer.reports, [ReportAnswer::Stored]);
    let state = cluster.stored(done).await.state;
    assert_eq!(state.result.as_deref(), Some("spooled"));
    let failed = cluster.until(lost, InstanceStatus::Failed).await;
    let result = failed.state.result.unwrap_or_default();
    assert!(result.starts_with("worker lost: w1"), "{result}");
    cluster.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restarted_server_knows_the_runs_in_flight() {
    let cluster = Cluster::start().await;
    let mut worker = cluster.worker("w1").await;
    let job = cluster.save(|_| ()).await;
    let ids = [cluster.run(&job).await, cluster.run(&job).await];
    let mut runs = worker.take_runs().await;
    while runs.len() < 2 {
        runs.extend(worker.take_runs().await);
    }
    let cluster = cluster.restart().await;
    let mut plan = Plan::new("w1", 1);
    plan.running = vec![held(&runs[0])];
    plan.finished = vec![report_of(&runs[1], SUCCEED, "meanwhile")];
    let worker = cluster.connect(plan).await;
    assert_eq!(
        worker.report_one(&runs[0], SUCCEED, "later").await,
        ReportAnswer::Stored
    );
    for id in ids {
        let state = cluster.stored(id).await.state;
        assert_eq!((state.status, state.attempt), (InstanceStatus::Succeed, 1));
    }
    cluster.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn runs_of_a_worker_that_never_returns_after_a_restart_are_given_up() {
    let cluster = Cluster::start().await;
    let mut worker = cluster.worker("w1").await;
    let job = cluster.save(|_| ()).await;
    let id = cluster.run(&job).await;
    let run = worker.take_run().await;
    worker.report_one(&run, RUNNING, "").await;
    cluster.until(id, InstanceStatus::Running).await;
    let cluster = cluster.restart().await;
    let failed = cluster.until(id, InstanceStatus::Failed).await;
    let result = failed.state.result.unwrap_or_default();
    assert!(result.starts_with("worker lost: w1 (not back"), "{result}");
    cluster.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn waiting_runs_survive_a_restart() {
    let cluster = Cluster::start().await;
    let job = cluster.save(|_| ()).await;
    let (now, later) = (
        cluster.run(&job).await,
        cluster.run_later(&job, 3_600_000).await,
    );
    let cluster = cluster.restart().await;
    let mut worker = cluster.worker("w1").await;
    let run = worker.take_run().await;
    assert_eq!(id_of(&run), now);
    worker.report_one(&run, SUCCEED, "").await;
    assert_eq!(
        cluster.stored(later).await.state.status,
        InstanceStatus::WaitingDispatch
    );
    assert!(worker.is_left_alone());
    cluster.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_with_a_wrong_secret_stays_outside() {
    let cluster = Cluster::start().await;
    let connecting = Plan::new("w1", 1).connect(cluster.server.worker_addr, APP, "wrong");
    assert!(tokio::spawn(connecting).await.is_err());
    eventually("nobody is there", async || {
        let workers = cluster.server.handles.workers.of_app(cluster.app_id);
        workers.is_empty()
    })
    .await;
    cluster.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_restart_an_open_run_keeps_the_definition_that_it_began_with() {
    let cluster = Cluster::start().await;
    let job = cluster
        .save(|job| (job.time_limit_ms, job.params) = (1_111, "old".to_owned()))
        .await;
    let former = cluster.run(&job).await;
    let present = cluster
        .save(|draft| {
            (draft.id, draft.time_limit_ms) = (Some(job.id), 2_222);
        })
        .await;
    let latter = cluster.run(&present).await;
    let cluster = cluster.restart().await;
    let mut worker = cluster.worker("w1").await;
    let mut runs = worker.take_runs().await;
    while runs.len() < 2 {
        runs.extend(worker.take_runs().await);
    }
    for (id, revision, limit) in [(former, 1, 1_111), (latter, 2, 2_222)] {
        let run = runs.iter().find(|run| id_of(run) == id).expect("sent");
        assert_eq!((run.job_revision, run.time_limit_ms), (revision, limit));
    }
    cluster.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_run_is_repeated_after_the_wait_of_its_job_and_keeps_its_attempts() {
    let cluster = Cluster::start().await;
    let mut worker = cluster.worker("w1").await;
    let job = cluster
        .save(|job| {
            job.instance_retries = 1;
            job.retry.back_off = BackOff::Fixed { delay_ms: 400 };
        })
        .await;
    let id = cluster.run(&job).await;
    let run = worker.take_run().await;
    worker.report_one(&run, FAILED, "the first time").await;
    let state = cluster.stored(id).await.state;
    assert_eq!(state.status, InstanceStatus::WaitingDispatch);
    let why = cluster.read(id).await.unwrap_or_default();
    assert!(why.ends_with("failed: the first time"), "{why}");
    let again = worker.take_run().await;
    assert_eq!((id_of(&again), again.attempt), (id, 2));
    worker.report_one(&again, FAILED, "the second time").await;
    let last = cluster.stored(id).await.state;
    assert_eq!(last.status, InstanceStatus::Failed);
    let attempts = cluster.server.handles.store.attempts(id).await;
    let first = attempts.expect("readable").remove(0);
    assert_eq!(first.result.as_deref(), Some("the first time"));
    let (ended, next) = (first.recorded_at, last.dispatched_at);
    let waited = next.expect("sent").since(ended.expect("ended"));
    // It is claimed a little before its time, so that it is sent in time.
    assert!(waited >= Duration::from_millis(350), "{waited:?}");
    cluster.server.stop().await;
}
