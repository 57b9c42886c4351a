//! All actors with their ports, in one readable order.

use std::sync::Arc;
use std::time::Duration;

use actix_rt::{Arbiter, ArbiterHandle};
use powerjob_common::actor::{ActorScope, ActorSlot, Guardian, OnDeath, Port};
use powerjob_common::instance_id::InstanceIdGenerator;
use powerjob_common::time::Clock;
use tokio::sync::Notify;

use super::ServerFacts;
use crate::actor::beat_keeper::{self, BeatKeeper};
use crate::actor::cleaner::{self, Cleaner, CleanerParts};
use crate::actor::dispatcher::{Dispatcher, VerdictPorts};
use crate::actor::elector::{Elector, ElectorParts, LeaveCluster, Leaving, Settling};
use crate::actor::inspector::{self, Inspector, InspectorParts, Nodes};
use crate::actor::instance_manager::{
    AdoptRuns, ForgetRuns, InstanceManager, InstanceManagerParts, InstancePorts, ShardPorts,
    Surroundings,
};
use crate::actor::log_collector::{self, LogCollector};
use crate::actor::scheduler::{Scheduler, SchedulerParts};
use crate::actor::status_checker::StatusChecker;
use crate::actor::task_journals::{self, TaskJournals};
use crate::actor::timer::WakeTimer;
use crate::actor::worker_registry::{self, ShardNews, WorkerRegistry, WorkerRegistryParts};
use crate::config::ServerConfig;
use crate::domain::claim_lead;
use crate::live::{
    CleaningCounts, Cluster, EventHub, JobTable, Ownership, RunStats, RunningCounts, WorkerTable,
};
use crate::log_store::LogStore;
use crate::rpc::{ConnectionParts, OpenSessions, RegistryPorts};
use crate::service::peers::Peers;
use crate::store::Store;
use crate::store::assignment::Announcement;
use crate::store::lease::ServerLease;
use crate::traces::TraceSink;

/// Places of an instance manager. New runs are refused well before, so that commits always fit.
const INSTANCE_PLACES: usize = 2_000_000;
const DISPATCH_PLACES: usize = 1_000_000;
const SCHEDULER_PLACES: usize = 1_000_000;
const ELECTOR_PLACES: usize = 1_024;
/// The dispatcher waits so long for the verdicts of a worker.
const VERDICT_LIMIT: Duration = Duration::from_secs(5);
/// Server ids for the instances that the scheduler makes; the others are for runs by call.
const SCHEDULER_IDS: u16 = 16;
/// These actors hold nothing that is not elsewhere, too.
const REBUILDABLE: OnDeath = OnDeath::Rebuild { max_restarts: 10 };

/// What the actors are built from.
pub(super) struct Ground {
    pub(super) config: ServerConfig,
    pub(super) shards: usize,
    pub(super) scope: ActorScope,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) runtime: Arc<tokio::runtime::Runtime>,
    pub(super) store: Store,
    pub(super) lease: Arc<ServerLease>,
    pub(super) news: Arc<Notify>,
    pub(super) announcement: Announcement,
    pub(super) logs: LogStore,
    pub(super) ownership: Ownership,
    pub(super) cluster: Cluster,
    pub(super) peers: Peers,
    pub(super) timer: WakeTimer,
    pub(super) facts: Arc<ServerFacts>,
    pub(super) traces: TraceSink,
    pub(super) sessions: OpenSessions,
}

/// The running actors and the ways to them.
pub(super) struct Actors {
    pub(super) handles: super::ServerHandles,
    pub(super) connections: ConnectionParts,
    pub(super) leave: Port<LeaveCluster>,
    pub(super) guardian: Guardian,
    pub(super) arbiters: Vec<Arbiter>,
}

type Slots = Vec<ActorSlot<InstanceManager>>;

/// Starts all actors; the elector last, because it sets everything in motion.
pub(super) fn start(ground: Ground) -> Actors {
    let scope = &ground.scope;
    let jobs = JobTable::default();
    let workers = WorkerTable::default();
    let events = EventHub::default();
    let nodes = Nodes::default();
    let stats = RunStats::default();

    let managers: Slots = (0..ground.shards)
        .map(|place| ActorSlot::new(scope, &format!("server/instances/{place}"), INSTANCE_PLACES))
        .collect();
    let dispatcher: ActorSlot<Dispatcher> =
        ActorSlot::new(scope, "server/dispatcher", DISPATCH_PLACES);
    let scheduler: ActorSlot<Scheduler> =
        ActorSlot::new(scope, "server/scheduler", SCHEDULER_PLACES);
    let registry: ActorSlot<WorkerRegistry> =
        ActorSlot::new(scope, worker_registry::PATH, worker_registry::CAPACITY);
    let elector: ActorSlot<Elector> = ActorSlot::new(scope, "server/elector", ELECTOR_PLACES);
    let checker: ActorSlot<StatusChecker> = ActorSlot::new(scope, "server/status_checker", 1);
    let keeper: ActorSlot<BeatKeeper> =
        ActorSlot::new(scope, "server/beats", beat_keeper::CAPACITY);
    let collector: ActorSlot<LogCollector> =
        ActorSlot::new(scope, "server/logs", log_collector::CAPACITY);
    let inspector: ActorSlot<Inspector> =
        ActorSlot::new(scope, inspector::PATH, inspector::CAPACITY);
    let journals: ActorSlot<TaskJournals> =
        ActorSlot::new(scope, "server/task_journals", task_journals::CAPACITY);
    let cleaner: ActorSlot<Cleaner> = ActorSlot::new(scope, "server/cleaner", cleaner::CAPACITY);

    let arbiter = |runtime: &Arc<tokio::runtime::Runtime>| {
        let runtime = runtime.clone();
        Arbiter::with_tokio_rt(move || runtime)
    };
    let control = arbiter(&ground.runtime);
    let schedule = arbiter(&ground.runtime);
    let bulk = arbiter(&ground.runtime);
    let instances: Vec<Arbiter> = managers.iter().map(|_| arbiter(&ground.runtime)).collect();

    let guardian = Guardian::new();
    let (first_id, id_count) = ground.lease.server_ids();
    let scheduler_ids = SCHEDULER_IDS.min(id_count / 2).max(1);
    let around = Surroundings {
        clock: ground.clock.clone(),
        jobs: jobs.clone(),
        workers: workers.clone(),
        ownership: ground.ownership.clone(),
        events: events.clone(),
        stats: stats.clone(),
        traces: ground.traces.clone(),
        return_grace: ground.config.worker_return_grace,
        claim_cost: claim_lead::CLAIM,
        backlog: ground.store.writer().backlog().clone(),
    };
    let running = RunningCounts::default();
    for (place, slot) in managers.iter().enumerate() {
        let path = slot.path();
        let parts = InstanceManagerParts {
            place,
            shards: ground.shards,
            around: around.clone(),
            running: running.clone(),
            ids: InstanceIdGenerator::new(first_id + scheduler_ids, id_count - scheduler_ids),
            store: ground.store.clone(),
            timer: ground.timer.clone(),
            committed: slot.port().from("server/store"),
            due: slot.port().from("server/timer"),
            dispatch: dispatcher.port().from(path),
            stop: dispatcher.port().from(path),
            ended: scheduler.port().from(path),
            forget_journals: journals.port().from(path),
        };
        guardian.start(
            slot,
            &instances[place].handle(),
            OnDeath::EndProcess,
            move || InstanceManager::new(parts.clone()),
        );
    }

    start_dispatcher(
        &guardian,
        &dispatcher,
        &instances[0].handle(),
        &managers,
        ground.ownership.clone(),
    );
    start_registry(
        &guardian,
        &registry,
        &control.handle(),
        &ground,
        &managers,
        (&workers, &events),
    );

    let adopt = |from: &str| -> Vec<Port<AdoptRuns>> {
        managers.iter().map(|slot| slot.port().from(from)).collect()
    };
    let forget: Vec<Port<ForgetRuns>> = managers
        .iter()
        .map(|slot| slot.port().from(scheduler.path()))
        .collect();
    let follow = managers
        .iter()
        .map(|slot| slot.port().from(scheduler.path()))
        .collect();
    let parts = SchedulerParts {
        clock: ground.clock.clone(),
        store: ground.store.clone(),
        jobs: jobs.clone(),
        ownership: ground.ownership.clone(),
        events: events.clone(),
        zone: ground.facts.zone,
        look_ahead: ground.config.look_ahead,
        ids: InstanceIdGenerator::new(first_id, scheduler_ids),
        timer: ground.timer.clone(),
        due: scheduler.port().from("server/timer"),
        committed: scheduler.port().from("server/store"),
        adopt: adopt(scheduler.path()),
        forget,
        follow,
    };
    guardian.start(
        &scheduler,
        &schedule.handle(),
        OnDeath::EndProcess,
        move || Scheduler::new(parts.clone()),
    );

    let logs = ground.logs.clone();
    let store = ground.store.clone();
    guardian.start(&keeper, &bulk.handle(), REBUILDABLE, move || {
        BeatKeeper::new(store.clone())
    });
    guardian.start(&collector, &bulk.handle(), REBUILDABLE, move || {
        LogCollector::new(logs.clone())
    });
    let store = ground.store.clone();
    guardian.start(&journals, &bulk.handle(), REBUILDABLE, move || {
        TaskJournals::new(store.clone())
    });
    let parts = InspectorParts {
        scope: scope.clone(),
        workers: workers.clone(),
        nodes: nodes.clone(),
    };
    guardian.start(&inspector, &bulk.handle(), REBUILDABLE, move || {
        Inspector::new(parts.clone())
    });
    let checks: Vec<_> = managers
        .iter()
        .map(|slot| slot.port().from(checker.path()))
        .collect();
    guardian.start(&checker, &control.handle(), REBUILDABLE, move || {
        StatusChecker::new(checks.clone())
    });

    let cleaning = CleaningCounts::default();
    let parts = CleanerParts {
        clock: ground.clock.clone(),
        store: ground.store.clone(),
        logs: ground.logs.clone(),
        ownership: ground.ownership.clone(),
        counts: cleaning.clone(),
        policy: ground.config.retention,
        every: ground.config.clean_every,
    };
    guardian.start(&cleaner, &bulk.handle(), REBUILDABLE, move || {
        Cleaner::new(parts.clone())
    });

    let handles = super::ServerHandles {
        scope: scope.clone(),
        clock: ground.clock.clone(),
        runtime: ground.runtime.handle().clone(),
        store: ground.store.clone(),
        jobs: jobs.clone(),
        workers: workers.clone(),
        ownership: ground.ownership.clone(),
        cluster: ground.cluster.clone(),
        peers: ground.peers.clone(),
        events,
        logs: ground.logs.clone(),
        save_job: scheduler.port().from("server/http"),
        switch_job: scheduler.port().from("server/http"),
        claim_apps: elector.port().from("server/http"),
        order_workers: registry.port().from("server/http"),
        instances: InstancePorts::new(managers.iter().map(ports_of).collect()),
        cluster_actors: inspector.port().from("server/http"),
        watch_cluster: inspector.port().from("server/http"),
        recent_messages: inspector.port().from("server/http"),
        clean_now: cleaner.port().from("server/http"),
        cleaning,
        run_stats: stats,
        traces: ground.traces.clone(),
        facts: ground.facts.clone(),
    };
    let connections = ConnectionParts {
        registry: RegistryPorts {
            opened: registry.port().from("server/rpc"),
            closed: registry.port().from("server/rpc"),
            heartbeat: registry.port().from("server/rpc"),
            inventory: registry.port().from("server/rpc"),
        },
        shards: managers
            .iter()
            .map(|slot| slot.port().from("server/rpc"))
            .collect(),
        logs: collector.port().from("server/rpc"),
        keep_journals: journals.port().from("server/rpc"),
        read_journals: journals.port().from("server/rpc"),
        beats: keeper.port().from("server/rpc"),
        ownership: ground.ownership.clone(),
        cluster: ground.cluster.clone(),
        nodes,
        sessions: ground.sessions,
    };

    let settle = managers.iter();
    let settle = settle.map(|slot| slot.port().from(elector.path()));
    let settle = settle.collect();
    let parts = ElectorParts {
        clock: ground.clock,
        store: ground.store,
        lease: ground.lease,
        lease_renewal: ground.config.lease_renewal,
        lease_ttl: ground.config.lease_ttl,
        news: ground.news,
        announcement: ground.announcement,
        ownership: ground.ownership,
        cluster: ground.cluster,
        running,
        zone: ground.facts.zone,
        order_workers: registry.port().from(elector.path()),
        adopt: adopt(elector.path()),
        schedule: scheduler.port().from(elector.path()),
        planned: scheduler.port().from(elector.path()),
        settle: Settling {
            scheduler: scheduler.port().from(elector.path()),
            instances: settle,
        },
        leaving: Leaving {
            unschedule: scheduler.port().from(elector.path()),
            drop: managers
                .iter()
                .map(|slot| slot.port().from(elector.path()))
                .collect(),
            events: handles.events.clone(),
            sessions: connections.sessions.clone(),
        },
    };
    guardian.start(
        &elector,
        &control.handle(),
        OnDeath::EndProcess,
        move || Elector::new(parts.clone()),
    );

    let mut arbiters = vec![control, schedule, bulk];
    arbiters.extend(instances);
    Actors {
        handles,
        connections,
        leave: elector.port().from("server/shutdown"),
        guardian,
        arbiters,
    }
}

fn start_dispatcher(
    guardian: &Guardian,
    slot: &ActorSlot<Dispatcher>,
    arbiter: &ArbiterHandle,
    managers: &Slots,
    ownership: Ownership,
) {
    let ports: Arc<[VerdictPorts]> = managers
        .iter()
        .map(|manager| VerdictPorts {
            verdicts: manager.port().from("server/rpc"),
            unanswered: manager.port().from("server/rpc"),
        })
        .collect();
    guardian.start(slot, arbiter, OnDeath::EndProcess, move || {
        Dispatcher::new(ports.clone(), ownership.clone(), VERDICT_LIMIT)
    });
}

fn start_registry(
    guardian: &Guardian,
    slot: &ActorSlot<WorkerRegistry>,
    arbiter: &ArbiterHandle,
    ground: &Ground,
    managers: &Slots,
    (workers, events): (&WorkerTable, &EventHub),
) {
    let shards: Arc<[ShardNews]> = managers
        .iter()
        .map(|manager| ShardNews {
            reports: manager.port().from(slot.path()),
            reconcile: manager.port().from(slot.path()),
            lost: manager.port().from(slot.path()),
            changed: manager.port().from(slot.path()),
        })
        .collect();
    let parts = WorkerRegistryParts {
        shards,
        workers: workers.clone(),
        events: events.clone(),
        ownership: ground.ownership.clone(),
        clock: ground.clock.clone(),
        worker_lost_after: ground.config.worker_lost_after,
    };
    guardian.start(slot, arbiter, OnDeath::EndProcess, move || {
        WorkerRegistry::new(parts.clone())
    });
}

fn ports_of(slot: &ActorSlot<InstanceManager>) -> ShardPorts {
    ShardPorts {
        start: slot.port().from("server/http"),
        stop: slot.port().from("server/http"),
        kill: slot.port().from("server/http"),
        cancel: slot.port().from("server/http"),
        retry: slot.port().from("server/http"),
        read: slot.port().from("server/http"),
    }
}
