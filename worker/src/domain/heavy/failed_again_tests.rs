//! An instance has failed, and its failed tasks are carried out once more.

use super::*;

/// Each task may fail once for good.
const STRICT: Setting = Setting {
    kind: ExecuteType::MapReduce,
    task_retries: 0,
    concurrency: 10,
};

impl World {
    /// All is told, the instance has ended, and a person has its failed tasks tried again.
    fn fail_again(&mut self) {
        while self.master.untold() > 0 {
            self.tell(1 << 20);
        }
        for items in [
            vec![JournalRecord::Decided],
            vec![JournalRecord::FailedAgain],
        ] {
            self.keep(&JournalRecords { items });
        }
        let results = self.results().into_iter();
        let succeeded = results.filter(|(_, is_success, _)| *is_success);
        self.done = succeeded.map(|(path, _, _)| path).collect();
        let (master, begins_anew) = self.replayed();
        assert!(!begins_anew);
        self.master = master;
        self.attempt += 1;
        self.out.clear();
        self.ending = None;
        self.meet();
    }
}

proptest! {
    /// What succeeded does not run again ([`World::begin`] looks at that), and the results are those of
    /// all tasks, each once (spec 04 cases W-21, W-42, W-43).
    #[test]
    fn failed_tasks_run_again_and_only_they(
        rounds in prop::collection::vec(prop::collection::vec(steps(), 1..120), 1..4)
    ) {
        let mut world = World::with(STRICT);
        for steps in rounds {
            for step in steps {
                match step {
                    Step::Make(nth, count) => world.make(nth, count),
                    Step::End(nth, is_success) => world.end(nth, is_success),
                    Step::Tell(bytes) => world.tell(bytes),
                    Step::Lose(_) | Step::Crash => {}
                }
                if world.ending.is_some() {
                    break;
                }
            }
            world.fail_again();
        }
        world.run_to_the_end();
        let results = world.results();
        prop_assert!(results.iter().all(|(_, is_success, _)| *is_success));
        let paths: BTreeSet<_> = results.into_iter().map(|(path, _, _)| path).collect();
        prop_assert_eq!(paths, expected_paths());
    }
}

#[test]
fn nobody_goes_on_from_a_journal_that_was_broken_off() {
    let mut world = World::new();
    world.make(0, 10);
    world.tell(1 << 20);
    for items in [
        vec![JournalRecord::Broken],
        vec![JournalRecord::FailedAgain],
    ] {
        world.keep(&JournalRecords { items });
    }
    let (master, begins_anew) = world.replayed();
    assert!(begins_anew && master.tasks.len() == 1);
}
