//! Very many runs that wait for their time.

use powerjob_tests::bench::load;
use powerjob_tests::bench::stage::{Place, Stage};
use powerjob_tests::bench::stats::Figure;
use serde_json::json;

use super::{Outcome, Plan};

const CLIENTS: usize = 8;
const BATCH: usize = 1_000;
/// Far enough that none starts while it is measured, milliseconds.
const DELAY_MS: u64 = 3_600_000;

pub(super) async fn pending(plan: &Plan, place: Place<'_>, runs: usize) -> Outcome<Vec<Figure>> {
    let (mut rates, mut bytes, mut ready, mut start) = (vec![], vec![], vec![], vec![]);
    for _ in 0..plan.runs {
        let mut stage = Stage::set_up(&plan.programs, place).await?;
        let job = stage
            .job("later", "noop", &json!({ "type": "API" }))
            .await?;
        let empty = stage.cost().await?;
        let made = load::delayed(&stage, &job, CLIENTS, runs / BATCH, BATCH, DELAY_MS).await?;
        rates.push(made);
        let refilled = stage.refill(async { Ok::<_, std::io::Error>(()) }).await?;
        ready.push(refilled.ready_ms);
        let full = stage.cost().await?;
        bytes.push((full.pss_mib - empty.pss_mib) * 1024.0 * 1024.0 / runs as f64);
        let stamp = stage
            .job("stamp", "stamp", &json!({ "type": "API" }))
            .await?;
        let calls = load::idle_calls(&mut stage, &stamp, 200).await?.1;
        start.push(calls["p50"].as_f64().unwrap_or(f64::NAN) / 1e3);
    }
    let name = format!("{runs} delayed runs, accepted, {}", place.name());
    Ok(vec![
        Figure::new(&name, "1/s", "", rates),
        Figure::new("  memory a waiting run", "bytes", "", bytes),
        Figure::new("  start-up with them", "ms", "", ready),
        Figure::new("  run call -> start beside them, p50", "ms", "", start),
    ])
}
