//! MariaDB, which stands for MySQL too.

use std::io;
use std::path::Path;

use crate::{DATABASE, PASSWORD, USER, programs};

pub(crate) fn initialize(folder: &Path) -> io::Result<()> {
    let arguments = vec![
        "--no-defaults".to_owned(),
        format!("--datadir={}", data(folder)),
        // Whoever starts there removes the temporary tables of all others.
        format!("--tmpdir={}", folder.display()),
        "--auth-root-authentication-method=normal".to_owned(),
        "--skip-test-db".to_owned(),
    ];
    programs::run(&programs::find("mariadb-install-db", &[])?, arguments)?;
    let account = format!(
        "create user if not exists '{USER}'@'%' identified by '{PASSWORD}';\n\
         grant all on *.* to '{USER}'@'%' with grant option;\n\
         create database if not exists {DATABASE} character set utf8mb4;\n"
    );
    std::fs::write(folder.join("init.sql"), account)
}

pub(crate) fn command(folder: &Path, port: u16, is_durable: bool) -> io::Result<Vec<String>> {
    let at = |name: &str| folder.join(name).display().to_string();
    let mut arguments = vec![
        "--no-defaults".to_owned(),
        format!("--datadir={}", data(folder)),
        format!("--tmpdir={}", folder.display()),
        format!("--socket={}", at("mariadb.sock")),
        format!("--pid-file={}", at("mariadb.pid")),
        format!("--init-file={}", at("init.sql")),
        format!("--port={port}"),
        "--bind-address=127.0.0.1".to_owned(),
        "--skip-name-resolve".to_owned(),
        "--max-connections=400".to_owned(),
        "--innodb-buffer-pool-size=128M".to_owned(),
    ];
    if !is_durable {
        arguments.push("--innodb-flush-log-at-trx-commit=0".to_owned());
        arguments.push("--innodb-doublewrite=0".to_owned());
    }
    programs::unprivileged(&programs::find("mariadbd", &[])?, arguments)
}

pub(crate) fn is_ready(port: u16, log: &str) -> bool {
    log.contains("ready for connections") && log.contains(&format!("port: {port}"))
}

fn data(folder: &Path) -> String {
    folder.join("data").display().to_string()
}
