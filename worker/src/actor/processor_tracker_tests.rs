use std::sync::atomic::{AtomicBool, Ordering};

use powerjob_common::actor::{ActorScope, ActorSlot, Guardian, OnDeath, Probe};
use powerjob_common::status::InstanceStatus;
use powerjob_common::time::SystemClock;
use powerjob_protocol::wire::server_to_worker::RunInstance;
use tokio::runtime::Runtime;

use super::*;
use crate::context::TaskContext;
use crate::domain::request::tests::request;
use crate::online_log::LogQueue;
use crate::processor::handler::{BlockingClosure, Closure};
use crate::processor::registry::Executable;
use crate::run::RunSetting;

const LIMIT: Duration = Duration::from_secs(20);

struct Stage {
    slot: ActorSlot<ProcessorTracker>,
    events: Probe<TaskEvents>,
    setting: Arc<RunSetting>,
    _guardian: Guardian,
    runtime: Option<Runtime>,
}

impl Drop for Stage {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

fn stage(concurrency: usize) -> Stage {
    stage_with(concurrency, Duration::from_millis(20))
}

fn stage_with(concurrency: usize, cancel_grace: Duration) -> Stage {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let scope = ActorScope::new("test", clock.clone());
    let (task_tracker, events) = Probe::new(&scope, "worker/task_tracker", 1_000);
    let (guests, _tasks) = Probe::new(&scope, "worker/guest_tracker", 1_000);
    let (beats, _beats) = Probe::new(&scope, "worker/beat_tracker", 1_000);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build();
    let runtime = runtime.expect("a runtime");
    let slot = ActorSlot::new(&scope, "worker/processor_tracker", 1_000);
    let parts = ProcessorTrackerParts {
        me: slot.port(),
        task_tracker,
        guests,
        beats,
        events: Arc::new(EventQueue::default()),
        runtime: runtime.handle().clone(),
        clock: clock.clone(),
        concurrency,
        blocking_threads: concurrency,
        cancel_grace,
    };
    let setting = Arc::new(RunSetting {
        worker: "test".into(),
        logs: LogQueue::new(clock.clone()),
        clock,
        work_dir: std::env::temp_dir().into(),
        max_result_chars: 64,
        cancel_grace,
    });
    let guardian = Guardian::new();
    let arbiter = actix_rt::Arbiter::current();
    guardian.start(&slot, &arbiter, OnDeath::EndProcess, move || {
        ProcessorTracker::new(parts.clone())
    });
    Stage {
        slot,
        events,
        setting,
        _guardian: guardian,
        runtime: Some(runtime),
    }
}

impl Stage {
    fn start(&self, item: RunInstance, executable: Executable) {
        let run = Run::new(item, &self.setting);
        let jobs = vec![Job { run, executable }];
        self.slot.port().tell(StartRuns { jobs }).expect("taken");
    }

    fn cancel(&self, instance_id: i64, reason: CancelReason) {
        self.cancel_so(instance_id, reason, false);
    }

    fn cancel_so(&self, instance_id: i64, reason: CancelReason, at_once: bool) {
        let runs = vec![(
            RunKey {
                instance_id,
                attempt: 1,
                number: 0,
            },
            reason,
        )];
        let port = self.slot.port();
        port.tell(CancelRuns { runs, at_once }).expect("taken");
    }

    /// The next event of an instance that is no start.
    async fn end_of(&mut self, instance_id: i64) -> RunEnd {
        loop {
            let letter = self.events.next(LIMIT).await.expect("events");
            let end = letter.events.into_iter().find_map(|event| match event {
                RunEvent::Ended { key, end } if key.instance_id == instance_id => Some(end),
                _ => None,
            });
            if let Some(end) = end {
                return end;
            }
        }
    }
}

fn future(code: impl AsyncFnLike) -> Executable {
    Executable::Async(Arc::new(Closure(Arc::new(move |ctx: TaskContext| {
        code.call(ctx)
    }))))
}

/// Closures of tests, without naming the type of their future.
trait AsyncFnLike: Send + Sync + 'static {
    fn call(
        &self,
        ctx: TaskContext,
    ) -> futures_util::future::BoxFuture<'static, Result<String, String>>;
}

impl<F> AsyncFnLike for F
where
    F: Fn(TaskContext) -> futures_util::future::BoxFuture<'static, Result<String, String>>
        + Send
        + Sync
        + 'static,
{
    fn call(
        &self,
        ctx: TaskContext,
    ) -> futures_util::future::BoxFuture<'static, Result<String, String>> {
        self(ctx)
    }
}

fn echo() -> Executable {
    future(|ctx: TaskContext| {
        let text = ctx.params().to_owned();
        Box::pin(async move { Ok(text) }) as _
    })
}

fn endless() -> Executable {
    future(|_ctx: TaskContext| Box::pin(std::future::pending()) as _)
}

#[actix::test]
async fn a_run_that_ends_at_once_tells_only_of_its_end() {
    let mut stage = stage(4);
    let mut item = request(1, 1, "echo");
    item.job_params = "x".repeat(100);
    stage.start(item, echo());
    let letter = stage.events.next(LIMIT).await.expect("events");
    let [RunEvent::Ended { end, .. }] = letter.events.as_slice() else {
        panic!("{letter:?}")
    };
    assert_eq!(
        end.ending.text,
        format!("{}...", "x".repeat(64)),
        "results are cut"
    );
}

#[actix::test]
async fn runs_beyond_the_places_wait_and_can_be_cancelled_there() {
    let mut stage = stage(1);
    stage.start(request(1, 1, "endless"), endless());
    stage.start(request(2, 1, "echo"), echo());
    stage.start(request(3, 1, "echo"), echo());
    stage.cancel(2, CancelReason::UserStop);
    let end = stage.end_of(2).await;
    assert_eq!(
        (end.ending.status, end.started_at_ms),
        (InstanceStatus::Stopped, 0)
    );
    stage.cancel(1, CancelReason::UserStop);
    assert_eq!(
        stage.end_of(1).await.ending.text,
        "user stop instance,force stop success"
    );
    assert_eq!(stage.end_of(3).await.ending.status, InstanceStatus::Succeed);
}

/// Spec 04 cases W-14 and W-22.
#[actix::test]
async fn a_failed_task_is_repeated_and_knows_it() {
    let mut stage = stage(4);
    let failing = |ctx: TaskContext| {
        let text = format!("{} of {}", ctx.task_retry(), ctx.max_task_retries());
        Box::pin(async move { Err(text) }) as _
    };
    let mut item = request(1, 1, "failing");
    item.task_retry_num = 2;
    stage.start(item.clone(), future(failing));
    let end = stage.end_of(1).await;
    assert_eq!(end.ending.status, InstanceStatus::Failed);
    assert_eq!(end.ending.text, "2 of 2");
    item.instance_id = 2;
    let blocking = BlockingClosure(|ctx: &TaskContext| match ctx.task_retry() {
        0 => panic!("the first time"),
        1 => Ok(String::from("the second time")),
        more => Err(format!("repetition {more} after a success")),
    });
    stage.start(item, Executable::Blocking(Arc::new(blocking)));
    let end = stage.end_of(2).await;
    assert_eq!(end.ending.status, InstanceStatus::Succeed);
    assert_eq!(end.ending.text, "the second time");
}

#[actix::test]
async fn a_task_that_was_stopped_is_not_repeated() {
    let mut stage = stage(4);
    let obedient = |ctx: TaskContext| {
        Box::pin(async move {
            ctx.cancelled().await;
            Err(format!("stopped in repetition {}", ctx.task_retry()))
        }) as _
    };
    let mut item = request(1, 1, "obedient");
    item.task_retry_num = 9;
    stage.start(item, future(obedient));
    stage.cancel(1, CancelReason::UserStop);
    let end = stage.end_of(1).await;
    assert_eq!(end.ending.status, InstanceStatus::Stopped);
}

#[actix::test]
async fn a_killed_run_is_given_up_without_a_grace_time() {
    let mut stage = stage_with(1, 1_000 * LIMIT);
    stage.start(request(1, 1, "endless"), endless());
    stage.start(request(2, 1, "echo"), echo());
    stage.cancel(1, CancelReason::UserStop); // it ignores this
    stage.cancel_so(1, CancelReason::UserStop, true);
    let end = stage.end_of(1).await;
    assert_eq!(end.ending.text, "user stop instance,force stop success");
    assert_eq!(stage.end_of(2).await.ending.status, InstanceStatus::Succeed);
}

#[actix::test]
async fn a_thread_that_ignores_its_end_loses_its_place_and_its_say() {
    let mut stage = stage(1);
    let release = Arc::new(AtomicBool::new(false));
    let is_released = release.clone();
    let stubborn = BlockingClosure(move |_ctx: &TaskContext| {
        while !is_released.load(Ordering::SeqCst) {
            std::thread::yield_now();
        }
        Ok::<_, String>("too late")
    });
    let mut item = request(1, 1, "stubborn");
    item.time_limit_ms = 20;
    stage.start(item, Executable::Blocking(Arc::new(stubborn)));
    let end = stage.end_of(1).await;
    assert_eq!(
        end.ending.text,
        "instance execute timeout,force stop success"
    );
    stage.start(request(2, 1, "echo"), echo());
    assert_eq!(
        stage.end_of(2).await.ending.status,
        InstanceStatus::Succeed,
        "its place is free"
    );
    release.store(true, Ordering::SeqCst);
    loop {
        let letter = stage.events.next(LIMIT).await.expect("events");
        if letter
            .events
            .iter()
            .any(|event| matches!(event, RunEvent::Returned { .. }))
        {
            break;
        }
    }
}

#[actix::test]
async fn code_that_never_awaits_is_seen_as_running() {
    let mut stage = stage(4);
    let release = Arc::new(AtomicBool::new(false));
    let is_released = release.clone();
    let hog = future(move |_ctx: TaskContext| {
        let is_released = is_released.clone();
        Box::pin(async move {
            while !is_released.load(Ordering::SeqCst) {
                std::thread::yield_now();
            }
            Ok("done".to_owned())
        }) as _
    });
    stage.start(request(1, 1, "hog"), hog);
    let letter = stage.events.next(LIMIT).await.expect("events");
    assert!(
        matches!(letter.events.as_slice(), [RunEvent::Started { .. }]),
        "{letter:?}"
    );
    release.store(true, Ordering::SeqCst);
    assert_eq!(stage.end_of(1).await.ending.text, "done");
}

#[actix::test]
async fn a_panic_is_the_end_of_its_run_only() {
    let mut stage = stage(4);
    let broken = BlockingClosure(|ctx: &TaskContext| match ctx.params() {
        "" => panic!("boom"),
        text => Ok::<_, String>(text.to_owned()),
    });
    stage.start(
        request(1, 1, "broken"),
        Executable::Blocking(Arc::new(broken)),
    );
    let end = stage.end_of(1).await;
    assert_eq!(
        (end.ending.status, end.ending.text.as_str()),
        (InstanceStatus::Failed, "panic: boom")
    );
    stage.start(request(2, 1, "echo"), echo());
    assert_eq!(stage.end_of(2).await.ending.status, InstanceStatus::Succeed);
}

#[actix::test]
async fn the_end_of_the_worker_ends_all_runs() {
    let mut stage = stage(1);
    stage.start(request(1, 1, "endless"), endless());
    stage.start(request(2, 1, "echo"), echo());
    let reason = CancelReason::WorkerShutdown;
    stage
        .slot
        .port()
        .tell(CancelAllRuns { reason })
        .expect("taken");
    assert_eq!(
        stage.end_of(2).await.ending.text,
        "worker shutdown,interrupted success"
    );
    assert_eq!(
        stage.end_of(1).await.ending.text,
        "worker shutdown,force stop success"
    );
}
