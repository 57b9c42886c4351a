//! What can go wrong in the store, named by what the caller can do about it.

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
    /// The database as a whole failed: no use in trying parts.
    Database,
}

/// SQLite's primary result codes that matter here.
mod sqlite_code {
    pub(super) const PERMISSION: i32 = 3;
    pub(super) const BUSY: i32 = 5;
    pub(super) const LOCKED: i32 = 6;
    pub(super) const READONLY: i32 = 8;
    pub(super) const CORRUPT: i32 = 11;
    pub(super) const FULL: i32 = 13;
    pub(super) const CANT_OPEN: i32 = 14;
    pub(super) const TOO_BIG: i32 = 18;
    pub(super) const CONSTRAINT: i32 = 19;
    pub(super) const MISMATCH: i32 = 20;
    pub(super) const NOT_A_DATABASE: i32 = 26;
}

pub(super) fn classify(error: &DbErr) -> Fault {
    let Some(database) = database_error(error) else {
        return Fault::Database;
    };
    if database.is_unique_violation() {
        return Fault::Duplicate;
    }
    match primary_code(error) {
        Some(sqlite_code::CONSTRAINT) => Fault::Constraint,
        // 1 is the general error: "malformed JSON" and the like; the statements are constant.
        Some(sqlite_code::TOO_BIG | sqlite_code::MISMATCH | 1) => Fault::Value,
        _ => Fault::Database,
    }
}

impl From<DbErr> for Error {
    fn from(error: DbErr) -> Self {
        let text = error.to_string();
        if let DbErr::RecordNotFound(_) = error {
            return Self::not_found("row");
        }
        if database_error(&error).is_some_and(|cause| cause.is_unique_violation()) {
            return Self::conflict("unique", text);
        }
        match primary_code(&error) {
            Some(sqlite_code::READONLY | sqlite_code::PERMISSION) => Self::ReadOnly(text),
            Some(sqlite_code::FULL) => Self::Full(text),
            Some(sqlite_code::BUSY | sqlite_code::LOCKED) => Self::InUse(text),
            Some(sqlite_code::CORRUPT | sqlite_code::NOT_A_DATABASE) => Self::Damaged(text),
            Some(sqlite_code::CANT_OPEN) => Self::Unavailable(text),
            _ => Self::Unavailable(text),
        }
    }
}

fn primary_code(error: &DbErr) -> Option<i32> {
    let code = database_error(error)?.code()?.parse::<i32>().ok()?;
    Some(code & 0xff)
}

fn database_error(error: &DbErr) -> Option<&dyn sea_orm::sqlx::error::DatabaseError> {
    let (DbErr::Conn(cause) | DbErr::Exec(cause) | DbErr::Query(cause)) = error else {
        return None;
    };
    match cause {
        RuntimeErr::SqlxError(error) => error.as_database_error(),
        RuntimeErr::Internal(_) => None,
    }
}
