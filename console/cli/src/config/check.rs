//! From given values to a configuration that makes sense as a whole.

use std::path::Path;
use std::time::Duration;

use powerjob_common::secret::Secret;
use powerjob_server::domain::address_rules::Network;
use powerjob_server::domain::cleanup::RetentionPolicy;
use powerjob_server::traces::TraceConfig;

use super::mistake::Origin;
use super::raw::RawConfig;
use super::{AgentSettings, Config, LogSettings, ServerSettings};

/// Builds the configuration and notes what does not fit together. `None` only after a mistake.
pub(super) fn config(raw: &mut RawConfig) -> Option<Config> {
    let server = server(raw);
    let agent = agent(raw);
    let log = log(raw);
    Some(Config {
        server: server?,
        agent: agent?,
        log: log?,
    })
}

fn server(raw: &mut RawConfig) -> Option<ServerSettings> {
    let admin_password = secret(raw, "server.admin_password", "server.admin_password_file");
    let metrics_token = secret(raw, "server.metrics_token", "server.metrics_token_file");
    check_zone(raw);
    check_name(raw, "server.node");
    check_lease(raw);
    check_ports(raw);
    Some(ServerSettings {
        data_dir: raw.path("server.data_dir")?,
        database_url: raw.secret("server.database_url"),
        http_bind: raw.address("server.http_bind")?,
        worker_bind: raw.address("server.worker_bind")?,
        worker_address: raw.text("server.worker_address"),
        http_worker_bind: raw.address("server.http_worker_bind"),
        http_worker_address: raw.text("server.http_worker_address"),
        worker_networks: networks(raw),
        http_address: raw.text("server.http_address"),
        behind_https: raw.flag("server.behind_https")?,
        openapi_auth: raw.flag("server.openapi_auth")?,
        registration: raw.flag("server.registration")?,
        node: raw.text("server.node"),
        zone: raw.text("server.zone"),
        admin_password,
        shards: count(raw, "server.shards"),
        runtime_threads: count(raw, "server.runtime_threads"),
        lease_ttl: raw.span("server.lease_ttl")?,
        lease_renewal: raw.span("server.lease_renewal")?,
        worker_lost_after: raw.span("server.worker_lost_after")?,
        look_ahead: raw.span("server.look_ahead")?,
        worker_return_grace: raw.span("server.worker_return_grace")?,
        allow_unproven_workers: raw.flag("server.allow_unproven_workers")?,
        retention: RetentionPolicy {
            instances: age(raw, "server.retention_instances"),
            job_history: age(raw, "server.retention_job_history"),
            logs: age(raw, "server.retention_logs"),
            log_bytes_per_app: raw
                .count("server.retention_logs_mib")
                .filter(|mib| *mib > 0)
                .map(|mib| mib << 20),
        },
        clean_every: raw.span("server.clean_every")?,
        metrics_token,
        traces: raw
            .text("server.otlp_endpoint")
            .map(|endpoint| TraceConfig {
                endpoint,
                headers: raw.secret("server.otlp_headers"),
            }),
        shown: Vec::new(),
    })
}

fn networks(raw: &mut RawConfig) -> Vec<Network> {
    let path = "server.worker_networks";
    let mut networks = Vec::new();
    for text in raw.list(path) {
        match text.parse() {
            Ok(network) => networks.push(network),
            Err(mistake) => raw.wrong(raw.origin(path), path, mistake),
        }
    }
    networks
}

/// 0 means for ever.
fn age(raw: &RawConfig, path: &str) -> Option<Duration> {
    raw.span(path).filter(|age| !age.is_zero())
}

fn count(raw: &RawConfig, path: &str) -> Option<usize> {
    usize::try_from(raw.count(path)?).ok()
}

fn agent(raw: &mut RawConfig) -> Option<AgentSettings> {
    let secret = secret(raw, "agent.secret", "agent.secret_file");
    check_name(raw, "agent.name");
    let servers = raw.list("agent.servers");
    check_servers(raw, &servers);
    Some(AgentSettings {
        servers,
        app: raw.text("agent.app"),
        secret,
        name: raw.text("agent.name"),
        tags: raw.list("agent.tags"),
        work_dir: raw.path("agent.work_dir")?,
        listen: raw.text("agent.listen"),
        advertise: raw.text("agent.advertise"),
        capacity: count(raw, "agent.capacity")?,
        queue: count(raw, "agent.queue")?,
        script_places: Some(count(raw, "agent.script_places")?).filter(|count| *count > 0),
        script_environment: raw.list("agent.script_environment"),
        task_memory: count(raw, "agent.task_memory_mib")? << 20,
        cancel_grace: raw.span("agent.cancel_grace")?,
        shutdown_grace: raw.span("agent.shutdown_grace")?,
        spool: raw.flag("agent.spool")?,
    })
}

fn log(raw: &mut RawConfig) -> Option<LogSettings> {
    let level = raw.text("log.level")?;
    if let Err(error) = level.parse::<tracing_subscriber::filter::EnvFilter>() {
        let origin = raw.origin("log.level");
        raw.wrong(origin, "log.level", format!("`{level}`: {error}"));
    }
    Some(LogSettings {
        level,
        is_json: raw.text("log.format")? == "json",
    })
}

/// A secret from its field or from the first line of a file, not from both.
fn secret(raw: &mut RawConfig, inline: &str, file: &str) -> Option<Secret<String>> {
    let given = raw.secret(inline);
    let Some(path) = raw.path(file) else {
        return given;
    };
    let origin = raw.origin(file);
    if given.is_some() {
        raw.wrong(
            origin,
            file,
            format!("{inline} is set as well: which one counts?"),
        );
        return None;
    }
    match first_line(&path) {
        Ok(secret) => Some(secret),
        Err(reason) => {
            raw.wrong(origin, file, reason);
            None
        }
    }
}

fn first_line(path: &Path) -> Result<Secret<String>, String> {
    let shown = path.display();
    let text = std::fs::read_to_string(path).map_err(|error| format!("{shown}: {error}"))?;
    match text.lines().next() {
        Some(line) if !line.trim().is_empty() => Ok(Secret::new(line.to_owned())),
        _ => Err(format!("the first line of {shown} is empty")),
    }
}

fn check_zone(raw: &mut RawConfig) {
    if let Some(zone) = raw.text("server.zone")
        && zone.parse::<chrono_tz::Tz>().is_err()
    {
        let origin = raw.origin("server.zone");
        let reason = format!("`{zone}` is no time zone: write e.g. Europe/Berlin or UTC");
        raw.wrong(origin, "server.zone", reason);
    }
}

/// Names of nodes appear in tables, paths and messages.
fn check_name(raw: &mut RawConfig, path: &str) {
    if let Some(name) = raw.text(path)
        && (name.len() > 64
            || !name
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b)))
    {
        let origin = raw.origin(path);
        raw.wrong(
            origin,
            path,
            "takes 1 to 64 characters of A-Z a-z 0-9 . _ -",
        );
    }
}

fn check_lease(raw: &mut RawConfig) {
    let spans = (
        raw.span("server.lease_ttl"),
        raw.span("server.lease_renewal"),
    );
    if let (Some(ttl), Some(renewal)) = spans
        && ttl < renewal * 3
    {
        let set = match raw.origin("server.lease_ttl") {
            Origin::Default => "server.lease_renewal",
            _ => "server.lease_ttl",
        };
        let origin = raw.origin(set);
        let reason = "lease_ttl must be at least three times lease_renewal, so that two lost renewals do no harm";
        raw.wrong(origin, set, reason);
    }
}

fn check_ports(raw: &mut RawConfig) {
    let addresses = (
        raw.address("server.http_bind"),
        raw.address("server.worker_bind"),
    );
    if let (Some(http), Some(workers)) = addresses
        && http.port() == workers.port()
        && http.port() != 0
    {
        let origin = raw.origin("server.worker_bind");
        let reason = format!("port {} is that of server.http_bind", http.port());
        raw.wrong(origin, "server.worker_bind", reason);
    }
}

fn check_servers(raw: &mut RawConfig, servers: &[String]) {
    let origin = raw.origin("agent.servers");
    if servers.is_empty() {
        raw.wrong(origin, "agent.servers", "names no server");
        return;
    }
    for server in servers {
        let port = server.rsplit_once(':').map(|(_, port)| port.parse::<u16>());
        if !matches!(port, Some(Ok(1..))) || server.contains("://") {
            let reason = format!("`{server}` is no host:port: write e.g. 10.0.0.1:10010");
            raw.wrong(origin.clone(), "agent.servers", reason);
        }
    }
}
