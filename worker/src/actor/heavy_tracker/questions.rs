//! What people ask about the tasks of an instance.

use actix::prelude::*;
use powerjob_common::actor::Mail;
use powerjob_protocol::wire::server_to_worker::{GetTasks, TaskOverview};
use powerjob_protocol::wire::tasks::{FindTasks, TasksFound};

use super::HeavyTracker;
use crate::actor::heavy_letters::{TaskQuestion, TasksAsked};
use crate::domain::RunKey;
use crate::domain::heavy::master::Master;

/// Tasks of one overview.
const LISTED: usize = 200;

impl Handler<Mail<TasksAsked>> for HeavyTracker {
    type Result = ();

    fn handle(&mut self, mail: Mail<TasksAsked>, _ctx: &mut Self::Context) {
        let (TasksAsked { question }, _ticket) = mail.open();
        match question {
            TaskQuestion::Overview(request, answer) => answer.send(self.overview(&request)),
            TaskQuestion::Find(request, answer) => answer.send(self.find_tasks(&request)),
        }
    }
}

impl HeavyTracker {
    fn overview(&self, request: &GetTasks) -> TaskOverview {
        let limit = LISTED.min(request.limit as usize);
        let now = self.parts.clock.monotonic();
        match self.master_of(request.instance_id, request.attempt) {
            Some(master) => master.overview(limit, now),
            None => TaskOverview {
                is_known: false,
                total: Default::default(),
                workers: Vec::new(),
                tasks: Vec::new(),
                levels: Vec::new(),
                ended_per_1000_s: 0,
                left_ms: None,
            },
        }
    }

    fn find_tasks(&self, request: &FindTasks) -> TasksFound {
        match self.master_of(request.instance_id, request.attempt) {
            Some(master) => master.find_tasks(request),
            None => TasksFound {
                is_known: false,
                tasks: Vec::new(),
                next: None,
            },
        }
    }

    fn master_of(&self, instance_id: i64, attempt: u32) -> Option<&Master> {
        let mastered = self
            .masters
            .get(&RunKey::of_attempt(instance_id, attempt))?;
        Some(&mastered.master)
    }
}
