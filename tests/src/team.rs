//! Several servers over one database, with applications, an agent and a job of every second for each;
//! and the check of what they left behind.

use std::path::{Path, PathBuf};
use std::time::Duration;

use powerjob_databases::{DATABASE, DatabaseServer, Durability, Kind};
use sea_orm::{ConnectionTrait, Database, Statement};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::bench::clock::wall_us;
use crate::checker::{
    Outage, Row, end_faults, late_faults, read_rows_of, read_starts, start_faults, trigger_faults,
};
use crate::eventually::eventually;
use crate::process::{Api, Cluster, Process};
use crate::programs::powerjob;
use crate::proxy::Proxy;

/// What anything may take on a busy machine.
pub const LIMIT: Duration = Duration::from_secs(60);
/// A planned hand-over delays no trigger by more than this.
pub const HAND_OVER_MS: i64 = 200;
/// A take-over after a death lasts at most this long.
pub const TAKE_OVER_MS: i64 = 2_000;
/// What a busy machine may add to either: two processors carry a database, three servers, their agents
/// and whatever else runs.
pub const SLACK_MS: i64 = 800;

const NAMES: [&str; 3] = ["s1", "s2", "s3"];

/// What a team is made of.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The database.
    pub kind: Kind,
    /// How many of the three servers are started.
    pub running: usize,
    /// Whether a proxy stands between each server and the database.
    pub proxied: bool,
    /// Who serves.
    pub binary: PathBuf,
    /// Where the database has its data; `None`: wherever temporary files go.
    pub data: Option<PathBuf>,
}

impl Plan {
    /// So many running servers on a database, without proxies.
    pub fn new(kind: Kind, running: usize) -> Self {
        Self {
            kind,
            running,
            proxied: false,
            binary: powerjob(),
            data: None,
        }
    }
}

/// See the head of the file.
#[derive(Debug)]
pub struct Team {
    /// The database.
    pub database: DatabaseServer,
    /// Between each server and the database, if the plan has them.
    pub proxies: Vec<Proxy>,
    /// Three servers, whether started or not; `s1` is the first.
    pub servers: Vec<Cluster>,
    /// The first server's, which answers for all.
    pub api: Api,
    /// The applications.
    pub apps: Vec<String>,
    /// The job of every second of each application.
    pub jobs: Vec<i64>,
    /// The job of each application that runs when it is called; it leaves marks as well.
    pub called: Vec<String>,
    agents: Vec<Process>,
    folder: TempDir,
}

impl Team {
    /// Starts all of it; `None`, with a note, where the machine does not have the database.
    pub async fn start(plan: Plan) -> Option<Self> {
        Self::start_changed(plan, |_| {}).await
    }

    async fn start_changed(plan: Plan, change: impl FnOnce(&mut [Cluster])) -> Option<Self> {
        let started = match &plan.data {
            Some(folder) => DatabaseServer::start_in(plan.kind, Durability::Full, folder),
            None => DatabaseServer::start(plan.kind, Durability::Full),
        };
        let database = match started {
            Ok(database) => database,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                eprintln!(
                    "note: no {:?} on this machine, this test does not run: {error}",
                    plan.kind
                );
                return None;
            }
            Err(error) => panic!("{:?} does not start: {error}", plan.kind),
        };
        let folder = TempDir::new().expect("a folder");
        let mut proxies = Vec::new();
        let mut servers = Vec::new();
        for node in NAMES {
            let mut port = database.port();
            if plan.proxied {
                proxies.push(Proxy::start(port).await.expect("a proxy"));
                port = proxies.last().map_or(port, Proxy::port);
            }
            let url = database.url_through(port, DATABASE);
            let server = Cluster::member(folder.path(), &plan.binary, node, &url);
            servers.push(server.expect("ports"));
        }
        change(&mut servers);
        for server in &mut servers[..plan.running] {
            server.start_server().await.expect("a server starts");
        }
        let api = servers[0].sign_in().await.expect("signed in");
        let mut team = Self {
            database,
            proxies,
            servers,
            api,
            apps: Vec::new(),
            jobs: Vec::new(),
            called: Vec::new(),
            agents: Vec::new(),
            folder,
        };
        for number in 0..NAMES.len() {
            team.add_app(number).await;
        }
        Some(team)
    }

    /// Starts three servers that have one application each.
    pub async fn start_shared_out(plan: Plan) -> Option<Self> {
        Self::start_with(plan, |_| {}).await
    }

    /// As [`Team::start_shared_out`], after a change to the servers.
    pub async fn start_with(plan: Plan, change: impl FnOnce(&mut [Cluster])) -> Option<Self> {
        let team = Self::start_changed(Plan { running: 3, ..plan }, change).await?;
        team.until_shared_out(&NAMES).await;
        team.until_workers().await;
        Some(team)
    }

    async fn add_app(&mut self, number: usize) {
        let name = format!("app{number}");
        let (app, secret) = self.api.create_app(&name).await.expect("an application");
        let doors: Vec<_> = self.servers.iter().map(|it| it.workers.clone()).collect();
        let agent = self.servers[0].start_agent_at(
            &doors.join(","),
            &format!("w{number}"),
            (&name, &secret),
            &[],
        );
        self.agents.push(agent.expect("an agent"));
        self.api.until_workers(&app, 1).await;
        let script = mark_script(&self.marks());
        let mut job = json!({
            "name": "tick", "processorType": "SHELL", "processor": script, "instanceRetries": 10,
            "schedule": { "type": "CRON", "expression": "* * * * * ?" },
        });
        let tick = self.api.create_job(&app, &job).await.expect("a job");
        job["name"] = "called".into();
        job["schedule"] = json!({ "type": "API" });
        let called = self.api.create_job(&app, &job).await.expect("a job");
        self.jobs.push(tick.parse().expect("an id"));
        self.called.push(called);
        self.apps.push(app);
    }

    fn marks(&self) -> PathBuf {
        self.folder.path().join("marks")
    }

    /// The names of the owners by the database: what the servers say of themselves is on trial.
    pub async fn owners(&self) -> Vec<String> {
        let db = Database::connect(self.database.url(DATABASE))
            .await
            .expect("the database");
        let query = "select node_id from pj_app_assignment order by app_id";
        let query = Statement::from_string(db.get_database_backend(), query);
        let rows = db.query_all_raw(query).await.expect("rows");
        let owners = rows.iter();
        owners
            .map(|row| row.try_get("", "node_id").expect("a name"))
            .collect()
    }

    /// Waits until the applications belong to exactly these servers, one each.
    pub async fn until_shared_out(&self, names: &[&str]) {
        eventually(&format!("{names:?} own one each"), LIMIT, || async {
            let mut owners = self.owners().await;
            owners.sort();
            (owners == names).then_some(())
        })
        .await;
    }

    /// Waits until a server owns nothing; the time at which that was seen, epoch milliseconds.
    pub async fn until_without_apps(&self, name: &str) -> i64 {
        eventually(&format!("{name} owns nothing"), LIMIT, || async {
            let owners = self.owners().await;
            owners.iter().all(|owner| owner != name).then(now_ms)
        })
        .await
    }

    /// Waits until the workers of all applications are where the owners are.
    pub async fn until_workers(&self) {
        for app in &self.apps {
            self.api.until_workers(app, 1).await;
        }
    }

    /// The place of a server that has an application and is not the first, which answers requests.
    pub async fn other_owner(&self) -> usize {
        let owners = self.owners().await;
        let owner = owners.iter().find(|owner| *owner != NAMES[0]);
        let place = NAMES
            .iter()
            .position(|name| Some(*name) == owner.map(|it| it.as_str()));
        place.expect("another server has an application")
    }

    /// Asserts that these servers have not ended.
    pub fn assert_alive(&mut self, servers: std::ops::Range<usize>) {
        for server in &mut self.servers[servers] {
            let process = server.server();
            assert!(
                !process.has_ended().expect("its state"),
                "{:?}",
                process.log
            );
        }
    }

    /// Ends the scene and checks what must always hold: from `first_ms` until now each second has its one
    /// run of each job, and it began at most `late_ms` late, outages aside; each run was started once for
    /// each attempt and has its one result.
    pub async fn check(&self, first_ms: i64, outages: &[Outage], late_ms: i64) {
        let last_ms = now_ms() - 1_500;
        let rows = self.finish().await;
        self.judge(&rows, &self.jobs, (first_ms, last_ms), outages, late_ms);
    }

    /// Switches all jobs off and waits for their runs; all runs of the database.
    pub async fn finish(&self) -> Vec<Row> {
        self.switch_off(&self.api, &self.jobs).await;
        self.until_ended().await
    }

    /// Switches jobs off.
    pub async fn switch_off(&self, api: &Api, jobs: &[i64]) {
        for job in jobs {
            let path = format!("/v1/jobs/{job}/disable");
            eventually("the job is switched off", LIMIT, || async {
                api.call("POST", &path, &Value::Null).await.ok()
            })
            .await;
        }
    }

    /// Waits until all runs have ended; all runs of the database.
    pub async fn until_ended(&self) -> Vec<Row> {
        eventually("all runs have ended", LIMIT, || async {
            let rows = read_rows_of(&self.database.url(DATABASE)).await.ok()?;
            rows.iter().all(|row| row.status >= 4).then_some(rows)
        })
        .await
    }

    /// As [`Team::check`], for some of the jobs and what [`Team::finish`] gave.
    pub fn judge(
        &self,
        rows: &[Row],
        jobs: &[i64],
        span: (i64, i64),
        outages: &[Outage],
        late_ms: i64,
    ) {
        let starts = read_starts(&self.marks()).expect("marks");
        let mut faults = start_faults(rows, &starts);
        // What was made ahead and called off when the job was switched off gave its time back.
        let scheduled = |row: &&Row| row.nominal_ms.is_some();
        let rows: Vec<Row> = rows.iter().filter(scheduled).cloned().collect();
        faults.extend(end_faults(&rows));
        faults.extend(trigger_faults(&rows, jobs, span, outages));
        let in_span = |row: &&Row| row.nominal_ms.is_some_and(|at| at > span.0);
        let rows: Vec<Row> = rows.iter().filter(in_span).cloned().collect();
        faults.extend(late_faults(&rows, jobs, late_ms, outages));
        assert_eq!(faults, Vec::<String>::new(), "outages {outages:?}");
    }
}

/// A script that appends "instance attempt" to a file at each start.
pub fn mark_script(marks: &Path) -> String {
    format!(
        "echo \"$POWERJOB_INSTANCE_ID $POWERJOB_ATTEMPT\" >> {}; echo done",
        marks.display()
    )
}

/// Wall time, epoch milliseconds.
pub fn now_ms() -> i64 {
    wall_us() / 1_000
}

/// Lets triggers become due.
pub async fn let_it_tick(seconds: u64) {
    tokio::time::sleep(Duration::from_secs(seconds)).await; // allow-sleep: triggers need their time
}
