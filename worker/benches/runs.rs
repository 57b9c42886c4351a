//! Runs a second through one worker, from the request on the wire to the acknowledged report:
//! `cargo bench -p powerjob-worker --bench runs`. The server of the measurement shares the machine.

#[path = "../tests/support/mod.rs"]
mod support;

use std::time::Duration;

use powerjob_common::time::monotonic_now;
use powerjob_protocol::wire::server_to_worker::{RunInstances, RunVerdict};
use powerjob_session::Session;
use powerjob_worker::{TaskContext, Worker, WorkerHandle};
use support::{APP, FakeServer, SECRET, Seen, ask, request};

const RUNS: usize = 400_000;

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    for (batch, window, is_spooled) in [
        (1_000, 4_000, false),
        (100, 1_000, false),
        (1_000, 4_000, true),
    ] {
        let rate = runtime.block_on(measure(batch, window, is_spooled));
        print(&format!(
            "batches of {batch}, {window} in flight, spool {is_spooled}: {rate:.0} runs/s"
        ));
    }
    let (half, worst) = runtime.block_on(latency());
    print(&format!(
        "one at a time: request to report p50 {half:?}, p99 {worst:?}"
    ));
}

#[expect(clippy::print_stdout, reason = "a benchmark speaks to a person")]
fn print(line: &str) {
    println!("{line}");
}

async fn measure(batch: usize, window: usize, is_spooled: bool) -> f64 {
    let mut server = FakeServer::start().await;
    let folder = tempfile::tempdir().expect("a folder");
    let worker = worker(&server, is_spooled.then(|| folder.path())).await;
    let session = server.session().await;
    server.inventory().await;
    let began = monotonic_now();
    let (mut sent, mut ended) = (0, 0);
    while ended < RUNS {
        while sent < RUNS && sent - ended + batch <= window {
            send(&session, sent, batch);
            sent += batch;
        }
        ended += match server.seen.recv().await.expect("the server lives") {
            Seen::Reports(reports) => reports.iter().filter(|report| report.status == 5).count(),
            _ => 0,
        };
    }
    let rate = RUNS as f64 / monotonic_now().saturating_sub(began).as_secs_f64();
    worker
        .shutdown(Duration::from_secs(5))
        .await
        .expect("an orderly end");
    rate
}

fn send(session: &Session, first: usize, count: usize) {
    let id = |number: usize| i64::try_from(number).expect("small") + 1;
    let items = (first..first + count)
        .map(|number| request(id(number), "noop", ""))
        .collect();
    session.ask_then(
        "worker",
        "server",
        &RunInstances { items },
        Duration::from_secs(60),
        |answers| {
            let answers = answers.expect("an answer").items;
            assert!(
                answers
                    .iter()
                    .all(|answer| answer.verdict == RunVerdict::Accepted)
            );
        },
    );
}

async fn latency() -> (Duration, Duration) {
    let mut server = FakeServer::start().await;
    let worker = worker(&server, None).await;
    let session = server.session().await;
    let mut times = Vec::new();
    for instance_id in 1..=2_000 {
        let began = monotonic_now();
        ask(
            &session,
            &RunInstances {
                items: vec![request(instance_id, "noop", "")],
            },
        )
        .await;
        server.end_of(instance_id).await;
        times.push(monotonic_now().saturating_sub(began));
    }
    times.sort();
    worker
        .shutdown(Duration::ZERO)
        .await
        .expect("an orderly end");
    (times[times.len() / 2], times[times.len() * 99 / 100])
}

async fn worker(server: &FakeServer, spool: Option<&std::path::Path>) -> WorkerHandle {
    let mut builder = Worker::builder()
        .app(APP)
        .secret(SECRET)
        .server(&server.addr.to_string())
        .register_fn("noop", |_ctx: TaskContext| async { Ok::<_, String>(()) });
    if let Some(folder) = spool {
        builder = builder.spool(folder);
    }
    let worker = builder.start().await.expect("a worker");
    worker.connected().await.expect("a session");
    worker
}
