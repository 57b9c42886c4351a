//! The first figures: pieces inside a process, start, idle memory, latency, lateness.

use std::time::Duration;

use powerjob_tests::bench::stage::{Place, Stage, cold_start_ms};
use powerjob_tests::bench::stats::Figure;
use powerjob_tests::bench::{inside, limits, load, memory, wire};
use serde_json::{Value, json};

use super::{Machine, Outcome, Plan};

pub(super) fn actor_hops(plan: &Plan) -> Vec<Figure> {
    let times = |is_watched| {
        (0..plan.runs)
            .map(|_| inside::actor_hop_ns(is_watched))
            .collect()
    };
    let off = Figure::new("actor hop, tap off", "ns", "", times(false));
    let on = Figure::new(
        "actor hop, tap watched with a filter",
        "ns",
        "",
        times(true),
    )
    .beside("tap off", off.median);
    vec![off, on]
}

pub(super) fn questions(plan: &Plan) -> Outcome<Figure> {
    let runtime = tokio::runtime::Runtime::new()?;
    let mut rates = Vec::new();
    for _ in 0..plan.runs {
        rates.push(runtime.block_on(wire::questions_per_second())?);
    }
    let loopback_us = runtime.block_on(limits::loopback_us())?;
    Ok(
        Figure::new("native protocol, questions answered", "1/s", "", rates)
            .beside("loopback round trips/s", 1e6 / loopback_us),
    )
}

pub(super) async fn cold_start(plan: &Plan, machine: &Machine) -> Outcome<Figure> {
    let mut times = Vec::new();
    for _ in 0..plan.runs {
        times.push(cold_start_ms(&plan.programs).await?);
    }
    let figure = Figure::new("cold start, empty SQLite file", "ms", "< 200", times);
    Ok(figure.beside("disk sync ms", machine.disk_sync_ms))
}

pub(super) async fn idle_memory(plan: &Plan) -> Outcome<Vec<Figure>> {
    let (mut server, mut worker) = (Vec::new(), Vec::new());
    for _ in 0..plan.runs {
        let mut stage = Stage::set_up(&plan.programs, Place::Sqlite).await?;
        let pause = if plan.quick { 5 } else { 60 };
        tokio::time::sleep(Duration::from_secs(pause)).await; // allow-sleep: idling is measured
        server.push(memory::pss_mib(stage.cluster.server().pid())?);
        worker.push(memory::pss_mib(stage.worker_pid())?);
    }
    Ok(vec![
        Figure::new("idle memory of the server, PSS", "MiB", "< 40", server),
        Figure::new("idle memory of the worker, PSS", "MiB", "", worker),
    ])
}

pub(super) async fn latency(plan: &Plan, machine: &Machine) -> Outcome<Vec<Figure>> {
    let mut columns: [Vec<f64>; 4] = Default::default();
    for _ in 0..plan.runs {
        let mut stage = Stage::set_up(&plan.programs, Place::Sqlite).await?;
        let job = stage
            .job("stamp", "stamp", &json!({ "type": "API" }))
            .await?;
        load::idle_calls(&mut stage, &job, 50).await?;
        let (call, start) = load::idle_calls(&mut stage, &job, 1_000).await?;
        let start_ms = |name: &str| start[name].as_f64().unwrap_or(f64::NAN) / 1e3;
        let values = [call.p50, call.p99, start_ms("p50"), start_ms("p99")];
        columns
            .iter_mut()
            .zip(values)
            .for_each(|(column, value)| column.push(value));
    }
    let [call_p50, call_p99, start_p50, start_p99] = columns;
    let loopback_ms = machine.loopback_us / 1e3;
    Ok(vec![
        Figure::new("latency of an idle run call, p50", "ms", "", call_p50)
            .beside("disk sync ms", machine.disk_sync_ms),
        Figure::new("latency of an idle run call, p99", "ms", "", call_p99),
        Figure::new("latency run call -> start, p50", "ms", "< 1.5", start_p50)
            .beside("loopback round trip ms", loopback_ms),
        Figure::new("latency run call -> start, p99", "ms", "", start_p99),
    ])
}

pub(super) async fn lateness(plan: &Plan) -> Outcome<Figure> {
    let mut p99_ms = Vec::new();
    for _ in 0..plan.runs {
        let mut stage = Stage::set_up(&plan.programs, Place::Sqlite).await?;
        for number in 0..1_000 {
            let schedule = json!({ "type": "CRON", "expression": "* * * * * ?" });
            stage
                .job(&format!("late-{number}"), "late", &schedule)
                .await?;
        }
        let seconds = if plan.quick { 10 } else { 30 };
        tokio::time::sleep(Duration::from_secs(3)).await; // allow-sleep: the first seconds do not count
        stage.noted()?;
        tokio::time::sleep(Duration::from_secs(seconds)).await; // allow-sleep: time is the load
        let late: Value = stage.noted()?;
        p99_ms.push(late["lateUs"]["p99"].as_f64().unwrap_or(f64::NAN) / 1e3);
    }
    Ok(Figure::new(
        "lateness of 1,000 jobs of every second, p99",
        "ms",
        "< 20",
        p99_ms,
    ))
}
