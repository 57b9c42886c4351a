//! Requests for second-level jobs: admitted as other runs, kept by the beat tracker.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use actix::prelude::*;
use powerjob_common::actor::Mail;
use powerjob_protocol::wire::beats::{BeatAnswers, BeatRun};
use powerjob_protocol::wire::server_to_worker::RunVerdict;

use super::{TaskTracker, answer_of};
use crate::actor::beat_letters::{BeatJob, BeatRequests, KeepBeats};
use crate::domain::RunKey;
use crate::domain::ending::CancelReason;

impl Handler<Mail<BeatRequests>> for TaskTracker {
    type Result = ();

    fn handle(&mut self, mail: Mail<BeatRequests>, _ctx: &mut Self::Context) {
        let (BeatRequests { items, answer }, _ticket) = mail.open();
        let now_ms = self.parts.setting.clock.now().0;
        let mut jobs = Vec::new();
        let admit = |item: BeatRun| {
            let key = (item.run.instance_id, item.run.attempt);
            answer_of(key, self.admit_beats(item, now_ms, &mut jobs))
        };
        let answers = items.into_iter().map(admit).collect();
        self.carry_out(false);
        if let Some(answer) = answer {
            answer.send(BeatAnswers { items: answers });
        }
        if !jobs.is_empty()
            && let Err(refused) = self.parts.keep_beats.tell(KeepBeats { items: jobs })
        {
            tracing::error!(%refused, "the beat tracker did not take accepted instances");
        }
        self.publish_load();
    }
}

impl TaskTracker {
    fn admit_beats(&mut self, item: BeatRun, now_ms: i64, jobs: &mut Vec<BeatJob>) -> RunVerdict {
        let key = RunKey::of_attempt(item.run.instance_id, item.run.attempt);
        let executable = match self.parts.registry.wanted(&item.run) {
            Ok(found) => found.executable.clone(),
            Err(reason) => {
                // Changed into what cannot run here: for the server it has failed by this answer.
                if self.beats.contains(&key) {
                    let cancel = (key, CancelReason::Superseded);
                    self.tracker.todo.cancels.push(cancel);
                }
                return RunVerdict::Invalid(reason);
            }
        };
        let is_overloaded = self.parts.is_overloaded.load(Ordering::Relaxed);
        let verdict = self.tracker.admit(&item.run, is_overloaded, now_ms);
        let is_new = verdict == RunVerdict::Accepted;
        if is_new {
            self.beats.insert(key);
        }
        if self.beats.contains(&key) {
            jobs.push(BeatJob {
                item: Arc::new(item),
                executable,
                is_new,
            });
        }
        verdict
    }
}
