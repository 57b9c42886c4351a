//! What can be set, as plain values. Where they come from (files, environment, arguments) is the
//! business of whoever starts the server.

use std::path::PathBuf;
use std::time::Duration;

use powerjob_common::secret::Secret;

use crate::domain::address_rules::Network;
use crate::domain::cleanup::RetentionPolicy;
use crate::traces::TraceConfig;

/// Settings of a server.
#[derive(Debug, Clone)]
pub struct ServerConfig {
    /// Folder of the embedded database and of the logs of runs; made if it is missing. One server at
    /// a time uses it. Default `data`.
    pub data_dir: PathBuf,
    /// Database, e.g. `sqlite:<path>`; `None`: SQLite in `data_dir`.
    pub database_url: Option<Secret<String>>,
    /// `address:port` for console, command line and programs; port 0 takes a free one, `None`: no
    /// HTTP at all. Default `127.0.0.1:7700`.
    pub http_bind: Option<String>,
    /// `address:port` for workers; port 0 takes a free one. Default `127.0.0.1:10010`.
    pub worker_bind: String,
    /// `address:port` for workers of the reference, which speak HTTP; `None`: the host of `worker_bind`
    /// with the next port, or a free one where that is taken. Without `http_bind` there is none.
    pub http_worker_bind: Option<String>,
    /// `host:port` at which workers of the reference find this server; `None`: as for `worker_address`.
    pub http_worker_address: Option<String>,
    /// Networks from which workers of the reference are let in; this machine always is. Default: none.
    pub worker_networks: Vec<Network>,
    /// `host:port` at which workers find this server; `None`: that of `worker_bind`, or where that
    /// means every address, the one towards the database.
    pub worker_address: Option<String>,
    /// `host:port` at which the other servers over the same database find this one; `None`: that of
    /// `http_bind`, or where that means every address, the one towards the database.
    pub http_address: Option<String>,
    /// Whether a proxy in front speaks HTTPS; the session cookie is then sent over HTTPS only.
    /// Default `false`.
    pub behind_https: bool,
    /// Whether programs that use the reference's OpenAPI have to prove which application they are of,
    /// by its name and password. Default `true`; without it everybody who reaches the port may run
    /// code on the workers.
    pub openapi_auth: bool,
    /// Whether everybody who reaches the port may make an account for themselves through the
    /// reference's interface. Default `false`.
    pub registration: bool,
    /// Name of this server, unique among the servers of a database, 1 to 128 characters.
    pub node: String,
    /// IANA name of the zone of schedules that name none; `None`: UTC.
    pub zone: Option<String>,
    /// Password of the first administrator, used only when the database has no account yet; `None`:
    /// one is made and handed out once.
    pub admin_password: Option<Secret<String>>,
    /// Actors that share the work on instances, 1 to 64; `None`: one for every four processors.
    pub shards: Option<usize>,
    /// Threads of the runtime under the actors, 1 to 64; `None`: one for each processor, at most 4.
    pub runtime_threads: Option<usize>,
    /// How long a silent server keeps its applications, 500 ms to 1 min. Short: quick take-over, but
    /// a slow database looks like a dead server. At least three times `lease_renewal`. Default 1.5 s.
    pub lease_ttl: Duration,
    /// How often the lease is renewed, 50 ms to 20 s. Default 300 ms.
    pub lease_renewal: Duration,
    /// Silence after which a worker counts as lost, 500 ms to 10 min. Default 1.5 s.
    pub worker_lost_after: Duration,
    /// How long workers may take to come back after the server's own start before their runs are
    /// given up, 1 s to 1 h. Default 10 s.
    pub worker_return_grace: Duration,
    /// How far ahead of their time runs are stored, 100 ms to 1 min. Short: more transactions; long:
    /// an edited schedule takes back more. Default 1 s.
    pub look_ahead: Duration,
    /// Whether workers may come in without proving a secret, and those of the reference from all
    /// networks. Default `false`.
    pub allow_unproven_workers: bool,
    /// How long things are kept. Default: instances and logs 30 days, logs of an application at most
    /// 10 GiB, former definitions of jobs a year.
    pub retention: RetentionPolicy,
    /// How often what is too old is deleted, 1 s to 1 d. Default 10 min.
    pub clean_every: Duration,
    /// Programs that send it as a bearer token may read `/metrics`; `None`: administrators only.
    pub metrics_token: Option<Secret<String>>,
    /// Where traces of runs go; `None`: there are none.
    pub traces: Option<TraceConfig>,
    /// What to show people of the configuration. Default: nothing.
    pub settings: Vec<Setting>,
}

/// A setting as people may see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// `section.field`.
    pub name: String,
    /// As one would write it, `***` for secrets; `None`: not set.
    pub value: Option<String>,
    /// Where it comes from, in words.
    pub origin: String,
}

impl ServerConfig {
    /// The defaults for a server of this name.
    pub fn new(node: impl Into<String>, data_dir: impl Into<PathBuf>) -> Self {
        Self {
            data_dir: data_dir.into(),
            database_url: None,
            http_bind: Some("127.0.0.1:7700".to_owned()),
            worker_bind: "127.0.0.1:10010".to_owned(),
            http_worker_bind: None,
            http_worker_address: None,
            worker_networks: Vec::new(),
            worker_address: None,
            http_address: None,
            behind_https: false,
            openapi_auth: true,
            registration: false,
            node: node.into(),
            zone: None,
            admin_password: None,
            shards: None,
            runtime_threads: None,
            lease_ttl: Duration::from_millis(1_500),
            lease_renewal: Duration::from_millis(300),
            worker_lost_after: Duration::from_millis(1_500),
            worker_return_grace: Duration::from_secs(10),
            look_ahead: Duration::from_secs(1),
            allow_unproven_workers: false,
            retention: RetentionPolicy::default(),
            clean_every: Duration::from_secs(600),
            metrics_token: None,
            traces: None,
            settings: Vec::new(),
        }
    }

    /// The zone of schedules that name none.
    pub(crate) fn parsed_zone(&self) -> Result<chrono_tz::Tz, Mistake> {
        match &self.zone {
            None => Ok(chrono_tz::UTC),
            Some(name) => name.parse().map_err(|_| {
                Mistake::new("zone", format!("found `{name}`; it must be an IANA name"))
            }),
        }
    }

    /// Checks all ranges.
    ///
    /// # Errors
    /// All mistakes at once.
    pub fn check(&self) -> Result<(), Vec<Mistake>> {
        let mut mistakes = Vec::new();
        mistakes.extend(self.parsed_zone().err());
        if self.node.is_empty() || self.node.chars().count() > 128 {
            mistakes.push(Mistake::new("node", "it must have 1 to 128 characters"));
        }
        for (field, value) in [
            ("shards", self.shards),
            ("runtime_threads", self.runtime_threads),
        ] {
            if value.is_some_and(|value| !(1..=64).contains(&value)) {
                mistakes.push(Mistake::new(field, "it must be 1 to 64"));
            }
        }
        for (field, value, least_ms, most_ms) in [
            ("lease_ttl", self.lease_ttl, 500, 60_000),
            ("lease_renewal", self.lease_renewal, 50, 20_000),
            ("worker_lost_after", self.worker_lost_after, 500, 600_000),
            (
                "worker_return_grace",
                self.worker_return_grace,
                1_000,
                3_600_000,
            ),
            ("look_ahead", self.look_ahead, 100, 60_000),
            ("clean_every", self.clean_every, 1_000, 86_400_000),
        ] {
            if !(least_ms..=most_ms).contains(&value.as_millis()) {
                let reason = format!("found {value:?}; it must be {least_ms} to {most_ms} ms");
                mistakes.push(Mistake::new(field, reason));
            }
        }
        if self.lease_ttl < self.lease_renewal * 3 {
            mistakes.push(Mistake::new(
                "lease_ttl",
                "it must be at least three times lease_renewal",
            ));
        }
        if mistakes.is_empty() {
            Ok(())
        } else {
            Err(mistakes)
        }
    }

    /// How many instance managers there are on a machine with `processors`.
    pub(crate) fn shard_count(&self, processors: usize) -> usize {
        self.shards.unwrap_or(processors / 4).clamp(1, 64)
    }

    /// How many threads the runtime has on a machine with `processors`.
    pub(crate) fn thread_count(&self, processors: usize) -> usize {
        self.runtime_threads
            .unwrap_or_else(|| processors.min(4))
            .clamp(1, 64)
    }
}

/// A setting that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("server.{field}: {reason}")]
pub struct Mistake {
    /// Name of the field.
    pub field: &'static str,
    /// What is wrong.
    pub reason: String,
}

impl Mistake {
    pub(crate) fn new(field: &'static str, reason: impl Into<String>) -> Self {
        Self {
            field,
            reason: reason.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(change: impl FnOnce(&mut ServerConfig)) -> Vec<&'static str> {
        let mut config = ServerConfig::new("a", "data");
        change(&mut config);
        let mistakes = config.check().err().unwrap_or_default();
        mistakes.iter().map(|mistake| mistake.field).collect()
    }

    #[test]
    fn all_mistakes_are_told_at_once() {
        assert_eq!(fields(|_| ()), [] as [&str; 0]);
        let found = fields(|config| {
            config.zone = Some("Mars/Olympus".to_owned());
            config.node.clear();
            config.shards = Some(0);
            config.lease_renewal = Duration::from_secs(1);
        });
        assert_eq!(found, ["zone", "node", "shards", "lease_ttl"]);
    }

    #[test]
    fn one_shard_serves_small_machines() {
        let config = ServerConfig::new("a", "data");
        let counts = [1, 2, 4, 8, 64].map(|processors| config.shard_count(processors));
        assert_eq!(counts, [1, 1, 1, 2, 16]);
    }
}
