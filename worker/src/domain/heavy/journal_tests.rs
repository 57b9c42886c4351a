use std::collections::BTreeSet;

use powerjob_protocol::wire::codec;
use powerjob_protocol::wire::server_to_worker::TeamWorker;
use powerjob_protocol::wire::task_journal::JournalPart;
use powerjob_protocol::wire::worker_to_worker::{
    MapTasks, OpenVerdict, TaskEnd, TaskResult, TaskResults, TaskStart, WorkOpened,
};
use proptest::prelude::*;

use super::super::master::{LOCAL, Order, Setting};
use super::super::replay::Replay;
use super::super::sub_tasks::Holder;
use super::*;
use crate::domain::ending::Ending;

const WINDOW: u32 = 3;
/// The first task makes so many; each fourth of these makes three more.
const TASKS: usize = 30;
const SETTING: Setting = Setting {
    kind: ExecuteType::MapReduce,
    task_retries: 1_000,
    concurrency: 10,
};

fn worker(name: &str) -> TeamWorker {
    TeamWorker {
        node_id: name.to_owned(),
        incarnation: 1,
        name: name.to_owned(),
        address: format!("{name}:1"),
    }
}

#[path = "failed_again_tests.rs"]
mod failed_again;

/// One try of a task at an executor.
struct Try {
    at: Holder,
    start: TaskStart,
    batch: u32,
    made: usize,
}

impl Try {
    /// What the task makes, the same in each try.
    fn contents(&self) -> Vec<Vec<u8>> {
        let name = String::from_utf8(self.start.content.clone()).expect("text");
        let texts: Vec<String> = match (self.start.stage, name.parse::<usize>()) {
            (TaskStage::Root, _) => (0..TASKS).map(|number| number.to_string()).collect(),
            (TaskStage::Work, Ok(number)) if number.is_multiple_of(4) => {
                (0..3).map(|place| format!("{number}.{place}")).collect()
            }
            _ => Vec::new(),
        };
        texts.into_iter().map(String::into_bytes).collect()
    }
}

/// A master, its executors, and what a server has of its journal.
struct World {
    setting: Setting,
    master: Master,
    out: Vec<Try>,
    kept: Vec<JournalPart>,
    attempt: u32,
    /// Tasks whose end is surely kept.
    done: BTreeSet<String>,
    ending: Option<Ending>,
}

impl World {
    fn new() -> Self {
        Self::with(SETTING)
    }

    fn with(setting: Setting) -> Self {
        let mut world = Self {
            setting,
            master: Master::new(setting, worker("a")),
            out: Vec::new(),
            kept: Vec::new(),
            attempt: 1,
            done: BTreeSet::new(),
            ending: None,
        };
        world.meet();
        world
    }

    fn meet(&mut self) {
        self.master.team(vec![worker("a"), worker("b")]);
        self.carry_out();
    }

    fn carry_out(&mut self) {
        loop {
            let orders = self.master.take_orders();
            if orders.is_empty() {
                return;
            }
            for order in orders {
                match order {
                    Order::Open { to, generation } => {
                        let held = self.out.iter().filter(|it| it.at == to);
                        let answer = WorkOpened {
                            verdict: OpenVerdict::Opened,
                            window: WINDOW,
                            held: held.map(|it| it.start.task).collect(),
                        };
                        self.master.opened(to, generation, answer);
                    }
                    Order::Start { to, tasks, .. } => self.begin(to, tasks),
                    Order::Close { .. } => {}
                    Order::Write { .. } | Order::Read { .. } => panic!("it is small"),
                    Order::Finish(ending) => self.ending = Some(ending),
                }
            }
        }
    }

    fn begin(&mut self, at: Holder, tasks: Vec<TaskStart>) {
        for start in tasks {
            assert!(!self.done.contains(&start.id), "{} runs again", start.id);
            let has_content = start.stage != TaskStage::Work || !start.content.is_empty();
            assert!(has_content, "{} has lost its content", start.id);
            self.out.push(Try {
                at,
                start,
                batch: 0,
                made: 0,
            });
        }
    }

    fn make(&mut self, nth: usize, count: usize) {
        let Some(place) = nth.checked_rem(self.out.len()) else {
            return;
        };
        let task = &mut self.out[place];
        let contents: Vec<_> = task
            .contents()
            .into_iter()
            .skip(task.made)
            .take(count)
            .collect();
        if contents.is_empty() {
            return;
        }
        task.made += contents.len();
        let request = MapTasks {
            instance_id: 1,
            attempt: self.attempt,
            parent: task.start.task,
            batch: task.batch,
            name: "level".to_owned(),
            contents,
        };
        task.batch += 1;
        self.master.map(request);
        self.carry_out();
    }

    /// A task ends; it succeeds only when it has made all its tasks.
    fn end(&mut self, nth: usize, is_success: bool) {
        let Some(place) = nth.checked_rem(self.out.len()) else {
            return;
        };
        let task = self.out.remove(place);
        let is_whole = task.made == task.contents().len();
        let end = match is_success && is_whole {
            true => TaskEnd::Succeeded,
            false => TaskEnd::Failed,
        };
        let results = TaskResults {
            instance_id: 1,
            attempt: self.attempt,
            generation: self.master.executor(task.at).generation,
            window: WINDOW,
            items: vec![TaskResult {
                task: task.start.task,
                end,
                result: format!("of {}", task.start.id),
                ran_ms: 1,
            }],
        };
        self.master.ended(task.at, results);
        self.carry_out();
    }

    fn tell(&mut self, most_bytes: usize) {
        let records = self.master.next_records(most_bytes);
        if !records.items.is_empty() {
            self.keep(&records);
        }
        if self.master.untold() == 0 {
            let results = self.master.results();
            let all = results.all();
            self.done
                .extend(all.into_iter().map(|result| result.task_id));
        }
    }

    fn keep(&mut self, records: &JournalRecords) {
        let number = u32::try_from(self.kept.len()).expect("few") + 1;
        self.kept.push(JournalPart {
            instance_id: 1,
            attempt: self.attempt,
            number,
            begins_anew: false,
            records: codec::encode(records).expect("small"),
        });
    }

    fn standings(&self) -> Vec<Standing> {
        let tasks = 0..u32::try_from(self.master.tasks.len()).expect("few");
        tasks
            .map(|index| self.master.tasks.standing(index))
            .collect()
    }

    fn results(&self) -> BTreeSet<(String, bool, String)> {
        let results = self.master.results();
        let all = results.all();
        let sorted: BTreeSet<_> = all
            .iter()
            .map(|it| (it.task_id.clone(), it.is_success, it.result.clone()))
            .collect();
        assert_eq!(sorted.len(), all.len(), "a task is there twice");
        sorted
    }

    /// The master is gone, and another worker goes on.
    fn crash(&mut self) {
        let (master, begins_anew) = self.replayed();
        assert_eq!(begins_anew, self.kept.is_empty());
        let is_all_told = self.master.untold() == 0;
        let (before, results) = (self.standings(), self.results());
        self.master = master;
        self.attempt += 1;
        self.out.clear();
        let after = self.standings();
        for (old, new) in before.iter().zip(&after) {
            assert!(
                *new == Standing::Waiting || new == old,
                "{old:?} is {new:?} now"
            );
        }
        if is_all_told && !begins_anew {
            let waits_again = |standing: &Standing| match standing {
                Standing::Out => Standing::Waiting,
                other => *other,
            };
            let is_last =
                |index: &usize| self.master.tasks.stage(*index as u32) != TaskStage::Finish;
            let tasks = (0..after.len()).filter(is_last).count();
            let expected: Vec<_> = before.iter().take(tasks).map(waits_again).collect();
            assert_eq!(after[..tasks], expected[..]);
            assert_eq!(self.results(), results);
        }
        self.meet();
    }

    fn replayed(&self) -> (Master, bool) {
        let mut replay = Replay::new(self.setting, worker("c"));
        for part in &self.kept {
            replay.take(part).expect("readable");
        }
        replay.finish()
    }

    fn run_to_the_end(&mut self) {
        for _ in 0..10_000 {
            if self.ending.is_some() {
                return;
            }
            self.make(0, TASKS);
            self.end(0, true);
        }
        panic!("it does not end");
    }
}

#[derive(Debug, Clone)]
enum Step {
    Make(usize, usize),
    End(usize, bool),
    Lose(Holder),
    Tell(usize),
    Crash,
}

fn steps() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => (any::<usize>(), 1..8_usize).prop_map(|(nth, count)| Step::Make(nth, count)),
        8 => (any::<usize>(), prop::bool::weighted(0.8)).prop_map(|(nth, ok)| Step::End(nth, ok)),
        1 => (0..3 as Holder).prop_map(Step::Lose),
        3 => prop_oneof![1..60_usize, Just(1 << 20)].prop_map(Step::Tell),
        1 => Just(Step::Crash),
    ]
}

fn expected_paths() -> BTreeSet<String> {
    let mut paths = BTreeSet::from(["0".to_owned()]);
    for number in 0..TASKS {
        paths.insert(format!("0.{number}"));
        if number.is_multiple_of(4) {
            paths.extend((0..3).map(|place| format!("0.{number}.{place}")));
        }
    }
    paths
}

proptest! {
    /// Whatever happens when: the result has each task once, and no end that was kept happens again
    /// (spec 04 cases W-22, W-42, W-43).
    #[test]
    fn whoever_takes_over_goes_on_from_what_was_kept(
        steps in prop::collection::vec(steps(), 0..150)
    ) {
        let mut world = World::new();
        for step in steps {
            match step {
                Step::Make(nth, count) => world.make(nth, count),
                Step::End(nth, is_success) => world.end(nth, is_success),
                Step::Lose(place) if usize::from(place) < world.master.executors.len() => {
                    if place != LOCAL {
                        world.master.lost(place, std::time::Duration::from_secs(1));
                        world.out.retain(|it| it.at != place);
                        world.master.tick(std::time::Duration::from_secs(100));
                        world.carry_out();
                    }
                }
                Step::Lose(_) => {}
                Step::Tell(bytes) => world.tell(bytes),
                Step::Crash => world.crash(),
            }
            if world.ending.is_some() {
                break;
            }
        }
        world.run_to_the_end();
        let paths: BTreeSet<_> = world.results().into_iter().map(|(path, _, _)| path).collect();
        prop_assert_eq!(paths, expected_paths());
    }
}

#[test]
fn successive_ends_are_one_record() {
    let mut world = World::new();
    world.make(0, 3);
    while let Some(place) = world
        .out
        .iter()
        .position(|it| it.start.stage == TaskStage::Work)
    {
        world.make(place, 3);
        world.end(place, true);
    }
    let records = world.master.next_records(1 << 20).items;
    let ends = records.iter().filter_map(|record| match record {
        JournalRecord::Ended { first, count, .. } => Some((*first, *count)),
        _ => None,
    });
    assert_eq!(ends.collect::<Vec<_>>(), [(1, 6)]);
    assert_eq!(world.master.untold(), 0);
    assert_eq!(
        world.master.next_records(1 << 20),
        JournalRecords::default()
    );
}

#[test]
fn another_way_of_a_task_is_known_to_who_takes_over() {
    let mut world = World::new();
    world.make(0, 10);
    world.tell(1 << 20);
    let root = world
        .out
        .iter()
        .position(|it| it.start.stage == TaskStage::Root);
    world.end(root.expect("it runs"), false);
    let root = world
        .out
        .iter_mut()
        .find(|it| it.start.stage == TaskStage::Root);
    let parent = root.expect("it runs again").start.task;
    let texts = ["0", "1", "another"].map(|text| text.as_bytes().to_vec());
    world.master.map(MapTasks {
        instance_id: 1,
        attempt: 1,
        parent,
        batch: 0,
        name: "level".to_owned(),
        contents: texts.to_vec(),
    });
    world.carry_out();
    world.tell(1 << 20);
    let before = world.standings();
    assert!(before.contains(&Standing::Discarded));
    world.crash();
    let is_open = |standing: &&Standing| **standing != Standing::Discarded;
    let after = world.standings();
    assert_eq!(
        after.iter().filter(is_open).count(),
        before.iter().filter(is_open).count()
    );
}

#[test]
fn a_content_that_is_too_large_ends_the_journal() {
    let mut world = World::new();
    let parent = world.out[0].start.task;
    world.master.map(MapTasks {
        instance_id: 1,
        attempt: 1,
        parent,
        batch: 0,
        name: "level".to_owned(),
        contents: vec![vec![0; MOST_CONTENT + 1]],
    });
    assert_eq!(
        world.master.next_records(1 << 20),
        JournalRecords::default()
    );
    assert!(!world.master.has_journal());
    assert_eq!(world.master.untold(), 0);
}

#[test]
fn who_takes_over_after_the_end_begins_anew_unless_failures_are_tried_again() {
    let part = |number, items| JournalPart {
        instance_id: 1,
        attempt: 1,
        number,
        begins_anew: false,
        records: codec::encode(&JournalRecords { items }).expect("small"),
    };
    let made = JournalRecord::Made {
        parent: 0,
        ordinal: 0,
        name: "level".to_owned(),
        contents: vec![b"7".to_vec(), b"8".to_vec()],
    };
    let ended = |first, count, is_success| JournalRecord::Ended {
        first,
        count,
        is_success,
        results: Vec::new(),
    };
    let first = part(
        1,
        vec![
            made,
            ended(1, 1, false),
            ended(2, 1, true),
            ended(0, 1, true),
            JournalRecord::Decided,
        ],
    );
    let mut replay = Replay::new(SETTING, worker("a"));
    replay.take(&first).expect("readable");
    let (master, begins_anew) = replay.finish();
    assert!(begins_anew && master.tasks.len() == 1);

    let mut replay = Replay::new(SETTING, worker("a"));
    replay.take(&first).expect("readable");
    replay
        .take(&part(2, vec![JournalRecord::FailedAgain]))
        .expect("readable");
    let (master, begins_anew) = replay.finish();
    assert!(!begins_anew);
    assert_eq!(master.tasks.standing(1), Standing::Waiting);
    assert_eq!(master.tasks.content(1), b"7");
    let results = master.results().all();
    assert_eq!(results.len(), 2, "those that succeeded: {results:?}");

    let mut replay = Replay::new(SETTING, worker("a"));
    replay.take(&first).expect("readable");
    assert!(replay.take(&part(2, vec![ended(1, 1, true)])).is_err());
    assert!(replay.take(&part(2, vec![ended(9, 1, true)])).is_err());
}
