//! The hold that a program has on its worker.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::{mpsc, watch};

use crate::error::WorkerError;

/// Asks the thread of the worker to end, with time for runs to end by themselves.
pub(crate) type StopRequest = Duration;
/// `None` while the worker lives.
pub(crate) type End = Option<Result<(), WorkerError>>;

/// A running worker. When the last handle is dropped, the worker stops without waiting for its runs.
#[derive(Debug, Clone)]
pub struct WorkerHandle {
    pub(crate) node_id: String,
    pub(crate) stop: mpsc::Sender<StopRequest>,
    pub(crate) end: watch::Receiver<End>,
    pub(crate) is_connected: watch::Receiver<bool>,
    pub(crate) is_overloaded: Arc<AtomicBool>,
}

impl WorkerHandle {
    /// The identity of the worker, which the server shows; stable across restarts with a spool folder.
    pub fn node_id(&self) -> &str {
        &self.node_id
    }

    /// Whether a server knows the worker at this moment.
    pub fn is_connected(&self) -> bool {
        *self.is_connected.borrow()
    }

    /// Returns when a server knows the worker.
    ///
    /// # Errors
    /// [`WorkerError`] when the worker ends before.
    pub async fn connected(&self) -> Result<(), WorkerError> {
        let mut is_connected = self.is_connected.clone();
        match is_connected.wait_for(|is_connected| *is_connected).await {
            Ok(_) => Ok(()),
            Err(_) => Err(WorkerError::ThreadEnded),
        }
    }

    /// Says whether the program has too much to do: while it has, the worker refuses new runs at
    /// once, and within two seconds the server offers it none. What it has goes on.
    pub fn set_overloaded(&self, is_overloaded: bool) {
        self.is_overloaded.store(is_overloaded, Ordering::Relaxed);
    }

    /// Returns when the worker has ended.
    ///
    /// # Errors
    /// [`WorkerError`] when it ended by itself. The process goes on; what follows is its decision.
    pub async fn join(&self) -> Result<(), WorkerError> {
        let mut end = self.end.clone();
        match end.wait_for(Option::is_some).await {
            Ok(end) => end.clone().unwrap_or(Ok(())),
            Err(_) => Err(WorkerError::ThreadEnded),
        }
    }

    /// Ends the worker: it takes nothing new, runs may go on until `deadline` has passed, then they are
    /// cancelled; results and log lines are brought to the server.
    ///
    /// # Errors
    /// [`WorkerError`] when the worker ended by itself before.
    pub async fn shutdown(&self, deadline: Duration) -> Result<(), WorkerError> {
        // A worker that has ended needs no request.
        self.stop.send(deadline).await.ok();
        self.join().await
    }
}
