//! HyperQueue as a peer, where its Python package is installed (`pip install hyperqueue`).
//!
//! That package has neither the command line nor the workers that only pretend: a sub-task is a process
//! there (`true`, without output), while ours is a call. The figure says what users of either get, not
//! how the schedulers compare.

use std::path::PathBuf;
use std::process::Command;

use powerjob_tests::bench::stats::Figure;

use super::{Outcome, Plan};

/// The name of the figure.
pub(super) const NAME: &str = "peer: HyperQueue, processes that do nothing";
const TASKS: usize = 20_000;
/// Prints tasks a second.
const PROGRAM: &str = "
import sys, time
from hyperqueue import Job, LocalCluster
from hyperqueue.cluster import WorkerConfig
count = int(sys.argv[1])
with LocalCluster() as cluster:
    cluster.start_worker(WorkerConfig())
    client = cluster.client()
    job = Job()
    for _ in range(count):
        job.program(['true'], stdout=None, stderr=None)
    begin = time.monotonic()
    client.wait_for_jobs([client.submit(job)])
    print('rate', count / (time.monotonic() - begin))
";

/// Its tasks a second on this machine; `None` where it is not installed. `POWERJOB_BENCH_PYTHON` names
/// the interpreter, `python3` else.
pub(super) fn rate(plan: &Plan) -> Outcome<Option<Figure>> {
    let python = std::env::var_os("POWERJOB_BENCH_PYTHON").map(PathBuf::from);
    let python = python.unwrap_or_else(|| PathBuf::from("python3"));
    let found = Command::new(&python)
        .args(["-c", "import hyperqueue"])
        .output();
    if !found.is_ok_and(|output| output.status.success()) {
        return Ok(None);
    }
    let tasks = plan.scaled(TASKS).to_string();
    let mut rates = Vec::new();
    for _ in 0..plan.runs {
        let folder = tempfile::TempDir::new()?;
        let output = Command::new(&python)
            .args(["-c", PROGRAM, &tasks])
            .current_dir(folder.path())
            .env("HOME", folder.path())
            .output()?;
        let text = String::from_utf8_lossy(&output.stdout);
        let rate = text.lines().find_map(|line| line.strip_prefix("rate "));
        let rate = rate.ok_or_else(|| String::from_utf8_lossy(&output.stderr).into_owned())?;
        rates.push(rate.trim().parse()?);
    }
    Ok(Some(Figure::new(NAME, "1/s", "", rates)))
}
