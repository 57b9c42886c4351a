use std::path::Path;

use super::super::mapping::MapAnswer;
use super::*;
use powerjob_protocol::wire::server_to_worker::TaskCounts;
use powerjob_protocol::wire::worker_to_worker::{MapTasks, MapVerdict};

#[path = "crowd_tests.rs"]
mod crowd;
#[path = "wind_down_tests.rs"]
mod wind_down;

const NOW: Duration = Duration::from_secs(100);

/// A master whose executors are played by the test.
struct Play {
    master: Master,
    /// Tasks that executors have, in the order in which they came.
    out: Vec<(Holder, TaskStart)>,
    finished: Vec<Ending>,
    closed: Vec<Holder>,
    window: u32,
    /// Files with contents.
    files: HashMap<u32, Vec<u8>>,
    files_written: usize,
}

fn worker(name: &str) -> TeamWorker {
    TeamWorker {
        node_id: name.to_owned(),
        incarnation: 1,
        name: name.to_owned(),
        address: format!("{name}:1"),
    }
}

impl Play {
    fn new(kind: ExecuteType, task_retries: u32, names: &[&str]) -> Self {
        let setting = Setting {
            kind,
            task_retries,
            concurrency: 2,
        };
        let mut play = Self {
            master: Master::new(setting, worker(names[0])),
            out: Vec::new(),
            finished: Vec::new(),
            closed: Vec::new(),
            window: 2,
            files: HashMap::new(),
            files_written: 0,
        };
        play.master
            .team(names.iter().map(|name| worker(name)).collect());
        play.carry_out();
        play
    }

    /// Executors that are asked take part; tasks that are sent are noted.
    fn carry_out(&mut self) {
        loop {
            let orders = self.master.take_orders();
            if orders.is_empty() {
                return;
            }
            for order in orders {
                match order {
                    Order::Open { to, generation } => self.open(to, generation),
                    Order::Start { to, tasks, .. } => {
                        self.out.extend(tasks.into_iter().map(|task| (to, task)));
                    }
                    Order::Close { to, .. } => self.closed.push(to),
                    Order::Finish(ending) => self.finished.push(ending),
                    Order::Write { block, bytes } => {
                        self.files_written += 1;
                        if let SpillBlock::Contents(number) = block {
                            self.files.insert(number, bytes.to_vec());
                        }
                        let file = Path::new("a file").into();
                        self.master.written(block, Ok(file));
                    }
                    Order::Read { block } => {
                        let bytes = self
                            .files
                            .remove(&block)
                            .ok_or_else(|| "it is missing".to_owned());
                        self.master.read(block, bytes);
                    }
                }
                self.check_windows();
            }
        }
    }

    fn open(&mut self, to: Holder, generation: u32) {
        let held = self.out.iter().filter(|(place, _)| *place == to);
        let answer = WorkOpened {
            verdict: OpenVerdict::Opened,
            window: self.window,
            held: held.map(|(_, start)| start.task).collect(),
        };
        self.master.opened(to, generation, answer);
    }

    /// Spec 04 case W-28.
    fn check_windows(&self) {
        for place in 0..self.master.executors.len() as Holder {
            assert!(self.master.tasks.work_at(place) <= self.window);
        }
    }

    fn end(&mut self, place: Holder, task: TaskRef, end: TaskEnd, result: &str) {
        let results = TaskResults {
            instance_id: 1,
            attempt: 1,
            generation: self.master.executor(place).generation,
            window: self.window,
            items: vec![TaskResult {
                task,
                end,
                result: result.to_owned(),
                ran_ms: 1,
            }],
        };
        self.master.ended(place, results);
        self.carry_out();
    }

    /// Ends the oldest task that is out.
    fn end_next(&mut self, end: TaskEnd, result: &str) -> (Holder, TaskStart) {
        let (place, start) = self.out.remove(0);
        self.end(place, start.task, end, result);
        (place, start)
    }

    fn map(&mut self, parent: TaskRef, batch: u32, count: usize) -> MapAnswer {
        let answer = self.master.map(MapTasks {
            instance_id: 1,
            attempt: 1,
            parent,
            batch,
            name: "level".to_owned(),
            contents: (0..count).map(|_| b"1".to_vec()).collect(),
        });
        self.carry_out();
        answer
    }

    fn verdict(&self) -> (InstanceStatus, &str) {
        let [ending] = self.finished.as_slice() else {
            panic!("decided {} times", self.finished.len());
        };
        (ending.status, &ending.text)
    }
}

const STORED: MapAnswer = MapAnswer::Now(MapVerdict::Stored);

/// Spec 04 case W-47.
#[test]
fn a_broadcast_prepares_runs_once_on_each_worker_and_finishes() {
    let mut play = Play::new(ExecuteType::Broadcast, 0, &["a", "b", "c"]);
    let (place, first) = play.end_next(TaskEnd::Succeeded, "prepared");
    assert_eq!(
        (place, first.stage, &*first.id),
        (LOCAL, TaskStage::Prepare, "0")
    );
    let shares: Vec<_> = play
        .out
        .iter()
        .map(|(place, start)| (*place, start.id.clone()))
        .collect();
    let expected = [(0, "0.0"), (1, "0.1"), (2, "0.2")].map(|(place, id)| (place, id.to_owned()));
    assert_eq!(shares, expected);
    for _ in 0..3 {
        play.end_next(TaskEnd::Succeeded, "done");
    }
    assert_eq!(play.master.results().len(), 4);
    let (place, last) = play.end_next(TaskEnd::Succeeded, "all done");
    assert_eq!(
        (place, last.stage, &*last.id),
        (LOCAL, TaskStage::Finish, "9999")
    );
    assert_eq!(play.verdict(), (InstanceStatus::Succeed, "all done"));
    assert_eq!(play.closed, [0, 1, 2]);
}

/// Spec 04 case W-48.
#[test]
fn a_broadcast_that_was_not_prepared_runs_nowhere_and_post_process_decides() {
    let mut play = Play::new(ExecuteType::Broadcast, 0, &["a", "b"]);
    play.end_next(TaskEnd::Failed, "no");
    let (_, last) = play.end_next(TaskEnd::Succeeded, "saved");
    assert_eq!(last.stage, TaskStage::Finish);
    assert_eq!(play.verdict(), (InstanceStatus::Succeed, "saved"));
}

/// Spec 04 cases W-23, W-32: the share of a lost worker fails and is not carried out elsewhere.
#[test]
fn the_share_of_a_lost_worker_fails() {
    let mut play = Play::new(ExecuteType::Broadcast, 3, &["a", "b"]);
    play.end_next(TaskEnd::Succeeded, "");
    play.end_next(TaskEnd::Succeeded, "");
    play.master.lost(1, NOW);
    play.out.clear();
    play.carry_out();
    let results = play.master.results().all();
    assert_eq!(results[2].result, "maybe worker down");
    assert_eq!(play.out.len(), 1, "only the last task");
    assert_eq!(play.out[0].1.stage, TaskStage::Finish);
}

#[test]
fn a_broadcast_waits_for_the_names_of_the_workers_only_so_long() {
    let setting = Setting {
        kind: ExecuteType::Broadcast,
        task_retries: 0,
        concurrency: 2,
    };
    let mut play = Play::new(ExecuteType::Broadcast, 0, &["a"]);
    play.master = Master::new(setting, worker("a"));
    play.out.clear();
    play.carry_out();
    play.end_next(TaskEnd::Succeeded, "");
    assert!(play.out.is_empty());
    play.master.tick(NOW);
    play.master.tick(NOW + TEAM_LIMIT);
    play.carry_out();
    assert_eq!(play.verdict().0, InstanceStatus::Failed);
}

/// Spec 04 case W-45.
#[test]
fn a_map_succeeds_when_all_its_tasks_do() {
    for (end, text, status) in [
        (
            TaskEnd::Succeeded,
            "total:4,succeed:4,failed:0",
            InstanceStatus::Succeed,
        ),
        (
            TaskEnd::Failed,
            "total:4,succeed:1,failed:3",
            InstanceStatus::Failed,
        ),
    ] {
        let mut play = Play::new(ExecuteType::Map, 0, &["a", "b"]);
        let root = play.out[0].1.task;
        assert_eq!(play.map(root, 0, 3), STORED);
        play.end_next(TaskEnd::Succeeded, "");
        while !play.out.is_empty() {
            play.end_next(end, "");
        }
        assert_eq!(play.verdict(), (status, text));
        assert_eq!(play.master.results().len(), 0, "maps keep no results");
    }
}

/// Spec 04 cases W-42, W-45, W-46.
#[test]
fn reduce_comes_after_all_levels_and_decides_alone() {
    let mut play = Play::new(ExecuteType::MapReduce, 0, &["a"]);
    let root = play.out[0].1.task;
    play.map(root, 0, 1);
    play.end_next(TaskEnd::Succeeded, "root");
    let child = play.out[0].1.clone();
    play.map(child.task, 0, 2);
    play.end_next(TaskEnd::Failed, "child");
    let mut ids = Vec::new();
    while play.out[0].1.stage == TaskStage::Work {
        ids.push(play.end_next(TaskEnd::Succeeded, "grandchild").1.id);
    }
    assert_eq!(ids, ["0.0.0", "0.0.1"]);
    assert_eq!(play.master.results().len(), 4);
    play.end_next(TaskEnd::Succeeded, "42");
    assert_eq!(play.verdict(), (InstanceStatus::Succeed, "42"));
}

/// Spec 04 case W-22.
#[test]
fn a_failed_task_is_repeated_while_the_budget_lasts() {
    let mut play = Play::new(ExecuteType::MapReduce, 2, &["a"]);
    let mut retries = Vec::new();
    while play.out[0].1.stage == TaskStage::Root {
        retries.push(play.end_next(TaskEnd::Failed, "no").1.retry);
    }
    assert_eq!(retries, [0, 1, 2]);
}

/// Spec 04 case W-24.
#[test]
fn a_late_or_repeated_end_of_an_earlier_attempt_changes_nothing() {
    let mut play = Play::new(ExecuteType::MapReduce, 1, &["a"]);
    let (_, first) = play.end_next(TaskEnd::Failed, "no");
    let second = play.out[0].1.task;
    play.end(LOCAL, first.task, TaskEnd::Failed, "no");
    assert!(play.master.tasks.is_out(second, LOCAL));
    assert_eq!(play.out.len(), 1);
}

/// Spec 04 case W-40.
#[test]
fn a_list_of_tasks_that_comes_twice_is_stored_once() {
    let mut play = Play::new(ExecuteType::Map, 0, &["a"]);
    let root = play.out[0].1.task;
    assert_eq!(play.map(root, 0, 5), STORED);
    assert_eq!(play.map(root, 0, 5), STORED);
    assert_eq!(play.map(root, 2, 5), MapAnswer::Now(MapVerdict::Gap));
    assert_eq!(play.master.tasks.len(), 6);
    let stranger = TaskRef { attempt: 9, ..root };
    assert_eq!(play.map(stranger, 0, 5), MapAnswer::Now(MapVerdict::Stale));
}

/// Spec 04 case W-43.
#[test]
fn a_parent_that_failed_gets_the_tasks_that_it_makes_again() {
    for (again, total) in [(10, 11), (4, 5), (12, 13)] {
        let mut play = Play::new(ExecuteType::Map, 1, &["a"]);
        let root = play.out[0].1.task;
        play.map(root, 0, 10); // two are out, eight wait
        play.end_next(TaskEnd::Failed, "no");
        let root = loop {
            let (place, start) = play.out.remove(0);
            if start.stage == TaskStage::Root {
                break start.task;
            }
            play.end(place, start.task, TaskEnd::Succeeded, "");
            if play.master.tasks.counts().succeeded == 3 {
                assert_eq!(
                    play.master.tasks.counts().waiting,
                    5,
                    "they go on meanwhile"
                );
            }
        };
        assert_eq!(play.map(root, 0, again), STORED);
        play.end(LOCAL, root, TaskEnd::Succeeded, "");
        while !play.out.is_empty() {
            play.end_next(TaskEnd::Succeeded, "");
        }
        let (status, text) = play.verdict();
        let expected = format!("total:{total},succeed:{total},failed:0");
        assert_eq!((status, text), (InstanceStatus::Succeed, &*expected));
    }
}

/// Spec 04 case W-31.
#[test]
fn a_worker_that_joins_gets_tasks_at_once() {
    let mut play = Play::new(ExecuteType::Map, 0, &["a"]);
    let root = play.out[0].1.task;
    play.map(root, 0, 10);
    play.master.team(vec![worker("a"), worker("b")]);
    play.carry_out();
    assert_eq!(play.master.tasks.work_at(1), 2);
}

/// Spec 04 case W-32.
#[test]
fn the_tasks_of_a_lost_worker_run_elsewhere() {
    let mut play = Play::new(ExecuteType::Map, 0, &["a", "b"]);
    let root = play.out[0].1.task;
    play.map(root, 0, 4);
    assert_eq!(play.master.tasks.work_at(1), 2);
    play.master.away(1, NOW);
    let _reconnecting = play.master.take_orders();
    play.out.retain(|(place, _)| *place != 1);
    play.master.tick(NOW + AWAY_GRACE);
    play.carry_out();
    while !play.out.is_empty() {
        assert_eq!(play.end_next(TaskEnd::Succeeded, "").0, LOCAL);
    }
    assert_eq!(play.verdict().1, "total:5,succeed:5,failed:0");
}

#[test]
fn a_worker_that_comes_back_is_sent_what_it_did_not_get() {
    let mut play = Play::new(ExecuteType::Map, 0, &["a", "b"]);
    let root = play.out[0].1.task;
    play.map(root, 0, 4);
    let lost_on_the_way = play.out.iter().rposition(|(place, _)| *place == 1);
    play.out.remove(lost_on_the_way.expect("a task"));
    play.master.away(1, NOW);
    play.carry_out(); // it answers with what it has
    while !play.out.is_empty() {
        play.end_next(TaskEnd::Succeeded, "");
    }
    assert_eq!(play.verdict().1, "total:5,succeed:5,failed:0");
}

#[test]
fn what_a_worker_gives_back_has_not_failed() {
    let mut play = Play::new(ExecuteType::MapReduce, 0, &["a"]);
    play.end_next(TaskEnd::GivenBack, "");
    let (_, again) = &play.out[0];
    assert_eq!((again.retry, again.task.attempt), (0, 2));
}

/// Spec 04 cases W-49, W-52.
#[test]
fn an_instance_is_decided_once() {
    let mut play = Play::new(ExecuteType::Map, 0, &["a"]);
    play.master.cancel(CancelReason::Timeout);
    play.master.cancel(CancelReason::UserStop);
    play.carry_out();
    play.end_next(TaskEnd::Succeeded, "");
    assert_eq!(
        play.verdict(),
        (InstanceStatus::Failed, "instance execute timeout")
    );
}

/// Spec 04 case W-44.
#[test]
fn names_of_the_system_are_not_for_users() {
    let mut play = Play::new(ExecuteType::Map, 0, &["a"]);
    let root = play.out[0].1.task;
    play.master.map(MapTasks {
        instance_id: 1,
        attempt: 1,
        parent: root,
        batch: 0,
        name: LAST_TASK.to_owned(),
        contents: vec![Vec::new()],
    });
    play.carry_out();
    assert_eq!(play.out[1].1.name, "X-OMS_LAST_TASK");
}

#[test]
fn people_see_failed_tasks_first() {
    let mut play = Play::new(ExecuteType::Map, 0, &["a", "b"]);
    let root = play.out[0].1.task;
    play.map(root, 0, 5);
    play.end_next(TaskEnd::Succeeded, "");
    play.end_next(TaskEnd::Failed, "boom");
    let overview = play.master.overview(100, NOW);
    let expected = TaskCounts {
        waiting: 0,
        running: 4,
        succeeded: 1,
        failed: 1,
    };
    assert_eq!(overview.total, expected);
    let statuses: Vec<u8> = overview.tasks.iter().map(|task| task.status).collect();
    assert_eq!(statuses, [5, 4, 4, 4, 4, 6]);
    assert_eq!(overview.tasks[0].result, "boom");
    assert_eq!(overview.workers.len(), 2);
    let levels: Vec<(&str, u64)> = overview
        .levels
        .iter()
        .map(|level| (level.name.as_str(), level.counts.total()))
        .collect();
    assert_eq!(levels, [("OMS_ROOT_TASK", 1), ("level", 5)]);
}

#[test]
fn a_master_that_is_drained_ends_what_nobody_else_can() {
    let mut play = Play::new(ExecuteType::Map, 0, &["a"]);
    play.master.team(Vec::new());
    let root = play.out[0].1.task;
    play.map(root, 0, 2);
    while !play.out.is_empty() {
        play.end_next(TaskEnd::Succeeded, "");
    }
    assert_eq!(play.verdict().1, "total:3,succeed:3,failed:0");
}
