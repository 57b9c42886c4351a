//! Looking at a database of the Java product: reads only, and says so to the database.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use powerjob_common::secret::Secret;
use powerjob_common::status::{
    DispatchStrategy, ExecuteType, ProcessorType, SwitchableStatus, TimeExpressionType,
};
use powerjob_common::time::UnixMillis;
use sea_orm::{DbBackend, QueryResult};
use serde_json::Value as Json;

use super::connect::{Doubt, Purpose, Target};
use super::dialect::Dialect;
use super::lease::is_alive;
use super::migration::reference;
use super::sql::{Columns, Sql};
use super::{Error, Store, StoreConfig, check_prefix};
use crate::domain::adoption::{
    AppPassword, History, MOST_EXAMPLES, Storage, Survey, SurveyedAccount, SurveyedApp,
    SurveyedContainer, SurveyedJob, SurveyedSource, SurveyedWorkflow,
};

/// The clock of the Java server is seen from so many of its last runs.
const RUNS_FOR_ZONE: usize = 200;
/// All zones differ by quarters of an hour.
const ZONE_STEP_MS: i64 = 900_000;

/// Who knows the forms of stored passwords.
#[derive(Debug, Clone, Copy)]
pub struct PasswordReaders {
    /// Whether the stored password of an application can be read.
    pub app: fn(&Secret<String>) -> bool,
    /// Whether an account of this name can sign in by the stored text.
    pub account: fn(&str, &str) -> bool,
}

impl Store {
    /// Reads what a database of the Java product holds. Nothing is changed: the database is told that
    /// this connection only reads.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a URL of another kind, [`Error::NotFound`] when there is no PowerJob in
    /// the database, [`Error::Refused`], [`Error::Unavailable`].
    pub async fn survey(
        config: &StoreConfig,
        now: UnixMillis,
        readers: PasswordReaders,
    ) -> Result<Survey, Error> {
        check_prefix(&config.table_prefix)?;
        let target = Target::parse(&config.url)?;
        if target.backend() == DbBackend::Sqlite {
            let reason = "the Java product has no SQLite databases; name PostgreSQL or MySQL";
            return Err(Error::invalid("url", reason));
        }
        let dialect = Arc::new(Dialect::new(target.backend(), &config.table_prefix));
        let connection = target.connect(Purpose::Survey, &Doubt::default()).await?;
        let sql = Sql::on_connection(connection.clone(), dialect);
        let survey = survey(&sql, now, readers).await;
        connection.close().await?;
        survey
    }
}

async fn survey(sql: &Sql, now: UnixMillis, readers: PasswordReaders) -> Result<Survey, Error> {
    let (source, outdated) = source(sql).await?;
    let tables = Tables::of(sql).await?;
    let mut storage = tables.compare(sql)?;
    storage.outdated = outdated;
    if !storage.missing_tables.is_empty() || !storage.missing_columns.is_empty() {
        return Ok(Survey {
            source,
            storage: Some(storage),
            ..Survey::default()
        });
    }
    let foreign = match storage.is_taken_over {
        true => " where ip not in (select ip from {pj_server_lease})",
        false => "",
    };
    let text = format!("select ip, gmt_modified from {{server_info}}{foreign}");
    for row in sql.rows(&text, Vec::new()).await? {
        let mut columns = Columns::of(&row);
        let (ip, beat) = (columns.text()?, columns.date()?);
        if beat.is_some_and(|beat| is_alive(beat, now)) {
            storage.living_servers.push(ip);
        }
    }
    Ok(Survey {
        source,
        apps: apps(sql, readers).await?,
        jobs: jobs(sql).await?,
        workflows: workflows(sql).await?,
        containers: containers(sql).await?,
        accounts: accounts(sql, readers).await?,
        workers: None,
        history: Some(history(sql).await?),
        offset_minutes: offset_minutes(sql).await?,
        storage: Some(storage),
    })
}

/// What the database is, and its version if that is not served.
async fn source(sql: &Sql) -> Result<(SurveyedSource, Option<String>), Error> {
    let text = match sql.is_postgres() {
        true => "select current_setting('server_version')",
        false => "select version()",
    };
    let version: String = sql.value(text, Vec::new()).await?;
    let kind = match (sql.is_postgres(), version.contains("MariaDB")) {
        (true, _) => "PostgreSQL",
        (false, true) => "MariaDB",
        (false, false) => "MySQL",
    };
    let outdated = super::connect::is_outdated(kind, &version).then(|| version.clone());
    let kind = kind.to_owned();
    Ok((SurveyedSource { kind, version }, outdated))
}

/// Names of all tables, and of their columns with their types.
struct Tables(BTreeMap<String, BTreeMap<String, String>>);

impl Tables {
    async fn of(sql: &Sql) -> Result<Self, Error> {
        let text = match sql.is_postgres() {
            true => {
                "select cast(table_name as text), cast(column_name as text), cast(udt_name as text) \
                 from information_schema.columns where table_schema = current_schema()"
            }
            false => {
                "select cast(table_name as char), cast(column_name as char), \
                 cast(data_type as char) from information_schema.columns \
                 where table_schema = database()"
            }
        };
        let mut tables: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
        for row in sql.rows(text, Vec::new()).await? {
            let mut columns = Columns::of(&row);
            let table = columns.text()?;
            let (column, kind) = (columns.text()?, columns.text()?);
            tables.entry(table).or_default().insert(column, kind);
        }
        Ok(Self(tables))
    }

    /// What differs from the tables of 5.1.
    fn compare(&self, sql: &Sql) -> Result<Storage, Error> {
        if !self.0.contains_key(&sql.table("job_info")) {
            return Err(self.stranger());
        }
        let mut storage = Storage {
            is_taken_over: self.0.contains_key(&sql.table("pj_meta")),
            ..Storage::default()
        };
        let mut missing = BTreeSet::new();
        for (table, column) in reference::columns() {
            let Some(columns) = self.0.get(&sql.table(table)) else {
                missing.insert(sql.table(table));
                continue;
            };
            let name = || format!("{}.{column}", sql.table(table));
            match columns.get(column).map(String::as_str) {
                None => storage.missing_columns.push(name()),
                Some("oid") => storage.large_objects.push(name()),
                Some(_) => {}
            }
        }
        storage.missing_tables = missing.into_iter().collect();
        Ok(storage)
    }

    /// There is no PowerJob here, or it has another prefix than was said.
    fn stranger(&self) -> Error {
        let other = self.0.keys().find(|table| table.ends_with("job_info"));
        match other {
            Some(table) => Error::Refused(format!(
                "its tables have another prefix: there is a table {table}; prefixes are not served"
            )),
            None => Error::NotFound {
                what: "database of PowerJob: it has no table job_info",
            },
        }
    }
}

async fn apps(sql: &Sql, readers: PasswordReaders) -> Result<Vec<SurveyedApp>, Error> {
    let text = "select id, app_name, password from {app_info} order by id";
    let rows = sql.rows(text, Vec::new()).await?;
    let app = |row: &QueryResult| -> Result<SurveyedApp, Error> {
        let mut columns = Columns::of(row);
        let (id, name, stored) = (columns.number()?, columns.text()?, columns.text()?);
        let is_absent = stored.is_empty();
        let password = match (readers.app)(&Secret::new(stored)) {
            _ if is_absent => AppPassword::Absent,
            true => AppPassword::Readable,
            false => AppPassword::Unreadable,
        };
        Ok(SurveyedApp { id, name, password })
    };
    rows.iter().map(app).collect()
}

async fn jobs(sql: &Sql) -> Result<Vec<SurveyedJob>, Error> {
    let text = format!(
        "select id, job_name, status, time_expression_type, time_expression, execute_type, \
         processor_type, dispatch_strategy, alarm_config, notify_user_ids, log_config, \
         advanced_runtime_config from {{job_info}} where status is null or status <> {DELETED} \
         order by id"
    );
    let rows = sql.rows(&text, Vec::new()).await?;
    rows.iter().map(job).collect()
}

const DELETED: i32 = SwitchableStatus::Deleted.code();

fn job(row: &QueryResult) -> Result<SurveyedJob, Error> {
    let mut columns = Columns::of(row);
    let (id, name) = (columns.number()?, columns.text()?);
    let status = code(
        &mut columns,
        SwitchableStatus::from_code,
        SwitchableStatus::Disable,
    )?;
    let schedule = code(
        &mut columns,
        TimeExpressionType::from_code,
        TimeExpressionType::Api,
    )?;
    let expression = columns.text()?;
    let execute_type = code(
        &mut columns,
        ExecuteType::from_code,
        ExecuteType::Standalone,
    )?;
    let processor_type = code(
        &mut columns,
        ProcessorType::from_code,
        ProcessorType::BuiltIn,
    )?;
    let strategy = code(
        &mut columns,
        DispatchStrategy::from_code,
        DispatchStrategy::HealthFirst,
    )?;
    let (alarm, notified) = (json(&columns.text()?), columns.text()?);
    let (log, runtime) = (json(&columns.text()?), json(&columns.text()?));
    let strange = [
        status.as_ref().err().map(|code| format!("status {code}")),
        strategy
            .as_ref()
            .err()
            .map(|code| format!("dispatch_strategy {code}")),
    ];
    let number = |json: &Json, name: &str| json.get(name).and_then(Json::as_i64);
    Ok(SurveyedJob {
        id,
        name,
        is_enabled: status == Ok(SwitchableStatus::Enable),
        schedule,
        expression,
        execute_type,
        processor_type,
        strange_codes: strange.into_iter().flatten().collect(),
        has_alarm: !notified.is_empty()
            || number(&alarm, "alertThreshold").is_some_and(|least| least > 0),
        log_type: number(&log, "type"),
        tracker_behavior: number(&runtime, "taskTrackerBehavior"),
    })
}

/// A code of an enumeration, or its number; NULL reads as `default`.
fn code<T>(
    columns: &mut Columns<'_>,
    from_code: impl Fn(i32) -> Option<T>,
    default: T,
) -> Result<Result<T, String>, Error> {
    let Some(number) = columns.optional_number()? else {
        return Ok(Ok(default));
    };
    let known = i32::try_from(number).ok().and_then(from_code);
    Ok(known.ok_or_else(|| number.to_string()))
}

/// An unreadable configuration is none, as in the reference.
fn json(text: &str) -> Json {
    serde_json::from_str(text).unwrap_or_default()
}

async fn workflows(sql: &Sql) -> Result<Vec<SurveyedWorkflow>, Error> {
    let text = format!(
        "select id, wf_name, status, time_expression_type from {{workflow_info}} \
         where status is null or status <> {DELETED} order by id"
    );
    let rows = sql.rows(&text, Vec::new()).await?;
    let workflow = |row: &QueryResult| -> Result<SurveyedWorkflow, Error> {
        let mut columns = Columns::of(row);
        Ok(SurveyedWorkflow {
            id: columns.number()?,
            name: columns.text()?,
            is_enabled: columns.number()? == i64::from(SwitchableStatus::Enable.code()),
            is_scheduled: columns.number()? > i64::from(TimeExpressionType::Api.code()),
        })
    };
    rows.iter().map(workflow).collect()
}

async fn containers(sql: &Sql) -> Result<Vec<SurveyedContainer>, Error> {
    let text = format!(
        "select id, container_name from {{container_info}} \
         where status is null or status <> {DELETED} order by id"
    );
    let rows = sql.rows(&text, Vec::new()).await?;
    let container = |row: &QueryResult| -> Result<SurveyedContainer, Error> {
        let mut columns = Columns::of(row);
        let (id, name) = (columns.number()?, columns.text()?);
        Ok(SurveyedContainer { id, name })
    };
    rows.iter().map(container).collect()
}

async fn accounts(sql: &Sql, readers: PasswordReaders) -> Result<Vec<SurveyedAccount>, Error> {
    let text = "select u.username, u.account_type, u.origin_username, b.password \
        from {user_info} u left join {pwjb_user_info} b on b.username = u.origin_username \
        order by u.id";
    let rows = sql.rows(text, Vec::new()).await?;
    let account = |row: &QueryResult| -> Result<SurveyedAccount, Error> {
        let mut columns = Columns::of(row);
        let (username, provider) = (columns.text()?, columns.text()?);
        let (origin, stored) = (columns.text()?, columns.text()?);
        let is_replaced = stored == super::account::NO_LEGACY_PASSWORD;
        Ok(SurveyedAccount {
            name: username,
            provider,
            password_is_readable: (!is_replaced).then(|| (readers.account)(&origin, &stored)),
        })
    };
    rows.iter().map(account).collect()
}

async fn history(sql: &Sql) -> Result<History, Error> {
    let count = async |table: &str, limit: &str| -> Result<usize, Error> {
        let text = format!("select count(*) from {{{table}}}{limit}");
        let count: i64 = sql.value(&text, Vec::new()).await?;
        Ok(usize::try_from(count).unwrap_or(0))
    };
    let doubles = "(select instance_id from {instance_info} where instance_id is not null \
        group by instance_id having count(*) > 1) d";
    let text = format!("select count(*) from {doubles}");
    let double_count: i64 = sql.value(&text, Vec::new()).await?;
    let text = format!("select instance_id from {doubles} order by 1 limit {MOST_EXAMPLES}");
    let some = sql.rows(&text, Vec::new()).await?;
    let some = some.iter().map(|row| Columns::of(row).number());
    let some = some.collect::<Result<Vec<_>, _>>()?;
    Ok(History {
        runs: count("instance_info", "").await?,
        open_runs: count("instance_info", " where status in (1, 2, 3)").await?,
        workflow_runs: count("workflow_instance_info", "").await?,
        open_workflow_runs: count("workflow_instance_info", " where status in (1, 2)").await?,
        double_ids: (some, usize::try_from(double_count).unwrap_or(0)),
    })
}

/// The Java server writes a run's end twice: as an instant, and as a date in its own zone.
async fn offset_minutes(sql: &Sql) -> Result<Option<i32>, Error> {
    let text = format!(
        "select finished_time, gmt_modified from {{instance_info}} where finished_time > 0 \
         order by id desc limit {RUNS_FOR_ZONE}"
    );
    let mut seen: BTreeMap<i64, usize> = BTreeMap::new();
    for row in sql.rows(&text, Vec::new()).await? {
        let mut columns = Columns::of(&row);
        let (end, date) = (columns.number()?, columns.date()?);
        if let Some(date) = date {
            let steps = (date.0 - end + ZONE_STEP_MS / 2).div_euclid(ZONE_STEP_MS);
            *seen.entry(steps).or_default() += 1;
        }
    }
    let most = seen.into_iter().max_by_key(|(_, count)| *count);
    Ok(most
        .and_then(|(steps, _)| i32::try_from(steps * ZONE_STEP_MS / 60_000).ok())
        .filter(|minutes| minutes.abs() <= 14 * 60))
}
