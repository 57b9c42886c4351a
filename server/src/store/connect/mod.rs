//! From a URL to connections: the only place that knows which database there is before the dialect
//! does.

mod doubt;
mod mysql;
mod postgres;
mod sqlite;

use std::io::ErrorKind;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use sea_orm::sqlx::mysql::MySqlConnectOptions;
use sea_orm::sqlx::pool::PoolOptions;
use sea_orm::sqlx::postgres::PgConnectOptions;
use sea_orm::sqlx::{Connection, Database};
use sea_orm::{DatabaseConnection, DbBackend, DbErr, RuntimeErr};

use super::Error;
pub(super) use doubt::Doubt;
pub(super) use sqlite::{DatabaseLock, connect_for_rows};

/// How long a statement may take before the database gives it up.
const STATEMENT_LIMIT: Duration = Duration::from_secs(30);
/// As [`STATEMENT_LIMIT`], for counting the rows of a database that is looked at.
const SURVEY_LIMIT: Duration = Duration::from_secs(600);
/// How long a connection may sit in an open transaction: a server that froze there (SIGSTOP, a cut
/// network) must not keep its rows locked while another takes over.
const IDLE_TRANSACTION_LIMIT: Duration = Duration::from_millis(1_500);
/// How long the first connection may take.
const CONNECT_LIMIT: Duration = Duration::from_secs(10);
/// A connection unused for longer is asked for a sign of life before it is used again.
const STALE_AFTER: Duration = Duration::from_secs(2);

/// Places of a pool over the network beside the one that is used. A connection that is given back just
/// when the network falls silent is asked by the driver for a sign of life without a limit, and takes
/// its place until TCP gives it up.
const SPARE_CONNECTIONS: u32 = 3;

/// How long a connection in doubt has for a sign of life.
const SIGN_LIMIT: Duration = Duration::from_secs(1);

/// A database that a URL names.
#[derive(Debug, Clone)]
pub(super) enum Target {
    Sqlite(PathBuf),
    Postgres(PgConnectOptions),
    MySql(MySqlConnectOptions),
}

/// What a connection is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// Changing the tables, on one connection, which holds the lock for that.
    Schema,
    /// Writing, one transaction after the other.
    Write,
    /// Reading, never in the writer's way.
    Read { connections: u32 },
    /// Renewing the lease, in nobody's way.
    Lease,
    /// Looking at a database of the Java product, which is not to be changed.
    Survey,
    /// Moving pages from the log to the database; SQLite only.
    Checkpoint,
}

impl Purpose {
    /// Connections that are used at the same time.
    fn connections(self) -> u32 {
        match self {
            Self::Read { connections } => connections,
            Self::Schema | Self::Write | Self::Lease | Self::Checkpoint | Self::Survey => 1,
        }
    }

    /// How long a connection may be waited for. The driver's pauses between its tries grow up to a fifth
    /// of this: what must be back quickly after a restart of the database waits in short pieces.
    fn patience(self) -> Duration {
        match self {
            Self::Write | Self::Lease => Duration::from_secs(2),
            Self::Schema | Self::Read { .. } | Self::Checkpoint | Self::Survey => CONNECT_LIMIT,
        }
    }

    /// The name by which the database lists the connection.
    fn name(self) -> &'static str {
        match self {
            Self::Schema => "powerjob-schema",
            Self::Write => "powerjob-write",
            Self::Read { .. } => "powerjob-read",
            Self::Lease => "powerjob-lease",
            Self::Checkpoint => "powerjob-checkpoint",
            Self::Survey => "powerjob-survey",
        }
    }
}

impl Target {
    /// Reads a URL.
    ///
    /// # Errors
    /// [`Error::Invalid`] `url`; the text never holds the password.
    pub(super) fn parse(url: &str) -> Result<Self, Error> {
        let (scheme, rest) = url.split_once(':').unwrap_or_default();
        match scheme {
            "sqlite" => sqlite::path(rest).map(Self::Sqlite),
            "postgres" | "postgresql" => postgres::options(url).map(Self::Postgres),
            "mysql" | "mariadb" => mysql::options(url).map(Self::MySql),
            _ => Err(Error::invalid(
                "url",
                "it must begin with sqlite:, postgres:// or mysql://",
            )),
        }
    }

    pub(super) fn backend(&self) -> DbBackend {
        match self {
            Self::Sqlite(_) => DbBackend::Sqlite,
            Self::Postgres(_) => DbBackend::Postgres,
            Self::MySql(_) => DbBackend::MySql,
        }
    }

    /// Keeps other processes away from a database that only one may have; `None` where several may.
    pub(super) fn lock(&self) -> Result<Option<DatabaseLock>, Error> {
        match self {
            Self::Sqlite(path) => sqlite::lock(path).map(Some),
            Self::Postgres(_) | Self::MySql(_) => Ok(None),
        }
    }

    /// How many bytes a statement may have, where the database ends the connection over a longer one.
    pub(super) async fn statement_bytes(
        &self,
        connection: &DatabaseConnection,
    ) -> Result<Option<usize>, Error> {
        match self {
            Self::Sqlite(_) | Self::Postgres(_) => Ok(None),
            Self::MySql(_) => mysql::statement_bytes(connection).await.map(Some),
        }
    }

    /// A pool for a purpose; those for writing are connected and checked at once, that of a survey is
    /// connected, the others connect when they are needed.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Refused`], [`Error::Outdated`], [`Error::ReadOnly`], ... with
    /// a text for whoever starts the server.
    pub(super) async fn connect(
        &self,
        purpose: Purpose,
        doubt: &Doubt,
    ) -> Result<DatabaseConnection, Error> {
        match self {
            Self::Sqlite(path) => sqlite::connect(path, purpose).await,
            Self::Postgres(options) => postgres::connect(options, purpose, doubt).await,
            Self::MySql(options) => mysql::connect(options, purpose, doubt).await,
        }
    }
}

/// Whether a database server of this kind and version is older than what is served.
pub(super) fn is_outdated(kind: &str, version: &str) -> bool {
    match kind {
        "PostgreSQL" => postgres::is_outdated(version),
        _ => mysql::is_outdated(version),
    }
}

/// The settings of a pool over the network.
fn pool<D: Database>(purpose: Purpose, doubt: &Doubt) -> PoolOptions<D> {
    let (taken, given_back) = (doubt.clone(), doubt.clone());
    let spare = match purpose {
        Purpose::Write | Purpose::Lease => SPARE_CONNECTIONS,
        _ => 0,
    };
    PoolOptions::<D>::new()
        .max_connections(purpose.connections() + spare)
        .idle_timeout(None)
        .max_lifetime(None)
        .acquire_timeout(purpose.patience())
        .test_before_acquire(false)
        .before_acquire(move |connection: &mut D::Connection, unused| {
            let is_fresh = unused.idle_for <= STALE_AFTER && !taken.is_open();
            let is_given_up = taken.is_older(unused.idle_for);
            Box::pin(async move {
                if is_given_up {
                    return Err(std::io::Error::from(ErrorKind::ConnectionAborted).into());
                }
                if is_fresh {
                    return Ok(true);
                }
                sign_of_life::<D>(connection).await
            })
        })
        .after_release(move |connection: &mut D::Connection, _| {
            let is_fresh = !given_back.is_open();
            Box::pin(async move {
                if is_fresh {
                    return Ok(true);
                }
                sign_of_life::<D>(connection).await
            })
        })
}

async fn sign_of_life<D: Database>(
    connection: &mut D::Connection,
) -> Result<bool, sea_orm::sqlx::Error> {
    match tokio::time::timeout(SIGN_LIMIT, connection.ping()).await {
        Ok(sign) => sign.map(|()| true),
        Err(_) => Err(std::io::Error::from(ErrorKind::TimedOut).into()),
    }
}

fn connect_error(error: sea_orm::sqlx::Error) -> Error {
    DbErr::Conn(RuntimeErr::SqlxError(Arc::new(error))).into()
}

/// The first connection's error, with the place it was for.
fn no_connection(place: &str, error: sea_orm::sqlx::Error) -> Error {
    match connect_error(error) {
        Error::Unavailable(text) => Error::Unavailable(format!("{place}: {text}")),
        Error::Refused(text) => Error::Refused(format!("{place}: {text}")),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_names_its_database() {
        let backend = |url: &str| Target::parse(url).map(|target| target.backend());
        assert_eq!(backend("sqlite:data/powerjob.db"), Ok(DbBackend::Sqlite));
        assert_eq!(backend("postgres://me@host/db"), Ok(DbBackend::Postgres));
        assert_eq!(backend("postgresql://me@host/db"), Ok(DbBackend::Postgres));
        assert_eq!(backend("mysql://me@host/db"), Ok(DbBackend::MySql));
        assert_eq!(backend("mariadb://me@host/db"), Ok(DbBackend::MySql));
    }

    #[test]
    fn a_url_without_sense_is_refused_without_its_password() {
        for url in [
            "oracle://me:secret@host/db",
            "postgres://me:secret@host:port/db",
            "postgres://me:secret@host/",
            "mysql://me:secret@host",
            "mysql://me:secret@host/db?ssl-mode=maybe",
            "sqlite::memory:",
        ] {
            let Err(error) = Target::parse(url) else {
                panic!("{url} was taken");
            };
            assert!(
                matches!(error, Error::Invalid { field: "url", .. }),
                "{error:?}"
            );
            assert!(!error.to_string().contains("secret"), "{error}");
        }
    }
}
