//! Executors are told that their part has ended, until they confirm it.

use std::time::Duration;

use actix::prelude::*;
use powerjob_common::actor::Mail;
use powerjob_common::id::NodeRef;
use powerjob_protocol::wire::worker_to_worker::CloseWork;

use super::{ASK_LIMIT, HeavyTracker, note};
use crate::actor::heavy_letters::{CloseAnswered, CloseRequested};
use crate::actor::letters::Answer;
use crate::rpc::peers::{EXECUTOR, MASTER};

/// An end that an executor has not confirmed is told so often, a second apart.
const CLOSE_TRIES: u32 = 15;
const CLOSE_PAUSE: Duration = Duration::from_secs(1);

/// An end that an executor has not confirmed.
#[derive(Debug)]
pub(super) struct Farewell {
    node: NodeRef,
    request: CloseWork,
    tries: u32,
    next_at: Duration,
}

impl Handler<Mail<CloseAnswered>> for HeavyTracker {
    type Result = ();

    fn handle(&mut self, mail: Mail<CloseAnswered>, _ctx: &mut Self::Context) {
        let (letter, _ticket) = mail.open();
        if letter.is_heard {
            self.farewells.retain(|farewell| {
                farewell.node != letter.node || farewell.request.instance_id != letter.instance_id
            });
        }
    }
}

impl HeavyTracker {
    pub(super) fn close(&mut self, node: NodeRef, request: CloseWork) {
        self.farewells.push(Farewell {
            node,
            request,
            tries: 0,
            next_at: Duration::ZERO,
        });
        self.say_farewells();
    }

    /// Tells executors of ends that they have not confirmed.
    pub(super) fn say_farewells(&mut self) {
        let now = self.parts.clock.monotonic();
        self.farewells
            .retain(|farewell| farewell.tries < CLOSE_TRIES);
        for farewell in &mut self.farewells {
            if farewell.next_at > now {
                continue;
            }
            farewell.tries += 1;
            farewell.next_at = now + CLOSE_PAUSE;
            let (node, request) = (farewell.node.clone(), farewell.request.clone());
            let port = self.parts.closed.clone();
            let instance_id = request.instance_id;
            let to = node.clone();
            let tell = move |is_heard| {
                let letter = CloseAnswered {
                    node,
                    instance_id,
                    is_heard,
                };
                note(port.tell(letter));
            };
            if to == self.parts.node {
                let answer = Answer::new(move |_| tell(true));
                let letter = CloseRequested {
                    from: to,
                    request,
                    answer,
                };
                note(self.parts.close_here.tell(letter));
            } else if let Some(session) = self.parts.peers.session(&to) {
                session.ask_then(EXECUTOR, MASTER, &request, ASK_LIMIT, move |answer| {
                    tell(answer.is_ok());
                });
            }
        }
    }
}
