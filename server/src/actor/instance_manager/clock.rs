//! The wall clock of this server was set. Times of schedules follow the clock; what only passes
//! inside this server, a pause or a grace, takes as long as it would have taken.

use std::cmp::Reverse;

use powerjob_common::id::InstanceId;
use powerjob_common::status::InstanceStatus;
use powerjob_common::time::{Clock, UnixMillis};

use super::run::Run;
use super::shard::{Due, Shard};

/// A clock that is this much off after at most a few seconds was set; less is the care of whoever keeps it right.
const SET_BY_MS: u64 = 500;

/// What the wall clock shows when the monotonic one shows 0; it changes when the wall clock is set.
pub(super) fn zero_of(clock: &dyn Clock) -> UnixMillis {
    clock.now().before(clock.monotonic())
}

impl Shard {
    /// Looks whether the wall clock was set since the last time.
    pub(super) fn follow_clock(&mut self) {
        let zero = zero_of(&*self.around.clock);
        let former = std::mem::replace(&mut self.clock_zero, zero);
        let moved_ms = zero.0.saturating_sub(former.0);
        if moved_ms.unsigned_abs() < SET_BY_MS {
            return;
        }
        tracing::warn!(moved_ms, "the wall clock of this server was set");
        let moved = |at: UnixMillis| UnixMillis(at.0.saturating_add(moved_ms));
        let deadlines = std::mem::take(&mut self.deadlines).into_iter();
        self.deadlines = deadlines
            .map(|Reverse((at, due, id))| match due {
                Due::EarlyClaim | Due::Claim | Due::Send => Reverse((at, due, id)),
                Due::Grace | Due::Flush | Due::Return | Due::Serve => Reverse((moved(at), due, id)),
            })
            .collect();
        for run in self.runs.values_mut() {
            run.waits_since = run.waits_since.map(moved);
        }
        if moved_ms < 0 {
            self.send_what_was_about_to_go();
        }
    }

    /// The time of a claimed run had as good as come: it does not wait for it a second time.
    fn send_what_was_about_to_go(&mut self) {
        let is_claimed = |run: &Run| {
            run.writing.is_none()
                && run.sends == 0
                && run.worker.is_some()
                && run.instance.state.status == InstanceStatus::WaitingWorkerReceive
        };
        let claimed = self.runs.values().filter(|run| is_claimed(run));
        let mut claimed: Vec<InstanceId> = claimed.map(|run| run.instance.instance_id).collect();
        claimed.sort_unstable();
        for id in claimed {
            self.send(id);
        }
    }
}
