//! What can go wrong in the store, named by what the caller can do about it.

use sea_orm::sqlx::error::DatabaseError;
use sea_orm::sqlx::mysql::MySqlDatabaseError;
use sea_orm::sqlx::postgres::PgDatabaseError;
use sea_orm::{DbErr, RuntimeErr};

/// A store operation did not happen.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The row does not exist (any more).
    #[error("there is no such {what}")]
    NotFound {
        /// What was looked for, e.g. `job`.
        what: &'static str,
    },
    /// The present state does not allow it: load it and decide again, or tell the user.
    #[error("{reason}")]
    Conflict {
        /// What is in the way, e.g. `revision`, `name`, `open_instances`.
        what: &'static str,
        /// In words.
        reason: String,
    },
    /// A value can not be stored.
    #[error("{field}: {reason}")]
    Invalid {
        /// The field.
        field: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// This server lost its lease or the application: stop acting on it.
    #[error("this server does not own the application any more")]
    Fenced,
    /// The queue of the writer is full: try again a little later.
    #[error("too many writes are waiting")]
    Overloaded,
    /// The database is on a read-only file system or its files may not be written.
    #[error("the database can not be written: {0}")]
    ReadOnly(String),
    /// No space is left for the database.
    #[error("the disk of the database is full: {0}")]
    Full(String),
    /// Another process has the database.
    #[error("the database is in use: {0}")]
    InUse(String),
    /// The database does not let this program in: password, database name, rights.
    #[error("the database refuses: {0}")]
    Refused(String),
    /// The database server is older than what is served.
    #[error("the database server is too old: {0}")]
    Outdated(String),
    /// The database needs `powerjob migrate` first; the text says why.
    #[error("the database has to be migrated first: {0}")]
    Unmigrated(String),
    /// The database was made by a newer version of this program.
    #[error("the database belongs to a newer version: {0}")]
    Newer(String),
    /// The database holds something that should not be there.
    #[error("the database is damaged: {0}")]
    Damaged(String),
    /// The database did not answer or refused; trying again may help.
    #[error("the database is not available: {0}")]
    Unavailable(String),
}

impl Error {
    pub(super) const fn not_found(what: &'static str) -> Self {
        Self::NotFound { what }
    }

    pub(super) fn conflict(what: &'static str, reason: impl Into<String>) -> Self {
        Self::Conflict {
            what,
            reason: reason.into(),
        }
    }

    pub(super) fn invalid(field: &'static str, reason: impl Into<String>) -> Self {
        Self::Invalid {
            field,
            reason: reason.into(),
        }
    }
}

/// What a failed statement means for a batch of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// A unique key is taken.
    Duplicate,
    /// A guard or another constraint said no; the text names it.
    Constraint,
    /// One of the values is unfit (too big, not text, ...).
    Value,
    /// Another transaction was in the way: the same again will do.
    Collision,
    /// The connection is gone: what was sent last may have been done or not.
    Lost,
    /// The database as a whole failed: no use in trying parts.
    Database,
}

pub(super) fn classify(error: &DbErr) -> Fault {
    match cause(error) {
        Cause::Database(database) if database.is_unique_violation() => Fault::Duplicate,
        Cause::Database(database) => meaning(database).0,
        Cause::Connection | Cause::NoConnection => Fault::Lost,
        Cause::Other => Fault::Database,
    }
}

/// As [`classify`], for an error of the writer's own connection to SQLite.
pub(super) fn classify_sqlite(error: &rusqlite::Error) -> Fault {
    use rusqlite::ffi::{
        SQLITE_CONSTRAINT_PRIMARYKEY, SQLITE_CONSTRAINT_ROWID, SQLITE_CONSTRAINT_UNIQUE,
    };
    let Some(code) = error.sqlite_error().map(|error| error.extended_code) else {
        return Fault::Value;
    };
    match code {
        SQLITE_CONSTRAINT_PRIMARYKEY | SQLITE_CONSTRAINT_ROWID | SQLITE_CONSTRAINT_UNIQUE => {
            Fault::Duplicate
        }
        _ => sqlite(code).0,
    }
}

/// Whether it was the connection that ended: over another one the same may succeed at once.
pub(super) fn is_broken_connection(error: &DbErr) -> bool {
    match cause(error) {
        Cause::Database(database) => meaning(database).0 == Fault::Lost,
        Cause::Connection => true,
        Cause::NoConnection | Cause::Other => false,
    }
}

impl From<DbErr> for Error {
    fn from(error: DbErr) -> Self {
        let text = error.to_string();
        if let DbErr::RecordNotFound(_) = error {
            return Self::not_found("row");
        }
        let Cause::Database(database) = cause(&error) else {
            return Self::Unavailable(text);
        };
        if database.is_unique_violation() {
            return Self::conflict("unique", text);
        }
        meaning(database).1(text)
    }
}

enum Cause<'a> {
    Database(&'a dyn DatabaseError),
    /// The connection ended.
    Connection,
    /// None could be had, though it was waited for.
    NoConnection,
    Other,
}

fn cause(error: &DbErr) -> Cause<'_> {
    let (DbErr::Conn(RuntimeErr::SqlxError(error))
    | DbErr::Exec(RuntimeErr::SqlxError(error))
    | DbErr::Query(RuntimeErr::SqlxError(error))) = error
    else {
        return match error {
            DbErr::ConnectionAcquire(_) => Cause::NoConnection,
            _ => Cause::Other,
        };
    };
    use sea_orm::sqlx::Error as Driver;
    match &**error {
        Driver::Database(database) => Cause::Database(&**database),
        Driver::Io(_) | Driver::Tls(_) | Driver::Protocol(_) | Driver::WorkerCrashed => {
            Cause::Connection
        }
        Driver::PoolTimedOut | Driver::PoolClosed => Cause::NoConnection,
        _ => Cause::Other,
    }
}

/// What an error of the database means to the writer, and to everyone else.
type Meaning = (Fault, fn(String) -> Error);

fn meaning(error: &dyn DatabaseError) -> Meaning {
    if let Some(error) = error.try_downcast_ref::<MySqlDatabaseError>() {
        return mysql(error.number());
    }
    let code = error.code().unwrap_or_default();
    if error.try_downcast_ref::<PgDatabaseError>().is_some() {
        return postgres(&code);
    }
    sqlite(code.parse().unwrap_or(0))
}

/// SQLite's result codes; the primary code is the last byte.
fn sqlite(code: i32) -> Meaning {
    match code & 0xff {
        // 1 is the general error: "malformed JSON" and the like; the statements are constant.
        1 => (Fault::Value, Error::Unavailable),
        3 | 8 => (Fault::Database, Error::ReadOnly),
        5 | 6 => (Fault::Database, Error::InUse),
        11 | 26 => (Fault::Database, Error::Damaged),
        13 => (Fault::Database, Error::Full),
        18 | 20 => (Fault::Value, Error::Unavailable),
        19 => (Fault::Constraint, Error::Unavailable),
        _ => (Fault::Database, Error::Unavailable),
    }
}

/// PostgreSQL's SQLSTATE; the first two characters are its class.
fn postgres(code: &str) -> Meaning {
    match code {
        "23505" => (Fault::Duplicate, Error::Unavailable),
        "25006" => (Fault::Database, Error::ReadOnly),
        "40001" | "40P01" | "55P03" => (Fault::Collision, Error::Unavailable),
        "3D000" | "3F000" | "42501" => (Fault::Database, Error::Refused),
        "53100" => (Fault::Database, Error::Full),
        // Shutting down, crashed, starting up: the connection ends, or an open transaction did.
        "57P01" | "57P02" | "57P03" | "57P05" | "25P03" => (Fault::Lost, Error::Unavailable),
        "XX001" | "XX002" => (Fault::Database, Error::Damaged),
        _ => match code.get(..2).unwrap_or_default() {
            "08" => (Fault::Lost, Error::Unavailable),
            "22" | "54" => (Fault::Value, Error::Unavailable),
            "23" => (Fault::Constraint, Error::Unavailable),
            "28" => (Fault::Database, Error::Refused),
            _ => (Fault::Database, Error::Unavailable),
        },
    }
}

/// Error numbers of MySQL and MariaDB.
fn mysql(number: u16) -> Meaning {
    match number {
        1021 | 1114 | 1041 => (Fault::Database, Error::Full),
        1044 | 1045 | 1049 | 1142 | 1227 | 1698 => (Fault::Database, Error::Refused),
        1290 | 1792 | 1836 => (Fault::Database, Error::ReadOnly),
        1205 | 1213 | 1020 => (Fault::Collision, Error::Unavailable),
        1053 | 1927 | 4031 => (Fault::Lost, Error::Unavailable),
        1153 | 1264 | 1366 | 1406 | 3140 | 3141 | 4036 | 4038 => (Fault::Value, Error::Unavailable),
        3819 | 4025 => (Fault::Constraint, Error::Unavailable),
        _ => (Fault::Database, Error::Unavailable),
    }
}
