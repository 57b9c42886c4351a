//! One file per command.

pub(crate) mod actors;
pub(crate) mod app;
pub(crate) mod config;
pub(crate) mod instance;
mod instance_view;
pub(crate) mod job;
mod job_edit;
mod job_flags;
mod job_view;
pub(crate) mod log;
pub(crate) mod login;
mod run;
pub(crate) mod tap;
pub(crate) mod worker;

use crate::cli::{Cli, Command};
use crate::failure::{Failure, Outcome};
use crate::output::Output;

/// Runs what the command line says.
pub(crate) fn run(cli: Cli, output: &Output) -> Result<Outcome, Failure> {
    operate(operator_command(cli.command, output))
}

async fn operator_command(command: Command, output: &Output) -> Result<Outcome, Failure> {
    match command {
        Command::Login(args) => login::login(args, output).await,
        Command::Logout(args) => login::logout(args, output).await,
        Command::App(args) => app::run(args, output).await,
        Command::Job(args) => job::run(*args, output).await,
        Command::Instance(args) => instance::run(args, output).await,
        Command::Worker(args) => worker::run(args, output).await,
        Command::Tap(args) => tap::run(args, output).await,
        Command::Actors(args) => actors::run(args, output).await,
        Command::Config(args) => config::run(&args, output),
    }
}

/// Runs a command that talks to a server; one thread is plenty for it.
fn operate(command: impl Future<Output = Result<Outcome, Failure>>) -> Result<Outcome, Failure> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(Failure::io("cannot start"))?
        .block_on(command)
}
