//! Hands what another worker sends to the actor that it is meant for.

use std::sync::Arc;

use powerjob_common::actor::{Letter, Port};
use powerjob_common::id::NodeRef;
use powerjob_protocol::wire::message::WireMessage;
use powerjob_protocol::wire::worker_to_worker::{
    CloseWork, MapTasks, OpenWork, StartTasks, TaskResults, TasksMapped,
};
use powerjob_session::{CloseCause, ErrorCode, Inbox, Incoming, Session};

use super::inbox::reply;
use super::peers::Peers;
use crate::actor::heavy_letters::{
    CloseRequested, MapRequested, OpenRequested, ResultsArrived, StartRequested,
};
use crate::actor::letters::Answer;

/// The actors that hear from other workers.
#[derive(Debug, Clone)]
pub(crate) struct PeerPorts {
    pub(crate) open: Port<OpenRequested>,
    pub(crate) start: Port<StartRequested>,
    pub(crate) close: Port<CloseRequested>,
    pub(crate) results: Port<ResultsArrived>,
    pub(crate) map: Port<MapRequested>,
}

/// The receiving side of one connection.
#[derive(Debug)]
pub(crate) struct PeerInbox {
    peers: Peers,
    ports: PeerPorts,
    /// Whom this worker has dialled; `None` if it was dialled.
    expected: Option<NodeRef>,
}

impl PeerInbox {
    pub(crate) fn shared(
        peers: Peers,
        ports: PeerPorts,
        expected: Option<NodeRef>,
    ) -> Arc<dyn Inbox> {
        Arc::new(Self {
            peers,
            ports,
            expected,
        })
    }
}

impl Inbox for PeerInbox {
    fn on_open(&self, session: &Session) {
        self.peers.enter(session, self.expected.as_ref());
    }

    fn on_message(&self, session: &Session, message: Incoming) {
        let from = session.peer().node.clone();
        let ports = &self.ports;
        match message.type_id() {
            OpenWork::TYPE => {
                let Some((request, Some(responder))) = message.open::<OpenWork>() else {
                    return;
                };
                let answer = Answer::new(move |answer| reply(responder, &answer));
                hand(
                    &ports.open,
                    OpenRequested {
                        from,
                        request,
                        answer,
                    },
                );
            }
            StartTasks::TYPE => {
                let Some((request, Some(responder))) = message.open::<StartTasks>() else {
                    return;
                };
                let answer = Answer::new(move |answer| reply(responder, &answer));
                let results = None;
                let letter = StartRequested {
                    from,
                    request,
                    results,
                    answer,
                };
                hand(&ports.start, letter);
            }
            CloseWork::TYPE => {
                let Some((request, Some(responder))) = message.open::<CloseWork>() else {
                    return;
                };
                let answer = Answer::new(move |answer| reply(responder, &answer));
                hand(
                    &ports.close,
                    CloseRequested {
                        from,
                        request,
                        answer,
                    },
                );
            }
            TaskResults::TYPE => {
                let Some((request, Some(responder))) = message.open::<TaskResults>() else {
                    return;
                };
                let answer = Answer::new(move |answer| reply(responder, &answer));
                hand(
                    &ports.results,
                    ResultsArrived {
                        from,
                        request,
                        answer,
                    },
                );
            }
            MapTasks::TYPE => {
                let Some((request, Some(responder))) = message.open::<MapTasks>() else {
                    return;
                };
                let answer = Answer::new(move |verdict| reply(responder, &TasksMapped { verdict }));
                hand(&ports.map, MapRequested { request, answer });
            }
            _ => message.refuse(ErrorCode::UNKNOWN_TYPE, "not a message for a worker", 0),
        }
    }

    fn on_closed(&self, session: &Session, _cause: CloseCause) {
        self.peers.leave(session);
    }
}

/// A refused letter drops its answer, which tells the peer; it asks again.
fn hand<L: Letter>(port: &Port<L>, letter: L) {
    if let Err(refused) = port.tell(letter) {
        tracing::warn!(%refused, "a message of another worker was not taken");
    }
}
