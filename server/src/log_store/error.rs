//! What can go wrong in the log store.

use std::io;
use std::path::{Path, PathBuf};

/// Why the log store could not do what it was asked for.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file or folder cannot be used: disk full, no permission, damaged. Trying again helps when
    /// the cause is gone.
    #[error("log segments at {path}")]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the machine says.
        source: io::Error,
    },
    /// Another process has the folder open.
    #[error("the folder {0} of the logs is in use by another process")]
    Locked(PathBuf),
    /// The cursor was not made by this store. The caller starts without one.
    #[error("not a cursor of a log")]
    BadCursor,
    /// The store shuts down.
    #[error("the log store is closed")]
    Closed,
}

impl Error {
    /// Names the file that an error of the machine is about; for `map_err`.
    pub(super) fn at(path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io {
            path: path.to_owned(),
            source,
        }
    }
}
