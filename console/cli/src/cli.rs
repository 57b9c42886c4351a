//! The words of the command line.

use clap::{Parser, Subcommand};

use crate::command::{
    actors::ActorsArgs, app::AppArgs, config::ConfigCommandArgs, instance::InstanceArgs,
    job::JobArgs, login::LoginArgs, login::LogoutArgs, tap::TapArgs, worker::WorkerArgs,
};
use crate::serve::{
    admin::AdminArgs, agent::AgentArgs, migrate::MigrateArgs, server::ServerArgs,
    standalone::StandaloneArgs,
};

/// Distributed job scheduler: run servers and agents, define and run jobs, look inside.
#[derive(Debug, Parser)]
#[command(
    name = "powerjob",
    version,
    propagate_version = true,
    arg_required_else_help = true,
    after_help = "\
The first five minutes:
  powerjob standalone --demo            server, agent and database in one process, with demo jobs
  powerjob login                        the password is shown by the first start
  powerjob job list --app demo          what there is
  powerjob job run greet --app demo --wait --follow
  powerjob tap                          watch the messages between the actors

Exit codes: 0 succeeded, 1 failed, 2 wrong usage, 3 stopped or canceled, 4 wait timed out.
Environment: POWERJOB_URL, POWERJOB_TOKEN, POWERJOB_APP, POWERJOB_HOME (folder of the sign-in)."
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run a server, or look at a running one: it decides when and where jobs run.
    Server(ServerArgs),
    /// Run an agent: a ready-made worker for scripts, HTTP calls and trials.
    Agent(AgentArgs),
    /// Run server, agent and embedded database in one process.
    Standalone(StandaloneArgs),
    /// Repair a server's database on its machine, e.g. a lost password.
    Admin(AdminArgs),
    /// Check what of the Java product carries over; make its database ready where that is needed.
    Migrate(MigrateArgs),
    /// Sign in and remember it.
    Login(LoginArgs),
    /// End the session and forget it.
    Logout(LogoutArgs),
    /// Applications: what jobs and workers belong to.
    App(AppArgs),
    /// Jobs: what runs, and when.
    Job(Box<JobArgs>),
    /// Instances: the runs of jobs.
    Instance(InstanceArgs),
    /// Workers: where jobs run.
    Worker(WorkerArgs),
    /// Watch messages between actors and nodes as they pass (administrators).
    Tap(TapArgs),
    /// Show the actors of all nodes: queues, rates, times, restarts (administrators).
    Actors(ActorsArgs),
    /// The configuration of servers and agents.
    Config(ConfigCommandArgs),
    /// Print the OpenAPI document of the HTTP API.
    Openapi,
}

impl Command {
    /// Whether the results are for a program.
    pub(crate) fn wants_json(&self) -> bool {
        match self {
            Self::Server(args) => args
                .command
                .as_ref()
                .is_some_and(|command| command.wants_json()),
            Self::Agent(_) | Self::Standalone(_) | Self::Admin(_) | Self::Openapi => false,
            Self::Migrate(args) => args.wants_json(),
            Self::Login(args) => args.access.json,
            Self::Logout(args) => args.access.json,
            Self::App(args) => args.access.json,
            Self::Job(args) => args.access.json,
            Self::Instance(args) => args.access.json,
            Self::Worker(args) => args.access.json,
            Self::Tap(args) => args.access.json,
            Self::Actors(args) => args.access.json,
            Self::Config(args) => args.json,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_command_and_argument_is_explained() {
        let mut unexplained = Vec::new();
        collect_unexplained(&Cli::command(), "", &mut unexplained);
        assert!(unexplained.is_empty(), "{unexplained:?}");
    }

    fn collect_unexplained(command: &clap::Command, path: &str, found: &mut Vec<String>) {
        let path = format!("{path} {}", command.get_name());
        if command.get_about().is_none() {
            found.push(path.clone());
        }
        let arguments = command.get_arguments();
        let silent = arguments.filter(|argument| argument.get_help().is_none());
        found.extend(silent.map(|argument| format!("{path} --{}", argument.get_id())));
        for inner in command.get_subcommands() {
            collect_unexplained(inner, &path, found);
        }
    }
}
