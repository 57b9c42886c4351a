//! `powerjob migrate`: what of the Java product carries over, and making its database ready.

mod check;

use std::io::{BufRead, IsTerminal, Write};
use std::sync::Arc;

use clap::{Args, Subcommand};
use powerjob_common::secret::Secret;
use powerjob_common::time::SystemClock;
use powerjob_server::store::{Store, StoreConfig};

use super::chain;
use crate::command::config::ConfigArgs;
use crate::failure::{Failure, Outcome};
use crate::output::Output;

#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "\
Only needed when `powerjob server` says so: it starts on most databases of PowerJob 5.1 as they are.
`powerjob migrate check` says what carries over, and changes nothing.
Stop every server of the database first, and make a backup.
The URL comes from the configuration (server.database_url) or is asked for, so that its password is in
no list of processes.
Examples:
  powerjob migrate check http://powerjob.example:7700
  powerjob migrate
  POWERJOB_SERVER__DATABASE_URL=postgres://... powerjob migrate --yes"
)]
pub(crate) struct MigrateArgs {
    #[command(subcommand)]
    command: Option<MigrateCommand>,
    #[command(flatten)]
    config: ConfigArgs,
    /// Do not ask whether there is a backup.
    #[arg(long)]
    yes: bool,
}

#[derive(Debug, Subcommand)]
enum MigrateCommand {
    /// Say what of a database or a running server of the Java product carries over; changes nothing.
    Check(check::CheckArgs),
}

impl MigrateArgs {
    /// Whether the results are for a program.
    pub(crate) fn wants_json(&self) -> bool {
        let Some(MigrateCommand::Check(args)) = &self.command else {
            return false;
        };
        args.json
    }
}

pub(crate) fn run(args: MigrateArgs, output: &Output) -> Result<Outcome, Failure> {
    if let Some(MigrateCommand::Check(check)) = args.command {
        return check::run(check, output);
    }
    let url = database_url(&args.config)?;
    if !args.yes {
        let answer = ask("Are all its servers stopped, and is there a backup? (yes/no): ")?;
        if answer != "yes" {
            return Err(Failure::usage("nothing was changed"));
        }
    }
    let store = StoreConfig::new(url.expose().clone());
    let changed = super::block_on(async {
        let clock = Arc::new(SystemClock);
        Store::migrate_legacy(&store, clock)
            .await
            .map_err(|error| Failure::local(chain(&error)))
    })?;
    if changed.is_empty() {
        output.note(format_args!("there is nothing to change"));
        return Ok(Outcome::Done);
    }
    for column in &changed {
        output.line(column)?;
    }
    output.note(format_args!(
        "{} columns hold texts now; `vacuumlo` frees the large objects that nobody uses any more",
        changed.len()
    ));
    Ok(Outcome::Done)
}

/// From the configuration, else from whoever is asked.
fn database_url(config: &ConfigArgs) -> Result<Secret<String>, Failure> {
    match config.get(&[])?.server.database_url {
        Some(url) => Ok(url),
        None => Ok(Secret::new(ask(
            "URL of the database (postgres://user:password@host/name): ",
        )?)),
    }
}

fn ask(question: &str) -> Result<String, Failure> {
    let mut stdin = std::io::stdin().lock();
    if stdin.is_terminal() {
        let mut stderr = std::io::stderr();
        write!(stderr, "{question}")
            .and_then(|()| stderr.flush())
            .map_err(Failure::io("cannot ask"))?;
    }
    let mut line = String::new();
    stdin
        .read_line(&mut line)
        .map_err(Failure::io("cannot read the answer"))?;
    let line = line.trim();
    if line.is_empty() {
        return Err(Failure::usage(format!("no answer to: {}", question.trim())));
    }
    Ok(line.to_owned())
}
