//! What the master of a map or map-reduce has a server keep, so that another worker can go on when
//! it dies, and how that one gets it back.
//!
//! The journal of an instance is a row of parts. Only the worker that has the present attempt may add
//! to it; each attempt numbers its own parts from 1.

use serde::{Deserialize, Serialize};

use super::codec::{Decode, Encode};

/// Parts of the journals of instances whose master the sender is; worker to server. Repeating it is
/// harmless.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct KeepJournals {
    /// The parts, at most one of each instance.
    pub items: Vec<JournalPart>,
}

/// A part of the journal of one instance.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct JournalPart {
    /// The instance.
    pub instance_id: i64,
    /// The attempt that writes it.
    pub attempt: u32,
    /// Its number within the attempt, from 1 without gaps.
    pub number: u32,
    /// Whether what earlier attempts wrote counts no more; only in a first part.
    pub begins_anew: bool,
    /// [`JournalRecords`] as bytes; the server does not look into them.
    pub records: Vec<u8>,
}

/// Answers [`KeepJournals`], one verdict per part and in its order.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct JournalsKept {
    /// The verdicts.
    pub items: Vec<KeepVerdict>,
}

/// What a server makes of a part. Grows only at the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub enum KeepVerdict {
    /// It is durable.
    Kept,
    /// Another attempt has the instance, or it has ended: nothing was stored.
    Stale,
    /// Not stored now: the worker must repeat it.
    Again,
    /// The journal of this instance is too long: it is given up, and nothing more is wanted.
    Unwanted,
}

/// Asks for what earlier masters of an instance had kept; worker to server.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct TakeJournal {
    /// The instance.
    pub instance_id: i64,
    /// The attempt of the asker.
    pub attempt: u32,
    /// The last part that it has: its attempt, 0 = none.
    pub after_attempt: u32,
    /// The last part that it has: its number.
    pub after_number: u32,
}

/// Answers [`TakeJournal`].
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct JournalTaken {
    /// Whether the rest means anything.
    pub verdict: TakeVerdict,
    /// The next parts in their order.
    pub parts: Vec<JournalPart>,
    /// Whether there is no further part.
    pub is_last: bool,
}

/// What a server makes of [`TakeJournal`]. Grows only at the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub enum TakeVerdict {
    /// Here are parts.
    Parts,
    /// Another attempt has the instance, or it has ended.
    Stale,
    /// It cannot be read now: ask again.
    Again,
}

/// What the bytes of a part mean. They are stored: a released record never changes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct JournalRecords {
    /// What happened, in an order that makes sense.
    pub items: Vec<JournalRecord>,
}

/// Something that happened in an instance. Tasks have the numbers of their making; 0 is the first
/// task of the instance, which is not told of. Grows only at the end.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub enum JournalRecord {
    /// A task has made others: they get the next numbers.
    Made {
        /// Who made them.
        parent: u32,
        /// Number of the first among the tasks of its parent; the others follow.
        ordinal: u32,
        /// Name of their level.
        name: String,
        /// Their contents.
        contents: Vec<Vec<u8>>,
    },
    /// Successive tasks have ended.
    Ended {
        /// The first.
        first: u32,
        /// How many.
        count: u32,
        /// Whether they succeeded.
        is_success: bool,
        /// A result for each, one if all are the same, or none if nobody will read them.
        results: Vec<String>,
    },
    /// Successive tasks that nobody had begun were taken back.
    Discarded {
        /// The first.
        first: u32,
        /// How many.
        count: u32,
    },
    /// Another try of a task makes other tasks than the one before it.
    Parted {
        /// The task.
        parent: u32,
        /// How many of the tasks that it had made it has made again.
        kept: u32,
    },
    /// The instance has ended: who comes next begins anew.
    Decided,
    /// The failed tasks of an instance that had ended are to be carried out once more.
    FailedAgain,
    /// The rest will never be told: nobody can go on from this, who comes next begins anew.
    Broken,
}
