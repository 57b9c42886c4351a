//! `powerjob standalone`: server, agent and embedded database in one process.

use std::time::Duration;

use clap::Args;
use powerjob_worker::WorkerHandle;
use powerjob_worker::agent;

use super::agent::agent_config;
use super::server::{RunningServer, server_config};
use super::{asked_to_end, chain, demo, telemetry};
use crate::command::config::ConfigArgs;
use crate::config::{AgentSettings, Config};
use crate::failure::{Failure, Outcome};
use crate::output::Output;

/// Application of the agent when neither `--demo` nor `agent.app` names one.
const DEFAULT_APP: &str = "default";
/// How long runs may go on when the process is asked to end; the whole end takes 2 s at most.
const AGENT_PATIENCE: Duration = Duration::from_millis(500);

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
    /// Where console, commands and programs connect (server.http_bind).
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
    super::block_on(live(config, args.demo, output))?;
    Ok(Outcome::Done)
}

async fn live(config: Config, is_demo: bool, output: &Output) -> Result<(), Failure> {
    let agent_dir = config.server.data_dir.join("agent");
    let mut server = RunningServer::start(server_config(config.server)).await?;
    let begun = async {
        let mut settings = config.agent;
        settings.work_dir = agent_dir;
        start_agent(&server, settings, is_demo, output).await
    };
    let agent = match begun.await {
        Ok(agent) => agent,
        Err(failure) => {
            server.stop().await?;
            return Err(failure);
        }
    };
    server.introduce(output);
    let ended = tokio::select! {
        ended = server.ended() => return ended,
        ended = agent.join() => ended.map_err(|error| Failure::local(chain(&error))),
        asked = asked_to_end() => asked,
    };
    if let Err(error) = agent.shutdown(AGENT_PATIENCE).await {
        output.note(format_args!("the agent did not end well: {error}"));
    }
    server.stop().await.and(ended)
}

async fn start_agent(
    server: &RunningServer,
    mut settings: AgentSettings,
    is_demo: bool,
    output: &Output,
) -> Result<WorkerHandle, Failure> {
    let name = match settings.app.take() {
        Some(name) => name,
        None if is_demo => demo::APP.to_owned(),
        None => DEFAULT_APP.to_owned(),
    };
    let owner = demo::Owner::new(server.ready.handles.clone()).await?;
    let app = owner.app(&name).await?;
    if is_demo {
        let made = owner.jobs(&app, &server.console()).await?;
        if made > 0 {
            output.note(format_args!("made {made} jobs in application {name}"));
        }
    }
    if settings.secret.is_none() {
        settings.secret = Some(owner.secret(&app).await?);
    }
    settings.servers = vec![server.worker_address()];
    let builder = agent::builder(agent_config(settings, name));
    let started = demo::with_processors(builder).start().await;
    started.map_err(|error| Failure::local(chain(&error)))
}
