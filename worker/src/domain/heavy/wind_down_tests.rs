//! A master that shuts down.

use super::*;

fn handed_on(play: &Play) -> bool {
    play.finished == [ending::handed_on()]
}

/// A map of ten tasks, of which two executors have two each.
fn ten_tasks() -> Play {
    let mut play = Play::new(ExecuteType::Map, 0, &["a", "b"]);
    let root = play.out[0].1.task;
    play.map(root, 0, 10);
    play.end(LOCAL, root, TaskEnd::Succeeded, "");
    play.out.remove(0);
    assert_eq!(play.out.len(), 4);
    play
}

impl Play {
    fn hand_on_if_idle(&mut self, held_up: usize) {
        self.master.hand_on_if_idle(held_up);
        self.carry_out();
    }
}

#[test]
fn what_is_out_may_end_and_nothing_else_is_handed_out() {
    let mut play = ten_tasks();
    play.master.wind_down();
    for _ in 0..3 {
        play.end_next(TaskEnd::Succeeded, "");
        play.hand_on_if_idle(0);
        assert_eq!(play.finished, []);
    }
    play.end_next(TaskEnd::Succeeded, "");
    assert_eq!(play.out, []);
    play.hand_on_if_idle(0);
    assert!(handed_on(&play));
    assert_eq!(play.closed, [0, 1]);
}

#[test]
fn tasks_that_only_wait_to_make_new_ones_hold_nothing_up() {
    let mut play = Play::new(ExecuteType::Map, 0, &["a"]);
    let root = play.out[0].1.task;
    play.master.wind_down();
    assert!(matches!(play.map(root, 0, 1), MapAnswer::Later(_)));
    assert!(!play.master.takes_lists());
    play.hand_on_if_idle(0);
    assert_eq!(play.finished, []);
    play.hand_on_if_idle(1);
    assert!(handed_on(&play));
}

#[test]
fn an_instance_that_can_end_ends() {
    let mut play = ten_tasks();
    while play.out.len() + play.master.tasks.waiting_for_anybody() as usize > 2 {
        play.end_next(TaskEnd::Succeeded, "");
    }
    play.master.wind_down();
    while !play.out.is_empty() {
        play.hand_on_if_idle(0);
        play.end_next(TaskEnd::Succeeded, "");
    }
    assert_eq!(
        play.verdict(),
        (InstanceStatus::Succeed, "total:11,succeed:11,failed:0")
    );
}

#[test]
fn the_end_of_the_time_hands_maps_on_and_fails_broadcasts() {
    let mut map = ten_tasks();
    map.master.wind_down();
    map.master.cancel(CancelReason::WorkerShutdown);
    map.carry_out();
    assert!(handed_on(&map));

    let mut broadcast = Play::new(ExecuteType::Broadcast, 0, &["a", "b"]);
    broadcast.master.wind_down();
    broadcast.end_next(TaskEnd::Succeeded, "");
    assert_eq!(broadcast.out.len(), 2, "it goes on");
    broadcast.master.cancel(CancelReason::WorkerShutdown);
    broadcast.carry_out();
    assert_eq!(broadcast.verdict().0, InstanceStatus::Failed);
}
