//! Instances whose beats a worker makes: second-level jobs.

use serde::{Deserialize, Serialize};

use super::codec::{Decode, Encode};
use super::server_to_worker::{RunAnswer, RunInstance};

/// Asks a worker to own instances and to make their beats until they are stopped. Repeating it is
/// harmless; repeated for an attempt that runs, what differs is taken over from the next beat on.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct RunBeats {
    /// The instances.
    pub items: Vec<BeatRun>,
}

/// Answers [`RunBeats`], one answer per item and in its order.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct BeatAnswers {
    /// The answers.
    pub items: Vec<RunAnswer>,
}

/// One instance and its beats.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct BeatRun {
    /// The instance.
    pub instance_id: i64,
    /// What each beat runs; its nominal time is that of the first beat, its time limit that of a beat.
    pub run: RunInstance,
    /// When there are beats.
    pub plan: BeatPlan,
}

/// When there are beats, and what becomes of those that cannot be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct BeatPlan {
    /// What `every_ms` is.
    pub kind: BeatKind,
    /// Milliseconds, 1 or more.
    pub every_ms: u64,
    /// No beat after this, epoch milliseconds; 0 = without end.
    pub until_ms: i64,
    /// Beats that may run at once; 0 = as many as the worker allows.
    pub at_once: u32,
    /// What becomes of a beat that is due while so many run.
    pub crowded: CrowdedBeat,
    /// What becomes of beats that nobody could make in time.
    pub missed: MissedBeats,
}

/// What the interval of beats is. Grows only at the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub enum BeatKind {
    /// The distance of the points of a grid that begins with the first beat.
    Rate,
    /// The time from the end of a beat to the next one.
    Delay,
}

/// What becomes of a beat that is due while as many run as may. Grows only at the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub enum CrowdedBeat {
    /// It fails.
    Fails,
    /// It is called off.
    Skipped,
    /// It waits, if fewer than this wait already; else it is called off.
    Waits(u32),
    /// The oldest is cancelled, and it takes its place.
    Replaces,
}

/// What becomes of beats that are too late. Grows only at the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub enum MissedBeats {
    /// At most this many of them, the last ones, are made: 0 = none, 1 = one stands for all.
    MakeLast(u32),
}

/// Asks a worker how the beats of an instance fare that it owns.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct GetBeats {
    /// The instance.
    pub instance_id: i64,
    /// The attempt.
    pub attempt: u32,
    /// Sub-instances to be listed at most, the newest first.
    pub limit: u32,
}

/// Answers [`GetBeats`].
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct BeatOverview {
    /// Whether the worker owns this attempt; otherwise the rest is empty.
    pub is_known: bool,
    /// All beats of this attempt.
    pub counts: BeatCounts,
    /// When the next beat is due, epoch milliseconds; 0 = not before a beat ends, or never.
    pub next_at_ms: i64,
    /// Those that run, then those that ended last; the newest first.
    pub beats: Vec<SubInstance>,
}

/// How many beats there were.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct BeatCounts {
    /// Run now.
    pub running: u64,
    /// Wait for those that run.
    pub waiting: u64,
    /// Ended well.
    pub succeeded: u64,
    /// Failed, or were not run because too many did.
    pub failed: u64,
    /// Called off because too many ran, by the job's policy.
    pub skipped: u64,
    /// Were not made because their time had passed.
    pub missed: u64,
}

/// One beat.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct SubInstance {
    /// Its number within the attempt, from 1.
    pub number: u64,
    /// The time it stands for, epoch milliseconds.
    pub nominal_ms: i64,
    /// When its code began, epoch milliseconds of the worker; 0 = it has not.
    pub started_at_ms: i64,
    /// When it ended, epoch milliseconds of the worker; 0 = it has not.
    pub finished_at_ms: i64,
    /// Code of `InstanceStatus`: 2 waiting, 3 running, 4 failed, 5 succeeded, 10 stopped.
    pub status: u8,
    /// Its result or the cause of its failure, shortened.
    pub result: String,
}

/// Tells what became of beats, so that it outlives the worker. Repeating it is harmless: the last one
/// about an attempt counts.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct BeatReports {
    /// The instances, each once.
    pub items: Vec<BeatReport>,
}

/// What became of the beats of one instance so far.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct BeatReport {
    /// The instance.
    pub instance_id: i64,
    /// The attempt.
    pub attempt: u32,
    /// Milliseconds between the points of its grid; 0 = it has none.
    pub every_ms: u64,
    /// The first time that was looked at, epoch milliseconds; 0 = none yet.
    pub first_ms: i64,
    /// The last time that was looked at, epoch milliseconds; 0 = none yet.
    pub last_ms: i64,
    /// All beats of this attempt.
    pub counts: BeatCounts,
    /// Those that ended last, the newest first.
    pub beats: Vec<SubInstance>,
}

/// Answers [`BeatReports`].
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct BeatsTaken {
    /// Whether it is durable; `false` = repeat it later.
    pub is_stored: bool,
}
