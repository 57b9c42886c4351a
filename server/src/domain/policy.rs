//! What a job does when times are missed, runs overlap, or a run fails. Data only: `trigger` decides
//! on missed times and jitter, `overlap` on runs that overlap.

use serde::Serialize;

/// Rules of a job's schedule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct SchedulePolicy {
    pub misfire: Misfire,
    pub overlap: Overlap,
    /// Scheduled runs start up to so much after their nominal time.
    pub jitter_ms: u32,
    /// A fixed rate or delay is one instance, whose beats a worker makes, instead of one for each.
    pub second_level: bool,
}

/// What becomes of nominal times that passed while no server could act on them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub enum Misfire {
    Skip,
    /// One run stands for all of them.
    #[default]
    Once,
    /// The last `runs` of them run; 1 or more.
    CatchUp {
        runs: u32,
    },
}

/// What becomes of a run that is due while as many runs of its job are out as are allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub enum Overlap {
    /// It fails.
    #[default]
    Allow,
    /// It is called off.
    Skip,
    /// It waits, if fewer than `limit` wait already; else it is called off. 1 or more.
    Queue { limit: u32 },
    /// The oldest of them is stopped, and it takes its place.
    Replace,
}

/// How long a failed run waits before its next attempt.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct RetryPolicy {
    pub back_off: BackOff,
    /// The share of each wait that chance may take off, 0.0 to 1.0.
    pub jitter: f64,
}

/// How the wait grows from attempt to attempt.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub enum BackOff {
    Fixed {
        delay_ms: u64,
    },
    /// `first_ms`, then `factor` (1.0 or more) times as long each time, at most `limit_ms`.
    Exponential {
        first_ms: u64,
        factor: f64,
        limit_ms: u64,
    },
}

impl Default for BackOff {
    /// The wait of the reference.
    fn default() -> Self {
        Self::Fixed { delay_ms: 10_000 }
    }
}
