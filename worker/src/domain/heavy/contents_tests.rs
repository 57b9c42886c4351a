use std::collections::HashMap;

use powerjob_protocol::wire::worker_to_worker::{TaskRef, TaskStage};
use proptest::prelude::*;

use super::super::sub_tasks::NewTask;
use super::*;

fn content(index: u32) -> Vec<u8> {
    index.to_string().repeat(index as usize % 7).into_bytes()
}

/// A table, its files, and what must come of it.
#[derive(Debug)]
struct World {
    table: SubTasks,
    files: HashMap<u32, Vec<u8>>,
    queue: Vec<u32>,
    out: Vec<TaskRef>,
    most: usize,
}

impl World {
    fn new(most: usize) -> Self {
        let mut table = SubTasks::default();
        table.add_holder();
        table.keep_contents_from(0);
        Self {
            table,
            files: HashMap::new(),
            queue: Vec::new(),
            out: Vec::new(),
            most,
        }
    }

    fn add(&mut self) {
        let index = self.table.len() as u32;
        self.table.add(NewTask {
            parent: None,
            ordinal: index,
            stage: TaskStage::Work,
            name: 0,
            pinned: None,
            content: content(index).into(),
            mark: 0,
        });
        self.queue.push(index);
    }

    /// Hands a task out; `false` if it must be read first.
    fn hand_out(&mut self, is_newest: bool) -> bool {
        let (handed, expected) = match is_newest {
            true => (self.table.hand_out_newest(0), self.queue.last()),
            false => (self.table.hand_out_any(0), self.queue.first()),
        };
        let Some(task) = handed else {
            if let Some(expected) = expected {
                let away = &self.table.task(*expected).expect("it waits").content;
                assert!(matches!(away, Content::Away(_)));
            }
            return expected.is_none();
        };
        assert_eq!(Some(&task.task), expected);
        assert_eq!(self.table.content(task.task), content(task.task));
        self.queue.retain(|index| *index != task.task);
        self.out.push(task);
        true
    }

    fn spill(&mut self) {
        while let Some((number, bytes)) = self.table.contents_to_spill(self.most) {
            self.files.insert(number, bytes);
        }
    }

    fn read(&mut self) -> bool {
        let Some(number) = self.table.contents_to_read(self.most) else {
            return false;
        };
        let bytes = self.files.remove(&number).expect("it was written");
        self.table.contents_read(number, &bytes).expect("whole");
        true
    }

    /// Memory is what the contents that are here take.
    fn check(&self) {
        let all = 0..self.table.len() as u32;
        let here = all.filter_map(|index| self.table.task(index));
        let bytes: usize = here.map(|task| task.content.bytes().len()).sum();
        assert_eq!(self.table.content_bytes(), bytes);
    }
}

#[derive(Debug, Clone)]
enum Step {
    Add(usize),
    HandOut { is_newest: bool },
    Finish(usize),
    PutBack(usize),
    Discard(usize),
    Told(u32),
    Spill,
    Written,
    Read,
}

fn steps() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (1..30_usize).prop_map(Step::Add),
        8 => any::<bool>().prop_map(|is_newest| Step::HandOut { is_newest }),
        4 => any::<usize>().prop_map(Step::Finish),
        2 => any::<usize>().prop_map(Step::PutBack),
        1 => any::<usize>().prop_map(Step::Discard),
        3 => (0..60_u32).prop_map(Step::Told),
        4 => Just(Step::Spill),
        2 => Just(Step::Written),
        2 => Just(Step::Read),
    ]
}

impl World {
    fn apply(&mut self, step: Step) {
        match step {
            Step::Add(count) => (0..count).for_each(|_| self.add()),
            Step::HandOut { is_newest } => {
                self.hand_out(is_newest);
            }
            Step::Finish(nth) if !self.out.is_empty() => {
                let task = self.out.remove(nth % self.out.len());
                self.table.finish(task.task, true);
            }
            Step::PutBack(nth) if !self.out.is_empty() => {
                let task = self.out.remove(nth % self.out.len());
                self.table.put_back(task.task, false);
                self.queue.push(task.task);
            }
            Step::Discard(nth) if !self.queue.is_empty() => {
                let index = self.queue.remove(nth % self.queue.len());
                assert!(self.table.settle(index, Standing::Discarded));
            }
            Step::Finish(_) | Step::PutBack(_) | Step::Discard(_) => {}
            Step::Told(more) => {
                let told = self.table.kept_from() + more;
                self.table
                    .keep_contents_from(told.min(self.table.len() as u32));
            }
            Step::Spill => self.spill(),
            Step::Written => {
                let written: Vec<u32> = self.table.shelf.writing.iter().copied().collect();
                written
                    .into_iter()
                    .for_each(|it| self.table.contents_spilled(it));
            }
            Step::Read => {
                self.read();
            }
        }
        self.check();
    }
}

proptest! {
    #[test]
    fn every_task_is_handed_out_with_its_content(
        steps in prop::collection::vec(steps(), 0..150),
        most in 0..400_usize,
    ) {
        let mut world = World::new(most);
        for step in steps {
            world.apply(step);
        }
        while !world.queue.is_empty() {
            if !world.hand_out(false) {
                prop_assert!(world.read(), "what must be read is asked for");
            }
        }
    }
}

#[test]
fn what_waits_beyond_the_memory_goes_to_files() {
    let mut world = World::new(200);
    (0..5_000).for_each(|_| world.add());
    world.spill();
    assert!(world.files.is_empty(), "the journal does not have it");
    world.table.keep_contents_from(5_000);
    for _ in 0..1_000 {
        world.apply(Step::Spill);
        world.apply(Step::Written);
    }
    let bytes = world.table.content_bytes();
    assert!(bytes <= 200 + 2 * BLOCK_BYTES, "{bytes}");
    while !world.queue.is_empty() {
        while world.read() {}
        assert!(world.hand_out(false), "it was read in time");
        world.apply(Step::Finish(0));
        let bytes = world.table.content_bytes();
        assert!(bytes <= 200 + 3 * BLOCK_BYTES, "{bytes}");
    }
    assert_eq!(world.files.len(), 0);
}

#[test]
fn damaged_files_are_noticed() {
    let mut world = World::new(0);
    (0..500).for_each(|_| world.add());
    world.table.keep_contents_from(500);
    let (number, bytes) = world.table.contents_to_spill(0).expect("a block");
    let mut cut = world.table.contents_read(number, &bytes[..bytes.len() - 1]);
    assert!(cut.is_err());
    let (number, bytes) = world.table.contents_to_spill(0).expect("a block");
    cut = world.table.contents_read(number, &[]);
    assert!(cut.is_err(), "{} bytes are missing", bytes.len());
}
