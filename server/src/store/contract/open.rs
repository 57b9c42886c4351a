//! Opening: locks, versions, bad paths, full and read-only disks.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use powerjob_common::id::{InstanceId, JobId};
use powerjob_common::time::ManualClock;
use sea_orm::{ConnectionTrait, DbBackend};

use super::build::{apply, insert, instance, write};
use super::{Fixture, START, open, open_file};
use crate::domain::instance::Instance;
use crate::domain::policy::{RetryPolicy, SchedulePolicy};
use crate::store::connect::{Doubt, Purpose, Target};
use crate::store::dialect::Dialect;
use crate::store::write::WriteOutcome;
use crate::store::{Error, Store, StoreConfig, migration};

pub(super) async fn a_second_process_is_refused(fixture: Fixture) {
    let second = open(fixture.config(), &fixture.clock).await;
    let own_id = std::process::id().to_string();
    assert!(
        matches!(&second, Err(Error::InUse(text)) if text.contains(&own_id)),
        "{second:?}"
    );
    fixture.open_again(|_| {}).await.unwrap();
}

pub(super) async fn what_was_written_is_there_after_opening_again(fixture: Fixture) {
    apply(&fixture.store, vec![insert(instance(1))]).await;
    let fixture = fixture.open_again(|_| {}).await.unwrap();
    let store = &fixture.store;
    assert_eq!(store.instance(InstanceId(1)).await.unwrap(), instance(1));
    let closed = store.close().await;
    assert_eq!(closed, Ok(()));
    let refused = store
        .writer()
        .write(crate::store::write::Lane::Bulk, vec![insert(instance(2))]);
    assert_eq!(refused.await, Err(Error::Overloaded));
}

pub(super) async fn a_newer_database_is_refused(fixture: Fixture) {
    let text = "insert into {pj_migration} (version, applied_at) values ('20990101_future', 0)";
    fixture.execute(text).await;
    let refused = fixture
        .open_again(|_| {})
        .await
        .map(|fixture| fixture.store);
    assert!(
        matches!(&refused, Err(Error::Newer(text)) if text.contains("future")),
        "{refused:?}"
    );
}

pub(super) async fn a_clear_word_for_every_bad_path(fixture: Fixture) {
    let path = fixture.path();
    let folder = path.parent().unwrap();
    let at = async |url: String| {
        let runtime = tokio::runtime::Handle::current();
        let opened = Store::open(
            StoreConfig::new(url),
            runtime,
            Arc::clone(&fixture.clock) as _,
        );
        opened.await.unwrap_err()
    };
    let sqlite = |path: &Path| format!("sqlite:{}", path.display());
    let is_invalid = |error: &Error| matches!(error, Error::Invalid { field: "url", .. });
    assert!(is_invalid(&at(sqlite(folder)).await), "a folder");
    assert!(
        is_invalid(&at(sqlite(&folder.join("no/such.db"))).await),
        "no folder"
    );
    assert!(
        is_invalid(&at("oracle://host/db".to_owned()).await),
        "another database"
    );
    assert!(
        is_invalid(&at("sqlite::memory:".to_owned()).await),
        "memory"
    );
    let text = folder.join("text.db");
    std::fs::write(
        &text,
        "this is not a database, but it is long enough to be read as one",
    )
    .unwrap();
    let damaged = at(sqlite(&text)).await;
    assert!(matches!(damaged, Error::Damaged(_)), "{damaged:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_former_version_is_brought_up_to_date() {
    for steps in 1..=8 {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("old.db");
        let target = Target::Sqlite(path.clone());
        let old = target
            .connect(Purpose::Schema, &Doubt::default())
            .await
            .unwrap();
        let dialect = Dialect::new(DbBackend::Sqlite, "");
        migration::migrate_to(&old, &dialect, Some(steps))
            .await
            .unwrap();
        // The eighth step makes the id of a row that of its instance.
        let row_id = if steps < 8 { 1 } else { 5 };
        old.execute_unprepared(&format!(
            "insert into job_info (app_id, job_name, status, min_cpu_cores, min_disk_space, \
             min_memory_space) values (1, 'old', 1, 0, 0, 0); \
             insert into instance_info (id, instance_id, job_id, app_id, status) \
             values ({row_id}, 5, 1, 1, 5)",
        ))
        .await
        .unwrap();
        old.close().await.unwrap();
        let clock = Arc::new(ManualClock::at(START));
        let store = open_file(&path, &clock).await.unwrap();
        let job = store.job(JobId(1)).await.unwrap();
        assert_eq!(
            (job.name.as_str(), job.revision, job.no_worker_grace_ms),
            ("old", 0, 60_000)
        );
        assert_eq!(job.policy, SchedulePolicy::default());
        assert_eq!(job.retry, RetryPolicy::default());
        assert!(store.instance(InstanceId(5)).await.is_ok());
        apply(&store, vec![insert(instance(6))]).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tables_have_the_prefix() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("prefixed.db");
    let config = StoreConfig {
        table_prefix: "oms_".to_owned(),
        ..StoreConfig::sqlite(path)
    };
    let clock = Arc::new(ManualClock::at(START));
    let runtime = tokio::runtime::Handle::current();
    let store = Store::open(config, runtime, clock).await.unwrap();
    apply(&store, vec![insert(instance(1))]).await;
    let without = "select count(*) from sqlite_master where type = 'table' \
        and name not like 'oms\\_%' escape '\\' and name not like 'sqlite\\_%' escape '\\'";
    let count = store
        .read(async move |sql| sql.value::<i64>(without, vec![]).await)
        .await;
    assert_eq!(count, Ok(0));
}

/// A small file system of its own; `None` where mounting is not permitted.
struct Mount(tempfile::TempDir);

impl Mount {
    fn new(test: &str, options: &str) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", options, "none"])
            .arg(folder.path())
            .output();
        match mounted {
            Ok(output) if output.status.success() => Some(Self(folder)),
            other => {
                println!("{test} is skipped: a tmpfs can not be mounted here: {other:?}");
                None
            }
        }
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        Command::new("umount")
            .arg("-l")
            .arg(self.0.path())
            .status()
            .ok();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_fails_writes_and_the_store_lives_on() {
    let Some(mount) = Mount::new("a_full_disk", "size=4m") else {
        return;
    };
    let clock = Arc::new(ManualClock::at(START));
    let store = open_file(&mount.0.path().join("small.db"), &clock)
        .await
        .unwrap();
    let filler = mount.0.path().join("filler");
    std::fs::write(&filler, vec![0; 1 << 20]).unwrap();
    let large = |id| Instance {
        job_params: Some("x".repeat(200_000)),
        ..instance(id)
    };
    let mut failed = None;
    for id in 0..100 {
        if let [WriteOutcome::Failed(reason)] = &write(&store, vec![insert(large(id))]).await[..] {
            failed = Some((id, reason.clone()));
            break;
        }
    }
    let (id, reason) = failed.expect("4 MiB do not hold 20 MB");
    assert!(reason.contains("full"), "{reason}");
    let cold = store.set_meta("k".repeat(10), "v".repeat(400_000)).await;
    assert!(matches!(cold, Err(Error::Full(_))), "{cold:?}");
    std::fs::remove_file(&filler).unwrap();
    apply(&store, vec![insert(instance(id))]).await;
    assert_eq!(store.instance(InstanceId(0)).await.unwrap(), large(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_only_file_system_is_named_as_such() {
    let Some(mount) = Mount::new("a_read_only_file_system", "size=4m,ro") else {
        return;
    };
    let clock = Arc::new(ManualClock::at(START));
    let refused = open_file(&mount.0.path().join("new.db"), &clock).await;
    assert!(matches!(refused, Err(Error::ReadOnly(_))), "{refused:?}");
}
