//! Which workers can run a job at all? In: the job and what a worker says of itself. Out: yes, or
//! the first thing that stands in the way.
//!
//! Invariants:
//! 1. Whether a worker has room is not asked here: that changes with every run.
//! 2. A rule that the job does not use never excludes anyone.

use powerjob_common::processor_name::{PYTHON, SHELL, names_to_try};
use powerjob_common::status::ProcessorType;

use super::job::JobDefinition;
use super::worker::{Worker, WorkerState};

/// Why a worker cannot run a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Unfit {
    /// Its connection is gone, or it has not yet said what it holds.
    Disconnected,
    /// It shuts down.
    Draining,
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
    /// In words, as in "2 of 3 workers ...".
    pub fn words(self, job: &JobDefinition) -> String {
        match self {
            Self::Disconnected => "not connected".to_owned(),
            Self::Draining => "shutting down".to_owned(),
            Self::NotDesignated => {
                format!(
                    "not among the designated workers `{}`",
                    job.designated_workers
                )
            }
            Self::NoProcessor => format!("without the processor `{}`", processor_name(job)),
            Self::Cpu => format!("with less than {} free processors", job.min_cpu_cores),
            Self::Memory => format!("with less than {} GiB of free memory", job.min_memory_gib),
            Self::Disk => format!("with less than {} GiB of free disk", job.min_disk_gib),
        }
    }
}

/// Whether a worker can run a job.
pub fn check_fit(job: &JobDefinition, worker: &Worker) -> Result<(), Unfit> {
    match worker.state {
        WorkerState::Online => {}
        WorkerState::Draining => return Err(Unfit::Draining),
        WorkerState::Suspect | WorkerState::Lost => return Err(Unfit::Disconnected),
    }
    if !is_designated(&job.designated_workers, worker) {
        return Err(Unfit::NotDesignated);
    }
    if !has_processor(job, worker) {
        return Err(Unfit::NoProcessor);
    }
    let metrics = &worker.metrics;
    // As in the reference: processors must be more than wished for, memory and disk at least as much.
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

/// Whether a list of addresses, node names and tags names the worker; an empty list names all.
fn is_designated(list: &str, worker: &Worker) -> bool {
    let mut names = list
        .split(',')
        .map(str::trim)
        .filter(|name| !name.is_empty());
    let Some(first) = names.next() else {
        return true;
    };
    std::iter::once(first)
        .chain(names)
        .any(|name| is_named(name, worker))
}

/// Whether one entry of such a list means the worker.
pub fn is_named(name: &str, worker: &Worker) -> bool {
    if let Some(part) = name.strip_prefix("tagIn:") {
        return has_tag(part, worker) || worker.tags.iter().any(|tag| tag.contains(part));
    }
    if let Some(tag) = name.strip_prefix("tagEquals:") {
        return has_tag(tag, worker);
    }
    name == worker.address || name == worker.node.node_id || has_tag(name, worker)
}

fn has_tag(name: &str, worker: &Worker) -> bool {
    worker.tags.iter().any(|tag| tag == name)
}

/// The name under which workers offer what the job needs; a script is not a name.
fn processor_name(job: &JobDefinition) -> &str {
    match job.processor_type {
        ProcessorType::BuiltIn | ProcessorType::External => job.processor.trim(),
        ProcessorType::Shell => SHELL,
        ProcessorType::Python => PYTHON,
    }
}

/// Whether the worker knows the processor, by the rules by which it looks a name up itself.
fn has_processor(job: &JobDefinition, worker: &Worker) -> bool {
    job.processor_type == ProcessorType::External
        || names_to_try(processor_name(job)).any(|name| {
            let found = worker
                .processors
                .binary_search_by(|known| known.as_str().cmp(&name));
            found.is_ok()
        })
}

#[cfg(test)]
pub(crate) mod tests {
    use powerjob_common::id::{AppId, JobId, NodeRef};
    use powerjob_common::status::{
        DispatchStrategy, ExecuteType, LogLevel, SwitchableStatus, TimeExpressionType,
    };
    use powerjob_common::system_metrics::SystemMetrics;
    use powerjob_common::time::UnixMillis;
    use powerjob_common::time_expression::Lifecycle;

    use super::*;
    use crate::domain::job::ScheduleSpec;
    use crate::domain::policy::{RetryPolicy, SchedulePolicy};

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
            processors: vec!["demo.noop".to_owned(), SHELL.to_owned()],
        }
    }

    fn check(change: impl FnOnce(&mut JobDefinition, &mut Worker), expected: Result<(), Unfit>) {
        let (mut job, mut worker) = (job(), worker("w1"));
        change(&mut job, &mut worker);
        assert_eq!(check_fit(&job, &worker), expected, "{job:?}");
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
    fn designated_workers_are_named_by_address_node_or_tag() {
        for (list, fits) in [
            ("w1:1", true),
            (" w2:1 , gpu", true),
            ("w1", true),
            ("w1:", false),
            ("tagIn:tag", true),
            ("tagEquals:tag", false),
            ("tagEquals:tag1", true),
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

    #[test]
    fn equal_memory_is_enough_equal_processors_are_not() {
        check(|job, _| job.min_memory_gib = 3.0, Ok(()));
        check(|job, _| job.min_memory_gib = 3.1, Err(Unfit::Memory));
        check(|job, _| job.min_cpu_cores = 5.9, Ok(()));
        check(|job, _| job.min_cpu_cores = 6.0, Err(Unfit::Cpu));
        check(|job, _| job.min_disk_gib = 101.0, Err(Unfit::Disk));
    }
}
