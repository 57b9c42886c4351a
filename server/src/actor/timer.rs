//! Wakes actors at precise instants: one thread for the whole server.
//!
//! The runtime's own timers are a millisecond or two late; a sleeping thread of its own is late by a
//! tenth of that, and one thread serves all actors. Each has one deadline at most.

use std::fmt;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use powerjob_common::time::{Clock, UnixMillis};

/// The wall clock may be set: nobody sleeps longer than this without looking at it again.
const LONGEST_SLEEP: Duration = Duration::from_secs(1);

type Ring = Arc<dyn Fn() + Send + Sync>;

/// The thread that wakes. Clones are handles to the same one; it ends with the last.
#[derive(Clone)]
pub(crate) struct WakeTimer {
    shared: Arc<Shared>,
    /// Only handles count, not the thread itself.
    _alive: Arc<Alive>,
}

/// The deadline of one actor.
#[derive(Clone)]
pub(crate) struct Deadline {
    timer: WakeTimer,
    place: usize,
}

struct Shared {
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    entries: Vec<(Option<UnixMillis>, Ring)>,
    is_over: bool,
}

struct Alive(Arc<Shared>);

impl Drop for Alive {
    fn drop(&mut self) {
        self.0.lock().is_over = true;
        self.0.changed.notify_all();
    }
}

impl fmt::Debug for WakeTimer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WakeTimer")
    }
}

impl fmt::Debug for Deadline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Deadline({})", self.place)
    }
}

impl WakeTimer {
    /// Starts the thread.
    pub(crate) fn start(clock: Arc<dyn Clock>) -> std::io::Result<Self> {
        let shared = Arc::new(Shared {
            clock,
            state: Mutex::default(),
            changed: Condvar::new(),
        });
        let sleeper = shared.clone();
        std::thread::Builder::new()
            .name("pj-timer".to_owned())
            .spawn(move || sleeper.run())?;
        Ok(Self {
            _alive: Arc::new(Alive(shared.clone())),
            shared,
        })
    }

    /// A deadline that calls `ring` when it is reached; `ring` must hand over and return.
    pub(crate) fn deadline(&self, ring: impl Fn() + Send + Sync + 'static) -> Deadline {
        let mut state = self.shared.lock();
        state.entries.push((None, Arc::new(ring)));
        Deadline {
            timer: self.clone(),
            place: state.entries.len() - 1,
        }
    }

    /// Looks at the clock now: a test has moved it.
    #[cfg(test)]
    pub(crate) fn nudge(&self) {
        self.shared.changed.notify_all();
    }
}

impl Deadline {
    /// Moves the deadline; `None` takes it away.
    pub(crate) fn set(&self, at: Option<UnixMillis>) {
        let shared = &self.timer.shared;
        let mut state = shared.lock();
        let first = state.first();
        state.entries[self.place].0 = at;
        let is_earlier = state
            .first()
            .is_some_and(|new| first.is_none_or(|old| new < old));
        drop(state);
        if is_earlier {
            shared.changed.notify_all();
        }
    }
}

impl State {
    fn first(&self) -> Option<UnixMillis> {
        self.entries.iter().filter_map(|(at, _)| *at).min()
    }

    fn take_due(&mut self, now: UnixMillis) -> Vec<Ring> {
        let mut due = Vec::new();
        for (at, ring) in &mut self.entries {
            if at.is_some_and(|at| at <= now) {
                *at = None;
                due.push(ring.clone());
            }
        }
        due
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(&self) {
        let mut state = self.lock();
        while !state.is_over {
            let now = self.clock.now();
            let due = state.take_due(now);
            if !due.is_empty() {
                drop(state);
                for ring in due {
                    ring();
                }
                state = self.lock();
                continue;
            }
            state = match state.first() {
                Some(at) => {
                    let sleep = at.since(now).min(LONGEST_SLEEP);
                    self.changed
                        .wait_timeout(state, sleep)
                        .unwrap_or_else(PoisonError::into_inner)
                        .0
                }
                None => self
                    .changed
                    .wait(state)
                    .unwrap_or_else(PoisonError::into_inner),
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use powerjob_common::time::ManualClock;

    use super::*;

    const LIMIT: Duration = Duration::from_secs(10);

    #[test]
    fn deadlines_ring_once_when_the_clock_reaches_them() {
        let clock = Arc::new(ManualClock::at(UnixMillis(1_000)));
        let timer = WakeTimer::start(clock.clone()).expect("a thread");
        let (sender, rings) = mpsc::channel();
        let second = sender.clone();
        let early = timer.deadline(move || sender.send("early").expect("the test listens"));
        let late = timer.deadline(move || second.send("late").expect("the test listens"));
        late.set(Some(UnixMillis(3_000)));
        early.set(Some(UnixMillis(2_000)));
        clock.advance(Duration::from_millis(1_000));
        timer.nudge();
        assert_eq!(rings.recv_timeout(LIMIT), Ok("early"));
        clock.advance(Duration::from_millis(1_000));
        timer.nudge();
        assert_eq!(rings.recv_timeout(LIMIT), Ok("late"));
        assert!(rings.try_recv().is_err());
    }
}
