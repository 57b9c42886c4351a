//! How instances of a master begin, are cancelled and end.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use actix::prelude::*;
use powerjob_common::actor::Mail;
use powerjob_common::status::ExecuteType;
use powerjob_protocol::wire::server_to_worker::{RunInstance, TeamWorker};
use powerjob_protocol::wire::worker_to_worker::MapVerdict;

use super::journals::{Accepted, Loading};
use super::{HeavyTracker, Mastered, note};
use crate::actor::heavy_letters::{CancelMasters, StartMasters, TeamsNamed};
use crate::actor::letters::{CancelAllRuns, TaskEvents};
use crate::domain::RunKey;
use crate::domain::ending::Ending;
use crate::domain::heavy::feed::Feed;
use crate::domain::heavy::master::{Master, Setting};
use crate::domain::heavy::replay::Replay;
use crate::domain::request;
use crate::domain::task_table::RunEnd;
use crate::processor::runner::RunEvent;

/// Teams that are kept for instances that have not come yet.
const EARLY_TEAMS: usize = 1_024;

impl Handler<Mail<StartMasters>> for HeavyTracker {
    type Result = ();

    fn handle(&mut self, mail: Mail<StartMasters>, _ctx: &mut Self::Context) {
        let (StartMasters { runs }, _ticket) = mail.open();
        for run in runs {
            self.start(run);
        }
    }
}

impl Handler<Mail<CancelMasters>> for HeavyTracker {
    type Result = ();

    fn handle(&mut self, mail: Mail<CancelMasters>, _ctx: &mut Self::Context) {
        let (CancelMasters { runs }, _ticket) = mail.open();
        for (key, reason) in runs {
            if let Some(loading) = self.loading.remove(&key) {
                self.end_loading(key, loading, reason);
            }
            self.with(key, |mastered, _now| mastered.master.cancel(reason));
        }
    }
}

impl Handler<Mail<CancelAllRuns>> for HeavyTracker {
    type Result = ();

    fn handle(&mut self, mail: Mail<CancelAllRuns>, _ctx: &mut Self::Context) {
        let (CancelAllRuns { reason }, _ticket) = mail.open();
        for (key, loading) in std::mem::take(&mut self.loading) {
            self.end_loading(key, loading, reason);
        }
        self.with_all(|mastered, _now| mastered.master.cancel(reason));
    }
}

impl Handler<Mail<TeamsNamed>> for HeavyTracker {
    type Result = ();

    fn handle(&mut self, mail: Mail<TeamsNamed>, _ctx: &mut Self::Context) {
        let (TeamsNamed { items }, _ticket) = mail.open();
        for item in items {
            let key = RunKey::of_attempt(item.instance_id, item.attempt);
            if self.masters.contains_key(&key) {
                self.with(key, |mastered, _now| mastered.master.team(item.workers));
            } else {
                self.early_teams.retain(|(early, _)| *early != key);
                if self.early_teams.len() == EARLY_TEAMS {
                    self.early_teams.pop_front();
                }
                self.early_teams.push_back((key, item.workers));
            }
        }
    }
}

impl HeavyTracker {
    fn start(&mut self, request: Arc<RunInstance>) {
        let key = RunKey::of_attempt(request.instance_id, request.attempt);
        let setting = setting_of(&request);
        let started_at_ms = self.parts.clock.now().0;
        let limit = Duration::from_millis(request.time_limit_ms);
        let deadline = (!limit.is_zero()).then(|| self.parts.clock.monotonic() + limit);
        let at_ms = started_at_ms;
        self.tell_task_tracker(RunEvent::Started { key, at_ms });
        let accepted = Accepted {
            request,
            started_at_ms,
            deadline,
        };
        let master = Master::new(setting, self.local());
        if master.has_journal() && key.attempt > 1 {
            let replay = Replay::new(setting, self.local());
            self.take_over(key, Loading::new(accepted, replay));
        } else {
            self.lead(key, accepted, master, false);
        }
    }

    /// This worker as an executor of its own instances.
    pub(super) fn local(&self) -> TeamWorker {
        TeamWorker {
            node_id: self.parts.node.node_id.clone(),
            incarnation: self.parts.node.incarnation,
            name: self.parts.name.clone(),
            address: String::new(),
        }
    }

    /// Begins to lead an instance.
    pub(super) fn lead(
        &mut self,
        key: RunKey,
        accepted: Accepted,
        mut master: Master,
        begins_anew: bool,
    ) {
        if let Some(place) = self.early_teams.iter().position(|(early, _)| *early == key)
            && let Some((_, workers)) = self.early_teams.remove(place)
        {
            master.team(workers);
        }
        master.keep_in_memory(self.parts.task_memory);
        if self.is_draining {
            master.wind_down();
        }
        let mastered = Mastered {
            master,
            feed: Feed::new(key, begins_anew, self.parts.clock.monotonic()),
            ending: None,
            request: accepted.request,
            started_at_ms: accepted.started_at_ms,
            deadline: accepted.deadline,
            asked: HashSet::new(),
            has_files: false,
            waiting: VecDeque::new(),
        };
        self.masters.insert(key, mastered);
        self.with(key, |_mastered, _now| {});
    }

    pub(super) fn finish(&mut self, key: RunKey, ending: Ending) {
        if !self.waits_for_journal(key, &ending) {
            self.report_end(key, ending);
        }
    }

    pub(super) fn report_end(&mut self, key: RunKey, ending: Ending) {
        let Some(mastered) = self.masters.remove(&key) else {
            return;
        };
        if mastered.has_files {
            self.remove_files(key);
        }
        for (_, answer) in mastered.waiting {
            answer.send(MapVerdict::Stale);
        }
        let end = RunEnd {
            ending,
            started_at_ms: mastered.started_at_ms,
            finished_at_ms: self.parts.clock.now().0,
        };
        self.tell_task_tracker(RunEvent::Ended { key, end });
    }

    pub(super) fn tell_task_tracker(&self, event: RunEvent) {
        let events = vec![event];
        note(self.parts.task_tracker.tell(TaskEvents { events }));
    }
}

pub(super) fn setting_of(request: &RunInstance) -> Setting {
    Setting {
        kind: request::execute_type(request).unwrap_or(ExecuteType::Standalone),
        task_retries: request.task_retry_num,
        concurrency: request.concurrency.max(1),
    }
}
