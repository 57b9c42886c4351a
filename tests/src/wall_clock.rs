//! A wall clock that a test moves under a running process, by libfaketime; monotonic time goes on.

use std::io;
use std::path::{Path, PathBuf};

/// Where Debian's package `faketime` has the library, below the folder of the architecture.
const LIBRARY: &str = "faketime/libfaketimeMT.so.1";

/// The clock of those processes that were started with [`WallClock::environment`].
#[derive(Debug)]
pub struct WallClock {
    library: PathBuf,
    file: PathBuf,
}

impl WallClock {
    /// A clock that is right; its setting is kept in `folder`. `None`, with a note, where the machine
    /// does not have the library.
    pub fn new(folder: &Path) -> Option<Self> {
        let places = std::fs::read_dir("/usr/lib")
            .into_iter()
            .flatten()
            .flatten();
        let found = places
            .map(|place| place.path().join(LIBRARY))
            .find(|library| library.is_file());
        let Some(library) = found else {
            eprintln!("note: no libfaketime on this machine, this test does not run");
            return None;
        };
        let clock = Self {
            library,
            file: folder.join("clock"),
        };
        clock.shift(0).expect("a file");
        Some(clock)
    }

    /// What a process needs to live by this clock.
    pub fn environment(&self) -> Vec<(String, String)> {
        let variables = [
            ("LD_PRELOAD", self.library.display().to_string()),
            ("FAKETIME_TIMESTAMP_FILE", self.file.display().to_string()),
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1".to_owned()),
            ("DONT_FAKE_MONOTONIC", "1".to_owned()),
            ("NO_FAKE_STAT", "1".to_owned()),
            // The file is looked at again after a second.
            ("FAKETIME_CACHE_DURATION", "1".to_owned()),
        ];
        variables
            .map(|(name, value)| (name.to_owned(), value))
            .to_vec()
    }

    /// Sets the clock so many seconds ahead of the true time; it jumps within two seconds.
    ///
    /// # Errors
    /// When the setting can not be written.
    pub fn shift(&self, seconds: i64) -> io::Result<()> {
        let next = self.file.with_extension("next");
        std::fs::write(&next, format!("{seconds:+}\n"))?;
        std::fs::rename(next, &self.file)
    }
}
