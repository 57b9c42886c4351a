//! How fast instances live in the store: inserted, then finished, in group commits.
//!
//! `cargo run --release -p powerjob-server --example store_bench -- [seconds] [jobs] [folder]`
//!
//! With `postgres` or `mariadb` in the place of the folder, a throw-away server of that kind is measured,
//! durable as in production, instead of SQLite.
//!
//! The more jobs the runs belong to, the more pages of the index by job a commit touches.
//! Each line: rows a commit, lives a second (one insert and one finishing update), time of a commit.
//! The first lines show what the disk and the bare driver can do, which is why the driver is used here
//! beside the store.

#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use powerjob_common::id::{AppId, InstanceId, JobId, NodeRef};
use powerjob_common::status::InstanceStatus;
use powerjob_common::time::{Clock, SystemClock, UnixMillis, monotonic_now};
use powerjob_databases::{DATABASE, DatabaseServer, Durability, Kind};
use powerjob_server::domain::instance::{Instance, InstanceState, TrackerRef, Trigger};
use powerjob_server::store::write::{InstanceUpdate, Lane, WriteOp, WriteOutcome};
use powerjob_server::store::{Store, StoreConfig};
use sea_orm::sqlx::{self, Connection, Executor};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let seconds = arguments.next().map_or(Ok(5), |text| text.parse())?;
    let jobs = arguments.next().map_or(Ok(1), |text| text.parse())?;
    let place = arguments.next();
    let kind = match place.as_deref() {
        Some("postgres") => Some(Kind::Postgres),
        Some("mariadb") => Some(Kind::MariaDb),
        _ => None,
    };
    let folder = match place {
        Some(folder) if kind.is_none() => PathBuf::from(folder),
        _ => std::env::temp_dir(),
    };
    let folder = folder.join(format!("powerjob-store-bench-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let load = Load {
        span: Duration::from_secs(seconds),
        jobs,
    };
    let result = match kind {
        None => runtime.block_on(run(&folder, load, runtime.handle())),
        Some(kind) => {
            let server = DatabaseServer::start(kind, Durability::Full)?;
            let config = StoreConfig::new(server.url(DATABASE));
            println!("{kind:?} on port {}", server.port());
            runtime.block_on(measure(config, load, runtime.handle()))
        }
    };
    std::fs::remove_dir_all(&folder)?;
    result
}

#[derive(Clone, Copy)]
struct Load {
    span: Duration,
    jobs: i64,
}

async fn run(
    folder: &Path,
    load: Load,
    runtime: &tokio::runtime::Handle,
) -> Result<(), Box<dyn std::error::Error>> {
    fdatasync(&folder.join("sync"), load.span / 5)?;
    for rows in [50, 200, 1_000] {
        bare(&folder.join(format!("bare-{rows}.db")), rows, load.span).await?;
    }
    let path = folder.join("store.db");
    measure(StoreConfig::sqlite(&path), load, runtime).await
}

async fn measure(
    config: StoreConfig,
    load: Load,
    runtime: &tokio::runtime::Handle,
) -> Result<(), Box<dyn std::error::Error>> {
    let clock = Arc::new(SystemClock);
    let opening = monotonic_now();
    let store = Store::open(config, runtime.clone(), clock).await?;
    println!(
        "open an empty database: {:.1} ms",
        milliseconds(monotonic_now() - opening)
    );
    let mut next_id = 1;
    for rows in [50, 200, 1_000] {
        lives(&store, rows, load, &mut next_id).await?;
    }
    store.close().await?;
    println!("rows in the table at the end: {}", next_id - 1);
    Ok(())
}

/// What the disk can do: 16 KiB and a sync, as in a small commit.
fn fdatasync(path: &Path, span: Duration) -> std::io::Result<()> {
    let mut file = std::fs::File::create(path)?;
    let (started, mut count) = (monotonic_now(), 0_u32);
    while monotonic_now() - started < span {
        file.write_all(&[0x5a; 16 << 10])?;
        file.sync_data()?;
        count += 1;
    }
    let each = (monotonic_now() - started) / count.max(1);
    println!("fdatasync of 16 KiB: {:.0} us", each.as_secs_f64() * 1e6);
    Ok(())
}

/// What the bare driver can do: a table with one unique key, rows of three columns as one JSON
/// parameter, insert and update in one transaction.
async fn bare(path: &Path, rows: usize, span: Duration) -> Result<(), sqlx::Error> {
    let options = sqlx::sqlite::SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .journal_mode(sqlx::sqlite::SqliteJournalMode::Wal)
        .synchronous(sqlx::sqlite::SqliteSynchronous::Full);
    let mut connection = sqlx::SqliteConnection::connect_with(&options).await?;
    connection
        .execute("create table t (id integer primary key, k integer unique, s integer, r text)")
        .await?;
    let text = "begin immediate;
        insert into t (k, s, r) select value ->> 0, 1, value ->> 1 from json_each(?1);
        update t set s = 5 from json_each(?1) j where k = j.value ->> 0;
        commit";
    let (started, mut commits, mut next) = (monotonic_now(), 0_u32, 0_u64);
    while monotonic_now() - started < span {
        let half = (rows / 2) as u64;
        let list: Vec<String> = (next..next + half)
            .map(|k| format!("[{k},\"result\"]"))
            .collect();
        next += half;
        sqlx::query(text)
            .bind(format!("[{}]", list.join(",")))
            .execute(&mut connection)
            .await?;
        commits += 1;
    }
    let elapsed = monotonic_now() - started;
    print_line(
        "bare driver, 3 columns",
        rows,
        next,
        commits.into(),
        elapsed,
    );
    connection.close().await
}

/// Commits of `rows` rows: one half new instances, the other half ends of those of the commit before.
async fn lives(
    store: &Store,
    rows: usize,
    load: Load,
    next_id: &mut i64,
) -> Result<(), powerjob_server::store::Error> {
    let before = store.writer().reading();
    let cpu = cpu_time();
    let (started, mut lived) = (monotonic_now(), 0);
    let mut waiting: Vec<WriteOp> = Vec::new();
    while monotonic_now() - started < load.span {
        let mut ops = std::mem::take(&mut waiting);
        lived += ops.len() as u64;
        for _ in 0..rows / 2 {
            let instance = new_instance(*next_id, load.jobs);
            *next_id += 1;
            waiting.push(finish(&instance));
            ops.push(WriteOp::Insert(Box::new(instance)));
        }
        let outcomes = store.writer().write(Lane::Express, ops).await?;
        assert!(
            outcomes
                .iter()
                .all(|outcome| *outcome == WriteOutcome::Applied)
        );
    }
    let elapsed = monotonic_now() - started;
    let commits = store.writer().reading().commits - before.commits;
    print_line("store", rows, lived, commits, elapsed);
    let cpu = (cpu_time() - cpu).as_secs_f64() * 1e6 / lived.max(1) as f64;
    println!("    {cpu:.1} us of CPU a life, all threads");
    store.writer().write(Lane::Bulk, waiting).await.map(drop)
}

/// CPU time of the process: comparable also on a busy machine.
fn cpu_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::new(
        time.tv_sec.unsigned_abs(),
        u32::try_from(time.tv_nsec).unwrap_or(0),
    )
}

fn print_line(what: &str, rows: usize, lives: u64, commits: u64, elapsed: Duration) {
    println!(
        "{what}: {rows} rows a commit: {:.0} lives/s, {:.2} ms a commit",
        lives as f64 / elapsed.as_secs_f64(),
        milliseconds(elapsed) / commits.max(1) as f64,
    );
}

fn milliseconds(span: Duration) -> f64 {
    span.as_secs_f64() * 1e3
}

fn new_instance(id: i64, jobs: i64) -> Instance {
    let now = SystemClock.now();
    Instance {
        instance_id: InstanceId(id),
        job_id: JobId(id % jobs),
        app_id: AppId(1),
        job_revision: 3,
        trigger: Trigger::Api,
        job_params: Some("{\"customer\":17}".to_owned()),
        instance_params: Some("{\"order\":\"2026-11-21/4711\"}".to_owned()),
        chosen_worker: None,
        created_at: now,
        state: InstanceState {
            status: InstanceStatus::WaitingWorkerReceive,
            attempt: 1,
            running_times: 0,
            unconfirmed_claims: 1,
            expected_at: now,
            dispatched_at: Some(now),
            received_at: None,
            started_at: None,
            finished_at: None,
            recorded_at: None,
            tracker: Some(TrackerRef {
                node: NodeRef {
                    node_id: "worker-1".to_owned(),
                    incarnation: 1_795_234_894_823,
                },
                address: "127.0.0.1:27777".to_owned(),
            }),
            result: None,
        },
    }
}

fn finish(instance: &Instance) -> WriteOp {
    let later = |ms: i64| Some(UnixMillis(instance.created_at.0 + ms));
    WriteOp::Update(Box::new(InstanceUpdate {
        app_id: instance.app_id,
        instance_id: instance.instance_id,
        expect_status: InstanceStatus::WaitingWorkerReceive,
        expect_attempt: 1,
        state: InstanceState {
            status: InstanceStatus::Succeed,
            running_times: 1,
            unconfirmed_claims: 0,
            received_at: later(1),
            started_at: later(2),
            finished_at: later(3),
            recorded_at: later(4),
            result: Some("ok".to_owned()),
            ..instance.state.clone()
        },
        release_trigger_key: false,
        ended_attempt: None,
    }))
}
