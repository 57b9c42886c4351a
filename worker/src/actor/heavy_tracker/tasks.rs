//! What happens to the tasks of an instance: their ends, new ones.

use actix::prelude::*;
use powerjob_common::actor::Mail;
use powerjob_protocol::wire::worker_to_worker::{MapTasks, MapVerdict, ResultsTaken};

use super::{HeavyTracker, Mastered};
use crate::actor::heavy_letters::{MapRequested, ResultsArrived};
use crate::actor::letters::Answer;
use crate::domain::RunKey;
use crate::domain::heavy::mapping::MapAnswer;

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
