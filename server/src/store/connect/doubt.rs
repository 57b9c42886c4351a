//! Connections that do not answer any more and have not ended either: a network that swallows everything,
//! a firewall that has forgotten them.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use powerjob_common::time::monotonic_now;
use tokio::sync::watch;

use crate::store::Error;

/// So long after an answer that did not come, every connection that is given back has to show a sign of
/// life: the driver itself would wait for it until TCP gives up.
const OPEN_FOR: Duration = Duration::from_secs(60);

/// What is under way when an answer does not come has so much more time.
const GRACE: Duration = Duration::from_secs(1);

/// Whether the connections of a store are in doubt.
#[derive(Debug, Clone)]
pub(in crate::store) struct Doubt {
    /// Monotonic; zero: they never were.
    until: Arc<watch::Sender<Duration>>,
}

impl Default for Doubt {
    fn default() -> Self {
        Self {
            until: Arc::new(watch::Sender::new(Duration::ZERO)),
        }
    }
}

impl Doubt {
    /// Whether an answer did not come lately.
    pub(super) fn is_open(&self) -> bool {
        monotonic_now() < *self.until.borrow()
    }

    /// Whether a connection that was unused for so long was so already when an answer did not come: it
    /// has not shown since that it lives.
    pub(super) fn is_older(&self, unused_for: Duration) -> bool {
        let until = *self.until.borrow();
        let unused_since = monotonic_now().saturating_sub(unused_for);
        until > Duration::ZERO && unused_since + OPEN_FOR <= until
    }

    /// Does something for so long at most, and soon no longer when something else was not answered
    /// meanwhile; `None` when it did not end: its connection is given up.
    pub(in crate::store) async fn limit<T>(
        &self,
        limit: Duration,
        work: impl Future<Output = T>,
    ) -> Option<T> {
        let mut work = std::pin::pin!(work);
        let mut raised = self.until.subscribe();
        let soon = async {
            // The sender lives as long as this.
            raised.changed().await.ok();
            tokio::time::sleep(GRACE).await;
        };
        tokio::select! {
            biased;
            done = &mut work => return Some(done),
            () = tokio::time::sleep(limit) => self.raise(),
            () = soon => {}
        }
        None
    }

    /// As [`Self::limit`], for work that may fail.
    ///
    /// # Errors
    /// Those of the work; [`Error::Unavailable`] with `silence` when it did not end.
    pub(in crate::store) async fn answer<T>(
        &self,
        limit: Duration,
        silence: &str,
        work: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        let silent = || Error::Unavailable(silence.to_owned());
        self.limit(limit, work).await.ok_or_else(silent)?
    }

    fn raise(&self) {
        self.until.send_replace(monotonic_now() + OPEN_FOR);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_is_given_up_that_was_unused_when_an_answer_did_not_come() {
        let doubt = Doubt::default();
        assert!(!doubt.is_older(Duration::from_secs(3_600)));
        doubt.raise();
        assert!(doubt.is_older(Duration::from_secs(3_600)));
        assert!(!doubt.is_older(Duration::ZERO));
    }
}
