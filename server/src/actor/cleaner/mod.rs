//! `server/cleaner`: has what is too old deleted, in slices that disturb nobody.
//!
//! * **Owns** nothing but the rhythm; what may go is judged by `domain::cleanup`.
//! * **Hears** from `service` (`CleanNow`) and its own clock.
//! * **Tells** nobody: the store and the log store delete.
//! * **Survives** a restart: nothing; the next round finds what is left.
//! * **Dies**: it is built anew.

mod round;

use std::sync::Arc;
use std::time::Duration;

use actix::prelude::*;
use powerjob_common::actor::{Letter, Mail, Reply};
use powerjob_common::time::Clock;
use serde::Serialize;

use crate::domain::cleanup::RetentionPolicy;
use crate::live::{CleaningCounts, CleaningReading, Ownership};
use crate::log_store::LogStore;
use crate::store::Store;

/// Letters that may wait: people who ask for a round.
pub(crate) const CAPACITY: usize = 64;

/// Has a round begin now; sent by `service`. Answered when it has ended: the numbers after it.
/// During a round it is answered by the next one.
#[derive(Debug, Serialize)]
pub struct CleanNow {
    /// The numbers after the round.
    #[serde(skip)]
    pub reply: Reply<CleaningReading>,
}

impl Letter for CleanNow {
    const NAME: &'static str = "CleanNow";
}

/// What the cleaner needs.
#[derive(Debug, Clone)]
pub(crate) struct CleanerParts {
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) store: Store,
    pub(crate) logs: LogStore,
    pub(crate) ownership: Ownership,
    pub(crate) counts: CleaningCounts,
    pub(crate) policy: RetentionPolicy,
    pub(crate) every: Duration,
}

/// See the head of the file.
#[derive(Debug)]
pub(crate) struct Cleaner {
    parts: CleanerParts,
    is_cleaning: bool,
    waiting: Vec<Reply<CleaningReading>>,
}

impl Cleaner {
    pub(crate) fn new(parts: CleanerParts) -> Self {
        Self {
            parts,
            is_cleaning: false,
            waiting: Vec::new(),
        }
    }

    /// One round at a time.
    fn clean(&mut self, ctx: &mut Context<Self>) {
        if self.is_cleaning {
            return;
        }
        self.is_cleaning = true;
        let asked = std::mem::take(&mut self.waiting);
        let work = round::run(self.parts.clone());
        ctx.spawn(work.into_actor(self).map(move |(), actor, ctx| {
            actor.is_cleaning = false;
            let reading = actor.parts.counts.reading();
            for reply in asked {
                reply.send(reading);
            }
            if !actor.waiting.is_empty() {
                actor.clean(ctx);
            }
        }));
    }
}

impl Actor for Cleaner {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(0); // the port counts
        ctx.run_interval(self.parts.every, |actor, ctx| actor.clean(ctx));
    }
}

impl Handler<Mail<CleanNow>> for Cleaner {
    type Result = ();

    fn handle(&mut self, mail: Mail<CleanNow>, ctx: &mut Self::Context) {
        let (CleanNow { reply }, _ticket) = mail.open();
        self.waiting.push(reply);
        self.clean(ctx);
    }
}
