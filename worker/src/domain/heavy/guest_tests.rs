use super::*;
use crate::domain::ending::Ending;

fn start(task: u32, stage: TaskStage) -> TaskStart {
    TaskStart {
        task: TaskRef { task, attempt: 1 },
        stage,
        retry: 0,
        id: format!("0.{task}"),
        name: "level".to_owned(),
        content: Vec::new(),
    }
}

fn work(tasks: std::ops::Range<u32>) -> Vec<TaskStart> {
    tasks.map(|task| start(task, TaskStage::Work)).collect()
}

fn end(status: InstanceStatus, ran_ms: i64) -> RunEnd {
    RunEnd {
        ending: Ending {
            status,
            text: "text".to_owned(),
        },
        started_at_ms: 1_000,
        finished_at_ms: 1_000 + ran_ms,
    }
}

fn start_all(guest: &mut Guest, first: u64) -> u64 {
    let mut number = first;
    while guest.start_next(number).is_some() {
        number += 1;
    }
    number - first
}

#[test]
fn as_much_runs_at_once_as_the_job_allows() {
    let mut guest = Guest::new(1, 3);
    guest.take(work(1..9));
    guest.take(vec![start(0, TaskStage::Root)]);
    assert_eq!(start_all(&mut guest, 0), 4, "the first task does not count");
    guest.ended(1, end(InstanceStatus::Succeed, 5));
    assert_eq!(start_all(&mut guest, 4), 1);
}

#[test]
fn short_tasks_are_fetched_ahead_and_long_ones_are_not() {
    let window_after = |ran_ms| {
        let mut guest = Guest::new(1, 4);
        assert_eq!(guest.window(), 4);
        guest.take(work(0..1));
        guest.start_next(0);
        guest.ended(0, end(InstanceStatus::Succeed, ran_ms));
        guest.window()
    };
    assert_eq!(window_after(0), 1_028);
    assert_eq!(window_after(50), 8);
    assert_eq!(window_after(2_000), 4);
}

/// Spec 04 case W-26.
#[test]
fn a_result_is_kept_until_it_is_acknowledged() {
    let mut guest = Guest::new(1, 1);
    guest.take(work(0..2));
    guest.start_next(0);
    guest.ended(0, end(InstanceStatus::Failed, 1));
    let sent = guest.next_results().expect("a result").to_vec();
    assert_eq!(sent[0].end, TaskEnd::Failed);
    assert_eq!(guest.next_results(), None, "one message is on its way");
    guest.answered(false);
    assert_eq!(guest.next_results().map(<[_]>::to_vec), Some(sent));
    assert_eq!(guest.held().len(), 2);
    guest.answered(true);
    assert_eq!(guest.held().len(), 1);
    assert_eq!(guest.next_results(), None);
}

#[test]
fn a_repeated_task_is_taken_once() {
    let mut guest = Guest::new(1, 5);
    guest.take(work(0..2));
    guest.take(work(0..2));
    assert_eq!(start_all(&mut guest, 0), 2);
}

#[test]
fn a_new_generation_ends_what_the_old_one_had() {
    let mut guest = Guest::new(1, 5);
    guest.take(work(0..2));
    start_all(&mut guest, 7);
    guest.ended(7, end(InstanceStatus::Succeed, 1));
    assert_eq!(guest.reopen(1), Vec::<u64>::new());
    assert_eq!(guest.reopen(2), [8]);
    guest.ended(8, end(InstanceStatus::Succeed, 1));
    assert_eq!(guest.next_results(), None);
    assert!(guest.is_empty());
}

/// Spec 04 case W-69: running tasks are finished or handed back.
#[test]
fn a_worker_that_shuts_down_gives_back_what_has_not_ended() {
    let mut guest = Guest::new(1, 1);
    guest.take(work(0..3));
    guest.start_next(0);
    guest.drain();
    assert_eq!(guest.window(), 0);
    let ending = ending::interrupted(CancelReason::WorkerShutdown);
    guest.ended(
        0,
        RunEnd {
            ending,
            ..end(InstanceStatus::Failed, 1)
        },
    );
    let ends: Vec<TaskEnd> = guest
        .next_results()
        .expect("results")
        .iter()
        .map(|result| result.end)
        .collect();
    assert_eq!(ends, [TaskEnd::GivenBack; 3]);
}
