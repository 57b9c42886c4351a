//! What is kept of the tasks of an instance that no worker has.

use std::collections::BTreeMap;

use powerjob_protocol::api::task as api;
use powerjob_protocol::wire::codec;
use powerjob_protocol::wire::server_to_worker::TaskCounts;
use powerjob_protocol::wire::task_journal::{JournalRecord, JournalRecords};

use super::tasks::{counts, levels};
use super::{ServiceError, Services};
use crate::domain::instance::{Instance, is_out};
use crate::domain::kept_tasks::{ContentFinder, KeptTasks, Standing};

/// A longer journal is not read for people who only look: some millions of tasks.
const MOST_BYTES: i64 = 128 << 20;

/// How the tasks fared, as the journal has it.
///
/// # Errors
/// When the store cannot be read.
pub(super) async fn overview(
    services: &Services,
    instance: &Instance,
    limit: u32,
) -> Result<api::TaskOverview, ServiceError> {
    let Some(kept) = load(services, instance).await? else {
        return Ok(api::TaskOverview::default());
    };
    let listed: Vec<u32> = kept.failed_and_open().take(limit as usize).collect();
    let by_level = kept.levels();
    let mut total = TaskCounts::default();
    for (_, of) in &by_level {
        total.waiting += of.waiting;
        total.succeeded += of.succeeded;
        total.failed += of.failed;
    }
    let named = by_level.into_iter().map(|(name, of)| (name.to_owned(), of));
    Ok(api::TaskOverview {
        is_kept: true,
        counts: counts(total),
        levels: levels(named),
        tasks: tasks(services, instance, &kept, &listed).await?,
        ..api::TaskOverview::default()
    })
}

/// The tasks of an instance that no worker has; `None` when nothing is kept of them.
pub(super) async fn load(
    services: &Services,
    instance: &Instance,
) -> Result<Option<KeptTasks>, ServiceError> {
    let bytes = services.store.journal_bytes(instance.instance_id).await?;
    if is_out(&instance.state) || !(1..=MOST_BYTES).contains(&bytes) {
        return Ok(None);
    }
    let mut kept = KeptTasks::default();
    read(services, instance, |record| kept.apply(record)).await?;
    Ok(Some(kept))
}

/// These tasks with their contents, for which the journal is read once more.
pub(super) async fn tasks(
    services: &Services,
    instance: &Instance,
    kept: &KeptTasks,
    indexes: &[u32],
) -> Result<Vec<api::Task>, ServiceError> {
    let mut finder = ContentFinder::new(indexes.iter().copied());
    if !indexes.is_empty() {
        read(services, instance, |record| finder.look_at(record)).await?;
    }
    let listed = indexes.iter();
    Ok(listed
        .map(|index| task(kept, *index, &mut finder.contents))
        .collect())
}

fn task(kept: &KeptTasks, index: u32, contents: &mut BTreeMap<u32, String>) -> api::Task {
    let status = match kept.standing(index) {
        Some(Standing::Failed) => "FAILED",
        Some(Standing::Succeeded) => "SUCCEEDED",
        _ => "WAITING",
    };
    api::Task {
        id: kept.path(index),
        name: kept.level_of(index).to_owned(),
        status: status.to_owned(),
        worker: String::new(),
        attempts: 0,
        result: kept.cause(index).to_owned(),
        content: contents.remove(&index).unwrap_or_default(),
        ran_ms: None,
    }
}

async fn read(
    services: &Services,
    instance: &Instance,
    mut take: impl FnMut(JournalRecord),
) -> Result<(), ServiceError> {
    let mut after = (0, 0);
    loop {
        let page = services
            .store
            .kept_journal_page(instance.instance_id, after);
        let page = page.await?;
        for part in &page.parts {
            after = (part.attempt, part.number);
            // Of what cannot be read nobody is told; the worker that would go on refuses it, too.
            let records: JournalRecords = codec::decode(&part.records).unwrap_or_default();
            records.items.into_iter().for_each(&mut take);
        }
        if page.is_last {
            return Ok(());
        }
    }
}
