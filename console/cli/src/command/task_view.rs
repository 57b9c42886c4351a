//! How the tasks of a run look to people.

use powerjob_client::api::task::{Task, TaskCounts, TaskOverview, WorkerTasks};

use crate::text::{short, table};

pub(super) fn overview(tasks: &TaskOverview, width: Option<u16>) -> String {
    if !tasks.is_live {
        return "no tasks: the run has ended, has not begun, or its worker is away".to_owned();
    }
    let mut text = counts(&tasks.counts);
    text.push('\n');
    // Java workers tell of the tasks only.
    if !tasks.workers.is_empty() {
        let head = ["WORKER", "READY", "RUNNING", "SUCCEEDED", "FAILED"];
        let rows = tasks.workers.iter().map(worker);
        let workers = table::render(width, &head, &[2, 3, 4], rows);
        text.push_str(&format!("\n{workers}"));
    }
    if !tasks.tasks.is_empty() {
        let head = ["TASK", "LEVEL", "STATUS", "WORKER", "TRIES", "RESULT"];
        let rows = tasks.tasks.iter().map(task);
        text.push_str(&format!("\n{}", table::render(width, &head, &[4], rows)));
    }
    text
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
            ..TaskOverview::default()
        };
        let text = overview(&tasks, None);
        let first = "8 tasks, 50 % done: 3 waiting, 1 running, 3 succeeded, 1 failed";
        assert!(text.starts_with(first), "{text}");
        assert!(overview(&TaskOverview::default(), None).starts_with("no tasks"));
    }
}
