//! The normal course: run, report, stored; and what workers may answer.

use std::time::Duration;

use powerjob_common::status::InstanceStatus;
use powerjob_protocol::wire::server_to_worker::RunVerdict;
use powerjob_protocol::wire::worker_to_server::ReportAnswer;
use powerjob_server::actor::instance_manager::{ReadInstances, RunRequest};

use crate::cluster::Cluster;
use crate::fake_worker::{FAILED, LIMIT, Plan, RUNNING, SUCCEED, id_of, report_of};

#[tokio::test(flavor = "multi_thread")]
async fn a_run_is_claimed_sent_reported_and_stored() {
    let cluster = Cluster::start().await;
    let mut worker = cluster.worker("w1").await;
    let job = cluster.save(|_| ()).await;
    let id = cluster.run(&job).await;
    let run = worker.take_run().await;
    assert_eq!((id_of(&run), run.attempt), (id, 1));
    assert_eq!(
        (run.job_params.as_str(), run.job_name.as_str()),
        ("p", "a job")
    );
    assert_eq!(
        cluster.stored(id).await.state.status,
        InstanceStatus::WaitingWorkerReceive,
        "the claim is durable before the run is sent"
    );
    assert_eq!(
        worker.report_one(&run, SUCCEED, "done").await,
        ReportAnswer::Stored
    );
    let state = cluster.stored(id).await.state;
    assert_eq!(state.status, InstanceStatus::Succeed);
    assert_eq!(state.result.as_deref(), Some("done"));
    assert_eq!(state.running_times, 1);
    cluster.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn repeated_and_old_reports_change_nothing() {
    let cluster = Cluster::start().await;
    let mut worker = cluster.worker("w1").await;
    let job = cluster.save(|_| ()).await;
    let id = cluster.run(&job).await;
    let run = worker.take_run().await;
    let mut old = report_of(&run, SUCCEED, "old");
    old.attempt = 0;
    assert_eq!(worker.report(vec![old]).await, [ReportAnswer::Stale]);
    let twice = vec![
        report_of(&run, SUCCEED, "first"),
        report_of(&run, FAILED, "second"),
    ];
    let answers = worker.report(twice).await;
    assert_eq!(answers[0], ReportAnswer::Stored);
    assert_eq!(answers[1], ReportAnswer::Stale);
    let again = worker.report_one(&run, SUCCEED, "third").await;
    assert_eq!(again, ReportAnswer::Stale);
    assert_eq!(
        cluster.stored(id).await.state.result.as_deref(),
        Some("first")
    );
    cluster.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_shows_at_once_and_is_stored_a_little_later() {
    let cluster = Cluster::start().await;
    let mut worker = cluster.worker("w1").await;
    let job = cluster.save(|_| ()).await;
    let id = cluster.run(&job).await;
    let run = worker.take_run().await;
    worker.report_one(&run, RUNNING, "").await;
    let (port, ids) = cluster.server.handles.instances.readers(&[id]).remove(0);
    let seen = port
        .ask(LIMIT, |reply| ReadInstances { ids, reply })
        .await
        .expect("an answer");
    assert_eq!(seen[0].0.state.status, InstanceStatus::Running);
    cluster.until(id, InstanceStatus::Running).await;
    worker.report_one(&run, SUCCEED, "done").await;
    cluster.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_runs_of_one_call_end() {
    let cluster = Cluster::start().await;
    let mut plan = Plan::new("w1", 1);
    plan.capacity = 300; // the rest waits for room
    let mut worker = cluster.connect(plan).await;
    let job = cluster.save(|_| ()).await;
    let runs = vec![RunRequest::default(); 1_000];
    let ids = cluster.run_all(&job, runs).await;
    assert_eq!(ids.len(), 1_000);
    let mut done = 0;
    while done < ids.len() {
        let runs = worker.take_runs().await;
        done += runs.len();
        let reports = runs.iter().map(|run| report_of(run, SUCCEED, "")).collect();
        let answers = worker.report(reports).await;
        assert!(answers.iter().all(|answer| *answer == ReportAnswer::Stored));
    }
    for id in ids {
        assert_eq!(
            cluster.stored(id).await.state.status,
            InstanceStatus::Succeed
        );
    }
    cluster.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_worker_passes_the_run_on() {
    let cluster = Cluster::start().await;
    let mut first = cluster.worker("w1").await;
    let job = cluster.save(|_| ()).await;
    let id = cluster.run(&job).await;
    first.take_runs_as(RunVerdict::Overloaded).await;
    // Nobody else is there: the same worker is asked again after a pause.
    let run = first.take_run().await;
    assert_eq!(run.attempt, 2);
    assert_eq!(
        first.report_one(&run, SUCCEED, "").await,
        ReportAnswer::Stored
    );
    assert_eq!(cluster.stored(id).await.state.running_times, 1);

    let mut second = cluster.worker("w2").await;
    let id = cluster.run(&job).await;
    let (mut refusing, mut taking) = tokio::select! {
        _ = first.take_runs_as(RunVerdict::Draining) => (first, second),
        _ = second.take_runs_as(RunVerdict::Draining) => (second, first),
    };
    let run = taking.take_run().await;
    assert_eq!((id_of(&run), run.attempt), (id, 2));
    assert!(refusing.is_left_alone());
    taking.report_one(&run, SUCCEED, "").await;
    cluster.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_worker_a_run_waits_for_its_grace_and_says_why_it_failed() {
    let cluster = Cluster::start().await;
    let job = cluster.save(|job| job.no_worker_grace_ms = 50).await;
    let id = cluster.run(&job).await;
    let failed = cluster.until(id, InstanceStatus::Failed).await;
    let result = failed.state.result.unwrap_or_default();
    assert!(
        result.starts_with("no worker available: no worker of this application is connected"),
        "{result}"
    );
    let patient = cluster.save(|_| ()).await;
    let id = cluster.run(&patient).await;
    let mut worker = cluster.worker("w1").await;
    let run = worker.take_run().await;
    assert_eq!(id_of(&run), id);
    worker.report_one(&run, SUCCEED, "").await;
    cluster.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn more_runs_than_the_job_allows_fail_at_once() {
    let cluster = Cluster::start().await;
    let mut worker = cluster.worker("w1").await;
    let job = cluster.save(|job| job.max_instances = 1).await;
    cluster.run(&job).await;
    let run = worker.take_run().await;
    let second = cluster.run(&job).await;
    let state = cluster.stored(second).await.state;
    assert_eq!(state.status, InstanceStatus::Failed);
    assert_eq!(state.result.as_deref(), Some("too many instances(1>1)"));
    worker.report_one(&run, SUCCEED, "").await;
    let third = cluster.run(&job).await;
    let run = worker.take_run().await;
    assert_eq!(id_of(&run), third);
    worker.report_one(&run, SUCCEED, "").await;
    cluster.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_can_never_work_fails_with_the_words_of_the_worker() {
    let cluster = Cluster::start().await;
    let mut worker = cluster.worker("w1").await;
    let job = cluster.save(|job| job.instance_retries = 3).await;
    let id = cluster.run(&job).await;
    worker
        .take_runs_as(RunVerdict::Invalid("no such thing".to_owned()))
        .await;
    let failed = cluster.until(id, InstanceStatus::Failed).await;
    assert_eq!(failed.state.result.as_deref(), Some("no such thing"));
    cluster.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delayed_run_starts_at_its_time() {
    let cluster = Cluster::start().await;
    let mut worker = cluster.worker("w1").await;
    let job = cluster.save(|_| ()).await;
    let before = cluster.server.handles.clock.now();
    cluster.run_later(&job, 150).await;
    let run = worker.take_run().await;
    let waited = cluster.server.handles.clock.now().since(before);
    assert!(waited >= Duration::from_millis(149), "{waited:?}");
    worker.report_one(&run, SUCCEED, "").await;
    cluster.server.stop().await;
}
