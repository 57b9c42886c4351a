//! Files with what does not fit into memory: written once, read once or a few times, and of no use to
//! anybody after this life of the worker.
//!
//! One thread does all that takes time, in the order in which it is asked for. The folder is made with
//! the first file and goes with the thread; folders of earlier lives are removed when a worker starts.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, Sender};

use rustix::fs::{FlockOperation, flock};

/// How folders begin that belong to a worker's life.
const PREFIX: &str = "powerjob-tasks-";
const LOCK: &str = "lock";

type Done<T> = Box<dyn FnOnce(io::Result<T>) + Send>;

enum Job {
    Write {
        file: PathBuf,
        bytes: Arc<[u8]>,
        done: Done<Arc<Path>>,
    },
    Take {
        file: PathBuf,
        done: Done<Vec<u8>>,
    },
    Remove {
        folder: String,
    },
}

/// The way to the files. Clones share the thread; it ends with the last of them.
#[derive(Debug, Clone)]
pub(crate) struct Spill {
    jobs: Sender<Job>,
}

impl Spill {
    /// Starts the thread; files go below `base`, in a folder with this name.
    ///
    /// # Errors
    /// When no thread can be started.
    pub(crate) fn start(base: &Path, name: &str) -> io::Result<Self> {
        let (sender, jobs) = mpsc::channel();
        let base = base.to_owned();
        let folder = base.join(format!("{PREFIX}{name}"));
        std::thread::Builder::new()
            .name("powerjob-spill".to_owned())
            .spawn(move || {
                remove_leftovers(&base);
                Folder {
                    path: folder,
                    lock: None,
                }
                .work(&jobs);
            })?;
        Ok(Self { jobs: sender })
    }

    /// Writes a file into a folder of its own group; `done` hears where it is.
    pub(crate) fn write(
        &self,
        (folder, name): (String, String),
        bytes: Arc<[u8]>,
        done: impl FnOnce(io::Result<Arc<Path>>) + Send + 'static,
    ) {
        self.send(Job::Write {
            file: PathBuf::from(folder).join(name),
            bytes,
            done: Box::new(done),
        });
    }

    /// Reads a file and removes it.
    pub(crate) fn take(
        &self,
        (folder, name): (String, String),
        done: impl FnOnce(io::Result<Vec<u8>>) + Send + 'static,
    ) {
        self.send(Job::Take {
            file: PathBuf::from(folder).join(name),
            done: Box::new(done),
        });
    }

    /// Removes all files of a group.
    pub(crate) fn remove(&self, folder: String) {
        self.send(Job::Remove { folder });
    }

    fn send(&self, job: Job) {
        // The thread ends after the last sender only; whoever waits for an answer of a thread that
        // panicked waits as for a disk that does not answer.
        if self.jobs.send(job).is_err() {
            tracing::error!("the thread of the files of tasks is gone");
        }
    }
}

struct Folder {
    path: PathBuf,
    /// Says to other workers that the folder is in use.
    lock: Option<File>,
}

impl Folder {
    fn work(mut self, jobs: &Receiver<Job>) {
        for job in jobs {
            match job {
                Job::Write { file, bytes, done } => done(self.write(&file, &bytes)),
                Job::Take { file, done } => done(self.take(&file)),
                Job::Remove { folder } => self.remove(&folder),
            }
        }
        if self.lock.is_some()
            && let Err(error) = fs::remove_dir_all(&self.path)
        {
            tracing::warn!(%error, folder = %self.path.display(), "files of tasks stay");
        }
    }

    fn write(&mut self, file: &Path, bytes: &[u8]) -> io::Result<Arc<Path>> {
        if self.lock.is_none() {
            self.lock = Some(make(&self.path)?);
        }
        let file = self.path.join(file);
        if let Some(group) = file.parent() {
            fs::create_dir_all(group)?;
        }
        let mut open = File::create(&file)?;
        open.write_all(bytes)?;
        Ok(file.into())
    }

    fn take(&self, file: &Path) -> io::Result<Vec<u8>> {
        let file = self.path.join(file);
        let bytes = fs::read(&file)?;
        fs::remove_file(&file)?;
        Ok(bytes)
    }

    fn remove(&self, folder: &str) {
        let group = self.path.join(folder);
        if let Err(error) = fs::remove_dir_all(&group)
            && error.kind() != io::ErrorKind::NotFound
        {
            tracing::warn!(%error, folder = %group.display(), "files of an instance stay");
        }
    }
}

/// Makes a folder that is locked as soon as it has its name.
fn make(folder: &Path) -> io::Result<File> {
    let mut draft = folder.as_os_str().to_owned();
    draft.push(".new");
    let draft = PathBuf::from(draft);
    fs::create_dir_all(&draft)?;
    let lock = File::create(draft.join(LOCK))?;
    flock(&lock, FlockOperation::NonBlockingLockExclusive)?;
    fs::rename(&draft, folder)?;
    Ok(lock)
}

/// Removes the folders of workers that are gone.
fn remove_leftovers(base: &Path) {
    let Ok(entries) = fs::read_dir(base) else {
        return; // there is nothing yet
    };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let is_one = name.starts_with(PREFIX) && !name.ends_with(".new");
        let folder = entry.path();
        if is_one
            && let Ok(lock) = File::open(folder.join(LOCK))
            && flock(&lock, FlockOperation::NonBlockingLockExclusive).is_ok()
            && let Err(error) = fs::remove_dir_all(&folder)
        {
            tracing::warn!(%error, folder = %folder.display(), "files of an earlier life stay");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::*;

    fn name(name: &str) -> (String, String) {
        ("7-1".to_owned(), name.to_owned())
    }

    fn write(spill: &Spill, file: &str, bytes: &[u8]) -> io::Result<Arc<Path>> {
        let (sender, written) = channel();
        let done = move |result| sender.send(result).expect("somebody waits");
        spill.write(name(file), bytes.into(), done);
        written.recv().expect("an answer")
    }

    fn take(spill: &Spill, file: &str) -> io::Result<Vec<u8>> {
        let (sender, read) = channel();
        spill.take(name(file), move |result| {
            sender.send(result).expect("somebody waits")
        });
        read.recv().expect("an answer")
    }

    fn files(base: &Path) -> usize {
        fs::read_dir(base).expect("a folder").count()
    }

    #[test]
    fn files_are_read_once_and_groups_go_as_a_whole() {
        let base = tempfile::tempdir().expect("a folder");
        let spill = Spill::start(base.path(), "a").expect("a thread");
        assert_eq!(files(base.path()), 0, "nothing is made before it is needed");
        let path = write(&spill, "c1", b"one").expect("written");
        write(&spill, "c2", b"two").expect("written");
        assert_eq!(take(&spill, "c2").expect("read"), b"two");
        assert!(take(&spill, "c2").is_err());
        assert_eq!(fs::read(&path).expect("still there"), b"one");
        spill.remove("7-1".to_owned());
        assert!(take(&spill, "c1").is_err());
    }

    #[test]
    fn leftovers_of_the_dead_are_removed_and_those_of_the_living_stay() {
        let base = tempfile::tempdir().expect("a folder");
        let dead = base.path().join(format!("{PREFIX}dead"));
        drop(make(&dead).expect("made"));
        fs::write(dead.join("c1"), "content").expect("written");
        let living = Spill::start(base.path(), "living").expect("a thread");
        write(&living, "c1", b"one").expect("written");
        assert!(!dead.exists());
        let third = Spill::start(base.path(), "third").expect("a thread");
        write(&third, "c1", b"one").expect("written");
        assert_eq!(take(&living, "c1").expect("still there"), b"one");
    }

    #[test]
    fn a_place_that_takes_nothing_is_told_of() {
        let base = tempfile::tempdir().expect("a folder");
        let file = base.path().join("file");
        fs::write(&file, "").expect("written");
        let spill = Spill::start(&file, "a").expect("a thread");
        assert!(write(&spill, "c1", b"one").is_err());
    }
}
