//! How long the sub-tasks of a killed worker stand still: an executor's, and a master's.

use std::process::Command;
use std::time::Duration;

use powerjob_tests::bench::clock::wall_us;
use powerjob_tests::bench::stats::Figure;
use powerjob_tests::eventually::eventually;
use powerjob_tests::process::{Api, Cluster, Process};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{Outcome, Plan};

const LIMIT: Duration = Duration::from_secs(60);
/// Sub-tasks, all of which run at once, and do not end.
const TASKS: u64 = 8;

/// Who is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Victim {
    Executor,
    Master,
}

impl Victim {
    /// The name of the figure.
    pub(super) fn figure(self) -> &'static str {
        match self {
            Self::Executor => "sub-tasks of a killed executor, kill -> all run elsewhere",
            Self::Master => "sub-tasks of a killed master, kill -> all run elsewhere",
        }
    }

    fn wanted(self) -> &'static str {
        match self {
            Self::Executor => "<= 2000",
            Self::Master => "<= 3000",
        }
    }
}

/// Milliseconds from `kill -9` of one of two workers until the other one runs all sub-tasks.
pub(super) async fn of(plan: &Plan, victim: Victim) -> Outcome<Figure> {
    let mut times = Vec::new();
    for _ in 0..plan.runs {
        times.push(once(plan, victim).await?);
    }
    Ok(Figure::new(victim.figure(), "ms", victim.wanted(), times))
}

async fn once(plan: &Plan, victim: Victim) -> Outcome<f64> {
    let folder = TempDir::new()?;
    let mut cluster = Cluster::new(folder.path(), &plan.programs.powerjob)?;
    cluster.start_server().await?;
    let api = cluster.sign_in().await?;
    let (app, secret) = api.create_app("bench").await?;
    let mut workers = Vec::new();
    for name in ["w1", "w2"] {
        let mut command = Command::new(&plan.programs.worker);
        command.args([&cluster.workers, "bench", &secret, name]);
        let log = folder.path().join(format!("{name}.log"));
        workers.push((name, Process::start(&mut command, &log)?));
    }
    api.until_workers(&app, 2).await;
    let job = json!({
        "name": "long", "processor": "spread", "executeType": "MAP", "concurrency": TASKS,
        "params": json!({ "tasks": TASKS, "ms": 600_000 }).to_string(),
        "schedule": { "type": "API" },
    });
    let job = api.create_job(&app, &job).await?;
    let instance = api.run(&job, "").await?;
    let tasks = until_all_run(&api, &instance, None).await;
    let master = tasks["workers"][0]["name"]
        .as_str()
        .unwrap_or("")
        .to_owned();
    let is_victim = |name: &str| (name == master) == (victim == Victim::Master);
    let survivor = workers.iter().find(|(name, _)| !is_victim(name));
    let survivor = survivor.map(|(name, _)| *name).ok_or("two workers")?;
    for (_, process) in workers.iter_mut().filter(|(name, _)| is_victim(name)) {
        process.kill()?;
    }
    let killed_us = wall_us();
    until_all_run(&api, &instance, Some(survivor)).await;
    let time = (wall_us() - killed_us) as f64 / 1e3;
    let kill = format!("/v1/instances/{instance}/kill");
    api.call("POST", &kill, &json!({})).await?;
    Ok(time)
}

/// The tasks as soon as all of them run: at one worker, if it is named.
async fn until_all_run(api: &Api, instance: &str, at: Option<&str>) -> Value {
    eventually("all tasks run", LIMIT, || async {
        let path = format!("/v1/instances/{instance}/tasks");
        let tasks = api.call("GET", &path, &Value::Null).await.ok()?;
        let workers = tasks["workers"].as_array()?;
        let wanted = workers.iter().filter(|worker| match at {
            Some(name) => worker["name"] == name,
            None => true,
        });
        let running: u64 = wanted.filter_map(|worker| worker["running"].as_u64()).sum();
        (running >= TASKS).then_some(tasks)
    })
    .await
}
