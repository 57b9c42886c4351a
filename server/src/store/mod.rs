//! The store: SQL lives here and nowhere else.
//!
//! Reads go through a small pool, all writes through one [`writer::Writer`]. Every operation runs on
//! the runtime given to [`Store::open`], so a dropped caller never cuts a transaction in half.

pub mod account;
pub mod app;
pub mod assignment;
mod beats;
mod connect;
#[cfg(test)]
mod contract;
mod dialect;
pub mod error;
mod fence;
mod figures;
pub mod instance;
pub mod job;
mod journal_retry;
pub mod lease;
pub mod meta;
mod migration;
pub mod reference;
mod retention;
pub mod servers;
pub mod session;
mod sql;
mod survey;
pub mod task_journal;
pub mod worker_order;
pub mod write;
pub mod writer;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use powerjob_common::time::{Clock, UnixMillis};
use sea_orm::{DatabaseConnection, DbBackend};
use tokio::runtime::Handle;

use connect::{DatabaseLock, Doubt, Purpose, Target, connect_for_rows};
use dialect::Dialect;
pub use error::Error;
use fence::FenceCell;
use sql::Sql;
pub use survey::PasswordReaders;
pub use writer::Writer;
use writer::{SqliteConnections, WriterParts};

/// Longer than the database lets a statement run: then it is the network.
const READ_LIMIT: Duration = Duration::from_secs(35);

/// Where and how to keep things.
#[derive(Debug, Clone)]
pub struct StoreConfig {
    /// `sqlite:<path>` (the file is made if it does not exist), `postgres://...` or `mysql://...`.
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
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    runtime: Handle,
    clock: Arc<dyn Clock>,
    dialect: Arc<Dialect>,
    reading: DatabaseConnection,
    leasing: DatabaseConnection,
    doubt: Doubt,
    writer: Writer,
    fence: Arc<FenceCell>,
    _lock: Option<DatabaseLock>,
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
        let opening = Inner::open(config, runtime.clone(), clock);
        let inner = runtime.spawn(opening).await.map_err(ended)??;
        Ok(Store {
            inner: Arc::new(inner),
        })
    }

    /// Changes what only an operator may decide to change in a database of the Java product, so that
    /// [`Store::open`] takes it; the names of the columns that were changed. No server may use the
    /// database meanwhile; a backup is wise.
    ///
    /// # Errors
    /// As [`Store::open`]; [`Error::InUse`] while a Java server is alive on it.
    pub async fn migrate_legacy(
        config: &StoreConfig,
        clock: Arc<dyn Clock>,
    ) -> Result<Vec<String>, Error> {
        check_prefix(&config.table_prefix)?;
        let target = Target::parse(&config.url)?;
        let _lock = target.lock()?;
        let dialect = Arc::new(Dialect::new(target.backend(), &config.table_prefix));
        let connection = target.connect(Purpose::Schema, &Doubt::default()).await?;
        let sql = Sql::on_connection(connection.clone(), Arc::clone(&dialect));
        lease::refuse_java(&sql, clock.now()).await?;
        let changed = migration::migrate_legacy(&connection, &dialect).await;
        connection.close().await?;
        changed
    }

    /// The way to the writer.
    pub fn writer(&self) -> &Writer {
        &self.inner.writer
    }

    /// Whether several servers may share this database.
    pub fn is_shared(&self) -> bool {
        !self.inner.is_exclusive()
    }

    /// Ends the writer after what is queued, and closes the connections. The lock on the database
    /// is given back when the last clone of the store is gone.
    pub async fn close(&self) -> Result<(), Error> {
        let inner = Arc::clone(&self.inner);
        let closing = async move {
            inner.writer.close().await;
            inner.leasing.close_by_ref().await?;
            inner.reading.close_by_ref().await
        };
        Ok(self.inner.runtime.spawn(closing).await.map_err(ended)??)
    }

    /// Runs a read on a connection of the pool, on the store's runtime.
    async fn read<T, F, R>(&self, work: F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: FnOnce(Sql) -> R,
        R: Future<Output = Result<T, Error>> + Send + 'static,
    {
        let inner = &self.inner;
        let (work, doubt) = (work(self.reading()), inner.doubt.clone());
        let silence = "a read was not answered in time";
        let read = async move { doubt.answer(READ_LIMIT, silence, work).await };
        inner.runtime.spawn(read).await.map_err(ended)?
    }

    /// Statements on a connection of the pool; only for tasks of the store's runtime.
    fn reading(&self) -> Sql {
        let inner = &self.inner;
        Sql::on_connection(inner.reading.clone(), Arc::clone(&inner.dialect))
    }

    /// Runs a transaction on the writing connection.
    async fn write<T, F, R>(&self, work: F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: FnOnce(Sql) -> R + Send + 'static,
        R: Future<Output = Result<T, Error>> + Send + 'static,
    {
        self.inner.writer.transaction(work).await
    }

    fn now(&self) -> UnixMillis {
        self.inner.clock.now()
    }
}

impl Inner {
    async fn open(
        config: StoreConfig,
        runtime: Handle,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, Error> {
        let target = Target::parse(&config.url)?;
        check_prefix(&config.table_prefix)?;
        let lock = target.lock()?;
        let dialect = Arc::new(Dialect::new(target.backend(), &config.table_prefix));
        let doubt = Doubt::default();
        let writing = target.connect(Purpose::Write, &doubt).await?;
        let schema = target.connect(Purpose::Schema, &doubt).await?;
        migration::migrate(&schema, &dialect).await?;
        schema.close().await?;
        let connections = config.read_connections.clamp(1, 16);
        let reading = target
            .connect(Purpose::Read { connections }, &doubt)
            .await?;
        let leasing = target.connect(Purpose::Lease, &doubt).await?;
        let sqlite = match &target {
            Target::Sqlite(path) => Some(SqliteConnections {
                rows: connect_for_rows(path)?,
                checkpointing: target.connect(Purpose::Checkpoint, &doubt).await?,
            }),
            _ => None,
        };
        let fence = Arc::new(FenceCell::default());
        let parts = WriterParts {
            statement_bytes: target.statement_bytes(&writing).await?,
            writing,
            sqlite,
            dialect: Arc::clone(&dialect),
            fence: Arc::clone(&fence),
            clock: Arc::clone(&clock),
            queue_rows: config.queue_rows,
            doubt: doubt.clone(),
        };
        let writer = Writer::start(parts, &runtime)?;
        Ok(Self {
            runtime,
            clock,
            dialect,
            reading,
            leasing,
            doubt,
            writer,
            fence,
            _lock: lock,
        })
    }
}

impl Inner {
    /// Whether this process has the database to itself.
    fn is_exclusive(&self) -> bool {
        self.dialect.backend() == DbBackend::Sqlite
    }
}

/// The prefix becomes part of SQL text.
fn check_prefix(prefix: &str) -> Result<(), Error> {
    let is_fit = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if prefix.len() <= 32 && prefix.chars().all(is_fit) {
        return Ok(());
    }
    Err(Error::invalid(
        "table_prefix",
        "only letters, digits and _, at most 32",
    ))
}

fn ended(error: tokio::task::JoinError) -> Error {
    Error::Unavailable(format!("the operation ended early: {error}"))
}
