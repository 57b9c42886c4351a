use proptest::prelude::*;

use super::*;

const START: Duration = Duration::from_secs(7);

#[test]
fn half_of_a_workers_tasks_are_held_and_a_single_one_never() {
    let mut brake = Brake::default();
    assert!(!brake.holds(1, 0, 1));
    let held: Vec<bool> = (1..=5).map(|task| brake.holds(task, 0, 5)).collect();
    assert_eq!(held, [true, true, false, false, false]);
    assert!(brake.holds(6, 1, 5), "another worker");
    brake.release(1);
    assert!(brake.holds(3, 0, 5));
}

#[test]
fn quiet_lets_each_pass_once() {
    let mut brake = Brake::default();
    brake.tick(3, START);
    assert!(brake.holds(1, 0, 4) && brake.holds(2, 0, 4));
    brake.tick(3, START + QUIET - Duration::from_millis(1));
    assert!(!brake.gives_way());
    brake.tick(3, START + QUIET);
    assert!(brake.gives_way());
    assert!(!brake.holds(1, 0, 4) && !brake.holds(2, 0, 4));
    assert!(!brake.gives_way());
    assert!(brake.holds(1, 0, 4), "its next list waits again");
    brake.tick(4, START + QUIET * 2);
    assert!(!brake.gives_way(), "a task has ended");
}

#[derive(Debug, Clone)]
enum Step {
    List { task: u32, place: Holder },
    Release { task: u32 },
    Tick { later_ms: u64, has_ended: bool },
}

fn steps() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..20_u32, 0..3_u16).prop_map(|(task, place)| Step::List { task, place }),
        2 => (0..20_u32).prop_map(|task| Step::Release { task }),
        2 => (0..600_u64, any::<bool>())
            .prop_map(|(later_ms, has_ended)| Step::Tick { later_ms, has_ended }),
    ]
}

proptest! {
    #[test]
    fn never_more_than_half_are_held(steps in prop::collection::vec(steps(), 0..80), slots in 1..8_u32) {
        let mut brake = Brake::default();
        let (mut now, mut ended) = (START, 0);
        for step in steps {
            match step {
                Step::List { task, place } => {
                    let before = brake.held.clone();
                    let is_held = brake.holds(task, place, slots);
                    prop_assert_eq!(brake.held.contains_key(&task), is_held);
                    let others = |held: &BTreeMap<u32, Holder>| {
                        let others = held.iter().filter(|(other, _)| **other != task);
                        others.map(|(other, place)| (*other, *place)).collect::<Vec<_>>()
                    };
                    prop_assert_eq!(others(&before), others(&brake.held));
                }
                Step::Release { task } => {
                    brake.release(task);
                    prop_assert!(!brake.held.contains_key(&task));
                }
                Step::Tick { later_ms, has_ended } => {
                    now += Duration::from_millis(later_ms);
                    ended += u64::from(has_ended);
                    brake.tick(ended, now);
                }
            }
            for place in 0..3 {
                let there = brake.held.values().filter(|its| **its == place).count();
                prop_assert!(there <= slots as usize / 2);
            }
            prop_assert!(brake.passes <= brake.held.len());
        }
    }
}
