//! Where this worker goes next, and whose commands are stale.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use powerjob_common::time::Clock;

/// How long the epoch of an owner is held against others: longer than a server that stood still
/// could believe in its lease, and short enough that a database restored from a copy, in which
/// epochs begin lower again, does not keep this worker away for ever.
const REMEMBERED_FOR: Duration = Duration::from_secs(60);

/// What servers said about the ownership of the application; shared by all sessions.
#[derive(Debug, Clone)]
pub(crate) struct Course {
    known: Arc<Mutex<Known>>,
    clock: Arc<dyn Clock>,
}

#[derive(Debug, Default)]
struct Known {
    next_server: Option<String>,
    epoch: i64,
    confirmed_at: Duration,
}

impl Course {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            known: Arc::default(),
            clock,
        }
    }

    /// The application has another owner: it is the next one to be called.
    pub(crate) fn moved_to(&self, owner: String, epoch: i64) {
        self.is_present(epoch);
        self.lock().next_server = Some(owner);
    }

    /// The server to be called first; only once, because it may be gone by then.
    pub(crate) fn take_next_server(&self) -> Option<String> {
        self.lock().next_server.take()
    }

    /// Whether a command of this epoch may be carried out: no later owner is known.
    pub(crate) fn is_present(&self, epoch: i64) -> bool {
        let now = self.clock.monotonic();
        let mut known = self.lock();
        let is_forgotten = now.saturating_sub(known.confirmed_at) > REMEMBERED_FOR;
        if epoch < known.epoch && !is_forgotten {
            return false;
        }
        known.epoch = epoch;
        known.confirmed_at = now;
        true
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use powerjob_common::time::{ManualClock, UnixMillis};

    use super::*;

    #[test]
    fn commands_of_a_former_owner_are_stale() {
        let course = Course::new(Arc::new(ManualClock::at(UnixMillis(0))));
        assert!(course.is_present(4));
        assert!(course.is_present(4));
        course.moved_to("b:1".to_owned(), 5);
        assert!(!course.is_present(4));
        assert!(course.is_present(5));
        assert_eq!(course.take_next_server().as_deref(), Some("b:1"));
        assert_eq!(course.take_next_server(), None);
    }

    #[test]
    fn a_database_restored_from_a_copy_is_believed_after_a_while() {
        let clock = Arc::new(ManualClock::at(UnixMillis(0)));
        let course = Course::new(clock.clone());
        assert!(course.is_present(9));
        clock.advance(REMEMBERED_FOR);
        assert!(!course.is_present(3));
        clock.advance(Duration::from_millis(1));
        assert!(course.is_present(3));
        assert!(!course.is_present(2));
    }
}
