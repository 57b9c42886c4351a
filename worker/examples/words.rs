//! Counts the words of a text on all workers of an application: each line is a task, `add_up` puts
//! the counts together. See "Jobs on several workers" in `docs/processors.md`.

use std::collections::BTreeMap;

use powerjob_worker::{BoxError, TaskContext, TaskResults, Worker, powerjob_handler};

type Counts = BTreeMap<String, u64>;

/// The parameter is the text.
#[powerjob_handler(name = "words", reduce = add_up)]
async fn words(ctx: &TaskContext) -> Result<Counts, BoxError> {
    let mut counts = Counts::new();
    if ctx.is_root_task() {
        let lines: Vec<String> = ctx.params().lines().map(str::to_owned).collect();
        ctx.map("line", lines).await?;
        return Ok(counts);
    }
    let line: String = ctx.sub_task()?;
    for word in line.split_whitespace() {
        *counts.entry(word.to_lowercase()).or_default() += 1;
    }
    Ok(counts)
}

/// A line that could not be counted fails the job.
async fn add_up(_ctx: &TaskContext, mut results: TaskResults) -> Result<Counts, BoxError> {
    let mut all = Counts::new();
    while let Some(line) = results.next().await {
        if !line.is_success {
            return Err(format!("line {} failed: {}", line.task_id, line.result).into());
        }
        for (word, count) in line.value::<Counts>()? {
            *all.entry(word).or_default() += count;
        }
    }
    Ok(all)
}

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let worker = Worker::from_env().start().await?;
    Ok(worker.join().await?)
}
