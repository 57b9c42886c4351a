//! When does which part of an instance's journal go to the server?
//!
//! # Invariants
//! 1. One part is on its way at most; it is repeated unchanged until the server has it.
//! 2. Instances that end soon send nothing, unless tasks of them failed.
//! 3. Parts have a bounded size, and go at a bounded rate unless much waits.

use std::time::Duration;

use powerjob_protocol::wire::codec;
use powerjob_protocol::wire::task_journal::{JournalPart, JournalRecord, KeepVerdict};

use super::master::Master;
use crate::domain::RunKey;

/// No part goes before an instance is so old.
const FIRST_AFTER: Duration = Duration::from_millis(100);
/// Parts go so far apart, ...
const PACE: Duration = Duration::from_millis(100);
/// ... unless so many tasks and ends wait.
const MUCH: usize = 10_000;
/// Bytes of the tasks of a part, and as many of the ends.
const PART_BYTES: usize = 256 << 10;

/// See the head of the file.
#[derive(Debug)]
pub(crate) struct Feed {
    key: RunKey,
    begins_anew: bool,
    number: u32,
    /// Made, and not known to be kept.
    part: Option<JournalPart>,
    is_on_its_way: bool,
    next_at: Duration,
    end: End,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// The instance runs.
    Open,
    /// All that is left must go, with the word that it has ended.
    Wanted,
    /// All that is left must go: another worker goes on from there.
    HandingOn,
    /// That word is in the part that was made last.
    Said,
    /// Nothing more goes.
    Over,
}

impl Feed {
    /// The feed of an instance that this worker leads from now on. `begins_anew`: nothing of earlier
    /// attempts counts.
    pub(crate) fn new(key: RunKey, begins_anew: bool, now: Duration) -> Self {
        Self {
            key,
            begins_anew,
            number: 0,
            part: None,
            is_on_its_way: false,
            next_at: now + FIRST_AFTER,
            end: End::Open,
        }
    }

    /// The part that is to be sent now; it is on its way until [`Feed::answered`].
    pub(crate) fn next(&mut self, master: &mut Master, now: Duration) -> Option<JournalPart> {
        if self.is_on_its_way || self.end == End::Over {
            return None;
        }
        if self.part.is_none() {
            self.make(master, now);
        } else if now < self.next_at {
            return None;
        }
        let part = self.part.clone()?;
        self.is_on_its_way = true;
        self.next_at = now + PACE;
        Some(part)
    }

    fn make(&mut self, master: &mut Master, now: Duration) {
        // A journal that the master has given up must not be taken for one that is kept.
        let is_broken_off = self.number > 0 && !master.has_journal();
        let untold = master.untold();
        if self.end == End::HandingOn && untold == 0 && !is_broken_off {
            self.end = End::Over;
            return;
        }
        let is_due = match self.end {
            End::Open => {
                let is_much = untold >= MUCH || master.untold_bytes() >= PART_BYTES;
                is_broken_off || (untold > 0 && (is_much || now >= self.next_at))
            }
            End::Wanted | End::HandingOn => true,
            End::Said | End::Over => false,
        };
        if !is_due {
            return;
        }
        let mut records = master.next_records(PART_BYTES);
        if !master.has_journal() && self.number == 0 {
            return self.give_up(master);
        }
        let last = match (master.has_journal(), self.end) {
            (false, _) => Some(JournalRecord::Broken),
            (true, End::Wanted) if master.untold() == 0 => Some(JournalRecord::Decided),
            (true, _) => None,
        };
        if let Some(last) = last {
            records.items.push(last);
            self.end = End::Said;
        }
        if records.items.is_empty() {
            return;
        }
        let Ok(bytes) = codec::encode(&records) else {
            return self.give_up(master);
        };
        self.number += 1;
        self.part = Some(JournalPart {
            instance_id: self.key.instance_id,
            attempt: self.key.attempt,
            number: self.number,
            begins_anew: self.begins_anew && self.number == 1,
            records: bytes,
        });
    }

    /// What the server made of the part that was on its way; `None` = it did not say.
    pub(crate) fn answered(&mut self, verdict: Option<KeepVerdict>, master: &mut Master) {
        self.is_on_its_way = false;
        match verdict {
            Some(KeepVerdict::Kept) => {
                self.part = None;
                if self.end == End::Said {
                    self.end = End::Over;
                }
            }
            Some(KeepVerdict::Stale | KeepVerdict::Unwanted) => self.give_up(master),
            Some(KeepVerdict::Again) | None => {}
        }
    }

    /// The instance has ended in a way that may be tried again; whether that must wait for the feed.
    pub(crate) fn close(&mut self, master: &Master) -> bool {
        let is_known = self.number > 0 || master.has_failures();
        if self.end == End::Open && master.has_journal() && is_known {
            self.end = End::Wanted;
        }
        !self.is_over()
    }

    /// Another worker is to go on with the instance; whether that must wait for the feed.
    pub(crate) fn hand_on(&mut self) -> bool {
        if self.end == End::Open {
            self.end = End::HandingOn;
        }
        !self.is_over()
    }

    /// Whether nothing that is left matters.
    pub(crate) fn is_over(&self) -> bool {
        matches!(self.end, End::Open | End::Over)
    }

    fn give_up(&mut self, master: &mut Master) {
        master.give_up_journal();
        self.part = None;
        self.end = End::Over;
    }
}

#[cfg(test)]
#[path = "feed_tests.rs"]
mod tests;
