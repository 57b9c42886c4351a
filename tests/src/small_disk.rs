//! A small disk of its own that a test fills and empties; only root can have one.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

const FILLER: &str = "filler";

/// A file system in memory; gone when it drops.
#[derive(Debug)]
pub struct SmallDisk {
    folder: PathBuf,
}

impl SmallDisk {
    /// Makes a disk of so many MiB at `folder`, which everybody may write; `None`, with a note, where
    /// this may not be done.
    pub fn mount(folder: &Path, mib: u32) -> Option<Self> {
        std::fs::create_dir_all(folder).expect("a folder");
        let mounted = Command::new("mount")
            .args([
                "-t",
                "tmpfs",
                "-o",
                &format!("size={mib}m,mode=0777"),
                "tmpfs",
            ])
            .arg(folder)
            .output();
        match mounted {
            Ok(output) if output.status.success() => Some(Self {
                folder: folder.to_owned(),
            }),
            other => {
                eprintln!("note: no disk can be made here, this test does not run: {other:?}");
                None
            }
        }
    }

    /// Where it is.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Fills it to the last byte.
    ///
    /// # Errors
    /// When it does not end by being full.
    pub fn fill(&self) -> io::Result<()> {
        let mut file = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.folder.join(FILLER))?;
        for piece in [1 << 20, 4 << 10, 1] {
            let bytes = vec![0; piece];
            loop {
                match file.write_all(&bytes) {
                    Ok(()) => {}
                    Err(error) if error.kind() == io::ErrorKind::StorageFull => break,
                    Err(error) => return Err(error),
                }
            }
        }
        Ok(())
    }

    /// Gives the room back.
    ///
    /// # Errors
    /// When it was not full.
    pub fn free(&self) -> io::Result<()> {
        std::fs::remove_file(self.folder.join(FILLER))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily: whoever still has a file open there is about to end.
        let unmounted = Command::new("umount").arg("-l").arg(&self.folder).status();
        if !unmounted.is_ok_and(|status| status.success()) {
            eprintln!("{} is still mounted", self.folder.display());
        }
    }
}
