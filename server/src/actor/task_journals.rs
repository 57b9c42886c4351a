//! `server/task_journals`: keeps what masters of maps and map-reduces stream, and gives it to those
//! who take over from them.
//!
//! * **Owns** nothing but what waits for the running write.
//! * **Hears** from sessions (`KeepParts`, `ReadJournal`) and the instance managers (`ForgetJournals`).
//! * **Tells** nobody: it answers when parts are durable, as many as came during the last write at once.
//! * **Survives** a restart: what it said is kept.
//! * **Dies**: unanswered parts are repeated by the workers; the guardian may rebuild it.

use std::collections::BTreeMap;

use actix::prelude::*;
use powerjob_common::actor::{Letter, Mail, Reply, Ticket};
use powerjob_common::id::{AppId, InstanceId};
use powerjob_protocol::wire::task_journal as wire;
use powerjob_protocol::wire::task_journal::{JournalTaken, KeepVerdict, TakeVerdict};
use serde::Serialize;

use crate::store::Store;
use crate::store::task_journal::{JournalPart, Kept, MOST_BYTES, NewJournalPart};

/// What may wait here, in units of 1 KiB: workers repeat what is refused.
pub(crate) const CAPACITY: usize = 64 << 10;
const UNIT_BYTES: usize = 1 << 10;
/// A write takes no further parts once it has so many bytes: other writes wait for its end.
const WRITE_BYTES: usize = 2 << 20;

/// Parts of journals; sent by the session of a worker. Repeating is harmless.
#[derive(Debug, Serialize)]
pub(crate) struct KeepParts {
    pub(crate) app_id: AppId,
    #[serde(skip)]
    pub(crate) parts: Vec<NewJournalPart>,
    #[serde(skip)]
    pub(crate) reply: Reply<Vec<KeepVerdict>>,
}

impl Letter for KeepParts {
    const NAME: &'static str = "KeepJournals";

    fn instances(&self) -> Vec<InstanceId> {
        let ids = self.parts.iter().map(|new| new.part.instance_id);
        ids.collect()
    }

    fn weight(&self) -> usize {
        self.parts.len() + bytes_of(&self.parts) / UNIT_BYTES
    }
}

/// A worker that has an instance asks for what was kept of it; sent by its session.
#[derive(Debug, Serialize)]
pub(crate) struct ReadJournal {
    pub(crate) app_id: AppId,
    pub(crate) request: wire::TakeJournal,
    #[serde(skip)]
    pub(crate) reply: Reply<JournalTaken>,
}

impl Letter for ReadJournal {
    const NAME: &'static str = "TakeJournal";

    fn instances(&self) -> Vec<InstanceId> {
        vec![InstanceId(self.request.instance_id)]
    }
}

/// Instances that have ended in a way that nobody goes on with; sent by the instance managers.
#[derive(Debug, Serialize)]
pub(crate) struct ForgetJournals {
    pub(crate) ids: Vec<InstanceId>,
}

impl Letter for ForgetJournals {
    const NAME: &'static str = "ForgetJournals";

    fn instances(&self) -> Vec<InstanceId> {
        self.ids.clone()
    }
}

#[derive(Debug)]
struct Waiting {
    app_id: AppId,
    parts: Vec<NewJournalPart>,
    reply: Reply<Vec<KeepVerdict>>,
    _ticket: Ticket,
}

/// See the head of the file.
#[derive(Debug)]
pub(crate) struct TaskJournals {
    store: Store,
    waiting: Vec<Waiting>,
    ended: Vec<InstanceId>,
    is_writing: bool,
}

impl TaskJournals {
    pub(crate) fn new(store: Store) -> Self {
        Self {
            store,
            waiting: Vec::new(),
            ended: Vec::new(),
            is_writing: false,
        }
    }

    /// Writes what waits, unless a write is under way: its end comes here again.
    fn write(&mut self, ctx: &mut Context<Self>) {
        let has_work = !self.waiting.is_empty() || !self.ended.is_empty();
        if self.is_writing || !has_work {
            return;
        }
        self.is_writing = true;
        let mut bytes = 0;
        let mut fits = |waiting: &Waiting| {
            let is_room = bytes < WRITE_BYTES;
            bytes += bytes_of(&waiting.parts);
            is_room
        };
        let count = self.waiting.iter().take_while(|it| fits(it)).count();
        let batch: Vec<Waiting> = self.waiting.drain(..count).collect();
        let ended = std::mem::take(&mut self.ended);
        let written = write_all(self.store.clone(), batch, ended).into_actor(self);
        ctx.spawn(written.map(|(), actor, ctx| {
            actor.is_writing = false;
            actor.write(ctx);
        }));
    }
}

impl Actor for TaskJournals {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(0); // the port counts
    }
}

impl Handler<Mail<KeepParts>> for TaskJournals {
    type Result = ();

    fn handle(&mut self, mail: Mail<KeepParts>, ctx: &mut Self::Context) {
        let (letter, ticket) = mail.open();
        self.waiting.push(Waiting {
            app_id: letter.app_id,
            parts: letter.parts,
            reply: letter.reply,
            _ticket: ticket,
        });
        self.write(ctx);
    }
}

impl Handler<Mail<ForgetJournals>> for TaskJournals {
    type Result = ();

    fn handle(&mut self, mail: Mail<ForgetJournals>, ctx: &mut Self::Context) {
        let (ForgetJournals { ids }, _ticket) = mail.open();
        self.ended.extend(ids);
        self.write(ctx);
    }
}

impl Handler<Mail<ReadJournal>> for TaskJournals {
    type Result = ();

    fn handle(&mut self, mail: Mail<ReadJournal>, ctx: &mut Self::Context) {
        let (letter, ticket) = mail.open();
        let store = self.store.clone();
        let reading = async move {
            let taken = read(&store, letter.app_id, &letter.request).await;
            letter.reply.send(taken);
            drop(ticket);
        };
        ctx.spawn(reading.into_actor(self));
    }
}

async fn write_all(store: Store, batch: Vec<Waiting>, ended: Vec<InstanceId>) {
    let mut by_app: BTreeMap<AppId, Vec<Waiting>> = BTreeMap::new();
    for waiting in batch {
        by_app.entry(waiting.app_id).or_default().push(waiting);
    }
    for (app_id, group) in by_app {
        write_group(&store, app_id, group).await;
    }
    if !ended.is_empty()
        && let Err(error) = store.delete_journals(ended).await
    {
        tracing::warn!(%error, "journals of ended instances stay until the instances are cleaned");
    }
}

/// Writes in one transaction; if that fails, each alone, so that only the guilty one waits.
async fn write_group(store: &Store, app_id: AppId, group: Vec<Waiting>) {
    let all: Vec<_> = group.iter().flat_map(|it| it.parts.clone()).collect();
    let mut verdicts = keep(store, app_id, all).await.map(Vec::into_iter);
    let is_alone = group.len() == 1;
    for waiting in group {
        let count = waiting.parts.len();
        let answers = match &mut verdicts {
            Some(verdicts) => verdicts.take(count).collect(),
            None if is_alone => vec![KeepVerdict::Again; count],
            None => keep(store, app_id, waiting.parts)
                .await
                .unwrap_or_else(|| vec![KeepVerdict::Again; count]),
        };
        waiting.reply.send(answers);
    }
}

async fn keep(
    store: &Store,
    app_id: AppId,
    parts: Vec<NewJournalPart>,
) -> Option<Vec<KeepVerdict>> {
    match store.keep_journal_parts(app_id, parts, MOST_BYTES).await {
        Ok(kept) => Some(kept.into_iter().map(verdict).collect()),
        Err(error) => {
            tracing::warn!(%error, "parts of journals were not stored");
            None
        }
    }
}

fn verdict(kept: Kept) -> KeepVerdict {
    match kept {
        Kept::Yes => KeepVerdict::Kept,
        Kept::Stale => KeepVerdict::Stale,
        // What came before was given up, maybe by an earlier owner: the rest alone means nothing.
        Kept::Gap | Kept::TooLong => KeepVerdict::Unwanted,
    }
}

async fn read(store: &Store, app_id: AppId, request: &wire::TakeJournal) -> JournalTaken {
    let id = InstanceId(request.instance_id);
    let after = (request.after_attempt, request.after_number);
    let page = store.journal_page(app_id, id, request.attempt, after).await;
    let (verdict, parts, is_last) = match page {
        Ok(Some(page)) => (TakeVerdict::Parts, page.parts, page.is_last),
        Ok(None) => (TakeVerdict::Stale, Vec::new(), true),
        Err(error) => {
            tracing::warn!(%error, "a journal was not read");
            (TakeVerdict::Again, Vec::new(), false)
        }
    };
    JournalTaken {
        verdict,
        parts: parts.into_iter().map(to_wire).collect(),
        is_last,
    }
}

fn to_wire(part: JournalPart) -> wire::JournalPart {
    wire::JournalPart {
        instance_id: part.instance_id.0,
        attempt: part.attempt,
        number: part.number,
        begins_anew: false,
        records: part.records,
    }
}

/// A part as it came over the network.
pub(crate) fn of_wire(part: wire::JournalPart) -> NewJournalPart {
    NewJournalPart {
        begins_anew: part.begins_anew,
        part: JournalPart {
            instance_id: InstanceId(part.instance_id),
            attempt: part.attempt,
            number: part.number,
            records: part.records,
        },
    }
}

fn bytes_of(parts: &[NewJournalPart]) -> usize {
    parts.iter().map(|new| new.part.records.len()).sum()
}
