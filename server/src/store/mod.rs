//! The store: SQL lives here and nowhere else.
//!
//! Reads go through a small pool, all writes through one [`writer::Writer`]. Every operation runs on
//! the runtime given to [`Store::open`], so a dropped caller never cuts a transaction in half.

pub mod account;
pub mod app;
pub mod error;
pub mod instance;
pub mod job;
pub mod lease;
pub mod meta;
pub mod session;
pub mod write;
pub mod writer;

use std::path::PathBuf;
use std::sync::Arc;

use powerjob_common::time::Clock;
use tokio::runtime::Handle;

pub use error::Error;
pub use writer::Writer;

/// Where and how to keep things.
#[derive(Debug, Clone)]
pub struct StoreConfig {
    /// `sqlite:<path>`; the file is made if it does not exist.
    pub url: String,
    /// Connections for reading, 1 to 16; default 3.
    pub read_connections: u32,
    /// Goes before every table name, as in the reference; default empty.
    pub table_prefix: String,
    /// Rows that may wait for the writer; default 100,000.
    pub queue_rows: usize,
}

impl StoreConfig {
    /// The defaults for a database.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            read_connections: 3,
            table_prefix: String::new(),
            queue_rows: 100_000,
        }
    }

    /// The defaults for an SQLite file.
    pub fn sqlite(path: impl Into<PathBuf>) -> Self {
        Self::new(format!("sqlite:{}", path.into().display()))
    }
}

/// The database; cheap to clone.
#[derive(Debug, Clone)]
pub struct Store {
    writer: Writer,
}

impl Store {
    /// Opens the database, makes or migrates its schema, and starts the writer.
    ///
    /// # Errors
    /// [`Error::InUse`], [`Error::ReadOnly`], [`Error::Full`], [`Error::Newer`], ... with a text for
    /// the person who starts the server.
    pub async fn open(
        config: StoreConfig,
        runtime: Handle,
        clock: Arc<dyn Clock>,
    ) -> Result<Store, Error> {
        let _ = (config, runtime, clock);
        pending()
    }

    /// The way to the writer.
    pub fn writer(&self) -> &Writer {
        &self.writer
    }

    /// Ends the writer after what is queued, and closes the connections. The lock on the database
    /// is given back when the last clone of the store is gone.
    pub async fn close(&self) -> Result<(), Error> {
        pending()
    }
}

fn pending<T>() -> Result<T, Error> {
    Err(Error::Unavailable("this part is not built yet".to_owned()))
}
