//! Looks for single tasks of an instance: at the worker that has them, else in what is kept of them.

use powerjob_protocol::api::page::Page;
use powerjob_protocol::api::task::Task;
use powerjob_protocol::wire::tasks::{FindTasks, TaskPlace, TasksFound};
use tokio::sync::oneshot;

use super::tasks::{master_link, task};
use super::{ServiceError, Services, kept_tasks};
use crate::domain::instance::Instance;
use crate::domain::kept_tasks::{KeptTasks, Standing};

/// Questions to the worker for one page: with a filter that fits hardly any task a page may be short or
/// empty, and has a cursor nevertheless.
const MOST_QUESTIONS: usize = 20;
/// Kept tasks that are looked at for one page when a text is looked for.
const MOST_LOOKED_AT: usize = 10_000;

/// Which tasks.
#[derive(Debug, Clone, Default)]
pub struct TaskFilter {
    /// `WAITING`, `RUNNING`, `FAILED` or `SUCCEEDED`; `None` = any.
    pub status: Option<&'static str>,
    /// Of the level with this name.
    pub level: Option<String>,
    /// At the worker with this name.
    pub worker: Option<String>,
    /// Part of path, level, content or result.
    pub query: Option<String>,
    /// Where to go on.
    pub cursor: Option<String>,
    /// Items of a page.
    pub limit: u32,
}

/// Where a page ends. The text form is that of [`std::fmt::Display`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Live { attempt: u32, at: TaskPlace },
    Kept { passed: usize },
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Live { attempt, at } => write!(f, "w.{attempt}.{}.{}", at.group, at.number),
            Self::Kept { passed } => write!(f, "k.{passed}"),
        }
    }
}

impl Place {
    fn parse(text: &str) -> Option<Self> {
        let mut words = text.split('.');
        let place = match words.next()? {
            "w" => Self::Live {
                attempt: words.next()?.parse().ok()?,
                at: TaskPlace {
                    group: words.next()?.parse().ok()?,
                    number: words.next()?.parse().ok()?,
                },
            },
            "k" => Self::Kept {
                passed: words.next()?.parse().ok()?,
            },
            _ => return None,
        };
        words.next().is_none().then_some(place)
    }
}

/// The tasks that fit, failed ones first.
///
/// # Errors
/// [`ServiceError::InvalidCursor`], also when the worker of the page before does not have the tasks any
/// more; and when the store cannot be read.
pub async fn search(
    services: &Services,
    instance: &Instance,
    filter: &TaskFilter,
) -> Result<Page<Task>, ServiceError> {
    let place = match filter.cursor.as_deref() {
        Some(cursor) => Some(Place::parse(cursor).ok_or(ServiceError::InvalidCursor)?),
        None => None,
    };
    let present = instance.state.attempt;
    let after = match place {
        None => Some(TaskPlace::default()),
        Some(Place::Live { attempt, at }) if attempt == present => Some(at),
        Some(_) => None,
    };
    if let Some(after) = after
        && let Some(page) = at_worker(services, instance, filter, after).await
    {
        return Ok(page);
    }
    let passed = match place {
        None => 0,
        Some(Place::Kept { passed }) => passed,
        Some(Place::Live { .. }) => return Err(ServiceError::InvalidCursor),
    };
    among_kept(services, instance, filter, passed).await
}

async fn at_worker(
    services: &Services,
    instance: &Instance,
    filter: &TaskFilter,
    mut after: TaskPlace,
) -> Option<Page<Task>> {
    let mut items = Vec::new();
    for _ in 0..MOST_QUESTIONS {
        let found = ask(services, instance, filter, after, items.len()).await?;
        items.extend(found.tasks.into_iter().map(task));
        let Some(next) = found.next else {
            return Some(page(items, None));
        };
        after = next;
        if items.len() >= filter.limit as usize {
            break;
        }
    }
    let attempt = instance.state.attempt;
    Some(page(items, Some(Place::Live { attempt, at: after })))
}

async fn ask(
    services: &Services,
    instance: &Instance,
    filter: &TaskFilter,
    after: TaskPlace,
    found: usize,
) -> Option<TasksFound> {
    let link = master_link(services, instance)?;
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let request = FindTasks {
        instance_id: instance.instance_id.0,
        attempt: instance.state.attempt,
        status: filter.status.map_or(0, code),
        level: text(&filter.level),
        worker: text(&filter.worker),
        text: text(&filter.query),
        after,
        limit: filter.limit.saturating_sub(found as u32),
    };
    let (sender, answer) = oneshot::channel();
    // The link answers in any case, at the latest when its own limit passes.
    link.find_tasks(request, Box::new(move |answer| drop(sender.send(answer))));
    answer.await.ok()?.ok().filter(|found| found.is_known)
}

/// The state of a task by its name.
pub fn status(name: &str) -> Option<&'static str> {
    let states = ["WAITING", "RUNNING", "FAILED", "SUCCEEDED"];
    states.into_iter().find(|state| *state == name)
}

/// As [`powerjob_protocol::wire::server_to_worker::TaskLine::status`].
fn code(status: &str) -> u8 {
    match status {
        "RUNNING" => 4,
        "FAILED" => 5,
        "SUCCEEDED" => 6,
        _ => 1,
    }
}

async fn among_kept(
    services: &Services,
    instance: &Instance,
    filter: &TaskFilter,
    passed: usize,
) -> Result<Page<Task>, ServiceError> {
    let Some(kept) = kept_tasks::load(services, instance).await? else {
        return Ok(page(Vec::new(), None));
    };
    let limit = filter.limit as usize;
    let most = match filter.query {
        Some(_) => MOST_LOOKED_AT,
        None => limit,
    };
    let fits = |index: &u32| is_asked_for(&kept, *index, filter);
    let mut rest = kept.failed_and_open().filter(fits).skip(passed);
    let looked_at: Vec<u32> = rest.by_ref().take(most).collect();
    let has_more = rest.next().is_some();
    let tasks = kept_tasks::tasks(services, instance, &kept, &looked_at).await?;
    let mut items = Vec::new();
    let mut count = 0;
    for task in tasks {
        if items.len() == limit {
            break;
        }
        count += 1;
        items.extend(has_text(&task, filter).then_some(task));
    }
    let is_over = count == looked_at.len() && !has_more;
    let passed = passed + count;
    Ok(page(items, (!is_over).then_some(Place::Kept { passed })))
}

fn is_asked_for(kept: &KeptTasks, index: u32, filter: &TaskFilter) -> bool {
    let status = match kept.standing(index) {
        Some(Standing::Failed) => "FAILED",
        _ => "WAITING",
    };
    let level = kept.level_of(index);
    filter.status.is_none_or(|wanted| wanted == status)
        && filter.level.as_ref().is_none_or(|wanted| wanted == level)
        // Which worker had a task is not kept.
        && filter.worker.is_none()
}

fn has_text(task: &Task, filter: &TaskFilter) -> bool {
    filter.query.as_ref().is_none_or(|query| {
        let query = query.to_lowercase();
        [&task.id, &task.name, &task.content, &task.result]
            .into_iter()
            .any(|text| text.to_lowercase().contains(&query))
    })
}

fn page(items: Vec<Task>, next: Option<Place>) -> Page<Task> {
    Page {
        items,
        next_cursor: next.map(|place| place.to_string()),
        total: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursors_are_read_back() {
        let at = TaskPlace {
            group: 2,
            number: 4_100,
        };
        for place in [Place::Live { attempt: 3, at }, Place::Kept { passed: 50 }] {
            assert_eq!(Place::parse(&place.to_string()), Some(place));
        }
        for wrong in ["", "w.1.2", "k", "k.1.2", "k.x", "z.1"] {
            assert_eq!(Place::parse(wrong), None, "{wrong}");
        }
    }
}
