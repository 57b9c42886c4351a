//! Jobs that run by themselves.

use std::collections::BTreeSet;

use powerjob_common::id::JobId;
use powerjob_common::status::{InstanceStatus, SwitchableStatus, TimeExpressionType};
use powerjob_common::time::UnixMillis;
use powerjob_server::actor::instance_manager::RunRequest;
use powerjob_server::actor::scheduler::SaveError;
use powerjob_server::domain::instance::{Instance, Trigger};
use powerjob_server::domain::policy::Misfire;
use powerjob_server::domain::trigger::LATE_MS;
use powerjob_server::store::instance::InstanceFilter;

use crate::cluster::{Cluster, Server, config, eventually};
use crate::fake_worker::{SUCCEED, id_of};

async fn instances_of(cluster: &Cluster, job_id: JobId) -> Vec<Instance> {
    let filter = InstanceFilter {
        apps: vec![cluster.app_id],
        job_id: Some(job_id),
        ..InstanceFilter::default()
    };
    let store = &cluster.server.handles.store;
    let page = store.list_instances(filter, None, 500).await;
    page.expect("readable").instances
}

fn nominal_of(instance: &Instance) -> i64 {
    match instance.trigger {
        Trigger::Schedule { nominal } => nominal.0,
        other => panic!("not by schedule: {other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fixed_rate_runs_on_its_grid() {
    let cluster = Cluster::start().await;
    let mut worker = cluster.worker("w1").await;
    let job = cluster
        .save(|job| {
            job.schedule.kind = TimeExpressionType::FixedRate;
            job.schedule.expression = "100".to_owned();
        })
        .await;
    let mut nominals = Vec::new();
    while nominals.len() < 12 {
        for run in worker.take_runs().await {
            let now = cluster.server.handles.clock.now().0;
            assert!(now >= run.nominal_time_ms, "nothing runs before its time");
            nominals.push(run.nominal_time_ms);
            worker.report_one(&run, SUCCEED, "").await;
        }
    }
    nominals.sort_unstable();
    let steps: BTreeSet<_> = nominals.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert_eq!(steps, BTreeSet::from([100]), "each time once, on the grid");
    cluster.switch(job.id, SwitchableStatus::Disable).await;
    cluster.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fixed_delay_waits_for_its_run() {
    let cluster = Cluster::start().await;
    let mut worker = cluster.worker("w1").await;
    cluster
        .save(|job| {
            job.schedule.kind = TimeExpressionType::FixedDelay;
            job.schedule.expression = "50".to_owned();
        })
        .await;
    for _ in 0..3 {
        let run = worker.take_run().await;
        assert!(worker.is_left_alone(), "one run at a time");
        worker.report_one(&run, SUCCEED, "").await;
    }
    cluster.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn disabling_calls_off_what_was_made_ahead() {
    let cluster = Cluster::start().await;
    let job = cluster
        .save(|job| {
            job.schedule.kind = TimeExpressionType::FixedRate;
            job.schedule.expression = "200".to_owned();
        })
        .await;
    eventually("occurrences are made ahead", async || {
        instances_of(&cluster, job.id).await.len() >= 3
    })
    .await;
    cluster.switch(job.id, SwitchableStatus::Disable).await;
    let switched_at = cluster.server.handles.clock.now().0;
    for instance in instances_of(&cluster, job.id).await {
        // What is claimed just then may still go; what lies further ahead may not.
        if nominal_of(&instance) > switched_at + 50 {
            assert_eq!(instance.state.status, InstanceStatus::Canceled);
        }
    }
    cluster.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_an_outage_there_is_one_run_and_then_the_grid() {
    let cluster = Cluster::start().await;
    let job = cluster
        .save(|job| {
            job.schedule.kind = TimeExpressionType::FixedRate;
            job.schedule.expression = "300".to_owned();
            job.no_worker_grace_ms = 0;
        })
        .await;
    eventually("it runs", async || {
        !instances_of(&cluster, job.id).await.is_empty()
    })
    .await;
    let cluster = {
        let Cluster {
            server,
            app_id,
            folder,
        } = cluster;
        server.stop().await;
        // The outage itself: more than a second ahead was made, and it must not only be late.
        let outage_ms = 1_500 + LATE_MS.cast_unsigned();
        tokio::time::sleep(std::time::Duration::from_millis(outage_ms)).await;
        let server = crate::cluster::Server::start(crate::cluster::config(folder.path())).await;
        Cluster {
            server,
            app_id,
            folder,
        }
    };
    let started_at = cluster.server.handles.facts.started_at.0;
    eventually("the grid goes on", async || {
        let instances = instances_of(&cluster, job.id).await;
        instances.iter().any(|it| nominal_of(it) > started_at + 600)
    })
    .await;
    let instances = instances_of(&cluster, job.id).await;
    let mut nominals: Vec<_> = instances.iter().map(nominal_of).collect();
    nominals.sort_unstable();
    let first = nominals[0];
    assert!(nominals.iter().all(|time| (time - first) % 300 == 0));
    let gaps: Vec<_> = nominals
        .windows(2)
        .map(|pair| pair[1] - pair[0])
        .filter(|gap| *gap != 300)
        .collect();
    assert_eq!(gaps.len(), 1, "one gap, after the one run that catches up");
    cluster.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_short_outage_loses_nothing() {
    let cluster = Cluster::start().await;
    let job = cluster
        .save(|job| {
            job.schedule.kind = TimeExpressionType::FixedRate;
            job.schedule.expression = "100".to_owned();
            job.policy.misfire = Misfire::Skip;
        })
        .await;
    eventually("it runs", async || {
        !instances_of(&cluster, job.id).await.is_empty()
    })
    .await;
    let cluster = cluster.restart().await;
    let restarted_at = cluster.server.handles.clock.now().0;
    eventually("the grid goes on", async || {
        let instances = instances_of(&cluster, job.id).await;
        instances
            .iter()
            .any(|it| nominal_of(it) > restarted_at + 2_000)
    })
    .await;
    let instances = instances_of(&cluster, job.id).await;
    let mut nominals: Vec<_> = instances.iter().map(nominal_of).collect();
    nominals.sort_unstable();
    let steps: BTreeSet<_> = nominals.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert_eq!(
        steps,
        BTreeSet::from([100]),
        "each time once, none left out"
    );
    cluster.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn jitter_moves_the_start_and_not_the_nominal_time() {
    let cluster = Cluster::start().await;
    let mut worker = cluster.worker("w1").await;
    let job = cluster
        .save(|job| {
            job.schedule.kind = TimeExpressionType::FixedRate;
            job.schedule.expression = "100".to_owned();
            job.policy.jitter_ms = 300;
        })
        .await;
    let mut runs = Vec::new();
    while runs.len() < 20 {
        let taken = worker.take_runs().await;
        let now = cluster.server.handles.clock.now().0;
        for run in taken {
            worker.report_one(&run, SUCCEED, "").await;
            runs.push((run, now));
        }
    }
    let mut delays = BTreeSet::new();
    for (run, taken_at) in runs {
        let stored = cluster.stored(id_of(&run)).await;
        let nominal = nominal_of(&stored);
        assert_eq!(nominal, run.nominal_time_ms);
        let delay = stored.state.expected_at.0 - nominal;
        assert!((0..=300).contains(&delay), "{delay}");
        assert!(
            taken_at >= stored.state.expected_at.0,
            "not before its start"
        );
        delays.insert(delay);
    }
    assert!(delays.len() > 10, "{delays:?}");
    let first = nominal_of(&instances_of(&cluster, job.id).await[0]);
    for instance in instances_of(&cluster, job.id).await {
        assert_eq!((nominal_of(&instance) - first) % 100, 0, "the grid is kept");
    }
    cluster.server.stop().await;
}

async fn is_switched_off(cluster: &Cluster, job_id: JobId) -> bool {
    let stored = cluster.server.handles.store.job(job_id).await;
    let known = cluster.server.handles.jobs.get(job_id);
    let is_off = |status| status == SwitchableStatus::Disable;
    is_off(stored.expect("the job exists").status) && known.is_some_and(|job| is_off(job.status))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_for_once_runs_once_and_is_switched_off() {
    let cluster = Cluster::start().await;
    let mut worker = cluster.worker("w1").await;
    let at = cluster.server.handles.clock.now().0 + 1_300;
    let job = cluster
        .save(|job| {
            job.schedule.kind = TimeExpressionType::Once;
            job.schedule.expression = at.to_string();
        })
        .await;
    assert_eq!(job.next_trigger_at.map(|next| next.0), Some(at));
    let run = worker.take_run().await;
    assert_eq!(run.nominal_time_ms, at);
    assert!(cluster.server.handles.clock.now().0 >= at);
    worker.report_one(&run, SUCCEED, "").await;
    eventually("it is switched off", async || {
        is_switched_off(&cluster, job.id).await
    })
    .await;
    assert_eq!(instances_of(&cluster, job.id).await.len(), 1);
    let mut again = cluster.draft();
    again.id = Some(job.id);
    again.schedule = job.schedule.clone();
    let Err(SaveError::Invalid { field, .. }) = cluster.try_save(again).await else {
        panic!("its time is over");
    };
    assert_eq!(field, "schedule.expression");
    cluster.server.stop().await;
}

// Spec 01, invariant 16.
#[tokio::test(flavor = "multi_thread")]
async fn the_end_of_the_life_cycle_switches_off_after_its_last_run() {
    let cluster = Cluster::start().await;
    let mut worker = cluster.worker("w1").await;
    let now = cluster.server.handles.clock.now().0;
    let (first, end) = (now + 500, now + 1_500);
    let job = cluster
        .save(|job| {
            job.schedule.kind = TimeExpressionType::FixedRate;
            job.schedule.expression = "500".to_owned();
            job.schedule.lifecycle.start = Some(UnixMillis(first));
            job.schedule.lifecycle.end = Some(UnixMillis(end));
        })
        .await;
    let mut nominals = BTreeSet::new();
    while nominals.len() < 3 {
        for run in worker.take_runs().await {
            nominals.insert(run.nominal_time_ms);
            worker.report_one(&run, SUCCEED, "").await;
        }
    }
    assert_eq!(nominals, BTreeSet::from([first, first + 500, end]));
    eventually("it is switched off", async || {
        is_switched_off(&cluster, job.id).await
    })
    .await;
    assert_eq!(instances_of(&cluster, job.id).await.len(), 3);
    cluster.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_loop_ends_with_its_life_cycle() {
    let cluster = Cluster::start().await;
    let mut worker = cluster.worker("w1").await;
    let end = cluster.server.handles.clock.now().0 + 600;
    let job = cluster
        .save(|job| {
            job.schedule.kind = TimeExpressionType::FixedDelay;
            job.schedule.expression = "1000".to_owned();
            job.schedule.lifecycle.end = Some(UnixMillis(end));
        })
        .await;
    let run = worker.take_run().await;
    worker.report_one(&run, SUCCEED, "").await;
    eventually("it is switched off", async || {
        is_switched_off(&cluster, job.id).await
    })
    .await;
    cluster.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_at_a_time_survives_a_restart_and_can_be_called_off() {
    let cluster = Cluster::start().await;
    let job = cluster.save(|_| ()).await;
    let at = |ms: i64| {
        let now = cluster.server.handles.clock.now().0;
        RunRequest {
            at: Some(UnixMillis(now + ms)),
            ..RunRequest::default()
        }
    };
    let (soon, later, past) = (at(2_000), at(3_600_000), at(-5_000));
    let due = soon.at;
    let ids = cluster.run_all(&job, vec![soon, later]).await;
    let cluster = cluster.restart().await;
    let mut worker = cluster.worker("w1").await;
    let canceled = cluster
        .cancel_run(ids[1])
        .await
        .expect("it has not started");
    assert_eq!(canceled.state.status, InstanceStatus::Canceled);
    let run = worker.take_run().await;
    assert_eq!(id_of(&run), ids[0]);
    assert!(Some(cluster.server.handles.clock.now()) >= due);
    let ids = cluster.run_all(&job, vec![past]).await;
    assert_eq!(id_of(&worker.take_run().await), ids[0], "at once");
    cluster.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_schedule_that_cannot_be_read_is_refused_with_its_field() {
    let cluster = Cluster::start().await;
    let mut draft = cluster.draft();
    draft.schedule.kind = TimeExpressionType::Cron;
    draft.schedule.expression = "every day".to_owned();
    let Err(SaveError::Invalid { field, .. }) = cluster.try_save(draft).await else {
        panic!("it is not valid");
    };
    assert!(field.starts_with("schedule."), "{field}");
    cluster.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_is_ready_when_nothing_missed_is_left_to_plan() {
    let cluster = Cluster::start().await;
    for number in 0..200 {
        cluster
            .save(|job| {
                job.name = format!("job {number}");
                job.schedule.kind = TimeExpressionType::Cron;
                job.schedule.expression = "* * * * * ?".to_owned();
            })
            .await;
    }
    let Cluster {
        server,
        app_id,
        folder,
    } = cluster;
    server.stop().await;
    // The outage itself: every job misses a time.
    tokio::time::sleep(std::time::Duration::from_millis(2_100)).await;
    let server = Server::start(config(folder.path())).await;
    let handles = &server.handles;
    eventually("the server is ready", async || {
        handles.ownership.check_ready().is_ok()
    })
    .await;
    let ready_at = handles.clock.now();
    let jobs = handles
        .store
        .load_jobs(vec![app_id])
        .await
        .expect("readable");
    assert_eq!(jobs.len(), 200);
    for job in jobs {
        let next = job.next_trigger_at.expect("a CRON goes on");
        assert!(
            next > ready_at,
            "{}: {next:?}, ready at {ready_at:?}",
            job.name
        );
    }
    server.stop().await;
}
