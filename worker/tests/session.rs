//! A whole worker against a server over loopback.

mod support;

use std::sync::Arc;
use std::time::Duration;

use powerjob_protocol::wire::server_to_worker::RunVerdict;
use powerjob_protocol::wire::worker_to_server::ReportAnswer;
use powerjob_worker::{CancelReason, TaskContext, Worker, WorkerBuilder, WorkerHandle};
use support::{APP, FakeServer, SECRET, Seen, request, run, stop};
use tokio::net::TcpListener;
use tokio::sync::Notify;

type Outcome = Result<String, String>;

fn builder(server: &FakeServer) -> WorkerBuilder {
    builder_for(&server.addr.to_string())
}

/// A worker for servers as `host:port`, separated by commas.
fn builder_for(servers: &str) -> WorkerBuilder {
    Worker::builder()
        .app(APP)
        .secret(SECRET)
        .server(servers)
        .name("tester")
        .without_declared_handlers()
        .cancel_grace(Duration::from_millis(200))
        .register_fn("echo", |ctx: TaskContext| async move {
            ctx.logger().info(format!("echo of {}", ctx.params()));
            Outcome::Ok(ctx.params().to_owned())
        })
        .register_fn("obedient", |ctx: TaskContext| async move {
            let reason = ctx.cancelled().await;
            assert_ne!(reason, CancelReason::Superseded);
            Outcome::Ok("ended in order".into())
        })
        .register_fn("stubborn", |_ctx: TaskContext| {
            std::future::pending::<Outcome>()
        })
        .register_fn("panics", |ctx: TaskContext| async move {
            if ctx.params().is_empty() {
                Outcome::Ok(String::new())
            } else {
                panic!("{}", ctx.params())
            }
        })
}

const NO_TIME: Duration = Duration::ZERO;

async fn started(server: &FakeServer) -> WorkerHandle {
    builder(server).start().await.expect("a worker")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_is_accepted_carried_out_logged_and_reported() {
    let mut server = FakeServer::start().await;
    let worker = started(&server).await;
    let session = server.session().await;
    let inventory = server.inventory().await;
    assert!(inventory.running.is_empty() && inventory.is_last);
    let heartbeat = server.heartbeat().await;
    assert_eq!(
        heartbeat.processors,
        ["echo", "obedient", "panics", "stubborn"]
    );
    assert_eq!((heartbeat.capacity, heartbeat.draining), (5_120, false));
    let verdicts = run(
        &session,
        vec![request(1, "echo", "hi"), request(1, "echo", "hi")],
    )
    .await;
    assert_eq!(verdicts, [RunVerdict::Accepted, RunVerdict::Duplicate]);
    let report = server.end_of(1).await;
    assert_eq!((report.status, report.result.as_str()), (5, "hi"));
    assert!(report.received_at_ms > 0 && report.started_at_ms >= report.received_at_ms);
    assert!(report.finished_at_ms >= report.started_at_ms);
    let lines = server.lines_of(1, |_| true).await;
    assert_eq!(lines, ["echo of hi"]);
    worker.shutdown(NO_TIME).await.expect("an orderly end");
}

// Servers that stand still take connections and say nothing. One after the other they would have kept the
// worker for 24 seconds.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn servers_that_stand_still_do_not_keep_a_worker_from_the_next_one() {
    let mut server = FakeServer::start().await;
    let mut silent = Vec::new();
    for _ in 0..8 {
        silent.push(TcpListener::bind("127.0.0.1:0").await.expect("a port"));
    }
    let addresses = silent.iter().map(|it| it.local_addr().expect("an address"));
    let servers: Vec<_> = addresses
        .chain([server.addr])
        .map(|it| it.to_string())
        .collect();
    let worker = builder_for(&servers.join(","))
        .start()
        .await
        .expect("a worker");
    server.session().await;
    worker.shutdown(NO_TIME).await.expect("an orderly end");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_run_is_refused_with_a_reason() {
    let mut server = FakeServer::start().await;
    let worker = started(&server).await;
    let session = server.session().await;
    let mut strange = request(2, "echo", "");
    strange.execute_type = 99;
    let verdicts = run(&session, vec![request(1, "ech", ""), strange]).await;
    let RunVerdict::Invalid(unknown) = &verdicts[0] else {
        panic!("{verdicts:?}")
    };
    assert!(
        unknown.contains("fetch Processor failed") && unknown.contains("echo"),
        "{unknown}"
    );
    let RunVerdict::Invalid(unsupported) = &verdicts[1] else {
        panic!("{verdicts:?}")
    };
    assert!(unsupported.contains("execute type 99"), "{unsupported}");
    worker.shutdown(NO_TIME).await.expect("an orderly end");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_panic_fails_its_run_and_nothing_else() {
    let mut server = FakeServer::start().await;
    let worker = started(&server).await;
    let session = server.session().await;
    run(&session, vec![request(1, "panics", "boom")]).await;
    let report = server.end_of(1).await;
    assert_eq!((report.status, report.result.as_str()), (4, "panic: boom"));
    run(&session, vec![request(2, "echo", "still here")]).await;
    assert_eq!(server.end_of(2).await.result, "still here");
    worker.shutdown(NO_TIME).await.expect("an orderly end");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stops_and_time_limits_end_runs() {
    let mut server = FakeServer::start().await;
    let worker = started(&server).await;
    let session = server.session().await;
    let mut limited = request(1, "obedient", "");
    limited.time_limit_ms = 50;
    let mut ignored = request(2, "stubborn", "");
    ignored.time_limit_ms = 50;
    run(
        &session,
        vec![
            limited,
            ignored,
            request(3, "obedient", ""),
            request(4, "stubborn", ""),
        ],
    )
    .await;
    assert_eq!(
        server.end_of(1).await.result,
        "instance execute timeout,interrupted success"
    );
    assert_eq!(
        server.end_of(2).await.result,
        "instance execute timeout,force stop success"
    );
    assert!(stop(&session, 3).await && stop(&session, 4).await && !stop(&session, 99).await);
    let report = server.end_of(3).await;
    assert_eq!(
        (report.status, report.result.as_str()),
        (10, "user stop instance,interrupted success")
    );
    let report = server.end_of(4).await;
    assert_eq!(
        (report.status, report.result.as_str()),
        (10, "user stop instance,force stop success")
    );
    worker.shutdown(NO_TIME).await.expect("an orderly end");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_lost_session_the_inventory_tells_what_runs_and_what_is_owed() {
    let mut server = FakeServer::start().await;
    server.answer_reports(false);
    let release = Arc::new(Notify::new());
    let waiting = release.clone();
    let worker = builder(&server)
        .register_fn("waits", move |_ctx: TaskContext| {
            let waiting = waiting.clone();
            async move {
                waiting.notified().await;
                Outcome::Ok("released".into())
            }
        })
        .start()
        .await
        .expect("a worker");
    let session = server.session().await;
    server.inventory().await;
    run(
        &session,
        vec![request(1, "echo", "owed"), request(2, "waits", "")],
    )
    .await;
    server.end_of(1).await;
    session.close(powerjob_session::ErrorCode::DRAINING, "a test");
    let session = server.session().await;
    let inventory = server.inventory().await;
    let running: Vec<_> = inventory
        .running
        .iter()
        .map(|held| held.instance_id)
        .collect();
    assert_eq!(running, [2]);
    assert_eq!(inventory.finished.len(), 1);
    assert_eq!(inventory.finished[0].result, "owed");
    server.answer_reports(true);
    release.notify_one();
    assert_eq!(server.end_of(2).await.result, "released");
    let again = run(&session, vec![request(1, "echo", "owed")]).await;
    assert_eq!(again, [RunVerdict::Duplicate]);
    worker.shutdown(NO_TIME).await.expect("an orderly end");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_report_that_could_not_be_stored_is_repeated() {
    let mut server = FakeServer::start().await;
    server.answer_with(ReportAnswer::Again);
    let worker = started(&server).await;
    let session = server.session().await;
    run(&session, vec![request(1, "echo", "x")]).await;
    server.end_of(1).await;
    server.answer_with(ReportAnswer::Stored);
    assert_eq!(server.end_of(1).await.result, "x");
    worker.shutdown(NO_TIME).await.expect("an orderly end");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lines_are_repeated_until_they_are_stored() {
    let mut server = FakeServer::start().await;
    server.store_logs(false);
    let worker = started(&server).await;
    let session = server.session().await;
    run(&session, vec![request(1, "echo", "x")]).await;
    assert_eq!(server.lines_of(1, |_| true).await, ["echo of x"]);
    server.store_logs(true);
    assert_eq!(server.lines_of(1, |_| true).await, ["echo of x"]);
    worker.shutdown(NO_TIME).await.expect("an orderly end");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shutdown_refuses_new_runs_waits_and_cancels_the_rest() {
    let mut server = FakeServer::start().await;
    let worker = started(&server).await;
    let session = server.session().await;
    run(&session, vec![request(1, "obedient", "")]).await;
    let ending = tokio::spawn({
        let worker = worker.clone();
        async move { worker.shutdown(Duration::from_millis(300)).await }
    });
    server
        .next(|seen| matches!(seen, Seen::Heartbeat(beat) if beat.draining))
        .await;
    assert_eq!(
        run(&session, vec![request(2, "echo", "")]).await,
        [RunVerdict::Draining]
    );
    let report = server.end_of(1).await;
    assert_eq!(
        (report.status, report.result.as_str()),
        (4, "worker shutdown,interrupted success")
    );
    server.next(|seen| matches!(seen, Seen::Closed(_))).await;
    ending.await.expect("no panic").expect("an orderly end");
    worker.join().await.expect("it has ended in order");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_dead_worker_owed_is_reported_by_its_next_life() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut server = FakeServer::start().await;
    server.answer_reports(false);
    let worker = builder(&server)
        .spool(folder.path())
        .start()
        .await
        .expect("a worker");
    let first_life = worker.node_id().to_owned();
    let session = server.session().await;
    server.inventory().await;
    run(&session, vec![request(1, "echo", "owed")]).await;
    server.end_of(1).await;
    worker.shutdown(NO_TIME).await.expect("an orderly end");
    server.answer_reports(true);
    let worker = builder(&server)
        .spool(folder.path())
        .start()
        .await
        .expect("a worker");
    assert_eq!(worker.node_id(), first_life);
    let inventory = server.inventory().await;
    assert_eq!(inventory.finished.len(), 1);
    assert_eq!(inventory.finished[0].result, "owed");
    worker.connected().await.expect("it lives");
    worker.shutdown(NO_TIME).await.expect("an orderly end");
    let left = std::fs::read_dir(folder.path().join("spool"))
        .expect("a folder")
        .count();
    assert_eq!(left, 0, "nothing is owed any more");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_can_look_inside() {
    use powerjob_protocol::wire::node::{GetActors, WatchTap};
    let mut server = FakeServer::start().await;
    let worker = started(&server).await;
    let session = server.session().await;
    server.heartbeat().await;
    let readings = support::ask(&session, &GetActors {}).await;
    let paths: Vec<_> = readings
        .items
        .iter()
        .map(|reading| reading.path.as_str())
        .collect();
    assert!(paths.contains(&"worker/task_tracker"), "{paths:?}");
    let watch = WatchTap {
        watch_id: 5,
        instance_id: Some(1),
        actor: None,
        kind: Some("StartRuns".into()),
        errors_only: false,
        bodies: true,
    };
    session.tell("node", "server", &watch).expect("sent");
    run(&session, vec![request(1, "echo", "seen")]).await;
    let Seen::Tap(records) = server.next(|seen| matches!(seen, Seen::Tap(_))).await else {
        panic!("not what was waited for");
    };
    assert_eq!(records.watch_id, 5);
    assert!(
        records.records[0].contains("\"seen\""),
        "{}",
        records.records[0]
    );
    worker.shutdown(NO_TIME).await.expect("an orderly end");
}
