//! How an instance with tasks fares, for people.

use std::time::Duration;

use powerjob_protocol::wire::server_to_worker::{LevelTasks, TaskLine, TaskOverview, WorkerTasks};

use super::executor::Readiness;
use super::master::Master;
use super::pace::left_ms;
use super::sub_tasks::{Holder, Standing};
use crate::domain::result_text::limit_chars;

/// Characters of a content in a list, and the most bytes that they have.
const CONTENT_CHARS: usize = 200;
const CONTENT_BYTES: usize = 4 * CONTENT_CHARS;

impl Master {
    /// The counts, and at most `limit` tasks: failed ones, running ones, those that succeeded last.
    pub(crate) fn overview(&self, limit: usize, now: Duration) -> TaskOverview {
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
        let levels = self.names.iter().zip(self.tasks.level_counts());
        let levels = levels.filter(|(_, counts)| counts.total() > 0);
        let running = (0..self.executors.len() as Holder)
            .flat_map(|place| self.tasks.out_at(place).take(limit).map(|task| task.task));
        let failed = self.ended.failed().iter().rev().copied();
        let listed = failed.chain(running).chain(self.ended.succeeded_last());
        let per_1000_s = self.pace.per_1000_s(now, self.ended_count());
        TaskOverview {
            is_known: true,
            total: self.tasks.counts(),
            workers: workers.collect(),
            tasks: listed.take(limit).map(|index| self.line(index)).collect(),
            levels: levels
                .map(|(name, counts)| LevelTasks {
                    name: name.clone(),
                    counts: *counts,
                })
                .collect(),
            ended_per_1000_s: per_1000_s,
            left_ms: left_ms(self.tasks.unfinished(), per_1000_s),
        }
    }

    /// How many tasks have ended.
    pub(super) fn ended_count(&self) -> u64 {
        let counts = self.tasks.counts();
        counts.succeeded + counts.failed
    }

    pub(super) fn line(&self, index: u32) -> TaskLine {
        let detail = self.ended.detail(index);
        let last = detail.and_then(|detail| detail.last);
        let place = last
            .map(|last| last.place)
            .or_else(|| self.tasks.holder(index));
        let worker = place.map(|place| self.executor(place).worker.name.clone());
        let attempts = last.map(|last| last.attempts);
        let content = self.tasks.content(index);
        let start = &content[..content.len().min(CONTENT_BYTES)];
        let content = String::from_utf8_lossy(start).into_owned();
        TaskLine {
            id: self.tasks.path(index),
            name: self.names[usize::from(self.tasks.name(index))].clone(),
            status: status_code(self.tasks.standing(index)),
            worker: worker.unwrap_or_default(),
            attempts: attempts.unwrap_or_else(|| self.tasks.attempts(index)),
            result: detail.map(|it| it.result.to_string()).unwrap_or_default(),
            content: limit_chars(content, CONTENT_CHARS),
            ran_ms: last.and_then(|it| it.ran_ms),
        }
    }
}

/// The codes of the reference (spec 04 section 8.1).
pub(super) fn status_code(standing: Standing) -> u8 {
    match standing {
        Standing::Waiting | Standing::Discarded => 1,
        Standing::Out => 4,
        Standing::Failed => 5,
        Standing::Succeeded => 6,
    }
}
