//! What the executor and the user's code share about one run.

use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU8, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use powerjob_common::time::Clock;
use powerjob_protocol::wire::server_to_worker::RunInstance;
use tokio::sync::Notify;

use crate::domain::RunKey;
use crate::domain::ending::CancelReason;
use crate::online_log::{LogQueue, LogWriter};
use crate::task_part::TaskPart;

type Extensions = HashMap<TypeId, Arc<dyn Any + Send + Sync>>;

/// What all runs of a worker have in common.
#[derive(Debug, Clone)]
pub(crate) struct RunSetting {
    /// Name of the worker as people see it.
    pub(crate) worker: Arc<str>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) logs: Arc<LogQueue>,
    /// Folder for files of runs, e.g. scripts.
    pub(crate) work_dir: Arc<std::path::Path>,
    /// Characters of a result.
    pub(crate) max_result_chars: usize,
    /// How long a cancelled run may go on.
    pub(crate) cancel_grace: std::time::Duration,
}

/// What a run of one beat knows besides what all beats of its instance know.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BeatPart {
    /// Its number within the attempt, from 1.
    pub(crate) number: u64,
    /// The time it stands for.
    pub(crate) nominal_ms: i64,
}

/// Which part of an instance a run is; neither = all of it.
#[derive(Debug, Default)]
struct Part {
    task: Option<TaskPart>,
    beat: Option<BeatPart>,
}

/// One run, from its acceptance to the end of its code.
pub(crate) struct Run {
    pub(crate) key: RunKey,
    pub(crate) request: Arc<RunInstance>,
    pub(crate) setting: Arc<RunSetting>,
    pub(crate) log: Arc<LogWriter>,
    /// The task that is carried out; `None` if it is the whole instance.
    pub(crate) task: Option<TaskPart>,
    /// The beat that is carried out; `None` if its instance has none.
    pub(crate) beat: Option<BeatPart>,
    started_at_ms: AtomicI64,
    /// Repetitions of the code after a failure.
    repeated: AtomicU32,
    is_announced: AtomicBool,
    is_over: AtomicBool,
    cancelled: AtomicU8,
    cancel: Notify,
    is_abandoned: AtomicBool,
    abandon: Notify,
    extensions: OnceLock<Mutex<Extensions>>,
}

impl fmt::Debug for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Run({}, attempt {})",
            self.key.instance_id, self.key.attempt
        )
    }
}

impl Run {
    /// A run of a whole instance.
    pub(crate) fn new(request: RunInstance, setting: &Arc<RunSetting>) -> Arc<Self> {
        let key = RunKey::of_attempt(request.instance_id, request.attempt);
        let log = Arc::new(LogWriter::new(setting.logs.clone(), key, request.log_level));
        Self::with(key, Arc::new(request), (log, Part::default()), setting)
    }

    /// A run of one task of an instance; `number` is that of the run on this worker.
    pub(crate) fn of_task(
        number: u64,
        request: &Arc<RunInstance>,
        (log, task): (Arc<LogWriter>, TaskPart),
        setting: &Arc<RunSetting>,
    ) -> Arc<Self> {
        let key = RunKey {
            number,
            ..RunKey::of_attempt(request.instance_id, request.attempt)
        };
        let part = Part {
            task: Some(task),
            beat: None,
        };
        Self::with(key, request.clone(), (log, part), setting)
    }

    /// A run of one beat of an instance.
    pub(crate) fn of_beat(
        key: RunKey,
        request: &Arc<RunInstance>,
        (log, beat): (Arc<LogWriter>, BeatPart),
        setting: &Arc<RunSetting>,
    ) -> Arc<Self> {
        let part = Part {
            task: None,
            beat: Some(beat),
        };
        Self::with(key, request.clone(), (log, part), setting)
    }

    fn with(
        key: RunKey,
        request: Arc<RunInstance>,
        (log, Part { task, beat }): (Arc<LogWriter>, Part),
        setting: &Arc<RunSetting>,
    ) -> Arc<Self> {
        Arc::new(Self {
            key,
            log,
            task,
            beat,
            request,
            setting: setting.clone(),
            started_at_ms: AtomicI64::new(0),
            repeated: AtomicU32::new(0),
            is_announced: AtomicBool::new(false),
            is_over: AtomicBool::new(false),
            cancelled: AtomicU8::new(0),
            cancel: Notify::new(),
            is_abandoned: AtomicBool::new(false),
            abandon: Notify::new(),
            extensions: OnceLock::new(),
        })
    }

    /// Takes note that the processor starts now.
    pub(crate) fn start(&self) {
        self.started_at_ms
            .store(self.setting.clock.now().0, Ordering::Release);
    }

    /// When the processor started, 0 = not yet.
    pub(crate) fn started_at_ms(&self) -> i64 {
        self.started_at_ms.load(Ordering::Acquire)
    }

    /// Takes note that the code is carried out once more.
    pub(crate) fn repeat(&self) {
        self.repeated.fetch_add(1, Ordering::AcqRel);
    }

    /// How often the code was carried out again so far.
    pub(crate) fn repeated(&self) -> u32 {
        self.repeated.load(Ordering::Acquire)
    }

    /// Claims the right to tell of the start; `true` for the first caller.
    pub(crate) fn announce(&self) -> bool {
        !self.is_announced.swap(true, Ordering::AcqRel)
    }

    /// Claims the right to tell of the end; `true` for the first caller.
    pub(crate) fn conclude(&self) -> bool {
        !self.is_over.swap(true, Ordering::AcqRel)
    }

    /// Asks the run to end; the first reason stays.
    pub(crate) fn cancel(&self, reason: CancelReason) {
        let first =
            self.cancelled
                .compare_exchange(0, reason.code(), Ordering::AcqRel, Ordering::Acquire);
        if first.is_ok() {
            self.cancel.notify_waiters();
        }
    }

    /// Why the run was asked to end, if it was.
    pub(crate) fn cancel_reason(&self) -> Option<CancelReason> {
        CancelReason::from_code(self.cancelled.load(Ordering::Acquire))
    }

    /// Returns when the run is asked to end.
    pub(crate) async fn cancelled(&self) -> CancelReason {
        loop {
            let mut notified = std::pin::pin!(self.cancel.notified());
            notified.as_mut().enable();
            if let Some(reason) = self.cancel_reason() {
                return reason;
            }
            notified.await;
        }
    }

    /// Gives the run up: its future is dropped at its next await.
    pub(crate) fn abandon(&self) {
        self.is_abandoned.store(true, Ordering::Release);
        self.abandon.notify_waiters();
    }

    /// Returns when the run is given up.
    pub(crate) async fn abandoned(&self) {
        loop {
            let mut notified = std::pin::pin!(self.abandon.notified());
            notified.as_mut().enable();
            if self.is_abandoned.load(Ordering::Acquire) {
                return;
            }
            notified.await;
        }
    }

    /// Values that the code of the run shares with itself.
    pub(crate) fn extensions(&self) -> MutexGuard<'_, Extensions> {
        let map = self.extensions.get_or_init(Mutex::default);
        map.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
