//! Second-level jobs: one instance that does not end, whose beats its worker makes.

use std::sync::Arc;

use powerjob_common::status::{InstanceStatus, SwitchableStatus, TimeExpressionType};
use powerjob_protocol::wire::beats::{BeatKind, BeatRun, CrowdedBeat, MissedBeats};
use powerjob_protocol::wire::server_to_worker::{RunVerdict, StopReason};
use powerjob_server::domain::job::{JobDefinition, JobDraft};
use powerjob_server::domain::policy::{Misfire, Overlap};

use crate::cluster::{Cluster, eventually};
use crate::fake_worker::{Plan, RUNNING, SUCCEED, held, id_of};

/// A job with a beat every 20 ms.
fn every_20_ms(job: &mut JobDraft) {
    job.schedule.kind = TimeExpressionType::FixedRate;
    job.schedule.expression = "20".to_owned();
    job.policy.second_level = true;
}

impl Cluster {
    async fn edit(&self, job: &JobDefinition, change: impl FnOnce(&mut JobDraft)) {
        let mut draft = self.draft();
        every_20_ms(&mut draft);
        draft.id = Some(job.id);
        change(&mut draft);
        self.try_save(draft).await.expect("a valid job");
    }

    async fn status_of(&self, item: &BeatRun) -> InstanceStatus {
        self.stored(id_of(&item.run)).await.state.status
    }
}

async fn second_level(cluster: &Cluster) -> Arc<JobDefinition> {
    cluster.save(every_20_ms).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_level_job_has_one_instance_with_the_rules_of_its_job() {
    let cluster = Cluster::start().await;
    let mut worker = cluster.worker("w1").await;
    let job = cluster
        .save(|job| {
            every_20_ms(job);
            job.max_instances = 3;
            job.policy.overlap = Overlap::Queue { limit: 7 };
            job.policy.misfire = Misfire::CatchUp { runs: 5 };
        })
        .await;
    let item = worker.take_beats(RunVerdict::Accepted).await;
    assert_eq!((item.run.job_id, item.run.attempt), (job.id.0, 1));
    assert_eq!((item.plan.kind, item.plan.every_ms), (BeatKind::Rate, 20));
    assert_eq!(item.plan.at_once, 3);
    assert_eq!(item.plan.crowded, CrowdedBeat::Waits(7));
    assert_eq!(item.plan.missed, MissedBeats::MakeLast(5));
    worker.report_one(&item.run, RUNNING, "").await;
    // A run by hand is a run of its own, and not held back by the one that does not end.
    let single = cluster.run(&job).await;
    let run = worker.take_run().await;
    assert_eq!(id_of(&run), single);
    worker.report_one(&run, SUCCEED, "").await;
    cluster.until(single, InstanceStatus::Succeed).await;
    assert!(worker.is_left_alone());
    let stored = cluster.server.handles.store.job(job.id).await;
    assert_eq!(stored.expect("it is there").next_trigger_at, None);
    cluster.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edit_reaches_the_instance_that_runs() {
    let cluster = Cluster::start().await;
    let mut worker = cluster.worker("w1").await;
    let job = second_level(&cluster).await;
    let item = worker.take_beats(RunVerdict::Accepted).await;
    worker.report_one(&item.run, RUNNING, "").await;
    cluster
        .edit(&job, |job| {
            job.schedule.kind = TimeExpressionType::FixedDelay;
            job.schedule.expression = "70".to_owned();
            job.params = "q".to_owned();
        })
        .await;
    let edited = worker.take_beats(RunVerdict::Duplicate).await;
    assert_eq!(edited.instance_id, item.instance_id);
    assert_eq!(edited.run.attempt, item.run.attempt);
    assert!(edited.run.job_revision > item.run.job_revision);
    assert_eq!(edited.run.job_params, "q");
    assert_eq!(
        (edited.plan.kind, edited.plan.every_ms),
        (BeatKind::Delay, 70)
    );
    assert_eq!(edited.run.nominal_time_ms, item.run.nominal_time_ms);
    // One that is not second-level any more ends it, and its times are runs of their own.
    cluster
        .edit(&job, |job| job.policy.second_level = false)
        .await;
    let stop = worker.take_stop().await;
    assert_eq!(
        (stop.instance_id, stop.reason),
        (item.instance_id, StopReason::User)
    );
    let ended = cluster
        .until(id_of(&item.run), InstanceStatus::Stopped)
        .await;
    assert_eq!(ended.state.result.as_deref(), Some("the job was changed"));
    let run = worker.take_runs().await.remove(0);
    assert_ne!(run.instance_id, item.instance_id);
    cluster.switch(job.id, SwitchableStatus::Disable).await;
    cluster.server.stop().await;
}

/// Cases 20 and 22 of spec 01.
#[tokio::test(flavor = "multi_thread")]
async fn switching_off_ends_it_and_a_stop_makes_room_for_the_next() {
    let cluster = Cluster::start().await;
    let mut worker = cluster.worker("w1").await;
    let job = second_level(&cluster).await;
    let first = worker.take_beats(RunVerdict::Accepted).await;
    worker.report_one(&first.run, RUNNING, "").await;
    cluster.stop_run(id_of(&first.run)).await.expect("stopped");
    worker.take_stop().await;
    let second = worker.take_beats(RunVerdict::Accepted).await;
    assert_ne!(second.instance_id, first.instance_id);
    let ended_at = cluster.stored(id_of(&first.run)).await.state.recorded_at;
    let pause = second.run.nominal_time_ms - ended_at.expect("it has ended").0;
    assert_eq!(pause, 1_000);
    cluster.switch(job.id, SwitchableStatus::Disable).await;
    assert_eq!(worker.take_stop().await.instance_id, second.instance_id);
    let ended = cluster
        .until(id_of(&second.run), InstanceStatus::Stopped)
        .await;
    assert_eq!(
        ended.state.result.as_deref(),
        Some("the job was switched off")
    );
    let known = cluster.server.handles.jobs.get(job.id).expect("known");
    assert_eq!(known.next_trigger_at, None);
    assert!(worker.is_left_alone());
    cluster.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_worker_goes_on_as_often_as_workers_are_lost() {
    let cluster = Cluster::start().await;
    let mut worker = cluster.worker("w1").await;
    second_level(&cluster).await;
    let first = worker.take_beats(RunVerdict::Accepted).await;
    worker.report_one(&first.run, RUNNING, "").await;
    for attempt in 2..5 {
        let mut next = cluster.worker(&format!("w{attempt}")).await;
        worker.vanish();
        let again = next.take_beats(RunVerdict::Accepted).await;
        assert_eq!(again.instance_id, first.instance_id);
        assert_eq!(again.run.attempt, attempt);
        assert_eq!(again.run.nominal_time_ms, first.run.nominal_time_ms);
        next.report_one(&again.run, RUNNING, "").await;
        worker = next;
    }
    cluster.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restarted_server_goes_on_with_the_instance_that_its_worker_holds() {
    let cluster = Cluster::start().await;
    let mut worker = cluster.worker("w1").await;
    let job = second_level(&cluster).await;
    let item = worker.take_beats(RunVerdict::Accepted).await;
    worker.report_one(&item.run, RUNNING, "").await;
    eventually("the start is stored", async || {
        cluster.status_of(&item).await == InstanceStatus::Running
    })
    .await;
    let cluster = cluster.restart().await;
    let mut plan = Plan::new("w1", 1);
    plan.running = vec![held(&item.run)];
    let mut worker = cluster.connect(plan).await;
    // Told again, because an edit could have been missed.
    let again = worker.take_beats(RunVerdict::Duplicate).await;
    assert_eq!(
        (again.instance_id, again.run.attempt),
        (item.instance_id, 1)
    );
    cluster.edit(&job, |job| job.params = "q".to_owned()).await;
    let edited = worker.take_beats(RunVerdict::Duplicate).await;
    assert_eq!(edited.run.job_params, "q");
    assert!(worker.is_left_alone(), "there is one instance only");
    cluster.switch(job.id, SwitchableStatus::Deleted).await;
    assert_eq!(worker.take_stop().await.instance_id, item.instance_id);
    cluster.server.stop().await;
}
