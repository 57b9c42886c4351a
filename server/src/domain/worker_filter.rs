//! Which workers can run a job at all? In: the job and what the workers say of themselves. Out: for
//! each yes, or the first thing that stands in the way.
//!
//! Invariants:
//! 1. Whether a worker has room is not asked here: that changes with every run.
//! 2. A rule that the job does not use never excludes anyone.

use powerjob_common::processor_name::{PYTHON, SHELL, names_to_try};
use powerjob_common::reason::{Reason, ReasonCode};
use powerjob_common::status::ProcessorType;

use super::job::JobDefinition;
use super::worker::{Worker, WorkerState};
use super::worker_names::{Match, WorkerNames};

/// Why a worker cannot run a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Unfit {
    /// Its connection is gone, or it has not yet said what it holds.
    Disconnected,
    /// It shuts down.
    Draining,
    /// An operator has it drained.
    Drained,
    /// An operator took it off line.
    Offline,
    /// The job names other workers.
    NotDesignated,
    /// It does not have the processor.
    NoProcessor,
    /// Too few free processors.
    Cpu,
    /// Too little free memory.
    Memory,
    /// Too little free disk.
    Disk,
}

impl Unfit {
    /// As a reason, with what the job wants.
    pub fn reason(self, job: &JobDefinition) -> Reason {
        use ReasonCode::*;
        match self {
            Self::Disconnected => WorkerDisconnected.into(),
            Self::Draining => WorkerDraining.into(),
            Self::Drained => WorkerDrained.into(),
            Self::Offline => WorkerOffline.into(),
            Self::NotDesignated => {
                Reason::new(WorkerNotDesignated, "designated", &job.designated_workers)
            }
            Self::NoProcessor => {
                Reason::new(WorkerLacksProcessor, "processor", processor_name(job))
            }
            Self::Cpu => Reason::new(WorkerLacksCpu, "cores", job.min_cpu_cores),
            Self::Memory => Reason::new(WorkerLacksMemory, "gib", job.min_memory_gib),
            Self::Disk => Reason::new(WorkerLacksDisk, "gib", job.min_disk_gib),
        }
    }
}

/// The rules of one job for the workers of its application.
#[derive(Debug)]
pub struct WorkerFilter<'a> {
    job: &'a JobDefinition,
    designated: WorkerNames<'a>,
    /// The least that counts: a piece of a tag is enough only where nobody has the whole one.
    least: Match,
    /// Whether some worker says that it has the processor.
    is_named: bool,
}

impl<'a> WorkerFilter<'a> {
    /// The rules of a job, given all known workers.
    pub fn new<'w>(job: &'a JobDefinition, workers: impl Iterator<Item = &'w Worker>) -> Self {
        let designated = WorkerNames::parse(&job.designated_workers);
        let mut best = Match::None;
        let mut is_named = false;
        for worker in workers.filter(|worker| worker.state != WorkerState::Lost) {
            best = best.max(designated.of(worker));
            is_named = is_named || (worker.processors.is_some() && names_processor(job, worker));
        }
        Self {
            job,
            designated,
            least: best.max(Match::Part),
            is_named,
        }
    }

    /// Whether a worker can run the job.
    ///
    /// # Errors
    /// The first thing that stands in the way.
    pub fn check(&self, worker: &Worker) -> Result<(), Unfit> {
        is_in_service(worker)?;
        if !self.designated.is_empty() && self.designated.of(worker) < self.least {
            return Err(Unfit::NotDesignated);
        }
        if !self.has_processor(worker) {
            return Err(Unfit::NoProcessor);
        }
        has_means(self.job, worker)
    }
}

impl WorkerFilter<'_> {
    /// A worker that does not say what it has (one of the reference) may have it, if nobody says so or
    /// the job designates workers. It never has our script processors.
    fn has_processor(&self, worker: &Worker) -> bool {
        match (self.job.processor_type, &worker.processors) {
            (_, Some(_)) => names_processor(self.job, worker),
            (ProcessorType::External, None) => true,
            (ProcessorType::BuiltIn, None) => !self.is_named || !self.designated.is_empty(),
            (ProcessorType::Shell | ProcessorType::Python, None) => false,
        }
    }
}

fn is_in_service(worker: &Worker) -> Result<(), Unfit> {
    match worker.state {
        WorkerState::Online => Ok(()),
        WorkerState::Offline => Err(Unfit::Offline),
        WorkerState::Drained => Err(Unfit::Drained),
        WorkerState::Draining if worker.order.is_some() => Err(Unfit::Drained),
        WorkerState::Draining => Err(Unfit::Draining),
        WorkerState::Suspect | WorkerState::Lost => Err(Unfit::Disconnected),
    }
}

/// As in the reference: processors must be more than wished for, memory and disk at least as much.
fn has_means(job: &JobDefinition, worker: &Worker) -> Result<(), Unfit> {
    let metrics = &worker.metrics;
    if job.min_cpu_cores > 0.0
        && metrics.cpu_load > 0.0
        && metrics.free_cpu_cores() <= job.min_cpu_cores
    {
        return Err(Unfit::Cpu);
    }
    if job.min_memory_gib > 0.0 && metrics.free_memory_gib() < job.min_memory_gib {
        return Err(Unfit::Memory);
    }
    if job.min_disk_gib > 0.0 && metrics.free_disk_gib() < job.min_disk_gib {
        return Err(Unfit::Disk);
    }
    Ok(())
}

/// The name under which workers offer what the job needs; a script is not a name.
fn processor_name(job: &JobDefinition) -> &str {
    match job.processor_type {
        ProcessorType::BuiltIn | ProcessorType::External => job.processor.trim(),
        ProcessorType::Shell => SHELL,
        ProcessorType::Python => PYTHON,
    }
}

/// Whether the worker names the processor, by the rules by which it looks a name up itself.
fn names_processor(job: &JobDefinition, worker: &Worker) -> bool {
    let named = worker.processors.as_deref().unwrap_or_default();
    job.processor_type == ProcessorType::External
        || names_to_try(processor_name(job)).any(|name| {
            let found = named.binary_search_by(|known| known.as_str().cmp(&name));
            found.is_ok()
        })
}

#[cfg(test)]
pub(crate) mod tests {
    use powerjob_common::id::{AppId, JobId, NodeRef};
    use powerjob_common::status::{
        DispatchStrategy, ExecuteType, LogLevel, SwitchableStatus, TimeExpressionType,
        WorkerOrderKind,
    };
    use powerjob_common::system_metrics::SystemMetrics;
    use powerjob_common::time::UnixMillis;
    use powerjob_common::time_expression::Lifecycle;

    use super::*;
    use crate::domain::job::ScheduleSpec;
    use crate::domain::policy::{RetryPolicy, SchedulePolicy};
    use crate::domain::worker::WorkerOrder;

    pub(crate) fn job() -> JobDefinition {
        JobDefinition {
            id: JobId(1),
            app_id: AppId(1),
            revision: 1,
            name: "a job".to_owned(),
            description: String::new(),
            schedule: ScheduleSpec {
                kind: TimeExpressionType::Api,
                expression: String::new(),
                zone: None,
                lifecycle: Lifecycle::ALWAYS,
            },
            policy: SchedulePolicy::default(),
            execute_type: ExecuteType::Standalone,
            processor_type: ProcessorType::BuiltIn,
            processor: "demo.noop".to_owned(),
            params: String::new(),
            status: SwitchableStatus::Enable,
            max_instances: 0,
            concurrency: 5,
            time_limit_ms: 0,
            instance_retries: 0,
            retry: RetryPolicy::default(),
            task_retries: 0,
            dispatch_strategy: DispatchStrategy::HealthFirst,
            dispatch_config: String::new(),
            designated_workers: String::new(),
            max_workers: 0,
            min_cpu_cores: 0.0,
            min_memory_gib: 0.0,
            min_disk_gib: 0.0,
            log_level: LogLevel::Info,
            tag: String::new(),
            no_worker_grace_ms: 60_000,
            next_trigger_at: None,
            created_at: UnixMillis(0),
            modified_at: UnixMillis(0),
        }
    }

    pub(crate) fn worker(name: &str) -> Worker {
        Worker {
            node: NodeRef {
                node_id: name.to_owned(),
                incarnation: 1,
            },
            app_id: AppId(1),
            address: format!("{name}:1"),
            peer_address: String::new(),
            tags: vec!["tag1".to_owned(), "gpu".to_owned()],
            software: "test".to_owned(),
            state: WorkerState::Online,
            connected_at: UnixMillis(0),
            last_seen_at: UnixMillis(0),
            metrics: SystemMetrics {
                cpu_cores: 8.0,
                cpu_load: 2.0,
                memory_total_bytes: 4 << 30,
                memory_used_bytes: 1 << 30,
                disk_total_bytes: 100 << 30,
                ..SystemMetrics::default()
            },
            running: 0,
            capacity: 10,
            processors: Some(vec!["demo.noop".to_owned(), SHELL.to_owned()]),
            order: None,
        }
    }

    fn check(change: impl FnOnce(&mut JobDefinition, &mut Worker), expected: Result<(), Unfit>) {
        let (mut job, mut worker) = (job(), worker("w1"));
        change(&mut job, &mut worker);
        let filter = WorkerFilter::new(&job, std::iter::once(&worker));
        assert_eq!(filter.check(&worker), expected, "{job:?}");
    }

    #[test]
    fn a_job_without_wishes_fits_everywhere() {
        check(|_, _| (), Ok(()));
    }

    #[test]
    fn workers_that_go_are_left_out() {
        check(
            |_, worker| worker.state = WorkerState::Draining,
            Err(Unfit::Draining),
        );
        check(
            |_, worker| worker.state = WorkerState::Lost,
            Err(Unfit::Disconnected),
        );
    }

    #[test]
    fn an_operator_takes_workers_out_of_service() {
        let order = |kind| {
            Some(WorkerOrder {
                kind,
                given_by: "ADMIN".to_owned(),
                given_at: UnixMillis(1),
                reason: String::new(),
                revision: 1,
            })
        };
        check(
            |_, worker| {
                worker.state = WorkerState::Draining;
                worker.order = order(WorkerOrderKind::Drain);
            },
            Err(Unfit::Drained),
        );
        check(
            |_, worker| worker.state = WorkerState::Drained,
            Err(Unfit::Drained),
        );
        check(
            |_, worker| worker.state = WorkerState::Offline,
            Err(Unfit::Offline),
        );
    }

    /// Spec 01 section 11 case 39.
    #[test]
    fn only_designated_workers_are_taken() {
        for (list, fits) in [
            ("w1:1", true),
            (" w2:1 , gpu", true),
            ("w2:1", false),
            ("tagIn:tag", true),
            ("tagEquals:tag1", false),
            (" , ", true),
        ] {
            let expected = if fits {
                Ok(())
            } else {
                Err(Unfit::NotDesignated)
            };
            check(|job, _| job.designated_workers = list.to_owned(), expected);
        }
    }

    /// Spec 01 section 4.4: whole tags first, pieces of tags where nobody has the whole one.
    #[test]
    fn a_piece_of_a_tag_counts_only_where_nobody_has_the_whole() {
        let mut job = job();
        job.designated_workers = "tagIn:tag1".to_owned();
        let (whole, mut part) = (worker("w1"), worker("w2"));
        part.tags = vec!["tag10".to_owned()];
        let filter = WorkerFilter::new(&job, [&whole, &part].into_iter());
        assert_eq!(filter.check(&whole), Ok(()));
        assert_eq!(filter.check(&part), Err(Unfit::NotDesignated));
        let filter = WorkerFilter::new(&job, std::iter::once(&part));
        assert_eq!(filter.check(&part), Ok(()));
    }

    #[test]
    fn the_processor_must_be_there() {
        check(
            |job, _| job.processor = "other".to_owned(),
            Err(Unfit::NoProcessor),
        );
        check(|job, _| job.processor_type = ProcessorType::Shell, Ok(()));
        check(
            |job, _| job.processor = "com.acme.Orders#demo.noop".to_owned(),
            Ok(()),
        );
        let moved = "com.github.kfcfans.oms.processors.impl.script.ShellProcessor";
        check(|job, _| job.processor = moved.to_owned(), Ok(()));
        check(
            |job, _| job.processor_type = ProcessorType::Python,
            Err(Unfit::NoProcessor),
        );
    }

    /// Spec 05 section 11 rule 4.
    #[test]
    fn a_worker_that_names_nothing_is_tried_where_nobody_names_it() {
        let mut job = job();
        let rust = worker("w1");
        let mut java = worker("w2");
        java.processors = None;
        let both = |job: &JobDefinition| {
            let filter = WorkerFilter::new(job, [&rust, &java].into_iter());
            [filter.check(&rust).is_ok(), filter.check(&java).is_ok()]
        };
        assert_eq!(both(&job), [true, false]);
        job.processor = "com.acme.Orders".to_owned();
        assert_eq!(both(&job), [false, true]);
        job.processor = "demo.noop".to_owned();
        job.designated_workers = "w2:1".to_owned();
        assert_eq!(both(&job), [false, true], "designated");
        job.designated_workers.clear();
        job.processor_type = ProcessorType::Shell;
        assert_eq!(both(&job), [true, false]);
    }

    /// Spec 01 section 11 case 42; the worker has 3 GiB and 6 processors free.
    #[test]
    fn equal_memory_is_enough_equal_processors_are_not() {
        check(|job, _| job.min_memory_gib = 3.0, Ok(()));
        check(|job, _| job.min_memory_gib = 3.1, Err(Unfit::Memory));
        check(|job, _| job.min_cpu_cores = 5.9, Ok(()));
        check(|job, _| job.min_cpu_cores = 6.0, Err(Unfit::Cpu));
        check(|job, _| job.min_disk_gib = 101.0, Err(Unfit::Disk));
        let unknown_load = |job: &mut JobDefinition, worker: &mut Worker| {
            job.min_cpu_cores = 99.0;
            worker.metrics.cpu_load = -1.0;
        };
        check(unknown_load, Ok(()));
    }
}
