//! How the tasks of a run look to people.

use std::time::Duration;

use powerjob_client::api::task::{LevelTasks, Task, TaskCounts, TaskOverview, WorkerTasks};

use crate::text::{short, span, table};

pub(super) fn overview(tasks: &TaskOverview, width: Option<u16>) -> String {
    if !tasks.is_live && !tasks.is_kept {
        return "no tasks: the run has ended well, has not begun, or its worker is away".to_owned();
    }
    let mut text = counts(&tasks.counts);
    text.push_str(&pace(tasks));
    text.push('\n');
    if tasks.is_kept {
        text.push_str("no worker has them; these are kept: those that failed or had not ended\n");
    }
    // Java workers tell of the tasks only.
    if !tasks.workers.is_empty() {
        let head = ["WORKER", "READY", "RUNNING", "SUCCEEDED", "FAILED"];
        let rows = tasks.workers.iter().map(worker);
        let workers = table::render(width, &head, &[2, 3, 4], rows);
        text.push_str(&format!("\n{workers}"));
    }
    if !tasks.levels.is_empty() {
        let head = ["LEVEL", "WAITING", "RUNNING", "SUCCEEDED", "FAILED"];
        let rows = tasks.levels.iter().map(level);
        let levels = table::render(width, &head, &[1, 2, 3, 4], rows);
        text.push_str(&format!("\n{levels}"));
    }
    if !tasks.tasks.is_empty() {
        text.push_str(&format!("\n{}", found(&tasks.tasks, width)));
    }
    text
}

/// A list of tasks.
pub(super) fn found(tasks: &[Task], width: Option<u16>) -> String {
    let head = [
        "TASK", "LEVEL", "STATUS", "WORKER", "TRIES", "TOOK", "CONTENT", "RESULT",
    ];
    table::render(width, &head, &[4, 5], tasks.iter().map(task))
}

/// How fast it goes, if that is known.
fn pace(tasks: &TaskOverview) -> String {
    if tasks.per_second == 0.0 {
        return String::new();
    }
    let left = tasks.left_ms.map(Duration::from_millis);
    let left = left.map(|left| format!(", {} left", span::rough(left)));
    format!("; {:.1}/s{}", tasks.per_second, left.unwrap_or_default())
}

fn level(level: &LevelTasks) -> Vec<String> {
    let counts = &level.counts;
    let numbers = [
        counts.waiting,
        counts.running,
        counts.succeeded,
        counts.failed,
    ];
    let numbers = numbers.iter().map(u64::to_string);
    std::iter::once(level.name.clone()).chain(numbers).collect()
}

/// The whole in one line, with how much of it is done.
fn counts(counts: &TaskCounts) -> String {
    let ended = counts.succeeded + counts.failed;
    let percent = (ended * 100).checked_div(counts.total).unwrap_or(0);
    format!(
        "{} tasks, {percent} % done: {} waiting, {} running, {} succeeded, {} failed",
        counts.total, counts.waiting, counts.running, counts.succeeded, counts.failed
    )
}

fn worker(worker: &WorkerTasks) -> Vec<String> {
    let counts = &worker.counts;
    vec![
        worker.name.clone(),
        if worker.is_ready { "yes" } else { "no" }.to_owned(),
        counts.running.to_string(),
        counts.succeeded.to_string(),
        counts.failed.to_string(),
    ]
}

fn task(task: &Task) -> Vec<String> {
    vec![
        task.id.clone(),
        task.name.clone(),
        task.status.clone(),
        task.worker.clone(),
        task.attempts.to_string(),
        task.ran_ms.map(|ms| format!("{ms} ms")).unwrap_or_default(),
        short(&task.content, 40),
        short(&task.result, 60),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_see_how_much_is_done() {
        let tasks = TaskOverview {
            is_live: true,
            counts: TaskCounts {
                total: 8,
                waiting: 3,
                running: 1,
                succeeded: 3,
                failed: 1,
            },
            per_second: 2.0,
            left_ms: Some(2_000),
            ..TaskOverview::default()
        };
        let text = overview(&tasks, None);
        let first =
            "8 tasks, 50 % done: 3 waiting, 1 running, 3 succeeded, 1 failed; 2.0/s, 2.0 s left\n";
        assert!(text.starts_with(first), "{text}");
        assert!(overview(&TaskOverview::default(), None).starts_with("no tasks"));
    }
}
