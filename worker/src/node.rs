//! Builds the actors of a worker and connects them: the only place that knows all its parts.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::thread::JoinHandle;
use std::time::Duration;

use actix_rt::Arbiter;
use powerjob_common::actor::{ActorScope, ActorSlot, Guardian, OnDeath, Port};
use powerjob_common::id::NodeRef;
use powerjob_common::time::Clock;
use powerjob_protocol::wire::worker_to_server::InstanceReport;
use powerjob_session::{Identity, Listener, Role};
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::actor::beat_tracker::{BeatTracker, BeatTrackerParts};
use crate::actor::guest_tracker::{GuestTracker, GuestTrackerParts};
use crate::actor::health_reporter::HealthReporter;
use crate::actor::heavy_tracker::{HeavyTracker, HeavyTrackerParts};
use crate::actor::letters::{CancelAllRuns, CloseSession, Drain, FlushLogs, ReportsSpooled};
use crate::actor::log_shipper::LogShipper;
use crate::actor::processor_tracker::{ProcessorTracker, ProcessorTrackerParts};
use crate::actor::server_link::{Presentation, ServerLink, ServerLinkParts};
use crate::actor::task_tracker::{Load, TaskTracker, TaskTrackerParts};
use crate::config::Options;
use crate::domain::ending::CancelReason;
use crate::domain::task_table::Limits;
use crate::identity;
use crate::online_log::LogQueue;
use crate::processor::registry::Registry;
use crate::processor::runner::EventQueue;
use crate::rpc::course::Course;
use crate::rpc::dialing::Dialing;
use crate::rpc::peer_inbox::PeerPorts;
use crate::rpc::peers::{EXECUTOR, MASTER, PeerGate, PeerIdentity, Peers};
use crate::run::RunSetting;
use crate::store::{OnDurable, Spill, Spool, SpoolOpening};

/// Places in the queues; see `rpc::inbox::REQUEST_PLACES` for what requests may take of them.
const TRACKER_PLACES: usize = 65_536;
const SMALL_QUEUE: usize = 256;
/// Ends that may wait for the server before new runs are refused, unless the worker takes more runs.
const UNACKNOWLEDGED: usize = 65_536;
/// Time for results and log lines at the end of a worker.
const FLUSH_LIMIT: Duration = Duration::from_secs(2);
/// How often an actor that can be rebuilt is.
const REBUILDS: u32 = 10;

/// What the thread of a worker is to build.
pub(crate) struct Plan {
    pub(crate) options: Options,
    pub(crate) registry: Arc<Registry>,
    pub(crate) node_id: String,
    pub(crate) is_connected: watch::Sender<bool>,
    pub(crate) is_overloaded: Arc<AtomicBool>,
    pub(crate) clock: Arc<dyn Clock>,
    /// Number of this life of the worker.
    pub(crate) incarnation: u64,
    /// Where other workers reach it.
    pub(crate) listener: Option<Listener>,
}

/// A built worker, as far as its shutdown needs it.
pub(crate) struct Node {
    pub(crate) guardian: Guardian,
    drain_tasks: Port<Drain>,
    drain_link: Port<Drain>,
    drain_guests: Port<Drain>,
    drain_masters: Port<Drain>,
    drain_beats: Port<Drain>,
    cancel_all: Port<CancelAllRuns>,
    cancel_masters: Port<CancelAllRuns>,
    flush_logs: Port<FlushLogs>,
    close: Port<CloseSession>,
    load: watch::Receiver<Load>,
    guests: watch::Receiver<usize>,
    is_connected: watch::Receiver<bool>,
    _stop_listening: DropGuard,
}

/// The places of the actors, before any of them runs.
struct Slots {
    link: ActorSlot<ServerLink>,
    tasks: ActorSlot<TaskTracker>,
    processors: ActorSlot<ProcessorTracker>,
    heavy: ActorSlot<HeavyTracker>,
    guests: ActorSlot<GuestTracker>,
    beats: ActorSlot<BeatTracker>,
    health: ActorSlot<HealthReporter>,
    logs: ActorSlot<LogShipper>,
}

impl Slots {
    fn new(scope: &ActorScope) -> Self {
        Self {
            link: ActorSlot::new(scope, "worker/server_link", TRACKER_PLACES),
            tasks: ActorSlot::new(scope, "worker/task_tracker", TRACKER_PLACES),
            processors: ActorSlot::new(scope, "worker/processor_tracker", TRACKER_PLACES),
            heavy: ActorSlot::new(scope, MASTER, TRACKER_PLACES),
            guests: ActorSlot::new(scope, EXECUTOR, TRACKER_PLACES),
            beats: ActorSlot::new(scope, "worker/beat_tracker", TRACKER_PLACES),
            health: ActorSlot::new(scope, "worker/health_reporter", SMALL_QUEUE),
            logs: ActorSlot::new(scope, "worker/log_shipper", SMALL_QUEUE),
        }
    }
}

impl Node {
    /// Starts all actors on the arbiter of this thread.
    pub(crate) fn build(
        mut plan: Plan,
        spool: Option<SpoolOpening>,
        code_runtime: Handle,
    ) -> std::io::Result<(Self, Option<JoinHandle<()>>)> {
        let scope = ActorScope::new(&plan.node_id, plan.clock.clone());
        let slots = Slots::new(&scope);
        let (spool, restored, spool_thread) = start_spool(spool, &slots)?;
        let (load_sender, load) = watch::channel(Load::default());
        let logs = LogQueue::new(plan.clock.clone());
        let guardian = Guardian::new();
        let (arbiter, end) = (Arbiter::current(), OnDeath::EndProcess);
        let parts = plan.processor_tracker(&slots, code_runtime);
        guardian.start(&slots.processors, &arbiter, end, move || {
            ProcessorTracker::new(parts.clone())
        });
        let owed = Owed { spool, restored };
        let (busy, guests) = watch::channel(0);
        let setting = plan.run_setting(&logs);
        let peers = plan.peers(&slots, &scope);
        let parts = plan.guest_tracker(&slots, &setting, &peers, busy);
        guardian.start(&slots.guests, &arbiter, end, move || {
            GuestTracker::new(parts.clone())
        });
        let peers_to_let_in = peers.clone();
        let parts = plan.heavy_tracker(&slots, peers)?;
        guardian.start(&slots.heavy, &arbiter, end, move || {
            HeavyTracker::new(parts.clone())
        });
        let parts = plan.beat_tracker(&slots, &setting);
        guardian.start(&slots.beats, &arbiter, end, move || {
            BeatTracker::new(parts.clone())
        });
        let parts = plan.task_tracker(&slots, setting, owed, load_sender);
        guardian.start(&slots.tasks, &arbiter, end, move || {
            TaskTracker::new(parts.clone())
        });
        let parts = plan.server_link(&slots, &scope, load.clone());
        guardian.start(&slots.link, &arbiter, end, move || {
            ServerLink::new(parts.clone())
        });
        let stop_listening = Plan::listen(plan.listener.take(), &peers_to_let_in, &slots, &scope);
        start_rebuildable(&guardian, &slots, &logs, plan.work_dir());
        let me = "worker/shutdown";
        let node = Self {
            guardian,
            drain_tasks: slots.tasks.port().from(me),
            drain_link: slots.link.port().from(me),
            drain_guests: slots.guests.port().from(me),
            drain_masters: slots.heavy.port().from(me),
            drain_beats: slots.beats.port().from(me),
            cancel_all: slots.processors.port().from(me),
            cancel_masters: slots.heavy.port().from(me),
            flush_logs: slots.logs.port().from(me),
            close: slots.link.port().from(me),
            load,
            guests,
            is_connected: plan.is_connected.subscribe(),
            _stop_listening: stop_listening,
        };
        Ok((node, spool_thread))
    }

    /// Takes nothing new, gives runs time, cancels the rest, and brings what is owed to the server.
    pub(crate) async fn shut_down(&self, deadline: Duration, grace: Duration) {
        self.drain_tasks.tell(Drain {}).ok();
        self.drain_link.tell(Drain {}).ok();
        self.drain_guests.tell(Drain {}).ok();
        self.drain_masters.tell(Drain {}).ok();
        self.drain_beats.tell(Drain {}).ok();
        if !self.wait_for_runs(deadline).await {
            let reason = CancelReason::WorkerShutdown;
            self.cancel_masters.tell(CancelAllRuns { reason }).ok();
            self.cancel_all.tell(CancelAllRuns { reason }).ok();
            self.wait_for_runs(grace + Duration::from_secs(1)).await;
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

    /// Waits until nothing runs here, neither for the server nor for other workers.
    async fn wait_for_runs(&self, limit: Duration) -> bool {
        let (mut load, mut guests) = (self.load.clone(), self.guests.clone());
        let both = async {
            load.wait_for(|load| load.held == 0).await.ok();
            guests.wait_for(|busy| *busy == 0).await.ok();
        };
        tokio::time::timeout(limit, both).await.is_ok()
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

/// The actors whose loss costs nothing but what they held.
fn start_rebuildable(guardian: &Guardian, slots: &Slots, logs: &Arc<LogQueue>, work_dir: PathBuf) {
    let arbiter = Arbiter::current();
    let rebuild = OnDeath::Rebuild {
        max_restarts: REBUILDS,
    };
    let (me, send) = (slots.logs.port(), slots.link.port().from(slots.logs.path()));
    let logs = logs.clone();
    guardian.start(&slots.logs, &arbiter, rebuild, move || {
        LogShipper::new(me.clone(), send.clone(), logs.clone())
    });
    let metrics = slots.link.port().from(slots.health.path());
    guardian.start(&slots.health, &arbiter, rebuild, move || {
        HealthReporter::new(metrics.clone(), &work_dir)
    });
}

/// Who hears what comes from other workers.
fn peer_ports(slots: &Slots) -> PeerPorts {
    let from = "worker/peers";
    PeerPorts {
        open: slots.guests.port().from(from),
        start: slots.guests.port().from(from),
        close: slots.guests.port().from(from),
        results: slots.heavy.port().from(from),
        map: slots.heavy.port().from(from),
    }
}

/// The ends of an earlier life, and the way of new ones to the disk.
struct Owed {
    spool: Option<Spool>,
    restored: Vec<InstanceReport>,
}

impl Plan {
    fn work_dir(&self) -> PathBuf {
        self.options
            .work_dir
            .clone()
            .unwrap_or_else(std::env::temp_dir)
    }

    /// Runs that the worker holds at most.
    fn capacity(&self) -> usize {
        self.options.concurrency.saturating_add(self.options.queue)
    }

    fn processor_tracker(&self, slots: &Slots, code_runtime: Handle) -> ProcessorTrackerParts {
        ProcessorTrackerParts {
            me: slots.processors.port().from(slots.processors.path()),
            task_tracker: slots.tasks.port().from(slots.processors.path()),
            guests: slots.guests.port().from(slots.processors.path()),
            beats: slots.beats.port().from(slots.processors.path()),
            events: Arc::new(EventQueue::default()),
            runtime: code_runtime,
            clock: self.clock.clone(),
            concurrency: self.options.concurrency,
            blocking_threads: self.options.blocking_threads,
            cancel_grace: self.options.cancel_grace,
        }
    }

    fn task_tracker(
        &self,
        slots: &Slots,
        setting: Arc<RunSetting>,
        owed: Owed,
        load: watch::Sender<Load>,
    ) -> TaskTrackerParts {
        let me = slots.tasks.path();
        TaskTrackerParts {
            start: slots.processors.port().from(me),
            cancel: slots.processors.port().from(me),
            start_heavy: slots.heavy.port().from(me),
            cancel_heavy: slots.heavy.port().from(me),
            keep_beats: slots.beats.port().from(me),
            end_beats: slots.beats.port().from(me),
            send: slots.link.port().from(me),
            registry: self.registry.clone(),
            setting,
            spool: owed.spool,
            limits: Limits {
                held: self.capacity(),
                unacknowledged: self.capacity().max(UNACKNOWLEDGED),
            },
            load,
            is_overloaded: self.is_overloaded.clone(),
            restored: owed.restored,
        }
    }

    fn run_setting(&self, logs: &Arc<LogQueue>) -> Arc<RunSetting> {
        Arc::new(RunSetting {
            worker: identity::display_name(self.options.name.as_deref()).into(),
            clock: self.clock.clone(),
            logs: logs.clone(),
            work_dir: self.work_dir().into(),
            max_result_chars: self.options.max_result_chars,
            cancel_grace: self.options.cancel_grace,
        })
    }

    fn server_link(
        &self,
        slots: &Slots,
        scope: &ActorScope,
        load: watch::Receiver<Load>,
    ) -> ServerLinkParts {
        let me = slots.link.path();
        let identity = self.identity();
        ServerLinkParts {
            me: slots.link.port().from(me),
            run: slots.tasks.port().from(me),
            stop: slots.tasks.port().from(me),
            teams: slots.heavy.port().from(me),
            tasks: slots.heavy.port().from(me),
            run_beats: slots.tasks.port().from(me),
            beats: slots.beats.port().from(me),
            inventory: slots.tasks.port().from(me),
            inventory_answered: slots.tasks.port().from(me),
            session_lost: slots.tasks.port().from(me),
            reports_answered: slots.tasks.port().from(me),
            logs_answered: slots.logs.port().from(me),
            beats_answered: slots.beats.port().from(me),
            presentation: self.presentation(&identity),
            dialing: self.dialing(identity, scope),
            load,
            is_overloaded: self.is_overloaded.clone(),
            is_connected: self.is_connected.clone(),
            scope: scope.clone(),
            clock: self.clock.clone(),
        }
    }

    fn identity(&self) -> Identity {
        Identity {
            advertised: self.advertised(),
            ..Identity::new(self.node_ref(), Role::Worker)
        }
    }

    fn node_ref(&self) -> NodeRef {
        NodeRef {
            node_id: self.node_id.clone(),
            incarnation: self.incarnation,
        }
    }

    /// Where other workers find this one; without a host, it is where the server sees it.
    fn advertised(&self) -> String {
        match (&self.options.advertise, &self.listener) {
            (Some(address), Some(_)) => address.clone(),
            (None, Some(listener)) => format!(":{}", listener.local_addr().port()),
            (_, None) => String::new(),
        }
    }

    fn peers(&self, slots: &Slots, scope: &ActorScope) -> Peers {
        let me = PeerIdentity {
            identity: self.identity(),
            app: self.options.app.clone(),
            secret: self.options.secret.clone(),
            scope: scope.clone(),
        };
        let from = "worker/peers";
        let (master, guests) = (
            slots.heavy.port().from(from),
            slots.guests.port().from(from),
        );
        Peers::new(me, master, guests)
    }

    /// Takes connections of other workers until the guard is dropped.
    fn listen(
        listener: Option<Listener>,
        peers: &Peers,
        slots: &Slots,
        scope: &ActorScope,
    ) -> DropGuard {
        let stop = CancellationToken::new();
        if let Some(listener) = listener {
            let gate = Arc::new(PeerGate {
                peers: peers.clone(),
                ports: peer_ports(slots),
            });
            let config = peers.listen_config();
            actix_rt::spawn(listener.serve(config, gate, scope.clone(), stop.clone()));
        }
        stop.drop_guard()
    }

    /// Files of tasks lie where the worker has its spool, else where it has temporary files.
    fn spill(&self) -> std::io::Result<Spill> {
        let base = self.options.spool.clone();
        let base = base.unwrap_or_else(|| self.work_dir());
        Spill::start(&base, &format!("{}-{}", self.node_id, self.incarnation))
    }

    fn heavy_tracker(&self, slots: &Slots, peers: Peers) -> std::io::Result<HeavyTrackerParts> {
        let me = slots.heavy.path();
        Ok(HeavyTrackerParts {
            me: slots.heavy.port().from(me),
            adrift: slots.heavy.port().from(me),
            closed: slots.heavy.port().from(me),
            kept: slots.heavy.port().from(me),
            taken: slots.heavy.port().from(me),
            keep: slots.link.port().from(me),
            take: slots.link.port().from(me),
            written: slots.heavy.port().from("worker/spill"),
            read: slots.heavy.port().from("worker/spill"),
            spill: self.spill()?,
            task_memory: self.options.task_memory,
            task_tracker: slots.tasks.port().from(me),
            open_here: slots.guests.port().from(me),
            start_here: slots.guests.port().from(me),
            close_here: slots.guests.port().from(me),
            peers,
            peer_ports: peer_ports(slots),
            node: self.node_ref(),
            name: identity::display_name(self.options.name.as_deref()),
            clock: self.clock.clone(),
        })
    }

    fn guest_tracker(
        &self,
        slots: &Slots,
        setting: &Arc<RunSetting>,
        peers: &Peers,
        busy: watch::Sender<usize>,
    ) -> GuestTrackerParts {
        let me = slots.guests.path();
        GuestTrackerParts {
            me: slots.guests.port().from(me),
            start: slots.processors.port().from(me),
            cancel: slots.processors.port().from(me),
            results_here: slots.heavy.port().from(me),
            map_here: slots.heavy.port().from(me),
            peers: peers.clone(),
            node: self.node_ref(),
            registry: self.registry.clone(),
            setting: setting.clone(),
            busy,
        }
    }

    fn beat_tracker(&self, slots: &Slots, setting: &Arc<RunSetting>) -> BeatTrackerParts {
        let me = slots.beats.path();
        BeatTrackerParts {
            start: slots.processors.port().from(me),
            cancel: slots.processors.port().from(me),
            task_tracker: slots.tasks.port().from(me),
            send: slots.link.port().from(me),
            setting: setting.clone(),
        }
    }

    fn presentation(&self, identity: &Identity) -> Presentation {
        Presentation {
            address: identity::display_name(self.options.name.as_deref()),
            tags: self.options.tags.clone(),
            software: identity.software.clone(),
            capacity: u32::try_from(self.capacity()).unwrap_or(u32::MAX),
            processors: self.registry.all_names(),
        }
    }

    fn dialing(&self, identity: Identity, scope: &ActorScope) -> Dialing {
        Dialing {
            servers: self.options.servers.clone(),
            identity,
            app: self.options.app.clone(),
            secret: self.options.secret.clone(),
            scope: scope.clone(),
            course: Course::new(self.clock.clone()),
        }
    }
}
