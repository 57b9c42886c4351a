//! Very many jobs: start-up, memory, all due at once, a steady stream of triggers.

use std::time::Duration;

use powerjob_tests::bench::clock::wall_us;
use powerjob_tests::bench::fill::{self, Due};
use powerjob_tests::bench::memory::pss_mib;
use powerjob_tests::bench::stage::{Place, Stage};
use powerjob_tests::bench::stats::Figure;
use serde_json::{Value, json};

use super::{Outcome, Plan};

/// Time for the server to start with its jobs before the first is due.
const START_MS: i64 = 10_000;

/// Jobs that are all due in the same second.
pub(super) async fn due_at_once(
    plan: &Plan,
    place: Place<'_>,
    jobs: usize,
    wanted: &'static str,
) -> Outcome<Vec<Figure>> {
    let (mut started, mut p50, mut ready, mut kib_a_job) = (vec![], vec![], vec![], vec![]);
    for _ in 0..plan.runs {
        let mut stage = Stage::set_up(&plan.programs, place).await?;
        let schedule = json!({ "type": "CRON", "expression": "0 0 0 1 1 ? 2099" });
        let job = stage.job("once", "late", &schedule).await?;
        let before = pss_mib(stage.server_pid())?;
        let url = stage.database_url.clone();
        let fill = async {
            fill::copy_job(&url, &job, jobs).await?;
            // Filling takes its time: when they are due is set at the end.
            let due_ms = (wall_us() / 1_000 + START_MS) / 1_000 * 1_000;
            fill::move_jobs(&url, jobs, Due::all_at(due_ms)).await?;
            Ok::<_, sea_orm::DbErr>(due_ms)
        };
        let refilled = stage.refill(fill).await?;
        let due_ms = refilled.filled;
        let memory = pss_mib(stage.server_pid())? - before;
        sleep_until(due_ms).await;
        stage.until_idle().await?;
        let noted = stage.noted()?;
        check_all_once(&stage, &noted, jobs, due_ms).await?;
        started.push(quantile_ms(&noted, "max"));
        p50.push(quantile_ms(&noted, "p50"));
        ready.push(refilled.ready_ms);
        kib_a_job.push(memory * 1024.0 / jobs as f64);
    }
    let name = format!(
        "{jobs} jobs due in one second, last start, {}",
        place.name()
    );
    Ok(vec![
        Figure::new(&name, "ms", wanted, started),
        Figure::new("  half of them started after", "ms", "", p50),
        Figure::new(&format!("  start-up with {jobs} jobs"), "ms", "", ready),
        Figure::new("  memory a job", "KiB", "", kib_a_job),
    ])
}

/// Jobs of a fixed rate of one second, spread evenly over it.
pub(super) async fn steady(
    plan: &Plan,
    place: Place<'_>,
    per_second: usize,
    wanted: &'static str,
) -> Outcome<Vec<Figure>> {
    let (mut p99, mut rates) = (Vec::new(), Vec::new());
    for _ in 0..plan.runs {
        let mut stage = Stage::set_up(&plan.programs, place).await?;
        let schedule = json!({ "type": "FIXED_RATE", "expression": "1000" });
        let job = stage.job("rate", "late", &schedule).await?;
        let url = stage.database_url.clone();
        let fill = async {
            fill::copy_job(&url, &job, per_second).await?;
            let due = Due {
                first_ms: wall_us() / 1_000 + START_MS,
                within_ms: 1_000,
            };
            fill::move_jobs(&url, per_second, due).await?;
            Ok::<_, sea_orm::DbErr>(due.first_ms)
        };
        let first_ms = stage.refill(fill).await?.filled;
        sleep_until(first_ms + 3_000).await;
        stage.noted()?;
        let (begun, seconds) = (wall_us(), if plan.quick { 5 } else { 20 });
        sleep_until(begun / 1_000 + seconds * 1_000).await;
        let noted = stage.noted()?;
        let elapsed_s = (wall_us() - begun) as f64 / 1e6;
        p99.push(quantile_ms(&noted, "p99"));
        rates.push(noted["runs"].as_f64().unwrap_or_default() / elapsed_s);
    }
    let name = format!("{per_second} triggers/s, p99 late, {}", place.name());
    Ok(vec![
        Figure::new(&name, "ms", wanted, p99),
        Figure::new("  triggers reached", "1/s", "", rates),
    ])
}

/// A server that takes over very many jobs. The first are overdue, the others due within the next hour.
pub(super) async fn take_over(plan: &Plan, jobs: usize) -> Outcome<Vec<Figure>> {
    let (mut ready, mut first, mut loaded, mut memory) = (vec![], vec![], vec![], vec![]);
    for _ in 0..plan.runs {
        let mut stage = Stage::set_up(&plan.programs, Place::Sqlite).await?;
        let schedule = json!({ "type": "CRON", "expression": "0 0 0 1 1 ? 2099" });
        let job = stage.job("once", "late", &schedule).await?;
        let url = stage.database_url.clone();
        let fill = async {
            fill::copy_job(&url, &job, jobs).await?;
            let step_ms = 3_600_000 / jobs as i64;
            let due = Due {
                first_ms: wall_us() / 1_000 - 10 * step_ms,
                within_ms: 3_600_000,
            };
            fill::move_jobs(&url, jobs, due).await
        };
        let refilled = stage.refill(fill).await?;
        let ready_at = wall_us();
        while stage.metric("powerjob_jobs").await? <= jobs as f64 {
            tokio::time::sleep(Duration::from_millis(100)).await; // allow-sleep: the pace of the asking
        }
        let rest_ms = (wall_us() - ready_at) as f64 / 1e3;
        let started = "select coalesce(min(pj_created_at), 0) from instance_info";
        let first_ms = fill::number(&url, started).await? - refilled.started_ms;
        ready.push(refilled.ready_ms);
        first.push(first_ms as f64);
        loaded.push(refilled.ready_ms + rest_ms);
        memory.push(pss_mib(stage.server_pid())?);
    }
    Ok(vec![
        Figure::new(&format!("take-over of {jobs} jobs, ready"), "ms", "", ready),
        Figure::new(
            "  first trigger after the server's start",
            "ms",
            "<= 1000",
            first,
        ),
        Figure::new("  all are known after", "ms", "", loaded),
        Figure::new("  server PSS with them", "MiB", "<= 400", memory),
    ])
}

/// Each job has run once, and the database says the same.
async fn check_all_once(stage: &Stage, noted: &Value, jobs: usize, due_ms: i64) -> Outcome<()> {
    let of_moment = format!("from instance_info where pj_trigger_key = {due_ms}");
    let url = &stage.database_url;
    let rows = fill::number(url, &format!("select count(*) {of_moment}")).await?;
    let distinct = fill::number(url, &format!("select count(distinct job_id) {of_moment}")).await?;
    let ended = fill::number(url, &format!("select count(*) {of_moment} and status = 5")).await?;
    let runs = noted["runs"].as_u64().unwrap_or_default();
    let wanted = jobs as i64;
    if (rows, distinct, ended) == (wanted, wanted, wanted) && runs == jobs as u64 {
        return Ok(());
    }
    let text = format!(
        "of {jobs} jobs {distinct} have an instance, {rows} in all, {ended} succeeded; the worker carried out {runs}"
    );
    Err(text.into())
}

pub(super) fn quantile_ms(noted: &Value, name: &str) -> f64 {
    noted["lateUs"][name].as_f64().unwrap_or(f64::NAN) / 1e3
}

async fn sleep_until(wall_ms: i64) {
    let wait = u64::try_from(wall_ms - wall_us() / 1_000).unwrap_or(0);
    tokio::time::sleep(Duration::from_millis(wait)).await; // allow-sleep: time is the load
}
