//! What `powerjob standalone` makes at its start: an application for its own agent, and with
//! `--demo` jobs that really run. What is there already stays as it is.

use std::time::Duration;

use powerjob_common::secret::Secret;
use powerjob_protocol::api::app::NewApp;
use powerjob_protocol::api::job::JobInput;
use powerjob_server::app::ServerHandles;
use powerjob_server::service::access::Person;
use powerjob_server::service::accounts::ADMINISTRATOR;
use powerjob_server::service::jobs::JobFilter;
use powerjob_server::service::{ServiceError, Services, apps, jobs};
use powerjob_server::store;
use powerjob_server::store::app::App;
use powerjob_worker::{
    MapReduceProcessor, Output, ProcessResult, Processor, TaskContext, TaskResult, TaskResults,
    WorkerBuilder,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::chain;
use crate::failure::Failure;

/// Name of the demo's application.
pub(super) const APP: &str = "demo";

/// How often, and after which pause, a job is offered to a server that is not the owner yet: 5 s.
const OWNER_ATTEMPTS: u32 = 100;
const OWNER_PAUSE: Duration = Duration::from_millis(50);

/// Acts as the first administrator, through the same functions as the HTTP API.
pub(super) struct Owner {
    services: Services,
    person: Person,
}

impl Owner {
    /// Finds the first administrator.
    pub(super) async fn new(handles: ServerHandles) -> Result<Self, Failure> {
        let services = Services::new(handles);
        let store = &services.store;
        let name = ADMINISTRATOR.to_owned();
        let account = store.credentials(name).await.map_err(stored)?.account;
        let grants = store.grants(account.id).await.map_err(stored)?;
        let person = Person::new(account, grants);
        Ok(Self { services, person })
    }

    /// The application of a name, made if need be.
    pub(super) async fn app(&self, name: &str) -> Result<App, Failure> {
        match self.services.store.app_by_name(name.to_owned()).await {
            Err(store::Error::NotFound { .. }) => {}
            found => return found.map_err(stored),
        }
        let new = NewApp {
            name: name.to_owned(),
            title: "Made by powerjob standalone".to_owned(),
            tags: Vec::new(),
        };
        apps::create(&self.services, &self.person, new)
            .await
            .map_err(served)?;
        self.services
            .store
            .app_by_name(name.to_owned())
            .await
            .map_err(stored)
    }

    /// A secret that workers of the application may prove.
    pub(super) async fn secret(&self, app: &App) -> Result<Secret<String>, Failure> {
        let secrets = self
            .services
            .store
            .app_secrets(app.id)
            .await
            .map_err(stored)?;
        if let Some(newest) = secrets.into_iter().next() {
            return Ok(newest.value);
        }
        let renewed = apps::renew_secret(&self.services, &self.person, app).await;
        Ok(Secret::new(renewed.map_err(served)?.worker_secret))
    }

    /// Makes the demo's jobs that are not there yet; `server` is where the console is.
    pub(super) async fn jobs(&self, app: &App, server: &str) -> Result<usize, Failure> {
        let mut made = 0;
        for definition in definitions(server) {
            let job: JobInput = serde_json::from_value(definition)
                .map_err(|error| Failure::local(format!("a job of the demo is wrong: {error}")))?;
            let filter = JobFilter {
                name: Some(job.name.clone()),
                limit: 1,
                ..JobFilter::default()
            };
            let found = jobs::list(&self.services, app, &filter)
                .await
                .map_err(served)?;
            if found.items.is_empty() {
                self.make(app, job).await?;
                made += 1;
            }
        }
        Ok(made)
    }

    /// Makes a job; a server that has just started may need a moment before it looks after the
    /// application.
    async fn make(&self, app: &App, job: JobInput) -> Result<(), Failure> {
        let mut attempts = 0;
        loop {
            attempts += 1;
            match jobs::create(&self.services, &self.person, app, job.clone()).await {
                Err(ServiceError::NotOwner(_)) if attempts < OWNER_ATTEMPTS => {
                    tokio::time::sleep(OWNER_PAUSE).await;
                }
                made => return made.map(drop).map_err(served),
            }
        }
    }
}

fn stored(error: store::Error) -> Failure {
    Failure::local(chain(&error))
}

fn served(error: ServiceError) -> Failure {
    Failure::local(chain(&error))
}

fn definitions(server: &str) -> [Value; 7] {
    let health = json!({"url": format!("{server}/health"), "method": "GET"});
    [
        json!({
            "name": "every-second", "description": "Runs every second and does nothing",
            "schedule": {"type": "CRON", "expression": "* * * * * ?"},
            "processor": "noop", "params": "tick", "tag": "demo",
        }),
        json!({
            "name": "every-minute-script", "description": "A shell script of its own",
            "schedule": {"type": "CRON", "expression": "0 * * * * ?"},
            "processorType": "SHELL", "processor": SCRIPT, "tag": "demo", "timeLimitMs": 30_000,
        }),
        json!({
            "name": "self-health", "description": "Asks this server over HTTP whether it is well",
            "schedule": {"type": "FIXED_RATE", "expression": "10000"},
            "processor": "http", "params": health.to_string(), "tag": "demo",
            "timeLimitMs": 10_000,
        }),
        json!({
            "name": "greet", "description": "A processor written in Rust, see console/cli/src/serve/demo.rs",
            "schedule": {"type": "CRON", "expression": "0/10 * * * * ?"},
            "processor": "greet", "params": "world", "tag": "demo",
        }),
        json!({
            "name": "greet-everywhere", "description": "A broadcast: runs on every worker that knows the processor",
            "schedule": {"type": "CRON", "expression": "0/30 * * * * ?"},
            "executeType": "BROADCAST", "processor": "greet", "params": "all", "tag": "demo",
        }),
        json!({
            "name": "count-primes", "description": "A map-reduce: 40 ranges are counted on all workers, then added up",
            "schedule": {"type": "CRON", "expression": "15 * * * * ?"},
            "executeType": "MAP_REDUCE", "processor": "count-primes", "params": "200000", "tag": "demo",
            "concurrency": 2, "taskRetries": 1, "timeLimitMs": 50_000,
        }),
        json!({
            "name": "on-demand", "description": "Runs when you say so: powerjob job run on-demand --params you --follow",
            "schedule": {"type": "API"},
            "processor": "greet", "params": "somebody", "tag": "demo",
        }),
    ]
}

const SCRIPT: &str = "\
echo \"hello from $(uname -s), it is $(date '+%H:%M:%S')\"
for step in 1 2 3; do
  echo \"step $step\"
  sleep 0.2
done
echo done
";

/// Gives a worker the demo's processor.
pub(super) fn with_processors(builder: WorkerBuilder) -> WorkerBuilder {
    builder
        .register_fn("greet", greet)
        .register_map_reduce("count-primes", CountPrimes)
}

/// Counts the primes below its parameter: the first task makes ranges, the others count them.
struct CountPrimes;

#[derive(Debug, Serialize, Deserialize)]
struct Numbers {
    from: u64,
    to: u64,
}

/// Ranges that are counted one by one.
const RANGES: u64 = 40;

impl Processor for CountPrimes {
    async fn process(&self, context: &TaskContext) -> ProcessResult {
        if context.is_root_task() {
            let limit: u64 = context.params().parse()?;
            let step = limit.div_ceil(RANGES).max(1);
            let ranges = (0..RANGES).map(|place| Numbers {
                from: (place * step).min(limit),
                to: ((place + 1) * step).min(limit),
            });
            let made = context.map("range", ranges).await?;
            return Ok(format!("made {made} ranges").into());
        }
        let range: Numbers = context.sub_task()?;
        let mut count = 0_u64;
        for number in range.from..range.to {
            count += u64::from(is_prime(number));
            if number % 1_000 == 0 {
                tokio::task::yield_now().await;
            }
        }
        Output::of(count)
    }
}

impl MapReduceProcessor for CountPrimes {
    async fn reduce(&self, context: &TaskContext, results: TaskResults) -> ProcessResult {
        let add = |sum: u64, result: TaskResult| sum + result.value::<u64>().unwrap_or(0);
        let count = results.fold(0, add).await;
        Ok(format!("{count} primes below {}", context.params()).into())
    }
}

fn is_prime(number: u64) -> bool {
    let mut divisors = (2..).take_while(|divisor| divisor * divisor <= number);
    number > 1 && divisors.all(|divisor| !number.is_multiple_of(divisor))
}

async fn greet(context: TaskContext) -> Result<String, std::convert::Infallible> {
    let log = context.logger();
    log.info(format!("about to greet, attempt {}", context.attempt()));
    let greeting = format!("hello, {}", context.params());
    log.info(&greeting);
    Ok(greeting)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn primes_are_known() {
        let primes: Vec<u64> = (0..20).filter(|number| is_prime(*number)).collect();
        assert_eq!(primes, [2, 3, 5, 7, 11, 13, 17, 19]);
    }

    #[test]
    fn the_jobs_are_definitions_with_names_of_their_own() {
        let mut names = definitions("http://127.0.0.1:7700").map(|job| {
            let job: JobInput = serde_json::from_value(job).expect("a definition");
            assert!(job.enabled && job.description.len() <= 255);
            job.name
        });
        names.sort();
        assert!(names.windows(2).all(|pair| pair[0] != pair[1]));
    }
}
