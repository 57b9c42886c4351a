//! The results of the tasks of an instance, for the code that comes after all of them.

use std::sync::{Arc, Mutex, PoisonError};

/// How one task ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskResult {
    /// Its path, such as `0.3.1`; the first task of the instance is `0`.
    pub task_id: String,
    /// Whether it succeeded.
    pub is_success: bool,
    /// Its result, or the cause of its failure.
    pub result: String,
}

/// The ends of all tasks so far. Clones share them.
#[derive(Debug, Clone, Default)]
pub(crate) struct ResultList(Arc<Mutex<Vec<TaskResult>>>);

impl ResultList {
    pub(crate) fn push(&self, result: TaskResult) {
        let mut results = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        results.push(result);
    }

    /// The results from `place` on, at most `count`.
    pub(crate) fn read(&self, place: usize, count: usize) -> Vec<TaskResult> {
        let results = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let rest = results.get(place..).unwrap_or_default();
        rest.iter().take(count).cloned().collect()
    }

    /// Takes out the failures: they are tried once more.
    pub(crate) fn forget_failures(&self) {
        let mut results = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        results.retain(|result| result.is_success);
    }

    pub(crate) fn len(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).len()
    }
}
