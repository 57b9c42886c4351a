//! Instances that are spread over several workers: how long empty ones take, and sub-tasks a second.

use std::time::Duration;

use powerjob_tests::bench::stage::{Place, Stage};
use powerjob_tests::bench::stats::Figure;
use serde_json::{Value, json};

use super::{Outcome, Plan};

/// Nothing takes longer.
const LIMIT: Duration = Duration::from_secs(1_800);
/// Empty instances of one kind, one after the other.
const EMPTY_RUNS: usize = 20;
/// Sub-tasks of one instance.
const TASKS: usize = 200_000;

/// Empty broadcasts, maps and map-reduces of 10 tasks over two workers, from the call to the end.
pub(super) async fn empty(plan: &Plan) -> Outcome<Vec<Figure>> {
    let kinds = ["BROADCAST", "MAP", "MAP_REDUCE"];
    let mut columns = kinds.map(|_| Vec::new());
    for _ in 0..plan.runs {
        let mut stage = Stage::set_up(&plan.programs, Place::Sqlite).await?;
        stage.add_worker(&plan.programs, "second").await?;
        for (kind, column) in kinds.iter().zip(&mut columns) {
            let job = job(&stage, kind, 10, 5).await?;
            one(&stage, &job).await?; // connections and caches
            for _ in 0..EMPTY_RUNS {
                let ended = one(&stage, &job).await?;
                column.push(between(&ended, "createdAt", "recordedAt"));
            }
        }
    }
    let figures = kinds.iter().zip(columns).map(|(kind, values)| {
        let name = format!("empty {kind} of 10, 2 workers");
        Figure::new(&name, "ms", "<= 20", values)
    });
    Ok(figures.collect())
}

/// Sub-tasks a second of one map, from the start of its master to the end.
pub(super) async fn rate(plan: &Plan, workers: usize, slots: u32) -> Outcome<Figure> {
    let tasks = plan.scaled(TASKS);
    let mut rates = Vec::new();
    for _ in 0..plan.runs {
        let mut stage = Stage::set_up(&plan.programs, Place::Sqlite).await?;
        for number in 1..workers {
            let name = format!("worker-{number}");
            stage.add_worker(&plan.programs, &name).await?;
        }
        let job = job(&stage, "MAP", tasks, slots).await?;
        let ended = one(&stage, &job).await?;
        let ms = between(&ended, "startedAt", "finishedAt");
        rates.push(tasks as f64 / (ms / 1e3));
    }
    Ok(Figure::new(
        &rate_name(workers, slots),
        "1/s",
        ">= 200000",
        rates,
    ))
}

/// The name of the figure.
pub(super) fn rate_name(workers: usize, slots: u32) -> String {
    format!("sub-tasks/s, {workers} workers x {slots} slots")
}

async fn job(stage: &Stage, kind: &str, tasks: usize, slots: u32) -> Outcome<String> {
    job_with(stage, kind, slots, &json!({ "tasks": tasks })).await
}

/// A job of the processor `spread` with these parameters.
pub(super) async fn job_with(
    stage: &Stage,
    kind: &str,
    slots: u32,
    params: &Value,
) -> Outcome<String> {
    let job = json!({
        "name": kind, "processor": "spread", "executeType": kind, "concurrency": slots,
        "params": params.to_string(), "schedule": { "type": "API" },
    });
    Ok(stage.api.create_job(&stage.app, &job).await?)
}

/// Runs a job once, and returns the instance when it has succeeded.
pub(super) async fn one(stage: &Stage, job: &str) -> Outcome<Value> {
    let instance = stage.api.run(job, "").await?;
    let ended = stage.api.until_ended(&instance, LIMIT).await;
    if ended["status"] == "SUCCEED" {
        Ok(ended)
    } else {
        Err(ended.to_string().into())
    }
}

/// Milliseconds between two steps of an instance.
pub(super) fn between(ended: &Value, from: &str, to: &str) -> f64 {
    let at = |step: &str| ended["timeline"][step].as_f64().unwrap_or(f64::NAN);
    at(to) - at(from)
}
