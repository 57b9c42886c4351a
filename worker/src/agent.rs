//! A worker that is a program of its own, with processors for scripts and HTTP calls.

use std::path::PathBuf;
use std::time::Duration;

use powerjob_common::secret::Secret;
use serde::Deserialize;

use crate::builder::{Worker, WorkerBuilder};
use crate::error::{StartError, WorkerError};
use crate::handle::WorkerHandle;
use crate::processor::builtin::{self, ScriptSettings};

/// The options of an agent; what is absent has its default.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AgentConfig {
    /// The application whose jobs the agent runs. Required.
    pub app: String,
    /// Servers as `host:port`. At least one is required.
    pub servers: Vec<String>,
    /// The secret of the application. Without one the server must allow that.
    pub secret: Option<Secret<String>>,
    /// Name as people see it. Default: that of the machine.
    pub name: Option<String>,
    /// Tags by which jobs choose workers. Default: none.
    pub tags: Vec<String>,
    /// Runs at once, at least 1. Default: 1,024.
    pub concurrency: Option<usize>,
    /// Runs that may wait for a place. Default: 4,096; 0 = none waits.
    pub queue: Option<usize>,
    /// Folder of the agent: its identity, the spool of results, the files of scripts. One agent for
    /// each folder. Default: `powerjob-agent` in the current folder.
    pub work_dir: PathBuf,
    /// Where other workers reach the agent, `host:port`; port 0 takes a free one, `None` = nowhere.
    /// Default: `0.0.0.0:0`.
    pub listen: Option<String>,
    /// The address under which other workers find it. Default: the one under which the server sees it.
    pub advertise: Option<String>,
    /// Whether results are kept on disk until the server has them. Default: yes. Without it the end of
    /// the process loses results that the server has not acknowledged, and the agent has a new
    /// identity at each start.
    pub spool: bool,
    /// Scripts that run at once, at least 1; more wait for a place. Default: four for each processor.
    pub script_places: Option<usize>,
    /// Variables of the agent that scripts may see; a name may end in `*`. Scripts of jobs that name
    /// a Java class see all. Those that begin with `POWERJOB_` are never handed on.
    pub script_environment: Vec<String>,
    /// Milliseconds that a cancelled run may go on, 0 to 300,000. Default: 5,000.
    pub cancel_grace_ms: u64,
    /// Characters of a result, at least 64. Default: 8,192.
    pub max_result_chars: usize,
    /// Bytes of sub-tasks and results in memory for each instance that the agent leads; what is more
    /// goes to files in `work_dir`. Default: 128 MiB.
    pub task_memory: Option<usize>,
    /// Milliseconds that runs may go on when the agent is asked to end. Default: 10,000.
    pub shutdown_ms: u64,
}

impl Default for AgentConfig {
    fn default() -> Self {
        Self {
            app: String::new(),
            servers: Vec::new(),
            secret: None,
            name: None,
            tags: Vec::new(),
            concurrency: None,
            queue: None,
            work_dir: PathBuf::from("powerjob-agent"),
            listen: Some("0.0.0.0:0".to_owned()),
            advertise: None,
            spool: true,
            script_places: None,
            script_environment: SCRIPT_ENVIRONMENT.map(str::to_owned).to_vec(),
            cancel_grace_ms: 5_000,
            max_result_chars: 8_192,
            task_memory: None,
            shutdown_ms: 10_000,
        }
    }
}

/// Variables that programs need to work at all, and none that could be a secret.
pub const SCRIPT_ENVIRONMENT: [&str; 10] = [
    "PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LANGUAGE", "LC_*", "TZ", "TMPDIR",
];

/// The longest grace of a cancelled run.
const GRACE_LIMIT_MS: u64 = 300_000;

/// Why an agent ended.
#[derive(Debug, thiserror::Error)]
pub enum AgentError {
    /// It did not start.
    #[error(transparent)]
    Start(#[from] StartError),
    /// It ended by itself.
    #[error(transparent)]
    Worker(#[from] WorkerError),
    /// It cannot hear that it is asked to end.
    #[error("cannot listen for signals")]
    Signals(#[from] std::io::Error),
}

/// Starts an agent inside this process; who calls it ends it.
///
/// # Errors
/// [`StartError`]: mistakes in the options, or a folder in use.
pub async fn start(config: AgentConfig) -> Result<WorkerHandle, StartError> {
    let grace_is_fine = config.cancel_grace_ms <= GRACE_LIMIT_MS;
    if !grace_is_fine {
        let mistake = format!("cancel_grace_ms is at most {GRACE_LIMIT_MS}");
        return Err(StartError::Invalid(vec![mistake]));
    }
    builder(config).start().await
}

/// Runs an agent until it is asked to end by SIGINT or SIGTERM.
///
/// # Errors
/// [`AgentError`].
pub async fn run(config: AgentConfig) -> Result<(), AgentError> {
    let patience = Duration::from_millis(config.shutdown_ms);
    let handle = start(config).await?;
    let asked = tokio::select! {
        ended = handle.join() => return Ok(ended?),
        asked = asked_to_end() => asked,
    };
    asked?;
    tracing::info!("the agent ends as asked");
    Ok(handle.shutdown(patience).await?)
}

async fn asked_to_end() -> std::io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        _ = terminate.recv() => Ok(()),
        interrupted = tokio::signal::ctrl_c() => interrupted,
    }
}

/// A worker with the processors of the agent; options and processors of your own may follow.
pub fn builder(config: AgentConfig) -> WorkerBuilder {
    let mut builder = Worker::builder()
        .app(config.app)
        .tags(config.tags)
        .cancel_grace(Duration::from_millis(config.cancel_grace_ms))
        .max_result_chars(config.max_result_chars)
        .work_dir(&config.work_dir);
    builder.builtin = builtin::registry(ScriptSettings {
        at_once: config.script_places,
        environment: config.script_environment,
    });
    builder.options.servers = config.servers;
    builder.options.secret = config.secret;
    builder.options.name = config.name;
    builder.options.listen = config.listen;
    builder.options.advertise = config.advertise;
    builder.options.concurrency = config.concurrency.unwrap_or(builder.options.concurrency);
    let task_memory = config.task_memory;
    builder.options.task_memory = task_memory.unwrap_or(builder.options.task_memory);
    builder.options.queue = config.queue.unwrap_or(builder.options.queue);
    if config.spool {
        builder.spool(config.work_dir)
    } else {
        builder
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_options_are_refused_and_absent_ones_have_defaults() {
        let config: AgentConfig = serde_json::from_str(r#"{"app":"demo"}"#).expect("readable");
        assert!(config.spool && config.servers.is_empty());
        assert!(serde_json::from_str::<AgentConfig>(r#"{"appp":"demo"}"#).is_err());
    }

    #[test]
    fn secrets_do_not_show() {
        let config = AgentConfig {
            secret: Some(Secret::new("hush".into())),
            ..AgentConfig::default()
        };
        assert!(!format!("{config:?}").contains("hush"));
    }
}
