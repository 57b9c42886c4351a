//! `powerjob agent`: a ready-made worker for scripts, HTTP calls and trials.

use clap::Args;
use powerjob_common::secret::Secret;
use powerjob_worker::agent::{self, AgentConfig};

use super::telemetry;
use crate::command::config::ConfigArgs;
use crate::config::AgentSettings;
use crate::failure::{Failure, Outcome};

#[derive(Debug, Args)]
#[command(after_help = "\
The secret comes from POWERJOB_SECRET, agent.secret or agent.secret_file: never from an argument,
which others can see.
Examples:
  POWERJOB_SECRET=... powerjob agent --server 10.0.0.1:10010,10.0.0.2:10010 --app shop
  powerjob agent --config agent.toml --tags gpu,linux")]
pub(crate) struct AgentArgs {
    #[command(flatten)]
    config: ConfigArgs,
    /// Worker ports of the servers, separated by commas (agent.servers).
    #[arg(long, value_name = "HOST:PORT", env = "POWERJOB_SERVER")]
    server: Option<String>,
    /// Application whose jobs it runs (agent.app).
    #[arg(long, value_name = "NAME", env = "POWERJOB_APP")]
    app: Option<String>,
    /// Name as people see it (agent.name).
    #[arg(long)]
    name: Option<String>,
    /// Tags that jobs can ask for, separated by commas (agent.tags).
    #[arg(long, value_name = "LIST")]
    tags: Option<String>,
    /// Folder for scripts and unconfirmed results (agent.work_dir).
    #[arg(long, value_name = "FOLDER")]
    work_dir: Option<String>,
    /// Runs at the same time (agent.capacity).
    #[arg(long, value_name = "COUNT")]
    capacity: Option<String>,
}

pub(crate) fn run(args: AgentArgs) -> Result<Outcome, Failure> {
    let mut config = args.config.get(&[
        ("agent.servers", args.server),
        ("agent.app", args.app),
        ("agent.name", args.name),
        ("agent.tags", args.tags),
        ("agent.work_dir", args.work_dir),
        ("agent.capacity", args.capacity),
    ])?;
    if let Some(secret) = secret_of_environment() {
        config.agent.secret = Some(secret);
    }
    let app = config.agent.app.clone().ok_or_else(|| {
        Failure::usage("which application? name it with --app, POWERJOB_APP or agent.app")
    })?;
    telemetry::install(&config.log)?;
    let agent = agent_config(config.agent, app);
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(Failure::io("cannot start"))?
        .block_on(agent::run(agent))
        .map_err(|error| Failure::local(super::chain(&error)))?;
    Ok(Outcome::Done)
}

/// What the worker's library takes.
pub(super) fn agent_config(settings: AgentSettings, app: String) -> AgentConfig {
    AgentConfig {
        app,
        servers: settings.servers,
        secret: settings.secret,
        name: settings.name,
        tags: settings.tags,
        concurrency: Some(settings.capacity),
        queue: Some(settings.queue),
        work_dir: settings.work_dir,
        listen: settings.listen.filter(|address| address != "off"),
        advertise: settings.advertise,
        spool: settings.spool,
        script_places: settings.script_places,
        script_environment: settings.script_environment,
        task_memory: Some(settings.task_memory),
        cancel_grace_ms: millis(settings.cancel_grace),
        shutdown_ms: millis(settings.shutdown_grace),
        ..AgentConfig::default()
    }
}

fn secret_of_environment() -> Option<Secret<String>> {
    let secret = std::env::var("POWERJOB_SECRET").ok();
    secret.filter(|secret| !secret.is_empty()).map(Secret::new)
}

fn millis(span: std::time::Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}
