//! The letters about journals of instances that are spread over several workers.

use powerjob_common::actor::Letter;
use powerjob_common::id::InstanceId;
use powerjob_protocol::wire::task_journal::{
    JournalPart, JournalTaken, JournalsKept, KeepVerdict, TakeJournal,
};
use serde::Serialize;

use super::letters::Answer;
use crate::domain::RunKey;

/// Parts of journals for the server; sent by the heavy tracker to the server link. The answer is
/// `None` when the server does not have them.
#[derive(Debug, Serialize)]
pub(crate) struct SendJournals {
    pub(crate) items: Vec<JournalPart>,
    #[serde(skip)]
    pub(crate) answer: Answer<Option<JournalsKept>>,
}

impl Letter for SendJournals {
    const NAME: &'static str = "KeepJournals";
    fn instances(&self) -> Vec<InstanceId> {
        let ids = self.items.iter().map(|part| InstanceId(part.instance_id));
        ids.collect()
    }
}

/// The question for what an earlier master had kept; sent by the heavy tracker to the server link.
#[derive(Debug, Serialize)]
pub(crate) struct AskJournal {
    pub(crate) request: TakeJournal,
    #[serde(skip)]
    pub(crate) answer: Answer<Option<JournalTaken>>,
}

impl Letter for AskJournal {
    const NAME: &'static str = "TakeJournal";
    fn instances(&self) -> Vec<InstanceId> {
        vec![InstanceId(self.request.instance_id)]
    }
}

/// What the server made of parts; a word of the heavy tracker to itself.
#[derive(Debug, Serialize)]
pub(crate) struct JournalsAnswered {
    #[serde(skip)]
    pub(crate) items: Vec<(RunKey, Option<KeepVerdict>)>,
}

impl Letter for JournalsAnswered {
    const NAME: &'static str = "JournalsKept";
    fn instances(&self) -> Vec<InstanceId> {
        let ids = self
            .items
            .iter()
            .map(|(key, _)| InstanceId(key.instance_id));
        ids.collect()
    }
}

/// A piece of the journal of an instance; a word of the heavy tracker to itself. `None` = no answer.
#[derive(Debug, Serialize)]
pub(crate) struct JournalArrived {
    pub(crate) key: RunKey,
    #[serde(skip)]
    pub(crate) taken: Option<JournalTaken>,
}

impl Letter for JournalArrived {
    const NAME: &'static str = "JournalTaken";
    const LIFE_CYCLE: bool = true;
    fn instances(&self) -> Vec<InstanceId> {
        vec![InstanceId(self.key.instance_id)]
    }
}
