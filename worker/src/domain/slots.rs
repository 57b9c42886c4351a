//! Which runs may start now, and which must wait?
//!
//! # Invariants
//! 1. At most `limit` runs are running, at most `blocking_limit` of them in blocking code.
//! 2. Runs of one kind start in the order in which they came.
//! 3. A run that waits for a blocking thread does not hold back asynchronous ones.

use std::collections::VecDeque;

/// How a processor runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// As a future.
    Async,
    /// On a thread of the blocking pool.
    Blocking,
}

/// The places of a worker and the queues in front of them.
#[derive(Debug)]
pub(crate) struct Slots<T> {
    limit: usize,
    blocking_limit: usize,
    running: usize,
    blocking_running: usize,
    waiting: VecDeque<T>,
    blocking_waiting: VecDeque<T>,
}

impl<T> Slots<T> {
    pub(crate) fn new(limit: usize, blocking_limit: usize) -> Self {
        Self {
            limit,
            blocking_limit,
            running: 0,
            blocking_running: 0,
            waiting: VecDeque::new(),
            blocking_waiting: VecDeque::new(),
        }
    }

    /// Puts a run at the end of its queue.
    pub(crate) fn enqueue(&mut self, kind: Kind, run: T) {
        match kind {
            Kind::Async => self.waiting.push_back(run),
            Kind::Blocking => self.blocking_waiting.push_back(run),
        }
    }

    /// Takes the next run that may start; its place is occupied from now on.
    pub(crate) fn start_next(&mut self) -> Option<T> {
        if self.running >= self.limit {
            return None;
        }
        if self.blocking_running < self.blocking_limit
            && let Some(run) = self.blocking_waiting.pop_front()
        {
            self.running += 1;
            self.blocking_running += 1;
            return Some(run);
        }
        let run = self.waiting.pop_front()?;
        self.running += 1;
        Some(run)
    }

    /// Gives back the place of a run that ended or was abandoned.
    pub(crate) fn free(&mut self, kind: Kind) {
        debug_assert!(self.running > 0, "a place is given back once");
        self.running = self.running.saturating_sub(1);
        if kind == Kind::Blocking {
            self.blocking_running = self.blocking_running.saturating_sub(1);
        }
    }

    /// Takes a waiting run out of its queue.
    pub(crate) fn remove_waiting(&mut self, is_wanted: impl Fn(&T) -> bool) -> Option<T> {
        for queue in [&mut self.waiting, &mut self.blocking_waiting] {
            if let Some(index) = queue.iter().position(&is_wanted) {
                return queue.remove(index);
            }
        }
        None
    }

    /// Takes all waiting runs.
    pub(crate) fn drain_waiting(&mut self) -> Vec<T> {
        self.waiting
            .drain(..)
            .chain(self.blocking_waiting.drain(..))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_full_blocking_pool_does_not_hold_back_futures() {
        let mut slots = Slots::new(4, 1);
        slots.enqueue(Kind::Blocking, "b1");
        slots.enqueue(Kind::Blocking, "b2");
        slots.enqueue(Kind::Async, "a1");
        let started: Vec<_> = std::iter::from_fn(|| slots.start_next()).collect();
        assert_eq!(started, ["b1", "a1"]);
        slots.free(Kind::Blocking);
        assert_eq!(slots.start_next(), Some("b2"));
    }

    #[test]
    fn a_waiting_run_can_be_taken_out() {
        let mut slots = Slots::new(0, 0);
        slots.enqueue(Kind::Async, 1);
        slots.enqueue(Kind::Async, 2);
        assert_eq!(slots.remove_waiting(|run| *run == 1), Some(1));
        assert_eq!(slots.remove_waiting(|run| *run == 1), None);
        assert_eq!(slots.drain_waiting(), [2]);
    }

    proptest! {
        #[test]
        fn limits_hold_and_nothing_is_lost(ops in prop::collection::vec(0..4_u8, 0..200), limit in 1..6_usize, blocking in 1..4_usize) {
            let mut slots = Slots::new(limit, blocking);
            let (mut entered, mut left) = (0_u32, 0_u32);
            let mut running: Vec<(Kind, u32)> = Vec::new();
            for op in ops {
                match op {
                    0 => { slots.enqueue(Kind::Async, (Kind::Async, entered)); entered += 1; }
                    1 => { slots.enqueue(Kind::Blocking, (Kind::Blocking, entered)); entered += 1; }
                    2 => if let Some(run) = slots.start_next() { running.push(run); },
                    _ => if let Some((kind, _)) = running.pop() { slots.free(kind); left += 1; },
                }
                prop_assert!(running.len() <= limit);
                prop_assert!(running.iter().filter(|run| run.0 == Kind::Blocking).count() <= blocking);
            }
            let waiting = slots.drain_waiting().len();
            prop_assert_eq!(entered, left + u32::try_from(running.len() + waiting).expect("small"));
        }
    }
}
