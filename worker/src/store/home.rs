//! The folder of a worker: taken by one process at a time, holds the name that survives a restart.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};

use super::StoreError;

/// The longest name that the protocol takes.
const NAME_LIMIT: usize = 128;

/// A folder that belongs to this process until it is dropped.
#[derive(Debug)]
pub(crate) struct Home {
    path: PathBuf,
    /// Holds the lock.
    _lock: File,
}

impl Home {
    /// Makes the folder if need be and takes it.
    ///
    /// # Errors
    /// [`StoreError::InUse`] when another process has it.
    pub(crate) fn take(path: &Path) -> Result<Self, StoreError> {
        fs::create_dir_all(path).map_err(StoreError::io("make the folder", path))?;
        let lock_path = path.join("lock");
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&lock_path)
            .map_err(StoreError::io("open", &lock_path))?;
        flock(&lock, FlockOperation::NonBlockingLockExclusive)
            .map_err(|_| StoreError::InUse(path.display().to_string()))?;
        Ok(Self {
            path: path.to_owned(),
            _lock: lock,
        })
    }

    /// Folder of the spool.
    pub(crate) fn spool_dir(&self) -> PathBuf {
        self.path.join("spool")
    }

    /// The name kept in the folder; at first that is `fresh`.
    ///
    /// # Errors
    /// When the disk says no.
    pub(crate) fn node_id(&self, fresh: &str) -> Result<String, StoreError> {
        let path = self.path.join("node-id");
        if let Ok(kept) = fs::read_to_string(&path) {
            let kept = kept.trim();
            if !kept.is_empty() && kept.len() <= NAME_LIMIT {
                return Ok(kept.to_owned());
            }
        }
        let draft = self.path.join("node-id.new");
        let write = || -> std::io::Result<()> {
            let mut file = File::create(&draft)?;
            file.write_all(fresh.as_bytes())?;
            file.sync_all()?;
            fs::rename(&draft, &path)
        };
        write().map_err(StoreError::io("write", &path))?;
        Ok(fresh.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_survives_and_the_folder_belongs_to_one() {
        let folder = tempfile::tempdir().expect("a folder");
        let home = Home::take(folder.path()).expect("free");
        assert_eq!(home.node_id("first").expect("written"), "first");
        assert!(matches!(
            Home::take(folder.path()),
            Err(StoreError::InUse(_))
        ));
        drop(home);
        let home = Home::take(folder.path()).expect("free again");
        assert_eq!(home.node_id("second").expect("read"), "first");
    }
}
