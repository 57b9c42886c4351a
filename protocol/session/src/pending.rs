//! Questions that wait for an answer. A question costs an entry in a table: no task and no timer.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use powerjob_protocol::wire::frame::Frame;
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::error::SessionError;

/// Called once with the answer.
pub(crate) type OnAnswer = Box<dyn FnOnce(Result<Frame, SessionError>) + Send>;

/// A question that waits.
pub(crate) struct Pending {
    pub(crate) asked_at: Instant,
    deadline: Instant,
    on_answer: OnAnswer,
}

impl Pending {
    pub(crate) fn finish(self, result: Result<Frame, SessionError>) {
        (self.on_answer)(result);
    }
}

struct Table {
    asks: HashMap<u64, Pending>,
    last_correlation: u64,
    /// When the keeper looks next; an earlier deadline must wake it.
    keeper_wakes_at: Instant,
    is_closed: bool,
}

pub(crate) struct PendingAsks {
    table: Mutex<Table>,
    limit: usize,
    /// Rings when a deadline lies before the keeper's next look.
    pub(crate) hurry: Notify,
}

impl std::fmt::Debug for PendingAsks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "PendingAsks({})", self.len())
    }
}

impl PendingAsks {
    pub(crate) fn new(limit: usize, now: Instant) -> Self {
        Self {
            table: Mutex::new(Table {
                asks: HashMap::new(),
                last_correlation: 0,
                keeper_wakes_at: now,
                is_closed: false,
            }),
            limit,
            hurry: Notify::new(),
        }
    }

    /// Enters a question and returns its correlation id; when it cannot be entered, the callback
    /// comes back with the reason.
    pub(crate) fn enter(
        &self,
        now: Instant,
        deadline: Instant,
        on_answer: OnAnswer,
    ) -> Result<u64, (SessionError, OnAnswer)> {
        let mut table = self.lock();
        if table.is_closed {
            return Err((SessionError::Disconnected, on_answer));
        }
        if table.asks.len() >= self.limit {
            return Err((SessionError::Overloaded, on_answer));
        }
        table.last_correlation += 1;
        let correlation = table.last_correlation;
        let pending = Pending {
            asked_at: now,
            deadline,
            on_answer,
        };
        table.asks.insert(correlation, pending);
        if deadline < table.keeper_wakes_at {
            table.keeper_wakes_at = deadline;
            drop(table);
            self.hurry.notify_one();
        }
        Ok(correlation)
    }

    pub(crate) fn take(&self, correlation: u64) -> Option<Pending> {
        self.lock().asks.remove(&correlation)
    }

    /// Takes out what is overdue. The keeper looks again at `latest` or at the next deadline,
    /// whichever comes first, but not before `earliest`; that time is returned too.
    pub(crate) fn expire(
        &self,
        now: Instant,
        earliest: Instant,
        latest: Instant,
    ) -> (Vec<(u64, Pending)>, Instant) {
        let mut table = self.lock();
        let overdue: Vec<_> = table
            .asks
            .extract_if(|_, pending| pending.deadline <= now)
            .collect();
        let next = table.asks.values().map(|pending| pending.deadline).min();
        let wake_at = next.map_or(latest, |next| next.min(latest)).max(earliest);
        table.keeper_wakes_at = wake_at;
        (overdue, wake_at)
    }

    /// Takes everything out and refuses all that comes later.
    pub(crate) fn close(&self) -> Vec<Pending> {
        let mut table = self.lock();
        table.is_closed = true;
        table.asks.drain().map(|(_, pending)| pending).collect()
    }

    pub(crate) fn len(&self) -> usize {
        self.lock().asks.len()
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
