//! Second-level jobs on a whole worker against a server over loopback.

mod support;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use powerjob_common::time::{Clock, SystemClock};
use powerjob_protocol::wire::beats::{
    BeatKind, BeatOverview, BeatPlan, BeatRun, CrowdedBeat, GetBeats, MissedBeats, RunBeats,
};
use powerjob_protocol::wire::server_to_worker::RunVerdict;
use powerjob_session::Session;
use powerjob_worker::{TaskContext, Worker, WorkerHandle};
use support::{APP, FakeServer, SECRET, Seen, ask, request, stop};

type Outcome = Result<String, String>;
/// Nominal time, parameters, idempotency key.
type Notes = Arc<Mutex<Vec<(i64, String, String)>>>;

const NO_TIME: Duration = Duration::ZERO;

async fn stage() -> (FakeServer, WorkerHandle, Session, Notes) {
    let mut server = FakeServer::start().await;
    let seen = Notes::default();
    let sink = seen.clone();
    let worker = Worker::builder()
        .app(APP)
        .secret(SECRET)
        .server(&server.addr.to_string())
        .name("tester")
        .without_declared_handlers()
        .cancel_grace(Duration::from_millis(200))
        .register_fn("note", move |ctx: TaskContext| {
            let beat = (
                ctx.nominal_time().0,
                ctx.params().to_owned(),
                ctx.idempotency_key(),
            );
            sink.lock().expect("no panic").push(beat);
            async move {
                match ctx.sub_instance() {
                    Some(3) => Outcome::Err("the third fails".to_owned()),
                    Some(number) => Outcome::Ok(number.to_string()),
                    None => Outcome::Err("not a beat".to_owned()),
                }
            }
        })
        .register_fn("obedient", |ctx: TaskContext| async move {
            let reason = ctx.cancelled().await;
            Outcome::Ok(format!("{reason:?}"))
        })
        .start()
        .await
        .expect("a worker");
    let session = server.session().await;
    server.inventory().await;
    (server, worker, session, seen)
}

fn every(every_ms: u64, processor: &str) -> BeatRun {
    let mut run = request(1, processor, "a");
    run.nominal_time_ms = SystemClock.now().0;
    BeatRun {
        instance_id: 1,
        run,
        plan: BeatPlan {
            kind: BeatKind::Rate,
            every_ms,
            until_ms: 0,
            at_once: 0,
            crowded: CrowdedBeat::Fails,
            missed: MissedBeats::MakeLast(1),
        },
    }
}

async fn send(session: &Session, item: BeatRun) -> RunVerdict {
    let answers = ask(session, &RunBeats { items: vec![item] }).await;
    answers.items[0].verdict.clone()
}

async fn beats(session: &Session) -> BeatOverview {
    let request = GetBeats {
        instance_id: 1,
        attempt: 1,
        limit: 200,
    };
    ask(session, &request).await
}

/// Asks until it is so; each question takes a while of its own.
async fn until(session: &Session, is_so: impl Fn(&BeatOverview) -> bool) -> BeatOverview {
    let asking = async {
        loop {
            let overview = beats(session).await;
            if is_so(&overview) {
                return overview;
            }
        }
    };
    let asked = tokio::time::timeout(Duration::from_secs(60), asking).await;
    asked.expect("it becomes so")
}

fn total(overview: &BeatOverview) -> u64 {
    let counts = &overview.counts;
    let begun = counts.running + counts.succeeded + counts.failed;
    begun + counts.waiting + counts.skipped + counts.missed
}

/// Case W-55 of spec 04, down to 1 ms: however busy the machine is, each point of the grid is
/// accounted for.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fixed_rate_has_no_drift() {
    for every_ms in [1, 10] {
        let (_server, worker, session, seen) = stage().await;
        let item = every(every_ms, "note");
        let first_ms = item.run.nominal_time_ms;
        assert_eq!(send(&session, item).await, RunVerdict::Accepted);
        let overview = until(&session, |it| total(it) >= 1_000 / every_ms.min(2)).await;
        let points = (overview.next_at_ms - first_ms).cast_unsigned() / every_ms;
        assert_eq!(total(&overview), points, "{overview:?}");
        let seen = seen.lock().expect("no panic").clone();
        let nominals: BTreeSet<i64> = seen.iter().map(|beat| beat.0).collect();
        assert_eq!(nominals.len(), seen.len(), "no point is made twice");
        let is_on_grid = |at: &i64| (at - first_ms).cast_unsigned().is_multiple_of(every_ms);
        assert!(nominals.iter().all(is_on_grid));
        let keys: BTreeSet<&String> = seen.iter().map(|beat| &beat.2).collect();
        assert_eq!(keys.len(), seen.len());
        worker.shutdown(NO_TIME).await.expect("an orderly end");
    }
}

/// Cases W-55 and W-59 of spec 04.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fixed_delay_waits_and_people_see_the_last_beats() {
    let (_server, worker, session, seen) = stage().await;
    let mut item = every(20, "note");
    item.plan.kind = BeatKind::Delay;
    send(&session, item).await;
    let overview = until(&session, |it| total(it) >= 5).await;
    assert_eq!(overview.counts.failed, 1);
    let numbers: Vec<u64> = overview.beats.iter().map(|beat| beat.number).collect();
    assert!(numbers.is_sorted_by(|a, b| a > b), "{numbers:?}");
    let third = overview.beats.iter().find(|beat| beat.number == 3);
    let third = third.expect("the list has it");
    assert_eq!(
        (third.status, third.result.as_str()),
        (4, "the third fails")
    );
    assert!(third.started_at_ms >= third.nominal_ms);
    let seen = seen.lock().expect("no panic").clone();
    let is_apart = |pair: &[(i64, String, String)]| pair[1].0 - pair[0].0 >= 20;
    assert!(seen.windows(2).all(is_apart), "{seen:?}");
    worker.shutdown(NO_TIME).await.expect("an orderly end");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_edit_is_taken_over_and_an_older_one_is_not() {
    let (_server, worker, session, seen) = stage().await;
    let item = every(5, "note");
    send(&session, item.clone()).await;
    until(&session, |it| it.counts.succeeded > 3).await;
    let mut edited = item.clone();
    edited.run.job_revision += 1;
    edited.run.job_params = "b".to_owned();
    edited.run.instance_params = String::new();
    edited.plan.every_ms = 7;
    assert_eq!(send(&session, edited).await, RunVerdict::Duplicate);
    assert_eq!(send(&session, item).await, RunVerdict::Duplicate);
    let before = beats(&session).await.counts.succeeded;
    until(&session, |it| it.counts.succeeded > before + 20).await;
    let seen = seen.lock().expect("no panic").clone();
    let later: Vec<_> = seen.iter().skip_while(|beat| beat.1 == "a").collect();
    assert!(later.len() > 10);
    let first_ms = seen[0].0;
    for (at_ms, params, _) in later {
        assert_eq!(params, "b");
        assert_eq!((at_ms - first_ms) % 7, 0);
    }
    worker.shutdown(NO_TIME).await.expect("an orderly end");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_edit_to_an_unknown_processor_ends_the_instance() {
    let (mut server, worker, session, _seen) = stage().await;
    send(&session, every(5, "note")).await;
    until(&session, |it| it.counts.succeeded > 3).await;
    let mut edited = every(5, "nowhere");
    edited.run.job_revision += 1;
    let verdict = send(&session, edited).await;
    assert!(matches!(verdict, RunVerdict::Invalid(_)), "{verdict:?}");
    assert_eq!(server.end_of(1).await.status, 4);
    assert!(!beats(&session).await.is_known);
    worker.shutdown(NO_TIME).await.expect("an orderly end");
}

/// Case W-58 of spec 04.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_beat_has_the_time_limit_and_the_others_go_on() {
    let (_server, worker, session, _seen) = stage().await;
    let mut item = every(10, "obedient");
    item.plan.at_once = 1;
    item.plan.crowded = CrowdedBeat::Waits(1);
    item.run.time_limit_ms = 60;
    send(&session, item).await;
    let overview = until(&session, |it| it.counts.failed >= 2).await;
    let ended = overview.beats.iter().find(|beat| beat.status == 4);
    let result = &ended.expect("one has failed").result;
    assert!(result.starts_with("instance execute timeout"), "{result}");
    worker.shutdown(NO_TIME).await.expect("an orderly end");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_ends_beats_and_instance() {
    let (mut server, worker, session, _seen) = stage().await;
    send(&session, every(10, "obedient")).await;
    until(&session, |it| it.counts.running >= 3).await;
    assert!(stop(&session, 1).await);
    // What became of the beats is told before the end, so that it is there when people hear of it.
    let last = server.next(|seen| matches!(seen, Seen::Beats(_))).await;
    let Seen::Beats(reports) = last else {
        panic!("only reports are wanted");
    };
    assert_eq!((reports[0].instance_id, reports[0].attempt), (1, 1));
    assert!(reports[0].first_ms > 0 && reports[0].every_ms == 10);
    let report = server.end_of(1).await;
    assert_eq!(report.status, 10);
    assert!(!beats(&session).await.is_known);
    worker.shutdown(NO_TIME).await.expect("an orderly end");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_that_shuts_down_gives_the_instance_back() {
    let (mut server, worker, session, _seen) = stage().await;
    send(&session, every(10, "note")).await;
    until(&session, |it| it.counts.succeeded > 3).await;
    let limit = Duration::from_secs(30);
    worker.shutdown(limit).await.expect("an orderly end");
    let report = server.end_of(1).await;
    assert_eq!(report.status, 4);
    assert!(report.result.starts_with("worker shutdown"), "{report:?}");
}
