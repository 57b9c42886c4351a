//! Handling letters, as each actor does it, and the answers of the store.

use std::sync::Arc;

use powerjob_common::id::InstanceId;

use super::letters::{DispatcherLetter, Mailbox, SchedulerLetter};
use super::node::{Asker, Asking, Effect, ServerNode, Sink};
use super::{StoreAnswer, StoreCall};
use crate::actor::dispatcher::{DispatchRuns, StopRuns};
use crate::actor::elector::simulation::Need;
use crate::actor::instance_manager::simulation::{ShardLetter, ShardNeeds};
use crate::actor::instance_manager::{AdoptRuns, AdoptedRun, ChangeError, ForgetRuns, shard_of};
use crate::actor::scheduler::simulation::Outbox;
use crate::store::Error;
use crate::store::job::JobSaved;
use crate::store::write::{Lane, WriteOp, WriteOutcome};

impl ServerNode {
    /// Handles the letters of a mailbox, at most so many, and ends the turn.
    pub fn handle(&mut self, mailbox: Mailbox, at_most: usize) {
        match mailbox {
            Mailbox::Scheduler => self.turn_scheduler(at_most),
            Mailbox::Instances(place) => self.turn_shard(place, at_most),
            Mailbox::Registry => {
                for _ in 0..at_most {
                    let letter = self.post.open().registry.pop_front();
                    let Some(letter) = letter else { break };
                    self.registry.handle(letter);
                }
            }
            Mailbox::Dispatcher => {
                for _ in 0..at_most {
                    let letter = self.post.open().dispatcher.pop_front();
                    match letter {
                        Some(DispatcherLetter::Dispatch(it)) => self.dispatcher.dispatch(it),
                        Some(DispatcherLetter::Stop(it)) => self.dispatcher.stop(it),
                        None => break,
                    }
                }
            }
        }
    }

    fn turn_shard(&mut self, place: usize, at_most: usize) {
        let now = self.clock.now();
        let mut settled = 0;
        for _ in 0..at_most {
            let letter = self.post.open().shards[place].pop_front();
            let Some(letter) = letter else { break };
            settled += usize::from(matches!(letter, ShardLetter::Settle));
            self.shards[place].handle(letter, now);
        }
        let ShardNeeds {
            mut outbox,
            questions,
        } = self.shards[place].end_turn(now);
        for (lane, writes) in outbox.take_writes() {
            self.write(Sink::Instances(place), lane, writes);
        }
        let (stops, runs, teams) = (outbox.stops, outbox.dispatches, outbox.teams);
        let letters = [
            (!stops.is_empty()).then(|| DispatcherLetter::Stop(StopRuns { stops })),
            (!runs.is_empty()).then(|| DispatcherLetter::Dispatch(DispatchRuns { runs, teams })),
        ];
        let letters = letters.into_iter().flatten();
        self.post.open().dispatcher.extend(letters);
        for ended in outbox.ended {
            self.post.scheduler(SchedulerLetter::Ended(ended));
        }
        for id in outbox.reloads {
            self.ask(Asking::Reload(place, id), StoreCall::Instance(id));
        }
        for (question, id, wants_job) in questions {
            let asking = Asking::Question(place, question, wants_job);
            self.ask(asking, StoreCall::Instance(id));
        }
        match self.shards[place].next_deadline() {
            Some(at) => self.deadlines.insert(Mailbox::Instances(place), at),
            None => self.deadlines.remove(&Mailbox::Instances(place)),
        };
        self.settled(settled);
    }

    /// So many of those that the elector waits for have submitted what they had decided.
    fn settled(&mut self, count: usize) {
        if count > 0 {
            self.unsettled -= count;
            if self.unsettled == 0 {
                let needs = self.elector.settled();
                self.meet_elector(needs);
            }
        }
    }

    fn turn_scheduler(&mut self, at_most: usize) {
        let mut settled = 0;
        for _ in 0..at_most {
            let letter = self.post.open().scheduler.pop_front();
            let Some(letter) = letter else { break };
            match letter {
                SchedulerLetter::Due => self.planner.look(),
                SchedulerLetter::Committed(results) => self.planner.committed(results),
                SchedulerLetter::Schedule(it) => self.planner.schedule_app(it),
                SchedulerLetter::Unschedule(app_id) => self.planner.unschedule_app(app_id),
                SchedulerLetter::Ended(it) => self.planner.run_ended(it.job_id, it.end),
                SchedulerLetter::Reloaded(job_id, found) => {
                    self.planner.reloaded(job_id, found.map(|job| *job));
                }
                SchedulerLetter::SwitchedOff(job) => self.planner.switched_off(&job),
                SchedulerLetter::Saved(saved) => self.job_saved(*saved),
                SchedulerLetter::Settle => settled += 1,
            }
        }
        let Outbox {
            writes,
            adopted,
            ended,
            reloads,
        } = std::mem::take(&mut self.planner.outbox);
        self.adopt(adopted);
        self.write(Sink::Scheduler, Lane::Bulk, writes);
        for job in ended {
            let call = StoreCall::EndSchedule(job.id, job.revision);
            self.ask(Asking::EndSchedule(job), call);
        }
        for job_id in reloads {
            self.ask(Asking::Job(job_id), StoreCall::Job(job_id));
        }
        match self.planner.next_deadline() {
            Some(at) => self.deadlines.insert(Mailbox::Scheduler, at),
            None => self.deadlines.remove(&Mailbox::Scheduler),
        };
        self.settled(settled);
    }

    fn job_saved(&mut self, JobSaved { job, canceled }: JobSaved) {
        self.planner.saved(&Arc::new(job), !canceled.is_empty());
        let shards = self.shards.len();
        for place in 0..shards {
            let here = canceled.iter().filter(|id| shard_of(**id, shards) == place);
            let ids: Vec<InstanceId> = here.copied().collect();
            if !ids.is_empty() {
                self.post
                    .shard(place, ShardLetter::Forget(ForgetRuns { ids }));
            }
        }
    }

    fn adopt(&mut self, adopted: Vec<AdoptedRun>) {
        let shards = self.shards.len();
        let mut by_shard: Vec<Vec<AdoptedRun>> = (0..shards).map(|_| Vec::new()).collect();
        for run in adopted {
            by_shard[shard_of(run.instance.instance_id, shards)].push(run);
        }
        for (place, runs) in by_shard.into_iter().enumerate() {
            if !runs.is_empty() {
                self.post
                    .shard(place, ShardLetter::Adopt(AdoptRuns { runs }));
            }
        }
    }

    fn write(&mut self, sink: Sink, lane: Lane, items: Vec<(u64, WriteOp)>) {
        if !items.is_empty() {
            self.effects.push(Effect::Write(sink, lane, items));
        }
    }

    fn ask(&mut self, asking: Asking, call: StoreCall) {
        self.effects.push(Effect::Ask(Asker(asking), call));
    }

    /// What became of writes.
    pub fn committed(&mut self, sink: Sink, results: Vec<(u64, WriteOutcome)>) {
        match sink {
            Sink::Scheduler => self.post.scheduler(SchedulerLetter::Committed(results)),
            Sink::Instances(place) => self.post.shard(place, ShardLetter::Committed(results)),
        }
    }

    /// The store has answered a question.
    pub fn answered(&mut self, Asker(asking): Asker, answer: Result<StoreAnswer, Error>) {
        match (asking, answer) {
            (Asking::Elector, answer) => {
                let needs = self.elector.answered(answer);
                self.meet_elector(needs);
            }
            (Asking::Reload(place, id), Ok(StoreAnswer::Instance(found))) => {
                let letter = ShardLetter::Reloaded(id, Some(found));
                self.post.shard(place, letter);
            }
            (Asking::Reload(place, id), Err(Error::NotFound { .. })) => {
                self.post.shard(place, ShardLetter::Reloaded(id, None));
            }
            // The actor asks again after a pause; the store of the simulation makes one anyway.
            (Asking::Reload(place, id), _) => {
                self.ask(Asking::Reload(place, id), StoreCall::Instance(id));
            }
            (Asking::Question(place, question, wants_job), found) => {
                self.stranger_found(place, question, wants_job, found);
            }
            (Asking::QuestionJob(place, question, instance), found) => {
                let found = match found {
                    Ok(StoreAnswer::Job(job)) => Ok((instance, Some(job))),
                    _ => Err(ChangeError::JobMissing),
                };
                self.post.shard(place, ShardLetter::Known(question, found));
            }
            (Asking::Job(job_id), answer) => {
                let found = match answer {
                    Ok(StoreAnswer::Job(job)) => Ok(job),
                    Ok(_) => return,
                    Err(error) => Err(error),
                };
                self.post
                    .scheduler(SchedulerLetter::Reloaded(job_id, found));
            }
            (Asking::EndSchedule(job), Ok(StoreAnswer::Ended(true))) => {
                self.post.scheduler(SchedulerLetter::SwitchedOff(job));
            }
            (Asking::Save, Ok(StoreAnswer::Saved(saved))) => {
                self.post.scheduler(SchedulerLetter::Saved(saved));
            }
            (Asking::EndSchedule(_) | Asking::Save, _) => {}
        }
    }

    fn stranger_found(
        &mut self,
        place: usize,
        question: u64,
        wants_job: bool,
        found: Result<StoreAnswer, Error>,
    ) {
        let found = match found {
            Ok(StoreAnswer::Instance(instance)) => {
                let job = self.jobs.get(instance.job_id);
                if wants_job && job.is_none() {
                    let call = StoreCall::Job(instance.job_id);
                    return self.ask(Asking::QuestionJob(place, question, instance), call);
                }
                Ok((instance, job.map(|job| Box::new((*job).clone()))))
            }
            Err(Error::NotFound { .. }) => Err(ChangeError::NotFound),
            _ => Err(ChangeError::Unavailable("the store".to_owned())),
        };
        self.post.shard(place, ShardLetter::Known(question, found));
    }

    pub(super) fn meet_elector(&mut self, needs: Vec<Need>) {
        for need in needs {
            match need {
                Need::Ask(call) => self.ask(Asking::Elector, call),
                Need::Adopt(runs) => self.adopt(runs),
                Need::Schedule(it) => self.post.scheduler(SchedulerLetter::Schedule(it)),
                Need::Unschedule(app_id) => {
                    self.post.scheduler(SchedulerLetter::Unschedule(app_id));
                }
                Need::Forget(app_id) => {
                    self.post.scheduler(SchedulerLetter::Unschedule(app_id));
                    self.post.all_shards(|| ShardLetter::DropApp(app_id));
                }
                Need::LetGo(app_id, owner) => {
                    self.post.scheduler(SchedulerLetter::Unschedule(app_id));
                    self.post.all_shards(|| ShardLetter::DropApp(app_id));
                    self.effects.push(Effect::SendAway(app_id, owner));
                }
                Need::Settle => {
                    self.unsettled = self.shards.len() + 1;
                    self.post.scheduler(SchedulerLetter::Settle);
                    self.post.all_shards(|| ShardLetter::Settle);
                }
                Need::Confirm(owned) => self.effects.push(Effect::Confirm(owned)),
            }
        }
    }
}
