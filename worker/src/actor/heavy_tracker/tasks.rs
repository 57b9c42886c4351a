//! What happens to the tasks of an instance: their ends, new ones, questions about them.

use actix::prelude::*;
use powerjob_common::actor::Mail;
use powerjob_protocol::wire::server_to_worker::TaskOverview;
use powerjob_protocol::wire::worker_to_worker::{MapTasks, MapVerdict, ResultsTaken};

use super::{HeavyTracker, Mastered};
use crate::actor::heavy_letters::{MapRequested, ResultsArrived, TasksAsked};
use crate::actor::letters::Answer;
use crate::domain::RunKey;
use crate::domain::heavy::mapping::MapAnswer;

/// Tasks of one answer for people.
const LISTED: usize = 200;

impl Handler<Mail<ResultsArrived>> for HeavyTracker {
    type Result = ();

    fn handle(&mut self, mail: Mail<ResultsArrived>, _ctx: &mut Self::Context) {
        let (letter, _ticket) = mail.open();
        let ResultsArrived {
            from,
            request,
            answer,
        } = letter;
        let key = RunKey::of_attempt(request.instance_id, request.attempt);
        let is_known = self.masters.contains_key(&key);
        self.with(key, |mastered, _now| {
            let place = mastered.master.place_of(&from.node_id, from.incarnation);
            if let Some(place) = place {
                mastered.master.ended(place, request);
            }
        });
        answer.send(ResultsTaken { is_known });
    }
}

impl Handler<Mail<MapRequested>> for HeavyTracker {
    type Result = ();

    fn handle(&mut self, mail: Mail<MapRequested>, _ctx: &mut Self::Context) {
        let (MapRequested { request, answer }, _ticket) = mail.open();
        let key = RunKey::of_attempt(request.instance_id, request.attempt);
        if !self.masters.contains_key(&key) {
            return answer.send(MapVerdict::Stale);
        }
        self.with(key, |mastered, _now| mastered.map(request, answer));
    }
}

impl Handler<Mail<TasksAsked>> for HeavyTracker {
    type Result = ();

    fn handle(&mut self, mail: Mail<TasksAsked>, _ctx: &mut Self::Context) {
        let (TasksAsked { request, answer }, _ticket) = mail.open();
        let key = RunKey::of_attempt(request.instance_id, request.attempt);
        let limit = LISTED.min(request.limit as usize);
        let overview = self.masters.get(&key).map_or_else(
            || TaskOverview {
                is_known: false,
                total: Default::default(),
                workers: Vec::new(),
                tasks: Vec::new(),
            },
            |mastered| mastered.master.overview(limit),
        );
        answer.send(overview);
    }
}

impl Mastered {
    fn map(&mut self, request: MapTasks, answer: Answer<MapVerdict>) {
        match self.master.map(request) {
            MapAnswer::Now(verdict) => answer.send(verdict),
            MapAnswer::Later(request) => self.waiting.push_back((request, answer)),
        }
    }

    /// Takes lists of new tasks for which there was no room.
    pub(super) fn take_waiting(&mut self) {
        // Each once: what must wait on goes to the end.
        for _ in 0..self.waiting.len() {
            if !self.master.takes_lists() {
                break;
            }
            if let Some((request, answer)) = self.waiting.pop_front() {
                self.map(request, answer);
            }
        }
    }
}
