//! One file per command.

pub(crate) mod actors;
pub(crate) mod app;
mod beat_view;
pub(crate) mod config;
pub(crate) mod instance;
mod instance_view;
pub(crate) mod job;
mod job_edit;
mod job_flags;
mod job_view;
pub(crate) mod log;
pub(crate) mod login;
mod policy_flags;
mod run;
pub(crate) mod server;
pub(crate) mod tap;
mod task_view;
mod tasks;
pub(crate) mod worker;

use crate::cli::{Cli, Command};
use crate::failure::{Failure, Outcome};
use crate::output::Output;
use crate::serve::{self, admin, agent, migrate, standalone};

/// Runs what the command line says.
pub(crate) fn run(cli: Cli, output: &Output) -> Result<Outcome, Failure> {
    match cli.command {
        Command::Server(mut args) => match args.command.take() {
            Some(command) => operate(server::run(command, output)),
            None => serve::server::run(args, output),
        },
        Command::Agent(args) => agent::run(args),
        Command::Standalone(args) => standalone::run(args, output),
        Command::Admin(args) => admin::run(args, output),
        Command::Migrate(args) => migrate::run(args, output),
        Command::Openapi => openapi(output),
        Command::Config(args) => config::run(&args, output),
        Command::Login(args) => operate(login::login(args, output)),
        Command::Logout(args) => operate(login::logout(args, output)),
        Command::App(args) => operate(app::run(args, output)),
        Command::Job(args) => operate(job::run(*args, output)),
        Command::Instance(args) => operate(instance::run(args, output)),
        Command::Worker(args) => operate(worker::run(args, output)),
        Command::Tap(args) => operate(tap::run(args, output)),
        Command::Actors(args) => operate(actors::run(args, output)),
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

/// The document as this version serves it; needs no server.
fn openapi(output: &Output) -> Result<Outcome, Failure> {
    output.line(powerjob_server::http::openapi_json().trim_end())?;
    Ok(Outcome::Done)
}
