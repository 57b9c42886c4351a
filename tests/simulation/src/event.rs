//! What happens when: a queue of events in the order of their times, equal ones in that of their making.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use powerjob_protocol::wire::server_to_worker::{RunAnswers, StopAnswers};
use powerjob_protocol::wire::worker_to_server::InstanceReport;
use powerjob_server::simulation::{Asker, FromWorker, Mailbox, StoreAnswer, StoreCall, ToWorker};
use powerjob_server::store::Error;
use powerjob_session::SessionError;
use powerjob_worker::simulation::Attempt;

use crate::database::LeaseTaken;
use crate::time::Micros;
use crate::writer::Batch;

/// A part of the world.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Node {
    /// A server by its number.
    Server(usize),
    /// A worker by its number.
    Worker(usize),
    /// The database.
    Database,
}

/// What is on its way over a connection.
#[derive(Debug, Clone)]
pub(crate) enum Payload {
    /// To a worker.
    ToWorker(Box<ToWorker>),
    /// From a worker.
    FromWorker(Box<FromWorker>),
    /// The worker's answer to a request for runs.
    RunAnswer(u64, Result<RunAnswers, SessionError>),
    /// The worker's answer to an order to stop.
    StopAnswer(u64, Result<StopAnswers, SessionError>),
}

/// Something that happens to one life of a server.
#[derive(Debug, Clone)]
pub(crate) enum ServerEvent {
    Turn(Mailbox),
    Ring(Micros),
    Tick,
    Check,
    Elect,
    Commit,
    Committed(Box<Batch>),
    Answered(Asker, Result<StoreAnswer, Error>),
    Renew,
    Renewed(Micros, Result<i64, Error>),
    AskLimit(u64, u64),
    /// The process ends, if it was told to leave and has given everything away or waited enough.
    Gone(Micros),
}

/// Something that happens to one life of a worker.
#[derive(Debug, Clone)]
pub(crate) enum WorkerEvent {
    Dial,
    Hear(u64),
    Introduce(u64),
    Beat,
    Repeat,
    Spooled(Vec<InstanceReport>),
    Announce(Attempt),
    Finish(Attempt, Result<String, String>),
    Expire(Attempt),
    ReportLimit(u64, u64),
    /// The process ends, if it was told to and holds nothing any more.
    Gone,
}

/// Something that happens.
#[derive(Debug, Clone)]
pub(crate) enum Event {
    Server(usize, u64, ServerEvent),
    Worker(usize, u64, WorkerEvent),
    /// A batch reaches the database.
    BatchArrives(usize, u64, Box<Batch>),
    /// A question reaches the database.
    CallArrives(usize, u64, Asker, StoreCall),
    /// A renewal reaches the database: when it was sent.
    RenewalArrives(usize, u64, Micros),
    /// A starting server asks for its lease.
    AcquireArrives(usize, u64, Micros),
    /// It has it.
    Acquired(usize, u64, Micros, LeaseTaken),
    /// A worker calls a server, sent on so many times before.
    DialArrives(usize, u64, usize, u32),
    /// A connection carries the first frame that waits, in this direction.
    Pump(u64, bool),
    /// An end of a connection has heard nothing for a while, if it is cut or its peer stands still.
    Silence(u64, Node),
    /// An end of a connection hears that the other has closed it.
    PeerGone(u64, Node),
    StartServer(usize),
    StartWorker(usize),
    /// A fault of the plan, by its place.
    Fault(usize),
    /// A person does something.
    User,
    /// All faults end.
    Heal,
    /// No further triggers and runs.
    Close,
}

#[derive(Debug)]
struct Entry {
    at: Micros,
    number: u64,
    event: Event,
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Entry {}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Entry {
    fn cmp(&self, other: &Self) -> Ordering {
        // The heap gives the greatest first.
        (other.at, other.number).cmp(&(self.at, self.number))
    }
}

/// The events to come.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    entries: BinaryHeap<Entry>,
    next: u64,
}

impl Queue {
    /// Puts an event in.
    pub(crate) fn put(&mut self, at: Micros, event: Event) {
        self.next += 1;
        let number = self.next;
        self.entries.push(Entry { at, number, event });
    }

    /// The next event.
    pub(crate) fn take(&mut self) -> Option<(Micros, Event)> {
        let entry = self.entries.pop()?;
        Some((entry.at, entry.event))
    }
}
