//! What a master and its executors tell each other.

use actix::prelude::*;
use powerjob_common::actor::Mail;
use powerjob_protocol::wire::worker_to_worker::{OpenWork, StartTasks, TaskStart, TasksStarted};

use super::{ASK_LIMIT, HeavyTracker, note};
use crate::actor::heavy_letters::{
    OpenRequested, PeerChange, PeerChanged, StartRequested, TasksAdrift, WorkAnswered,
};
use crate::actor::letters::Answer;
use crate::domain::RunKey;
use crate::domain::heavy::master::LOCAL;
use crate::domain::heavy::sub_tasks::Holder;
use crate::rpc::peers::{EXECUTOR, MASTER};

impl Handler<Mail<PeerChanged>> for HeavyTracker {
    type Result = ();

    fn handle(&mut self, mail: Mail<PeerChanged>, _ctx: &mut Self::Context) {
        let (PeerChanged { node, change }, _ticket) = mail.open();
        let keys: Vec<RunKey> = self.masters.keys().copied().collect();
        for key in keys {
            let mut is_asked = None;
            self.with(key, |mastered, now| {
                let Some(place) = mastered.master.place_of(&node.node_id, node.incarnation) else {
                    return;
                };
                match change {
                    PeerChange::Here => is_asked = Some(place),
                    PeerChange::Unreached { is_gone: true } => mastered.master.lost(place, now),
                    PeerChange::Away | PeerChange::Unreached { is_gone: false } => {
                        mastered.master.away(place, now);
                    }
                }
            });
            if let Some(place) = is_asked
                && let Some(mastered) = self.masters.get(&key)
                && mastered.master.executor(place).is_awaited()
            {
                let generation = mastered.master.executor(place).generation;
                self.open(key, place, generation);
            }
        }
    }
}

impl Handler<Mail<WorkAnswered>> for HeavyTracker {
    type Result = ();

    fn handle(&mut self, mail: Mail<WorkAnswered>, _ctx: &mut Self::Context) {
        let (letter, _ticket) = mail.open();
        let WorkAnswered {
            key,
            place,
            generation,
            answer,
        } = letter;
        self.with(key, |mastered, now| {
            mastered.asked.remove(&place);
            match answer {
                Some(answer) => mastered.master.opened(place, generation, answer),
                None => mastered.master.away(place, now),
            }
        });
    }
}

impl Handler<Mail<TasksAdrift>> for HeavyTracker {
    type Result = ();

    fn handle(&mut self, mail: Mail<TasksAdrift>, _ctx: &mut Self::Context) {
        let (letter, _ticket) = mail.open();
        self.with(letter.key, |mastered, now| {
            if mastered.master.executor(letter.place).generation == letter.generation {
                mastered.master.away(letter.place, now);
            }
        });
    }
}

impl HeavyTracker {
    /// Asks an executor to take part, as soon as there is a connection with it.
    pub(super) fn open(&mut self, key: RunKey, place: Holder, generation: u32) {
        let Some(mastered) = self.masters.get_mut(&key) else {
            return;
        };
        if !mastered.asked.insert(place) {
            return;
        }
        let request = OpenWork {
            run: (*mastered.request).clone(),
            generation,
        };
        let port = self.parts.me.clone();
        let tell = move |answer| {
            let letter = WorkAnswered {
                key,
                place,
                generation,
                answer,
            };
            note(port.tell(letter));
        };
        if place == LOCAL {
            let answer = Answer::new(move |answer| tell(Some(answer)));
            let from = self.parts.node.clone();
            let letter = OpenRequested {
                from,
                request,
                answer,
            };
            return note(self.parts.open_here.tell(letter));
        }
        let executor = mastered.master.executor(place);
        let node = executor.node();
        match self.parts.peers.session(&node) {
            Some(session) => {
                session.ask_then(EXECUTOR, MASTER, &request, ASK_LIMIT, move |answer| {
                    tell(answer.ok());
                });
            }
            None => {
                let address = executor.worker.address.clone();
                mastered.asked.remove(&place);
                self.parts.peers.dial(node, address, &self.parts.peer_ports);
            }
        }
    }

    pub(super) fn send(
        &mut self,
        key: RunKey,
        place: Holder,
        generation: u32,
        tasks: Vec<TaskStart>,
    ) {
        let Some(mastered) = self.masters.get(&key) else {
            return;
        };
        let request = StartTasks {
            instance_id: key.instance_id,
            attempt: key.attempt,
            generation,
            tasks,
        };
        let port = self.parts.adrift.clone();
        let tell = move |is_taken: bool| {
            if !is_taken {
                let letter = TasksAdrift {
                    key,
                    place,
                    generation,
                };
                note(port.tell(letter));
            }
        };
        if place == LOCAL {
            let letter = StartRequested {
                from: self.parts.node.clone(),
                request,
                results: Some(mastered.master.results().clone()),
                answer: Answer::new(move |answer: TasksStarted| tell(answer.is_taken)),
            };
            return note(self.parts.start_here.tell(letter));
        }
        let node = mastered.master.executor(place).node();
        match self.parts.peers.session(&node) {
            Some(session) => {
                session.ask_then(EXECUTOR, MASTER, &request, ASK_LIMIT, move |answer| {
                    tell(answer.is_ok_and(|answer| answer.is_taken));
                });
            }
            None => tell(false),
        }
    }
}
