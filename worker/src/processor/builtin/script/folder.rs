//! The files of a running script: a folder of its own, for its owner only, removed afterwards.

use std::fs::{DirBuilder, OpenOptions};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use powerjob_common::time::UnixMillis;

use crate::context::TaskContext;
use crate::outcome::BoxError;

/// What a dead worker left behind is removed after this time.
const LEFT_BEHIND: Duration = Duration::from_secs(24 * 3_600);
/// Bytes of the output file that are read at most.
const OUTPUT_LIMIT_BYTES: u64 = 1 << 20;

/// Where the folders of all scripts are.
pub(super) fn parent(work_dir: &Path) -> PathBuf {
    work_dir.join("official_script_processor")
}

/// The folder of one run; removed when dropped.
#[derive(Debug)]
pub(super) struct RunFolder {
    path: PathBuf,
}

impl RunFolder {
    /// Makes the folder; `kind` is the kind of script.
    pub(super) fn make(ctx: &TaskContext, kind: &str) -> Result<Self, BoxError> {
        use std::os::unix::fs::DirBuilderExt;
        let parent = parent(ctx.work_dir());
        let cannot = |path: &Path, error: std::io::Error| {
            format!("cannot make the folder {}: {error}", path.display())
        };
        std::fs::create_dir_all(&parent).map_err(|error| cannot(&parent, error))?;
        // A number of our own: two workers of one machine may share the folder.
        let random = getrandom::u64().map_err(|error| error.to_string())?;
        let (instance, attempt, process) = (ctx.instance_id(), ctx.attempt(), std::process::id());
        let path = parent.join(format!(
            "{kind}_{instance}_{attempt}_{process}_{random:016x}"
        ));
        DirBuilder::new()
            .mode(0o700)
            .create(&path)
            .map_err(|error| cannot(&path, error))?;
        Ok(Self { path })
    }

    /// Writes a file that only its owner can read.
    pub(super) fn write(&self, name: &str, text: &str) -> Result<PathBuf, BoxError> {
        use std::os::unix::fs::OpenOptionsExt;
        let path = self.path.join(name);
        OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o700)
            .open(&path)
            .and_then(|mut file| file.write_all(text.as_bytes()))
            .map_err(|error| format!("cannot write {}: {error}", path.display()))?;
        Ok(path)
    }

    /// Where the script may write its result.
    pub(super) fn output(&self) -> PathBuf {
        self.path.join("output")
    }

    /// The beginning of what the script wrote there; `None` when it wrote nothing.
    pub(super) fn read_output(&self) -> Option<String> {
        let path = self.output();
        // A pipe or a device in its place would keep the run waiting.
        let is_file = std::fs::symlink_metadata(&path).is_ok_and(|it| it.is_file());
        let file = is_file.then(|| std::fs::File::open(&path).ok())??;
        let mut bytes = Vec::new();
        file.take(OUTPUT_LIMIT_BYTES).read_to_end(&mut bytes).ok()?;
        Some(String::from_utf8_lossy(&bytes).into_owned()).filter(|text| !text.is_empty())
    }
}

impl Drop for RunFolder {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.path) {
            tracing::warn!(path = %self.path.display(), %error, "cannot remove the files of a script");
        }
    }
}

/// Removes what dead workers left behind more than a day ago.
pub(super) fn sweep(parent: &Path, now: UnixMillis) {
    let now = SystemTime::UNIX_EPOCH + Duration::from_millis(now.0.unsigned_abs());
    let Ok(entries) = std::fs::read_dir(parent) else {
        return; // no script has run yet
    };
    for entry in entries.flatten() {
        let age = entry
            .metadata()
            .and_then(|it| it.modified())
            .map(|at| now.duration_since(at).unwrap_or_default());
        let is_old = age.is_ok_and(|age| age > LEFT_BEHIND);
        if is_old && !is_of_living_process(&entry.file_name().to_string_lossy()) {
            let path = entry.path();
            let removed = match path.is_dir() {
                true => std::fs::remove_dir_all(&path),
                false => std::fs::remove_file(&path),
            };
            match removed {
                Ok(()) => tracing::info!(path = %path.display(), "removed files of a dead script"),
                Err(error) => {
                    tracing::warn!(path = %path.display(), %error, "cannot remove files of a dead script");
                }
            }
        }
    }
}

/// Whether the process that the name of a folder holds still runs.
fn is_of_living_process(name: &str) -> bool {
    let id = name.split('_').nth(3).and_then(|id| id.parse().ok());
    let Some(id) = id.and_then(rustix::process::Pid::from_raw) else {
        return false;
    };
    rustix::process::test_kill_process(id) != Err(rustix::io::Errno::SRCH)
}

#[cfg(test)]
mod tests {
    use powerjob_common::time::{Clock, SystemClock};

    use super::*;

    #[test]
    fn only_old_folders_of_dead_processes_are_removed() {
        let folder = tempfile::tempdir().expect("a folder");
        let living = format!("shell_1_1_{}_00", std::process::id());
        // No process has the largest id.
        let dead = format!("shell_1_1_{}_00", i32::MAX);
        for name in [living.as_str(), &dead, "shell_1_1_deadbeef.sh"] {
            std::fs::create_dir(folder.path().join(name)).expect("made");
        }
        let left = || {
            let entries = std::fs::read_dir(folder.path()).expect("readable");
            let mut names: Vec<_> = entries
                .map(|entry| {
                    entry
                        .expect("an entry")
                        .file_name()
                        .into_string()
                        .expect("text")
                })
                .collect();
            names.sort();
            names
        };
        let now = SystemClock.now();
        sweep(folder.path(), now);
        assert_eq!(left().len(), 3, "all are new");
        sweep(folder.path(), now.after(LEFT_BEHIND * 2));
        assert_eq!(left(), [living]);
    }
}
