//! What the process itself writes: to standard error, for people or for programs.

use std::io;

use powerjob_worker::RunLogLayer;
use tracing_subscriber::filter::EnvFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, Registry, fmt};

use crate::config::LogSettings;
use crate::failure::Failure;

/// Libraries that tell what only their authors want to know, unless `log.level` names them.
const QUIET: &str = "actix_server=warn,sea_orm_migration=warn,sqlx=warn";

/// Installs the subscriber of this process. What code of a run writes goes into the log of the run
/// as well, whatever the level of the process is.
pub(super) fn install(settings: &LogSettings) -> Result<(), Failure> {
    let filter = EnvFilter::try_new(format!("{QUIET},{}", settings.level))
        .map_err(|error| Failure::usage(format!("log.level: {error}")))?;
    let lines: Box<dyn Layer<Registry> + Send + Sync> = if settings.is_json {
        let layer = fmt::layer().json().flatten_event(true);
        layer.with_writer(io::stderr).with_filter(filter).boxed()
    } else {
        let layer = fmt::layer().with_target(false);
        layer
            .with_ansi(is_terminal())
            .with_writer(io::stderr)
            .with_filter(filter)
            .boxed()
    };
    tracing_subscriber::registry()
        .with(lines)
        .with(RunLogLayer)
        .try_init()
        .map_err(|error| Failure::local(format!("cannot install the log: {error}")))
}

fn is_terminal() -> bool {
    use std::io::IsTerminal;
    io::stderr().is_terminal()
}
