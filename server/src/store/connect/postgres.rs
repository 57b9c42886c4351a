//! PostgreSQL.

use std::str::FromStr;

use sea_orm::sqlx::postgres::PgConnectOptions;
use sea_orm::sqlx::{self, ConnectOptions, Connection, PgConnection, Row};
use sea_orm::{DatabaseConnection, SqlxPostgresConnector};

use super::{
    CONNECT_LIMIT, Doubt, IDLE_TRANSACTION_LIMIT, Purpose, STATEMENT_LIMIT, SURVEY_LIMIT,
    no_connection,
};
use crate::store::Error;

/// `server_version_num` of the oldest version that is served: 12.
const OLDEST: i32 = 120_000;

/// The writer finds every row by a key, and its plan is kept as long as its statement: it must not be one
/// that suits a small table only.
const KEYS_ONLY: &str = "; set plan_cache_mode = force_generic_plan; set enable_seqscan = off; \
    set enable_hashjoin = off; set enable_mergejoin = off";

pub(super) fn options(url: &str) -> Result<PgConnectOptions, Error> {
    let options = PgConnectOptions::from_str(url)
        .map_err(|error| Error::invalid("url", format!("it can not be read: {error}")))?;
    if options.get_database().is_none() {
        return Err(Error::invalid("url", "it names no database"));
    }
    Ok(options.disable_statement_logging())
}

pub(super) async fn connect(
    options: &PgConnectOptions,
    purpose: Purpose,
    doubt: &Doubt,
) -> Result<DatabaseConnection, Error> {
    let options = options.clone().application_name(purpose.name());
    let settings = settings(purpose);
    let pool = super::pool(purpose, doubt).after_connect(move |connection, _| {
        let settings = settings.clone();
        Box::pin(async move {
            sqlx::raw_sql(sqlx::AssertSqlSafe(settings))
                .execute(connection)
                .await
                .map(drop)
        })
    });
    let is_writing = matches!(purpose, Purpose::Schema | Purpose::Write);
    if is_writing || purpose == Purpose::Survey {
        // Once without the pool: a pool tells every failure as a time limit.
        let place = format!(
            "PostgreSQL at {}:{}",
            options.get_host(),
            options.get_port()
        );
        let first = tokio::time::timeout(CONNECT_LIMIT, options.connect());
        let first = first
            .await
            .map_err(|_| Error::Unavailable(format!("{place}: no answer")))?;
        let mut first = first.map_err(|error| no_connection(&place, error))?;
        if is_writing {
            check(&mut first).await?;
        }
        first.close().await.ok();
    }
    let pool = pool.connect_lazy_with(options);
    Ok(SqlxPostgresConnector::from_sqlx_postgres_pool(pool))
}

/// Whether a version such as `11.22` is older than what is served.
pub(super) fn is_outdated(version: &str) -> bool {
    let major = version
        .split('.')
        .next()
        .and_then(|major| major.parse().ok());
    major.is_some_and(|major: i32| major * 10_000 < OLDEST)
}

fn settings(purpose: Purpose) -> String {
    let limit = match purpose {
        Purpose::Survey => SURVEY_LIMIT,
        _ => STATEMENT_LIMIT,
    };
    let limit = limit.as_millis();
    let idle = IDLE_TRANSACTION_LIMIT.as_millis();
    let mut text = format!(
        "set statement_timeout = {limit}; set idle_in_transaction_session_timeout = {idle}; \
         set default_transaction_isolation = 'read committed'; set timezone = 'UTC'; \
         set jit = off"
    );
    match purpose {
        Purpose::Read { .. } | Purpose::Survey => {
            text.push_str("; set default_transaction_read_only = on")
        }
        Purpose::Write => text.push_str(KEYS_ONLY),
        Purpose::Schema | Purpose::Lease | Purpose::Checkpoint => {}
    }
    text
}

/// Refuses old servers and those that can not be written.
async fn check(connection: &mut PgConnection) -> Result<(), Error> {
    let text = "select current_setting('server_version_num')::int, \
        current_setting('server_version'), pg_is_in_recovery(), \
        current_setting('transaction_read_only') = 'on'";
    let row = sqlx::query(text)
        .fetch_one(connection)
        .await
        .map_err(super::connect_error)?;
    let (number, version): (i32, String) = (row.get(0), row.get(1));
    if number < OLDEST {
        let text = format!("PostgreSQL {version}; 12 is the oldest that is served");
        return Err(Error::Outdated(text));
    }
    if row.get::<bool, _>(2) {
        return Err(Error::ReadOnly("it is a standby server".to_owned()));
    }
    if row.get::<bool, _>(3) {
        return Err(Error::ReadOnly("its transactions are read-only".to_owned()));
    }
    Ok(())
}
