use proptest::prelude::*;

use super::*;

const HOLDERS: Holder = 3;

/// The same table without any cleverness.
#[derive(Debug, Default)]
struct Naive {
    tasks: Vec<NaiveTask>,
    /// Order of waiting: tasks that wait longest come first.
    queue: Vec<u32>,
}

#[derive(Debug)]
struct NaiveTask {
    standing: Standing,
    holder: Option<Holder>,
    pinned: Option<Holder>,
    attempt: u32,
    failures: u32,
    parent: Option<u32>,
    ordinal: u32,
    name: u16,
}

impl NaiveTask {
    fn is_settled(&self) -> bool {
        matches!(self.standing, Standing::Succeeded | Standing::Discarded)
    }
}

impl Naive {
    fn add(&mut self, new: &NewTask) {
        self.queue.push(self.tasks.len() as u32);
        self.tasks.push(NaiveTask {
            standing: Standing::Waiting,
            holder: None,
            pinned: new.pinned,
            attempt: 0,
            failures: 0,
            parent: new.parent,
            ordinal: new.ordinal,
            name: new.name,
        });
    }

    fn hand_out_newest(&mut self, holder: Holder) -> Option<TaskRef> {
        let is_free = |index: &u32| self.tasks[*index as usize].pinned.is_none();
        let last = self.queue.iter().rposition(is_free)?;
        let index = self.queue.remove(last);
        self.queue.insert(0, index);
        self.hand_out(holder, false)
    }

    fn hand_out(&mut self, holder: Holder, is_pinned: bool) -> Option<TaskRef> {
        let wanted = is_pinned.then_some(holder);
        let place = self
            .queue
            .iter()
            .position(|index| self.tasks[*index as usize].pinned == wanted)?;
        let index = self.queue.remove(place);
        let task = &mut self.tasks[index as usize];
        task.standing = Standing::Out;
        task.holder = Some(holder);
        task.attempt += 1;
        Some(TaskRef {
            task: index,
            attempt: task.attempt,
        })
    }

    fn out(&self, nth: usize) -> Option<u32> {
        let out: Vec<u32> = (0..self.tasks.len() as u32)
            .filter(|index| self.tasks[*index as usize].standing == Standing::Out)
            .collect();
        (!out.is_empty()).then(|| out[nth % out.len()])
    }

    fn count(&self, standing: Standing) -> u64 {
        let has = |task: &&NaiveTask| task.standing == standing;
        self.tasks.iter().filter(has).count() as u64
    }
}

#[derive(Debug, Clone)]
enum Step {
    Add {
        pinned: Option<Holder>,
        parent: Option<u32>,
    },
    HandOut(Holder, bool),
    HandOutNewest(Holder),
    KeepContentsFrom(u32),
    ForgetMarks(u32, u32),
    Finish(usize, bool),
    PutBack(usize, bool),
    Settle(u32, Standing),
    WakeFailed,
    FailPinned(Holder),
}

fn settled() -> impl Strategy<Value = Standing> {
    prop_oneof![
        Just(Standing::Succeeded),
        Just(Standing::Failed),
        Just(Standing::Discarded),
    ]
}

fn steps() -> impl Strategy<Value = Step> {
    let holder = 0..HOLDERS;
    prop_oneof![
        6 => (proptest::option::of(holder.clone()), proptest::option::of(0..8_u32))
            .prop_map(|(pinned, parent)| Step::Add { pinned, parent }),
        4 => (holder.clone(), any::<bool>()).prop_map(|(holder, pinned)| Step::HandOut(holder, pinned)),
        2 => holder.clone().prop_map(Step::HandOutNewest),
        1 => (0..40_u32).prop_map(Step::KeepContentsFrom),
        1 => (0..20_u32, 0..20_u32).prop_map(|(first, count)| Step::ForgetMarks(first, count)),
        6 => (any::<usize>(), any::<bool>()).prop_map(|(nth, success)| Step::Finish(nth, success)),
        2 => (any::<usize>(), any::<bool>()).prop_map(|(nth, failed)| Step::PutBack(nth, failed)),
        1 => (0..20_u32, settled()).prop_map(|(index, standing)| Step::Settle(index, standing)),
        1 => Just(Step::WakeFailed),
        1 => holder.prop_map(Step::FailPinned),
    ]
}

fn apply(table: &mut SubTasks, naive: &mut Naive, step: Step) {
    match step {
        Step::Add { pinned, parent } => {
            let parent = parent.filter(|parent| (*parent as usize) < naive.tasks.len());
            // Most follow the one before them, as in a map.
            let ordinal = naive.tasks.len() as u32 % 11;
            let new = NewTask {
                ordinal,
                name: u16::from(ordinal == 5),
                mark: mark_of(&[ordinal as u8]),
                content: vec![ordinal as u8].into(),
                ..new_task(pinned, parent)
            };
            naive.add(&new);
            table.add(new);
        }
        Step::HandOutNewest(holder) => {
            assert_eq!(table.hand_out_newest(holder), naive.hand_out_newest(holder));
        }
        Step::KeepContentsFrom(first) => {
            let kept_from = table.kept_from.min(naive.tasks.len() as u32);
            table.keep_contents_from(first.max(kept_from));
        }
        Step::ForgetMarks(first, count) => {
            let all = naive.tasks.len() as u32;
            table.forget_marks(first.min(all)..(first + count).min(all));
        }
        Step::HandOut(holder, is_pinned) => {
            let handed = match is_pinned {
                true => table.hand_out_pinned(holder),
                false => table.hand_out_any(holder),
            };
            assert_eq!(handed, naive.hand_out(holder, is_pinned));
        }
        Step::Finish(nth, is_success) => {
            let Some(index) = naive.out(nth) else { return };
            table.finish(index, is_success);
            naive.tasks[index as usize].standing = match is_success {
                true => Standing::Succeeded,
                false => Standing::Failed,
            };
        }
        Step::PutBack(nth, has_failed) => {
            let Some(index) = naive.out(nth) else { return };
            table.put_back(index, has_failed);
            let task = &mut naive.tasks[index as usize];
            task.standing = Standing::Waiting;
            task.failures += u32::from(has_failed);
            naive.queue.push(index);
        }
        Step::Settle(index, standing) => {
            let place = naive.queue.iter().position(|waiting| *waiting == index);
            assert_eq!(table.settle(index, standing), place.is_some());
            if let Some(place) = place {
                naive.queue.remove(place);
                naive.tasks[index as usize].standing = standing;
            }
        }
        Step::WakeFailed => {
            table.wake_failed();
            for (index, task) in (0..).zip(&mut naive.tasks) {
                if task.standing == Standing::Failed {
                    task.standing = Standing::Waiting;
                    task.failures = 0;
                    naive.queue.push(index);
                }
            }
        }
        Step::FailPinned(holder) => {
            let failed = table.fail_pinned(holder);
            let handed = naive.hand_out(holder, true);
            assert_eq!(failed, handed.map(|task| task.task));
            if let Some(index) = failed {
                naive.tasks[index as usize].standing = Standing::Failed;
            }
        }
    }
}

fn new_task(pinned: Option<Holder>, parent: Option<u32>) -> NewTask {
    NewTask {
        parent,
        ordinal: 0,
        stage: TaskStage::Work,
        name: 0,
        pinned,
        content: Box::default(),
        mark: 0,
    }
}

fn table() -> SubTasks {
    let mut table = SubTasks::default();
    for _ in 0..HOLDERS {
        table.add_holder();
    }
    table
}

fn check_same(table: &SubTasks, naive: &Naive) {
    let counts = TaskCounts {
        waiting: naive.count(Standing::Waiting),
        running: naive.count(Standing::Out),
        succeeded: naive.count(Standing::Succeeded),
        failed: naive.count(Standing::Failed),
    };
    assert_eq!(table.counts(), counts);
    for (index, task) in naive.tasks.iter().enumerate() {
        let index = index as u32;
        assert_eq!(table.standing(index), task.standing);
        let ordinal = task.ordinal;
        let origin = (task.parent.unwrap_or(NO_TASK), ordinal);
        assert_eq!(
            (table.origin(index), table.name(index)),
            (origin, task.name)
        );
        assert_eq!(table.stage(index), TaskStage::Work);
        if !task.is_settled() {
            assert_eq!(table.attempts(index), task.attempt);
            assert_eq!(table.failures(index), task.failures);
            assert_eq!(table.content(index), [ordinal as u8]);
        } else if index >= table.kept_from {
            assert_eq!(table.content(index), [ordinal as u8], "somebody needs it");
        }
        let parent = task.parent.map(|parent| &naive.tasks[parent as usize]);
        if parent.is_some_and(|parent| !parent.is_settled()) {
            let mark = mark_of(&[ordinal as u8]);
            assert!(table.is_like(index, task.name, mark));
        }
        let present = TaskRef {
            task: index,
            attempt: task.attempt,
        };
        assert_eq!(table.is_present(present), task.standing == Standing::Out);
    }
    for holder in 0..HOLDERS {
        let is_there =
            |task: &&NaiveTask| task.standing == Standing::Out && task.holder == Some(holder);
        let out = naive.tasks.iter().filter(is_there).count();
        assert_eq!(table.out_at(holder).count(), out);
        assert_eq!(table.work_at(holder) as usize, out);
        assert_eq!(table.counts_of(holder).running as usize, out);
    }
}

proptest! {
    /// Spec 04 cases W-21, W-23, W-24, W-25.
    #[test]
    fn the_table_behaves_like_a_naive_one(steps in proptest::collection::vec(steps(), 0..120)) {
        let (mut table, mut naive) = (table(), Naive::default());
        for step in steps {
            apply(&mut table, &mut naive, step);
            check_same(&table, &naive);
        }
    }
}

/// A first task that makes many: most have ended, and it may make all of them again.
#[test]
fn tasks_that_have_ended_are_smaller() {
    let mut table = table();
    let root = table.add(new_task(Some(0), None));
    table.hand_out_pinned(0).expect("the first task");
    for ordinal in 0..10_000 {
        let made = NewTask {
            ordinal,
            ..new_task(None, Some(root))
        };
        table.add(made);
        let task = table.hand_out_any(0).expect("a task");
        table.finish(task.task, true);
    }
    let (shrunk, open) = table.tasks.bytes();
    assert!(open <= 2 * BLOCK * size_of::<Task>(), "{open}");
    // Blocks of tests are short: what each of them takes is more than the marks.
    assert!(shrunk < 10_000 * 11, "{shrunk}");
    table.finish(root, true);
    table.forget_marks(1..10_001);
    let (without_marks, _) = table.tasks.bytes();
    assert!(without_marks + 10_000 * 7 < shrunk, "{without_marks}");
}

#[test]
fn a_waiting_task_is_small() {
    assert!(size_of::<Task>() <= 64, "{}", size_of::<Task>());
}

/// Spec 04 case W-24.
#[test]
fn a_late_end_of_an_earlier_attempt_does_not_count() {
    let mut table = table();
    table.add(new_task(None, None));
    let first = table.hand_out_any(0).expect("a task");
    table.put_back(first.task, false);
    let second = table.hand_out_any(0).expect("the same task");
    assert!(!table.is_out(first, 0));
    assert!(table.is_out(second, 0) && !table.is_out(second, 1));
}

/// Spec 04 case W-46.
#[test]
fn paths_lead_from_the_first_task() {
    let mut table = table();
    let mut add = |parent, ordinal| {
        table.add(NewTask {
            ordinal,
            ..new_task(None, parent)
        })
    };
    let root = add(None, 0);
    let child = add(Some(root), 12);
    let grandchild = add(Some(child), 3);
    assert_eq!(table.path(grandchild), "0.12.3");
    assert_eq!(table.path(root), "0");
}
