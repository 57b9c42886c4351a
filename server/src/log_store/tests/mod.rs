//! The store on real files.

mod crash;
mod follow;
mod full_disk;
mod read;
mod retention;
mod store;

use std::path::Path;
use std::sync::Arc;

use powerjob_common::id::{AppId, InstanceId, NodeRef};
use powerjob_common::status::LogLevel;
use powerjob_common::time::{ManualClock, UnixMillis};
use powerjob_protocol::wire::worker_to_server::{LogChunk, LogLine};
use tempfile::TempDir;
use tokio::sync::oneshot;

use super::*;

pub(super) const APP: AppId = AppId(7);
pub(super) const INSTANCE: InstanceId = InstanceId(100);

/// A store in a folder of its own, with a clock that stands still.
pub(super) struct Bench {
    pub(super) folder: TempDir,
    pub(super) clock: Arc<ManualClock>,
    pub(super) config: LogStoreConfig,
    pub(super) store: Option<LogStore>,
}

impl Bench {
    pub(super) fn new() -> Self {
        Self::with(LogStoreConfig::default())
    }

    /// With so small segments that nearly every batch begins a new one.
    pub(super) fn with_small_segments() -> Self {
        Self::with(LogStoreConfig {
            segment_chunks: 3,
            ..LogStoreConfig::default()
        })
    }

    pub(super) fn with(config: LogStoreConfig) -> Self {
        let clock = Arc::new(ManualClock::at(UnixMillis(1_000_000)));
        let config = LogStoreConfig {
            clock: clock.clone(),
            ..config
        };
        let folder = tempfile::tempdir().expect("a folder");
        let mut bench = Self {
            folder,
            clock,
            config,
            store: None,
        };
        bench.reopen();
        bench
    }

    /// Ends the store, lets `meanwhile` change its files, and opens it again.
    pub(super) fn reopen_after(&mut self, meanwhile: impl FnOnce(&Path)) {
        self.store = None;
        meanwhile(self.folder.path());
        let store = open_unlocked(self.folder.path(), &self.config);
        self.store = Some(store.expect("it opens"));
    }

    pub(super) fn reopen(&mut self) {
        self.reopen_after(|_| {});
    }

    pub(super) fn store(&self) -> &LogStore {
        self.store.as_ref().expect("it is open")
    }

    /// Stores chunks of worker `w1` and returns the answer.
    pub(super) async fn put(&self, chunks: Vec<LogChunk>) -> bool {
        self.put_as(APP, &worker("w1", 1), chunks).await
    }

    pub(super) async fn put_as(&self, app: AppId, worker: &NodeRef, chunks: Vec<LogChunk>) -> bool {
        put(self.store(), app, worker, chunks)
            .await
            .expect("an answer")
    }

    pub(super) async fn read(&self, query: LogQuery) -> LogSlice {
        let slice = self.store().read(INSTANCE, APP, query).await;
        slice.expect("readable")
    }

    /// The texts of the whole log.
    pub(super) async fn texts(&self) -> Vec<String> {
        self.texts_of(INSTANCE, APP).await
    }

    pub(super) async fn texts_of(&self, instance: InstanceId, app: AppId) -> Vec<String> {
        let slice = self.store().read(instance, app, all()).await;
        let slice = slice.expect("readable");
        assert!(slice.is_end);
        texts(&slice)
    }

    /// The paths of the application's files with an extension, in order of their numbers.
    pub(super) fn files(&self, extension: &str) -> Vec<std::path::PathBuf> {
        let folder = self.folder.path().join(format!("app-{APP}"));
        let entries = std::fs::read_dir(folder).expect("a folder");
        let paths = entries.map(|entry| entry.expect("an entry").path());
        let mut paths: Vec<_> = paths
            .filter(|path| path.extension().is_some_and(|found| found == extension))
            .collect();
        paths.sort_by_key(|path| {
            let number = path.file_stem().and_then(|stem| stem.to_str());
            number.and_then(|number| number.parse::<u32>().ok())
        });
        paths
    }
}

/// Hands chunks over at once; the answer comes when it is known.
pub(super) fn put(
    store: &LogStore,
    app_id: AppId,
    worker: &NodeRef,
    chunks: Vec<LogChunk>,
) -> oneshot::Receiver<bool> {
    let (answer, answered) = oneshot::channel();
    let batch = LogBatch {
        app_id,
        worker: worker.clone(),
        chunks,
    };
    store.append(batch, move |is_stored| {
        answer.send(is_stored).ok(); // nobody may wait for it
    });
    answered
}

pub(super) fn worker(node_id: &str, incarnation: u64) -> NodeRef {
    NodeRef {
        node_id: node_id.to_owned(),
        incarnation,
    }
}

/// Lines `first..end` of attempt 1; line 5 has the text `line 5`.
pub(super) fn lines(first: u64, end: u64) -> LogChunk {
    let line = |number: u64| LogLine {
        at_ms: 1_000 + number.cast_signed(),
        level: LogLevel::Info.code() as u8,
        text: format!("line {number}"),
    };
    LogChunk {
        instance_id: INSTANCE.0,
        attempt: 1,
        first_sequence: first,
        lost_before: 0,
        lines: (first..end).map(line).collect(),
    }
}

/// A program that another test starts has all open locks until it runs: one that was just given back
/// may be held for a moment longer.
fn open_unlocked(folder: &Path, config: &LogStoreConfig) -> Result<LogStore, Error> {
    for _ in 0..100_000 {
        match LogStore::open(folder, config.clone()) {
            Err(Error::Locked(_)) => std::thread::yield_now(),
            other => return other,
        }
    }
    LogStore::open(folder, config.clone())
}

pub(super) fn all() -> LogQuery {
    LogQuery {
        limit: MAX_LIMIT,
        ..LogQuery::default()
    }
}

pub(super) fn texts(slice: &LogSlice) -> Vec<String> {
    let entries = slice.entries.iter();
    entries.map(|entry| entry.text.clone()).collect()
}

/// The texts of lines `first..end`.
pub(super) fn expected(first: u64, end: u64) -> Vec<String> {
    (first..end)
        .map(|number| format!("line {number}"))
        .collect()
}
