//! What a worker keeps on its disk: its name, the ends of runs that the server may not have yet, and
//! what of large instances does not fit into memory.

mod home;
mod record;
mod segments;
mod spill;
mod spool;

pub(crate) use home::Home;
#[cfg(test)]
pub(crate) use record::tests::report as report_of;
pub(crate) use spill::Spill;
pub(crate) use spool::{OnDurable, Spool, SpoolOpening};

/// Why the folder of a worker cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another process uses the folder.
    #[error("another worker uses the folder {0}")]
    InUse(String),
    /// The disk said no.
    #[error("cannot {action} {path}")]
    Io {
        /// What was tried.
        action: &'static str,
        /// With what.
        path: String,
        /// Why not.
        source: std::io::Error,
    },
}

impl StoreError {
    pub(crate) fn io(
        action: &'static str,
        path: &std::path::Path,
    ) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.display().to_string();
        move |source| Self::Io {
            action,
            path,
            source,
        }
    }
}
