//! `powerjob standalone`: server, agent and embedded database in one process.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use powerjob_client::{Client, Error};
use powerjob_common::secret::Secret;
use powerjob_worker::WorkerHandle;
use powerjob_worker::agent;

use super::agent::agent_config;
use super::server::{ServerThread, asked_to_end};
use super::{chain, demo, keep, telemetry};
use crate::command::config::ConfigArgs;
use crate::config::Config;
use crate::failure::{Failure, Outcome};
use crate::output::Output;

/// Application of the agent when neither `--demo` nor `agent.app` names one.
const DEFAULT_APP: &str = "default";
/// How long runs may go on when the process is asked to end; the whole end takes 2 s at most.
const AGENT_PATIENCE: Duration = Duration::from_millis(700);

#[derive(Debug, Args)]
#[command(after_help = "\
Everything lives in one folder; delete it to start anew. Ctrl-C ends it; the next start goes on.
Examples:
  powerjob standalone --demo                 with jobs that really run
  powerjob standalone --data-dir ~/jobs      somewhere else
  POWERJOB_SERVER__ADMIN_PASSWORD=... powerjob standalone")]
pub(crate) struct StandaloneArgs {
    #[command(flatten)]
    config: ConfigArgs,
    /// Make the application `demo` with jobs that really run; what is there already stays.
    #[arg(long)]
    demo: bool,
    /// Folder of everything (server.data_dir).
    #[arg(long, value_name = "FOLDER")]
    data_dir: Option<String>,
    /// Where console and commands connect (server.http_bind).
    #[arg(long, value_name = "ADDRESS:PORT")]
    http_bind: Option<String>,
    /// Where further workers connect (server.worker_bind).
    #[arg(long, value_name = "ADDRESS:PORT")]
    worker_bind: Option<String>,
}

pub(crate) fn run(args: StandaloneArgs, output: &Output) -> Result<Outcome, Failure> {
    let config = args.config.get(&[
        ("server.data_dir", args.data_dir),
        ("server.http_bind", args.http_bind),
        ("server.worker_bind", args.worker_bind),
    ])?;
    telemetry::install(&config.log)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(Failure::io("cannot start"))?;
    runtime.block_on(Standalone::new(config, args.demo).live(output))
}
