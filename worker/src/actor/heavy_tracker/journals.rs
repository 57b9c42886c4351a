//! What masters have the server keep, and how one goes on from there.

use std::sync::Arc;
use std::time::Duration;

use actix::prelude::*;
use powerjob_common::actor::Mail;
use powerjob_common::status::InstanceStatus;
use powerjob_protocol::wire::server_to_worker::RunInstance;
use powerjob_protocol::wire::task_journal::{JournalTaken, JournalsKept, TakeJournal, TakeVerdict};

use super::life::setting_of;
use super::{HeavyTracker, note};
use crate::actor::journal_letters::{AskJournal, JournalArrived, JournalsAnswered, SendJournals};
use crate::actor::letters::Answer;
use crate::domain::RunKey;
use crate::domain::ending::{self, CancelReason, Ending};
use crate::domain::heavy::master::Master;
use crate::domain::heavy::replay::Replay;
use crate::domain::task_table::RunEnd;
use crate::processor::runner::RunEvent;

/// Bytes of one message.
const MESSAGE_BYTES: usize = 4 << 20;
/// The end of an instance waits no longer for its journal.
const CLOSING_LIMIT: Duration = Duration::from_secs(5);

/// An instance that this worker has accepted.
#[derive(Debug)]
pub(super) struct Accepted {
    pub(super) request: Arc<RunInstance>,
    pub(super) started_at_ms: i64,
    /// When its time limit passes.
    pub(super) deadline: Option<Duration>,
}

/// One whose earlier master is gone: its journal is on its way.
#[derive(Debug)]
pub(super) struct Loading {
    accepted: Accepted,
    replay: Replay,
    is_asked: bool,
}

impl HeavyTracker {
    /// Has the journal of an instance come, and goes on from there.
    pub(super) fn take_over(&mut self, key: RunKey, mut loading: Loading) {
        loading.is_asked = true;
        let after = loading.replay.last();
        self.loading.insert(key, loading);
        let port = self.parts.taken.clone();
        let answer = Answer::new(move |taken| note(port.tell(JournalArrived { key, taken })));
        let request = TakeJournal {
            instance_id: key.instance_id,
            attempt: key.attempt,
            after_attempt: after.0,
            after_number: after.1,
        };
        note(self.parts.take.tell(AskJournal { request, answer }));
    }

    fn arrived(&mut self, key: RunKey, mut loading: Loading, taken: JournalTaken) {
        for part in &taken.parts {
            if let Err(error) = loading.replay.take(part) {
                tracing::warn!(instance_id = key.instance_id, %error, "the instance begins anew");
                let setting = setting_of(&loading.accepted.request);
                let master = Master::new(setting, self.local());
                return self.lead(key, loading.accepted, master, true);
            }
        }
        if !taken.is_last {
            return self.take_over(key, loading);
        }
        let (master, begins_anew) = loading.replay.finish();
        tracing::info!(
            instance_id = key.instance_id,
            attempt = key.attempt,
            begins_anew,
            "an instance goes on with this worker as its master"
        );
        self.lead(key, loading.accepted, master, begins_anew);
    }

    /// Asks again for journals that did not come, and ends what has waited too long for its own.
    pub(super) fn tick_journals(&mut self) {
        let now = self.parts.clock.monotonic();
        let keys: Vec<RunKey> = self.loading.keys().copied().collect();
        for key in keys {
            let Some(loading) = self.loading.remove(&key) else {
                continue;
            };
            if loading
                .accepted
                .deadline
                .is_some_and(|deadline| deadline <= now)
            {
                self.end_loading(key, loading, CancelReason::Timeout);
            } else if loading.is_asked {
                self.loading.insert(key, loading);
            } else {
                self.take_over(key, loading);
            }
        }
        self.stream();
        self.end_closed();
    }

    /// Sends what is due of all journals.
    pub(super) fn stream(&mut self) {
        let now = self.parts.clock.monotonic();
        let (mut keys, mut items, mut bytes) = (Vec::new(), Vec::new(), 0);
        for (key, mastered) in &mut self.masters {
            if bytes >= MESSAGE_BYTES {
                break;
            }
            if let Some(part) = mastered.feed.next(&mut mastered.master, now) {
                bytes += part.records.len();
                keys.push(*key);
                items.push(part);
            }
        }
        if items.is_empty() {
            return;
        }
        let port = self.parts.kept.clone();
        let answer = Answer::new(move |kept: Option<JournalsKept>| {
            let verdicts = kept.map(|kept| kept.items).unwrap_or_default();
            let verdicts = verdicts.into_iter().map(Some);
            let all = verdicts.chain(std::iter::repeat(None));
            let items = keys.into_iter().zip(all).collect();
            note(port.tell(JournalsAnswered { items }));
        });
        note(self.parts.keep.tell(SendJournals { items, answer }));
    }

    /// Reports the ends that waited for their journals.
    pub(super) fn end_closed(&mut self) {
        let now = self.parts.clock.monotonic();
        let mut ended = Vec::new();
        for (key, mastered) in &mut self.masters {
            let is_closed =
                |(_, until): &(Ending, Duration)| *until <= now || mastered.feed.is_over();
            if mastered.ending.as_ref().is_some_and(is_closed)
                && let Some((ending, _)) = mastered.ending.take()
            {
                ended.push((*key, ending));
            }
        }
        for (key, ending) in ended {
            self.report_end(key, ending);
        }
    }

    /// Whether the end of an instance waits until its journal has it.
    pub(super) fn waits_for_journal(&mut self, key: RunKey, ending: &Ending) -> bool {
        let until = self.parts.clock.monotonic() + CLOSING_LIMIT;
        let Some(mastered) = self.masters.get_mut(&key) else {
            return false;
        };
        let waits = match ending.status {
            InstanceStatus::Failed => mastered.feed.close(&mastered.master),
            InstanceStatus::WaitingDispatch => mastered.feed.hand_on(),
            _ => false,
        };
        if !waits {
            return false;
        }
        mastered.ending = Some((ending.clone(), until));
        self.stream();
        self.end_closed();
        true
    }

    pub(super) fn end_loading(&mut self, key: RunKey, loading: Loading, reason: CancelReason) {
        let end = RunEnd {
            ending: ending::interrupted_master(reason),
            started_at_ms: loading.accepted.started_at_ms,
            finished_at_ms: self.parts.clock.now().0,
        };
        self.tell_task_tracker(RunEvent::Ended { key, end });
    }
}

impl Loading {
    pub(super) fn new(accepted: Accepted, replay: Replay) -> Self {
        Self {
            accepted,
            replay,
            is_asked: false,
        }
    }
}

impl Handler<Mail<JournalArrived>> for HeavyTracker {
    type Result = ();

    fn handle(&mut self, mail: Mail<JournalArrived>, _ctx: &mut Self::Context) {
        let (JournalArrived { key, taken }, _ticket) = mail.open();
        let Some(mut loading) = self.loading.remove(&key) else {
            return; // it was called off
        };
        match taken {
            Some(taken) if taken.verdict == TakeVerdict::Parts => self.arrived(key, loading, taken),
            Some(taken) if taken.verdict == TakeVerdict::Stale => {
                self.end_loading(key, loading, CancelReason::Superseded);
            }
            Some(_) | None => {
                loading.is_asked = false; // the tick asks again
                self.loading.insert(key, loading);
            }
        }
    }
}

impl Handler<Mail<JournalsAnswered>> for HeavyTracker {
    type Result = ();

    fn handle(&mut self, mail: Mail<JournalsAnswered>, _ctx: &mut Self::Context) {
        let (JournalsAnswered { items }, _ticket) = mail.open();
        for (key, verdict) in items {
            self.with(key, |mastered, _now| {
                mastered.feed.answered(verdict, &mut mastered.master);
            });
        }
        self.stream();
        self.end_closed();
    }
}
