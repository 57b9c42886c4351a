//! Databases of the reference product: taken as they are, and still good for it afterwards.

use std::sync::Arc;

use powerjob_common::id::{AppId, InstanceId, JobId};
use powerjob_common::status::{InstanceStatus, SwitchableStatus};
use powerjob_common::time::{Clock, ManualClock};
use powerjob_databases::{DatabaseServer, Kind};
use sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend};

use super::build::{apply, claim_apps, insert, instance, occurrence, trigger};
use super::java_statements::{
    every_row_can_be_written_with_the_columns_of_java, the_statements_of_java_still_work,
};
use super::survey::{
    a_living_java_server_is_told, a_survey_of_an_adopted_database_says_so,
    a_survey_sees_everything_and_changes_nothing, a_survey_tells_what_an_operator_must_know,
};
use super::writer::lease_request;
use super::{START, open};
use crate::domain::instance::Instance;
use crate::store::connect::{Doubt, Purpose, Target};
use crate::store::{Error, Store, StoreConfig};

pub(super) const POSTGRES_SCHEMA: &str =
    include_str!("../../../../tests/data/adoption/schema-postgresql.sql");
const POSTGRES_DATA: &str = include_str!("../../../../tests/data/adoption/data-postgresql.sql");
const MARIADB_SCHEMA: &str = include_str!("../../../../tests/data/adoption/schema-mariadb.sql");
const MARIADB_DATA: &str = include_str!("../../../../tests/data/adoption/data-mariadb.sql");

/// A database of the reference that nobody has opened yet.
pub(super) struct Legacy {
    pub(super) url: String,
    pub(super) connection: DatabaseConnection,
    clock: Arc<ManualClock>,
}

impl Legacy {
    /// `None` where the database server can not be had.
    pub(super) async fn empty(kind: Kind) -> Option<Self> {
        let url = DatabaseServer::shared(kind)?.fresh().await.unwrap();
        let target = Target::parse(&url).unwrap();
        let connection = target
            .connect(Purpose::Schema, &Doubt::default())
            .await
            .unwrap();
        Some(Self {
            url,
            connection,
            clock: Arc::new(ManualClock::at(START)),
        })
    }

    async fn postgres() -> Option<Self> {
        let legacy = Self::empty(Kind::Postgres).await?;
        legacy
            .run(&plain(&POSTGRES_SCHEMA.replace(" oid", " text")))
            .await;
        legacy.run(&plain(POSTGRES_DATA)).await;
        Some(legacy)
    }

    async fn mariadb() -> Option<Self> {
        let legacy = Self::empty(Kind::MariaDb).await?;
        legacy.run(MARIADB_SCHEMA).await;
        legacy.run(MARIADB_DATA).await;
        Some(legacy)
    }

    pub(super) async fn run(&self, text: &str) {
        self.connection.execute_unprepared(text).await.unwrap();
    }

    pub(super) fn backend(&self) -> DbBackend {
        self.connection.get_database_backend()
    }

    pub(super) async fn open(&self) -> Result<Store, Error> {
        open(StoreConfig::new(&self.url), &self.clock).await
    }
}

/// A dump without the names of its schema, and without its search path.
pub(super) fn plain(dump: &str) -> String {
    let dump = dump.replace("public.", "");
    let is_kept = |line: &&str| !line.contains("set_config('search_path'");
    dump.lines().filter(is_kept).collect::<Vec<_>>().join("\n")
}

async fn count(store: &Store, table: &str) -> i64 {
    let text = format!("select count(*) from {{{table}}}");
    store
        .read(async move |sql| sql.value(&text, Vec::new()).await)
        .await
        .unwrap()
}

/// Ids of an application and of an enabled job by CRON or interval in a dump.
async fn a_scheduled_job(store: &Store) -> (AppId, JobId) {
    for app in store.apps().await.unwrap() {
        let jobs = store.load_jobs(vec![app.id]).await.unwrap();
        if let Some(job) = jobs.first() {
            return (app.id, job.id);
        }
    }
    panic!("the dump has jobs");
}

async fn an_adopted_database_keeps_its_rows_and_works(legacy: Legacy) {
    let number = async |table: &str| {
        let text = format!("select count(*) as n from {table}");
        let backend = legacy.backend();
        let statement = sea_orm::Statement::from_string(backend, text);
        let row = legacy.connection.query_one_raw(statement).await.unwrap();
        row.unwrap().try_get::<i64>("", "n").unwrap()
    };
    let tables = [
        "app_info",
        "job_info",
        "instance_info",
        "user_info",
        "workflow_node_info",
    ];
    let mut before = Vec::new();
    for table in tables {
        before.push(number(table).await);
    }
    let store = legacy.open().await.unwrap();
    for (table, before) in tables.iter().zip(&before) {
        assert!(
            *before > 0 && count(&store, table).await == *before,
            "{table}"
        );
    }
    let (app_id, job_id) = a_scheduled_job(&store).await;
    let job = store.job(job_id).await.unwrap();
    assert_eq!((job.revision, job.app_id), (0, app_id));
    let runs = store
        .list_instances(crate::store::instance::InstanceFilter::default(), None, 500)
        .await
        .unwrap();
    assert_eq!(runs.instances.len() as i64, before[2]);
    assert!(
        runs.instances
            .iter()
            .any(|run| run.state.status == InstanceStatus::Succeed)
    );
    // Our rows stand beside the old ones, with ids of the same kind.
    let lease = store.acquire_lease(lease_request("a", 1)).await.unwrap();
    claim_apps(&lease).await.unwrap();
    let next = job.next_trigger_at.map(|next| next.0);
    let due = START.0 + 1_000;
    let triggered = trigger(&job, next, Some(due + 1), vec![occurrence(1, due)]);
    apply(&store, vec![triggered]).await;
    let renamed = crate::store::job::JobSave {
        job: crate::domain::job::JobDefinition {
            status: SwitchableStatus::Enable,
            name: "renamed".to_owned(),
            ..job
        },
        base_revision: Some(0),
        author: None,
        cancel_after: Some(START),
    };
    let saved = store.save_job(renamed).await.unwrap();
    assert_eq!(
        (saved.job.revision, saved.canceled),
        (1, vec![InstanceId(1)])
    );
    // What the Java product writes goes in as before: explicit ids from its sequence, or none.
    legacy.run(java_insert(legacy.backend())).await;
    let read = store.instance(InstanceId(777_000_111)).await.unwrap();
    assert_eq!(read.state.status, InstanceStatus::WaitingDispatch);
    store.close().await.unwrap();
    legacy.open().await.unwrap();
}

/// The shape of the reference's insert (all columns of its entity; spec 03 sections 2 and 3.3).
fn java_insert(backend: DbBackend) -> &'static str {
    match backend {
        DbBackend::Postgres => {
            "insert into instance_info (actual_trigger_time, app_id, expected_trigger_time, \
             finished_time, gmt_create, gmt_modified, instance_id, instance_params, job_id, \
             job_params, last_report_time, result, running_times, status, task_tracker_address, \
             type, wf_instance_id, id) values (null, 11, 1795235894000, null, \
             '2026-11-21 04:31:34.823', '2026-11-21 04:31:34.823', 777000111, null, 14, 'p', null, \
             null, 0, 1, null, 1, null, nextval('native'))"
        }
        _ => {
            "insert into instance_info (actual_trigger_time, app_id, expected_trigger_time, \
             finished_time, gmt_create, gmt_modified, instance_id, instance_params, job_id, \
             job_params, last_report_time, result, running_times, status, task_tracker_address, \
             type, wf_instance_id) values (null, 1, 1795235894000, null, \
             '2026-11-21 04:31:34.823', '2026-11-21 04:31:34.823', 777000111, null, 1, 'p', null, \
             null, 0, 1, null, 1, null)"
        }
    }
}

async fn double_instance_ids_are_lived_with(legacy: Legacy) {
    let text = "insert into instance_info (id, instance_id, app_id, job_id, status) values \
        (900001, 42, 1, 1, 5), (900002, 42, 1, 1, 5)";
    legacy.run(text).await;
    let store = legacy.open().await.unwrap();
    assert_eq!(
        store.instances(vec![InstanceId(42)]).await.unwrap().len(),
        2
    );
    let new = Instance {
        instance_id: InstanceId(43),
        ..instance(43)
    };
    apply(&store, vec![insert(new)]).await;
}

async fn a_living_java_server_refuses_ours(legacy: Legacy) {
    let store = legacy.open().await.unwrap();
    // Its clock shows the local time of a place eight hours ahead.
    let beat = powerjob_common::time::UnixMillis(legacy.clock.now().0 + 8 * 3_600_000 - 10_000);
    let beat = crate::store::sql::date_text(beat);
    let text = format!("update server_info set gmt_modified = '{beat}', ip = '10.9.9.9'");
    legacy.run(&text).await;
    let refused = store.acquire_lease(lease_request("a", 1)).await;
    assert!(
        matches!(&refused, Err(Error::InUse(text)) if text.contains("10.9.9.9")),
        "{refused:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn large_objects_refuse_the_start_until_they_are_migrated() {
    let Some(legacy) = Legacy::empty(Kind::Postgres).await else {
        return;
    };
    legacy.run(&plain(POSTGRES_SCHEMA)).await;
    let text = "insert into job_info (id, app_id, job_name, job_params, status, min_cpu_cores, \
        min_disk_space, min_memory_space) values \
        (5, 1, 'with', lo_from_bytea(0, convert_to('parameters \u{fc}', 'UTF8')), 1, 0, 0, 0), \
        (6, 1, 'without', null, 1, 0, 0, 0), (7, 1, 'lost', 4000000000, 1, 0, 0, 0)";
    legacy.run(text).await;
    let refused = legacy.open().await.map(drop);
    assert!(
        matches!(&refused, Err(Error::Unmigrated(text))
            if text.contains("job_info.job_params") && text.contains("powerjob migrate")),
        "{refused:?}"
    );
    let clock = Arc::clone(&legacy.clock);
    let changed = Store::migrate_legacy(&StoreConfig::new(&legacy.url), clock)
        .await
        .unwrap();
    assert_eq!(changed.len(), 11);
    let store = legacy.open().await.unwrap();
    assert_eq!(
        store.job(JobId(5)).await.unwrap().params,
        "parameters \u{fc}"
    );
    assert_eq!(store.job(JobId(6)).await.unwrap().params, "");
    assert_eq!(store.job(JobId(7)).await.unwrap().params, "");
    let clock = Arc::clone(&legacy.clock);
    let again = Store::migrate_legacy(&StoreConfig::new(&legacy.url), clock).await;
    assert_eq!(again, Ok(Vec::new()));
}

macro_rules! adoptions {
    ($($backend:ident)*) => { $(mod $backend {
        adoptions! { @tests $backend
            an_adopted_database_keeps_its_rows_and_works
            double_instance_ids_are_lived_with
            a_living_java_server_refuses_ours
            every_row_can_be_written_with_the_columns_of_java
            the_statements_of_java_still_work
            a_survey_sees_everything_and_changes_nothing
            a_survey_tells_what_an_operator_must_know
            a_living_java_server_is_told
            a_survey_of_an_adopted_database_says_so
        }
    })* };
    (@tests $backend:ident $($test:ident)*) => {
        $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $test() {
            if let Some(legacy) = super::Legacy::$backend().await {
                super::$test(legacy).await;
            }
        })*
    };
}

adoptions! { postgres mariadb }
