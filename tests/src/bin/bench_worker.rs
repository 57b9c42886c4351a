//! The worker of the benchmarks: processors that do nothing but note when they started.
//!
//! `bench_worker SERVER APP SECRET [NAME]`; a line on standard input makes it print what it noted since the
//! last one, as JSON.

use std::io::{BufRead, Write};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use powerjob_tests::bench::clock::{monotonic, wall_us};
use powerjob_tests::bench::memory::{forget_peak, peak_mib, pss_mib};
use powerjob_tests::bench::stats::Quantiles;
use powerjob_worker::{
    MapReduceProcessor, Output, ProcessResult, Processor, TaskContext, TaskResult, TaskResults,
    Worker,
};
use serde::Deserialize;
use serde_json::json;

static RUNS: AtomicU64 = AtomicU64::new(0);
static SINCE_CALL_US: Mutex<Vec<f64>> = Mutex::new(Vec::new());
static LATE_US: Mutex<Vec<f64>> = Mutex::new(Vec::new());

async fn noop(_ctx: TaskContext) -> Result<(), std::convert::Infallible> {
    RUNS.fetch_add(1, Relaxed);
    Ok(())
}

/// The parameters hold the monotonic time of the call in nanoseconds.
async fn stamp(ctx: TaskContext) -> Result<(), std::num::ParseIntError> {
    let started = monotonic();
    let called: u64 = ctx.params().parse()?;
    note(
        &SINCE_CALL_US,
        (started.as_nanos() as f64 - called as f64) / 1e3,
    );
    RUNS.fetch_add(1, Relaxed);
    Ok(())
}

async fn late(ctx: TaskContext) -> Result<(), std::convert::Infallible> {
    note(&LATE_US, (wall_us() - ctx.nominal_time().0 * 1000) as f64);
    RUNS.fetch_add(1, Relaxed);
    Ok(())
}

/// Many small tasks: each sleeps so long and returns 1, reduce counts them. With a file to record in,
/// each writes a line when its work is done: its path and the wall time in microseconds.
struct Spread;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Wanted {
    tasks: u64,
    ms: u64,
    /// Tasks from this number on take twenty times as long.
    slow_from: Option<u64>,
    record: Option<String>,
    /// With levels below the first one: each task makes `tasks` of them, the last level none.
    levels: Option<usize>,
    /// Characters of the result of each task.
    result_chars: usize,
    /// Whether the result tells how much memory reduce took, in MiB, instead of a count.
    tells_memory: bool,
}

impl Wanted {
    /// Whether a task with this path makes others.
    fn makes_more(&self, task_id: &str) -> bool {
        task_id.matches('.').count() < self.levels.unwrap_or(1)
    }
}

fn record(file: &str, task_id: &str) -> std::io::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    let mut file = options.append(true).create(true).open(file)?;
    file.write_all(format!("{task_id} {}\n", wall_us()).as_bytes())
}

impl Processor for Spread {
    async fn process(&self, ctx: &TaskContext) -> ProcessResult {
        let wanted: Wanted = ctx.params_as()?;
        if wanted.makes_more(&ctx.task_id()) {
            ctx.map("one", 0..wanted.tasks).await?;
            return Ok("0".into());
        }
        if wanted.ms > 0 {
            let is_slow = match wanted.slow_from {
                Some(from) => ctx.sub_task::<u64>()? >= from,
                None => false,
            };
            let ms = if is_slow { wanted.ms * 20 } else { wanted.ms };
            tokio::time::sleep(std::time::Duration::from_millis(ms)).await; // allow-sleep: the work
        }
        if let Some(file) = &wanted.record {
            record(file, &ctx.task_id())?;
        }
        if wanted.result_chars > 0 {
            return Ok(Output::text("1".repeat(wanted.result_chars)));
        }
        Ok("1".into())
    }
}

/// Reads all results, and tells by how many MiB this process grew meanwhile.
async fn memory_of_reading(results: TaskResults) -> ProcessResult {
    let me = std::process::id();
    forget_peak(me)?;
    let before = pss_mib(me)?;
    let count = results.fold(0_u64, |count, _| count + 1).await;
    let grown = (peak_mib(me)? - before).max(0.0);
    Output::of(json!({ "results": count, "grownMib": grown }))
}

impl MapReduceProcessor for Spread {
    async fn reduce(&self, ctx: &TaskContext, results: TaskResults) -> ProcessResult {
        if ctx.params_as::<Wanted>()?.tells_memory {
            return memory_of_reading(results).await;
        }
        let add = |sum: u64, result: TaskResult| sum + result.value::<u64>().unwrap_or(0);
        Output::of(results.fold(0, add).await)
    }
}

fn note(list: &Mutex<Vec<f64>>, value: f64) {
    list.lock().expect("no panic holds it").push(value);
}

fn take(list: &Mutex<Vec<f64>>) -> Quantiles {
    Quantiles::of(std::mem::take(
        &mut *list.lock().expect("no panic holds it"),
    ))
}

#[expect(clippy::print_stdout, reason = "its output is its interface")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (server, app, secret, name) = match arguments.as_slice() {
        [server, app, secret] => (server, app, secret, "bench"),
        [server, app, secret, name] => (server, app, secret, name.as_str()),
        _ => return Err("usage: bench_worker SERVER APP SECRET [NAME]".into()),
    };
    let runtime = tokio::runtime::Runtime::new()?;
    let worker = runtime.block_on(
        Worker::builder()
            .app(app)
            .server(server)
            .secret(secret)
            .name(name)
            .concurrency(1_000)
            .queue(100_000)
            .register_fn("noop", noop)
            .register_fn("stamp", stamp)
            .register_fn("late", late)
            .register_map_reduce("spread", Spread)
            .start(),
    )?;
    for line in std::io::stdin().lock().lines() {
        line?;
        let (since_call_us, late_us) = (take(&SINCE_CALL_US), take(&LATE_US));
        let runs = RUNS.swap(0, Relaxed);
        println!(
            "{}",
            json!({ "runs": runs, "sinceCallUs": since_call_us, "lateUs": late_us })
        );
    }
    runtime.block_on(worker.shutdown(std::time::Duration::from_secs(1)))?;
    Ok(())
}
