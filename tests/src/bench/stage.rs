//! A server and a worker as processes of their own, for one run of a benchmark.

use std::io::{self, BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use powerjob_databases::DatabaseServer;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::clock::{monotonic, wall_us};
use super::cost::{Cost, metric};
use crate::http::Connection;
use crate::process::{Api, Cluster, Process};

/// The programs under test.
#[derive(Debug, Clone)]
pub struct Programs {
    /// The `powerjob` binary.
    pub powerjob: std::path::PathBuf,
    /// The `bench_worker` binary.
    pub worker: std::path::PathBuf,
}

/// Where the server keeps its data.
#[derive(Debug, Clone, Copy)]
pub enum Place<'a> {
    /// The embedded database, in the server's folder.
    Sqlite,
    /// A fresh schema of a running PostgreSQL.
    Postgres(&'a DatabaseServer),
}

impl Place<'_> {
    /// For the name of a figure.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sqlite => "SQLite",
            Self::Postgres(_) => "PostgreSQL",
        }
    }
}

/// A running server with one application and one worker.
#[derive(Debug)]
pub struct Stage {
    /// The server.
    pub cluster: Cluster,
    /// Signed in as administrator.
    pub api: Api,
    /// The application.
    pub app: String,
    /// For those who look into the database themselves.
    pub database_url: String,
    secret: String,
    worker: BenchWorker,
    more_workers: Vec<BenchWorker>,
    folder: TempDir,
}

/// A server that was started again.
#[derive(Debug)]
pub struct Refilled<T> {
    /// What the filling gave.
    pub filled: T,
    /// The start of the process, epoch milliseconds.
    pub started_ms: i64,
    /// From there until it was ready, in milliseconds.
    pub ready_ms: f64,
}

/// The benchmark's worker process.
#[derive(Debug)]
struct BenchWorker {
    child: Child,
    ask: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Drop for BenchWorker {
    fn drop(&mut self) {
        if self.child.kill().is_ok() {
            self.child.wait().ok();
        }
    }
}

impl Stage {
    /// Starts everything in a new folder and waits until the worker is online.
    ///
    /// # Errors
    /// When a process cannot be started or the API refuses.
    pub async fn set_up(programs: &Programs, place: Place<'_>) -> io::Result<Self> {
        let folder = TempDir::new()?;
        let mut cluster = match place {
            Place::Sqlite => Cluster::new(folder.path(), &programs.powerjob)?,
            Place::Postgres(server) => {
                let url = server.fresh().await.map_err(io::Error::other)?;
                Cluster::member(folder.path(), &programs.powerjob, "s1", &url)?
            }
        };
        let database_url = cluster.database_url();
        cluster.start_server().await?;
        let api = cluster.sign_in().await?;
        let (app, secret) = api.create_app("bench").await?;
        let worker = start_worker(
            &programs.worker,
            (&cluster.workers, &secret, "bench"),
            folder.path(),
        )?;
        api.until_workers(&app, 1).await;
        Ok(Self {
            cluster,
            api,
            app,
            database_url,
            secret,
            worker,
            more_workers: Vec::new(),
            folder,
        })
    }

    /// Makes a job for one of the processors of `bench_worker`.
    ///
    /// # Errors
    /// Those of the API.
    pub async fn job(&self, name: &str, processor: &str, schedule: &Value) -> io::Result<String> {
        let job = json!({ "name": name, "processor": processor, "schedule": schedule });
        self.api.create_job(&self.app, &job).await
    }

    /// What the worker noted since the last call.
    ///
    /// # Errors
    /// When the worker is gone.
    pub fn noted(&mut self) -> io::Result<Value> {
        self.worker.ask.write_all(b"\n")?;
        let mut line = String::new();
        self.worker.answers.read_line(&mut line)?;
        serde_json::from_str(&line).map_err(io::Error::other)
    }

    /// Ends the server, so that its database can be filled, and starts it again.
    ///
    /// # Errors
    /// When it does not end or start, and those of `fill`.
    pub async fn refill<T, F, E>(&mut self, fill: F) -> io::Result<Refilled<T>>
    where
        F: Future<Output = Result<T, E>>,
        E: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        self.cluster.server().terminate()?;
        let filled = fill.await.map_err(io::Error::other)?;
        let (begun, started_ms) = (monotonic(), wall_us() / 1_000);
        self.cluster.start_server().await?;
        let ready_ms = (monotonic() - begun).as_secs_f64() * 1e3;
        self.api.until_workers(&self.app, 1).await;
        Ok(Refilled {
            filled,
            started_ms,
            ready_ms,
        })
    }

    /// Process id of the server.
    pub fn server_pid(&mut self) -> u32 {
        self.cluster.server().pid()
    }

    /// Process id of the worker.
    pub fn worker_pid(&self) -> u32 {
        self.worker.child.id()
    }

    /// Waits until the worker has carried out `runs` runs since the last call, and then until the
    /// server knows the end of each. The server is asked rarely: the asking must not be the load.
    ///
    /// # Errors
    /// When the server or the worker goes away.
    pub async fn until_done(&mut self, runs: u64) -> io::Result<()> {
        let mut seen = 0;
        while seen < runs {
            seen += self.noted()?["runs"].as_u64().unwrap_or_default();
            tokio::time::sleep(Duration::from_millis(2)).await; // allow-sleep: the pace of the asking
        }
        self.until_idle().await
    }

    /// Waits until no instance of the application is open.
    ///
    /// # Errors
    /// When the server goes away.
    pub async fn until_idle(&self) -> io::Result<()> {
        self.until_open(0).await
    }

    /// Waits until so many instances of the application, the only one of the server, are open.
    ///
    /// The server's own count is asked first: that of the API reads the rows, and would be the
    /// greater part of what is measured.
    ///
    /// # Errors
    /// When the server goes away.
    pub async fn until_open(&self, instances: u64) -> io::Result<()> {
        while self.metric("powerjob_runs_open").await? != instances as f64
            || self.open_instances().await? != instances
        {
            tokio::time::sleep(Duration::from_millis(10)).await; // allow-sleep: the pace of the asking
        }
        Ok(())
    }

    /// Instances of the application that have not ended.
    ///
    /// # Errors
    /// When the server goes away.
    pub async fn open_instances(&self) -> io::Result<u64> {
        let app = self
            .api
            .call("GET", &format!("/v1/apps/{}", self.app), &Value::Null)
            .await?;
        app["health"]["openInstances"]
            .as_u64()
            .ok_or_else(|| io::Error::other(app.to_string()))
    }

    /// What the server has cost so far.
    ///
    /// # Errors
    /// When the server goes away.
    pub async fn cost(&mut self) -> io::Result<Cost> {
        let pid = self.server_pid();
        Cost::of(pid, &self.api.address, &self.api.token).await
    }

    /// A number of the server's metrics that has no labels.
    ///
    /// # Errors
    /// When the server goes away or has no such metric.
    pub async fn metric(&self, name: &str) -> io::Result<f64> {
        metric(&self.api.address, &self.api.token, name).await
    }

    /// One more worker with the processors of the benchmarks; waits until it is online.
    ///
    /// # Errors
    /// When it cannot be started.
    pub async fn add_worker(&mut self, programs: &Programs, name: &str) -> io::Result<()> {
        let place = (&*self.cluster.workers, &*self.secret, name);
        let worker = start_worker(&programs.worker, place, self.folder.path())?;
        self.more_workers.push(worker);
        let workers = self.more_workers.len() + 1;
        self.api.until_workers(&self.app, workers).await;
        Ok(())
    }

    /// One more worker, the ready-made agent.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start_agent(&self, name: &str) -> io::Result<Process> {
        self.cluster.start_agent(name, "bench", &self.secret, &[])
    }
}

fn start_worker(
    program: &Path,
    (server, secret, name): (&str, &str, &str),
    folder: &Path,
) -> io::Result<BenchWorker> {
    let log = std::fs::File::create(folder.join(format!("{name}-worker.log")))?;
    let mut child = Command::new(program)
        .args([server, "bench", secret, name])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(log)
        .current_dir(folder)
        .spawn()?;
    let gone = || io::Error::other("the worker has no pipes");
    let ask = child.stdin.take().ok_or_else(gone)?;
    let answers = BufReader::new(child.stdout.take().ok_or_else(gone)?);
    Ok(BenchWorker {
        child,
        ask,
        answers,
    })
}

/// Time from the start of a server on an empty folder to its first answer, in milliseconds.
///
/// # Errors
/// When it cannot be started.
pub async fn cold_start_ms(programs: &Programs) -> io::Result<f64> {
    let folder = TempDir::new()?;
    let mut cluster = Cluster::new(folder.path(), &programs.powerjob)?;
    let start = monotonic();
    cluster.start_server_with(&[]).await?;
    loop {
        if let Ok(mut connection) = Connection::open(&cluster.http, "").await
            && connection
                .call("GET", "/ready", b"")
                .await
                .is_ok_and(|answer| answer.status == 200)
        {
            return Ok((monotonic() - start).as_secs_f64() * 1e3);
        }
        tokio::time::sleep(Duration::from_millis(1)).await; // allow-sleep: the pace of the asking
    }
}
