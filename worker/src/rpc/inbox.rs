//! Hands what a server sends to the actor that it is meant for.

use std::sync::Mutex;

use powerjob_common::actor::{Port, Refused};
use powerjob_protocol::wire::beats::{BeatAnswers, BeatOverview, GetBeats, RunBeats};
use powerjob_protocol::wire::message::WireMessage;
use powerjob_protocol::wire::node::{GetActors, UnwatchTap, WatchTap};
use powerjob_protocol::wire::server_to_worker::{
    GetTasks, KillAnswers, KillInstances, NameTeams, OwnerMoved, RunAnswer, RunAnswers,
    RunInstance, RunInstances, RunVerdict, StopAnswers, StopInstance, StopInstances, TaskOverview,
};
use powerjob_protocol::wire::tasks::{FindTasks, TasksFound};
use powerjob_session::{CloseCause, ErrorCode, Inbox, Incoming, Responder, Session};
use tokio::sync::oneshot;

use super::course::Course;
use super::node::NodeDesk;
use crate::actor::beat_letters::{BeatRequests, BeatsAsked};
use crate::actor::heavy_letters::{TaskQuestion, TasksAsked, TeamsNamed};
use crate::actor::letters::{Answer, RunRequests, StopRequests};

/// What arrives from servers may fill this much of the task tracker's queue; the rest is kept for
/// the ends of runs, which must never be refused.
pub(crate) const REQUEST_PLACES: usize = 32_768;
/// How long a refused server waits before it asks again.
const RETRY_AFTER_MS: u32 = 50;

/// What a server hears that does not know yet that it has lost the application.
const STALE_OWNER: &str = "another server owns the application by now";

/// The receiving side of one session.
#[derive(Debug)]
pub(crate) struct LinkInbox {
    pub(crate) run: Port<RunRequests>,
    pub(crate) stop: Port<StopRequests>,
    pub(crate) teams: Port<TeamsNamed>,
    pub(crate) tasks: Port<TasksAsked>,
    pub(crate) run_beats: Port<BeatRequests>,
    pub(crate) beats: Port<BeatsAsked>,
    pub(crate) node: NodeDesk,
    pub(crate) course: Course,
    pub(crate) closed: Mutex<Option<oneshot::Sender<CloseCause>>>,
}

impl Inbox for LinkInbox {
    fn on_message(&self, session: &Session, message: Incoming) {
        match message.type_id() {
            RunInstances::TYPE => self.on_run(message),
            StopInstances::TYPE => self.on_stop(message),
            KillInstances::TYPE => self.on_kill(message),
            OwnerMoved::TYPE => self.on_owner_moved(message),
            NameTeams::TYPE => self.on_teams(message),
            GetTasks::TYPE => self.on_get_tasks(message),
            FindTasks::TYPE => self.on_find_tasks(message),
            RunBeats::TYPE => self.on_run_beats(message),
            GetBeats::TYPE => self.on_get_beats(message),
            GetActors::TYPE => self.node.on_get_actors(message),
            WatchTap::TYPE => self.node.on_watch(session, message),
            UnwatchTap::TYPE => self.node.on_unwatch(message),
            _ => message.refuse(ErrorCode::UNKNOWN_TYPE, "not a message for a worker", 0),
        }
    }

    fn on_closed(&self, _session: &Session, cause: CloseCause) {
        self.node.close();
        let waiting = self
            .closed
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .take();
        if let Some(waiting) = waiting {
            drop(waiting.send(cause));
        }
    }
}

impl LinkInbox {
    fn on_run(&self, message: Incoming) {
        let Some((RunInstances { items }, Some(responder))) = message.open::<RunInstances>() else {
            return;
        };
        if self.are_stale(items.iter().map(|item| item.epoch)) {
            return responder.error(ErrorCode::FORBIDDEN, STALE_OWNER, 0);
        }
        if self.run.depth() + items.len() > REQUEST_PLACES {
            let items = items.iter().map(overloaded).collect();
            return reply(responder, &RunAnswers { items });
        }
        let answer = Answer::new(move |answers: RunAnswers| reply(responder, &answers));
        self.note(self.run.tell(RunRequests {
            items,
            answer: Some(answer),
        }));
    }

    fn on_run_beats(&self, message: Incoming) {
        let Some((RunBeats { items }, Some(responder))) = message.open::<RunBeats>() else {
            return;
        };
        if self.are_stale(items.iter().map(|item| item.run.epoch)) {
            return responder.error(ErrorCode::FORBIDDEN, STALE_OWNER, 0);
        }
        if self.run_beats.depth() + items.len() > REQUEST_PLACES {
            let items = items.iter().map(|item| overloaded(&item.run)).collect();
            return reply(responder, &BeatAnswers { items });
        }
        let answer = Answer::new(move |answers: BeatAnswers| reply(responder, &answers));
        let answer = Some(answer);
        self.note(self.run_beats.tell(BeatRequests { items, answer }));
    }

    fn on_get_beats(&self, message: Incoming) {
        let Some((request, Some(responder))) = message.open::<GetBeats>() else {
            return;
        };
        let answer = Answer::new(move |overview: BeatOverview| reply(responder, &overview));
        self.note(self.beats.tell(BeatsAsked { request, answer }));
    }

    fn on_stop(&self, message: Incoming) {
        let Some((StopInstances { items }, Some(responder))) = message.open::<StopInstances>()
        else {
            return;
        };
        self.tell_stops(items, false, responder, |responder, answers| {
            reply(responder, &answers);
        });
    }

    fn on_kill(&self, message: Incoming) {
        let Some((KillInstances { items }, Some(responder))) = message.open::<KillInstances>()
        else {
            return;
        };
        self.tell_stops(items, true, responder, |responder, answers| {
            let known = answers.known;
            reply(responder, &KillAnswers { known });
        });
    }

    fn tell_stops(
        &self,
        items: Vec<StopInstance>,
        at_once: bool,
        responder: Responder,
        send: impl FnOnce(Responder, StopAnswers) + Send + 'static,
    ) {
        if self.are_stale(items.iter().map(|item| item.epoch)) {
            return responder.error(ErrorCode::FORBIDDEN, STALE_OWNER, 0);
        }
        if self.stop.depth() + items.len() > REQUEST_PLACES {
            responder.error(ErrorCode::OVERLOADED, "the worker is busy", RETRY_AFTER_MS);
            return;
        }
        self.note(self.stop.tell(StopRequests {
            items,
            at_once,
            answer: Some(Answer::new(move |answers| send(responder, answers))),
        }));
    }

    fn on_owner_moved(&self, message: Incoming) {
        if let Some((OwnerMoved { owner, epoch }, _)) = message.open::<OwnerMoved>() {
            tracing::info!(owner, "the application has moved to another server");
            self.course.moved_to(owner, epoch);
        }
    }

    fn on_teams(&self, message: Incoming) {
        let Some((NameTeams { items }, _)) = message.open::<NameTeams>() else {
            return;
        };
        if !self.are_stale(items.iter().map(|item| item.epoch)) {
            self.note(self.teams.tell(TeamsNamed { items }));
        }
    }

    fn on_get_tasks(&self, message: Incoming) {
        let Some((request, Some(responder))) = message.open::<GetTasks>() else {
            return;
        };
        let answer = Answer::new(move |overview: TaskOverview| reply(responder, &overview));
        let question = TaskQuestion::Overview(request, answer);
        self.note(self.tasks.tell(TasksAsked { question }));
    }

    fn on_find_tasks(&self, message: Incoming) {
        let Some((request, Some(responder))) = message.open::<FindTasks>() else {
            return;
        };
        let answer = Answer::new(move |found: TasksFound| reply(responder, &found));
        let question = TaskQuestion::Find(request, answer);
        self.note(self.tasks.tell(TasksAsked { question }));
    }

    /// Whether another server owns the application by now than the one these commands are from.
    fn are_stale(&self, mut epochs: impl Iterator<Item = i64>) -> bool {
        epochs.any(|epoch| !self.course.is_present(epoch))
    }

    /// A refused letter drops its responder, which tells the server.
    fn note(&self, told: Result<(), Refused>) {
        if let Err(refused) = told {
            tracing::warn!(%refused, "a request of a server was not taken");
        }
    }
}

fn overloaded(item: &RunInstance) -> RunAnswer {
    RunAnswer {
        instance_id: item.instance_id,
        attempt: item.attempt,
        verdict: RunVerdict::Overloaded,
    }
}

/// An answer that cannot be sent is one whose session ends; the next inventory tells the same.
pub(super) fn reply<A: WireMessage>(responder: Responder, answer: &A) {
    if let Err(error) = responder.reply(answer) {
        tracing::debug!(%error, "an answer was not sent");
    }
}
