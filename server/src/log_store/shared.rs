//! What the writer, the readers and the handles of the store have in common.

use std::collections::HashMap;
use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};

use powerjob_common::id::AppId;

use super::app_log::{AppLog, SegmentLimits};
use super::config::LogStoreConfig;
use super::error::Error;
use super::follow::Followers;

/// The store without its thread.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) config: LogStoreConfig,
    pub(super) followers: Followers,
    /// Bytes that wait for the disk.
    pub(super) queued_bytes: AtomicUsize,
    folder: PathBuf,
    apps: Mutex<HashMap<AppId, Arc<AppLog>>>,
    /// Held as long as the store is open.
    _lock: File,
}

impl Shared {
    /// Makes the folder if it is missing and locks it.
    pub(super) fn open(folder: &Path, config: LogStoreConfig) -> Result<Self, Error> {
        fs::create_dir_all(folder).map_err(Error::at(folder))?;
        let path = folder.join("lock");
        let lock = File::options().create(true).append(true).open(&path);
        let lock = lock.map_err(Error::at(&path))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(Error::Locked(folder.to_owned())),
            Err(TryLockError::Error(error)) => return Err(Error::at(&path)(error)),
        }
        Ok(Self {
            config,
            followers: Followers::default(),
            queued_bytes: AtomicUsize::new(0),
            folder: folder.to_owned(),
            apps: Mutex::default(),
            _lock: lock,
        })
    }

    /// The log of an application.
    pub(super) fn log_of(&self, app: AppId) -> Arc<AppLog> {
        let limits = SegmentLimits {
            bytes: self.config.segment_bytes,
            chunks: self.config.segment_chunks,
        };
        let mut apps = self.apps.lock().unwrap_or_else(PoisonError::into_inner);
        let log = apps
            .entry(app)
            .or_insert_with(|| Arc::new(AppLog::new(&self.folder, app, limits)));
        log.clone()
    }

    /// Forgets that there is such an application.
    pub(super) fn remove(&self, app: AppId) {
        let mut apps = self.apps.lock().unwrap_or_else(PoisonError::into_inner);
        apps.remove(&app);
    }

    /// The applications that have logs.
    pub(super) fn apps(&self) -> Result<Vec<AppId>, Error> {
        let mut apps = Vec::new();
        for entry in fs::read_dir(&self.folder).map_err(Error::at(&self.folder))? {
            let name = entry.map_err(Error::at(&self.folder))?.file_name();
            let id = name.to_str().and_then(|name| name.strip_prefix("app-"));
            apps.extend(id.and_then(|id| id.parse::<AppId>().ok()));
        }
        Ok(apps)
    }

    /// Takes room in the queue; `false` when there is none. A batch larger than the whole queue
    /// still fits into an empty one.
    pub(super) fn take_room(&self, bytes: usize) -> bool {
        let before = self.queued_bytes.fetch_add(bytes, Relaxed);
        if before == 0 || before + bytes <= self.config.queue_bytes {
            return true;
        }
        self.give_back_room(bytes);
        false
    }

    pub(super) fn give_back_room(&self, bytes: usize) {
        self.queued_bytes.fetch_sub(bytes, Relaxed);
    }
}
