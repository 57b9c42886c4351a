//! What can go wrong with a worker as a whole.

use crate::store::StoreError;

/// Why a worker does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The options are not usable; all mistakes are listed.
    #[error("the worker cannot start: {}", .0.join("; "))]
    Invalid(Vec<String>),
    /// Its folder cannot be used.
    #[error("the folder of the worker cannot be used")]
    Store(#[from] StoreError),
    /// Other workers cannot be let in at the address that was asked for.
    #[error("the worker gets no port for other workers")]
    Listen(#[source] std::io::Error),
    /// The system has no thread for it.
    #[error("the worker gets no thread")]
    Thread(#[from] std::io::Error),
}

/// Why a worker ended by itself. The process that hosts it decides what follows.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WorkerError {
    /// One of its actors died.
    #[error("the worker ended because its actor {0} died; the log tells why")]
    ActorDied(String),
    /// Its thread ended.
    #[error("the thread of the worker ended unexpectedly")]
    ThreadEnded,
}
