//! Instances a second from run calls to their durable ends.

use powerjob_tests::bench::cost::Cost;
use powerjob_tests::bench::fill;
use powerjob_tests::bench::load;
use powerjob_tests::bench::stage::{Place, Stage};
use powerjob_tests::bench::stats::Figure;
use serde_json::json;

use super::{Machine, Outcome, Plan};

/// A load, and what is wanted of it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Load<'a> {
    pub(super) place: Place<'a>,
    /// Ended runs in the table beforehand.
    pub(super) history: usize,
    pub(super) clients: usize,
    /// Runs in a call; 1 = the single call.
    pub(super) batch: usize,
    pub(super) wanted: &'static str,
}

impl Load<'_> {
    /// The name of the figure.
    pub(super) fn name(&self) -> String {
        let Self { clients, batch, .. } = self;
        let load = match (clients, batch) {
            (1, 1) => "1 client".to_owned(),
            (_, 1) => format!("{clients} clients"),
            _ => format!("{clients} clients x batches of {batch}"),
        };
        match (self.place, self.history) {
            (Place::Sqlite, 0) => format!("instances/s, {load}"),
            (place, history) => {
                format!("instances/s, {load}, {}, {history} rows", place.name())
            }
        }
    }

    fn instances(&self, quick: bool) -> usize {
        let instances = match (self.clients, self.batch) {
            (1, _) => 4_000,
            (_, 1) => 100_000,
            _ => 400_000,
        };
        if quick { instances / 4 } else { instances }
    }
}

/// Values of the runs, one column for each line of the report.
#[derive(Default)]
struct Columns {
    rates: Vec<f64>,
    calls: Vec<f64>,
    cpu_us: Vec<f64>,
    commits: Vec<f64>,
    memory: Vec<f64>,
}

pub(super) async fn throughput(
    plan: &Plan,
    machine: &Machine,
    load: Load<'_>,
) -> Outcome<Vec<Figure>> {
    let mut columns = Columns::default();
    for _ in 0..plan.runs {
        measure(plan, load, &mut columns).await?;
    }
    let bare = if load.batch == 1 {
        machine.bare_sqlite_200
    } else {
        machine.bare_sqlite_1000
    };
    let commits_wanted = if load.history > 0 && load.batch > 1 {
        "<= 0.01"
    } else {
        ""
    };
    Ok(vec![
        Figure::new(&load.name(), "1/s", load.wanted, columns.rates)
            .beside("bare SQLite rows/s", bare),
        Figure::new("  p50 of a call", "ms", "", columns.calls),
        Figure::new("  server CPU an instance", "us", "", columns.cpu_us),
        Figure::new("  commits an instance", "", commits_wanted, columns.commits),
        Figure::new("  server PSS after", "MiB", "", columns.memory),
    ])
}

async fn measure(plan: &Plan, load: Load<'_>, columns: &mut Columns) -> Outcome<()> {
    let mut stage = Stage::set_up(&plan.programs, load.place).await?;
    let job = stage.job("noop", "noop", &json!({ "type": "API" })).await?;
    if load.history > 0 {
        let instance = stage.api.run(&job, "").await?;
        stage.until_done(1).await?;
        let url = stage.database_url.clone();
        stage
            .refill(fill::copy_run(&url, &instance, load.history))
            .await?;
    }
    let Load { clients, batch, .. } = load;
    load::closed_loop(&mut stage, &job, clients, clients * 2, batch).await?;
    let before = stage.cost().await?;
    let instances = load.instances(plan.quick);
    let reached = load::closed_loop(&mut stage, &job, clients, instances / batch, batch).await?;
    let after: Cost = stage.cost().await?;
    let made = reached.instances as f64;
    columns.rates.push(reached.per_second);
    columns.calls.push(reached.call_ms.p50);
    columns
        .cpu_us
        .push((after.cpu_s - before.cpu_s) * 1e6 / made);
    columns
        .commits
        .push((after.commits - before.commits) / made);
    columns.memory.push(after.pss_mib);
    Ok(())
}
