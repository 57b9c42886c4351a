//! A worker that shuts down leaves its instances to others.

use std::collections::BTreeSet;

use actix::prelude::*;
use powerjob_common::actor::Mail;

use super::{HeavyTracker, Mastered};
use crate::actor::letters::Drain;
use crate::domain::ending::CancelReason;

impl Handler<Mail<Drain>> for HeavyTracker {
    type Result = ();

    fn handle(&mut self, mail: Mail<Drain>, _ctx: &mut Self::Context) {
        let (Drain {}, _ticket) = mail.open();
        self.is_draining = true;
        for (key, loading) in std::mem::take(&mut self.loading) {
            self.end_loading(key, loading, CancelReason::WorkerShutdown);
        }
        self.with_all(|mastered, _now| mastered.master.wind_down());
    }
}

impl Mastered {
    pub(super) fn hand_on_if_idle(&mut self) {
        let parents = self.waiting.iter().map(|(request, _)| request.parent.task);
        let held_up: BTreeSet<u32> = parents.collect();
        self.master.hand_on_if_idle(held_up.len());
    }
}
