//! A disk that refuses, and recovers.

use std::fs;
use std::process::Command;

use super::*;

#[tokio::test]
async fn a_folder_that_cannot_be_used_is_answered_and_hurts_no_other() {
    let bench = Bench::new();
    let place = bench.folder.path().join("app-8");
    fs::write(&place, b"a file where a folder should be").expect("written");
    let (worker, other) = (worker("w1", 1), AppId(8));
    let refused = put(bench.store(), other, &worker, vec![lines(0, 2)]);
    let stored = put(bench.store(), APP, &worker, vec![lines(0, 2)]);
    assert_eq!((refused.await, stored.await), (Ok(false), Ok(true)));
    assert!(bench.store().read(INSTANCE, other, all()).await.is_err());
    fs::remove_file(&place).expect("removed");
    assert!(
        bench.put_as(other, &worker, vec![lines(0, 2)]).await,
        "it has recovered"
    );
    assert_eq!(bench.texts_of(INSTANCE, other).await, expected(0, 2));
}

#[tokio::test]
async fn what_was_rolled_back_is_stored_when_it_is_repeated() {
    let mut bench = Bench::new();
    assert!(bench.put(vec![lines(0, 2)]).await);
    // What a batch leaves behind that was written and then not synced.
    let segment = bench.files("seg").remove(0);
    let log = bench.store().inner.shared.log_of(APP);
    let length = fs::metadata(&segment).expect("there").len();
    fs::write(
        &segment,
        [fs::read(&segment).expect("readable"), vec![7; 99]].concat(),
    )
    .expect("written");
    log.roll_back().expect("cut off");
    assert_eq!(fs::metadata(&segment).expect("there").len(), length);
    drop(log);
    assert!(bench.put(vec![lines(2, 4)]).await);
    bench.reopen();
    assert_eq!(bench.texts().await, expected(0, 4));
}

/// A small disk of its own, unmounted in the end.
struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    /// `None` where mounting is not permitted.
    fn mount() -> Option<Self> {
        let folder = tempfile::tempdir().expect("a folder");
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=512k", "none"]);
        let output = mount.arg(folder.path()).output();
        match output {
            Ok(output) if output.status.success() => Some(Self(folder)),
            other => {
                println!("not run: a small disk cannot be mounted: {other:?}");
                None
            }
        }
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        Command::new("umount").arg(self.0.path()).status().ok();
    }
}

#[tokio::test]
async fn a_full_disk_is_answered_and_the_store_recovers() {
    let Some(disk) = SmallDisk::mount() else {
        return;
    };
    let config = LogStoreConfig {
        segment_bytes: 64 << 10,
        ..LogStoreConfig::default()
    };
    let store = LogStore::open(disk.0.path(), config.clone()).expect("it opens");
    let filler = disk.0.path().join("filler");
    let worker = worker("w1", 1);
    let store_lines =
        |store: &LogStore, first: u64| put(store, APP, &worker, vec![lines(first, first + 200)]);
    let mut stored = 0;
    fs::write(&filler, vec![0; 256 << 10]).expect("room for it");
    while store_lines(&store, stored).await == Ok(true) {
        stored += 200;
    }
    assert!(stored > 0, "some of it has room");
    assert_eq!(
        store_lines(&store, stored).await,
        Ok(false),
        "it is still full"
    );
    let seen = store
        .read(
            INSTANCE,
            APP,
            LogQuery {
                tail: true,
                ..all()
            },
        )
        .await;
    let seen = texts(&seen.expect("readable"));
    assert_eq!(seen.last(), expected(0, stored).last(), "reading goes on");
    // Restarting on a full disk works, too.
    drop(store);
    let store = LogStore::open(disk.0.path(), config).expect("it opens");
    assert_eq!(store_lines(&store, stored).await, Ok(false));
    fs::remove_file(&filler).expect("removed");
    assert_eq!(
        store_lines(&store, stored).await,
        Ok(true),
        "it has recovered"
    );
    let (mut found, mut query) = (Vec::new(), all());
    loop {
        let slice = store.read(INSTANCE, APP, query.clone()).await;
        let slice = slice.expect("readable");
        found.extend(texts(&slice));
        query.cursor = Some(slice.next_cursor);
        if slice.is_end {
            break;
        }
    }
    let wanted = expected(0, stored + 200);
    assert!(found == wanted, "{} of {} lines", found.len(), wanted.len());
}
