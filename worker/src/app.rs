//! Builds a worker: the only place that knows all its parts.

use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use actix_rt::Arbiter;
use powerjob_common::actor::{ActorScope, ActorSlot, Guardian, OnDeath, Port};
use powerjob_common::id::NodeRef;
use powerjob_common::time::{Clock, SystemClock};
use powerjob_protocol::wire::worker_to_server::InstanceReport;
use powerjob_session::{Identity, Role};
use tokio::runtime::{Handle, Runtime};
use tokio::sync::{mpsc, oneshot, watch};

use crate::actor::health_reporter::HealthReporter;
use crate::actor::letters::{CancelAllRuns, CloseSession, Drain, FlushLogs, ReportsSpooled};
use crate::actor::log_shipper::LogShipper;
use crate::actor::processor_tracker::{ProcessorTracker, ProcessorTrackerParts};
use crate::actor::server_link::{Presentation, ServerLink, ServerLinkParts};
use crate::actor::task_tracker::{Load, TaskTracker, TaskTrackerParts};
use crate::config::Options;
use crate::domain::ending::CancelReason;
use crate::domain::task_table::Limits;
use crate::error::{StartError, WorkerError};
use crate::handle::{StopRequest, WorkerHandle};
use crate::identity;
use crate::online_log::LogQueue;
use crate::processor::registry::Registry;
use crate::processor::runner::EventQueue;
use crate::rpc::dialing::Dialing;
use crate::run::RunSetting;
use crate::store::{Home, OnDurable, Spool, SpoolOpening};

/// Places in the queues; see `rpc::inbox::REQUEST_PLACES` for what requests may take of them.
const TRACKER_PLACES: usize = 65_536;
const SMALL_QUEUE: usize = 256;
/// Ends that may wait for the server before new runs are refused.
const UNACKNOWLEDGED: usize = 65_536;
/// Threads beyond the blocking processors, for those that were given up and for the files of runs.
const SPARE_THREADS: usize = 64;
/// Time for results and log lines at the end of a worker.
const FLUSH_LIMIT: Duration = Duration::from_secs(2);
/// How often an actor that can be rebuilt is.
const REBUILDS: u32 = 10;

/// Starts a worker whose options are checked.
pub(crate) async fn start(
    options: Options,
    registry: Registry,
) -> Result<WorkerHandle, StartError> {
    let home = options.spool.as_deref().map(Home::take).transpose()?;
    let fresh = identity::fresh_node_id(options.name.as_deref());
    let node_id = match &home {
        Some(home) => home.node_id(&fresh)?,
        None => fresh,
    };
    let spool = home
        .as_ref()
        .map(|home| SpoolOpening::open(&home.spool_dir()))
        .transpose()?;
    let own_runtime = match options.runtime {
        Some(_) => None,
        None => Some(runtime_for(&options)?),
    };
    let (stop, stop_requests) = mpsc::channel(1);
    let (end_sender, end) = watch::channel(None);
    let (is_connected_sender, is_connected) = watch::channel(false);
    let plan = Plan {
        options,
        registry,
        node_id: node_id.clone(),
        is_connected: is_connected_sender,
    };
    let (ready, is_ready) = oneshot::channel();
    std::thread::Builder::new()
        .name("powerjob-worker".into())
        .spawn(move || {
            let result = run_thread(plan, spool, own_runtime.as_ref(), stop_requests, ready);
            if let Some(runtime) = own_runtime {
                runtime.shutdown_background();
            }
            drop(home);
            end_sender.send_replace(Some(result));
        })?;
    match is_ready.await {
        Ok(ready) => ready?,
        Err(_) => {
            return Err(StartError::Thread(std::io::Error::other(
                "the thread ended at once",
            )));
        }
    }
    Ok(WorkerHandle {
        node_id,
        stop,
        end,
        is_connected,
    })
}

/// What the thread of a worker is to build.
struct Plan {
    options: Options,
    registry: Registry,
    node_id: String,
    is_connected: watch::Sender<bool>,
}

fn runtime_for(options: &Options) -> std::io::Result<Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .thread_name("powerjob-run")
        .max_blocking_threads(options.blocking_threads + SPARE_THREADS)
        .enable_all()
        .build()
}

fn run_thread(
    plan: Plan,
    spool: Option<SpoolOpening>,
    own_runtime: Option<&Runtime>,
    mut stop_requests: mpsc::Receiver<StopRequest>,
    ready: oneshot::Sender<Result<(), StartError>>,
) -> Result<(), WorkerError> {
    let code_runtime = plan.options.runtime.clone();
    let Some(code_runtime) = code_runtime.or_else(|| own_runtime.map(|own| own.handle().clone()))
    else {
        return Err(WorkerError::ThreadEnded);
    };
    let system = actix::System::new();
    let (result, spool_thread) = system.block_on(async {
        let grace = plan.options.cancel_grace;
        let (node, spool_thread) = match Node::build(plan, spool, code_runtime) {
            Ok(built) => built,
            Err(error) => {
                drop(ready.send(Err(StartError::Thread(error))));
                return (Err(WorkerError::ThreadEnded), None);
            }
        };
        drop(ready.send(Ok(())));
        let result = tokio::select! {
            dead = node.guardian.watch() => Err(WorkerError::ActorDied(dead)),
            request = stop_requests.recv() => {
                // No request: all handles are gone.
                node.shut_down(request.unwrap_or(Duration::ZERO), grace).await;
                Ok(())
            }
        };
        node.guardian.release();
        (result, spool_thread)
    });
    drop(system);
    if let Some(thread) = spool_thread
        && thread.join().is_err()
    {
        tracing::error!("the thread of the spool panicked");
    }
    result
}

/// A built worker, as far as its shutdown needs it.
struct Node {
    guardian: Guardian,
    drain_tasks: Port<Drain>,
    drain_link: Port<Drain>,
    cancel_all: Port<CancelAllRuns>,
    flush_logs: Port<FlushLogs>,
    close: Port<CloseSession>,
    load: watch::Receiver<Load>,
    is_connected: watch::Receiver<bool>,
}

/// The places of the actors, before any of them runs.
struct Slots {
    link: ActorSlot<ServerLink>,
    tasks: ActorSlot<TaskTracker>,
    processors: ActorSlot<ProcessorTracker>,
    health: ActorSlot<HealthReporter>,
    logs: ActorSlot<LogShipper>,
}

impl Slots {
    fn new(scope: &ActorScope) -> Self {
        Self {
            link: ActorSlot::new(scope, "worker/server_link", TRACKER_PLACES),
            tasks: ActorSlot::new(scope, "worker/task_tracker", TRACKER_PLACES),
            processors: ActorSlot::new(scope, "worker/processor_tracker", TRACKER_PLACES),
            health: ActorSlot::new(scope, "worker/health_reporter", SMALL_QUEUE),
            logs: ActorSlot::new(scope, "worker/log_shipper", SMALL_QUEUE),
        }
    }
}

impl Node {
    fn build(
        plan: Plan,
        spool: Option<SpoolOpening>,
        code_runtime: Handle,
    ) -> std::io::Result<(Self, Option<JoinHandle<()>>)> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let scope = ActorScope::new(&plan.node_id, clock.clone());
        let slots = Slots::new(&scope);
        let (spool, restored, spool_thread) = start_spool(spool, &slots)?;
        let logs = LogQueue::new(clock.clone());
        let work_dir = plan
            .options
            .work_dir
            .clone()
            .unwrap_or_else(std::env::temp_dir);
        let setting = run_setting(&plan, &clock, &logs, work_dir.clone());
        let (load_sender, load) = watch::channel(Load::default());
        let is_connected = plan.is_connected.subscribe();
        let registry = Arc::new(plan.registry);
        let link_parts = LinkPlan {
            options: &plan.options,
            node_id: &plan.node_id,
            processors: registry.names(),
            load: load.clone(),
            is_connected: plan.is_connected,
        }
        .parts(&slots, &scope, &clock);
        let task_parts = TaskTrackerParts {
            start: slots.processors.port().from(slots.tasks.path()),
            cancel: slots.processors.port().from(slots.tasks.path()),
            send: slots.link.port().from(slots.tasks.path()),
            registry,
            setting,
            spool,
            limits: Limits {
                held: plan.options.concurrency + plan.options.queue,
                unacknowledged: UNACKNOWLEDGED,
            },
            load: load_sender,
            restored,
        };
        let processor_parts = ProcessorTrackerParts {
            me: slots.processors.port().from(slots.processors.path()),
            task_tracker: slots.tasks.port().from(slots.processors.path()),
            events: Arc::new(EventQueue::default()),
            runtime: code_runtime,
            clock,
            concurrency: plan.options.concurrency,
            blocking_threads: plan.options.blocking_threads,
            cancel_grace: plan.options.cancel_grace,
        };
        let guardian = Guardian::new();
        let arbiter = Arbiter::current();
        let rebuild = OnDeath::Rebuild {
            max_restarts: REBUILDS,
        };
        let end = OnDeath::EndProcess;
        guardian.start(&slots.processors, &arbiter, end, move || {
            ProcessorTracker::new(processor_parts.clone())
        });
        guardian.start(&slots.tasks, &arbiter, end, move || {
            TaskTracker::new(task_parts.clone())
        });
        guardian.start(&slots.link, &arbiter, end, move || {
            ServerLink::new(link_parts.clone())
        });
        let (me, send) = (slots.logs.port(), slots.link.port().from(slots.logs.path()));
        guardian.start(&slots.logs, &arbiter, rebuild, move || {
            LogShipper::new(me.clone(), send.clone(), logs.clone())
        });
        let metrics = slots.link.port().from(slots.health.path());
        guardian.start(&slots.health, &arbiter, rebuild, move || {
            HealthReporter::new(metrics.clone(), &work_dir)
        });
        let node = Self {
            guardian,
            drain_tasks: slots.tasks.port().from("worker/shutdown"),
            drain_link: slots.link.port().from("worker/shutdown"),
            cancel_all: slots.processors.port().from("worker/shutdown"),
            flush_logs: slots.logs.port().from("worker/shutdown"),
            close: slots.link.port().from("worker/shutdown"),
            load,
            is_connected,
        };
        Ok((node, spool_thread))
    }

    /// Takes nothing new, gives runs time, cancels the rest, and brings what is owed to the server.
    async fn shut_down(&self, deadline: Duration, grace: Duration) {
        self.drain_tasks.tell(Drain {}).ok();
        self.drain_link.tell(Drain {}).ok();
        if !self.wait(deadline, |load| load.held == 0).await {
            let reason = CancelReason::WorkerShutdown;
            self.cancel_all.tell(CancelAllRuns { reason }).ok();
            self.wait(grace + Duration::from_secs(1), |load| load.held == 0)
                .await;
        }
        if *self.is_connected.borrow() {
            self.flush_logs
                .ask(FLUSH_LIMIT, |reply| FlushLogs { reply })
                .await
                .ok();
            self.wait(FLUSH_LIMIT, |load| load.held == 0 && load.owed == 0)
                .await;
            self.close
                .ask(FLUSH_LIMIT, |reply| CloseSession { reply })
                .await
                .ok();
        }
        let left = *self.load.borrow();
        if left != Load::default() {
            tracing::warn!(
                held = left.held,
                owed = left.owed,
                "the worker ends with work left"
            );
        }
    }

    async fn wait(&self, limit: Duration, is_reached: impl Fn(&Load) -> bool) -> bool {
        let mut load = self.load.clone();
        let reached = load.wait_for(|load| is_reached(load));
        tokio::time::timeout(limit, reached).await.is_ok()
    }
}

type StartedSpool = (Option<Spool>, Vec<InstanceReport>, Option<JoinHandle<()>>);

fn start_spool(spool: Option<SpoolOpening>, slots: &Slots) -> std::io::Result<StartedSpool> {
    let Some(mut opening) = spool else {
        return Ok((None, Vec::new(), None));
    };
    let restored = std::mem::take(&mut opening.owed);
    if !restored.is_empty() {
        tracing::info!(
            batch_count = restored.len(),
            "results of an earlier life wait for the server"
        );
    }
    let spooled: Port<ReportsSpooled> = slots.tasks.port().from("worker/spool");
    let on_durable: OnDurable = Box::new(move |reports| {
        if let Err(refused) = spooled.tell(ReportsSpooled { reports }) {
            tracing::error!(%refused, "the task tracker did not take durable results");
        }
    });
    let (spool, thread) = opening.start(on_durable)?;
    Ok((Some(spool), restored, Some(thread)))
}

fn run_setting(
    plan: &Plan,
    clock: &Arc<dyn Clock>,
    logs: &Arc<LogQueue>,
    work_dir: PathBuf,
) -> Arc<RunSetting> {
    Arc::new(RunSetting {
        worker: identity::display_name(plan.options.name.as_deref()).into(),
        clock: clock.clone(),
        logs: logs.clone(),
        work_dir: work_dir.into(),
        max_result_chars: plan.options.max_result_chars,
        cancel_grace: plan.options.cancel_grace,
    })
}

struct LinkPlan<'a> {
    options: &'a Options,
    node_id: &'a str,
    processors: Vec<String>,
    load: watch::Receiver<Load>,
    is_connected: watch::Sender<bool>,
}

impl LinkPlan<'_> {
    fn parts(self, slots: &Slots, scope: &ActorScope, clock: &Arc<dyn Clock>) -> ServerLinkParts {
        let incarnation = u64::try_from(clock.now().0).unwrap_or(0);
        let node = NodeRef {
            node_id: self.node_id.to_owned(),
            incarnation,
        };
        let identity = Identity::new(node, Role::Worker);
        let capacity = self.options.concurrency + self.options.queue;
        let presentation = Presentation {
            address: identity::display_name(self.options.name.as_deref()),
            tags: self.options.tags.clone(),
            software: identity.software.clone(),
            capacity: u32::try_from(capacity).unwrap_or(u32::MAX),
            processors: self.processors,
        };
        let dialing = Dialing {
            servers: self.options.servers.clone(),
            identity,
            app: self.options.app.clone(),
            secret: self.options.secret.clone(),
            scope: scope.clone(),
        };
        let me = slots.link.path();
        ServerLinkParts {
            me: slots.link.port().from(me),
            run: slots.tasks.port().from(me),
            stop: slots.tasks.port().from(me),
            inventory: slots.tasks.port().from(me),
            inventory_answered: slots.tasks.port().from(me),
            session_lost: slots.tasks.port().from(me),
            reports_answered: slots.tasks.port().from(me),
            logs_answered: slots.logs.port().from(me),
            dialing,
            presentation,
            load: self.load,
            is_connected: self.is_connected,
            scope: scope.clone(),
            clock: clock.clone(),
        }
    }
}
