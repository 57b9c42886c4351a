//! An SQLite database: its lock, its connections, and clear words when it can not be opened.

use std::fs::File;
use std::io::{ErrorKind, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::OpenFlags;
use rustix::fs::{FlockOperation, flock};
use sea_orm::sqlx::ConnectOptions;
use sea_orm::sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous,
};
use sea_orm::{DatabaseConnection, SqlxSqliteConnector};

use super::{Purpose, connect_error};
use crate::store::Error;

/// How long a connection waits for another one's lock.
const BUSY_LIMIT: Duration = Duration::from_secs(5);
/// The journal is the database's own setting. The automatic checkpoint stays on as a safety net, far
/// above what the checkpointer allows.
const ROWS_PRAGMAS: &str = "pragma synchronous = full; pragma wal_autocheckpoint = 100000; \
    pragma cache_size = -65536; pragma temp_store = memory; pragma foreign_keys = off";

/// Held for the life of the process: while it is, no other process has the database, and whoever
/// had it before is dead.
#[derive(Debug)]
pub(in crate::store) struct DatabaseLock {
    _file: File,
}

/// The path of what follows `sqlite:`.
///
/// # Errors
/// [`Error::Invalid`] for memory: nothing there would survive.
pub(super) fn path(rest: &str) -> Result<PathBuf, Error> {
    let path = rest.strip_prefix("//").unwrap_or(rest);
    if path.is_empty() || path.starts_with(":memory:") {
        return Err(Error::invalid("url", "the database needs a file"));
    }
    Ok(PathBuf::from(path))
}

/// Checks the path and takes the lock beside it.
pub(super) fn lock(path: &Path) -> Result<DatabaseLock, Error> {
    if path.is_dir() {
        return Err(Error::invalid(
            "url",
            format!("{} is a folder", path.display()),
        ));
    }
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    if let Some(folder) = folder.filter(|folder| !folder.is_dir()) {
        return Err(Error::invalid(
            "url",
            format!("there is no folder {}", folder.display()),
        ));
    }
    let lock_path = lock_path(path);
    let mut file = File::options()
        .create(true)
        .truncate(false)
        .read(true)
        .write(true)
        .open(&lock_path)
        .map_err(|error| explain_io(&error, &lock_path))?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => {}
        Err(rustix::io::Errno::WOULDBLOCK) => return Err(in_use(&mut file, path)),
        Err(error) => return Err(explain_io(&error.into(), &lock_path)),
    }
    note_owner(&mut file).map_err(|error| explain_io(&error, &lock_path))?;
    check_writable(path)?;
    Ok(DatabaseLock { _file: file })
}

fn lock_path(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    PathBuf::from(name)
}

fn in_use(file: &mut File, path: &Path) -> Error {
    let mut owner = String::new();
    let known = file.read_to_string(&mut owner).is_ok() && !owner.trim().is_empty();
    let owner = if known {
        format!("process {}", owner.trim())
    } else {
        "another process".to_owned()
    };
    Error::InUse(format!("{owner} has {}", path.display()))
}

fn note_owner(file: &mut File) -> std::io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    writeln!(file, "{}", std::process::id())
}

/// An existing file that can not be written would be opened for reading only, without a word.
fn check_writable(path: &Path) -> Result<(), Error> {
    match File::options().write(true).open(path) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(explain_io(&error, path)),
    }
}

fn explain_io(error: &std::io::Error, path: &Path) -> Error {
    let text = format!("{}: {error}", path.display());
    match error.kind() {
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => Error::ReadOnly(text),
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => Error::Full(text),
        _ => Error::Unavailable(text),
    }
}

/// A pool for a purpose; that for writing is connected at once, the others when they are needed.
pub(super) async fn connect(path: &Path, purpose: Purpose) -> Result<DatabaseConnection, Error> {
    let options = sqlite_options(path, purpose);
    let pool = SqlitePoolOptions::new()
        .max_connections(purpose.connections())
        .test_before_acquire(false)
        .idle_timeout(None)
        .max_lifetime(None)
        .acquire_timeout(Duration::from_secs(30));
    let pool = match purpose {
        Purpose::Schema | Purpose::Write => {
            pool.connect_with(options).await.map_err(connect_error)?
        }
        _ => pool.connect_lazy_with(options),
    };
    Ok(SqlxSqliteConnector::from_sqlx_sqlite_pool(pool))
}

/// The writer's own connection, for rows only (ADR 014); the file exists.
pub(in crate::store) fn connect_for_rows(path: &Path) -> Result<rusqlite::Connection, Error> {
    let unavailable = |error: rusqlite::Error| Error::Unavailable(error.to_string());
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = rusqlite::Connection::open_with_flags(path, flags).map_err(unavailable)?;
    connection.busy_timeout(BUSY_LIMIT).map_err(unavailable)?;
    connection
        .execute_batch(ROWS_PRAGMAS)
        .map_err(unavailable)?;
    Ok(connection)
}

fn sqlite_options(path: &Path, purpose: Purpose) -> SqliteConnectOptions {
    let options = SqliteConnectOptions::new()
        .filename(path)
        .foreign_keys(false)
        .busy_timeout(BUSY_LIMIT)
        .thread_name(move |id| thread_name(purpose, id))
        .disable_statement_logging();
    match purpose {
        Purpose::Schema | Purpose::Write => options
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .pragma("wal_autocheckpoint", "100000")
            .pragma("cache_size", "-16384")
            .pragma("temp_store", "memory"),
        Purpose::Read { .. } | Purpose::Lease | Purpose::Survey => options
            .pragma("query_only", "on")
            .pragma("cache_size", "-16384"),
        Purpose::Checkpoint => options.pragma("wal_autocheckpoint", "0"),
    }
}

fn thread_name(purpose: Purpose, id: u64) -> String {
    match purpose {
        Purpose::Schema => "store-schema".to_owned(),
        Purpose::Write => "store-write".to_owned(),
        Purpose::Read { .. } => format!("store-read-{id}"),
        Purpose::Lease => "store-lease".to_owned(),
        Purpose::Survey => "store-survey".to_owned(),
        Purpose::Checkpoint => "store-checkpoint".to_owned(),
    }
}
