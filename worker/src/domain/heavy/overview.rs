//! How an instance with tasks fares, for people.

use powerjob_protocol::wire::server_to_worker::{TaskLine, TaskOverview, WorkerTasks};

use super::executor::Readiness;
use super::master::Master;
use super::sub_tasks::{Holder, Standing};
use crate::domain::result_text::limit_chars;

/// Characters of a result in a list.
const RESULT_CHARS: usize = 500;

impl Master {
    /// The counts, and at most `limit` tasks: failed ones, running ones, those that ended last.
    pub(crate) fn overview(&self, limit: usize) -> TaskOverview {
        let workers = self
            .executors
            .iter()
            .zip(0..)
            .map(|(executor, place)| WorkerTasks {
                node_id: executor.worker.node_id.clone(),
                name: executor.worker.name.clone(),
                is_ready: executor.is_listed && executor.readiness == Readiness::Ready,
                counts: self.tasks.counts_of(place),
            });
        let running = (0..self.executors.len() as Holder).flat_map(|place| {
            let out = self.tasks.out_at(place).take(limit);
            out.map(move |task| self.line(task.task, Some(place), ""))
        });
        let failed = self.failed_lines.iter().rev().cloned();
        let ended = self.ended_lines.iter().rev().cloned();
        TaskOverview {
            is_known: true,
            total: self.tasks.counts(),
            workers: workers.collect(),
            tasks: failed.chain(running).chain(ended).take(limit).collect(),
        }
    }

    pub(super) fn line(&self, index: u32, place: Option<Holder>, result: &str) -> TaskLine {
        let worker = place.map(|place| self.executor(place).worker.name.clone());
        TaskLine {
            id: self.tasks.path(index),
            name: self.names[usize::from(self.tasks.name(index))].clone(),
            status: status_code(self.tasks.standing(index)),
            worker: worker.unwrap_or_default(),
            attempts: self.tasks.attempts(index),
            result: limit_chars(result.to_owned(), RESULT_CHARS),
        }
    }
}

/// The codes of the reference (spec 04 section 8.1).
fn status_code(standing: Standing) -> u8 {
    match standing {
        Standing::Waiting | Standing::Discarded => 1,
        Standing::Out => 4,
        Standing::Failed => 5,
        Standing::Succeeded => 6,
    }
}
