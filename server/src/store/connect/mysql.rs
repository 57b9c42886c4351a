//! MySQL and MariaDB.

use std::str::FromStr;

use sea_orm::sqlx::mysql::MySqlConnectOptions;
use sea_orm::sqlx::{self, ConnectOptions, Connection, MySqlConnection, Row};
use sea_orm::{DatabaseConnection, SqlxMySqlConnector};

use super::{
    CONNECT_LIMIT, Doubt, IDLE_TRANSACTION_LIMIT, Purpose, STATEMENT_LIMIT, no_connection,
};
use crate::store::Error;

/// The oldest versions that are served.
const OLDEST_MYSQL: (u32, u32) = (8, 0);
const OLDEST_MARIADB: (u32, u32) = (10, 6);

pub(super) fn options(url: &str) -> Result<MySqlConnectOptions, Error> {
    let url = url.replacen("mariadb:", "mysql:", 1);
    let options = MySqlConnectOptions::from_str(&url)
        .map_err(|error| Error::invalid("url", format!("it can not be read: {error}")))?;
    if options.get_database().is_none() {
        return Err(Error::invalid("url", "it names no database"));
    }
    Ok(options
        .charset("utf8mb4")
        .pipes_as_concat(false)
        .disable_statement_logging())
}

pub(super) async fn connect(
    options: &MySqlConnectOptions,
    purpose: Purpose,
    doubt: &Doubt,
) -> Result<DatabaseConnection, Error> {
    let mut flavor = Flavor::MySql;
    let is_writing = matches!(purpose, Purpose::Schema | Purpose::Write);
    if is_writing || purpose == Purpose::Survey {
        // Once without the pool: a pool tells every failure as a time limit.
        let place = format!("MySQL at {}:{}", options.get_host(), options.get_port());
        let first = tokio::time::timeout(CONNECT_LIMIT, options.connect());
        let first = first
            .await
            .map_err(|_| Error::Unavailable(format!("{place}: no answer")))?;
        let mut first = first.map_err(|error| no_connection(&place, error))?;
        if is_writing {
            flavor = check(&mut first).await?;
        }
        first.close().await.ok();
    }
    let settings = settings(purpose, flavor);
    let pool = super::pool(purpose, doubt).after_connect(move |connection, _| {
        let settings = settings.clone();
        Box::pin(async move {
            sqlx::raw_sql(sqlx::AssertSqlSafe(settings))
                .execute(connection)
                .await
                .map(drop)
        })
    });
    let pool = pool.connect_lazy_with(options.clone());
    Ok(SqlxMySqlConnector::from_sqlx_mysql_pool(pool))
}

pub(super) async fn statement_bytes(connection: &DatabaseConnection) -> Result<usize, Error> {
    let pool = connection.get_mysql_connection_pool();
    let bytes: i64 = sqlx::query_scalar("select cast(@@max_allowed_packet as signed)")
        .fetch_one(pool)
        .await
        .map_err(super::connect_error)?;
    Ok(usize::try_from(bytes).unwrap_or(0))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flavor {
    MySql,
    MariaDb,
}

fn settings(purpose: Purpose, flavor: Flavor) -> String {
    let seconds = STATEMENT_LIMIT.as_secs();
    let mut text = format!(
        "set session transaction isolation level read committed; \
         set session innodb_lock_wait_timeout = {seconds}"
    );
    if matches!(purpose, Purpose::Read { .. } | Purpose::Survey) {
        text.push_str("; set session transaction read only");
    }
    if purpose == Purpose::Write && flavor == Flavor::MariaDb {
        let idle = IDLE_TRANSACTION_LIMIT.as_secs() + 1;
        text.push_str(&format!("; set session idle_transaction_timeout = {idle}"));
    }
    text
}

/// Refuses old servers and those that can not be written.
async fn check(connection: &mut MySqlConnection) -> Result<Flavor, Error> {
    let row = sqlx::query("select version(), cast(@@global.read_only as signed)")
        .fetch_one(connection)
        .await
        .map_err(super::connect_error)?;
    let version: String = row.get(0);
    let (flavor, number) = read_version(&version);
    if number < oldest(flavor) {
        let text = format!("{version}; MySQL 8.0 and MariaDB 10.6 are the oldest that are served");
        return Err(Error::Outdated(text));
    }
    if row.get::<i64, _>(1) != 0 {
        return Err(Error::ReadOnly("its setting read_only is on".to_owned()));
    }
    Ok(flavor)
}

/// Whether a version is older than what is served.
pub(super) fn is_outdated(version: &str) -> bool {
    let (flavor, number) = read_version(version);
    number < oldest(flavor)
}

fn oldest(flavor: Flavor) -> (u32, u32) {
    match flavor {
        Flavor::MySql => OLDEST_MYSQL,
        Flavor::MariaDb => OLDEST_MARIADB,
    }
}

/// Flavour and number of a version such as `10.11.6-MariaDB-1:10.11.6` or `8.0.36`.
fn read_version(version: &str) -> (Flavor, (u32, u32)) {
    let flavor = if version.to_lowercase().contains("mariadb") {
        Flavor::MariaDb
    } else {
        Flavor::MySql
    };
    let plain = version.strip_prefix("5.5.5-").unwrap_or(version);
    let mut parts = plain.split(|c: char| !c.is_ascii_digit());
    let mut next = || parts.next().and_then(|part| part.parse().ok()).unwrap_or(0);
    (flavor, (next(), next()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read() {
        use Flavor::{MariaDb, MySql};
        assert_eq!(read_version("8.0.36"), (MySql, (8, 0)));
        assert_eq!(
            read_version("10.11.19-MariaDB-0+deb12u1"),
            (MariaDb, (10, 11))
        );
        assert_eq!(read_version("5.5.5-10.6.1-MariaDB"), (MariaDb, (10, 6)));
        assert_eq!(read_version("5.7.44-log"), (MySql, (5, 7)));
    }
}
