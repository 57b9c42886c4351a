//! Which tasks of an instance fit what a person looks for? The failed ones first, then the running
//! ones, then the others in the order of their making.
//!
//! Output: some of them, and the place where to go on. Each call looks at a bounded number of tasks, so
//! that a search among millions holds nobody up: it is a row of calls.

use powerjob_protocol::wire::server_to_worker::TaskLine;
use powerjob_protocol::wire::tasks::{FindTasks, TaskPlace, TasksFound};

use super::master::Master;
use super::overview::status_code;
use super::sub_tasks::Standing;

/// Tasks that one call looks at.
const LOOKED_AT: u32 = 4_096;
/// Tasks that one call passes over because of their state alone.
const PASSED_OVER: u32 = 200_000;
/// Tasks of one answer.
const MOST_FOUND: usize = 200;

/// Groups of tasks, in the order in which they are found.
const FAILED: u8 = 0;
const RUNNING: u8 = 1;
const OTHERS: u8 = 2;
const END: u8 = OTHERS + 1;

/// What is asked, ready to be compared.
struct Wanted<'a> {
    standing: Option<u8>,
    level: &'a str,
    worker: &'a str,
    /// In lower case.
    text: String,
}

impl Wanted<'_> {
    fn group_fits(&self, group: u8) -> bool {
        match group {
            FAILED => self.has_standing(Standing::Failed),
            RUNNING => self.has_standing(Standing::Out),
            _ => self.has_standing(Standing::Waiting) || self.has_standing(Standing::Succeeded),
        }
    }

    fn has_standing(&self, standing: Standing) -> bool {
        self.standing
            .is_none_or(|code| code == status_code(standing))
    }

    fn fits(&self, line: &TaskLine) -> bool {
        let contains = |text: &String| text.to_lowercase().contains(&self.text);
        (self.level.is_empty() || line.name == self.level)
            && (self.worker.is_empty() || line.worker == self.worker)
            && (self.text.is_empty()
                || [&line.id, &line.name, &line.content, &line.result]
                    .into_iter()
                    .any(contains))
    }
}

impl Master {
    /// The next tasks that fit.
    pub(crate) fn find_tasks(&self, request: &FindTasks) -> TasksFound {
        let wanted = Wanted {
            standing: (request.status > 0).then_some(request.status),
            level: &request.level,
            worker: &request.worker,
            text: request.text.to_lowercase(),
        };
        let limit = (request.limit as usize).clamp(1, MOST_FOUND);
        let mut tasks = Vec::new();
        let mut room = LOOKED_AT;
        let mut at = request.after;
        while at.group < END {
            if wanted.group_fits(at.group) {
                let next = self.search_group(at, &wanted, limit, &mut room, &mut tasks);
                if let Some(number) = next {
                    let next = TaskPlace { number, ..at };
                    return found(tasks, Some(next));
                }
            }
            at = TaskPlace {
                group: at.group + 1,
                number: 0,
            };
        }
        found(tasks, None)
    }

    /// Goes through a group; the place where to go on when there was no room for all of it.
    fn search_group(
        &self,
        at: TaskPlace,
        wanted: &Wanted<'_>,
        limit: usize,
        room: &mut u32,
        tasks: &mut Vec<TaskLine>,
    ) -> Option<u32> {
        let mut look = |place: u32, index: u32| {
            if *room == 0 || tasks.len() == limit {
                return Some(place);
            }
            *room -= 1;
            let line = self.line(index);
            if wanted.fits(&line) {
                tasks.push(line);
            }
            None
        };
        match at.group {
            FAILED => {
                let failed = self.ended.failed().iter().zip(0_u32..);
                let mut rest = failed.skip(at.number as usize);
                rest.find_map(|(index, place)| look(place, *index))
            }
            RUNNING => {
                let places = 0..self.executors.len();
                let mut running: Vec<u32> = places
                    .flat_map(|place| self.tasks.out_at(place as u16))
                    .map(|task| task.task)
                    .filter(|index| *index >= at.number)
                    .collect();
                running.sort_unstable();
                running.into_iter().find_map(|index| look(index, index))
            }
            _ => {
                let end = at.number.saturating_add(PASSED_OVER);
                let mut part = at.number..end.min(self.task_count());
                let stopped = part.find_map(|index| {
                    let standing = self.tasks.standing(index);
                    let is_other = matches!(standing, Standing::Waiting | Standing::Succeeded);
                    let fits = is_other && wanted.has_standing(standing);
                    fits.then(|| look(index, index)).flatten()
                });
                stopped.or_else(|| (end < self.task_count()).then_some(end))
            }
        }
    }
}

fn found(tasks: Vec<TaskLine>, next: Option<TaskPlace>) -> TasksFound {
    TasksFound {
        is_known: true,
        tasks,
        next,
    }
}

#[cfg(test)]
#[path = "task_search_tests.rs"]
mod tests;
