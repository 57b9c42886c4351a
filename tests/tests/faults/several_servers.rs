//! Three servers over one PostgreSQL: joining, leaving, killed, frozen, and without their database.
//! Every second each job has its one run, whoever owns its application.

use std::time::Duration;

use powerjob_databases::{DATABASE, DatabaseServer, Durability, Kind};
use powerjob_tests::bench::clock::wall_us;
use powerjob_tests::checker::{Outage, Row, late_faults, read_rows_of, trigger_faults};
use powerjob_tests::eventually::eventually;
use powerjob_tests::process::{Api, Cluster, Process};
use powerjob_tests::programs::powerjob;
use rustix::process::Signal;
use serde_json::{Value, json};
use tempfile::TempDir;

const APPS: usize = 3;
const LIMIT: Duration = Duration::from_secs(30);
/// A planned hand-over delays no trigger by more than this.
const HAND_OVER_MS: i64 = 200;
/// A take-over after a death lasts at most this long.
const TAKE_OVER_MS: i64 = 2_000;
/// What a busy machine may add to either.
const SLACK_MS: i64 = 800;

/// Servers, applications with an agent and a job each.
struct Stage {
    database: DatabaseServer,
    servers: Vec<Cluster>,
    api: Api,
    apps: Vec<String>,
    jobs: Vec<i64>,
    agents: Vec<Process>,
    folder: TempDir,
}

impl Stage {
    /// Starts the first `running` of three servers, and everything else; `None` without PostgreSQL.
    async fn set(running: usize) -> Option<Self> {
        let database = match DatabaseServer::start(Kind::Postgres, Durability::Full) {
            Ok(database) => database,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                eprintln!("note: no PostgreSQL on this machine, this test does not run: {error}");
                return None;
            }
            Err(error) => panic!("PostgreSQL does not start: {error}"),
        };
        let folder = TempDir::new().expect("a folder");
        let url = database.url(DATABASE);
        let mut servers: Vec<_> = ["s1", "s2", "s3"]
            .map(|node| Cluster::member(folder.path(), &powerjob(), node, &url).expect("ports"))
            .into();
        for server in &mut servers[..running] {
            server.start_server().await.expect("a server starts");
        }
        let api = servers[0].sign_in().await.expect("signed in");
        let mut stage = Self {
            database,
            servers,
            api,
            apps: Vec::new(),
            jobs: Vec::new(),
            agents: Vec::new(),
            folder,
        };
        for number in 0..APPS {
            stage.add_app(number).await;
        }
        Some(stage)
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
        let marks = self.folder.path().join("marks");
        let script = format!(
            "echo \"$POWERJOB_INSTANCE_ID $POWERJOB_ATTEMPT\" >> {}; echo done",
            marks.display()
        );
        let job = json!({
            "name": "tick", "processorType": "SHELL", "processor": script, "instanceRetries": 10,
            "schedule": { "type": "CRON", "expression": "* * * * * ?" },
        });
        let job = self.api.create_job(&app, &job).await.expect("a job");
        self.jobs.push(job.parse().expect("an id"));
        self.apps.push(app);
    }

    /// The names of the owners by the database: what the servers say of themselves is on trial.
    async fn owners(&self) -> Vec<String> {
        use sea_orm::{ConnectionTrait, Database, Statement};
        let db = Database::connect(self.database.url(DATABASE))
            .await
            .expect("the database");
        let query = "select node_id from pj_app_assignment order by app_id";
        let query = Statement::from_string(db.get_database_backend(), query);
        let rows = db.query_all_raw(query).await.expect("rows");
        rows.iter()
            .map(|row| row.try_get("", "node_id").expect("a name"))
            .collect()
    }

    /// Waits until the applications belong to exactly these servers, one each.
    async fn until_shared_out(&self, names: &[&str]) {
        eventually(&format!("{names:?} own one each"), LIMIT, || async {
            let mut owners = self.owners().await;
            owners.sort();
            (owners == names).then_some(())
        })
        .await;
    }

    /// Waits until the workers of all applications are where the owners are.
    async fn until_workers(&self) {
        for app in &self.apps {
            self.api.until_workers(app, 1).await;
        }
    }

    fn server_of(&self, owner: &str) -> usize {
        owner
            .trim_start_matches('s')
            .parse::<usize>()
            .expect("a number")
            - 1
    }

    /// Switches all jobs off, waits for their runs, and checks what must always hold.
    async fn check(&self, first_ms: i64, outages: &[Outage], late_limit_ms: i64) {
        let last_ms = now_ms() - 1_500;
        for job in &self.jobs {
            let path = format!("/v1/jobs/{job}/disable");
            self.api
                .call("POST", &path, &Value::Null)
                .await
                .expect("switched off");
        }
        let rows = eventually("all runs have ended", LIMIT, || async {
            let rows = read_rows_of(&self.database.url(DATABASE)).await.ok()?;
            rows.iter().all(|row| row.status >= 4).then_some(rows)
        })
        .await;
        // What was made ahead and called off when the job was switched off gave its time back.
        let rows: Vec<Row> = rows
            .into_iter()
            .filter(|row| row.nominal_ms.is_some())
            .collect();
        let faults = trigger_faults(&rows, &self.jobs, (first_ms, last_ms), outages);
        assert_eq!(faults, Vec::<String>::new());
        let in_span = |row: &&Row| row.nominal_ms.is_some_and(|at| at > first_ms);
        let rows: Vec<Row> = rows.iter().filter(in_span).cloned().collect();
        let faults = late_faults(&rows, &self.jobs, late_limit_ms + SLACK_MS, outages);
        assert_eq!(faults, Vec::<String>::new());
        self.check_marks();
    }

    fn check_marks(&self) {
        let text = std::fs::read_to_string(self.folder.path().join("marks")).expect("marks");
        let starts: Vec<&str> = text.lines().collect();
        let different: std::collections::HashSet<_> = starts.iter().collect();
        assert_eq!(
            different.len(),
            starts.len(),
            "a run was started twice under one attempt"
        );
    }
}

fn now_ms() -> i64 {
    wall_us() / 1_000
}

async fn let_it_tick(seconds: u64) {
    tokio::time::sleep(Duration::from_secs(seconds)).await; // allow-sleep: triggers need their time
}

#[tokio::test]
async fn applications_move_when_servers_join_and_leave_and_no_trigger_is_late() {
    let Some(mut stage) = Stage::set(1).await else {
        return;
    };
    let first_ms = now_ms() + 1_000;
    let_it_tick(2).await;
    for joining in 1..3 {
        stage.servers[joining]
            .start_server()
            .await
            .expect("a server starts");
        let_it_tick(2).await;
    }
    stage.until_shared_out(&["s1", "s2", "s3"]).await;
    let_it_tick(2).await;
    // Any server answers any request.
    for server in &stage.servers {
        let api = Api {
            address: server.http.clone(),
            token: stage.api.token.clone(),
        };
        for (app, job) in stage.apps.iter().zip(&stage.jobs) {
            api.until_workers(app, 1).await;
            let run = api
                .run(&job.to_string(), "by hand")
                .await
                .expect("accepted");
            assert_eq!(api.until_ended(&run, LIMIT).await["status"], "SUCCEED");
        }
    }
    let ended = stage.servers[2].server().terminate().expect("ended");
    assert_eq!(ended, Some(0));
    assert!(
        stage.owners().await.iter().all(|owner| owner != "s3"),
        "nothing is left with s3"
    );
    let_it_tick(3).await;
    stage.until_workers().await;
    stage.check(first_ms, &[], HAND_OVER_MS).await;
}

#[tokio::test]
async fn applications_of_a_killed_server_are_taken_over_in_time() {
    let Some(mut stage) = Stage::set(3).await else {
        return;
    };
    stage.until_shared_out(&["s1", "s2", "s3"]).await;
    stage.until_workers().await;
    let first_ms = now_ms() + 1_000;
    let_it_tick(3).await;
    let killed_at = now_ms();
    stage.servers[1].kill_server().expect("killed");
    eventually("s2 owns nothing", LIMIT, || async {
        stage
            .owners()
            .await
            .iter()
            .all(|owner| owner != "s2")
            .then_some(())
    })
    .await;
    let taken_after = now_ms() - killed_at;
    assert!(
        taken_after <= TAKE_OVER_MS + SLACK_MS,
        "taken over after {taken_after} ms"
    );
    let_it_tick(4).await;
    stage.until_workers().await;
    let outage = Outage {
        from_ms: killed_at,
        to_ms: killed_at + TAKE_OVER_MS,
    };
    stage.check(first_ms, &[outage], HAND_OVER_MS).await;
}

#[tokio::test]
async fn a_server_that_stood_still_beyond_its_lease_does_no_harm_and_comes_back() {
    let Some(mut stage) = Stage::set(3).await else {
        return;
    };
    stage.until_shared_out(&["s1", "s2", "s3"]).await;
    stage.until_workers().await;
    let first_ms = now_ms() + 1_000;
    let_it_tick(3).await;
    let owners = stage.owners().await;
    let frozen = stage.server_of(owners.iter().find(|owner| *owner != "s1").expect("another"));
    let name = format!("s{}", frozen + 1);
    let frozen_at = now_ms();
    stage.servers[frozen]
        .server()
        .signal(Signal::STOP)
        .expect("stopped");
    eventually("its applications are taken over", LIMIT, || async {
        stage
            .owners()
            .await
            .iter()
            .all(|owner| *owner != name)
            .then_some(())
    })
    .await;
    let_it_tick(3).await;
    stage.servers[frozen]
        .server()
        .signal(Signal::CONT)
        .expect("goes on");
    stage.until_shared_out(&["s1", "s2", "s3"]).await;
    assert!(
        !stage.servers[frozen]
            .server()
            .has_ended()
            .expect("its state")
    );
    let_it_tick(3).await;
    stage.until_workers().await;
    let outage = Outage {
        from_ms: frozen_at,
        to_ms: frozen_at + TAKE_OVER_MS + SLACK_MS,
    };
    stage.check(first_ms, &[outage], HAND_OVER_MS).await;
}

#[tokio::test]
async fn after_a_restart_of_the_database_the_servers_go_on() {
    let Some(mut stage) = Stage::set(2).await else {
        return;
    };
    stage.until_workers().await;
    let first_ms = now_ms() + 1_000;
    let_it_tick(3).await;
    let killed_at = now_ms();
    stage.database.kill().expect("killed");
    let_it_tick(3).await;
    stage.database.start_again().expect("started again");
    let back_at = now_ms();
    let_it_tick(5).await;
    stage.until_workers().await;
    let outage = Outage {
        from_ms: killed_at - 1_000,
        to_ms: back_at + TAKE_OVER_MS,
    };
    for server in &mut stage.servers[..2] {
        assert!(!server.server().has_ended().expect("its state"));
    }
    stage.check(first_ms, &[outage], HAND_OVER_MS).await;
}
