//! The product as real processes: a server and agents that a test starts, kills and starts again.

use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use powerjob_databases::free_port;
use serde_json::{Value, json};

use crate::eventually::eventually;
use crate::http::Connection;

/// How long a process may take to come up on a busy machine.
const START_LIMIT: Duration = Duration::from_secs(30);
/// The administrator's password in all tests.
pub const PASSWORD: &str = "correct horse battery staple";

/// A program that is killed when it is dropped.
#[derive(Debug)]
pub struct Process {
    child: Child,
    /// Where its output goes.
    pub log: PathBuf,
}

impl Process {
    /// Starts `command` with its output in `log`.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start(command: &mut Command, log: &Path) -> io::Result<Self> {
        let file = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(log)?;
        command
            .stdin(Stdio::piped()) // open as long as this value lives
            .stdout(file.try_clone()?)
            .stderr(file);
        Ok(Self {
            child: command.spawn()?,
            log: log.to_owned(),
        })
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// `kill -9`, and waits until it is gone.
    ///
    /// # Errors
    /// When it cannot be waited for.
    pub fn kill(&mut self) -> io::Result<()> {
        self.child.kill()?;
        self.child.wait().map(drop)
    }

    /// SIGTERM, and waits for the end; gives the exit code.
    ///
    /// # Errors
    /// When it cannot be signalled or waited for.
    pub fn terminate(&mut self) -> io::Result<Option<i32>> {
        self.signal(rustix::process::Signal::TERM)?;
        Ok(self.child.wait()?.code())
    }

    /// Sends a signal.
    ///
    /// # Errors
    /// When the process is gone.
    pub fn signal(&self, signal: rustix::process::Signal) -> io::Result<()> {
        let pid = rustix::process::Pid::from_child(&self.child);
        Ok(rustix::process::kill_process(pid, signal)?)
    }

    /// Whether it stands still after a SIGSTOP.
    ///
    /// # Errors
    /// When its state cannot be read.
    pub fn is_stopped(&self) -> io::Result<bool> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid()))?;
        Ok(status.lines().any(|line| line.starts_with("State:\tT")))
    }

    /// Whether it has ended by itself.
    ///
    /// # Errors
    /// When its state cannot be read.
    pub fn has_ended(&mut self) -> io::Result<bool> {
        Ok(self.child.try_wait()?.is_some())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if self.child.kill().is_ok() {
            self.child.wait().ok();
        }
    }
}

/// A server with its folder, and the agents that belong to it. When a test fails, it prints what the
/// server said.
#[derive(Debug)]
pub struct Cluster {
    /// Everything lives here.
    pub folder: PathBuf,
    /// `host:port` of the HTTP API.
    pub http: String,
    /// `host:port` for workers.
    pub workers: String,
    /// Variables that the server gets beside those of this process.
    pub environment: Vec<(String, String)>,
    binary: PathBuf,
    server: Option<Process>,
    url: Option<String>,
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let log = std::fs::read_to_string(self.folder.join("server.log")).unwrap_or_default();
            let lines: Vec<_> = log.lines().collect();
            let last = lines.len().saturating_sub(120);
            eprintln!(
                "--- {}\n{}",
                self.folder.display(),
                lines[last..].join("\n")
            );
        }
    }
}

impl Cluster {
    /// A cluster in `folder` on free ports, run by `binary`; nothing is started yet.
    ///
    /// # Errors
    /// When no port is free or the folder cannot be written.
    pub fn new(folder: &Path, binary: &Path) -> io::Result<Self> {
        Self::configured(folder, binary, "s1", "")
    }

    /// The server `node` of several over one database, with a folder of its own inside `folder`.
    ///
    /// # Errors
    /// As [`Cluster::new`].
    pub fn member(folder: &Path, binary: &Path, node: &str, url: &str) -> io::Result<Self> {
        let folder = folder.join(node);
        std::fs::create_dir_all(&folder)?;
        let database = format!("database_url = {url:?}\n");
        let mut member = Self::configured(&folder, binary, node, &database)?;
        member.url = Some(url.to_owned());
        Ok(member)
    }

    /// As [`Cluster::new`], with more lines of the section `[server]` in its configuration.
    ///
    /// # Errors
    /// As [`Cluster::new`].
    pub fn configured(folder: &Path, binary: &Path, node: &str, more: &str) -> io::Result<Self> {
        let (http, workers) = (free_address()?, free_address()?);
        let config = format!(
            "[server]\ndata_dir = {data:?}\nhttp_bind = {http:?}\nworker_bind = {workers:?}\nnode = {node:?}\nadmin_password = {PASSWORD:?}\n{more}",
            data = folder.join("data").display().to_string(),
        );
        std::fs::write(folder.join("powerjob.toml"), config)?;
        let folder = folder.to_owned();
        Ok(Self {
            folder,
            http,
            workers,
            environment: Vec::new(),
            binary: binary.to_owned(),
            server: None,
            url: None,
        })
    }

    /// Starts the server and waits until it is ready.
    ///
    /// # Errors
    /// When the process cannot be started.
    pub async fn start_server(&mut self) -> io::Result<()> {
        self.start_server_with(&[]).await?;
        self.until_ready().await;
        Ok(())
    }

    /// Starts the server with variables of the environment; does not wait.
    ///
    /// # Errors
    /// When the process cannot be started.
    pub async fn start_server_with(&mut self, environment: &[(&str, &str)]) -> io::Result<()> {
        let mut command = Command::new(&self.binary);
        command
            .arg("server")
            .arg("--config")
            .arg(self.folder.join("powerjob.toml"));
        let own = self.environment.iter();
        command
            .envs(own.map(|(name, value)| (name, value)))
            .envs(environment.iter().copied())
            .current_dir(&self.folder);
        self.server = Some(Process::start(
            &mut command,
            &self.folder.join("server.log"),
        )?);
        Ok(())
    }

    /// Waits until the server says that it is ready.
    pub async fn until_ready(&self) {
        eventually("the server is ready", START_LIMIT, || async {
            let answer = Connection::open(&self.http, "")
                .await
                .ok()?
                .call("GET", "/ready", b"")
                .await;
            (answer.ok()?.status == 200).then_some(())
        })
        .await;
    }

    /// The running server.
    ///
    /// # Panics
    /// When there is none.
    pub fn server(&mut self) -> &mut Process {
        self.server.as_mut().expect("a server was started")
    }

    /// `kill -9` of the server.
    ///
    /// # Errors
    /// When it cannot be waited for.
    pub fn kill_server(&mut self) -> io::Result<()> {
        self.server
            .take()
            .map_or(Ok(()), |mut server| server.kill())
    }

    /// Starts an agent of `app` with a work folder that bears its name.
    ///
    /// # Errors
    /// When the process cannot be started.
    pub fn start_agent(
        &self,
        name: &str,
        app: &str,
        secret: &str,
        environment: &[(&str, &str)],
    ) -> io::Result<Process> {
        self.start_agent_at(&self.workers, name, (app, secret), environment)
    }

    /// Starts an agent that knows these servers, separated by commas.
    ///
    /// # Errors
    /// When the process cannot be started.
    pub fn start_agent_at(
        &self,
        servers: &str,
        name: &str,
        (app, secret): (&str, &str),
        environment: &[(&str, &str)],
    ) -> io::Result<Process> {
        let mut command = Command::new(&self.binary);
        command.args(["agent", "--server", servers, "--app", app, "--name", name]);
        command.arg("--work-dir").arg(self.folder.join(name));
        command
            .env("POWERJOB_SECRET", secret)
            .envs(environment.iter().copied());
        command.current_dir(&self.folder);
        Process::start(&mut command, &self.folder.join(format!("{name}.log")))
    }

    /// Signs in as administrator.
    ///
    /// # Errors
    /// When the server does not let us in.
    pub async fn sign_in(&self) -> io::Result<Api> {
        let body = json!({ "account": "ADMIN", "password": PASSWORD }).to_string();
        let mut connection = Connection::open(&self.http, "").await?;
        let answer = connection
            .call("POST", "/v1/session", body.as_bytes())
            .await?
            .json()?;
        let token = answer["token"]
            .as_str()
            .ok_or_else(|| io::Error::other(answer.to_string()))?;
        Ok(Api {
            address: self.http.clone(),
            token: token.to_owned(),
        })
    }

    /// The database of the server.
    pub fn database_url(&self) -> String {
        match &self.url {
            Some(url) => url.clone(),
            None => format!("sqlite:{}?mode=rw", self.database().display()),
        }
    }

    /// The SQLite file of the server.
    pub fn database(&self) -> PathBuf {
        self.folder.join("data").join("powerjob.db")
    }
}

/// The HTTP API with a token; each call has a connection of its own, so a server may come and go.
#[derive(Debug, Clone)]
pub struct Api {
    /// `host:port`.
    pub address: String,
    /// The session.
    pub token: String,
}

impl Api {
    /// A call that must succeed; `Null` for an empty answer.
    ///
    /// # Errors
    /// When the server is away or answers with a problem, which is in the text.
    pub async fn call(&self, method: &str, path: &str, body: &Value) -> io::Result<Value> {
        let body = if body.is_null() {
            String::new()
        } else {
            body.to_string()
        };
        let mut connection = Connection::open(&self.address, &self.token).await?;
        let answer = connection.call(method, path, body.as_bytes()).await?;
        if answer.status >= 400 {
            let text = String::from_utf8_lossy(&answer.body).into_owned();
            return Err(io::Error::other(format!(
                "{method} {path}: {} {text}",
                answer.status
            )));
        }
        if answer.body.is_empty() {
            Ok(Value::Null)
        } else {
            answer.json()
        }
    }

    /// Makes an application; gives its id and the secret of its workers.
    ///
    /// # Errors
    /// Those of [`Api::call`].
    pub async fn create_app(&self, name: &str) -> io::Result<(String, String)> {
        let answer = self
            .call("POST", "/v1/apps", &json!({ "name": name }))
            .await?;
        Ok((text(&answer["app"]["id"]), text(&answer["workerSecret"])))
    }

    /// Makes a job from the fields given; the others have their defaults.
    ///
    /// # Errors
    /// Those of [`Api::call`].
    pub async fn create_job(&self, app: &str, job: &Value) -> io::Result<String> {
        Ok(text(
            &self
                .call("POST", &format!("/v1/apps/{app}/jobs"), job)
                .await?["id"],
        ))
    }

    /// Runs a job; gives the instance.
    ///
    /// # Errors
    /// Those of [`Api::call`].
    pub async fn run(&self, job: &str, params: &str) -> io::Result<String> {
        let path = format!("/v1/jobs/{job}/runs");
        Ok(text(
            &self
                .call("POST", &path, &json!({ "params": params }))
                .await?["instanceId"],
        ))
    }

    /// Waits until an instance has ended and gives it.
    pub async fn until_ended(&self, instance: &str, limit: Duration) -> Value {
        eventually(&format!("instance {instance} ends"), limit, || async {
            let path = format!("/v1/instances/{instance}");
            let answer = self.call("GET", &path, &Value::Null).await.ok()?;
            let ended = ["SUCCEED", "FAILED", "STOPPED", "CANCELED"];
            ended
                .contains(&answer["status"].as_str()?)
                .then_some(answer)
        })
        .await
    }

    /// Waits until `count` workers of an application are online.
    pub async fn until_workers(&self, app: &str, count: usize) {
        eventually(&format!("{count} workers online"), START_LIMIT, || async {
            let path = format!("/v1/apps/{app}/workers");
            let workers = self.call("GET", &path, &Value::Null).await.ok()?;
            let online = workers
                .as_array()?
                .iter()
                .filter(|worker| worker["state"] == "ONLINE");
            (online.count() == count).then_some(())
        })
        .await;
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn free_address() -> io::Result<String> {
    Ok(format!("127.0.0.1:{}", free_port()?))
}
