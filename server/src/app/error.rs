//! Why a server does not start, or ends.

use std::fmt;

use crate::config::Mistake;
use crate::{log_store, store, traces};

/// Why a server did not start, or had to end.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Settings that cannot be used.
    #[error("{}", Lines(.0))]
    Config(Vec<Mistake>),
    /// No threads.
    #[error("the runtime cannot be started")]
    Runtime(#[source] std::io::Error),
    /// The folder for data cannot be used.
    #[error("server.data_dir: the folder cannot be used")]
    DataDir(#[source] std::io::Error),
    /// The database cannot be used.
    #[error("{field}: the database cannot be used")]
    Store {
        /// The setting that names it.
        field: &'static str,
        /// Why.
        #[source]
        source: store::Error,
    },
    /// The folder for logs of runs cannot be used.
    #[error("server.data_dir: the logs of runs cannot be kept")]
    Logs(#[source] log_store::Error),
    /// An address cannot be taken.
    #[error("{field}: {reason}")]
    Bind {
        /// The setting that names it.
        field: &'static str,
        /// Why.
        reason: String,
    },
    /// Traces cannot be sent.
    #[error(transparent)]
    Traces(#[from] traces::SetupError),
    /// The server had to end.
    #[error("the server ended: {0}")]
    Fatal(String),
}

struct Lines<'a>(&'a [Mistake]);

impl fmt::Display for Lines<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, mistake) in self.0.iter().enumerate() {
            if place > 0 {
                f.write_str("\n")?;
            }
            mistake.fmt(f)?;
        }
        Ok(())
    }
}
