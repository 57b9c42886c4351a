//! `server/beats`: keeps what workers report about the beats of second-level jobs.
//!
//! * **Owns** the reports that wait for the running transaction, the last one of each attempt.
//! * **Hears** from `rpc`, one letter for each `BeatReports` frame.
//! * **Tells** nobody; it answers when the reports are durable.
//! * **Survives** a restart: everything that was answered with `true`.
//! * **Dies**: unanswered reports are repeated by the workers; the guardian may rebuild it.

use std::collections::BTreeMap;

use actix::prelude::*;
use powerjob_common::actor::{Letter, Mail, Reply, Ticket};
use powerjob_common::id::{AppId, InstanceId};
use powerjob_protocol::wire::beats::BeatReport;
use serde::Serialize;

use crate::store::Store;

/// Reports that may be queued or on their way to the store.
pub(crate) const CAPACITY: usize = 65_536;

/// What became of beats; sent by `rpc`. Answered with `true` when it is durable, with `false` when
/// the worker must repeat it. Repeating is harmless: the last one counts.
#[derive(Debug, Serialize)]
pub(crate) struct KeepBeats {
    /// Application of the worker.
    pub(crate) app_id: AppId,
    pub(crate) items: Vec<BeatReport>,
    #[serde(skip)]
    pub(crate) reply: Reply<bool>,
}

impl Letter for KeepBeats {
    const NAME: &'static str = "BeatReports";

    fn instances(&self) -> Vec<InstanceId> {
        let ids = self.items.iter().map(|item| item.instance_id);
        ids.map(InstanceId).collect()
    }

    fn weight(&self) -> usize {
        self.items.len()
    }
}

/// See the head of the file.
#[derive(Debug)]
pub(crate) struct BeatKeeper {
    store: Store,
    waiting: BTreeMap<(AppId, i64, u32), BeatReport>,
    askers: Vec<(Reply<bool>, Ticket)>,
    is_writing: bool,
}

impl BeatKeeper {
    pub(crate) fn new(store: Store) -> Self {
        Self {
            store,
            waiting: BTreeMap::new(),
            askers: Vec::new(),
            is_writing: false,
        }
    }

    /// Writes all that came during the transaction before.
    fn write(&mut self, ctx: &mut Context<Self>) {
        if self.is_writing || self.askers.is_empty() {
            return;
        }
        self.is_writing = true;
        let waiting = std::mem::take(&mut self.waiting).into_iter();
        let reports = waiting.map(|((app_id, ..), report)| (app_id, report));
        let askers = std::mem::take(&mut self.askers);
        let (store, reports) = (self.store.clone(), reports.collect());
        let work = async move { store.keep_beats(reports).await };
        ctx.spawn(work.into_actor(self).map(|kept, actor, ctx| {
            if let Err(error) = &kept {
                tracing::warn!(%error, "what became of beats was not stored");
            }
            for (reply, _ticket) in askers {
                reply.send(kept.is_ok());
            }
            actor.is_writing = false;
            actor.write(ctx);
        }));
    }
}

impl Actor for BeatKeeper {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(0); // the port counts
    }
}

impl Handler<Mail<KeepBeats>> for BeatKeeper {
    type Result = ();

    fn handle(&mut self, mail: Mail<KeepBeats>, ctx: &mut Self::Context) {
        let (letter, ticket) = mail.open();
        let KeepBeats {
            app_id,
            items,
            reply,
        } = letter;
        for item in items {
            let key = (app_id, item.instance_id, item.attempt);
            self.waiting.insert(key, item);
        }
        self.askers.push((reply, ticket));
        self.write(ctx);
    }
}
