//! `powerjob instance ...`.

use clap::{Args, Subcommand};
use powerjob_client::InstanceQuery;
use powerjob_client::api::id::Id;
use powerjob_common::status::{InstanceStatus, LogLevel};

use super::beat_view;
use super::instance_view;
use super::job::MAX_PAGE;
use super::job_flags::{log_level, named};
use super::log;
use super::run::{WaitArgs, wait};
use super::tasks::{self, TaskArgs};
use crate::connect::{Access, Connection};
use crate::failure::{Failure, Outcome};
use crate::output::Output;
use crate::text::when;

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  powerjob instance list --status failed --from 2h        what failed in the last two hours
  powerjob instance list --job nightly --status running,waiting_dispatch
  powerjob instance show 604919300096000323               its steps, attempts, why it waits
  powerjob instance log 604919300096000323 --follow
  powerjob instance tasks 604919300096000323              a map's tasks, by worker, failed ones first
  powerjob instance tasks 604919300096000323 --query shop-17 --limit 100   those with this text
  powerjob instance retry 604919300096000323 --failed-tasks  its failed tasks only, the others keep their results
  powerjob instance beats 604919300096000323              counts and last beats of a second-level job
  powerjob instance wait 604919300096000323 --timeout 5m; echo $?")]
pub(crate) struct InstanceArgs {
    #[command(flatten)]
    pub(crate) access: Access,
    #[command(subcommand)]
    command: InstanceCommand,
}

#[derive(Debug, Subcommand)]
enum InstanceCommand {
    /// List runs, newest first.
    #[command(visible_alias = "ls")]
    List(ListArgs),
    /// Show a run: its steps, attempts, result, and why it waits.
    Show {
        /// Instance id.
        id: Id,
    },
    /// Show how the tasks of a broadcast, map or map-reduce fare, or look for some; failed ones first.
    Tasks(TaskArgs),
    /// Show what became of the beats of a second-level job, the newest first.
    Beats {
        /// Instance id.
        id: Id,
        /// At most so many beats, 1 to 200.
        #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=200))]
        limit: u32,
    },
    /// Stop a run that waits or runs.
    Stop {
        /// Instance id.
        id: Id,
    },
    /// End a run without waiting for its processor, or what a stopped run left behind.
    Kill {
        /// Instance id.
        id: Id,
    },
    /// Call a run off before it starts.
    Cancel {
        /// Instance id.
        id: Id,
    },
    /// Run a finished run once more.
    Retry {
        /// Instance id.
        id: Id,
        /// Only the failed tasks of a map or map-reduce; the others keep their results.
        #[arg(long)]
        failed_tasks: bool,
    },
    /// Print the log of a run.
    Log {
        /// Instance id.
        id: Id,
        /// Go on printing until the run ends.
        #[arg(long, short)]
        follow: bool,
        /// Only lines of this level and above: DEBUG, INFO, WARN, ERROR.
        #[arg(long, value_parser = log_level)]
        level: Option<LogLevel>,
        /// Only the last so many lines, 1 to 1,000,000; with --follow also what comes after them.
        #[arg(long, value_name = "LINES", value_parser = clap::value_parser!(u32).range(1..=i64::from(log::MAX_TAIL)))]
        tail: Option<u32>,
    },
    /// Wait until a run has ended; the exit code tells how.
    Wait {
        /// Instance id.
        id: Id,
        #[command(flatten)]
        wait: WaitArgs,
    },
}

#[derive(Debug, Args)]
struct ListArgs {
    /// Runs of this job, by name or id.
    #[arg(long)]
    job: Option<String>,
    /// In one of these states, separated by commas: waiting_dispatch, running, failed, succeed, ...
    #[arg(long, value_delimiter = ',', value_parser = status)]
    status: Vec<InstanceStatus>,
    /// Meant for this time or later: 2h (ago), 14:00, "2025-11-21 14:00".
    #[arg(long, value_name = "TIME", value_parser = when::parse)]
    from: Option<i64>,
    /// Meant for a time before this one.
    #[arg(long, value_name = "TIME", value_parser = when::parse)]
    to: Option<i64>,
    /// Part of the job's name, or an instance id.
    #[arg(long)]
    query: Option<String>,
    /// At most this many.
    #[arg(long, default_value_t = 50)]
    limit: u32,
}

pub(crate) async fn run(args: InstanceArgs, output: &Output) -> Result<Outcome, Failure> {
    let connection = Connection::open(&args.access)?;
    let client = &connection.client;
    match args.command {
        InstanceCommand::List(args) => list(&connection, args, output).await?,
        InstanceCommand::Show { id } => {
            let instance = client.instance(id).await?;
            output.show(&instance, |instance| {
                instance_view::details(instance, output.width())
            })?;
        }
        InstanceCommand::Tasks(args) => tasks::show(&connection, args, output).await?,
        InstanceCommand::Beats { id, limit } => {
            let beats = client.instance_beats(id, Some(limit)).await?;
            output.show(&beats, |beats| beat_view::overview(beats, output.width()))?;
        }
        InstanceCommand::Stop { id } => {
            output.show(&client.stop_instance(id).await?, instance_view::line)?;
        }
        InstanceCommand::Kill { id } => {
            output.show(&client.kill_instance(id).await?, instance_view::line)?;
        }
        InstanceCommand::Cancel { id } => {
            output.show(&client.cancel_instance(id).await?, instance_view::line)?;
        }
        InstanceCommand::Retry { id, failed_tasks } => {
            let instance = match failed_tasks {
                true => client.retry_failed_tasks(id).await?,
                false => client.retry_instance(id).await?,
            };
            output.show(&instance, instance_view::line)?;
        }
        InstanceCommand::Log {
            id,
            follow,
            level,
            tail,
        } => {
            let end = log::print(&connection, id, output, level, tail).await?;
            if follow {
                log::follow(&connection, id, output, level, Some(end)).await?;
            }
        }
        InstanceCommand::Wait { id, wait: args } => {
            return wait(&connection, id, &args, output).await;
        }
    }
    Ok(Outcome::Done)
}

async fn list(connection: &Connection, args: ListArgs, output: &Output) -> Result<(), Failure> {
    let app = connection.app().await?;
    let job = match args.job {
        Some(job) => Some(connection.find_job(&job).await?.id),
        None => None,
    };
    let mut query = InstanceQuery {
        job,
        status: args.status,
        from: args.from,
        to: args.to,
        query: args.query,
        cursor: None,
        limit: Some(args.limit.min(MAX_PAGE)),
    };
    let limit = args.limit as usize;
    let mut page = connection.client.instances(app.id, &query).await?;
    while page.items.len() < limit
        && let Some(cursor) = page.next_cursor.take()
    {
        query.cursor = Some(cursor);
        let missing = u32::try_from(limit - page.items.len()).unwrap_or(MAX_PAGE);
        query.limit = Some(missing.min(MAX_PAGE));
        let next = connection.client.instances(app.id, &query).await?;
        page.items.extend(next.items);
        page.next_cursor = next.next_cursor;
    }
    let has_more = page.next_cursor.is_some();
    output.show(&page, |page| {
        instance_view::list(&page.items, output.width())
    })?;
    if has_more && !output.is_json() {
        output.note("there are more; raise --limit or narrow with --from, --status, --job");
    }
    Ok(())
}

fn status(text: &str) -> Result<InstanceStatus, String> {
    named(text, InstanceStatus::from_name, InstanceStatus::ALL)
}
