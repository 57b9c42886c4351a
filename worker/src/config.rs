//! The options of a worker, as given and as checked.

use std::path::PathBuf;
use std::time::Duration;

use powerjob_common::secret::Secret;
use tokio::runtime::Handle;

/// Longest name of an application or a worker.
const NAME_LIMIT: usize = 100;

/// The options as given.
#[derive(Debug, Clone)]
pub(crate) struct Options {
    pub(crate) app: String,
    pub(crate) servers: Vec<String>,
    pub(crate) secret: Option<Secret<String>>,
    pub(crate) name: Option<String>,
    pub(crate) tags: Vec<String>,
    pub(crate) concurrency: usize,
    pub(crate) queue: usize,
    pub(crate) blocking_threads: usize,
    pub(crate) cancel_grace: Duration,
    pub(crate) max_result_chars: usize,
    /// Bytes of contents and results of tasks that are in memory for each instance.
    pub(crate) task_memory: usize,
    pub(crate) spool: Option<PathBuf>,
    pub(crate) work_dir: Option<PathBuf>,
    pub(crate) runtime: Option<Handle>,
    /// Where other workers reach this one; `None` = nowhere.
    pub(crate) listen: Option<String>,
    /// Under which address; `None` = that under which the server sees it.
    pub(crate) advertise: Option<String>,
}

impl Default for Options {
    fn default() -> Self {
        let cpus = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Self {
            app: String::new(),
            servers: Vec::new(),
            secret: None,
            name: None,
            tags: Vec::new(),
            // As many light runs as a worker of the reference takes.
            concurrency: 1_024,
            queue: 4_096,
            blocking_threads: (8 * cpus).max(32),
            cancel_grace: Duration::from_secs(5),
            max_result_chars: 8_192,
            task_memory: 128 << 20,
            spool: None,
            work_dir: None,
            runtime: None,
            listen: Some("0.0.0.0:0".to_owned()),
            advertise: None,
        }
    }
}

impl Options {
    /// Where other workers reach this one. Without a secret nowhere: they could not be told from
    /// anybody else.
    pub(crate) fn peer_address(&self) -> Option<&str> {
        self.listen.as_deref().filter(|_| self.secret.is_some())
    }

    /// All mistakes at once; empty = usable.
    pub(crate) fn mistakes(&self) -> Vec<String> {
        let mut mistakes = Vec::new();
        let mut check = |is_fine: bool, mistake: &str| {
            if !is_fine {
                mistakes.push(mistake.to_owned());
            }
        };
        check(
            !self.app.is_empty(),
            "the name of the application is missing",
        );
        check(
            self.app.len() <= NAME_LIMIT,
            "the name of the application is too long",
        );
        check(
            !self.servers.is_empty(),
            "the address of a server is missing",
        );
        let name = self.name.as_deref().unwrap_or("worker");
        check(
            !name.is_empty() && name.len() <= NAME_LIMIT,
            "the name must have 1 to 100 bytes",
        );
        check(self.concurrency > 0, "the concurrency must be at least 1");
        check(
            self.blocking_threads > 0,
            "at least 1 blocking thread is needed",
        );
        check(
            self.max_result_chars >= 64,
            "results need at least 64 characters",
        );
        let own = self.listen.iter().chain(&self.advertise);
        for address in self.servers.iter().chain(own) {
            let port = address
                .rsplit_once(':')
                .filter(|(host, _)| !host.is_empty());
            let is_address = port.is_some_and(|(_, port)| port.parse::<u16>().is_ok());
            check(
                is_address,
                &format!("'{address}' is not an address like host:10010"),
            );
        }
        mistakes
    }
}

/// Splits a list of addresses at commas.
pub(crate) fn split_servers(list: &str) -> impl Iterator<Item = String> + '_ {
    list.split(',')
        .map(str::trim)
        .filter(|server| !server.is_empty())
        .map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_mistakes_are_told_at_once() {
        let options = Options {
            servers: vec!["localhost".into()],
            ..Options::default()
        };
        let mistakes = options.mistakes();
        assert_eq!(mistakes.len(), 2, "{mistakes:?}");
        assert!(mistakes[1].contains("localhost"));
    }

    #[test]
    fn without_a_secret_no_port_is_opened() {
        let mut options = Options::default();
        assert_eq!(options.peer_address(), None);
        options.secret = Some(Secret::new("hush".to_owned()));
        assert_eq!(options.peer_address(), Some("0.0.0.0:0"));
        options.listen = None;
        assert_eq!(options.peer_address(), None);
    }

    #[test]
    fn lists_of_servers_are_split() {
        let servers: Vec<_> = split_servers(" a:1, b:2,,").collect();
        assert_eq!(servers, ["a:1", "b:2"]);
    }
}
