//! The judgement at the end, when all faults are over and everything had its time.

use powerjob_common::id::AppId;
use powerjob_common::status::TimeExpressionType;
use powerjob_common::time::UnixMillis;
use powerjob_common::time_expression::Schedule;
use powerjob_protocol::wire::server_to_worker::RunInstance;
use powerjob_server::domain::instance::{Instance, Trigger};
use powerjob_server::domain::job::JobDefinition;
use powerjob_server::domain::trigger::{Timetable, go_on_after};

use crate::demand::places_needed;
use crate::time::{Micros, START, ms};
use crate::world::World;

/// So long after the faults everything is as it should be.
const RECOVERY: Micros = ms(13_000);
/// As late as a run may start then, in milliseconds, if nothing else holds it back.
const LATENESS_MS: i64 = 2_000;
/// The part of the workers' places that may be taken on average so that a run seldom waits for one.
const BUSY_SHARE: f64 = 0.6;

impl World {
    pub(crate) fn judge(&mut self) {
        self.judge_ends();
        self.judge_attempts();
        self.judge_schedules();
        for text in self.forgotten_ends() {
            self.broken(text);
        }
    }

    fn broken(&mut self, text: String) {
        self.database.ledger.broken.push(text);
    }

    /// INV-9: everything has ended.
    fn judge_ends(&mut self) {
        let open: Vec<_> = self
            .database
            .rows()
            .filter(|row| !row.instance.state.status.is_finished())
            .map(|row| {
                let it = &row.instance;
                let (state, id) = (&it.state, it.instance_id);
                format!(
                    "INV-9: instance {id} of job {} is {:?} in attempt {} at the end",
                    it.job_id, state.status, state.attempt
                )
            })
            .collect();
        let inside: Vec<_> = (0..self.servers.len())
            .filter_map(|server| self.with(server, |node| node.describe()))
            .flatten()
            .collect();
        for text in open {
            self.broken(text);
        }
        if !self.database.ledger.broken.is_empty() {
            for line in inside {
                self.note(|| format!("open: {line}"));
            }
        }
        let lost: Vec<_> = self
            .people
            .acknowledged
            .iter()
            .filter(|id| self.database.row(**id).is_none())
            .map(|id| format!("INV-9: instance {id} was acknowledged and does not exist"))
            .collect();
        for text in lost {
            self.broken(text);
        }
    }

    /// INV-6.
    fn judge_attempts(&mut self) {
        let instances: Vec<_> = self
            .database
            .rows()
            .map(|row| row.instance.clone())
            .collect();
        for instance in instances {
            if let Some(job) = self.database.job(instance.job_id).cloned() {
                self.database.ledger.check_attempts(&instance, &job);
            }
        }
    }

    /// INV-10: between two nominal times that have an instance none is missing, but for what the
    /// policy takes away and for when the job was off.
    fn judge_schedules(&mut self) {
        let mut missing = Vec::new();
        let occurrences = self.database.occurrences();
        for ((_, job_id), made) in &occurrences {
            if let Some(job) = self.database.job(*job_id) {
                missing.extend(self.gaps(job, made));
            }
        }
        for text in missing {
            self.broken(text);
        }
    }

    fn gaps(&self, job: &JobDefinition, made: &[(UnixMillis, &Instance)]) -> Vec<String> {
        let spec = &job.schedule;
        let has_grid = matches!(
            spec.kind,
            TimeExpressionType::Cron | TimeExpressionType::FixedRate
        );
        let parsed = Schedule::parse(spec.kind, &spec.expression, chrono_tz::UTC);
        let (true, Ok(schedule)) = (has_grid, parsed) else {
            return Vec::new();
        };
        let table = Timetable::of(job, &schedule);
        let mut gaps = Vec::new();
        for pair in made.windows(2) {
            let ((from, _), (to, next)) = (pair[0], pair[1]);
            let mut seen = from;
            while let Some(expected) =
                go_on_after(&table, from, seen).filter(|expected| *expected < to)
            {
                let ledger = &self.database.ledger;
                let Some(excused_until) = ledger.owes_nothing_until(job.id, expected) else {
                    gaps.push(format!(
                        "INV-10: job {} has no instance for {expected}, between {from} and {to}, \
                         which was made at {}",
                        job.id, next.created_at
                    ));
                    break;
                };
                seen = UnixMillis(excused_until.0 - 1);
            }
        }
        gaps
    }

    /// INV-11: when the code of a run starts long after the faults, it starts in time.
    pub(crate) fn on_time(&mut self, request: &RunInstance) {
        let is_late_run = request.attempt > 1 || self.now() < self.scenario.heal_at + RECOVERY;
        let Some(row) = self
            .database
            .row(powerjob_common::id::InstanceId(request.instance_id))
        else {
            return;
        };
        let Trigger::Schedule { nominal } = row.trigger else {
            return;
        };
        let was_early =
            nominal.0 - START.0 < ((self.scenario.heal_at + RECOVERY) / 1_000).cast_signed();
        let Some(job) = self.database.job(row.job_id) else {
            return;
        };
        let waits_for_others = powerjob_server::domain::overlap::run_limit(job) > 0;
        let is_crowded = self.scenario.jobs.iter().any(|job| job.params == "slow");
        if is_late_run
            || was_early
            || waits_for_others
            || is_crowded
            || self.is_overloaded(row.app_id)
        {
            return;
        }
        // A retry by hand moves the time at which it should start.
        let due = nominal.max(row.state.expected_at);
        let late = self.time.wall().0 - due.0 - i64::from(job.policy.jitter_ms);
        if late > LATENESS_MS {
            self.broken(format!(
                "INV-11: instance {} of job {} starts {late} ms late, long after the faults",
                request.instance_id, request.job_id
            ));
        }
    }

    /// Whether the jobs of an application ask for so much that its workers never have room for all.
    fn is_overloaded(&self, app_id: AppId) -> bool {
        let jobs = self.database.jobs_of(app_id);
        let needed: f64 = jobs.iter().map(places_needed).sum();
        let workers = self.workers.iter();
        let here = workers.filter(|worker| worker.app_id == app_id && worker.node.is_some());
        needed > (here.count() * self.scenario.places) as f64 * BUSY_SHARE
    }
}
