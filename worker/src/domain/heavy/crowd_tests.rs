//! A master with more waiting tasks than it likes.

use std::collections::VecDeque;

use proptest::prelude::*;

use super::*;
use crate::domain::heavy::mapping::MapLimits;

const LIMITS: MapLimits = MapLimits {
    waiting: 6,
    untold: 1_000_000,
    memory: 1_000_000,
};

/// What a task of a level does: so many lists of so many tasks, then it ends.
#[derive(Debug, Clone, Copy)]
struct Habit {
    lists: u32,
    tasks: usize,
}

#[derive(Debug)]
struct Running {
    place: Holder,
    start: TaskStart,
    level: usize,
    next_list: u32,
    held: Option<MapTasks>,
}

/// Workers that carry out fewer tasks at once than they were given.
struct Crowd {
    play: Play,
    habits: Vec<Habit>,
    slots: usize,
    running: VecDeque<Running>,
    now: Duration,
    most_waiting: u32,
}

impl Crowd {
    fn new(habits: Vec<Habit>, slots: usize, concurrency: u32) -> Self {
        let mut play = Play::new(ExecuteType::Map, 0, &["a", "b"]);
        (play.master.limits, play.master.concurrency) = (LIMITS, concurrency);
        play.window = concurrency + 2;
        Self {
            play,
            habits,
            slots,
            running: VecDeque::new(),
            now: NOW,
            most_waiting: 0,
        }
    }

    /// Executors begin what they have, oldest first; the first task needs no slot.
    fn begin(&mut self) {
        let mut left = Vec::new();
        for (place, start) in std::mem::take(&mut self.play.out) {
            let is_here = |it: &&Running| it.place == place && it.start.stage == TaskStage::Work;
            let is_first = start.stage != TaskStage::Work;
            if is_first || self.running.iter().filter(is_here).count() < self.slots {
                let level = start.id.matches('.').count();
                self.running.push_back(Running {
                    place,
                    start,
                    level,
                    next_list: 0,
                    held: None,
                });
            } else {
                left.push((place, start));
            }
        }
        self.play.out = left;
    }

    /// A running task does its next step; `false` if it must wait.
    fn step(&mut self, mut task: Running) -> bool {
        let habit = self.habits.get(task.level);
        let more = habit.filter(|habit| task.next_list < habit.lists);
        let Some(habit) = more else {
            let (place, task) = (task.place, task.start.task);
            self.play.end(place, task, TaskEnd::Succeeded, "");
            return true;
        };
        if task.held.is_some() && !self.play.master.takes_lists() {
            self.running.push_back(task);
            return false;
        }
        let answer = match task.held.take() {
            Some(list) => {
                let answer = self.play.master.map(list);
                self.play.carry_out();
                answer
            }
            None => self.play.map(task.start.task, task.next_list, habit.tasks),
        };
        let is_taken = match answer {
            MapAnswer::Now(verdict) => {
                assert_eq!(verdict, MapVerdict::Stored);
                task.next_list += 1;
                true
            }
            MapAnswer::Later(list) => {
                task.held = Some(list);
                false
            }
        };
        self.running.push_back(task);
        is_taken
    }

    fn run(&mut self, chances: &[usize]) {
        let mut chances = chances.iter().cycle();
        let mut quiet_ticks = 0;
        while self.play.finished.is_empty() {
            self.begin();
            let turn = chances.next().expect("endless") % self.running.len().max(1);
            self.running.rotate_left(turn);
            let mut has_moved = false;
            for _ in 0..self.running.len() {
                let Some(task) = self.running.pop_front() else {
                    break;
                };
                if self.step(task) {
                    has_moved = true;
                    break;
                }
            }
            let waiting = self.play.master.tasks.waiting_for_anybody();
            self.most_waiting = self.most_waiting.max(waiting);
            if !has_moved {
                quiet_ticks += 1;
                assert!(quiet_ticks < 10_000, "it stands still");
                self.now += Duration::from_millis(50);
                self.play.master.tick(self.now);
                self.play.carry_out();
            }
        }
    }
}

fn habits() -> impl Strategy<Value = Vec<Habit>> {
    let habit = (0..4_u32, 1..4_usize).prop_map(|(lists, tasks)| Habit { lists, tasks });
    prop::collection::vec(habit, 1..4)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// However few tasks the workers carry out at once: all of them wait for room in the end.
    #[test]
    fn nested_maps_that_are_held_back_end(
        habits in habits(),
        slots in 1..4_usize,
        concurrency in 1..9_u32,
        chances in prop::collection::vec(0..100_usize, 1..20),
    ) {
        let mut expected = 1;
        let mut level = 1;
        for habit in &habits {
            level *= u64::from(habit.lists) * habit.tasks as u64;
            expected += level;
        }
        let mut crowd = Crowd::new(habits, slots, concurrency);
        crowd.run(&chances);
        let text = format!("total:{expected},succeed:{expected},failed:0");
        prop_assert_eq!(crowd.play.verdict(), (InstanceStatus::Succeed, &*text));
    }
}

/// The newest tasks first: a deep tree does not unfold level by level.
#[test]
fn a_deep_tree_keeps_few_tasks_waiting() {
    let ten = Habit {
        lists: 1,
        tasks: 10,
    };
    let mut crowd = Crowd::new(vec![ten; 4], 2, 2);
    crowd.run(&[0]);
    assert_eq!(crowd.play.verdict().0, InstanceStatus::Succeed);
    assert!(crowd.most_waiting <= 200, "{}", crowd.most_waiting);
}
