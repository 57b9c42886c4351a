//! The way from a server to the database and back.

use powerjob_common::id::AppId;
use powerjob_server::simulation::{Asker, Sink, StoreAnswer, StoreCall};
use powerjob_server::store::Error;
use powerjob_server::store::lease::Assignment;
use powerjob_server::store::write::{Lane, WriteOp, WriteOutcome};

use crate::event::{Event, Node, ServerEvent};
use crate::plant::Plant;
use crate::time::{Micros, ms};
use crate::world::World;
use crate::writer::Batch;

/// How long the writer waits for a lost database.
const WRITER_PATIENCE: Micros = ms(30_000);
/// The pause between two tries to reach it.
const PAUSE: Micros = ms(50);

impl World {
    /// How much longer than usual the database takes.
    pub(crate) fn database_pause(&mut self) -> Micros {
        if self.trouble.slow_until > self.now() {
            ms(self.random.between(20, 900))
        } else {
            self.random.between(100, 3_000)
        }
    }

    pub(crate) fn submit(
        &mut self,
        number: usize,
        sink: Sink,
        lane: Lane,
        items: Vec<(u64, WriteOp)>,
    ) {
        if self.plant == Some(Plant::EarlyCommit) && lane != Lane::Bulk {
            let applied = items
                .iter()
                .map(|(token, _)| (*token, WriteOutcome::Applied));
            let applied = applied.collect();
            self.with(number, |node| node.committed(sink, applied));
        }
        let server = &mut self.servers[number];
        if server.writer.submit(sink, lane, items) {
            let life = server.life;
            self.after(10, Event::Server(number, life, ServerEvent::Commit));
        }
    }

    pub(crate) fn begin_commit(&mut self, number: usize) {
        let now = self.now();
        let server = &mut self.servers[number];
        let fence = server.fence();
        if let Some(batch) = server.writer.begin(fence, now) {
            let life = server.life;
            let way = self.way() + self.database_pause();
            self.after(way, Event::BatchArrives(number, life, Box::new(batch)));
        }
    }

    pub(crate) fn batch_arrives(&mut self, number: usize, life: u64, mut batch: Box<Batch>) {
        let is_alive = self.servers[number].life == life;
        let is_away = self.is_cut(Node::Server(number), Node::Database);
        if is_away {
            let has_waited = self.now() > batch.begun + WRITER_PATIENCE;
            if !is_alive {
                return; // what was not sent dies with its sender
            }
            if has_waited {
                return self.reply_commit(number, life, batch, "the database is away");
            }
            return self.after(PAUSE, Event::BatchArrives(number, life, batch));
        }
        if batch.outcomes.is_some() {
            return self.reply_commit(number, life, batch, ""); // it asked what became of it
        }
        let is_failing = self.trouble.failing_until > self.now();
        if is_failing && self.random.one_in(3) {
            return self.reply_commit(number, life, batch, "the database refused");
        }
        let outcomes = self.database.apply(&batch.fence, &batch.ops);
        self.note_writes(number, &batch, &outcomes);
        batch.outcomes = Some(outcomes);
        if is_failing && self.random.one_in(3) {
            // The answer is lost: the writer asks what became of it.
            let pause = ms(self.random.between(50, 400));
            return self.after(pause, Event::BatchArrives(number, life, batch));
        }
        self.reply_commit(number, life, batch, "");
    }

    fn reply_commit(&mut self, number: usize, life: u64, mut batch: Box<Batch>, failure: &str) {
        if !failure.is_empty() {
            let failed = |_: &WriteOp| WriteOutcome::Failed(failure.to_owned());
            batch.outcomes = Some(batch.ops.iter().map(failed).collect());
        }
        let way = self.way();
        let committed = ServerEvent::Committed(batch);
        self.after(way, Event::Server(number, life, committed));
    }

    fn note_writes(&mut self, number: usize, batch: &Batch, outcomes: &[WriteOutcome]) {
        for (op, outcome) in batch.ops.iter().zip(outcomes) {
            self.note(|| match op {
                WriteOp::Insert(it) => format!(
                    "s{number} inserts {} of job {} {:?} {}: {outcome:?}",
                    it.instance_id, it.job_id, it.state.status, it.state.attempt
                ),
                WriteOp::Update(it) => format!(
                    "s{number} updates {} from {:?} {} to {:?} {} at {:?}: {outcome:?}",
                    it.instance_id,
                    it.expect_status,
                    it.expect_attempt,
                    it.state.status,
                    it.state.attempt,
                    it.state.tracker.as_ref().map(|it| it.node.to_string()),
                ),
                WriteOp::Trigger(it) => format!(
                    "s{number} triggers job {} rev {} {:?} -> {:?} with {:?}: {outcome:?}",
                    it.job_id,
                    it.job_revision,
                    it.expect_next,
                    it.next,
                    it.instances
                        .iter()
                        .map(|it| (it.instance_id, it.trigger))
                        .collect::<Vec<_>>()
                ),
            });
        }
    }

    pub(crate) fn committed(&mut self, number: usize, batch: Batch) {
        let outcomes = batch.outcomes.unwrap_or_default();
        let mut by_sink: Vec<(Sink, Vec<(u64, WriteOutcome)>)> = Vec::new();
        for ((sink, token), outcome) in batch.tokens.into_iter().zip(outcomes) {
            match by_sink.iter_mut().find(|(known, _)| *known == sink) {
                Some((_, results)) => results.push((token, outcome)),
                None => by_sink.push((sink, vec![(token, outcome)])),
            }
        }
        for (sink, results) in by_sink {
            let is_told = self.plant == Some(Plant::EarlyCommit) && sink != Sink::Scheduler;
            if !is_told {
                self.with(number, |node| node.committed(sink, results));
            }
        }
        let server = &mut self.servers[number];
        server.writer.end();
        let life = server.life;
        self.after(1, Event::Server(number, life, ServerEvent::Commit));
    }

    pub(crate) fn ask_store(&mut self, number: usize, asker: Asker, call: StoreCall) {
        let life = self.servers[number].life;
        let way = self.way() + self.database_pause();
        self.after(way, Event::CallArrives(number, life, asker, call));
    }

    pub(crate) fn call_arrives(&mut self, number: usize, life: u64, asker: Asker, call: StoreCall) {
        let is_alive = self.servers[number].life == life;
        let is_waiting =
            matches!(call, StoreCall::WaitForWrites) && !self.servers[number].writer.is_idle();
        if is_alive && is_waiting {
            return self.after(ms(5), Event::CallArrives(number, life, asker, call));
        }
        let is_away = self.is_cut(Node::Server(number), Node::Database);
        let unavailable = || Err(Error::Unavailable("away".to_owned()));
        let (answer, pause) = if is_away {
            (unavailable(), ms(self.random.between(1, 2_000)))
        } else if !is_alive {
            return;
        } else {
            let (now, wall) = (self.database_ms(), self.wall_of(Node::Server(number)));
            let fence = self.servers[number].fence();
            let mut answer = self.database.answer(&fence, &call, (now, wall));
            self.note(|| format!("s{number} asks {}: {}", brief(&call), answer.is_ok()));
            if self.trouble.failing_until > self.now() && self.random.one_in(6) {
                answer = unavailable(); // done or not, nobody knows
            }
            (answer, 0)
        };
        let answer = self.plant_take_over(answer);
        if let (StoreCall::TakeApps(_), Ok(StoreAnswer::Assigned(taken))) = (&call, &answer) {
            let taken: Vec<(AppId, i64)> = taken.iter().map(pair).collect();
            self.servers[number].apps.extend(taken);
        }
        if let (StoreCall::HandOver(..), Ok(StoreAnswer::Assigned(given))) = (&call, &answer) {
            for given in given {
                self.servers[number].apps.remove(&given.app_id);
            }
        }
        let way = self.way() + pause;
        let event = ServerEvent::Answered(asker, answer);
        self.after(way, Event::Server(number, life, event));
    }

    fn plant_take_over(&self, answer: Result<StoreAnswer, Error>) -> Result<StoreAnswer, Error> {
        match answer {
            Ok(StoreAnswer::Instances(_)) if self.plant == Some(Plant::BlindTakeOver) => {
                Ok(StoreAnswer::Instances(Vec::new()))
            }
            other => other,
        }
    }

    pub(crate) fn answered(
        &mut self,
        number: usize,
        asker: Asker,
        answer: Result<StoreAnswer, Error>,
    ) {
        self.with(number, |node| node.answered(asker, answer));
        self.elector_goes_on(number);
    }
}

fn pair(own: &Assignment) -> (AppId, i64) {
    (own.app_id, own.epoch)
}

fn brief(call: &StoreCall) -> String {
    match call {
        StoreCall::SaveJob(save) => format!("to save job {}", save.job.id),
        other => format!("{other:?}"),
    }
}
