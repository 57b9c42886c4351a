//! `powerjob job run` and waiting for the end of a run.

use std::time::Duration;

use clap::Args;
use powerjob_client::api::id::Id;
use powerjob_client::api::instance::Instance;
use powerjob_client::api::job::RunInput;

use super::instance_view;
use super::log::follow;
use crate::connect::Connection;
use crate::failure::{Failure, Outcome};
use crate::output::Output;
use crate::text::{span, when};

#[derive(Debug, Args)]
#[command(after_help = "\
With --wait the exit code tells how it ended: 0 succeeded, 1 failed, 3 stopped or canceled,
4 the time was up (the run goes on).")]
pub(crate) struct RunArgs {
    /// Name or id.
    job: String,
    /// Parameters of this run.
    #[arg(long)]
    params: Option<String>,
    /// Only on these workers: names, addresses or tags, as a job designates them.
    #[arg(long, value_name = "WORKER")]
    worker: Option<String>,
    /// Start it this much later: 10s, 5m.
    #[arg(long, value_name = "SPAN", value_parser = span::parse_ms, default_value = "0s")]
    delay: u64,
    /// Start it then: 2026-12-24T18:00:00+01:00, or "2026-12-24 18:00" or 18:00 in local time.
    #[arg(long, value_name = "TIME", value_parser = when::parse, conflicts_with = "delay")]
    at: Option<i64>,
    #[command(flatten)]
    wait: WaitArgs,
    /// Wait for its end.
    #[arg(long = "wait")]
    wants_wait: bool,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct WaitArgs {
    /// Wait at most this long.
    #[arg(long, value_name = "SPAN", value_parser = span::parse)]
    timeout: Option<Duration>,
    /// Print its log while waiting.
    #[arg(long)]
    follow: bool,
}

pub(super) async fn run_job(
    connection: &Connection,
    args: RunArgs,
    output: &Output,
) -> Result<Outcome, Failure> {
    let job = connection.find_job(&args.job).await?;
    let run = RunInput {
        params: args.params,
        worker: args.worker,
        delay_ms: args.delay,
        at: args.at,
    };
    let accepted = connection.client.run_job(job.id, &run).await?;
    if !args.wants_wait && !args.wait.follow && args.wait.timeout.is_none() {
        output.show(&accepted, |accepted| {
            format!("instance {}", accepted.instance_id)
        })?;
        return Ok(Outcome::Done);
    }
    if !output.is_json() {
        output.note(format_args!("instance {}", accepted.instance_id));
    }
    wait(connection, accepted.instance_id, &args.wait, output).await
}

/// Waits for the end of a run, prints it, and turns it into an outcome.
pub(super) async fn wait(
    connection: &Connection,
    id: Id,
    args: &WaitArgs,
    output: &Output,
) -> Result<Outcome, Failure> {
    let ended = async {
        if args.follow {
            follow(connection, id, output, None, None).await?;
        }
        connection
            .client
            .wait_for_instance(id)
            .await
            .map_err(Failure::from)
    };
    let ended = match args.timeout {
        Some(limit) => tokio::time::timeout(limit, ended).await,
        None => Ok(ended.await),
    };
    match ended {
        Ok(instance) => show_end(&instance?, args.follow, output),
        Err(_) => {
            output.note(format_args!(
                "instance {id} has not ended yet; `powerjob instance show {id}` says where it is"
            ));
            Ok(Outcome::TimedOut)
        }
    }
}

fn show_end(instance: &Instance, is_stream: bool, output: &Output) -> Result<Outcome, Failure> {
    if output.is_json() && is_stream {
        output.json_line(instance)?;
    } else {
        output.show(instance, instance_view::ending)?;
    }
    Ok(Outcome::of(instance.summary.status))
}
