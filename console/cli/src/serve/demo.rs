//! What `powerjob standalone` finds on its first start: an application for its own agent, and with
//! `--demo` jobs that really run. Repeating it changes nothing that is there.

use powerjob_client::api::app::NewApp;
use powerjob_client::api::id::Id;
use powerjob_client::api::job::JobInput;
use powerjob_client::{AppQuery, Client, Error, JobQuery};
use powerjob_common::secret::Secret;
use powerjob_worker::{TaskContext, WorkerBuilder};
use serde_json::{Value, json};

use crate::failure::Failure;

/// Name of the demo's application.
pub(super) const APP: &str = "demo";

/// The application with the secret of its workers, made if need be. An application whose secret is
/// not at hand any more gets a new one.
pub(super) async fn app(client: &Client, name: &str) -> Result<(Id, Secret<String>), Failure> {
    let new = NewApp {
        name: name.to_owned(),
        title: "Made by powerjob standalone".to_owned(),
        tags: Vec::new(),
    };
    let made = match client.create_app(&new).await {
        Err(Error::Conflict(_)) => {
            let id = existing_app(client, name).await?;
            client.renew_app_secret(id).await?
        }
        made => made?,
    };
    Ok((made.app.id, Secret::new(made.worker_secret)))
}

async fn existing_app(client: &Client, name: &str) -> Result<Id, Failure> {
    let query = AppQuery {
        name: Some(name.to_owned()),
        ..AppQuery::default()
    };
    let page = client.apps(&query).await?;
    let app = page.items.into_iter().find(|app| app.name == name);
    app.map(|app| app.id)
        .ok_or_else(|| Failure::local(format!("application `{name}` exists but is not visible")))
}

/// Makes the demo's jobs that are not there yet; `server` is where the console is.
pub(super) async fn jobs(client: &Client, app: Id, server: &str) -> Result<(), Failure> {
    for job in definitions(server) {
        let job: JobInput = serde_json::from_value(job)
            .map_err(|error| Failure::local(format!("a job of the demo is wrong: {error}")))?;
        let query = JobQuery {
            name: Some(job.name.clone()),
            ..JobQuery::default()
        };
        if client.jobs(app, &query).await?.items.is_empty() {
            client.create_job(app, &job).await?;
        }
    }
    Ok(())
}

fn definitions(server: &str) -> [Value; 5] {
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
    builder.register_fn("greet", greet)
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
