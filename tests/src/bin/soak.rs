//! `make soak`: many jobs of every second over minutes while a worker and then the server are
//! killed and started again; afterwards the database must show exactly one instance for each job
//! and second outside the outages, and exactly one catch-up for each job after the server's.
//!
//! `soak POWERJOB [--seconds N] [--jobs N]`

use std::path::PathBuf;
use std::time::Duration;

use powerjob_tests::bench::clock::wall_us;
use powerjob_tests::bench::stats::Quantiles;
use powerjob_tests::checker::{Outage, every_second_faults, read_rows};
use powerjob_tests::process::{Api, Cluster, Process};
use serde_json::json;
use tempfile::TempDir;

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

struct Plan {
    powerjob: PathBuf,
    seconds: u64,
    jobs: usize,
}

/// Everything the check afterwards needs.
struct Record {
    jobs: Vec<i64>,
    first_ms: i64,
    last_ms: i64,
    server_outage: Outage,
    worker_outage: Outage,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Outcome<()> {
    let plan = Plan::from_arguments()?;
    let folder = TempDir::new()?;
    let mut cluster = Cluster::new(folder.path(), &plan.powerjob)?;
    let record = carry_out(&plan, &mut cluster).await?;
    judge(&cluster, &record).await
}

impl Plan {
    fn from_arguments() -> Outcome<Self> {
        let usage = "usage: soak POWERJOB [--seconds N] [--jobs N]";
        let mut arguments = std::env::args().skip(1);
        let powerjob = arguments.next().ok_or(usage)?.into();
        let mut plan = Self {
            powerjob,
            seconds: 600,
            jobs: 200,
        };
        while let Some(argument) = arguments.next() {
            let value = arguments.next().ok_or(usage)?;
            match argument.as_str() {
                "--seconds" => plan.seconds = value.parse()?,
                "--jobs" => plan.jobs = value.parse()?,
                other => return Err(format!("unknown argument {other}; {usage}").into()),
            }
        }
        Ok(plan)
    }
}

async fn carry_out(plan: &Plan, cluster: &mut Cluster) -> Outcome<Record> {
    cluster.start_server().await?;
    let api = cluster.sign_in().await?;
    let (app, secret) = api.create_app("soak").await?;
    let mut first = cluster.start_agent("w1", "soak", &secret, &[])?;
    let _second = cluster.start_agent("w2", "soak", &secret, &[])?;
    api.until_workers(&app, 2).await;
    let jobs = create_jobs(&api, &app, plan.jobs).await?;
    let quarter = Duration::from_secs(plan.seconds / 4);
    let first_ms = now_ms() + 2_000;
    tokio::time::sleep(quarter).await; // allow-sleep: time is the load
    let (worker_outage, _restarted) = lose_worker(cluster, &api, &app, &secret, &mut first).await?;
    tokio::time::sleep(quarter).await; // allow-sleep: time is the load
    let server_outage = lose_server(cluster).await?;
    tokio::time::sleep(quarter * 2).await; // allow-sleep: time is the load
    let last_ms = now_ms() - 2_000;
    cluster.server().terminate()?;
    Ok(Record {
        jobs,
        first_ms,
        last_ms,
        server_outage,
        worker_outage,
    })
}

async fn create_jobs(api: &Api, app: &str, count: usize) -> Outcome<Vec<i64>> {
    let mut jobs = Vec::new();
    for number in 0..count {
        let job = json!({
            "name": format!("tick-{number}"), "processor": "noop", "instanceRetries": 3,
            "schedule": { "type": "CRON", "expression": "* * * * * ?" },
        });
        jobs.push(api.create_job(app, &job).await?.parse()?);
    }
    Ok(jobs)
}

async fn lose_worker(
    cluster: &Cluster,
    api: &Api,
    app: &str,
    secret: &str,
    worker: &mut Process,
) -> Outcome<(Outage, Process)> {
    let from_ms = now_ms();
    worker.kill()?;
    let restarted = cluster.start_agent("w1", "soak", secret, &[])?;
    api.until_workers(app, 2).await;
    Ok((
        Outage {
            from_ms,
            to_ms: now_ms() + 2_000,
        },
        restarted,
    ))
}

async fn lose_server(cluster: &mut Cluster) -> Outcome<Outage> {
    let from_ms = now_ms();
    cluster.kill_server()?;
    tokio::time::sleep(Duration::from_secs(5)).await; // allow-sleep: the outage
    cluster.start_server().await?;
    Ok(Outage {
        from_ms,
        to_ms: now_ms(),
    })
}

#[expect(clippy::print_stdout, reason = "its output is its result")]
async fn judge(cluster: &Cluster, record: &Record) -> Outcome<()> {
    let rows = read_rows(&cluster.database()).await?;
    let span = (record.first_ms, record.last_ms);
    let mut faults = every_second_faults(&rows, &record.jobs, span, &[record.server_outage]);
    let settled = |row: &&_| settled_before(row, record.last_ms);
    let open = rows
        .iter()
        .filter(settled)
        .filter(|row| row.status < 4)
        .count();
    if open > 0 {
        faults.push(format!("{open} instances have no end"));
    }
    let failed: Vec<_> = rows.iter().filter(|row| row.status == 4).collect();
    faults.extend(failed.iter().take(3).map(|row| format!("failed: {row:?}")));
    let late = Quantiles::of(lateness_ms(&rows, record));
    println!(
        "{} instances of {} jobs, {} failed; lateness outside the outages p50 {} ms, p99 {} ms, max {} ms",
        rows.len(),
        record.jobs.len(),
        failed.len(),
        late.p50,
        late.p99,
        late.max
    );
    if late.p99 >= 20.0 {
        faults.push(format!("p99 lateness {} ms, wanted < 20 ms", late.p99));
    }
    for fault in &faults {
        println!("FAULT {fault}");
    }
    if faults.is_empty() {
        Ok(())
    } else {
        Err(format!("{} faults", faults.len()).into())
    }
}

fn settled_before(row: &powerjob_tests::checker::Row, last_ms: i64) -> bool {
    row.nominal_ms.is_some_and(|nominal| nominal < last_ms)
}

fn lateness_ms(rows: &[powerjob_tests::checker::Row], record: &Record) -> Vec<f64> {
    let calm = |at: i64| {
        record.first_ms <= at
            && at <= record.last_ms
            && [record.server_outage, record.worker_outage]
                .iter()
                .all(|outage| at < outage.from_ms - 1_000 || outage.to_ms + 1_000 < at)
    };
    rows.iter()
        .filter_map(|row| Some((row.nominal_ms?, row.started_ms?)))
        .filter(|(nominal, _)| calm(*nominal))
        .map(|(nominal, started)| (started - nominal) as f64)
        .collect()
}

fn now_ms() -> i64 {
    wall_us() / 1_000
}
