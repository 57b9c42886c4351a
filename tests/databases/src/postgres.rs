//! PostgreSQL.

use std::io;
use std::path::{Path, PathBuf};

use crate::{PASSWORD, USER, programs};

pub(crate) fn initialize(folder: &Path) -> io::Result<()> {
    let password = folder.join("password");
    std::fs::write(&password, PASSWORD)?;
    programs::give_away(&password)?;
    let arguments = [
        "--pgdata",
        &data(folder),
        "--username",
        USER,
        "--pwfile",
        &password.display().to_string(),
        "--auth=scram-sha-256",
        "--encoding=UTF8",
        "--locale=C",
        "--no-sync",
    ];
    let arguments = arguments.map(str::to_owned).to_vec();
    programs::run(&programs::find("initdb", &places())?, arguments)?;
    let line = [
        "--single".to_owned(),
        "-D".to_owned(),
        data(folder),
        "postgres".to_owned(),
    ];
    create_database(line.to_vec())
}

/// The single-user mode takes statements from standard input, without a client program.
fn create_database(arguments: Vec<String>) -> io::Result<()> {
    use std::io::Write;
    use std::process::{Command, Stdio};
    let line = programs::unprivileged(&programs::find("postgres", &places())?, arguments)?;
    let mut single = Command::new(&line[0])
        .args(&line[1..])
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()?;
    if let Some(mut input) = single.stdin.take() {
        writeln!(input, "create database {}", crate::DATABASE)?;
    }
    let output = single.wait_with_output()?;
    if output.status.success() {
        return Ok(());
    }
    Err(io::Error::other(
        String::from_utf8_lossy(&output.stderr).into_owned(),
    ))
}

pub(crate) fn command(folder: &Path, port: u16, is_durable: bool) -> io::Result<Vec<String>> {
    let mut settings = vec![
        format!("port={port}"),
        "listen_addresses=127.0.0.1".to_owned(),
        format!("unix_socket_directories={}", folder.display()),
        "max_connections=400".to_owned(),
        "shared_buffers=128MB".to_owned(),
    ];
    if !is_durable {
        settings.extend(
            [
                "fsync=off",
                "synchronous_commit=off",
                "full_page_writes=off",
            ]
            .map(str::to_owned),
        );
    }
    let mut arguments = vec!["-D".to_owned(), data(folder)];
    for setting in settings {
        arguments.extend(["-c".to_owned(), setting]);
    }
    programs::unprivileged(&programs::find("postgres", &places())?, arguments)
}

pub(crate) fn is_ready(_port: u16, log: &str) -> bool {
    log.contains("database system is ready to accept connections")
}

fn data(folder: &Path) -> String {
    folder.join("data").display().to_string()
}

/// Debian keeps the programs of each version apart; the newest comes first.
fn places() -> Vec<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten();
    let number = |path: &PathBuf| -> u32 {
        let name = path.file_name().and_then(|name| name.to_str());
        name.and_then(|name| name.parse().ok()).unwrap_or(0)
    };
    let mut versions: Vec<PathBuf> = versions.flatten().map(|entry| entry.path()).collect();
    versions.sort_by_key(|path| std::cmp::Reverse(number(path)));
    versions.iter().map(|version| version.join("bin")).collect()
}
