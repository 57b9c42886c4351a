//! `powerjob instance tasks`.

use clap::Args;
use powerjob_client::TaskQuery;
use powerjob_client::api::id::Id;

use super::job::MAX_PAGE;
use super::task_view;
use crate::connect::Connection;
use crate::failure::Failure;
use crate::output::Output;

const STATES: [&str; 4] = ["waiting", "running", "failed", "succeeded"];

/// With any condition tasks are looked for; without one it is an overview.
#[derive(Debug, Args)]
pub(super) struct TaskArgs {
    /// Instance id.
    id: Id,
    /// Only tasks in this state.
    #[arg(long, value_parser = STATES, ignore_case = true)]
    status: Option<String>,
    /// Only those of the level with this name.
    #[arg(long)]
    level: Option<String>,
    /// Only those that the worker with this name has or had.
    #[arg(long)]
    worker: Option<String>,
    /// Part of path, level, content or result.
    #[arg(long)]
    query: Option<String>,
    /// At most so many tasks.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    limit: u32,
}

impl TaskArgs {
    fn has_condition(&self) -> bool {
        let conditions = [&self.status, &self.level, &self.worker, &self.query];
        conditions.into_iter().any(Option::is_some)
    }
}

pub(super) async fn show(
    connection: &Connection,
    args: TaskArgs,
    output: &Output,
) -> Result<(), Failure> {
    if args.has_condition() {
        return find(connection, args, output).await;
    }
    let tasks = connection.client.instance_tasks(args.id, Some(args.limit));
    let tasks = tasks.await?;
    output.show(&tasks, |tasks| task_view::overview(tasks, output.width()))?;
    Ok(())
}

/// Goes through pages until there are enough: of a search among many tasks some are empty.
async fn find(connection: &Connection, args: TaskArgs, output: &Output) -> Result<(), Failure> {
    let limit = args.limit as usize;
    let mut query = TaskQuery {
        status: args.status.map(|status| status.to_uppercase()),
        level: args.level,
        worker: args.worker,
        query: args.query,
        cursor: None,
        limit: Some(args.limit.min(MAX_PAGE)),
    };
    let mut page = connection.client.search_tasks(args.id, &query).await?;
    while page.items.len() < limit
        && let Some(cursor) = page.next_cursor.take()
    {
        query.cursor = Some(cursor);
        let missing = u32::try_from(limit - page.items.len()).unwrap_or(MAX_PAGE);
        query.limit = Some(missing.min(MAX_PAGE));
        let next = connection.client.search_tasks(args.id, &query).await?;
        page.items.extend(next.items);
        page.next_cursor = next.next_cursor;
    }
    let has_more = page.next_cursor.is_some();
    output.show(&page, |page| task_view::found(&page.items, output.width()))?;
    if has_more && !output.is_json() {
        output.note("there are more; raise --limit or narrow with --status, --level, --query");
    }
    Ok(())
}
