//! When does an instance have beats, on the monotonic clock of this worker?
//!
//! All instants are microseconds of that clock; those of the distant past are negative. The wall
//! clock is looked at once, when the instance begins: whoever sets it later moves no beat.
//!
//! # Invariants
//! 1. The points of a fixed rate are the first one plus multiples of the interval, for ever.

use powerjob_protocol::wire::beats::{BeatKind, BeatPlan, CrowdedBeat, MissedBeats};

/// Beats of one instance that run at once at most, whatever its job allows.
pub(crate) const MAX_AT_ONCE: usize = 1_000;

/// What an instance's beats follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Plan {
    pub(crate) kind: BeatKind,
    /// 1,000 or more.
    pub(crate) every_us: i64,
    /// The first point of a fixed rate.
    pub(crate) first_us: i64,
    /// No beat after this.
    pub(crate) until_us: i64,
    /// 1 to [`MAX_AT_ONCE`].
    pub(crate) at_once: usize,
    pub(crate) crowded: CrowdedBeat,
    /// How many of the beats that are too late are made nevertheless.
    pub(crate) make_missed: u64,
}

impl Plan {
    /// What the server asks for. `first_ms`: wall time of the first point; `offset_us`: what wall
    /// time was ahead of the monotonic clock when the instance began.
    pub(crate) fn of(asked: &BeatPlan, first_ms: i64, offset_us: i64) -> Self {
        let here = |wall_ms: i64| wall_ms.saturating_mul(1_000).saturating_sub(offset_us);
        let at_once = asked.at_once as usize;
        let MissedBeats::MakeLast(make_missed) = asked.missed;
        Self {
            kind: asked.kind,
            every_us: i64::try_from(asked.every_ms.max(1))
                .unwrap_or(i64::MAX)
                .saturating_mul(1_000),
            first_us: here(first_ms),
            until_us: match asked.until_ms {
                0 => i64::MAX,
                until_ms => here(until_ms),
            },
            at_once: match (at_once, asked.crowded) {
                (0, CrowdedBeat::Fails) => MAX_AT_ONCE,
                (at_once, _) => at_once.clamp(1, MAX_AT_ONCE),
            },
            crowded: asked.crowded,
            make_missed: make_missed.into(),
        }
    }

    /// Number of the last point of the grid that is not after `at_us`; negative before the first.
    pub(crate) fn index_at(&self, at_us: i64) -> i64 {
        at_us
            .saturating_sub(self.first_us)
            .div_euclid(self.every_us)
    }

    /// A point of the grid.
    pub(crate) fn point(&self, index: i64) -> i64 {
        self.first_us
            .saturating_add(index.saturating_mul(self.every_us))
    }
}
