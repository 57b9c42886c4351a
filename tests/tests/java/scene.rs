//! A server, or two, an application and official workers, in one folder.

use std::path::Path;
use std::time::Duration;

use powerjob_databases::{DATABASE, DatabaseServer, Durability, Kind};
use powerjob_tests::eventually::eventually;
use powerjob_tests::java::{self, Artefacts, JavaWorker, LATEST, WorkerPlan};
use powerjob_tests::process::{Api, Cluster};
use powerjob_tests::programs::powerjob;
use serde_json::Value;
use tempfile::TempDir;

/// What anything may take on a busy machine.
pub(crate) const LIMIT: Duration = Duration::from_secs(90);
/// The application.
pub(crate) const APP: &str = "java-app";

/// See the head of the file. Workers are killed before the server.
pub(crate) struct Scene {
    pub(crate) workers: Vec<JavaWorker>,
    pub(crate) cluster: Cluster,
    pub(crate) api: Api,
    pub(crate) app: String,
    pub(crate) artefacts: Artefacts,
    pub(crate) folder: TempDir,
}

impl Scene {
    /// A server without workers; `None` where no Java is.
    pub(crate) async fn without_workers(version: &str) -> Option<Self> {
        Self::configured(version, "").await
    }

    /// The same with more lines in the section of the server.
    pub(crate) async fn configured(version: &str, more: &str) -> Option<Self> {
        if !java::is_here() {
            return None;
        }
        let artefacts = Artefacts::of(version).expect("the artefacts");
        let folder = TempDir::new().expect("a folder");
        let cluster = Cluster::configured(folder.path(), &powerjob(), "s1", more);
        let mut cluster = cluster.expect("ports");
        cluster.start_server().await.expect("the server starts");
        let api = cluster.sign_in().await.expect("signed in");
        let (app, _secret) = api.create_app(APP).await.expect("an application");
        Some(Self {
            workers: Vec::new(),
            cluster,
            api,
            app,
            artefacts,
            folder,
        })
    }

    /// A server with official workers, one for each tag, online.
    pub(crate) async fn with_workers(version: &str, tags: &[&str]) -> Option<Self> {
        let mut scene = Self::without_workers(version).await?;
        for (place, tag) in tags.iter().enumerate() {
            scene.add_worker(&format!("java-{place}"), tag);
        }
        for worker in &scene.workers {
            worker.until_ready().await;
        }
        scene.api.until_workers(&scene.app, tags.len()).await;
        Some(scene)
    }

    /// One more worker; not waited for.
    pub(crate) fn add_worker(&mut self, name: &str, tag: &str) {
        let plan = WorkerPlan {
            servers: &self.cluster.http,
            app: APP,
            protocol: "HTTP",
            tag,
        };
        let worker = self.spawn(name, &plan);
        self.workers.push(worker);
    }

    /// A worker of any kind.
    pub(crate) fn spawn(&self, name: &str, plan: &WorkerPlan<'_>) -> JavaWorker {
        let folder: &Path = self.folder.path();
        JavaWorker::spawn(&self.artefacts, folder, name, plan).expect("a JVM")
    }

    /// Makes a job of these fields, which runs on demand unless they say otherwise.
    pub(crate) async fn job(&self, name: &str, fields: &Value) -> String {
        let mut job = serde_json::json!({ "name": name, "schedule": { "type": "API" } });
        let fields = fields.as_object().expect("fields").clone();
        job.as_object_mut().expect("an object").extend(fields);
        self.api
            .create_job(&self.app, &job)
            .await
            .expect("the job is accepted")
    }

    /// Waits until an instance has a status.
    pub(crate) async fn until_status(&self, id: &str, status: &str) -> Value {
        eventually(&format!("{id} is {status}"), LIMIT, || async {
            let path = format!("/v1/instances/{id}");
            let instance = self.api.call("GET", &path, &Value::Null).await.ok()?;
            (instance["status"] == status).then_some(instance)
        })
        .await
    }

    /// Waits until the log of an instance has so many lines, and gives them.
    pub(crate) async fn until_lines(&self, id: &str, count: usize) -> Vec<Value> {
        eventually(&format!("{id} has {count} lines"), LIMIT, || async {
            let path = format!("/v1/instances/{id}/log?limit=5000");
            let page = self.api.call("GET", &path, &Value::Null).await.ok()?;
            let lines = page["lines"].as_array()?.clone();
            (lines.len() >= count).then_some(lines)
        })
        .await
    }

    /// The workers of the application, as the API shows them.
    pub(crate) async fn shown_workers(&self) -> Vec<Value> {
        let path = format!("/v1/apps/{}/workers", self.app);
        let workers = self
            .api
            .call("GET", &path, &Value::Null)
            .await
            .expect("the workers");
        workers.as_array().expect("a list").clone()
    }
}

/// Two servers over one PostgreSQL, both running, and an application. They are killed before it.
pub(crate) struct Pair {
    pub(crate) servers: Vec<Cluster>,
    pub(crate) api: Api,
    pub(crate) app: String,
    pub(crate) artefacts: Artefacts,
    pub(crate) folder: TempDir,
    _database: DatabaseServer,
}

impl Pair {
    /// `None` where no Java or no PostgreSQL is.
    pub(crate) async fn start() -> Option<Self> {
        if !java::is_here() {
            return None;
        }
        let Ok(database) = DatabaseServer::start(Kind::Postgres, Durability::Full) else {
            eprintln!("note: no PostgreSQL, so fail-over with Java peers was not tested");
            return None;
        };
        let artefacts = Artefacts::of(LATEST).expect("the artefacts");
        let folder = TempDir::new().expect("a folder");
        let mut servers = Vec::new();
        for node in ["s1", "s2"] {
            let url = database.url(DATABASE);
            let server = Cluster::member(folder.path(), &powerjob(), node, &url);
            let mut server = server.expect("a server");
            server.start_server().await.expect("it starts");
            servers.push(server);
        }
        let api = servers[0].sign_in().await.expect("signed in");
        let (app, _) = api.create_app(APP).await.expect("an application");
        Some(Self {
            servers,
            api,
            app,
            artefacts,
            folder,
            _database: database,
        })
    }
}
