//! Maps of millions of sub-tasks, deep ones, and reduces of many results: time and memory.

use powerjob_tests::bench::memory::peak_mib;
use powerjob_tests::bench::stage::{Place, Stage};
use powerjob_tests::bench::stats::Figure;
use serde_json::{Value, json};

use super::spread::{between, job_with, one};
use super::{Outcome, Plan};

const SLOTS: u32 = 1_000;
/// Levels below the first task, and how many each task of them makes.
const LEVELS: usize = 5;
const FAN_OUT: usize = 10;
/// Characters of each result that reduce reads.
const RESULT_CHARS: usize = 100;

/// How long a map takes, and the most memory that its worker, the master, had.
pub(super) async fn many(plan: &Plan, tasks: usize) -> Outcome<Vec<Figure>> {
    let name = many_name(tasks);
    let params = json!({ "tasks": plan.scaled(tasks) });
    let (mut times, mut peaks) = (Vec::new(), Vec::new());
    for _ in 0..plan.runs {
        let (ended, peak) = alone(plan, "MAP", &params).await?;
        times.push(seconds(&ended));
        peaks.push(peak);
    }
    Ok(vec![
        Figure::new(&format!("{name}, time"), "s", "", times),
        Figure::new(
            &format!("{name}, peak memory of the master"),
            "MiB",
            "",
            peaks,
        ),
    ])
}

/// The name of both figures.
pub(super) fn many_name(tasks: usize) -> String {
    format!("map of {tasks} sub-tasks, 1 worker")
}

/// The name of the figure of deep maps.
pub(super) const NESTED: &str = "nested map, depth 5, fan-out 10, sub-tasks/s";

/// Sub-tasks a second when each but the last makes ten others.
pub(super) async fn nested(plan: &Plan) -> Outcome<Figure> {
    let levels = if plan.quick { LEVELS - 1 } else { LEVELS };
    let params = json!({ "tasks": FAN_OUT, "levels": levels });
    let tasks: usize = (1..=levels as u32).map(|level| FAN_OUT.pow(level)).sum();
    let mut rates = Vec::new();
    for _ in 0..plan.runs {
        let (ended, _) = alone(plan, "MAP", &params).await?;
        rates.push(tasks as f64 / seconds(&ended));
    }
    Ok(Figure::new(NESTED, "1/s", "", rates))
}

/// The name of the figures of reduce.
pub(super) const REDUCE: &str = "map-reduce of 1000000 results of 100 characters";

/// How long a map-reduce takes, the most memory of its worker, and by how much reduce made it grow.
pub(super) async fn reduce(plan: &Plan) -> Outcome<Vec<Figure>> {
    let tasks = plan.scaled(1_000_000);
    let params = json!({ "tasks": tasks, "result_chars": RESULT_CHARS, "tells_memory": true });
    let (mut times, mut peaks, mut grown) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..plan.runs {
        let (ended, peak) = alone(plan, "MAP_REDUCE", &params).await?;
        let result: Value = serde_json::from_str(ended["fullResult"].as_str().unwrap_or(""))?;
        if result["results"] != tasks + 1 {
            return Err(format!("reduce read {result}").into());
        }
        times.push(seconds(&ended));
        peaks.push(peak);
        grown.push(result["grownMib"].as_f64().unwrap_or(f64::NAN));
    }
    Ok(vec![
        Figure::new(&format!("{REDUCE}, time"), "s", "", times),
        Figure::new(&format!("{REDUCE}, peak memory"), "MiB", "", peaks),
        Figure::new(
            &format!("{REDUCE}, growth by reduce"),
            "MiB",
            "<= 16",
            grown,
        ),
    ])
}

/// One instance on one worker, and the most memory that this had, in MiB.
async fn alone(plan: &Plan, kind: &str, params: &Value) -> Outcome<(Value, f64)> {
    let stage = Stage::set_up(&plan.programs, Place::Sqlite).await?;
    let job = job_with(&stage, kind, SLOTS, params).await?;
    let ended = one(&stage, &job).await?;
    let peak = peak_mib(stage.worker_pid())?;
    Ok((ended, peak))
}

fn seconds(ended: &Value) -> f64 {
    between(ended, "startedAt", "finishedAt") / 1e3
}
