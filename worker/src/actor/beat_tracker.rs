//! Makes the beats of second-level jobs: instances that do not end by themselves.
//!
//! * **Owns** a `domain::beats::metronome::Metronome` for each instance.
//! * **Hears** from the task tracker (instances, changes, cancellations), from the processor tracker
//!   (starts and ends of beats), from servers (`GetBeats`), from the shutdown (`Drain`).
//! * **Tells** the processor tracker which beats begin and which must end, the task tracker when an
//!   instance starts and ends, and the server what became of beats (`BeatReports`).
//! * **Survives** a restart: nothing; the server gives the instance to another worker.
//! * **Dies**: the worker ends with an error.

mod reports;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use actix::prelude::*;
use powerjob_common::actor::{Mail, Port, Refused};
use powerjob_common::status::InstanceStatus;
use powerjob_protocol::wire::beats::{BeatCounts, BeatOverview, BeatRun};
use powerjob_protocol::wire::server_to_worker::RunInstance;

use self::reports::Reports;
use super::beat_letters::{BeatJob, BeatsAnswered, BeatsAsked, EndBeats, KeepBeats, SendBeats};
use super::letters::{CancelRuns, Drain, StartRuns, TaskEvents};
use crate::domain::RunKey;
use crate::domain::beats::metronome::{Beat, Close, Metronome, Order};
use crate::domain::beats::plan::Plan;
use crate::domain::ending::{self, CancelReason, Ending};
use crate::domain::task_table::RunEnd;
use crate::online_log::LogWriter;
use crate::processor::registry::Executable;
use crate::processor::runner::{Job, RunEvent};
use crate::run::{BeatPart, Run, RunSetting};

/// How often the server hears what became of beats.
const REPORT_PAUSE: Duration = Duration::from_secs(2);
/// Beats of one answer for people.
const LISTED: usize = 200;

/// What the beat tracker needs.
#[derive(Debug, Clone)]
pub(crate) struct BeatTrackerParts {
    pub(crate) start: Port<StartRuns>,
    pub(crate) cancel: Port<CancelRuns>,
    pub(crate) task_tracker: Port<TaskEvents>,
    pub(crate) send: Port<SendBeats>,
    pub(crate) setting: Arc<RunSetting>,
}

/// An instance.
#[derive(Debug)]
struct Kept {
    metronome: Metronome,
    offset_us: i64,
    request: Arc<RunInstance>,
    executable: Executable,
    log: Arc<LogWriter>,
    started_at_ms: i64,
    /// Whether beats that must end get no grace time.
    at_once: bool,
    /// Its place among the deadlines.
    due_us: Option<i64>,
}

/// What letters lead to, told together.
#[derive(Debug, Default)]
struct Outbox {
    jobs: Vec<Job>,
    cancels: Vec<(RunKey, CancelReason)>,
    cancels_at_once: Vec<(RunKey, CancelReason)>,
    events: Vec<RunEvent>,
}

/// See the head of the file.
#[derive(Debug)]
pub(crate) struct BeatTracker {
    parts: BeatTrackerParts,
    kept: BTreeMap<RunKey, Kept>,
    deadlines: BTreeSet<(i64, RunKey)>,
    /// The alarm that is set, and for when.
    alarm: Option<(i64, SpawnHandle)>,
    outbox: Outbox,
    reports: Reports,
}

impl BeatTracker {
    pub(crate) fn new(parts: BeatTrackerParts) -> Self {
        Self {
            parts,
            kept: BTreeMap::new(),
            deadlines: BTreeSet::new(),
            alarm: None,
            outbox: Outbox::default(),
            reports: Reports::default(),
        }
    }
}

impl Actor for BeatTracker {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(0); // the port counts
        ctx.run_interval(REPORT_PAUSE, |actor, _ctx| actor.report());
    }
}

impl Handler<Mail<BeatsAnswered>> for BeatTracker {
    type Result = ();

    fn handle(&mut self, mail: Mail<BeatsAnswered>, _ctx: &mut Self::Context) {
        let (BeatsAnswered { is_stored }, _ticket) = mail.open();
        self.reports.answered(is_stored);
        if is_stored && self.reports.has_last() {
            self.report();
        }
    }
}

impl Handler<Mail<KeepBeats>> for BeatTracker {
    type Result = ();

    fn handle(&mut self, mail: Mail<KeepBeats>, ctx: &mut Self::Context) {
        let (KeepBeats { items }, _ticket) = mail.open();
        for job in items {
            if job.is_new {
                self.begin(job);
            } else {
                self.change(job);
            }
        }
        self.end_turn(ctx);
    }
}

impl Handler<Mail<EndBeats>> for BeatTracker {
    type Result = ();

    fn handle(&mut self, mail: Mail<EndBeats>, ctx: &mut Self::Context) {
        let (EndBeats { runs, at_once }, _ticket) = mail.open();
        for (key, reason) in runs {
            self.with(key, |kept, _now| {
                kept.at_once = at_once;
                kept.metronome.stop(reason, false);
            });
        }
        self.end_turn(ctx);
    }
}

impl Handler<Mail<Drain>> for BeatTracker {
    type Result = ();

    fn handle(&mut self, mail: Mail<Drain>, ctx: &mut Self::Context) {
        let (Drain {}, _ticket) = mail.open();
        let keys: Vec<RunKey> = self.kept.keys().copied().collect();
        for key in keys {
            let reason = CancelReason::WorkerShutdown;
            self.with(key, |kept, _now| kept.metronome.stop(reason, true));
        }
        self.end_turn(ctx);
    }
}

impl Handler<Mail<TaskEvents>> for BeatTracker {
    type Result = ();

    fn handle(&mut self, mail: Mail<TaskEvents>, ctx: &mut Self::Context) {
        let (TaskEvents { events }, _ticket) = mail.open();
        for event in events {
            let Some((key, number)) = event.key().beat() else {
                continue;
            };
            self.with(key, |kept, now| match event {
                RunEvent::Started { at_ms, .. } => kept.metronome.started(number, at_ms),
                RunEvent::Ended { end, .. } => kept.metronome.ended(number, end, now),
                RunEvent::Repeated { .. } | RunEvent::Returned { .. } => {}
            });
        }
        self.end_turn(ctx);
    }
}

impl Handler<Mail<BeatsAsked>> for BeatTracker {
    type Result = ();

    fn handle(&mut self, mail: Mail<BeatsAsked>, _ctx: &mut Self::Context) {
        let (BeatsAsked { request, answer }, _ticket) = mail.open();
        let key = RunKey::of_attempt(request.instance_id, request.attempt);
        let limit = LISTED.min(request.limit as usize);
        let overview = self.kept.get(&key).map_or_else(
            || BeatOverview {
                is_known: false,
                counts: BeatCounts::default(),
                next_at_ms: 0,
                beats: Vec::new(),
            },
            |kept| kept.metronome.overview(limit),
        );
        answer.send(overview);
    }
}

impl BeatTracker {
    fn now_us(&self) -> i64 {
        let now = self.parts.setting.clock.monotonic();
        i64::try_from(now.as_micros()).unwrap_or(i64::MAX)
    }

    fn begin(&mut self, job: BeatJob) {
        let BeatJob {
            item, executable, ..
        } = job;
        let BeatRun { run, plan, .. } = Arc::unwrap_or_clone(item);
        let key = RunKey::of_attempt(run.instance_id, run.attempt);
        let setting = &self.parts.setting;
        let started_at_ms = setting.clock.now().0;
        let now_us = self.now_us();
        let offset_us = started_at_ms.saturating_mul(1_000).saturating_sub(now_us);
        let plan = Plan::of(&plan, run.nominal_time_ms, offset_us);
        let is_first = run.attempt == 1;
        let log = LogWriter::new(setting.logs.clone(), key, run.log_level);
        let kept = Kept {
            metronome: Metronome::new(plan, offset_us, is_first, now_us),
            offset_us,
            request: Arc::new(run),
            executable,
            log: Arc::new(log),
            started_at_ms,
            at_once: false,
            due_us: None,
        };
        self.kept.insert(key, kept);
        let at_ms = started_at_ms;
        self.outbox.events.push(RunEvent::Started { key, at_ms });
        self.with(key, |_kept, _now| {});
    }

    /// Takes over what differs; what is as it was stays untouched.
    fn change(&mut self, job: BeatJob) {
        let BeatJob {
            item, executable, ..
        } = job;
        let BeatRun { run, plan, .. } = Arc::unwrap_or_clone(item);
        let key = RunKey::of_attempt(run.instance_id, run.attempt);
        self.with(key, |kept, now| {
            if kept.request.job_revision >= run.job_revision {
                return;
            }
            tracing::info!(
                instance_id = run.instance_id,
                job_revision = run.job_revision,
                "a second-level job was changed while it runs"
            );
            let plan = Plan::of(&plan, run.nominal_time_ms, kept.offset_us);
            kept.executable = executable;
            kept.request = Arc::new(run);
            kept.metronome.change(plan, now);
        });
    }

    /// Lets something happen to an instance, and notes what follows.
    fn with(&mut self, key: RunKey, happen: impl FnOnce(&mut Kept, i64)) {
        let now_us = self.now_us();
        let Some(kept) = self.kept.get_mut(&key) else {
            return;
        };
        happen(kept, now_us);
        self.reports.note(key);
        let mut close = None;
        for order in kept.metronome.take_orders() {
            match order {
                Order::Start(beat) => {
                    let job = kept.job(key, beat, &self.parts.setting);
                    self.outbox.jobs.push(job);
                }
                Order::Cancel(number, reason) => {
                    let cancels = match kept.at_once {
                        true => &mut self.outbox.cancels_at_once,
                        false => &mut self.outbox.cancels,
                    };
                    cancels.push((key.of_beat(number), reason));
                }
                Order::Finish(why) => close = Some(why),
            }
        }
        let due_us = kept.metronome.next_us();
        if kept.due_us != due_us {
            let before = std::mem::replace(&mut kept.due_us, due_us);
            if let Some(at_us) = before {
                self.deadlines.remove(&(at_us, key));
            }
            self.deadlines.extend(due_us.map(|at_us| (at_us, key)));
        }
        if let Some(close) = close {
            self.finish(key, close);
        }
    }

    fn finish(&mut self, key: RunKey, close: Close) {
        let Some(kept) = self.kept.remove(&key) else {
            return;
        };
        kept.log.close();
        let report = kept.metronome.report((key.instance_id, key.attempt));
        self.reports.end(key, report);
        let ending = match close {
            Close::Asked(reason) => ending::interrupted(reason),
            Close::Over => Ending {
                status: InstanceStatus::Succeed,
                text: summary(&kept.metronome.overview(0).counts),
            },
        };
        let end = RunEnd {
            ending,
            started_at_ms: kept.started_at_ms,
            finished_at_ms: self.parts.setting.clock.now().0,
        };
        self.outbox.events.push(RunEvent::Ended { key, end });
    }

    /// Tells the server what is new.
    fn report(&mut self) {
        let kept = &self.kept;
        let items = self.reports.next(|key| {
            let metronome = &kept.get(&key)?.metronome;
            Some(metronome.report((key.instance_id, key.attempt)))
        });
        let Some(items) = items else { return };
        if self.parts.send.tell(SendBeats { items }).is_err() {
            self.reports.answered(false);
        }
    }

    fn look(&mut self, ctx: &mut Context<Self>) {
        self.alarm = None;
        let now_us = self.now_us();
        while let Some((at_us, key)) = self.deadlines.first().copied()
            && at_us <= now_us
        {
            self.with(key, |kept, now| kept.metronome.look(now));
        }
        self.end_turn(ctx);
    }

    /// Tells what letters led to, and sets the alarm for the next beat.
    fn end_turn(&mut self, ctx: &mut Context<Self>) {
        let Outbox {
            jobs,
            cancels,
            cancels_at_once,
            events,
        } = std::mem::take(&mut self.outbox);
        if !jobs.is_empty() {
            note(self.parts.start.tell(StartRuns { jobs }));
        }
        for (runs, at_once) in [(cancels, false), (cancels_at_once, true)] {
            if !runs.is_empty() {
                note(self.parts.cancel.tell(CancelRuns { runs, at_once }));
            }
        }
        // Before the end of the instance, after which the server has no more to do with it.
        if self.reports.has_last() {
            self.report();
        }
        if !events.is_empty() {
            note(self.parts.task_tracker.tell(TaskEvents { events }));
        }
        self.set_alarm(ctx);
    }

    fn set_alarm(&mut self, ctx: &mut Context<Self>) {
        let next_us = self.deadlines.first().map(|(at_us, _)| *at_us);
        let set_for = self.alarm.as_ref().map(|(at_us, _)| *at_us);
        if next_us == set_for {
            return;
        }
        if let Some((_, alarm)) = self.alarm.take() {
            ctx.cancel_future(alarm);
        }
        let Some(at_us) = next_us else { return };
        let left_us = u64::try_from(at_us.saturating_sub(self.now_us())).unwrap_or(0);
        let sleep = actix_rt::time::sleep(Duration::from_micros(left_us));
        let waking = sleep.into_actor(self).map(|(), actor, ctx| actor.look(ctx));
        self.alarm = Some((at_us, ctx.spawn(waking)));
    }
}

impl Kept {
    fn job(&self, key: RunKey, beat: Beat, setting: &Arc<RunSetting>) -> Job {
        let part = BeatPart {
            number: beat.number,
            nominal_ms: self.metronome.wall_ms(beat.nominal_us),
        };
        let key = key.of_beat(beat.number);
        Job {
            run: Run::of_beat(key, &self.request, (self.log.clone(), part), setting),
            executable: self.executable.clone(),
        }
    }
}

/// The result of an instance whose schedule has ended.
fn summary(counts: &BeatCounts) -> String {
    let BeatCounts {
        succeeded,
        failed,
        skipped,
        missed,
        ..
    } = counts;
    format!("succeed:{succeeded}, failed:{failed}, skipped:{skipped}, missed:{missed}")
}

/// The queues have room for all that this worker itself can have under way.
fn note(told: Result<(), Refused>) {
    if let Err(refused) = told {
        tracing::error!(%refused, "a letter about the beats of an instance was not taken");
    }
}
