//! Configuration: defaults < file < environment < arguments, checked as a whole.
//!
//! [`field::FIELDS`] is the one list of what can be set; reading, `powerjob config show` and
//! `docs/configuration.md` all follow it.

mod check;
mod field;
mod file;
mod mistake;
mod raw;
mod reference;
mod value;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use powerjob_common::secret::Secret;
use powerjob_server::config::Setting;
use powerjob_server::domain::address_rules::Network;
use powerjob_server::domain::cleanup::RetentionPolicy;
use powerjob_server::traces::TraceConfig;

pub(crate) use self::mistake::Mistakes;
pub(crate) use self::raw::{Effective, RawConfig, Sources};

/// Everything that was configured, valid.
#[derive(Debug, Clone)]
pub(crate) struct Config {
    pub(crate) server: ServerSettings,
    pub(crate) agent: AgentSettings,
    pub(crate) log: LogSettings,
}

/// Section `[server]`.
#[derive(Debug, Clone)]
pub(crate) struct ServerSettings {
    pub(crate) data_dir: PathBuf,
    pub(crate) database_url: Option<Secret<String>>,
    pub(crate) http_bind: SocketAddr,
    pub(crate) worker_bind: SocketAddr,
    pub(crate) worker_address: Option<String>,
    pub(crate) http_worker_bind: Option<SocketAddr>,
    pub(crate) http_worker_address: Option<String>,
    pub(crate) worker_networks: Vec<Network>,
    pub(crate) http_address: Option<String>,
    pub(crate) behind_https: bool,
    pub(crate) openapi_auth: bool,
    pub(crate) registration: bool,
    pub(crate) node: Option<String>,
    pub(crate) zone: Option<String>,
    pub(crate) admin_password: Option<Secret<String>>,
    pub(crate) shards: Option<usize>,
    pub(crate) runtime_threads: Option<usize>,
    pub(crate) lease_ttl: Duration,
    pub(crate) lease_renewal: Duration,
    pub(crate) worker_lost_after: Duration,
    pub(crate) look_ahead: Duration,
    pub(crate) worker_return_grace: Duration,
    pub(crate) allow_unproven_workers: bool,
    pub(crate) retention: RetentionPolicy,
    pub(crate) clean_every: Duration,
    pub(crate) metrics_token: Option<Secret<String>>,
    pub(crate) traces: Option<TraceConfig>,
    /// All fields of all sections, for people who look at the server.
    pub(crate) shown: Vec<Setting>,
}

/// Section `[agent]`.
#[derive(Debug, Clone)]
pub(crate) struct AgentSettings {
    pub(crate) servers: Vec<String>,
    pub(crate) app: Option<String>,
    pub(crate) secret: Option<Secret<String>>,
    pub(crate) name: Option<String>,
    pub(crate) tags: Vec<String>,
    pub(crate) work_dir: PathBuf,
    pub(crate) listen: Option<String>,
    pub(crate) advertise: Option<String>,
    pub(crate) capacity: usize,
    pub(crate) queue: usize,
    pub(crate) script_places: Option<usize>,
    pub(crate) script_environment: Vec<String>,
    /// Bytes.
    pub(crate) task_memory: usize,
    pub(crate) cancel_grace: Duration,
    pub(crate) shutdown_grace: Duration,
    pub(crate) spool: bool,
}

/// Section `[log]`.
#[derive(Debug, Clone)]
pub(crate) struct LogSettings {
    pub(crate) level: String,
    pub(crate) is_json: bool,
}

/// Reads all sources and checks them.
///
/// # Errors
/// All mistakes of all sources.
pub(crate) fn load(sources: &Sources) -> Result<(Config, RawConfig), Mistakes> {
    let mut raw = RawConfig::read(sources);
    let config = check::config(&mut raw);
    raw.finish(config)
}

pub(crate) use self::reference::page as reference_page;

#[cfg(test)]
mod tests;
