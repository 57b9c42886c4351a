use std::future::Future;

use powerjob_common::actor::{ActorScope, ActorSlot, Guardian, OnDeath, Probe, Reply};
use powerjob_common::status::InstanceStatus;
use powerjob_common::time::{ManualClock, UnixMillis};
use powerjob_protocol::wire::beats::{
    BeatAnswers, BeatKind, BeatPlan, BeatRun, CrowdedBeat, MissedBeats,
};
use powerjob_protocol::wire::server_to_worker::{StopInstance, StopReason};
use powerjob_protocol::wire::worker_to_server::{ReportAnswer, WorkerInventory};

use super::*;
use crate::actor::beat_letters::BeatRequests;
use crate::actor::letters::Answer;
use crate::domain::RunKey;
use crate::domain::ending::{CancelReason, Ending};
use crate::domain::request::tests::request;
use crate::domain::task_table::RunEnd;
use crate::online_log::LogQueue;
use crate::outcome::Output;
use crate::processor::handler::BlockingHandler;
use crate::processor::registry::Executable;
use crate::store::report_of;

const LIMIT: Duration = Duration::from_secs(10);
const NOW: UnixMillis = UnixMillis(1_000);

struct Stage {
    scope: ActorScope,
    slot: ActorSlot<TaskTracker>,
    start: Probe<StartRuns>,
    cancel: Probe<CancelRuns>,
    heavy: Probe<StartMasters>,
    cancelled_heavy: Probe<CancelMasters>,
    kept_beats: Probe<KeepBeats>,
    ended_beats: Probe<EndBeats>,
    send: Probe<SendReports>,
    load: watch::Receiver<Load>,
    _guardian: Guardian,
}

fn stop_of(instance_id: i64) -> StopInstance {
    StopInstance {
        instance_id,
        attempt: 1,
        epoch: 7,
        trace_id: [0; 16],
        reason: StopReason::User,
    }
}

fn stage(restored: Vec<InstanceReport>) -> Stage {
    let clock: Arc<dyn powerjob_common::time::Clock> = Arc::new(ManualClock::at(NOW));
    let scope = ActorScope::new("test", clock.clone());
    let (start_port, start) = Probe::new(&scope, "worker/processor_tracker", 64);
    let (cancel_port, cancel) = Probe::new(&scope, "worker/processor_tracker", 64);
    let (start_heavy, heavy) = Probe::new(&scope, "worker/heavy_tracker", 64);
    let (cancel_heavy, cancelled_heavy) = Probe::new(&scope, "worker/heavy_tracker", 64);
    let (keep_beats, kept_beats) = Probe::new(&scope, "worker/beat_tracker", 64);
    let (end_beats, ended_beats) = Probe::new(&scope, "worker/beat_tracker", 64);
    let (send_port, send) = Probe::new(&scope, "worker/server_link", 64);
    let mut registry = Registry::default();
    let noop = BlockingHandler(|_| Ok(Output::default()));
    registry.register("noop", "a test", Executable::Blocking(Arc::new(noop)));
    let setting = RunSetting {
        worker: "test".into(),
        logs: LogQueue::new(clock.clone()),
        clock,
        work_dir: std::env::temp_dir().into(),
        max_result_chars: 100,
        cancel_grace: LIMIT,
    };
    let (load_sender, load) = watch::channel(Load::default());
    let parts = TaskTrackerParts {
        start: start_port,
        cancel: cancel_port,
        start_heavy,
        cancel_heavy,
        keep_beats,
        end_beats,
        send: send_port,
        registry: Arc::new(registry),
        setting: Arc::new(setting),
        spool: None,
        limits: Limits {
            held: 2,
            unacknowledged: 100,
        },
        load: load_sender,
        is_overloaded: Arc::default(),
        restored,
    };
    let slot = ActorSlot::new(&scope, "worker/task_tracker", 1_000);
    let guardian = Guardian::new();
    let arbiter = actix_rt::Arbiter::current();
    guardian.start(&slot, &arbiter, OnDeath::EndProcess, move || {
        TaskTracker::new(parts.clone())
    });
    Stage {
        scope,
        slot,
        start,
        heavy,
        cancelled_heavy,
        kept_beats,
        ended_beats,
        cancel,
        send,
        load,
        _guardian: guardian,
    }
}

impl Stage {
    async fn run(&self, items: Vec<RunInstance>) -> Vec<RunVerdict> {
        let (reply, answers) = Reply::channel();
        let answer = Some(Answer::new(move |answers| reply.send(answers)));
        self.slot
            .port()
            .tell(RunRequests { items, answer })
            .expect("taken");
        let answers: RunAnswers = answers.await.expect("an answer");
        answers
            .items
            .into_iter()
            .map(|answer| answer.verdict)
            .collect()
    }

    fn events(&self, events: Vec<RunEvent>) {
        self.slot.port().tell(TaskEvents { events }).expect("taken");
    }

    fn inventory(&self) -> impl Future<Output = Vec<WorkerInventory>> {
        let port = self.slot.port();
        async move {
            port.ask(LIMIT, |reply| TakeInventory { reply })
                .await
                .expect("an inventory")
        }
    }

    /// A session whose inventory the server has taken.
    async fn open_session(&self) {
        let reports = self.inventory().await.remove(0).finished;
        let reports = reports
            .iter()
            .map(|report| (RunKey::of_report(report), ReportAnswer::Stored))
            .collect();
        self.slot
            .port()
            .tell(InventoryAnswered {
                reports,
                stop: Vec::new(),
            })
            .expect("taken");
    }

    fn answer(&self, frame: u64, answers: Option<Vec<ReportAnswer>>) {
        self.slot
            .port()
            .tell(ReportsAnswered { frame, answers })
            .expect("taken");
    }

    async fn load_becomes(&mut self, held: usize, owed: usize) {
        let wanted = Load { held, owed };
        let reached = self.load.wait_for(|load| *load == wanted);
        tokio::time::timeout(LIMIT, reached)
            .await
            .expect("in time")
            .expect("the actor lives");
    }
}

fn key(instance_id: i64) -> RunKey {
    RunKey {
        instance_id,
        attempt: 1,
        number: 0,
    }
}

fn started(instance_id: i64) -> RunEvent {
    RunEvent::Started {
        key: key(instance_id),
        at_ms: 1_001,
    }
}

fn ended(instance_id: i64) -> RunEvent {
    let ending = Ending {
        status: InstanceStatus::Succeed,
        text: "ok".into(),
    };
    let end = RunEnd {
        ending,
        started_at_ms: 1_001,
        finished_at_ms: 1_002,
    };
    RunEvent::Ended {
        key: key(instance_id),
        end,
    }
}

#[actix::test]
async fn accepted_runs_go_on_in_one_letter_and_overload_is_told() {
    let mut stage = stage(Vec::new());
    let items = (1..=3)
        .map(|instance_id| request(instance_id, 1, "noop"))
        .collect();
    let verdicts = stage.run(items).await;
    assert_eq!(
        verdicts,
        [
            RunVerdict::Accepted,
            RunVerdict::Accepted,
            RunVerdict::Overloaded
        ]
    );
    assert_eq!(
        stage
            .start
            .next(LIMIT)
            .await
            .map(|letter| letter.jobs.len()),
        Some(2)
    );
    stage.load_becomes(2, 0).await;
}

#[actix::test]
async fn the_server_hears_of_a_task_attempt_that_is_repeated() {
    let mut stage = stage(Vec::new());
    stage.open_session().await;
    stage.run(vec![request(1, 1, "noop")]).await;
    let words = "task attempt 1 of 2 failed: no".to_owned();
    stage.events(vec![RunEvent::Repeated {
        key: key(1),
        started_at_ms: 1_001,
        words: words.clone(),
    }]);
    let sent = stage.send.next(LIMIT).await.expect("a message");
    let report = &sent.items[0];
    assert_eq!((report.status, report.started_at_ms), (3, 1_001));
    assert_eq!(report.result, words);
}

#[actix::test]
async fn one_message_carries_what_happened_since_the_last() {
    let mut stage = stage(Vec::new());
    stage.open_session().await;
    stage
        .run(vec![request(1, 1, "noop"), request(2, 1, "noop")])
        .await;
    stage.events(vec![started(1), started(2), ended(2)]);
    let sent = stage.send.next(LIMIT).await.expect("a message");
    let shape: Vec<_> = sent
        .items
        .iter()
        .map(|report| (report.instance_id, report.status))
        .collect();
    assert_eq!(
        shape,
        [(1, 3), (2, 5)],
        "the end of 2 goes without its start"
    );
    assert_eq!(sent.items[1].received_at_ms, NOW.0);
    stage.answer(sent.frame, Some(vec![ReportAnswer::Stored; 2]));
    stage.load_becomes(1, 0).await;
}

#[actix::test]
async fn without_an_answer_ends_are_repeated() {
    let mut stage = stage(Vec::new());
    stage.open_session().await;
    stage.run(vec![request(1, 1, "noop")]).await;
    stage.events(vec![ended(1)]);
    let first = stage.send.next(LIMIT).await.expect("a message");
    stage.answer(first.frame, None);
    let second = stage.send.next(LIMIT).await.expect("the same again");
    assert_eq!(second.items, first.items);
}

#[actix::test]
async fn what_ends_without_a_session_waits_for_the_inventory() {
    let mut stage = stage(vec![report_of(9)]);
    stage
        .run(vec![request(1, 1, "noop"), request(2, 1, "noop")])
        .await;
    stage.events(vec![ended(1)]);
    let inventory = stage.inventory().await.remove(0);
    assert_eq!(
        inventory
            .running
            .iter()
            .map(|held| held.instance_id)
            .collect::<Vec<_>>(),
        [2]
    );
    let mut finished: Vec<_> = inventory
        .finished
        .iter()
        .map(|report| report.instance_id)
        .collect();
    finished.sort_unstable();
    assert_eq!(finished, [1, 9], "also the end that an earlier life owed");
    stage.open_session().await;
    stage.load_becomes(1, 0).await;
    assert!(stage.send.try_next().is_none(), "nothing is reported twice");
}

#[actix::test]
async fn a_stale_answer_cancels_the_run() {
    let mut stage = stage(Vec::new());
    stage.open_session().await;
    stage.run(vec![request(1, 1, "noop")]).await;
    stage.events(vec![started(1)]);
    let sent = stage.send.next(LIMIT).await.expect("a message");
    stage.answer(sent.frame, Some(vec![ReportAnswer::Stale]));
    let cancelled = stage.cancel.next(LIMIT).await.expect("a cancellation");
    assert_eq!(cancelled.runs, [(key(1), CancelReason::Superseded)]);
    stage.load_becomes(0, 0).await;
}

#[actix::test]
async fn stops_name_what_is_known() {
    let mut stage = stage(Vec::new());
    stage.run(vec![request(1, 1, "noop")]).await;
    let (reply, answers) = Reply::channel();
    let answer = Some(Answer::new(move |answers| reply.send(answers)));
    stage
        .slot
        .port()
        .tell(StopRequests {
            at_once: false,
            items: vec![stop_of(1), stop_of(2)],
            answer,
        })
        .expect("taken");
    let answers: StopAnswers = answers.await.expect("an answer");
    assert_eq!(answers.known, [true, false]);
    let cancelled = stage.cancel.next(LIMIT).await.expect("a cancellation");
    assert_eq!(cancelled.runs, [(key(1), CancelReason::UserStop)]);
    assert_eq!(stage.scope.directory().readings().len(), 1);
}

/// Spec 04 section 7: only stand-alone instances are carried out directly.
#[actix::test]
async fn instances_on_several_workers_go_to_the_heavy_tracker_and_come_back_as_ends() {
    let mut stage = stage(Vec::new());
    let item = RunInstance {
        execute_type: 3,
        ..request(1, 1, "noop")
    };
    assert_eq!(stage.run(vec![item]).await, [RunVerdict::Accepted]);
    stage.load_becomes(1, 0).await;
    let started = stage.heavy.next(LIMIT).await.expect("a letter");
    assert_eq!(started.runs[0].instance_id, 1);
    assert!(stage.start.try_next().is_none());
    let stop = StopRequests {
        items: vec![stop_of(1)],
        at_once: false,
        answer: None,
    };
    stage.slot.port().tell(stop).expect("taken");
    let cancelled = stage.cancelled_heavy.next(LIMIT).await.expect("a letter");
    assert_eq!(cancelled.runs, [(key(1), CancelReason::UserStop)]);
    stage.events(vec![RunEvent::Ended {
        key: key(1),
        end: RunEnd {
            ending: crate::domain::ending::interrupted(CancelReason::UserStop),
            started_at_ms: 1,
            finished_at_ms: 2,
        },
    }]);
    stage.load_becomes(0, 1).await;
}

#[actix::test]
async fn second_level_instances_go_to_the_beat_tracker_and_a_repetition_changes_them() {
    let mut stage = stage(Vec::new());
    let item = BeatRun {
        instance_id: 1,
        run: request(1, 1, "noop"),
        plan: BeatPlan {
            kind: BeatKind::Rate,
            every_ms: 10,
            until_ms: 0,
            at_once: 0,
            crowded: CrowdedBeat::Fails,
            missed: MissedBeats::MakeLast(1),
        },
    };
    for (verdict, is_new) in [(RunVerdict::Accepted, true), (RunVerdict::Duplicate, false)] {
        let (reply, answers) = Reply::channel();
        let letter = BeatRequests {
            items: vec![item.clone()],
            answer: Some(Answer::new(move |answers| reply.send(answers))),
        };
        stage.slot.port().tell(letter).expect("taken");
        let answers: BeatAnswers = answers.await.expect("an answer");
        assert_eq!(answers.items[0].verdict, verdict);
        let kept = stage.kept_beats.next(LIMIT).await.expect("a letter");
        assert_eq!(kept.items[0].is_new, is_new);
    }
    stage.load_becomes(1, 0).await;
    let stop = StopRequests {
        items: vec![stop_of(1)],
        at_once: true,
        answer: None,
    };
    stage.slot.port().tell(stop).expect("taken");
    let ended = stage.ended_beats.next(LIMIT).await.expect("a letter");
    assert_eq!(ended.runs, [(key(1), CancelReason::UserStop)]);
    assert!(ended.at_once);
}
