//! What is simulated, by seed: how many of what, which jobs, which faults and when.

use std::time::Duration;

use powerjob_common::id::{AppId, JobId};
use powerjob_common::status::{
    DispatchStrategy, ExecuteType, LogLevel, ProcessorType, SwitchableStatus, TimeExpressionType,
};
use powerjob_common::time::UnixMillis;
use powerjob_common::time_expression::{Lifecycle, Schedule};
use powerjob_server::domain::job::{JobDefinition, ScheduleSpec};
use powerjob_server::domain::policy::{BackOff, Misfire, Overlap, RetryPolicy, SchedulePolicy};
use powerjob_server::domain::trigger::first_trigger;

use crate::event::Node;
use crate::random::Random;
use crate::time::{Micros, START, ms};

/// Name of the processor that all workers have.
pub(crate) const PROCESSOR: &str = "sim.work";

/// Something that goes wrong.
#[derive(Debug, Clone)]
pub(crate) enum Fault {
    /// A process dies and comes back after a while.
    CrashServer(usize, Micros),
    /// A process dies and comes back after a while, with its folder or with an empty one.
    CrashWorker(usize, Micros, bool),
    /// A process stands still for a while.
    Freeze(Node, Micros),
    /// Nothing passes between two nodes for a while.
    Cut(Node, Node, Micros),
    /// All connections of a worker break, so many times in short order.
    Break(usize, u64),
    /// The wall clock of a node is set to be so wrong.
    SetClock(Node, i64),
    /// The database cannot be reached for a while.
    DatabaseAway(Micros),
    /// The database takes requests and answers late for a while.
    DatabaseSlow(Micros),
    /// Commits fail, or succeed without an answer, for a while.
    CommitsFail(Micros),
    /// The actors of a server are slow for a while.
    Busy(usize, Micros),
    /// A server is told to end, and starts again.
    LeaveServer(usize),
    /// A worker is told to end, and starts again.
    LeaveWorker(usize),
}

/// See the head of the file.
#[derive(Debug, Clone)]
pub(crate) struct Scenario {
    /// Servers.
    pub(crate) servers: usize,
    /// Instance managers of each.
    pub(crate) shards: usize,
    /// The applications of the workers.
    pub(crate) workers: Vec<AppId>,
    /// Runs at the same time on each worker.
    pub(crate) places: usize,
    /// Whether workers spool.
    pub(crate) has_spool: bool,
    /// All jobs.
    pub(crate) jobs: Vec<JobDefinition>,
    /// Faults with their times.
    pub(crate) faults: Vec<(Micros, Fault)>,
    /// When all faults end.
    pub(crate) heal_at: Micros,
    /// When triggers and calls end.
    pub(crate) close_at: Micros,
    /// How far the clocks of the nodes are off at the beginning, in milliseconds.
    pub(crate) skew_ms: i64,
    /// People do something about this often.
    pub(crate) user_every: Micros,
    /// What a server thinks that a claim costs the store: with a lot, two runs are a crowd.
    pub(crate) claim_cost: Duration,
}

impl Scenario {
    /// The scenario of a seed.
    pub(crate) fn of(seed: u64) -> Self {
        let random = &mut Random::new(seed);
        let apps = random.between(1, 3);
        let servers = random.of(&[1, 1, 2, 2, 3]);
        let mut workers = Vec::new();
        for app in 1..=apps {
            let count = random.between(1, 3);
            workers.extend((0..count).map(|_| AppId(app.cast_signed())));
        }
        let mut jobs = Vec::new();
        for number in 1..=random.between(2, 7) {
            let app_id = AppId((number % apps + 1).cast_signed());
            jobs.push(job(random, number.cast_signed(), app_id));
        }
        let heal_at = ms(random.between(8_000, 25_000));
        let mut scenario = Self {
            servers,
            shards: random.of(&[1, 2, 3]),
            places: random.of(&[2, 4, 8]),
            has_spool: !random.one_in(4),
            jobs,
            faults: Vec::new(),
            heal_at,
            close_at: heal_at + ms(20_000),
            skew_ms: random.of(&[0, 0, 20, 700, 5_000]),
            user_every: ms(random.of(&[200, 500, 2_000])),
            claim_cost: Duration::ZERO,
            workers,
        };
        for _ in 0..random.between(0, 8) {
            let at = ms(random.between(500, heal_at / 1_000));
            let fault = fault(random, &scenario);
            scenario.faults.push((at, fault));
        }
        scenario.faults.sort_by_key(|(at, _)| *at);
        scenario.claim_cost = Duration::from_millis(random.of(&[0, 0, 100, 700]));
        scenario
    }
}

fn span(random: &mut Random) -> Micros {
    ms(match random.below(4) {
        0 => random.between(5, 300),
        1 => random.between(300, 1_500),
        2 => random.between(1_500, 4_000),
        _ => random.between(4_000, 14_000),
    })
}

fn fault(random: &mut Random, scenario: &Scenario) -> Fault {
    let server = random.below(scenario.servers);
    let worker = random.below(scenario.workers.len());
    let some_node = |random: &mut Random| {
        if random.one_in(2) {
            Node::Server(server)
        } else {
            Node::Worker(worker)
        }
    };
    let node = some_node(random);
    let span = span(random);
    match random.below(15) {
        0 | 1 => Fault::CrashServer(server, span),
        2 => Fault::CrashWorker(worker, span, true),
        3 => Fault::CrashWorker(worker, span, random.one_in(2)),
        4 => Fault::Freeze(node, span),
        5 => Fault::Cut(Node::Server(server), Node::Worker(worker), span),
        6 => Fault::Cut(Node::Server(server), Node::Database, span),
        7 => Fault::Break(worker, random.of(&[1, 1, 10, 30])),
        8 => {
            let far = random.of(&[-3_600_000, -20_000, -1_500, 1_500, 20_000]);
            Fault::SetClock(node, far)
        }
        9 => Fault::DatabaseAway(span),
        10 => Fault::DatabaseSlow(span),
        11 => Fault::CommitsFail(span),
        12 => Fault::Busy(server, span),
        13 => Fault::LeaveServer(server),
        _ => Fault::LeaveWorker(worker),
    }
}

fn job(random: &mut Random, id: i64, app_id: AppId) -> JobDefinition {
    let (kind, expression) = match random.below(8) {
        0 | 1 => (TimeExpressionType::Cron, "* * * * * ?".to_owned()),
        2 => (TimeExpressionType::Cron, "0/2 * * * * ?".to_owned()),
        3 | 4 => {
            let every = random.of(&[150_u64, 400, 1_000, 3_000]);
            (TimeExpressionType::FixedRate, every.to_string())
        }
        5 => {
            let every = random.of(&[50_u64, 500, 2_000]);
            (TimeExpressionType::FixedDelay, every.to_string())
        }
        6 => {
            let at = START.0 + random.between(2_000, 15_000).cast_signed();
            (TimeExpressionType::Once, at.to_string())
        }
        _ => (TimeExpressionType::Api, String::new()),
    };
    let misfire = match random.below(4) {
        0 => Misfire::Skip,
        1 => Misfire::Once,
        2 => Misfire::CatchUp { runs: 3 },
        _ => Misfire::CatchUp { runs: 1_000 },
    };
    let overlap = match random.below(7) {
        0 => Overlap::Skip,
        1 => Overlap::Queue {
            limit: random.of(&[1, 3]),
        },
        2 => Overlap::Replace,
        _ => Overlap::Allow,
    };
    let policy = SchedulePolicy {
        misfire,
        overlap,
        jitter_ms: random.of(&[0, 0, 0, 300]),
        second_level: false,
    };
    let delay_ms = random.of(&[100, 1_000]);
    let mut job = JobDefinition {
        id: JobId(id),
        app_id,
        revision: 1,
        name: format!("job {id}"),
        description: String::new(),
        schedule: ScheduleSpec {
            kind,
            expression,
            zone: None,
            lifecycle: Lifecycle::ALWAYS,
        },
        policy,
        execute_type: ExecuteType::Standalone,
        processor_type: ProcessorType::BuiltIn,
        processor: PROCESSOR.to_owned(),
        params: random
            .of(&["quick", "quick", "mixed", "failing", "slow"])
            .to_owned(),
        status: SwitchableStatus::Enable,
        max_instances: random.of(&[0, 0, 0, 1, 2]),
        concurrency: 5,
        time_limit_ms: random.of(&[0, 0, 700]),
        instance_retries: random.of(&[0, 1, 3]),
        retry: RetryPolicy {
            back_off: BackOff::Fixed { delay_ms },
            jitter: 0.0,
        },
        task_retries: 0,
        dispatch_strategy: random.of(&[
            DispatchStrategy::HealthFirst,
            DispatchStrategy::Random,
            DispatchStrategy::RoundRobin,
        ]),
        dispatch_config: String::new(),
        designated_workers: String::new(),
        max_workers: 0,
        min_cpu_cores: 0.0,
        min_memory_gib: 0.0,
        min_disk_gib: 0.0,
        log_level: LogLevel::Info,
        tag: String::new(),
        no_worker_grace_ms: random.of(&[60_000, 60_000, 4_000]),
        next_trigger_at: None,
        created_at: START,
        modified_at: START,
    };
    job.next_trigger_at = first_time(&job);
    job
}

fn first_time(job: &JobDefinition) -> Option<UnixMillis> {
    let spec = &job.schedule;
    let schedule = Schedule::parse(spec.kind, &spec.expression, chrono_tz::UTC).ok()?;
    first_trigger(&schedule, &spec.lifecycle, START)
}
