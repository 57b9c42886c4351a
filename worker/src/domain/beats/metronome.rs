//! Which beats of a second-level instance begin now, and what becomes of the others?
//!
//! Input: the plan, the present, ends of beats. Output: [`Order`]s, which the actor carries out.
//! Instants are microseconds of the worker's monotonic clock.
//!
//! # Invariants
//! 1. Each point of a fixed rate from the first one looked at becomes exactly one of: begun, waiting,
//!    failed, skipped, missed.
//! 2. At most as many beats run as the plan allows; of a fixed delay, one.
//! 3. No beat begins before its point, and a fixed delay not sooner than its interval after the end
//!    of the beat before.
//! 4. The instance finishes once, and only when nothing of it runs.

use std::collections::VecDeque;

use powerjob_protocol::wire::beats::{BeatKind, BeatOverview, BeatReport, CrowdedBeat};

use super::ledger::Ledger;
use super::plan::Plan;
use crate::domain::ending::CancelReason;
use crate::domain::task_table::RunEnd;

/// What is later than this is missed, unless the job wants it made.
const LATE_US: i64 = 3_000_000;
/// Late points that are made at once; more of them are missed.
const MAX_LATE: i64 = 100;
/// Ended beats that are told to the server.
const REPORTED: usize = 20;
/// The result of a beat for which there is no room, as the reference has it (spec 04 section 13.2).
const TOO_MUCH: &str = "TOO_MUCH_INSTANCE";

/// A beat.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Beat {
    /// From 1.
    pub(crate) number: u64,
    pub(crate) nominal_us: i64,
}

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    Start(Beat),
    /// Cancel a beat for this reason.
    Cancel(u64, CancelReason),
    /// The instance has ended.
    Finish(Close),
}

/// Why an instance ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Close {
    /// Its plan has no further beat.
    Over,
    Asked(CancelReason),
}

/// See the head of the file.
#[derive(Debug)]
pub(crate) struct Metronome {
    plan: Plan,
    /// What wall time was ahead when the instance began.
    offset_us: i64,
    /// When the next beat is due; `None`: when one has ended, or never.
    next_us: Option<i64>,
    last_end_us: Option<i64>,
    last_number: u64,
    /// The first and the last point that was looked at.
    span_us: Option<(i64, i64)>,
    waiting: VecDeque<Beat>,
    ledger: Ledger,
    close: Option<Close>,
    is_finished: bool,
    orders: Vec<Order>,
}

impl Metronome {
    /// An instance that begins at `now_us`. `is_first`: no other worker had it, so that all points
    /// are its own.
    pub(crate) fn new(plan: Plan, offset_us: i64, is_first: bool, now_us: i64) -> Self {
        let mut metronome = Self {
            plan,
            offset_us,
            next_us: None,
            last_end_us: None,
            last_number: 0,
            span_us: None,
            waiting: VecDeque::new(),
            ledger: Ledger::default(),
            close: None,
            is_finished: false,
            orders: Vec::new(),
        };
        metronome.next_us = Some(match plan.kind {
            BeatKind::Rate if is_first => plan.first_us,
            BeatKind::Rate => metronome.point_after(now_us),
            BeatKind::Delay => plan.first_us.max(now_us),
        });
        metronome.look(now_us);
        metronome
    }

    /// Another plan counts from the next beat on.
    pub(crate) fn change(&mut self, plan: Plan, now_us: i64) {
        self.look(now_us);
        if self.close.is_some() {
            return;
        }
        self.plan = plan;
        let is_idle = self.ledger.running_count() == 0 && self.waiting.is_empty();
        self.next_us = match plan.kind {
            BeatKind::Rate => Some(self.point_after(now_us)),
            BeatKind::Delay if is_idle => {
                let after_last = self
                    .last_end_us
                    .map(|end| end.saturating_add(plan.every_us));
                Some(after_last.unwrap_or(now_us).max(now_us))
            }
            BeatKind::Delay => None,
        };
        self.take_waiting();
        self.look(now_us);
    }

    /// When something is due.
    pub(crate) fn next_us(&self) -> Option<i64> {
        self.next_us
    }

    /// Takes what is to be done.
    pub(crate) fn take_orders(&mut self) -> Vec<Order> {
        std::mem::take(&mut self.orders)
    }

    /// Makes the beats that are due.
    pub(crate) fn look(&mut self, now_us: i64) {
        match self.plan.kind {
            BeatKind::Rate => self.look_at_grid(now_us),
            BeatKind::Delay => {
                if let Some(at_us) = self.next_us.filter(|at_us| *at_us <= now_us) {
                    self.next_us = None;
                    self.make(at_us);
                }
            }
        }
        self.end_if_over();
    }

    /// The code of a beat has begun.
    pub(crate) fn started(&mut self, number: u64, at_ms: i64) {
        self.ledger.started(number, at_ms);
    }

    /// A beat has ended.
    pub(crate) fn ended(&mut self, number: u64, end: RunEnd, now_us: i64) {
        if !self.ledger.end(number, end) {
            return;
        }
        self.last_end_us = Some(now_us);
        self.take_waiting();
        let is_idle = self.ledger.running_count() == 0;
        if self.plan.kind == BeatKind::Delay && is_idle && self.close.is_none() {
            self.next_us = Some(now_us.saturating_add(self.plan.every_us));
        }
        self.end_if_over();
    }

    /// Makes no further beats. Those that run are cancelled, or (`lets_end`) may end by themselves.
    pub(crate) fn stop(&mut self, reason: CancelReason, lets_end: bool) {
        self.next_us = None;
        self.ledger.skip(self.waiting.len() as u64);
        self.waiting.clear();
        self.close = Some(Close::Asked(reason));
        if !lets_end {
            let running = self.ledger.running();
            self.orders
                .extend(running.map(|number| Order::Cancel(number, reason)));
        }
        self.end_if_over();
    }

    /// How the beats fare, at most `limit` of them listed.
    pub(crate) fn overview(&self, limit: usize) -> BeatOverview {
        let mut counts = self.ledger.counts();
        counts.waiting = self.waiting.len() as u64;
        BeatOverview {
            is_known: true,
            counts,
            next_at_ms: self.next_us.map_or(0, |at_us| self.wall_ms(at_us)),
            beats: self.ledger.newest(limit),
        }
    }

    /// What outlives this worker.
    pub(crate) fn report(&self, (instance_id, attempt): (i64, u32)) -> BeatReport {
        let (first_ms, last_ms) = self.span_us.map_or((0, 0), |(first_us, last_us)| {
            (self.wall_ms(first_us), self.wall_ms(last_us))
        });
        let every_ms = match self.plan.kind {
            BeatKind::Rate => self.plan.every_us.cast_unsigned() / 1_000,
            BeatKind::Delay => 0,
        };
        BeatReport {
            instance_id,
            attempt,
            every_ms,
            first_ms,
            last_ms,
            counts: self.overview(0).counts,
            beats: self.ledger.last_ended(REPORTED),
        }
    }

    /// Wall time by the offset with which the instance began.
    pub(crate) fn wall_ms(&self, at_us: i64) -> i64 {
        at_us.saturating_add(self.offset_us).div_euclid(1_000)
    }

    fn look_at_grid(&mut self, now_us: i64) {
        let Some(next_us) = self.next_us.filter(|at_us| *at_us <= now_us) else {
            return;
        };
        let plan = self.plan;
        let first = plan.index_at(next_us);
        let last = plan.index_at(now_us.min(plan.until_us));
        let due = last - first + 1;
        let made = if now_us - next_us > LATE_US {
            due.min(i64::try_from(plan.make_missed).unwrap_or(i64::MAX))
        } else {
            due
        };
        let made = made.clamp(0, MAX_LATE);
        if due > 0 {
            self.looked_at(next_us, plan.point(last));
        }
        self.ledger.miss((due - made).max(0).cast_unsigned());
        for index in last - made + 1..=last {
            self.make(plan.point(index));
        }
        self.next_us = Some(plan.point(last + 1));
    }

    fn make(&mut self, nominal_us: i64) {
        if nominal_us > self.plan.until_us {
            return;
        }
        self.looked_at(nominal_us, nominal_us);
        self.last_number += 1;
        let beat = Beat {
            number: self.last_number,
            nominal_us,
        };
        let has_room = self.ledger.running_count() < self.plan.at_once;
        match self.plan.crowded {
            _ if has_room && self.waiting.is_empty() => self.begin(beat),
            CrowdedBeat::Fails => {
                let nominal_ms = self.wall_ms(nominal_us);
                self.ledger.refuse(beat.number, nominal_ms, TOO_MUCH);
            }
            CrowdedBeat::Waits(limit) if self.waiting.len() < limit as usize => {
                self.waiting.push_back(beat);
            }
            CrowdedBeat::Skipped | CrowdedBeat::Waits(_) => self.ledger.skip(1),
            CrowdedBeat::Replaces => self.replace(beat),
        }
    }

    fn looked_at(&mut self, first_us: i64, last_us: i64) {
        let (earliest_us, _) = self.span_us.unwrap_or((first_us, last_us));
        self.span_us = Some((earliest_us, last_us));
    }

    /// The newest waits for the oldest, whose end is asked for unless it was already.
    fn replace(&mut self, beat: Beat) {
        if self.waiting.pop_front().is_some() {
            self.ledger.skip(1);
        } else if let Some(oldest) = self.ledger.running().next() {
            let order = Order::Cancel(oldest, CancelReason::Replaced);
            self.orders.push(order);
        }
        self.waiting.push_back(beat);
    }

    fn begin(&mut self, beat: Beat) {
        let nominal_ms = self.wall_ms(beat.nominal_us);
        self.ledger.begin(beat.number, nominal_ms);
        self.orders.push(Order::Start(beat));
    }

    fn take_waiting(&mut self) {
        while self.ledger.running_count() < self.plan.at_once
            && let Some(beat) = self.waiting.pop_front()
        {
            self.begin(beat);
        }
    }

    fn point_after(&self, now_us: i64) -> i64 {
        let index = self.plan.index_at(now_us).saturating_add(1);
        self.plan.point(index.max(0))
    }

    fn end_if_over(&mut self) {
        if self.next_us.is_some_and(|at_us| at_us > self.plan.until_us) {
            self.next_us = None;
            self.close.get_or_insert(Close::Over);
        }
        let is_idle = self.ledger.running_count() == 0 && self.waiting.is_empty();
        if let Some(close) = self.close.filter(|_| is_idle && !self.is_finished) {
            self.is_finished = true;
            self.orders.push(Order::Finish(close));
        }
    }
}

#[cfg(test)]
#[path = "metronome_tests.rs"]
mod tests;
