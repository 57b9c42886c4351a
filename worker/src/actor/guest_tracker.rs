//! The executor side of instances that are spread over several workers: what masters, here and
//! elsewhere, have given to this worker.
//!
//! * **Owns** a `domain::heavy::guest::Guest` for each instance.
//! * **Hears** from masters (`OpenWork`, `StartTasks`, `CloseWork`), from the processor tracker
//!   (`TaskEvents`), from connections, and from the shutdown (`Drain`).
//! * **Tells** the processor tracker what to run and to cancel, and masters how tasks ended.
//! * **Survives** a restart: nothing; masters give the tasks to others.
//! * **Dies**: the worker ends with an error.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use actix::prelude::*;
use powerjob_common::actor::{Mail, Port, Refused};
use powerjob_common::id::NodeRef;
use powerjob_common::status::ExecuteType;
use powerjob_protocol::wire::server_to_worker::RunInstance;
use powerjob_protocol::wire::worker_to_worker::{
    CloseReason, OpenVerdict, OpenWork, ResultsTaken, TaskResults, TaskStart, TasksStarted,
    WorkClosed, WorkOpened,
};
use tokio::sync::{Mutex, watch};

use super::heavy_letters::{
    CloseRequested, MapRequested, OpenRequested, PeerChange, PeerChanged, ResultsAnswered,
    ResultsArrived, StartRequested,
};
use super::letters::{Answer, CancelRuns, Drain, StartRuns, TaskEvents};
use crate::domain::RunKey;
use crate::domain::ending::CancelReason;
use crate::domain::heavy::guest::Guest;
use crate::domain::heavy::results::ResultList;
use crate::domain::request;
use crate::online_log::LogWriter;
use crate::processor::registry::{Registered, Registry};
use crate::processor::runner::{Job, RunEvent};
use crate::processor::steps::code_of;
use crate::rpc::peers::{EXECUTOR, MASTER, Peers};
use crate::run::{Run, RunSetting};
use crate::task_part::{TaskPart, WayToMaster};

/// How often unsent results and absent masters are looked at.
const TICK: Duration = Duration::from_millis(200);
/// How long a master may take to answer.
const ASK_LIMIT: Duration = Duration::from_secs(5);
/// What a master that does not come back gave is ended after so long (spec 04 case W-36).
const MASTER_LIMIT: Duration = Duration::from_secs(60);
/// Instances that were closed, remembered to recognise late messages (case W-38).
const REMEMBERED: usize = 8_192;

/// What the guest tracker needs.
#[derive(Debug, Clone)]
pub(crate) struct GuestTrackerParts {
    pub(crate) me: Port<ResultsAnswered>,
    pub(crate) start: Port<StartRuns>,
    pub(crate) cancel: Port<CancelRuns>,
    pub(crate) results_here: Port<ResultsArrived>,
    pub(crate) map_here: Port<MapRequested>,
    pub(crate) peers: Peers,
    pub(crate) node: NodeRef,
    pub(crate) registry: Arc<Registry>,
    pub(crate) setting: Arc<RunSetting>,
    /// How many instances have something here.
    pub(crate) busy: watch::Sender<usize>,
}

#[derive(Debug)]
struct Work {
    guest: Guest,
    request: Arc<RunInstance>,
    kind: ExecuteType,
    found: Registered,
    master: Arc<NodeRef>,
    log: Arc<LogWriter>,
    results: Option<ResultList>,
    /// When the master was seen last.
    seen_at: Duration,
}

/// See the head of the file.
#[derive(Debug)]
pub(crate) struct GuestTracker {
    parts: GuestTrackerParts,
    works: BTreeMap<RunKey, Work>,
    runs: HashMap<u64, RunKey>,
    last_number: u64,
    closed: HashMap<i64, u32>,
    closed_order: VecDeque<(i64, u32)>,
    is_draining: bool,
}

impl GuestTracker {
    pub(crate) fn new(parts: GuestTrackerParts) -> Self {
        Self {
            parts,
            works: BTreeMap::new(),
            runs: HashMap::new(),
            last_number: 0,
            closed: HashMap::new(),
            closed_order: VecDeque::new(),
            is_draining: false,
        }
    }
}

impl Actor for GuestTracker {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(0); // the port counts
        ctx.run_interval(TICK, |actor, _ctx| actor.tick());
    }
}

impl Handler<Mail<OpenRequested>> for GuestTracker {
    type Result = ();

    fn handle(&mut self, mail: Mail<OpenRequested>, _ctx: &mut Self::Context) {
        let (letter, _ticket) = mail.open();
        let OpenRequested {
            from,
            request,
            answer,
        } = letter;
        answer.send(self.open(from, request));
        self.publish();
    }
}

impl Handler<Mail<StartRequested>> for GuestTracker {
    type Result = ();

    fn handle(&mut self, mail: Mail<StartRequested>, _ctx: &mut Self::Context) {
        let (letter, _ticket) = mail.open();
        let StartRequested {
            from,
            request,
            results,
            answer,
        } = letter;
        let key = RunKey::of_attempt(request.instance_id, request.attempt);
        let work = self
            .works
            .get_mut(&key)
            .filter(|work| *work.master == from && work.guest.generation() == request.generation);
        let is_taken = work.is_some();
        if let Some(work) = work {
            work.results = results;
            work.guest.take(request.tasks);
        }
        answer.send(TasksStarted { is_taken });
        self.go_on(key);
        self.publish();
    }
}

impl Handler<Mail<CloseRequested>> for GuestTracker {
    type Result = ();

    fn handle(&mut self, mail: Mail<CloseRequested>, _ctx: &mut Self::Context) {
        let (letter, _ticket) = mail.open();
        let CloseRequested {
            request, answer, ..
        } = letter;
        let reason = match request.reason {
            CloseReason::Stopped => CancelReason::UserStop,
            CloseReason::TimeLimit => CancelReason::Timeout,
            CloseReason::Decided | CloseReason::Abandoned => CancelReason::Superseded,
        };
        self.close_up_to(request.instance_id, request.attempt, reason);
        answer.send(WorkClosed {});
        self.publish();
    }
}

impl Handler<Mail<TaskEvents>> for GuestTracker {
    type Result = ();

    fn handle(&mut self, mail: Mail<TaskEvents>, _ctx: &mut Self::Context) {
        let (TaskEvents { events }, _ticket) = mail.open();
        let mut touched = BTreeSet::new();
        for event in events {
            let RunEvent::Ended { key, end } = event else {
                continue;
            };
            let Some(owner) = self.runs.remove(&key.number) else {
                continue;
            };
            if let Some(work) = self.works.get_mut(&owner) {
                work.guest.ended(key.number, end);
                touched.insert(owner);
            }
        }
        for key in touched {
            self.go_on(key);
        }
        self.publish();
    }
}

impl Handler<Mail<ResultsAnswered>> for GuestTracker {
    type Result = ();

    fn handle(&mut self, mail: Mail<ResultsAnswered>, _ctx: &mut Self::Context) {
        let (letter, _ticket) = mail.open();
        let ResultsAnswered {
            key,
            generation,
            is_known,
        } = letter;
        let Some(work) = self.works.get_mut(&key) else {
            return;
        };
        if work.guest.generation() != generation {
            return;
        }
        match is_known {
            Some(true) => {
                work.guest.answered(true);
                work.seen_at = self.parts.setting.clock.monotonic();
                self.go_on(key);
            }
            Some(false) => {
                self.close_up_to(key.instance_id, key.attempt, CancelReason::Superseded);
            }
            None => work.guest.answered(false), // the tick sends them again
        }
        self.publish();
    }
}

impl Handler<Mail<PeerChanged>> for GuestTracker {
    type Result = ();

    fn handle(&mut self, mail: Mail<PeerChanged>, _ctx: &mut Self::Context) {
        let (PeerChanged { node, change }, _ticket) = mail.open();
        if change == PeerChange::Here {
            for key in self.keys_of(&node) {
                self.go_on(key);
            }
        }
    }
}

impl Handler<Mail<Drain>> for GuestTracker {
    type Result = ();

    fn handle(&mut self, mail: Mail<Drain>, _ctx: &mut Self::Context) {
        let (Drain {}, _ticket) = mail.open();
        self.is_draining = true;
        let keys: Vec<RunKey> = self.works.keys().copied().collect();
        for key in keys {
            if let Some(work) = self.works.get_mut(&key)
                && *work.master != self.parts.node
            {
                work.guest.drain();
            }
            self.go_on(key);
        }
        self.publish();
    }
}

impl GuestTracker {
    fn open(&mut self, from: NodeRef, request: OpenWork) -> WorkOpened {
        let OpenWork { run, generation } = request;
        let key = RunKey::of_attempt(run.instance_id, run.attempt);
        let refused = |verdict| WorkOpened {
            verdict,
            window: 0,
            held: Vec::new(),
        };
        let closed = self.closed.get(&key.instance_id);
        // A master that does not know yet that another one has taken over.
        let later = RunKey::of_attempt(key.instance_id, key.attempt.saturating_add(1));
        let last = RunKey::of_attempt(key.instance_id, u32::MAX);
        let is_late = later <= last && self.works.range(later..=last).next().is_some();
        if is_late || closed.is_some_and(|attempt| *attempt >= key.attempt) {
            return refused(OpenVerdict::Closed);
        }
        if let Some(earlier) = key.attempt.checked_sub(1) {
            self.end_up_to(key.instance_id, earlier, CancelReason::Superseded);
        }
        let now = self.parts.setting.clock.monotonic();
        if let Some(work) = self.works.get_mut(&key) {
            work.master = Arc::new(from);
            work.seen_at = now;
            let given_up = work.guest.reopen(generation);
            self.cancel(key, given_up, CancelReason::Superseded);
        } else {
            match self.new_work(from, run, generation, now) {
                Ok(work) => self.works.insert(key, work),
                Err(reason) => return refused(OpenVerdict::Invalid(reason)),
            };
        }
        let guest = &self.works[&key].guest;
        WorkOpened {
            verdict: OpenVerdict::Opened,
            window: guest.window(),
            held: guest.held(),
        }
    }

    fn new_work(
        &self,
        master: NodeRef,
        run: RunInstance,
        generation: u32,
        now: Duration,
    ) -> Result<Work, String> {
        let kind = request::execute_type(&run)?;
        let found = self.parts.registry.wanted(&run)?.clone();
        let key = RunKey::of_attempt(run.instance_id, run.attempt);
        let setting = &self.parts.setting;
        let log = LogWriter::new(setting.logs.clone(), key, run.log_level).named(&setting.worker);
        let mut guest = Guest::new(generation, run.concurrency);
        if self.is_draining && master != self.parts.node {
            guest.drain();
        }
        Ok(Work {
            guest,
            request: Arc::new(run),
            kind,
            found,
            master: Arc::new(master),
            log: Arc::new(log),
            results: None,
            seen_at: now,
        })
    }

    /// Starts what may start, and sends what may be sent.
    fn go_on(&mut self, key: RunKey) {
        let mut jobs = Vec::new();
        let Some(work) = self.works.get_mut(&key) else {
            return;
        };
        while let Some(start) = work.guest.start_next(self.last_number + 1) {
            self.last_number += 1;
            self.runs.insert(self.last_number, key);
            jobs.push(job(&self.parts, work, self.last_number, start));
        }
        if !jobs.is_empty()
            && let Err(refused) = self.parts.start.tell(StartRuns { jobs })
        {
            tracing::error!(%refused, "the processor tracker did not take tasks");
        }
        self.send_results(key);
    }

    fn send_results(&mut self, key: RunKey) {
        let Some(work) = self.works.get_mut(&key) else {
            return;
        };
        let (generation, window) = (work.guest.generation(), work.guest.window());
        let Some(items) = work.guest.next_results() else {
            return;
        };
        let request = TaskResults {
            instance_id: key.instance_id,
            attempt: key.attempt,
            generation,
            window,
            items: items.to_vec(),
        };
        let port = self.parts.me.clone();
        let tell = move |is_known| {
            let letter = ResultsAnswered {
                key,
                generation,
                is_known,
            };
            if let Err(refused) = port.tell(letter) {
                tracing::error!(%refused, "an answer about results was not taken");
            }
        };
        if *work.master == self.parts.node {
            let answer = Answer::new(move |answer: ResultsTaken| {
                tell(Some(answer.is_known));
            });
            let from = self.parts.node.clone();
            let letter = ResultsArrived {
                from,
                request,
                answer,
            };
            if let Err(Refused::Full | Refused::Closed) = self.parts.results_here.tell(letter) {
                work.guest.answered(false);
            }
        } else if let Some(session) = self.parts.peers.session(&work.master) {
            session.ask_then(MASTER, EXECUTOR, &request, ASK_LIMIT, move |answer| {
                tell(answer.ok().map(|answer| answer.is_known));
            });
        } else {
            work.guest.answered(false);
        }
    }

    fn close_up_to(&mut self, instance_id: i64, attempt: u32, reason: CancelReason) {
        self.end_up_to(instance_id, attempt, reason);
        if self.closed_order.len() == REMEMBERED
            && let Some((oldest, its_attempt)) = self.closed_order.pop_front()
            && self.closed.get(&oldest) == Some(&its_attempt)
        {
            self.closed.remove(&oldest);
        }
        let known = self.closed.entry(instance_id).or_default();
        *known = attempt.max(*known);
        self.closed_order.push_back((instance_id, *known));
    }

    /// Ends what is here of an attempt and the earlier ones.
    fn end_up_to(&mut self, instance_id: i64, attempt: u32, reason: CancelReason) {
        let first = RunKey::of_attempt(instance_id, 0);
        let last = RunKey::of_attempt(instance_id, attempt);
        let keys: Vec<RunKey> = self
            .works
            .range(first..=last)
            .map(|(key, _)| *key)
            .collect();
        for key in keys {
            if let Some(mut work) = self.works.remove(&key) {
                let numbers = work.guest.clear();
                self.cancel(key, numbers, reason);
            }
        }
    }

    fn cancel(&mut self, key: RunKey, numbers: Vec<u64>, reason: CancelReason) {
        if numbers.is_empty() {
            return;
        }
        let runs = numbers
            .into_iter()
            .map(|number| {
                self.runs.remove(&number);
                (RunKey { number, ..key }, reason)
            })
            .collect();
        let at_once = false;
        if let Err(refused) = self.parts.cancel.tell(CancelRuns { runs, at_once }) {
            tracing::error!(%refused, "the processor tracker did not take a cancellation");
        }
    }

    fn keys_of(&self, master: &NodeRef) -> Vec<RunKey> {
        let is_its = |work: &Work| *work.master == *master;
        let works = self.works.iter().filter(|(_, work)| is_its(work));
        works.map(|(key, _)| *key).collect()
    }

    fn tick(&mut self) {
        let now = self.parts.setting.clock.monotonic();
        let keys: Vec<RunKey> = self.works.keys().copied().collect();
        for key in keys {
            let Some(work) = self.works.get_mut(&key) else {
                continue;
            };
            let is_here =
                *work.master == self.parts.node || self.parts.peers.session(&work.master).is_some();
            if is_here {
                work.seen_at = now;
                self.send_results(key);
            } else if now.saturating_sub(work.seen_at) > MASTER_LIMIT {
                tracing::warn!(
                    instance_id = key.instance_id,
                    "the master of an instance did not come back"
                );
                self.close_up_to(key.instance_id, key.attempt, CancelReason::Superseded);
            }
        }
        self.publish();
    }

    fn publish(&self) {
        let busy = self.works.values().filter(|work| !work.guest.is_empty());
        let count = busy.count();
        self.parts.busy.send_if_modified(|known| {
            let is_changed = *known != count;
            *known = count;
            is_changed
        });
    }
}

fn job(parts: &GuestTrackerParts, work: &Work, number: u64, start: TaskStart) -> Job {
    let executable = code_of(&work.found, work.kind, start.stage);
    let way = if *work.master == parts.node {
        WayToMaster::Here(parts.map_here.clone())
    } else {
        WayToMaster::There {
            peers: parts.peers.clone(),
            node: work.master.clone(),
        }
    };
    let task = TaskPart {
        start,
        way,
        results: work.results.clone(),
        next_batch: Mutex::new(0),
    };
    let part = (work.log.clone(), task);
    Job {
        run: Run::of_task(number, &work.request, part, &parts.setting),
        executable,
    }
}
