//! What the death of a server or of a worker costs, and what a worker costs.

use std::time::Duration;

use powerjob_databases::DatabaseServer;
use powerjob_tests::bench::clock::wall_us;
use powerjob_tests::bench::fill;
use powerjob_tests::bench::memory::own_mib;
use powerjob_tests::bench::stage::{Place, Programs, Stage};
use powerjob_tests::bench::stats::Figure;
use powerjob_tests::eventually::eventually;
use powerjob_tests::process::Cluster;
use serde_json::{Value, json};

use super::{Outcome, Plan};

const LIMIT: Duration = Duration::from_secs(30);
/// Jobs of every second that a server has when it dies.
const JOBS: usize = 20;

/// `kill -9` of the server that owns the application, with a second one beside it: how late the
/// latest run of its jobs started.
pub(super) async fn of_server(plan: &Plan, database: &DatabaseServer) -> Outcome<Figure> {
    let mut latest = Vec::new();
    for _ in 0..plan.runs {
        let folder = tempfile::TempDir::new()?;
        latest.push(kill_owner(&plan.programs, database, folder.path()).await?);
    }
    Ok(Figure::new(
        "fail-over of a server, latest start, PostgreSQL",
        "ms",
        "<= 2000",
        latest,
    ))
}

async fn kill_owner(
    programs: &Programs,
    database: &DatabaseServer,
    folder: &std::path::Path,
) -> Outcome<f64> {
    let url = database.fresh().await?;
    let mut first = Cluster::member(folder, &programs.powerjob, "s1", &url)?;
    first.start_server().await?;
    let api = first.sign_in().await?;
    let (app, secret) = api.create_app("bench").await?;
    let mut second = Cluster::member(folder, &programs.powerjob, "s2", &url)?;
    second.start_server().await?;
    let servers = format!("{},{}", first.workers, second.workers);
    let _agent = first.start_agent_at(&servers, "w1", ("bench", &secret), &[])?;
    api.until_workers(&app, 1).await;
    for number in 0..JOBS {
        let job = json!({
            "name": format!("tick-{number}"), "processor": "sleep", "params": "{\"ms\": 0}",
            "schedule": { "type": "CRON", "expression": "* * * * * ?" },
        });
        api.create_job(&app, &job).await?;
    }
    let ended = "select count(*) from instance_info where status = 5";
    until_more(&url, ended, JOBS as i64 * 2).await;
    let owner = "select count(*) from pj_app_assignment where node_id = 's1' and app_id > 0";
    let killed_ms = wall_us() / 1_000;
    let survivor = if fill::number(&url, owner).await? > 0 {
        first.kill_server()?;
        &second
    } else {
        second.kill_server()?;
        &first
    };
    let later = format!("{ended} and pj_trigger_key > {}", killed_ms + 5_000);
    until_more(&url, &later, JOBS as i64).await;
    survivor.until_ready().await;
    let latest = format!(
        "select max(pj_started_at - pj_trigger_key) from instance_info \
         where status = 5 and pj_trigger_key > {}",
        killed_ms - 2_000
    );
    Ok(fill::number(&url, &latest).await? as f64)
}

async fn until_more(url: &str, query: &str, wanted: i64) {
    eventually(query, LIMIT, || async {
        let found = fill::number(url, query).await.ok()?;
        (found >= wanted).then_some(())
    })
    .await;
}

/// `kill -9` of the worker that has a run, with a second one beside it: until the run is started
/// there.
pub(super) async fn of_worker(plan: &Plan) -> Outcome<Figure> {
    let mut times = Vec::new();
    for _ in 0..plan.runs {
        let folder = tempfile::TempDir::new()?;
        let mut cluster = Cluster::new(folder.path(), &plan.programs.powerjob)?;
        cluster.start_server().await?;
        let api = cluster.sign_in().await?;
        let (app, secret) = api.create_app("bench").await?;
        let mut agents = Vec::new();
        for name in ["w1", "w2"] {
            agents.push((name, cluster.start_agent(name, "bench", &secret, &[])?));
        }
        api.until_workers(&app, 2).await;
        let job = json!({
            "name": "long", "processor": "sleep", "params": "{\"ms\": 60000}",
            "schedule": { "type": "API" }, "instanceRetries": 1, "retry": { "delayMs": 0 },
        });
        let job = api.create_job(&app, &job).await?;
        let path = format!("/v1/instances/{}", api.run(&job, "").await?);
        let running = async |attempt: u64| {
            eventually("the run is running", LIMIT, || async {
                let answer = api.call("GET", &path, &Value::Null).await.ok()?;
                let is_so = answer["status"] == "RUNNING" && answer["attempt"] == attempt;
                is_so.then_some(answer)
            })
            .await
        };
        let worker = running(1).await["worker"].clone();
        let (_, agent) = agents
            .iter_mut()
            .find(|(name, _)| worker.as_str().is_some_and(|worker| worker.contains(name)))
            .ok_or_else(|| format!("no agent is {worker}"))?;
        let killed_ms = wall_us() / 1_000;
        agent.kill()?;
        let again = running(2).await["startedAt"].as_i64().unwrap_or(i64::MAX);
        times.push((again - killed_ms) as f64);
    }
    Ok(Figure::new(
        "fail-over of a worker, kill -> start elsewhere",
        "ms",
        "<= 2000",
        times,
    ))
}

/// Lets the memory of signing in go.
async fn settle() {
    tokio::time::sleep(Duration::from_secs(3)).await; // allow-sleep: idling is measured
}

/// Server memory for each connected worker.
pub(super) async fn memory_of_workers(plan: &Plan) -> Outcome<Figure> {
    let workers = if plan.quick { 20 } else { 100 };
    let mut values = Vec::new();
    for _ in 0..plan.runs {
        let mut stage = Stage::set_up(&plan.programs, Place::Sqlite).await?;
        settle().await;
        let before = own_mib(stage.server_pid())?;
        let mut agents = Vec::new();
        for number in 0..workers {
            agents.push(stage.start_agent(&format!("w{number}"))?);
        }
        stage.api.until_workers(&stage.app, workers + 1).await;
        settle().await;
        let after = own_mib(stage.server_pid())?;
        values.push((after - before) * 1024.0 / workers as f64);
    }
    let name = format!("server memory a worker, {workers} agents");
    Ok(Figure::new(&name, "KiB", "", values))
}
