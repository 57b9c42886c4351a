//! Finding programs, and running them as somebody who is not root.

use std::io;
use std::os::unix::fs::{MetadataExt, chown};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Who runs servers when root may not; it exists on every Linux.
const NOBODY: &str = "nobody";
const NOBODY_ID: u32 = 65_534;

/// The newest of the places that hold a program, then the search path.
pub(crate) fn find(name: &str, places: &[PathBuf]) -> io::Result<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let system = ["/usr/sbin", "/usr/local/sbin"].map(PathBuf::from);
    let everywhere = places
        .iter()
        .cloned()
        .chain(std::env::split_paths(&path))
        .chain(system);
    everywhere
        .map(|folder| folder.join(name))
        .find(|program| program.is_file())
        .ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, format!("there is no {name}")))
}

/// The command line that runs a program as somebody who is not root.
pub(crate) fn unprivileged(program: &Path, arguments: Vec<String>) -> io::Result<Vec<String>> {
    let program = program.display().to_string();
    let mut line = Vec::new();
    if is_root()? {
        let user = [format!("--reuid={NOBODY}"), format!("--regid={NOBODY_ID}")];
        line.push("setpriv".to_owned());
        line.extend(user);
        line.push("--clear-groups".to_owned());
        line.push("--".to_owned());
    }
    line.push(program);
    line.extend(arguments);
    Ok(line)
}

/// Runs a program to its end as somebody who is not root.
pub(crate) fn run(program: &Path, arguments: Vec<String>) -> io::Result<()> {
    let line = unprivileged(program, arguments)?;
    let output = Command::new(&line[0])
        .args(&line[1..])
        .current_dir("/")
        .env("HOME", "/")
        .output()?;
    if output.status.success() {
        return Ok(());
    }
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    Err(io::Error::other(format!("{}: {text}", program.display())))
}

/// Makes a folder belong to whoever [`unprivileged`] runs programs as.
pub(crate) fn give_away(folder: &Path) -> io::Result<()> {
    if is_root()? {
        chown(folder, Some(NOBODY_ID), Some(NOBODY_ID))?;
    }
    Ok(())
}

fn is_root() -> io::Result<bool> {
    Ok(std::fs::metadata("/proc/self")?.uid() == 0)
}
