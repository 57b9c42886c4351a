//! The `powerjob` command: server, agent, stand-alone mode and the operator's tools.

mod cli;
mod command;
mod config;
mod connect;
mod failure;
mod home;
mod output;
mod serve;
mod text;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    let cli = cli::Cli::parse();
    let output = output::Output::new(cli.command.wants_json());
    match command::run(cli, &output) {
        Ok(outcome) => outcome.into(),
        Err(failure) => {
            output.failure(&failure);
            failure.exit_code()
        }
    }
}
