//! A server in a thread of its own, with an application and jobs.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use powerjob_common::actor::Reply;
use powerjob_common::id::{AppId, InstanceId, JobId};
use powerjob_common::secret::Secret;
use powerjob_common::status::{
    DispatchStrategy, ExecuteType, InstanceStatus, LogLevel, ProcessorType, SwitchableStatus,
    TimeExpressionType,
};
use powerjob_common::time_expression::Lifecycle;
use powerjob_server::actor::elector::ClaimApps;
use powerjob_server::actor::instance_manager::{
    CancelInstance, ChangeError, KillInstance, ReadInstances, RetryInstance, RunRequest, StartRuns,
    StopInstance,
};
use powerjob_server::actor::scheduler::{SaveError, SaveJob, SwitchJob};
use powerjob_server::app::{self, Ready, ServerHandles, StartError};
use powerjob_server::config::ServerConfig;
use powerjob_server::domain::instance::Instance;
use powerjob_server::domain::job::{JobDefinition, JobDraft, ScheduleSpec};
use powerjob_server::domain::policy::{RetryPolicy, SchedulePolicy};
use powerjob_server::domain::retry_scope::RetryScope;
use powerjob_server::service::accounts::GeneratedPassword;
use powerjob_server::store::app::NewApp;
use tempfile::TempDir;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use crate::fake_worker::{FakeWorker, LIMIT, Plan};

pub(crate) const APP: &str = "shop";
pub(crate) const SECRET: &str = "correct horse battery staple";

/// A running server.
pub(crate) struct Server {
    pub(crate) handles: ServerHandles,
    pub(crate) worker_addr: SocketAddr,
    pub(crate) http_addr: Option<SocketAddr>,
    pub(crate) generated_password: Option<GeneratedPassword>,
    stop: CancellationToken,
    ended: oneshot::Receiver<Result<(), StartError>>,
}

pub(crate) fn config(data_dir: &Path) -> ServerConfig {
    ServerConfig {
        http_bind: None,
        worker_bind: "127.0.0.1:0".to_owned(),
        worker_return_grace: Duration::from_secs(2),
        ..ServerConfig::new("s1", data_dir)
    }
}

impl Server {
    pub(crate) async fn start(config: ServerConfig) -> Server {
        let stop = CancellationToken::new();
        let token = stop.clone();
        let (sender, ready) = oneshot::channel();
        let (end, ended) = oneshot::channel();
        std::thread::spawn(move || {
            let result = app::run(config, token, move |ready| {
                sender.send(ready).ok();
            });
            end.send(result).ok();
        });
        let Ok(Ready {
            worker_addr,
            http_addr,
            generated_password,
            handles,
        }) = ready.await
        else {
            panic!("the server did not start: {:?}", ended.await);
        };
        Server {
            handles,
            worker_addr,
            http_addr,
            generated_password,
            stop,
            ended,
        }
    }

    /// Ends the server in good order.
    pub(crate) async fn stop(self) {
        let Server { stop, ended, .. } = self;
        stop.cancel();
        let result = tokio::time::timeout(LIMIT, ended).await;
        assert!(matches!(result, Ok(Ok(Ok(())))), "{result:?}");
    }
}

/// A server with an application.
pub(crate) struct Cluster {
    pub(crate) server: Server,
    pub(crate) app_id: AppId,
    pub(crate) folder: TempDir,
}

impl Cluster {
    pub(crate) async fn start() -> Cluster {
        Self::start_with(|_| ()).await
    }

    pub(crate) async fn start_with(change: impl FnOnce(&mut ServerConfig)) -> Cluster {
        let folder = tempfile::tempdir().expect("a folder");
        let mut config = config(folder.path());
        change(&mut config);
        let server = Server::start(config).await;
        let app = server
            .handles
            .store
            .create_app(NewApp {
                name: APP.to_owned(),
                title: String::new(),
                tags: Vec::new(),
                namespace_id: None,
                creator: None,
                worker_secret: Secret::new(SECRET.to_owned()),
            })
            .await
            .expect("a new application");
        let apps = server
            .handles
            .claim_apps
            .ask(LIMIT, |reply| ClaimApps { reply })
            .await
            .expect("an answer");
        assert!(apps.contains(&app.id));
        Cluster {
            server,
            app_id: app.id,
            folder,
        }
    }

    /// Ends the server and starts another life of it on the same database.
    pub(crate) async fn restart(self) -> Cluster {
        let Cluster {
            server,
            app_id,
            folder,
        } = self;
        server.stop().await;
        let server = Server::start(config(folder.path())).await;
        let cluster = Cluster {
            server,
            app_id,
            folder,
        };
        eventually("the application is loaded", async || {
            cluster.server.handles.ownership.epoch(app_id).is_some()
        })
        .await;
        cluster
    }

    pub(crate) async fn worker(&self, name: &str) -> FakeWorker {
        self.connect(Plan::new(name, 1)).await
    }

    pub(crate) async fn connect(&self, plan: Plan) -> FakeWorker {
        let node = plan.node.clone();
        let worker = plan.connect(self.server.worker_addr, APP, SECRET).await;
        eventually("the worker is online", async || {
            let workers = self.server.handles.workers.of_app(self.app_id);
            workers
                .iter()
                .any(|entry| entry.facts.node == node && entry.facts.state.name() != "SUSPECT")
        })
        .await;
        worker
    }

    pub(crate) fn draft(&self) -> JobDraft {
        JobDraft {
            id: None,
            app_id: self.app_id,
            name: "a job".to_owned(),
            description: String::new(),
            schedule: ScheduleSpec {
                kind: TimeExpressionType::Api,
                expression: String::new(),
                zone: None,
                lifecycle: Lifecycle::ALWAYS,
            },
            policy: SchedulePolicy::default(),
            execute_type: ExecuteType::Standalone,
            processor_type: ProcessorType::BuiltIn,
            processor: "demo".to_owned(),
            params: "p".to_owned(),
            status: SwitchableStatus::Enable,
            max_instances: 0,
            concurrency: 5,
            time_limit_ms: 0,
            instance_retries: 0,
            retry: RetryPolicy::default(),
            task_retries: 0,
            dispatch_strategy: DispatchStrategy::HealthFirst,
            dispatch_config: String::new(),
            designated_workers: String::new(),
            max_workers: 0,
            min_cpu_cores: 0.0,
            min_memory_gib: 0.0,
            min_disk_gib: 0.0,
            log_level: LogLevel::Info,
            tag: String::new(),
            no_worker_grace_ms: 60_000,
        }
    }

    pub(crate) async fn try_save(&self, draft: JobDraft) -> Result<Arc<JobDefinition>, SaveError> {
        self.server
            .handles
            .save_job
            .ask(LIMIT, |reply| SaveJob {
                draft: Box::new(draft),
                author: None,
                base_revision: None,
                reply,
            })
            .await
            .expect("an answer")
    }

    pub(crate) async fn save(&self, change: impl FnOnce(&mut JobDraft)) -> Arc<JobDefinition> {
        let mut draft = self.draft();
        change(&mut draft);
        self.try_save(draft).await.expect("a valid job")
    }

    pub(crate) async fn switch(&self, job_id: JobId, to: SwitchableStatus) {
        self.server
            .handles
            .switch_job
            .ask(LIMIT, |reply| SwitchJob {
                job_id,
                to,
                author: None,
                reply,
            })
            .await
            .expect("an answer")
            .expect("the job exists");
    }

    pub(crate) async fn run_all(
        &self,
        job: &Arc<JobDefinition>,
        runs: Vec<RunRequest>,
    ) -> Vec<InstanceId> {
        let (reply, answer) = Reply::channel();
        let job = job.clone();
        self.server
            .handles
            .instances
            .start(StartRuns { job, runs, reply })
            .expect("there is room");
        answer.await.expect("an answer").expect("started")
    }

    pub(crate) async fn run(&self, job: &Arc<JobDefinition>) -> InstanceId {
        self.run_later(job, 0).await
    }

    /// Runs a job on the workers that are named.
    pub(crate) async fn run_on(&self, job: &Arc<JobDefinition>, worker: &str) -> InstanceId {
        let request = RunRequest {
            worker: Some(worker.to_owned()),
            ..RunRequest::default()
        };
        self.run_all(job, vec![request]).await[0]
    }

    pub(crate) async fn run_later(&self, job: &Arc<JobDefinition>, delay_ms: u64) -> InstanceId {
        let request = RunRequest {
            delay_ms,
            ..RunRequest::default()
        };
        self.run_all(job, vec![request]).await[0]
    }

    pub(crate) async fn stop_run(
        &self,
        instance_id: InstanceId,
    ) -> Result<Box<Instance>, ChangeError> {
        let (reply, answer) = Reply::channel();
        let instances = &self.server.handles.instances;
        instances
            .stop(StopInstance { instance_id, reply })
            .expect("there is room");
        answer.await.expect("an answer")
    }

    pub(crate) async fn kill_run(
        &self,
        instance_id: InstanceId,
    ) -> Result<Box<Instance>, ChangeError> {
        let (reply, answer) = Reply::channel();
        let instances = &self.server.handles.instances;
        instances
            .kill(KillInstance { instance_id, reply })
            .expect("there is room");
        answer.await.expect("an answer")
    }

    pub(crate) async fn cancel_run(
        &self,
        instance_id: InstanceId,
    ) -> Result<Box<Instance>, ChangeError> {
        let (reply, answer) = Reply::channel();
        let instances = &self.server.handles.instances;
        instances
            .cancel(CancelInstance { instance_id, reply })
            .expect("there is room");
        answer.await.expect("an answer")
    }

    pub(crate) async fn retry_run(
        &self,
        instance_id: InstanceId,
    ) -> Result<Box<Instance>, ChangeError> {
        self.retry(instance_id, RetryScope::Whole).await
    }

    pub(crate) async fn retry(
        &self,
        instance_id: InstanceId,
        scope: RetryScope,
    ) -> Result<Box<Instance>, ChangeError> {
        let (reply, answer) = Reply::channel();
        let instances = &self.server.handles.instances;
        instances
            .retry(RetryInstance {
                instance_id,
                scope,
                reply,
            })
            .expect("there is room");
        answer.await.expect("an answer")
    }

    /// Why an open instance waits, as people are told.
    pub(crate) async fn read(&self, id: InstanceId) -> Option<String> {
        for (port, ids) in self.server.handles.instances.readers(&[id]) {
            let read = port.ask(LIMIT, |reply| ReadInstances { ids, reply }).await;
            if let Some((_, why)) = read.expect("an answer").pop() {
                return why.map(|why| why.to_string());
            }
        }
        None
    }

    /// The instance as it is stored.
    pub(crate) async fn stored(&self, id: InstanceId) -> Instance {
        let store = &self.server.handles.store;
        store.instance(id).await.expect("the instance exists")
    }

    /// Waits until the instance is stored with this status.
    pub(crate) async fn until(&self, id: InstanceId, status: InstanceStatus) -> Instance {
        let what = format!("instance {id} is {status}");
        eventually(&what, async || self.stored(id).await.state.status == status).await;
        self.stored(id).await
    }
}

/// Waits until a condition holds. The conditions are rows and states that nobody announces, so that
/// they are looked at again and again.
pub(crate) async fn eventually(what: &str, mut condition: impl AsyncFnMut() -> bool) {
    let waiting = async {
        while !condition().await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    if tokio::time::timeout(LIMIT, waiting).await.is_err() {
        panic!("never happened: {what}");
    }
}
