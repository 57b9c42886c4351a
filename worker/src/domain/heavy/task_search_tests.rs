use powerjob_common::status::ExecuteType;
use powerjob_protocol::wire::server_to_worker::TeamWorker;
use powerjob_protocol::wire::worker_to_worker::TaskStage;
use proptest::prelude::*;

use super::super::master::{LOCAL, Setting};
use super::super::sub_tasks::NewTask;
use super::*;

const ASKED: FindTasks = FindTasks {
    instance_id: 1,
    attempt: 1,
    status: 0,
    level: String::new(),
    worker: String::new(),
    text: String::new(),
    after: TaskPlace {
        group: 0,
        number: 0,
    },
    limit: 7,
};

/// A master whose tasks, besides the first, have ended as told (`None`: they have not), and of the
/// others so many run.
fn master(ends: &[Option<bool>], running: usize) -> Master {
    let setting = Setting {
        kind: ExecuteType::Map,
        task_retries: 0,
        concurrency: 5,
    };
    let worker = TeamWorker {
        node_id: "a".to_owned(),
        incarnation: 1,
        name: "a".to_owned(),
        address: String::new(),
    };
    let mut master = Master::new(setting, worker);
    let name = master.intern("level".to_owned());
    for (ordinal, end) in (0..).zip(ends) {
        let index = master.tasks.add(NewTask {
            parent: Some(0),
            ordinal,
            stage: TaskStage::Work,
            name,
            pinned: None,
            content: format!("number {ordinal}").into_bytes().into(),
            mark: 0,
        });
        if let Some(is_success) = *end {
            let standing = match is_success {
                true => Standing::Succeeded,
                false => Standing::Failed,
            };
            master.tasks.settle(index, standing);
            master.ended.note(index, is_success, "how it ended", None);
        }
    }
    for _ in 0..running {
        master.tasks.hand_out_any(LOCAL);
    }
    master
}

fn find_all(master: &Master, asked: &FindTasks) -> Vec<TaskLine> {
    let mut asked = asked.clone();
    let mut all = Vec::new();
    loop {
        let found = master.find_tasks(&asked);
        assert!(found.tasks.len() <= asked.limit as usize);
        all.extend(found.tasks);
        match found.next {
            Some(next) => {
                assert_ne!(next, asked.after, "it stands still");
                asked.after = next;
            }
            None => return all,
        }
    }
}

fn place_of(status: u8) -> u8 {
    match status {
        5 => 0,
        4 => 1,
        _ => 2,
    }
}

proptest! {
    #[test]
    fn all_that_fit_are_found_once_and_failed_ones_first(
        ends in prop::collection::vec(prop::option::of(any::<bool>()), 0..60),
        running in 0..10_usize,
        status in prop::sample::select(vec![0_u8, 1, 4, 5, 6]),
        limit in 1..9_u32,
    ) {
        let master = master(&ends, running);
        let asked = FindTasks { status, limit, ..ASKED };
        let found = find_all(&master, &asked);
        let all = (0..master.task_count()).map(|index| master.line(index));
        let mut expected: Vec<TaskLine> = all
            .filter(|line| status == 0 || line.status == status)
            .collect();
        expected.sort_by_key(|line| place_of(line.status));
        prop_assert_eq!(found, expected);
    }
}

#[test]
fn texts_levels_and_workers_are_looked_for() {
    let master = master(&[Some(false), Some(true), None, None], 1);
    let ids = |asked: FindTasks| {
        let found = find_all(&master, &asked).into_iter();
        found.map(|line| line.id).collect::<Vec<_>>()
    };
    let with_text = |text: &str| FindTasks {
        text: text.to_owned(),
        ..ASKED
    };
    assert_eq!(ids(with_text("0.2")), ["0.2"]);
    assert_eq!(ids(with_text("NUMBER 3")), ["0.3"]);
    assert_eq!(ids(with_text("how it")), ["0.0", "0.1"]);
    let level = "level".to_owned();
    assert_eq!(ids(FindTasks { level, ..ASKED }).len(), 4);
    let level = "another".to_owned();
    assert!(ids(FindTasks { level, ..ASKED }).is_empty());
    let worker = "a".to_owned();
    assert_eq!(ids(FindTasks { worker, ..ASKED }).len(), 1);
}

#[test]
fn one_call_looks_at_a_bounded_number_of_tasks() {
    let count = LOOKED_AT as usize * 2;
    let master = master(&vec![None; count], 0);
    let asked = FindTasks {
        text: format!("number {}", count - 1),
        ..ASKED
    };
    let first = master.find_tasks(&asked);
    assert!(first.tasks.is_empty() && first.next.is_some());
    assert_eq!(find_all(&master, &asked).len(), 1);
}
