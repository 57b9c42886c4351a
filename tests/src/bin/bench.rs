//! `make bench`: figures of the product, each with a limit of the machine measured in the same run.
//!
//! `bench POWERJOB BENCH_WORKER [--quick] [--only TEXT] [--json FILE]`

use std::path::{Path, PathBuf};
use std::time::Duration;

use powerjob_tests::bench::stage::{Programs, Stage, cold_start_ms};
use powerjob_tests::bench::stats::Figure;
use powerjob_tests::bench::{inside, limits, load, memory, wire};
use serde_json::{Value, json};

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

struct Plan {
    programs: Programs,
    runs: usize,
    quick: bool,
    only: Option<String>,
    json: Option<PathBuf>,
}

struct Machine {
    disk_sync_ms: f64,
    loopback_us: f64,
    bare_sqlite_200: f64,
    bare_sqlite_1000: f64,
}

fn main() -> Outcome<()> {
    let plan = Plan::from_arguments()?;
    let mut figures = Vec::new();
    if plan.wants("actor") {
        figures.extend(actor_hops(&plan));
    }
    if plan.wants("native protocol") {
        figures.push(questions(&plan)?);
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(across_processes(&plan, &mut figures))?;
    report(&plan, &figures)
}

impl Plan {
    fn from_arguments() -> Outcome<Self> {
        let mut arguments = std::env::args().skip(1);
        let mut program = || arguments.next().map(PathBuf::from);
        let usage = "usage: bench POWERJOB BENCH_WORKER [--quick] [--only TEXT] [--json FILE]";
        let programs = Programs {
            powerjob: program().ok_or(usage)?,
            worker: program().ok_or(usage)?,
        };
        let mut plan = Self {
            programs,
            runs: 5,
            quick: false,
            only: None,
            json: None,
        };
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                "--quick" => (plan.quick, plan.runs) = (true, 1),
                "--only" => plan.only = Some(arguments.next().ok_or(usage)?),
                "--json" => plan.json = Some(arguments.next().ok_or(usage)?.into()),
                other => return Err(format!("unknown argument {other}; {usage}").into()),
            }
        }
        Ok(plan)
    }

    fn wants(&self, name: &str) -> bool {
        self.only.as_deref().is_none_or(|only| name.contains(only))
    }
}

fn actor_hops(plan: &Plan) -> Vec<Figure> {
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

fn questions(plan: &Plan) -> Outcome<Figure> {
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

async fn across_processes(plan: &Plan, figures: &mut Vec<Figure>) -> Outcome<()> {
    let folder = tempfile::TempDir::new()?;
    let machine = measure_machine(folder.path()).await?;
    if plan.wants("cold start") {
        let mut times = Vec::new();
        for _ in 0..plan.runs {
            times.push(cold_start_ms(&plan.programs).await?);
        }
        let figure = Figure::new("cold start, empty SQLite file", "ms", "< 200", times);
        figures.push(figure.beside("disk sync ms", machine.disk_sync_ms));
    }
    if plan.wants("idle memory") {
        figures.extend(idle_memory(plan).await?);
    }
    if plan.wants("latency") {
        figures.extend(latency(plan, &machine).await?);
    }
    for (name, wanted, clients, batch) in [
        ("instances/s, 1 client", "", 1, 1),
        ("instances/s, 16 clients", "", 16, 1),
        ("instances/s, 64 clients", "> 20000", 64, 1),
        ("instances/s, 4 clients x batches of 100", "> 50000", 4, 100),
        (
            "instances/s, 8 clients x batches of 1000",
            "> 50000",
            8,
            1000,
        ),
    ] {
        if plan.wants(name) {
            figures.extend(throughput(plan, &machine, name, wanted, (clients, batch)).await?);
        }
    }
    if plan.wants("lateness") {
        figures.push(lateness(plan).await?);
    }
    Ok(())
}

async fn measure_machine(folder: &Path) -> Outcome<Machine> {
    Ok(Machine {
        disk_sync_ms: limits::disk_sync_ms(folder)?,
        loopback_us: limits::loopback_us().await?,
        bare_sqlite_200: limits::bare_sqlite_rows_per_s(folder, 200).await?,
        bare_sqlite_1000: limits::bare_sqlite_rows_per_s(folder, 1000).await?,
    })
}

async fn idle_memory(plan: &Plan) -> Outcome<Vec<Figure>> {
    let (mut server, mut worker) = (Vec::new(), Vec::new());
    for _ in 0..plan.runs {
        let mut stage = Stage::set_up(&plan.programs).await?;
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

async fn latency(plan: &Plan, machine: &Machine) -> Outcome<Vec<Figure>> {
    let mut columns: [Vec<f64>; 4] = Default::default();
    for _ in 0..plan.runs {
        let mut stage = Stage::set_up(&plan.programs).await?;
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

async fn throughput(
    plan: &Plan,
    machine: &Machine,
    name: &str,
    wanted: &'static str,
    (clients, batch): (usize, usize),
) -> Outcome<Vec<Figure>> {
    let instances = match (clients, batch) {
        (1, _) => 4_000,
        (_, 1) => 100_000,
        _ => 400_000,
    };
    let instances = if plan.quick { instances / 4 } else { instances };
    let (mut rates, mut calls) = (Vec::new(), Vec::new());
    let mut memory_mib = Vec::new();
    for _ in 0..plan.runs {
        let mut stage = Stage::set_up(&plan.programs).await?;
        let job = stage.job("noop", "noop", &json!({ "type": "API" })).await?;
        load::closed_loop(&mut stage, &job, clients, clients * 2, batch).await?;
        let reached =
            load::closed_loop(&mut stage, &job, clients, instances / batch, batch).await?;
        rates.push(reached.per_second);
        calls.push(reached.call_ms.p50);
        memory_mib.push(memory::pss_mib(stage.cluster.server().pid())?);
    }
    let bare = if batch == 1 {
        machine.bare_sqlite_200
    } else {
        machine.bare_sqlite_1000
    };
    Ok(vec![
        Figure::new(name, "1/s", wanted, rates).beside("bare SQLite rows/s", bare),
        Figure::new(&format!("  call p50, {clients} x {batch}"), "ms", "", calls),
        Figure::new(
            &format!("  server PSS after, {clients} x {batch}"),
            "MiB",
            "",
            memory_mib,
        ),
    ])
}

async fn lateness(plan: &Plan) -> Outcome<Figure> {
    let mut p99_ms = Vec::new();
    for _ in 0..plan.runs {
        let mut stage = Stage::set_up(&plan.programs).await?;
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

#[expect(clippy::print_stdout, reason = "the table is the output")]
fn report(plan: &Plan, figures: &[Figure]) -> Outcome<()> {
    println!(
        "{:<46} {:>12} {:<8} {:>26} {:<10} beside",
        "figure", "median", "unit", "range", "wanted"
    );
    for figure in figures {
        println!("{}", figure.line());
    }
    if let Some(file) = &plan.json {
        std::fs::write(file, serde_json::to_vec_pretty(figures)?)?;
    }
    Ok(())
}
