//! `server/status_checker`: has the instance managers look after runs that are out.
//!
//! * **Owns** nothing but the rhythm; what is wrong is judged by `domain::status_check`.
//! * **Hears** from nobody.
//! * **Tells** the instance managers (`CheckRuns`). No hot path depends on it: it finds what a lost
//!   letter or a broken connection left behind.
//! * **Survives** a restart: nothing.
//! * **Dies**: it is built anew.

use std::time::Duration;

use actix::prelude::*;
use powerjob_common::actor::Port;

use crate::actor::instance_manager::CheckRuns;

const INTERVAL: Duration = Duration::from_secs(1);

/// See the head of the file.
#[derive(Debug)]
pub(crate) struct StatusChecker {
    shards: Vec<Port<CheckRuns>>,
}

impl StatusChecker {
    pub(crate) fn new(shards: Vec<Port<CheckRuns>>) -> Self {
        Self { shards }
    }

    fn check(&self) {
        for shard in &self.shards {
            // Full: it is busy with what is to be checked; the next round comes soon.
            if let Err(refused) = shard.tell(CheckRuns {}) {
                tracing::debug!(%refused, "a check was left out");
            }
        }
    }
}

impl Actor for StatusChecker {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.run_interval(INTERVAL, |actor, _ctx| actor.check());
    }
}
