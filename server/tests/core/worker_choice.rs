//! Which worker gets a run, and what operators say about it.

use std::time::Duration;

use powerjob_common::status::{DispatchStrategy, InstanceStatus, WorkerOrderKind};
use powerjob_protocol::wire::server_to_worker::RunVerdict;
use powerjob_server::actor::worker_registry::ApplyWorkerOrders;
use powerjob_server::store::worker_order::NewWorkerOrder;

use crate::cluster::{Cluster, eventually};
use crate::fake_worker::{FakeWorker, LIMIT, RUNNING, SUCCEED, id_of};

impl Cluster {
    /// Gives a worker an order, as the service does.
    async fn order(&self, node: &str, kind: WorkerOrderKind) {
        let handles = &self.server.handles;
        let order = NewWorkerOrder {
            kind,
            given_by: "ADMIN".to_owned(),
            reason: String::new(),
        };
        let given = handles
            .store
            .give_worker_order(self.app_id, node.to_owned(), order)
            .await
            .expect("stored");
        handles
            .order_workers
            .ask(LIMIT, |reply| ApplyWorkerOrders {
                app_id: self.app_id,
                orders: vec![(node.to_owned(), given)],
                reply: Some(reply),
            })
            .await
            .expect("an answer");
    }

    fn state_of(&self, node: &str) -> Option<&'static str> {
        let workers = self.server.handles.workers.of_app(self.app_id);
        let entry = workers
            .iter()
            .find(|entry| entry.facts.node.node_id == node)?;
        Some(entry.facts.state.name())
    }
}

/// Accepts the next run of either worker; tells which one got it.
async fn next_of(first: &mut FakeWorker, second: &mut FakeWorker) -> usize {
    tokio::select! {
        run = first.take_run() => { first.report_one(&run, SUCCEED, "").await; 0 }
        run = second.take_run() => { second.report_one(&run, SUCCEED, "").await; 1 }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn workers_take_turns() {
    let cluster = Cluster::start().await;
    let (mut first, mut second) = (cluster.worker("w1").await, cluster.worker("w2").await);
    let job = cluster
        .save(|job| job.dispatch_strategy = DispatchStrategy::RoundRobin)
        .await;
    let mut turns = Vec::new();
    for _ in 0..6 {
        cluster.run(&job).await;
        turns.push(next_of(&mut first, &mut second).await);
    }
    assert_eq!(turns, [0, 1, 0, 1, 0, 1]);
    cluster.server.stop().await;
}

/// Spec 01 section 11 cases 37 and 43: one that says it is overloaded is passed over.
#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_a_worker_refuses_goes_to_another_one_at_once() {
    let cluster = Cluster::start().await;
    let mut first = cluster.worker("w1").await;
    let job = cluster.save(|_| ()).await;
    let id = cluster.run(&job).await;
    let refused = first.take_runs_as(RunVerdict::Overloaded).await;
    let mut second = cluster.worker("w2").await;
    let run = second.take_run().await;
    assert_eq!((id_of(&run), run.attempt), (id, refused[0].attempt + 1));
    second.report_one(&run, SUCCEED, "").await;
    let state = cluster.stored(id).await.state;
    assert_eq!(
        (state.status, state.running_times),
        (InstanceStatus::Succeed, 1)
    );
    cluster.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_taken_off_line_gives_away_what_it_has() {
    let cluster = Cluster::start().await;
    let mut first = cluster.worker("w1").await;
    let job = cluster.save(|job| job.instance_retries = 1).await;
    let id = cluster.run(&job).await;
    let run = first.take_run().await;
    first.report_one(&run, RUNNING, "").await;
    let mut second = cluster.worker("w2").await;
    cluster.order("w1", WorkerOrderKind::Offline).await;
    let again = second.take_run().await;
    assert_eq!((id_of(&again), again.attempt), (id, 2));
    let stop = first.take_stop().await;
    assert_eq!((stop.instance_id, stop.attempt), (id.0, 1));
    second.report_one(&again, SUCCEED, "").await;
    let attempts = cluster.server.handles.store.attempts(id).await;
    let result = attempts.expect("readable")[0].result.clone();
    assert_eq!(
        result.as_deref(),
        Some("worker lost: w1 (taken off line by ADMIN)")
    );
    cluster.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drained_worker_ends_what_it_has_and_gets_nothing_after_a_restart_of_the_server() {
    let cluster = Cluster::start().await;
    let mut worker = cluster.worker("w1").await;
    let job = cluster.save(|_| ()).await;
    let id = cluster.run(&job).await;
    let run = worker.take_run().await;
    cluster.order("w1", WorkerOrderKind::Drain).await;
    assert_eq!(cluster.state_of("w1"), Some("DRAINING"));
    worker.report_one(&run, SUCCEED, "").await;
    assert_eq!(
        cluster.stored(id).await.state.status,
        InstanceStatus::Succeed
    );
    worker.heartbeat(&["demo".to_owned()], false);
    eventually("it is empty", async || {
        cluster.state_of("w1") == Some("DRAINED")
    })
    .await;
    drop(worker);

    let cluster = cluster.restart().await;
    let mut worker = cluster.worker("w1").await;
    let waiting = cluster.run(&job).await;
    assert_ne!(cluster.state_of("w1"), Some("ONLINE"));
    let asked = cluster.read(waiting).await;
    assert_eq!(
        asked.as_deref(),
        Some("waits for a worker: 1 known, 1 drained by an operator")
    );
    assert!(worker.is_left_alone());
    cluster.order("w1", WorkerOrderKind::Online).await;
    let run = tokio::time::timeout(Duration::from_secs(10), worker.take_run()).await;
    assert_eq!(id_of(&run.expect("it works again")), waiting);
    cluster.server.stop().await;
}

/// Whoever runs a job by hand may choose the worker, whatever the job designates.
#[tokio::test(flavor = "multi_thread")]
async fn a_run_goes_to_the_chosen_worker_only() {
    let cluster = Cluster::start().await;
    let (mut first, mut second) = (cluster.worker("w1").await, cluster.worker("w2").await);
    let job = cluster
        .save(|job| job.designated_workers = "w1".to_owned())
        .await;
    for _ in 0..3 {
        cluster.run_on(&job, "w2").await;
        assert_eq!(next_of(&mut first, &mut second).await, 1);
    }
    let waiting = cluster.run_on(&job, "w3").await;
    cluster.run(&job).await;
    assert_eq!(next_of(&mut first, &mut second).await, 0);
    let mut third = cluster.worker("w3").await;
    let run = third.take_run().await;
    assert_eq!(id_of(&run), waiting);
    third.report_one(&run, SUCCEED, "").await;
    let stored = cluster.server.handles.store.instance(waiting).await;
    assert_eq!(stored.expect("stored").chosen_worker.as_deref(), Some("w3"));
    cluster.server.stop().await;
}
