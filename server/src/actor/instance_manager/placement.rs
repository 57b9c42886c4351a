//! Chooses workers for runs: the pure rules of `domain`, with the tables and a cache around them.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use powerjob_common::id::{JobId, NodeRef};
use powerjob_common::reason::Reason;
use powerjob_common::status::DispatchStrategy;

use crate::domain::dispatch::{WaitsFor, survey};
use crate::domain::job::JobDefinition;
use crate::domain::overlap::run_limit;
use crate::domain::team::team_of;
use crate::domain::tracker_selector::{Candidate, Selection, select_tracker};
use crate::domain::worker::Worker;
use crate::live::{RunningCounts, WorkerEntry, WorkerTable};

/// Jobs whose candidates are remembered.
const CACHED_JOBS: usize = 10_000;

/// Where a run may go.
#[derive(Debug)]
pub(super) enum Placed {
    /// To this worker, whose place is taken and counted.
    At(WorkerEntry),
    /// Nowhere now.
    Waits(WaitsFor),
    /// Nowhere: so many runs of the job are out, as many as may be.
    Crowded { out: u32 },
}

/// Chooses workers.
#[derive(Debug)]
pub(super) struct Placement {
    workers: WorkerTable,
    running: RunningCounts,
    choices: HashMap<JobId, Choice>,
    random: u64,
}

/// The candidates for a job, right while job and workers stay as they are.
#[derive(Debug)]
struct Choice {
    version: u64,
    revision: i64,
    candidates: Vec<WorkerEntry>,
    /// How many of the candidates are asked together, see [`crate::domain::dispatch::Survey`].
    circles: Vec<usize>,
    /// Whose turn it is, for jobs whose strategy asks.
    turns: Option<Arc<AtomicU64>>,
    /// Why there are none.
    reason: Option<Arc<Reason>>,
    /// Why workers beside the candidates cannot.
    others: Arc<[Reason]>,
}

impl Placement {
    pub(super) fn new(workers: WorkerTable, running: RunningCounts, seed: u64) -> Self {
        Self {
            workers,
            running,
            choices: HashMap::new(),
            random: seed | 1,
        }
    }

    /// Chooses a worker and takes a place there, and one among the runs of the job that are out;
    /// `avoid` gets the run only if nobody else can. Workers that were `chosen` for the run take the
    /// place of those that the job designates.
    pub(super) fn place(
        &mut self,
        job: &JobDefinition,
        chosen: Option<&str>,
        avoid: Option<&NodeRef>,
        now: Duration,
    ) -> Placed {
        let limit = run_limit(job);
        let out = self.running.get(job.id);
        if limit > 0 && out >= limit {
            return Placed::Crowded { out };
        }
        let placed = self.choose(job, chosen, avoid, now);
        // Another shard may have been quicker.
        if let Placed::At(worker) = &placed
            && let Err(out) = self.running.enter(job.id, limit)
        {
            worker.give_back();
            return Placed::Crowded { out };
        }
        placed
    }

    /// As [`Placement::place`], for a run that counts among those that are out already.
    pub(super) fn choose(
        &mut self,
        job: &JobDefinition,
        chosen: Option<&str>,
        avoid: Option<&NodeRef>,
        now: Duration,
    ) -> Placed {
        let random = self.next_random();
        let own_choice;
        let choice = match chosen {
            Some(chosen) => {
                own_choice = self.choice_of(job, chosen);
                &own_choice
            }
            None => self.choice(job),
        };
        if let Some(reason) = &choice.reason {
            return Placed::Waits(WaitsFor::Worker(reason.clone()));
        }
        let candidate = |place: usize| {
            let entry = &choice.candidates[place];
            Candidate {
                score: entry.facts.metrics.score(),
                assigned: entry.assigned(),
                has_room: entry.has_room(now),
                is_avoided: avoid == Some(&entry.facts.node),
            }
        };
        let turn = choice
            .turns
            .as_ref()
            .map_or(random, |turns| turns.fetch_add(1, Relaxed));
        let selection = Selection {
            strategy: job.dispatch_strategy,
            limit: job.max_workers as usize,
            turn,
        };
        let mut circles = choice.circles.iter();
        let place = circles.find_map(|count| select_tracker(*count, candidate, selection));
        let Some(place) = place else {
            return Placed::Waits(WaitsFor::Room {
                workers: choice.candidates.len(),
                others: choice.others.clone(),
            });
        };
        let chosen = choice.candidates[place].clone();
        chosen.take();
        Placed::At(chosen)
    }

    /// The workers that may take part in a run whose master is `master`, the master first.
    pub(super) fn team(
        &mut self,
        job: &JobDefinition,
        chosen: Option<&str>,
        master: &NodeRef,
    ) -> Vec<Arc<Worker>> {
        let own_choice;
        let choice = match chosen {
            Some(chosen) => {
                own_choice = self.choice_of(job, chosen);
                &own_choice
            }
            None => self.choice(job),
        };
        let fit = choice.candidates.iter().map(|it| it.facts.clone());
        team_of(job, fit, master)
    }

    /// Counts a run that is out already, whatever the limit of its job says now.
    pub(super) fn recount(&self, job_id: JobId) {
        self.running.enter(job_id, 0).ok();
    }

    /// A run is out no more.
    pub(super) fn leave(&self, job_id: JobId) {
        self.running.leave(job_id);
    }

    /// The candidates of a run whose caller chose workers; not remembered.
    fn choice_of(&self, job: &JobDefinition, chosen: &str) -> Choice {
        let job = JobDefinition {
            designated_workers: chosen.to_owned(),
            ..job.clone()
        };
        let workers = self.workers.of_app(job.app_id);
        Choice::new(&job, &workers, self.workers.version(), None)
    }

    fn choice(&mut self, job: &JobDefinition) -> &Choice {
        let version = self.workers.version();
        let is_right =
            |choice: &Choice| choice.version == version && choice.revision == job.revision;
        if !self.choices.get(&job.id).is_some_and(is_right) {
            if self.choices.len() >= CACHED_JOBS {
                self.choices.clear();
            }
            let workers = self.workers.of_app(job.app_id);
            let turns = (job.dispatch_strategy == DispatchStrategy::RoundRobin)
                .then(|| self.running.turns(job.id));
            let choice = Choice::new(job, &workers, version, turns);
            self.choices.insert(job.id, choice);
        }
        &self.choices[&job.id]
    }

    /// xorshift: which of equal workers gets a run needs no better randomness.
    fn next_random(&mut self) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random
    }
}

impl Choice {
    fn new(
        job: &JobDefinition,
        workers: &Arc<Vec<WorkerEntry>>,
        version: u64,
        turns: Option<Arc<AtomicU64>>,
    ) -> Self {
        let survey = survey(job, workers.iter().map(|entry| entry.facts.as_ref()));
        let candidates: Vec<_> = survey
            .fit
            .iter()
            .map(|place| workers[*place].clone())
            .collect();
        Self {
            version,
            revision: job.revision,
            reason: candidates
                .is_empty()
                .then(|| Arc::new(survey.why_nobody(job))),
            others: survey.why_unfit(job).into(),
            candidates,
            circles: survey.circles,
            turns,
        }
    }
}
