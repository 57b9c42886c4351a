//! One sample of every message type, with every field off its default.

use powerjob_protocol::wire::beats::*;
use powerjob_protocol::wire::codec;
use powerjob_protocol::wire::message::{TypeId, WireMessage};
use powerjob_protocol::wire::node::*;
use powerjob_protocol::wire::server_to_worker::*;
use powerjob_protocol::wire::task_journal::*;
use powerjob_protocol::wire::tasks::{FindTasks, TaskPlace, TasksFound};
use powerjob_protocol::wire::worker_to_server::*;
use powerjob_protocol::wire::worker_to_worker::*;

const INSTANCE: i64 = 241_521_139_652_755_520;
const TIME_MS: i64 = 1_733_576_949_000;

/// A sample of a type whose name is known only at run time.
pub(crate) struct Sample {
    pub(crate) type_id: TypeId,
    pub(crate) revision: u16,
    pub(crate) name: &'static str,
    pub(crate) bytes: Vec<u8>,
    pub(crate) json: serde_json::Value,
    /// Decodes bytes and encodes the value again; `None` when they are no such message.
    pub(crate) round_trip: fn(&[u8]) -> Option<Vec<u8>>,
    pub(crate) instances: Vec<i64>,
}

fn sample<M: WireMessage>(message: M) -> Sample {
    Sample {
        type_id: M::TYPE,
        revision: M::REVISION,
        name: M::NAME,
        bytes: codec::encode(&message).unwrap(),
        json: serde_json::to_value(&message).unwrap(),
        round_trip: |bytes| {
            let message: M = codec::decode(bytes).ok()?;
            Some(codec::encode(&message).unwrap())
        },
        instances: message.instances(),
    }
}

pub(crate) fn all() -> Vec<Sample> {
    vec![
        sample(heartbeat()),
        sample(InstanceReports {
            items: vec![report(5), report(4)],
        }),
        sample(ReportAnswers {
            items: vec![
                ReportAnswer::Stored,
                ReportAnswer::Stale,
                ReportAnswer::UnknownInstance,
                ReportAnswer::Again,
            ],
        }),
        sample(log_chunks()),
        sample(LogAnswer { is_stored: true }),
        sample(WorkerInventory {
            running: vec![HeldInstance {
                instance_id: INSTANCE,
                attempt: 2,
            }],
            finished: vec![report(10)],
            is_last: true,
        }),
        sample(InventoryAnswer {
            reports: vec![ReportAnswer::Stored],
            stop: vec![stop(StopReason::Superseded)],
        }),
        sample(KeepJournals {
            items: vec![journal_part()],
        }),
        sample(JournalsKept {
            items: vec![
                KeepVerdict::Kept,
                KeepVerdict::Stale,
                KeepVerdict::Again,
                KeepVerdict::Unwanted,
            ],
        }),
        sample(TakeJournal {
            instance_id: INSTANCE,
            attempt: 3,
            after_attempt: 2,
            after_number: 70,
        }),
        sample(JournalTaken {
            verdict: TakeVerdict::Again,
            parts: vec![journal_part()],
            is_last: true,
        }),
        sample(RunInstances {
            items: vec![run_instance()],
        }),
        sample(run_answers()),
        sample(StopInstances {
            items: vec![
                stop(StopReason::User),
                stop(StopReason::Superseded),
                stop(StopReason::TimeLimit),
            ],
        }),
        sample(StopAnswers {
            known: vec![true, false],
        }),
        sample(KillInstances {
            items: vec![stop(StopReason::User)],
        }),
        sample(KillAnswers { known: vec![true] }),
        sample(OwnerMoved {
            owner: "10.0.0.2:10010".to_owned(),
            epoch: 8,
        }),
        sample(name_teams()),
        sample(GetTasks {
            instance_id: INSTANCE,
            attempt: 2,
            limit: 100,
        }),
        sample(task_overview()),
        sample(find_tasks()),
        sample(tasks_found()),
        sample(RunBeats {
            items: [
                CrowdedBeat::Fails,
                CrowdedBeat::Skipped,
                CrowdedBeat::Waits(7),
                CrowdedBeat::Replaces,
            ]
            .map(beat_run)
            .to_vec(),
        }),
        sample(BeatAnswers {
            items: run_answers().items,
        }),
        sample(GetBeats {
            instance_id: INSTANCE,
            attempt: 2,
            limit: 20,
        }),
        sample(beat_overview()),
        sample(BeatReports {
            items: vec![beat_report()],
        }),
        sample(BeatsTaken { is_stored: true }),
        sample(task_results()),
        sample(ResultsTaken { is_known: true }),
        sample(MapTasks {
            instance_id: INSTANCE,
            attempt: 2,
            parent: TASK,
            batch: 1,
            name: "chunk".to_owned(),
            contents: vec![b"[1,2]".to_vec(), Vec::new()],
        }),
        sample(TasksMapped {
            verdict: MapVerdict::Gap,
        }),
        sample(StartTasks {
            instance_id: INSTANCE,
            attempt: 2,
            generation: 1,
            tasks: [
                TaskStage::Root,
                TaskStage::Prepare,
                TaskStage::Work,
                TaskStage::Finish,
            ]
            .map(task_start)
            .to_vec(),
        }),
        sample(TasksStarted { is_taken: true }),
        sample(CloseWork {
            instance_id: INSTANCE,
            attempt: 2,
            reason: CloseReason::TimeLimit,
        }),
        sample(WorkClosed {}),
        sample(OpenWork {
            run: run_instance(),
            generation: 1,
        }),
        sample(WorkOpened {
            verdict: OpenVerdict::Invalid("no such processor".to_owned()),
            window: 10,
            held: vec![TASK],
        }),
        sample(GetActors {}),
        sample(actor_readings()),
        sample(WatchTap {
            watch_id: 7,
            instance_id: Some(INSTANCE),
            actor: Some("taskTracker".to_owned()),
            kind: None,
            errors_only: true,
            bodies: true,
        }),
        sample(UnwatchTap { watch_id: 7 }),
        sample(TapRecords {
            watch_id: 7,
            dropped: 300,
            records: vec!["{}".to_owned()],
        }),
    ]
}

fn heartbeat() -> WorkerHeartbeat {
    WorkerHeartbeat {
        measured_at_ms: TIME_MS,
        address: "10.0.0.7:27777".to_owned(),
        tags: vec!["gpu".to_owned(), "zone-a".to_owned()],
        software: "powerjob/0.1.0".to_owned(),
        cpu_cores: 2.5,
        cpu_load: -1.0,
        memory_total_bytes: 4 << 30,
        memory_used_bytes: 1 << 30,
        process_memory_bytes: 6 << 20,
        disk_total_bytes: 1 << 40,
        disk_used_bytes: 251,
        running: 3,
        capacity: 1_024,
        processors: vec!["demo".to_owned()],
        draining: true,
    }
}

fn report(status: u8) -> InstanceReport {
    InstanceReport {
        instance_id: INSTANCE,
        attempt: 2,
        epoch: 17,
        job_revision: 3,
        trace_id: [0x0a; 16],
        status,
        result: "好".to_owned(),
        received_at_ms: TIME_MS,
        started_at_ms: TIME_MS + 1,
        finished_at_ms: TIME_MS + 2,
    }
}

fn log_chunks() -> LogChunks {
    let line = LogLine {
        at_ms: TIME_MS,
        level: 2,
        text: "begin".to_owned(),
    };
    LogChunks {
        items: vec![LogChunk {
            instance_id: INSTANCE,
            attempt: 2,
            first_sequence: 65_536,
            lost_before: 1,
            lines: vec![line],
        }],
    }
}

fn run_instance() -> RunInstance {
    RunInstance {
        instance_id: INSTANCE,
        attempt: 2,
        epoch: 17,
        job_revision: 3,
        trace_id: [0x0a; 16],
        job_id: 5,
        job_name: "nightly".to_owned(),
        execute_type: 1,
        processor_type: 4,
        processor_info: "demo".to_owned(),
        job_params: "{}".to_owned(),
        instance_params: "x=1".to_owned(),
        time_limit_ms: 60_000,
        concurrency: 5,
        task_retry_num: 1,
        nominal_time_ms: TIME_MS,
        wf_instance_id: Some(INSTANCE + 1),
        log_level: 2,
    }
}

fn run_answers() -> RunAnswers {
    let verdicts = [
        RunVerdict::Accepted,
        RunVerdict::Duplicate,
        RunVerdict::Overloaded,
        RunVerdict::Draining,
        RunVerdict::Invalid("no such processor".to_owned()),
    ];
    RunAnswers {
        items: verdicts
            .into_iter()
            .map(|verdict| RunAnswer {
                instance_id: INSTANCE,
                attempt: 2,
                verdict,
            })
            .collect(),
    }
}

fn stop(reason: StopReason) -> StopInstance {
    StopInstance {
        instance_id: INSTANCE,
        attempt: 2,
        epoch: 17,
        trace_id: [0x0a; 16],
        reason,
    }
}

fn actor_readings() -> ActorReadings {
    ActorReadings {
        items: vec![WireActorReading {
            path: "server/instances/0".to_owned(),
            depth: 1,
            capacity: 4_096,
            handled: 1_000_000,
            refused: 2,
            rate: 1_234.5,
            p50_us: 12,
            p99_us: 251,
            restarts: 1,
        }],
    }
}

const TASK: TaskRef = TaskRef {
    task: 70_000,
    attempt: 3,
};

fn task_start(stage: TaskStage) -> TaskStart {
    TaskStart {
        task: TASK,
        stage,
        retry: 1,
        id: "0.3.1".to_owned(),
        name: "chunk".to_owned(),
        content: b"[1,2]".to_vec(),
    }
}

fn task_results() -> TaskResults {
    let ends = [TaskEnd::Succeeded, TaskEnd::Failed, TaskEnd::GivenBack];
    TaskResults {
        instance_id: INSTANCE,
        attempt: 2,
        generation: 1,
        window: 300,
        items: ends
            .map(|end| TaskResult {
                task: TASK,
                end,
                result: "3".to_owned(),
                ran_ms: 15,
            })
            .to_vec(),
    }
}

fn name_teams() -> NameTeams {
    NameTeams {
        items: vec![InstanceTeam {
            instance_id: INSTANCE,
            attempt: 2,
            epoch: 17,
            workers: vec![TeamWorker {
                node_id: "w1-5f2a".to_owned(),
                incarnation: 1_733_576_949_000,
                name: "w1".to_owned(),
                address: "10.0.0.7:40001".to_owned(),
            }],
        }],
    }
}

fn find_tasks() -> FindTasks {
    FindTasks {
        instance_id: INSTANCE,
        attempt: 2,
        status: 5,
        level: "chunk".to_owned(),
        worker: "w1".to_owned(),
        text: "boom".to_owned(),
        after: TaskPlace {
            group: 2,
            number: 7,
        },
        limit: 50,
    }
}

fn tasks_found() -> TasksFound {
    TasksFound {
        is_known: true,
        tasks: task_overview().tasks,
        next: Some(TaskPlace {
            group: 2,
            number: 4_103,
        }),
    }
}

fn task_overview() -> TaskOverview {
    let counts = TaskCounts {
        waiting: 1,
        running: 2,
        succeeded: 300,
        failed: 4,
    };
    TaskOverview {
        is_known: true,
        total: counts,
        workers: vec![WorkerTasks {
            node_id: "w1-5f2a".to_owned(),
            name: "w1".to_owned(),
            is_ready: true,
            counts,
        }],
        tasks: vec![TaskLine {
            id: "0.3.1".to_owned(),
            name: "chunk".to_owned(),
            status: 5,
            worker: "w1".to_owned(),
            attempts: 3,
            result: "boom".to_owned(),
            content: "[1,2]".to_owned(),
            ran_ms: Some(17),
        }],
        levels: vec![LevelTasks {
            name: "chunk".to_owned(),
            counts,
        }],
        ended_per_1000_s: 61_000,
        left_ms: Some(49),
    }
}

fn journal_part() -> JournalPart {
    JournalPart {
        instance_id: INSTANCE,
        attempt: 2,
        number: 71,
        begins_anew: true,
        records: codec::encode(&journal_records()).unwrap(),
    }
}

/// One record of each kind.
pub(crate) fn journal_records() -> JournalRecords {
    JournalRecords {
        items: vec![
            JournalRecord::Made {
                parent: 0,
                ordinal: 300,
                name: "chunk".to_owned(),
                contents: vec![b"[1,2]".to_vec(), Vec::new()],
            },
            JournalRecord::Ended {
                first: 1,
                count: 2,
                is_success: true,
                results: vec!["3".to_owned()],
            },
            JournalRecord::Discarded { first: 3, count: 4 },
            JournalRecord::Parted { parent: 0, kept: 2 },
            JournalRecord::Decided,
            JournalRecord::FailedAgain,
            JournalRecord::Broken,
        ],
    }
}

fn beat_run(crowded: CrowdedBeat) -> BeatRun {
    let is_rate = matches!(crowded, CrowdedBeat::Fails | CrowdedBeat::Skipped);
    BeatRun {
        instance_id: INSTANCE,
        run: run_instance(),
        plan: BeatPlan {
            kind: if is_rate {
                BeatKind::Rate
            } else {
                BeatKind::Delay
            },
            every_ms: 250,
            until_ms: TIME_MS + 60_000,
            at_once: 3,
            crowded,
            missed: MissedBeats::MakeLast(1),
        },
    }
}

fn beat_overview() -> BeatOverview {
    BeatOverview {
        is_known: true,
        counts: BeatCounts {
            running: 1,
            waiting: 2,
            succeeded: 300,
            failed: 4,
            skipped: 5,
            missed: 6,
        },
        next_at_ms: TIME_MS + 250,
        beats: vec![SubInstance {
            number: 304,
            nominal_ms: TIME_MS,
            started_at_ms: TIME_MS + 1,
            finished_at_ms: TIME_MS + 2,
            status: 4,
            result: "no such table".to_owned(),
        }],
    }
}

fn beat_report() -> BeatReport {
    let BeatOverview { counts, beats, .. } = beat_overview();
    BeatReport {
        instance_id: INSTANCE,
        attempt: 2,
        every_ms: 250,
        first_ms: TIME_MS - 75_000,
        last_ms: TIME_MS,
        counts,
        beats,
    }
}
