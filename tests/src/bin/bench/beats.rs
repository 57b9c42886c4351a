//! Second-level jobs: how late their beats are, how many are made, and whether they drift.

use std::time::Duration;

use powerjob_tests::bench::clock::wall_us;
use powerjob_tests::bench::stage::{Place, Stage};
use powerjob_tests::bench::stats::Figure;
use serde_json::{Value, json};

use super::many_jobs::quantile_ms;
use super::{Outcome, Plan};

/// Jobs of an interval, measured in a first and a last window.
#[derive(Debug, Clone, Copy)]
pub(super) struct Case {
    pub(super) every_ms: u64,
    pub(super) jobs: usize,
    /// Seconds between the windows.
    between_s: u64,
}

pub(super) const CASES: [Case; 7] = [
    case(1, 1, 600),
    case(1, 10, 10),
    case(10, 1, 10),
    case(10, 100, 10),
    case(100, 1, 10),
    case(100, 100, 10),
    case(100, 1_000, 10),
];

const fn case(every_ms: u64, jobs: usize, between_s: u64) -> Case {
    Case {
        every_ms,
        jobs,
        between_s,
    }
}

/// From the last saved job to the first measurement.
const CALM: Duration = Duration::from_secs(3);

/// One case, once: its windows are long.
pub(super) async fn rate(plan: &Plan, case: Case) -> Outcome<Vec<Figure>> {
    let Case { every_ms, jobs, .. } = case;
    let (window, between) = match plan.quick {
        true => (Duration::from_secs(5), Duration::ZERO),
        false => (Duration::from_secs(20), Duration::from_secs(case.between_s)),
    };
    let mut stage = Stage::set_up(&plan.programs, Place::Sqlite).await?;
    let schedule = json!({ "type": "FIXED_RATE", "expression": every_ms.to_string() });
    for number in 0..jobs {
        stage
            .job(&format!("beats {number}"), "late", &schedule)
            .await?;
    }
    pause(CALM).await;
    let first = measure(&mut stage, window).await?;
    pause(between).await;
    let last = measure(&mut stage, window).await?;
    let (p50, p99) = (
        quantile_ms(&last.noted, "p50"),
        quantile_ms(&last.noted, "p99"),
    );
    let drift = p50 - quantile_ms(&first.noted, "p50");
    let expected = last.elapsed_ms / every_ms as f64 * jobs as f64;
    let made = 100.0 * last.noted["runs"].as_f64().unwrap_or_default() / expected;
    Ok(vec![
        Figure::new(&case.name(), "ms", "", vec![p99]),
        Figure::new("  half of them are late by", "ms", "<= 2", vec![p50]),
        Figure::new(
            "  drift from the first to the last window",
            "ms",
            "<= 1",
            vec![drift],
        ),
        Figure::new("  of those that were due", "%", ">= 99", vec![made]),
    ])
}

impl Case {
    /// The name of the figure.
    pub(super) fn name(self) -> String {
        let Self { every_ms, jobs, .. } = self;
        format!("beats of {every_ms} ms, {jobs} jobs, p99 late")
    }
}

struct Window {
    noted: Value,
    elapsed_ms: f64,
}

async fn measure(stage: &mut Stage, window: Duration) -> Outcome<Window> {
    stage.noted()?;
    let begun_us = wall_us();
    pause(window).await;
    let noted = stage.noted()?;
    let elapsed_ms = (wall_us() - begun_us) as f64 / 1e3;
    Ok(Window { noted, elapsed_ms })
}

async fn pause(span: Duration) {
    tokio::time::sleep(span).await; // allow-sleep: time is the load
}
