//! Looking at databases of the Java product: everything is seen, by an account that may only read.

use std::collections::BTreeMap;

use powerjob_common::secret::Secret;
use powerjob_common::time::UnixMillis;
use sea_orm::{ConnectionTrait, DbBackend, Statement};

use super::adoption::{Legacy, POSTGRES_SCHEMA, plain};
use super::{Fixture, START};
use crate::domain::adoption::{AppPassword, Survey};
use crate::store::{Error, PasswordReaders, Store, StoreConfig};
use powerjob_databases::Kind;

const READERS: PasswordReaders = PasswordReaders {
    app: |stored: &Secret<String>| stored.expose().starts_with("sys_encrypt_aes:"),
    account: |name, stored| stored.starts_with(name),
};
/// The last sign of life of the Java server in the PostgreSQL dump.
const LAST_SIGN: i64 = 1_795_234_657_100;

async fn survey(url: &str, now: UnixMillis) -> Result<Survey, Error> {
    Store::survey(&StoreConfig::new(url), now, READERS).await
}

impl Legacy {
    /// A URL of an account that may do nothing but `select`.
    async fn reader(&self) -> String {
        let schema = self.schema().await;
        let name = format!("reader_of_{schema}");
        let text = match self.backend() {
            DbBackend::Postgres => format!(
                "create role {name} login password 'r'; grant usage on schema {schema} to {name}; \
                 grant select on all tables in schema {schema} to {name}"
            ),
            _ => format!(
                "create user {name}@'127.0.0.1' identified by 'r'; \
                 grant select on {schema}.* to {name}@'127.0.0.1'"
            ),
        };
        self.run(&text).await;
        let (scheme, rest) = self.url.split_once("://").unwrap();
        let (_, place) = rest.split_once('@').unwrap();
        format!("{scheme}://{name}:r@{place}")
    }

    async fn schema(&self) -> String {
        let text = match self.backend() {
            DbBackend::Postgres => "select cast(current_schema() as text)",
            _ => "select database()",
        };
        self.strings(text).await.remove(0)
    }

    /// The first column of a query.
    async fn strings(&self, text: &str) -> Vec<String> {
        let statement = Statement::from_string(self.backend(), text.to_owned());
        let rows = self.connection.query_all_raw(statement).await.unwrap();
        rows.iter()
            .map(|row| row.try_get_by_index(0).unwrap())
            .collect()
    }

    /// All tables with their rows.
    async fn content(&self) -> BTreeMap<String, Vec<String>> {
        let (tables, rows) = match self.backend() {
            DbBackend::Postgres => (
                "select cast(table_name as text) from information_schema.tables \
                 where table_schema = current_schema()",
                "select cast(t as text) from {} t order by 1",
            ),
            _ => (
                "select cast(table_name as char) from information_schema.tables \
                 where table_schema = database()",
                "select cast(count(*) as char) from {}",
            ),
        };
        let mut content = BTreeMap::new();
        for table in self.strings(tables).await {
            let rows = self.strings(&rows.replace("{}", &table)).await;
            content.insert(table, rows);
        }
        content
    }
}

pub(super) async fn a_survey_sees_everything_and_changes_nothing(legacy: Legacy) {
    let is_postgres = legacy.backend() == DbBackend::Postgres;
    let before = legacy.content().await;
    let reader = legacy.reader().await;
    let seen = survey(&reader, START).await.unwrap();
    assert_eq!(before, legacy.content().await, "the survey wrote");
    let counts = (
        seen.apps.len(),
        seen.accounts.len(),
        seen.history.as_ref().unwrap().runs,
        seen.history.as_ref().unwrap().workflow_runs,
    );
    assert_eq!(
        counts,
        if is_postgres {
            (4, 4, 55, 7)
        } else {
            (3, 3, 45, 4)
        }
    );
    assert!(
        seen.apps
            .iter()
            .all(|app| app.password == AppPassword::Readable)
    );
    let passwords = seen
        .accounts
        .iter()
        .map(|account| account.password_is_readable);
    assert!(passwords.into_iter().all(|readable| readable == Some(true)));
    let external = |job: &crate::domain::adoption::SurveyedJob| {
        job.processor_type == Ok(powerjob_common::status::ProcessorType::External)
    };
    assert!(seen.jobs.iter().any(external));
    assert!(seen.jobs.iter().any(|job| job.has_alarm));
    assert!(!seen.workflows.is_empty());
    // The reference's machine was in UTC.
    assert_eq!(seen.offset_minutes, Some(0));
    let storage = seen.storage.unwrap();
    assert!(storage.missing_tables.is_empty() && storage.missing_columns.is_empty());
    assert!(storage.large_objects.is_empty() && !storage.is_taken_over);
    assert_eq!(storage.outdated, None);
}

pub(super) async fn a_survey_tells_what_an_operator_must_know(legacy: Legacy) {
    let text = "insert into instance_info (id, instance_id, app_id, job_id, status, finished_time, \
        gmt_modified) values (900001, 42, 1, 1, 5, 1795234000000, '2026-11-21 12:06:41'), \
        (900002, 42, 1, 1, 1, null, null)";
    legacy.run(text).await;
    legacy
        .run("update instance_info set gmt_modified = null where id < 900000")
        .await;
    legacy
        .run("update job_info set execute_type = 9 where job_name = 'noop'")
        .await;
    legacy
        .run("update app_info set password = null where app_name = 'cap-app'")
        .await;
    let seen = survey(&legacy.url, START).await.unwrap();
    let history = seen.history.unwrap();
    assert_eq!(history.double_ids, (vec![42], 1));
    assert!(history.open_runs >= 1);
    assert_eq!(seen.offset_minutes, Some(8 * 60));
    let strange = seen.jobs.iter().find(|job| job.name == "noop").unwrap();
    assert_eq!(strange.execute_type, Err("9".to_owned()));
    let app = seen.apps.iter().find(|app| app.name == "cap-app").unwrap();
    assert_eq!(app.password, AppPassword::Absent);
}

pub(super) async fn a_living_java_server_is_told(legacy: Legacy) {
    let beat = "update server_info set gmt_modified = '2026-11-21 12:17:37', ip = '10.9.9.9'";
    legacy.run(beat).await;
    let living = async |now| {
        let seen = survey(&legacy.url, UnixMillis(now)).await.unwrap();
        seen.storage.unwrap().living_servers
    };
    assert_eq!(living(LAST_SIGN + 10_000).await, ["10.9.9.9"]);
    assert!(living(LAST_SIGN + 60_000).await.is_empty());
}

pub(super) async fn a_survey_of_an_adopted_database_says_so(legacy: Legacy) {
    legacy.open().await.unwrap().close().await.unwrap();
    let seen = survey(&legacy.url, START).await.unwrap();
    assert!(seen.storage.unwrap().is_taken_over);
    assert!(!seen.jobs.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn large_objects_and_missing_tables_are_told_by_name() {
    let Some(legacy) = Legacy::empty(Kind::Postgres).await else {
        return;
    };
    legacy.run(&plain(POSTGRES_SCHEMA)).await;
    let seen = survey(&legacy.url, START).await.unwrap();
    let storage = seen.storage.unwrap();
    assert_eq!(storage.large_objects.len(), 11);
    assert!(
        storage
            .large_objects
            .contains(&"job_info.job_params".to_owned())
    );
    legacy
        .run("drop table namespace; alter table job_info drop column advanced_runtime_config")
        .await;
    let seen = survey(&legacy.url, START).await.unwrap();
    let storage = seen.storage.unwrap();
    assert_eq!(storage.missing_tables, ["namespace"]);
    assert_eq!(
        storage.missing_columns,
        ["job_info.advanced_runtime_config"]
    );
    legacy
        .run("alter table job_info rename to oms_job_info")
        .await;
    let refused = survey(&legacy.url, START).await.map(drop);
    assert!(
        matches!(&refused, Err(Error::Refused(text)) if text.contains("oms_job_info")),
        "{refused:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_without_powerjob_is_none() {
    let Some(legacy) = Legacy::empty(Kind::MariaDb).await else {
        return;
    };
    let refused = survey(&legacy.url, START).await.map(drop);
    assert!(
        matches!(refused, Err(Error::NotFound { .. })),
        "{refused:?}"
    );
    let fixture = Fixture::sqlite().await.unwrap();
    let refused = survey(&fixture.database.url, START).await.map(drop);
    assert!(
        matches!(refused, Err(Error::Invalid { field: "url", .. })),
        "{refused:?}"
    );
    let wrong = legacy.url.replace("powerjob%20secret", "wrong");
    let refused = survey(&wrong, START).await.map(drop);
    assert!(matches!(refused, Err(Error::Refused(_))), "{refused:?}");
}
