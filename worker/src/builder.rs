//! How a worker is described and started.

use std::future::Future;
use std::panic::Location;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use powerjob_common::secret::Secret;
use serde::Serialize;
use tokio::runtime::Handle;

use crate::app;
use crate::config::{Options, split_servers};
use crate::context::TaskContext;
use crate::error::StartError;
use crate::handle::WorkerHandle;
use crate::outcome::BoxError;
use crate::processor::handler::{BlockingClosure, Closure};
use crate::processor::registry::{Executable, Registered, Registry};
use crate::processor::steps::Steps;
use crate::processor::{BlockingProcessor, BroadcastProcessor, MapReduceProcessor, Processor};

/// A worker: takes runs from a server and carries them out with the processors of this program.
#[derive(Debug, Clone, Copy)]
pub struct Worker;

impl Worker {
    /// Describes a worker.
    pub fn builder() -> WorkerBuilder {
        WorkerBuilder::new()
    }

    /// Describes a worker by the environment: `POWERJOB_SERVER` (`host:port`, several divided by
    /// commas), `POWERJOB_APP`, `POWERJOB_SECRET`. What is missing can be set afterwards.
    pub fn from_env() -> WorkerBuilder {
        let mut builder = WorkerBuilder::new();
        let read = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        if let Some(servers) = read("POWERJOB_SERVER") {
            builder = builder.server(&servers);
        }
        if let Some(app) = read("POWERJOB_APP") {
            builder = builder.app(app);
        }
        match read("POWERJOB_SECRET") {
            Some(secret) => builder.secret(secret),
            None => builder,
        }
    }
}

/// The options of a worker; `start` checks them all.
#[derive(Debug)]
pub struct WorkerBuilder {
    pub(crate) options: Options,
    pub(crate) registry: Registry,
    /// Processors that come with the worker and give way to those of the user.
    pub(crate) builtin: Registry,
    takes_declared: bool,
}

impl WorkerBuilder {
    fn new() -> Self {
        Self {
            options: Options::default(),
            registry: Registry::default(),
            builtin: Registry::default(),
            takes_declared: true,
        }
    }

    /// The application whose jobs this worker runs. Required.
    pub fn app(mut self, name: impl Into<String>) -> Self {
        self.options.app = name.into();
        self
    }

    /// A server as `host:port`, or several divided by commas; can be called again. At least one is required.
    pub fn server(mut self, addresses: &str) -> Self {
        self.options.servers.extend(split_servers(addresses));
        self
    }

    /// The secret of the application.
    pub fn secret(mut self, secret: impl Into<String>) -> Self {
        self.options.secret = Some(Secret::new(secret.into()));
        self
    }

    /// The name of the worker as people see it. Default: the name of the machine.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.options.name = Some(name.into());
        self
    }

    /// Tags by which jobs choose workers.
    pub fn tags<T: Into<String>>(mut self, tags: impl IntoIterator<Item = T>) -> Self {
        self.options.tags.extend(tags.into_iter().map(Into::into));
        self
    }

    /// Runs carried out at once. Default 1,024.
    pub fn concurrency(mut self, runs: usize) -> Self {
        self.options.concurrency = runs;
        self
    }

    /// Runs that may wait for a place besides those. Default 4,096; 0 = none waits.
    pub fn queue(mut self, runs: usize) -> Self {
        self.options.queue = runs;
        self
    }

    /// Blocking processors that run at once, each on a thread. Default: 8 for each CPU, at least 32.
    pub fn blocking_threads(mut self, threads: usize) -> Self {
        self.options.blocking_threads = threads;
        self
    }

    /// How long a run may go on after it was asked to end. Default 5 s.
    pub fn cancel_grace(mut self, grace: Duration) -> Self {
        self.options.cancel_grace = grace;
        self
    }

    /// Characters of a result; longer ones are cut. Default 8,192, at least 64.
    pub fn max_result_chars(mut self, chars: usize) -> Self {
        self.options.max_result_chars = chars;
        self
    }

    /// Bytes of sub-tasks and their results that this worker keeps in memory for each map or map-reduce
    /// that it leads; what is more goes to files in the folder of [`WorkerBuilder::spool`], else of
    /// [`WorkerBuilder::work_dir`], until it is needed. Default 128 MiB; 0 = all that can go to files
    /// does.
    pub fn task_memory(mut self, bytes: usize) -> Self {
        self.options.task_memory = bytes;
        self
    }

    /// Keeps results that the server has not acknowledged in this folder, so that they survive a
    /// crash of this program; the worker also keeps its identity there. One worker for each folder.
    pub fn spool(mut self, folder: impl Into<PathBuf>) -> Self {
        self.options.spool = Some(folder.into());
        self
    }

    /// Where other workers reach this one for jobs that run on several workers, as `host:port` of
    /// this machine; port 0 takes a free one. Default `0.0.0.0:0`. A worker without a secret opens no
    /// port.
    pub fn listen(mut self, address: impl Into<String>) -> Self {
        self.options.listen = Some(address.into());
        self
    }

    /// Takes part in no job that runs on several workers, except as the only one: no port is opened.
    pub fn without_peers(mut self) -> Self {
        self.options.listen = None;
        self
    }

    /// The address under which other workers find this one, as `host:port`. Default: the one under
    /// which the server sees this worker, with the port of [`WorkerBuilder::listen`].
    pub fn advertise(mut self, address: impl Into<String>) -> Self {
        self.options.advertise = Some(address.into());
        self
    }

    /// Folder for temporary files of runs. Default: the system's.
    pub fn work_dir(mut self, folder: impl Into<PathBuf>) -> Self {
        self.options.work_dir = Some(folder.into());
        self
    }

    /// Runs processors on this runtime instead of one of the worker's own. It needs time and I/O.
    pub fn run_on(mut self, runtime: Handle) -> Self {
        self.options.runtime = Some(runtime);
        self
    }

    /// Leaves out the handlers declared by `#[powerjob_handler]`, for instance when several workers of
    /// one program serve different applications.
    pub fn without_declared_handlers(mut self) -> Self {
        self.takes_declared = false;
        self
    }

    /// Registers a processor.
    #[track_caller]
    pub fn register(mut self, name: &str, processor: impl Processor) -> Self {
        self.registry
            .register(name, &caller(), Executable::Async(Arc::new(processor)));
        self
    }

    /// Registers a processor that does more for jobs that run on every worker.
    #[track_caller]
    pub fn register_broadcast(mut self, name: &str, processor: impl BroadcastProcessor) -> Self {
        let processor = Arc::new(processor);
        let found = Registered {
            steps: Steps::of_broadcast(&processor),
            executable: Executable::Async(processor),
        };
        self.registry.register(name, &caller(), found);
        self
    }

    /// Registers a processor that puts the results of its tasks together.
    #[track_caller]
    pub fn register_map_reduce(mut self, name: &str, processor: impl MapReduceProcessor) -> Self {
        let processor = Arc::new(processor);
        let found = Registered {
            steps: Steps::of_map_reduce(&processor),
            executable: Executable::Async(processor),
        };
        self.registry.register(name, &caller(), found);
        self
    }

    /// Registers a blocking processor.
    #[track_caller]
    pub fn register_blocking(mut self, name: &str, processor: impl BlockingProcessor) -> Self {
        self.registry
            .register(name, &caller(), Executable::Blocking(Arc::new(processor)));
        self
    }

    /// Registers an asynchronous closure, which gets a context of its own.
    #[track_caller]
    pub fn register_fn<F, R, T, E>(mut self, name: &str, closure: F) -> Self
    where
        F: Fn(TaskContext) -> R + Send + Sync + 'static,
        R: Future<Output = Result<T, E>> + Send + 'static,
        T: Serialize + 'static,
        E: Into<BoxError> + 'static,
    {
        let processor = Closure(Arc::new(closure));
        self.registry
            .register(name, &caller(), Executable::Async(Arc::new(processor)));
        self
    }

    /// Registers a blocking closure.
    #[track_caller]
    pub fn register_blocking_fn<F, T, E>(mut self, name: &str, closure: F) -> Self
    where
        F: Fn(&TaskContext) -> Result<T, E> + Send + Sync + 'static,
        T: Serialize + 'static,
        E: Into<BoxError> + 'static,
    {
        let processor = BlockingClosure(closure);
        self.registry
            .register(name, &caller(), Executable::Blocking(Arc::new(processor)));
        self
    }

    /// A further name for a processor registered before, e.g. the Java class that it replaces.
    #[track_caller]
    pub fn alias(mut self, alias: &str, name: &str) -> Self {
        match self.registry.find(name).cloned() {
            Some(executable) => self.registry.register_alias(alias, &caller(), executable),
            None => self
                .registry
                .refuse(format!("the alias '{alias}' leads to an unknown '{name}'")),
        }
        self
    }

    /// Starts the worker; it connects in the background and goes on trying. See [`WorkerHandle::connected`].
    ///
    /// # Errors
    /// [`StartError`]: a mistake in the options, two processors of one name, a folder in use.
    pub async fn start(mut self) -> Result<WorkerHandle, StartError> {
        if self.takes_declared {
            self.registry.register_declared();
        }
        self.registry.add_missing(self.builtin);
        let mut mistakes = self.options.mistakes();
        mistakes.extend(self.registry.conflicts().iter().cloned());
        if !mistakes.is_empty() {
            return Err(StartError::Invalid(mistakes));
        }
        app::start(self.options, self.registry).await
    }
}

#[track_caller]
fn caller() -> String {
    Location::caller().to_string()
}
