//! `make bench`: figures of the product, each with a limit of the machine measured in the same run.
//!
//! `bench POWERJOB BENCH_WORKER [--quick] [--runs N] [--only TEXT] [--json FILE]`

mod basics;
mod beats;
mod delayed;
mod fail_over;
mod hyperqueue;
mod machine;
mod many_jobs;
mod spread;
mod spread_scale;
mod spread_take_over;
mod throughput;

use std::path::PathBuf;

use machine::Machine;
use powerjob_databases::{DatabaseServer, Durability, Kind};
use powerjob_tests::bench::stage::{Place, Programs};
use powerjob_tests::bench::stats::Figure;
use throughput::Load;

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

struct Plan {
    programs: Programs,
    runs: usize,
    quick: bool,
    only: Option<String>,
    json: Option<PathBuf>,
}

fn main() -> Outcome<()> {
    let plan = Plan::from_arguments()?;
    let mut figures = Figures::default();
    if plan.wants("actor") {
        figures.add(basics::actor_hops(&plan));
    }
    if plan.wants("native protocol") {
        figures.add([basics::questions(&plan)?]);
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let outcome = runtime.block_on(across_processes(&plan, &mut figures));
    figures.save(&plan)?;
    outcome
}

impl Plan {
    fn from_arguments() -> Outcome<Self> {
        let mut arguments = std::env::args().skip(1);
        let mut program = || arguments.next().map(PathBuf::from);
        let usage = "usage: bench POWERJOB BENCH_WORKER \
            [--quick] [--runs N] [--only TEXT] [--json FILE]";
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
                "--runs" => plan.runs = arguments.next().ok_or(usage)?.parse()?,
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

    /// A number of jobs or rows; a tenth of it in a quick run.
    fn scaled(&self, number: usize) -> usize {
        if self.quick { number / 10 } else { number }
    }
}

async fn across_processes(plan: &Plan, figures: &mut Figures) -> Outcome<()> {
    let folder = tempfile::TempDir::new()?;
    let machine = Machine::measure(folder.path()).await?;
    if plan.wants("cold start") {
        figures.add([basics::cold_start(plan, &machine).await?]);
    }
    if plan.wants("idle memory") {
        figures.add(basics::idle_memory(plan).await?);
    }
    if plan.wants("latency") {
        figures.add(basics::latency(plan, &machine).await?);
    }
    if plan.wants("lateness") {
        figures.add([basics::lateness(plan).await?]);
    }
    Box::pin(on_place(plan, &machine, Place::Sqlite, figures)).await?;
    if plan.wants("take-over") {
        figures.add(many_jobs::take_over(plan, plan.scaled(1_000_000)).await?);
    }
    if plan.wants("empty BROADCAST, MAP, MAP_REDUCE") {
        figures.add(spread::empty(plan).await?);
    }
    Box::pin(sub_tasks(plan, figures)).await?;
    for case in beats::CASES {
        if plan.wants(&case.name()) {
            figures.add(beats::rate(plan, case).await?);
        }
    }
    if plan.wants("fail-over of a worker") {
        figures.add([fail_over::of_worker(plan).await?]);
    }
    if plan.wants("memory a worker") {
        figures.add([fail_over::memory_of_workers(plan).await?]);
    }
    let is_asked = |only: &str| "PostgreSQL".contains(only) || only.contains("PostgreSQL");
    if !plan.only.as_deref().is_none_or(is_asked) {
        return Ok(());
    }
    match DatabaseServer::start(Kind::Postgres, Durability::Full) {
        Ok(server) => {
            Box::pin(on_place(plan, &machine, Place::Postgres(&server), figures)).await?;
            if plan.wants("fail-over of a server, PostgreSQL") {
                figures.add([fail_over::of_server(plan, &server).await?]);
            }
        }
        Err(error) => figures.note(&format!("without PostgreSQL: {error}")),
    }
    Ok(())
}

/// Instances that are spread over several workers.
async fn sub_tasks(plan: &Plan, figures: &mut Figures) -> Outcome<()> {
    let mut peer = None;
    if plan.wants(hyperqueue::NAME) || plan.wants("sub-tasks/s") {
        peer = hyperqueue::rate(plan)?;
        match &peer {
            Some(figure) => figures.add([figure.clone()]),
            None => figures.note("without HyperQueue: its Python package is not installed"),
        }
    }
    for workers in [1, 2, 4] {
        for slots in [2, 1_000] {
            if !plan.wants(&spread::rate_name(workers, slots)) {
                continue;
            }
            let figure = spread::rate(plan, workers, slots).await?;
            figures.add([match &peer {
                Some(peer) => figure.beside("HyperQueue", peer.median),
                None => figure,
            }]);
        }
    }
    for tasks in [1_000_000, 10_000_000] {
        if plan.wants(&spread_scale::many_name(tasks)) {
            figures.add(spread_scale::many(plan, tasks).await?);
        }
    }
    if plan.wants(spread_scale::NESTED) {
        figures.add([spread_scale::nested(plan).await?]);
    }
    if plan.wants(spread_scale::REDUCE) {
        figures.add(spread_scale::reduce(plan).await?);
    }
    for victim in [
        spread_take_over::Victim::Executor,
        spread_take_over::Victim::Master,
    ] {
        if plan.wants(victim.figure()) {
            figures.add([spread_take_over::of(plan, victim).await?]);
        }
    }
    Ok(())
}

/// What is measured on each kind of database.
async fn on_place(
    plan: &Plan,
    machine: &Machine,
    place: Place<'_>,
    figures: &mut Figures,
) -> Outcome<()> {
    let is_sqlite = matches!(place, Place::Sqlite);
    for load in loads(plan, place) {
        if plan.wants(&load.name()) {
            figures.add(Box::pin(throughput::throughput(plan, machine, load)).await?);
        }
    }
    let name = place.name();
    let wanted = if is_sqlite { "<= 1500" } else { "<= 4000" };
    if plan.wants(&format!("due in one second, {name}")) {
        let jobs = plan.scaled(100_000);
        figures.add(many_jobs::due_at_once(plan, place, jobs, wanted).await?);
    }
    for (per_second, wanted) in [(1_000, "<= 5"), (10_000, "<= 100")] {
        if plan.wants(&format!("{per_second} triggers/s, {name}")) {
            figures.add(many_jobs::steady(plan, place, per_second, wanted).await?);
        }
    }
    if plan.wants(&format!("delayed runs, {name}")) {
        figures.add(delayed::pending(plan, place, plan.scaled(1_000_000)).await?);
    }
    Ok(())
}

fn loads<'a>(plan: &Plan, place: Place<'a>) -> Vec<Load<'a>> {
    let load = |history, clients, batch, wanted| Load {
        place,
        history,
        clients,
        batch,
        wanted,
    };
    let rows = plan.scaled(1_000_000);
    match place {
        Place::Sqlite => vec![
            load(0, 1, 1, ""),
            load(0, 16, 1, ""),
            load(0, 64, 1, "> 20000"),
            load(0, 4, 100, "> 50000"),
            load(0, 8, 1_000, "> 50000"),
            load(rows, 64, 1, ">= 30000"),
            load(rows, 8, 1_000, ">= 80000"),
        ],
        Place::Postgres(_) => vec![load(rows, 64, 1, ""), load(rows, 8, 1_000, ">= 20000")],
    }
}

/// The figures so far; each is shown as soon as it is there.
#[derive(Default)]
struct Figures(Vec<Figure>);

#[expect(clippy::print_stdout, reason = "the table is the output")]
impl Figures {
    fn add(&mut self, figures: impl IntoIterator<Item = Figure>) {
        if self.0.is_empty() {
            println!(
                "{:<56} {:>12} {:<8} {:>26} {:<10} beside",
                "figure", "median", "unit", "range", "wanted"
            );
        }
        for figure in figures {
            println!("{}", figure.line());
            self.0.push(figure);
        }
    }

    fn note(&self, text: &str) {
        println!("note: {text}");
    }

    fn save(&self, plan: &Plan) -> Outcome<()> {
        if let Some(file) = &plan.json {
            std::fs::write(file, serde_json::to_vec_pretty(&self.0)?)?;
        }
        Ok(())
    }
}
