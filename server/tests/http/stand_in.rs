//! What answers behind the ports instead of actors: it does the least that the HTTP edge relies on.

use std::collections::HashMap;
use std::future::Future;
use std::sync::atomic::{AtomicI64, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use powerjob_common::actor::{ActorScope, Letter, Port, Probe, Reply};
use powerjob_common::id::{InstanceId, JobId};
use powerjob_common::reason::Reason;
use powerjob_common::secret::Secret;
use powerjob_common::status::{InstanceStatus, SwitchableStatus};
use powerjob_common::time::{Clock, UnixMillis};
use powerjob_common::time_expression::Schedule;
use powerjob_server::actor::cleaner::CleanNow;
use powerjob_server::actor::elector::ClaimApps;
use powerjob_server::actor::inspector::{GetClusterActors, NodeReading, RecentMessages};
use powerjob_server::actor::instance_manager::{
    CancelInstance, ChangeError, InstancePorts, KillInstance, ReadInstances, RetryInstance,
    RunRequest, ShardPorts, StartRuns, StopInstance,
};
use powerjob_server::actor::scheduler::{SaveError, SaveJob, SwitchJob};
use powerjob_server::actor::worker_registry::ApplyWorkerOrders;
use powerjob_server::app::{ServerFacts, ServerHandles};
use powerjob_server::config::Setting;
use powerjob_server::domain::instance::Instance;
use powerjob_server::domain::job::JobDefinition;
use powerjob_server::domain::trigger::first_trigger;
use powerjob_server::live::{
    CleaningCounts, CleaningReading, Cluster, EventHub, JobTable, Ownership, RunStats, WorkerTable,
};
use powerjob_server::log_store::{LogStore, LogStoreConfig};
use powerjob_server::service::peers::Peers;
use powerjob_server::store::job::{JobSave, JobSwitch};
use powerjob_server::store::lease::ServerLease;
use powerjob_server::store::write::{Lane, WriteOp, WriteOutcome};
use powerjob_server::store::{self, Store};
use powerjob_server::traces::TraceSink;

use crate::support::{NOW, instance};

const FOR_EVER: Duration = Duration::from_secs(3_600);
/// Letters that fit into a port; `full` takes them all.
pub(crate) const CAPACITY: usize = 20_000;

type Live = Arc<Mutex<HashMap<InstanceId, (Instance, Option<Reason>)>>>;

/// The stand-in and the handles that lead to it.
pub(crate) struct StandIn {
    pub(crate) handles: ServerHandles,
    /// What `ReadInstances` answers.
    pub(crate) live: Live,
}

impl StandIn {
    pub(crate) fn start(
        store: &Store,
        lease: &ServerLease,
        clock: Arc<dyn Clock>,
        logs: LogStore,
    ) -> Self {
        let scope = ActorScope::new("server-1", clock.clone());
        let jobs = JobTable::default();
        let live = Live::default();
        let handles = ServerHandles {
            clock: clock.clone(),
            runtime: tokio::runtime::Handle::current(),
            store: store.clone(),
            workers: WorkerTable::default(),
            ownership: Ownership::new(clock.clone()),
            logs,
            claim_apps: claim_port(&scope, lease),
            cluster: Cluster::new("server-1"),
            peers: Peers::new(Secret::new("key of the cluster".to_owned())),
            events: EventHub::default(),
            save_job: save_port(&scope, store, &jobs),
            switch_job: switch_port(&scope, store, &jobs),
            order_workers: behind(&scope, |letter: ApplyWorkerOrders| async {
                letter.reply.into_iter().for_each(|reply| reply.send(()));
            }),
            instances: instance_ports(&scope, store, &live),
            cluster_actors: behind(&scope, |letter: GetClusterActors| async {
                letter.reply.send(vec![NodeReading {
                    node: "server-1".to_owned(),
                    is_server: true,
                    actors: Ok(Vec::new()),
                }]);
            }),
            watch_cluster: Probe::new(&scope, "inspector", CAPACITY).0,
            recent_messages: behind(&scope, |letter: RecentMessages| async {
                letter.reply.send(Vec::new());
            }),
            clean_now: behind(&scope, |letter: CleanNow| async {
                letter.reply.send(CleaningReading::default());
            }),
            cleaning: CleaningCounts::default(),
            run_stats: RunStats::default(),
            traces: TraceSink::default(),
            facts: Arc::new(ServerFacts {
                node: "server-1".to_owned(),
                started_at: NOW,
                zone: chrono_tz::Tz::UTC,
                worker_address: "127.0.0.1:1".to_owned(),
                lease_epoch: lease.epoch(),
                settings: vec![Setting {
                    name: "server.admin_password".to_owned(),
                    value: Some("***".to_owned()),
                    origin: "argument".to_owned(),
                }],
                http_address: None,
                http_worker_address: None,
                worker_rules: Arc::default(),
            }),
            jobs,
            scope,
        };
        Self { handles, live }
    }

    /// The handles of another server over the same database; its logs are in `folder`.
    pub(crate) fn beside(&self, folder: &std::path::Path) -> ServerHandles {
        let known = &self.handles;
        let scope = ActorScope::new("server-2", known.clock.clone());
        let jobs = JobTable::default();
        ServerHandles {
            scope: scope.clone(),
            ownership: Ownership::new(known.clock.clone()),
            cluster: Cluster::new("server-2"),
            workers: WorkerTable::default(),
            events: EventHub::default(),
            logs: LogStore::open(folder, LogStoreConfig::default()).expect("logs"),
            save_job: save_port(&scope, &known.store, &jobs),
            switch_job: switch_port(&scope, &known.store, &jobs),
            jobs,
            ..known.clone()
        }
    }

    /// Takes the room of the actor that starts runs.
    pub(crate) async fn fill_starts(&self, job: JobId) -> impl Sized {
        let job = self.handles.jobs.get(job).expect("a job");
        let mut answers = Vec::new();
        // The first one is taken out of the queue and never ends, the second one fills the queue.
        for _ in 0..2 {
            let (reply, answer) = Reply::channel();
            let runs = vec![RunRequest::default(); CAPACITY];
            let letter = StartRuns {
                job: job.clone(),
                runs,
                reply,
            };
            assert_eq!(self.handles.instances.start(letter), Ok(()));
            answers.push(answer);
            for _ in 0..10 {
                tokio::task::yield_now().await;
            }
        }
        answers
    }
}

/// A port behind which `handle` answers each letter.
fn behind<M, F>(scope: &ActorScope, mut handle: impl FnMut(M) -> F + Send + 'static) -> Port<M>
where
    M: Letter,
    F: Future<Output = ()> + Send + 'static,
{
    let (port, mut probe) = Probe::new(scope, M::NAME, CAPACITY);
    tokio::spawn(async move {
        while let Some(letter) = probe.next(FOR_EVER).await {
            handle(letter).await;
        }
    });
    port
}

fn claim_port(scope: &ActorScope, lease: &ServerLease) -> Port<ClaimApps> {
    let lease = lease.clone();
    behind(scope, move |letter: ClaimApps| {
        let lease = lease.clone();
        async move {
            let known = lease.app_owners().await.expect("the applications");
            let apps: Vec<_> = known.into_iter().map(|app| app.app_id).collect();
            let claimed = lease.take_apps(apps).await.expect("the new application");
            letter
                .reply
                .send(claimed.into_iter().map(|found| found.app_id).collect());
        }
    })
}

fn save_port(scope: &ActorScope, store: &Store, jobs: &JobTable) -> Port<SaveJob> {
    let (store, jobs) = (store.clone(), jobs.clone());
    behind(scope, move |letter: SaveJob| {
        let (store, jobs) = (store.clone(), jobs.clone());
        async move {
            let spec = &letter.draft.schedule;
            let schedule = Schedule::parse(spec.kind, &spec.expression, chrono_tz::Tz::UTC);
            let schedule = schedule.expect("checked by the service");
            let next = first_trigger(&schedule, &spec.lifecycle, NOW);
            let job = letter.draft.clone().into_definition(next, NOW);
            let saved = match letter.draft.id {
                None => store.create_job(job, letter.author).await,
                Some(_) => {
                    let base_revision = letter.base_revision;
                    let author = letter.author;
                    let save = JobSave {
                        job,
                        base_revision,
                        author,
                        cancel_after: None,
                    };
                    store.save_job(save).await.map(|saved| saved.job)
                }
            };
            letter.reply.send(finish(saved, &jobs));
        }
    })
}

fn switch_port(scope: &ActorScope, store: &Store, jobs: &JobTable) -> Port<SwitchJob> {
    let (store, jobs) = (store.clone(), jobs.clone());
    behind(scope, move |letter: SwitchJob| {
        let (store, jobs) = (store.clone(), jobs.clone());
        async move {
            let switch = JobSwitch {
                id: letter.job_id,
                status: letter.to,
                next_trigger_at: None,
                author: letter.author,
                cancel_after: None,
            };
            let switched = store.switch_job(switch).await.map(|saved| saved.job);
            letter.reply.send(finish(switched, &jobs));
        }
    })
}

fn finish(
    saved: Result<JobDefinition, store::Error>,
    jobs: &JobTable,
) -> Result<Arc<JobDefinition>, SaveError> {
    let job = Arc::new(saved.map_err(|error| match error {
        store::Error::NotFound { .. } => SaveError::NotFound,
        store::Error::Conflict {
            what: "revision", ..
        } => SaveError::Conflict { present: 2 },
        error => SaveError::Unavailable(error.to_string()),
    })?);
    if job.status == SwitchableStatus::Deleted {
        jobs.remove(job.id);
    } else {
        jobs.put(&job);
    }
    Ok(job)
}

fn instance_ports(scope: &ActorScope, store: &Store, live: &Live) -> InstancePorts {
    let read = live.clone();
    InstancePorts::new(vec![ShardPorts {
        start: start_port(scope, store),
        stop: change_port(scope, store, |letter: StopInstance| {
            (letter.instance_id, letter.reply, InstanceStatus::Stopped)
        }),
        kill: change_port(scope, store, |letter: KillInstance| {
            (letter.instance_id, letter.reply, InstanceStatus::Stopped)
        }),
        cancel: change_port(scope, store, |letter: CancelInstance| {
            (letter.instance_id, letter.reply, InstanceStatus::Canceled)
        }),
        retry: change_port(scope, store, |letter: RetryInstance| {
            (
                letter.instance_id,
                letter.reply,
                InstanceStatus::WaitingDispatch,
            )
        }),
        read: behind(scope, move |letter: ReadInstances| {
            let live = read.clone();
            async move {
                let live = live.lock().expect("not poisoned");
                let found = letter.ids.iter().filter_map(|id| live.get(id).cloned());
                letter
                    .reply
                    .send(found.map(|(it, why)| (Box::new(it), why)).collect());
            }
        }),
    }])
}

fn start_port(scope: &ActorScope, store: &Store) -> Port<StartRuns> {
    let store = store.clone();
    let next = Arc::new(AtomicI64::new(1_000));
    behind(scope, move |letter: StartRuns| {
        let (store, next) = (store.clone(), next.clone());
        async move {
            if letter.runs.len() == CAPACITY {
                std::future::pending::<()>().await;
            }
            let mut ids = Vec::new();
            for run in letter.runs {
                let id = next.fetch_add(1, Relaxed);
                let (app, job) = (letter.job.app_id.to_string(), letter.job.id.to_string());
                let mut new = instance(&app, &job, id, InstanceStatus::WaitingDispatch);
                new.instance_params = run.params;
                new.chosen_worker = run.worker;
                new.state.expected_at = UnixMillis(NOW.0 + run.delay_ms as i64);
                insert(&store, new).await;
                ids.push(InstanceId(id));
            }
            letter.reply.send(Ok(ids));
        }
    })
}

type ChangeReply = Reply<Result<Box<Instance>, ChangeError>>;

/// Answers with the instance in its new state, if the table of the states allows it.
fn change_port<M: Letter>(
    scope: &ActorScope,
    store: &Store,
    open: fn(M) -> (InstanceId, ChangeReply, InstanceStatus),
) -> Port<M> {
    let store = store.clone();
    behind(scope, move |letter: M| {
        let store = store.clone();
        let (id, reply, to) = open(letter);
        async move {
            let Ok(mut found) = store.instance(id).await else {
                return reply.send(Err(ChangeError::NotFound));
            };
            if !found.state.status.may_become(to) {
                return reply.send(Err(ChangeError::AlreadyFinished));
            }
            found.state.status = to;
            reply.send(Ok(Box::new(found)));
        }
    })
}

pub(crate) async fn insert(store: &Store, instance: Instance) {
    let ops = vec![WriteOp::Insert(Box::new(instance))];
    let outcomes = store.writer().write(Lane::Express, ops).await;
    assert_eq!(outcomes, Ok(vec![WriteOutcome::Applied]));
}
