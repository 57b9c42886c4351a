//! The letters about instances whose beats this worker makes.

use std::sync::Arc;

use powerjob_common::actor::Letter;
use powerjob_common::id::InstanceId;
use powerjob_protocol::wire::beats::{BeatAnswers, BeatOverview, BeatReport, BeatRun, GetBeats};
use serde::{Serialize, Serializer};

use super::letters::Answer;
use crate::domain::RunKey;
use crate::domain::ending::CancelReason;
use crate::processor::registry::Executable;

/// A server asks for beats; sent by the server link to the task tracker. Repeating it is harmless.
#[derive(Debug, Serialize)]
pub(crate) struct BeatRequests {
    pub(crate) items: Vec<BeatRun>,
    #[serde(skip)]
    pub(crate) answer: Option<Answer<BeatAnswers>>,
}

impl Letter for BeatRequests {
    const NAME: &'static str = "RunBeats";
    fn instances(&self) -> Vec<InstanceId> {
        ids(self.items.iter().map(|item| item.instance_id))
    }
    fn weight(&self) -> usize {
        self.items.len()
    }
}

/// Accepted instances, and others that may have changed; sent by the task tracker to the beat
/// tracker.
#[derive(Debug, Serialize)]
pub(crate) struct KeepBeats {
    #[serde(serialize_with = "requests")]
    pub(crate) items: Vec<BeatJob>,
}

/// An instance with the code of its beats.
#[derive(Debug)]
pub(crate) struct BeatJob {
    pub(crate) item: Arc<BeatRun>,
    pub(crate) executable: Executable,
    /// Whether it begins now; one that does not is changed, if it runs.
    pub(crate) is_new: bool,
}

fn requests<S: Serializer>(items: &[BeatJob], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(items.iter().map(|job| &*job.item))
}

impl Letter for KeepBeats {
    const NAME: &'static str = "KeepBeats";
    fn instances(&self) -> Vec<InstanceId> {
        ids(self.items.iter().map(|job| job.item.instance_id))
    }
}

/// Instances that must end; sent by the task tracker to the beat tracker.
#[derive(Debug, Serialize)]
pub(crate) struct EndBeats {
    pub(crate) runs: Vec<(RunKey, CancelReason)>,
    /// Give beats up without a grace time.
    pub(crate) at_once: bool,
}

impl Letter for EndBeats {
    const NAME: &'static str = "EndBeats";
    const LIFE_CYCLE: bool = true;
    fn instances(&self) -> Vec<InstanceId> {
        ids(self.runs.iter().map(|(key, _)| key.instance_id))
    }
}

/// The server asks how beats fare; sent by the server link to the beat tracker.
#[derive(Debug, Serialize)]
pub(crate) struct BeatsAsked {
    pub(crate) request: GetBeats,
    #[serde(skip)]
    pub(crate) answer: Answer<BeatOverview>,
}

impl Letter for BeatsAsked {
    const NAME: &'static str = "GetBeats";
    fn instances(&self) -> Vec<InstanceId> {
        ids(std::iter::once(self.request.instance_id))
    }
}

/// What became of beats; sent by the beat tracker to the server link.
#[derive(Debug, Serialize)]
pub(crate) struct SendBeats {
    pub(crate) items: Vec<BeatReport>,
}

impl Letter for SendBeats {
    const NAME: &'static str = "BeatReports";
    fn instances(&self) -> Vec<InstanceId> {
        ids(self.items.iter().map(|item| item.instance_id))
    }
}

/// What became of [`SendBeats`]; sent by the server link to the beat tracker.
#[derive(Debug, Serialize)]
pub(crate) struct BeatsAnswered {
    pub(crate) is_stored: bool,
}

impl Letter for BeatsAnswered {
    const NAME: &'static str = "BeatsTaken";
}

fn ids(ids: impl Iterator<Item = i64>) -> Vec<InstanceId> {
    ids.map(InstanceId).collect()
}
