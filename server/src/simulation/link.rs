//! The way to a worker over the simulated network.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use powerjob_protocol::wire::server_to_worker::{
    KillAnswers, KillInstances, RunAnswers, RunInstances, StopAnswers, StopInstances,
};
use powerjob_session::SessionError;

use super::frame::ToWorker;
use crate::actor::worker_registry::WorkerSession;
use crate::live::WorkerLink;

type OnAnswer<A> = Box<dyn FnOnce(Result<A, SessionError>) + Send>;

/// Questions to workers that are not answered.
enum Asked {
    Run(OnAnswer<RunAnswers>),
    Stop(OnAnswer<StopAnswers>),
    Kill(OnAnswer<KillAnswers>),
}

#[derive(Default)]
struct Switchboard {
    next: u64,
    asked: BTreeMap<u64, Asked>,
    outgoing: Vec<(u64, ToWorker)>,
    closed: Vec<u64>,
}

/// All lines of a server.
#[derive(Clone, Default)]
pub(super) struct Lines(Arc<Mutex<Switchboard>>);

impl std::fmt::Debug for Lines {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Lines")
    }
}

/// One connection.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) connection: u64,
    pub(super) lines: Lines,
}

impl Lines {
    fn lock(&self) -> MutexGuard<'_, Switchboard> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ask(&self, connection: u64, asked: Asked, frame: impl FnOnce(u64) -> ToWorker) {
        let mut board = self.lock();
        board.next += 1;
        let number = board.next;
        board.asked.insert(number, asked);
        board.outgoing.push((connection, frame(number)));
    }

    pub(super) fn send(&self, connection: u64, frame: ToWorker) {
        self.lock().outgoing.push((connection, frame));
    }

    /// Frames by connection, and connections that this side has closed.
    pub(super) fn take_outgoing(&self) -> (Vec<(u64, ToWorker)>, Vec<u64>) {
        let mut board = self.lock();
        let closed = std::mem::take(&mut board.closed);
        (std::mem::take(&mut board.outgoing), closed)
    }

    pub(super) fn run_answered(&self, number: u64, answer: Result<RunAnswers, SessionError>) {
        let asked = self.lock().asked.remove(&number);
        if let Some(Asked::Run(on_answer)) = asked {
            on_answer(answer);
        }
    }

    pub(super) fn stop_answered(&self, number: u64, answer: Result<StopAnswers, SessionError>) {
        let asked = self.lock().asked.remove(&number);
        match (asked, answer) {
            (Some(Asked::Stop(on_answer)), answer) => on_answer(answer),
            (Some(Asked::Kill(on_answer)), answer) => {
                on_answer(answer.map(|StopAnswers { known }| KillAnswers { known }));
            }
            _ => {}
        }
    }
}

impl WorkerLink for Line {
    fn connection(&self) -> u64 {
        self.connection
    }

    fn run(&self, request: RunInstances, _limit: Duration, on_answer: OnAnswer<RunAnswers>) {
        let frame = |number| ToWorker::Run(number, request);
        self.lines
            .ask(self.connection, Asked::Run(on_answer), frame);
    }

    fn stop(&self, request: StopInstances, on_answer: OnAnswer<StopAnswers>) {
        let frame = |number| ToWorker::Stop(number, request);
        self.lines
            .ask(self.connection, Asked::Stop(on_answer), frame);
    }

    fn kill(&self, request: KillInstances, on_answer: OnAnswer<KillAnswers>) {
        let frame = |number| ToWorker::Kill(number, request);
        self.lines
            .ask(self.connection, Asked::Kill(on_answer), frame);
    }
}

impl WorkerSession for Line {
    fn close(&self, _reason: &str) {
        self.lines.lock().closed.push(self.connection);
    }
}
