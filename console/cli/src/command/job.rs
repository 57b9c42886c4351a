//! `powerjob job ...`.

use clap::{Args, Subcommand};
use powerjob_client::JobQuery;
use powerjob_client::JobSort;
use powerjob_client::api::id::Id;
use powerjob_client::api::schedule::{ScheduleCheck, ScheduleInput};

use super::app::sure;
use super::job_edit;
use super::job_flags::{JobFlags, ScheduleFlags};
use super::job_view;
use super::run::{RunArgs, run_job};
use crate::connect::{Access, Connection};
use crate::failure::{Failure, Outcome};
use crate::output::Output;

/// Triggers of a calendar.
const MOST_TRIGGERS: u32 = 2_000;
/// Largest page the API gives.
pub(super) const MAX_PAGE: u32 = 500;

#[derive(Debug, Args)]
#[command(after_help = "\
A job is named by its name or its id; a name that fits several jobs is refused with their ids.
Examples:
  powerjob job list --app shop --query mail
  powerjob job create nightly --cron \"0 0 3 * * ?\" --zone Europe/Berlin --shell nightly.sh
  powerjob job create ping --every 10s --processor http --params '{\"url\":\"http://shop/health\"}'
  powerjob job edit nightly --time-limit 30m        or without flags: opens $EDITOR
  powerjob job create greet --once 2026-12-24T18:00 --processor greet
  powerjob job run nightly --params today --wait --follow
  powerjob job run nightly --at 18:00               or --delay 2h; `instance cancel` calls it off
  powerjob job next nightly                         the next times it is due
  powerjob job next --app shop --hours 48           what is coming, over all jobs
  powerjob job check --cron \"0 0 9 ? * MON#1\"       explains a schedule before it is saved
  powerjob job why nightly                          why does it not run?")]
pub(crate) struct JobArgs {
    #[command(flatten)]
    pub(crate) access: Access,
    #[command(subcommand)]
    command: JobCommand,
}

#[derive(Debug, Subcommand)]
enum JobCommand {
    /// List jobs with their schedule and last runs.
    #[command(visible_alias = "ls")]
    List(ListArgs),
    /// Show a job.
    Show {
        /// Name or id.
        job: String,
    },
    /// Make a job.
    Create {
        /// Name; may also come from --file.
        name: Option<String>,
        /// Make it switched off.
        #[arg(long)]
        disabled: bool,
        #[command(flatten)]
        flags: JobFlags,
    },
    /// Change a job: what the flags say, or in $EDITOR when there are none.
    Edit {
        /// Name or id.
        job: String,
        /// New name.
        #[arg(long, value_name = "NAME")]
        rename: Option<String>,
        #[command(flatten)]
        flags: JobFlags,
    },
    /// Switch the schedule of a job on.
    Enable {
        /// Name or id.
        job: String,
    },
    /// Switch the schedule of a job off; open runs go on.
    Disable {
        /// Name or id.
        job: String,
    },
    /// Make a job with the same definition.
    Copy {
        /// Name or id.
        job: String,
    },
    /// Delete a job.
    Delete {
        /// Name or id.
        job: String,
        /// Really do it.
        #[arg(long)]
        yes: bool,
    },
    /// Run a job now, whatever its schedule says.
    Run(RunArgs),
    /// Show the next times a job is due; without a job, the calendar of the application.
    Next {
        /// Name or id.
        job: Option<String>,
        /// How many times.
        #[arg(short = 'n', long, default_value_t = 10)]
        count: u32,
        /// How far the calendar looks ahead.
        #[arg(
            long,
            value_name = "COUNT",
            default_value_t = 24,
            conflicts_with = "job"
        )]
        hours: u32,
    },
    /// Explain a schedule and show its next times, without saving anything.
    Check {
        #[command(flatten)]
        schedule: ScheduleFlags,
        /// How many times.
        #[arg(short = 'n', long, default_value_t = 10)]
        count: u32,
    },
    /// Say why a job runs or not, and which workers fit it.
    Why {
        /// Name or id.
        job: String,
    },
}

#[derive(Debug, Args)]
struct ListArgs {
    /// Part of the name, description or processor, or an id.
    #[arg(long)]
    query: Option<String>,
    /// Only jobs with this tag.
    #[arg(long)]
    tag: Option<String>,
    /// Only jobs whose schedule runs.
    #[arg(long, conflicts_with = "disabled")]
    enabled: bool,
    /// Only jobs that are switched off.
    #[arg(long)]
    disabled: bool,
    /// Order: failing (first), name, -name, nextTrigger, id, -id.
    #[arg(long, value_parser = sort, value_name = "ORDER", allow_hyphen_values = true)]
    sort: Option<JobSort>,
    /// At most this many.
    #[arg(long, default_value_t = 100)]
    limit: u32,
}

pub(crate) async fn run(args: JobArgs, output: &Output) -> Result<Outcome, Failure> {
    let connection = Connection::open(&args.access)?;
    let client = &connection.client;
    match args.command {
        JobCommand::List(args) => list(&connection, args, output).await?,
        JobCommand::Show { job } => {
            output.show(&connection.find_job(&job).await?, job_view::details)?;
        }
        JobCommand::Create {
            name,
            disabled,
            flags,
        } => job_edit::create(&connection, name.as_deref(), disabled, &flags, output).await?,
        JobCommand::Edit { job, rename, flags } => {
            job_edit::edit(&connection, &job, rename, &flags, output).await?;
        }
        JobCommand::Enable { job } => {
            let id = id_of(&connection, &job).await?;
            output.show(&client.enable_job(id).await?, job_view::saved)?;
        }
        JobCommand::Disable { job } => {
            let id = id_of(&connection, &job).await?;
            output.show(&client.disable_job(id).await?, job_view::saved)?;
        }
        JobCommand::Copy { job } => {
            let id = id_of(&connection, &job).await?;
            output.show(&client.copy_job(id).await?, job_view::saved)?;
        }
        JobCommand::Delete { job, yes } => delete(&connection, &job, yes, output).await?,
        JobCommand::Run(args) => return run_job(&connection, args, output).await,
        JobCommand::Next {
            job: Some(job),
            count,
            ..
        } => {
            let id = id_of(&connection, &job).await?;
            output.show(&client.next_triggers(id, count).await?, job_view::triggers)?;
        }
        JobCommand::Next {
            job: None, hours, ..
        } => {
            let app = connection.app().await?;
            let calendar = client.calendar(app.id, hours, MOST_TRIGGERS).await?;
            output.show(&calendar, |calendar| {
                job_view::calendar(calendar, &app.name, output.width())
            })?;
        }
        JobCommand::Check { schedule, count } => {
            return check_flags(&connection, &schedule, count, output).await;
        }
        JobCommand::Why { job } => {
            let id = id_of(&connection, &job).await?;
            let diagnosis = client.diagnose_job(id).await?;
            output.show(&diagnosis, |diagnosis| {
                job_view::diagnosis(diagnosis, output.width())
            })?;
        }
    }
    Ok(Outcome::Done)
}

/// The id of a job; an id is believed without asking.
async fn id_of(connection: &Connection, job: &str) -> Result<Id, Failure> {
    match job.parse() {
        Ok(id) => Ok(id),
        Err(_) => Ok(connection.find_job(job).await?.id),
    }
}

async fn list(connection: &Connection, args: ListArgs, output: &Output) -> Result<(), Failure> {
    let app = connection.app().await?;
    let mut query = JobQuery {
        query: args.query,
        tag: args.tag,
        enabled: (args.enabled || args.disabled).then_some(args.enabled),
        sort: args.sort,
        limit: Some(args.limit.min(MAX_PAGE)),
        ..JobQuery::default()
    };
    let limit = args.limit as usize;
    let mut page = connection.client.jobs(app.id, &query).await?;
    while page.items.len() < limit
        && let Some(cursor) = page.next_cursor.take()
    {
        query.cursor = Some(cursor);
        query.limit = Some(
            u32::try_from(limit - page.items.len())
                .unwrap_or(100)
                .min(100),
        );
        let next = connection.client.jobs(app.id, &query).await?;
        page.items.extend(next.items);
        page.next_cursor = next.next_cursor;
    }
    let has_more = page.next_cursor.is_some();
    output.show(&page, |page| {
        job_view::list(&page.items, &app.name, output.width())
    })?;
    if has_more && !output.is_json() {
        output.note("there are more; raise --limit or narrow with --query");
    }
    Ok(())
}

async fn delete(
    connection: &Connection,
    job: &str,
    yes: bool,
    output: &Output,
) -> Result<(), Failure> {
    let job = connection.find_job(job).await?;
    let name = &job.definition.name;
    sure(yes, &format!("delete job {name} ({})", job.id))?;
    connection.client.delete_job(job.id).await?;
    output.note(format_args!("deleted job {name} ({})", job.id));
    Ok(())
}

async fn check_flags(
    connection: &Connection,
    flags: &ScheduleFlags,
    count: u32,
    output: &Output,
) -> Result<Outcome, Failure> {
    if !flags.has_kind() {
        return Err(Failure::usage(
            "which schedule? give --cron, --every, --after-each, --daily, --once or --in",
        ));
    }
    let mut schedule = ScheduleInput {
        kind: powerjob_common::status::TimeExpressionType::Api,
        expression: String::new(),
        zone: None,
        start_at: None,
        end_at: None,
    };
    flags.apply(&mut schedule);
    check(connection, schedule, count, output).await
}

async fn check(
    connection: &Connection,
    schedule: ScheduleInput,
    count: u32,
    output: &Output,
) -> Result<Outcome, Failure> {
    let check = ScheduleCheck { schedule, count };
    let checked = connection.client.check_schedule(&check).await?;
    output.show(&checked, job_view::schedule)?;
    Ok(if checked.valid {
        Outcome::Done
    } else {
        Outcome::Failed
    })
}

fn sort(text: &str) -> Result<JobSort, String> {
    let names = || JobSort::ALL.iter().map(|sort| sort.name());
    JobSort::ALL
        .iter()
        .find(|sort| sort.name() == text)
        .copied()
        .ok_or_else(|| {
            format!(
                "`{text}` is none of {}",
                names().collect::<Vec<_>>().join(", ")
            )
        })
}
