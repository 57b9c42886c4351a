//! Ports that put letters into the mailboxes.

use std::sync::Arc;
use std::time::Duration;

use powerjob_common::actor::{ActorScope, Port, Probe};
use powerjob_common::time::Clock;

use super::letters::Post;
use super::node::NodeConfig;
use crate::actor::dispatcher::{Dispatcher, VerdictPorts};
use crate::actor::instance_manager::simulation::ShardLetter;
use crate::actor::worker_registry::simulation::RegistryShell;
use crate::actor::worker_registry::{ShardNews, WorkerRegistryParts};
use crate::live::{Ownership, WorkerTable};

/// Sessions end waiting questions themselves in the simulation.
const VERDICT_LIMIT: Duration = Duration::from_secs(5);

fn to_shard<M: powerjob_common::actor::Letter>(
    scope: &ActorScope,
    post: &Post,
    place: usize,
    letter: impl Fn(M) -> ShardLetter + Send + Sync + 'static,
) -> Port<M> {
    let post = post.clone();
    Probe::hand(scope, "server/instances", move |it| {
        post.shard(place, letter(it));
    })
}

pub(super) fn registry(
    config: &NodeConfig,
    scope: &ActorScope,
    post: &Post,
    (workers, ownership): (&WorkerTable, &Ownership),
    clock: &Arc<dyn Clock>,
) -> RegistryShell {
    let news = |place| ShardNews {
        reports: to_shard(scope, post, place, ShardLetter::Reports),
        reconcile: to_shard(scope, post, place, ShardLetter::Reconcile),
        lost: to_shard(scope, post, place, ShardLetter::Lost),
        changed: to_shard(scope, post, place, |_| ShardLetter::WorkersChanged),
    };
    RegistryShell::new(WorkerRegistryParts {
        shards: (0..config.shards).map(news).collect(),
        workers: workers.clone(),
        events: Default::default(),
        ownership: ownership.clone(),
        clock: clock.clone(),
        worker_lost_after: config.worker_lost_after,
    })
}

pub(super) fn dispatcher(
    config: &NodeConfig,
    scope: &ActorScope,
    post: &Post,
    ownership: Ownership,
) -> Dispatcher {
    let ports = |place| VerdictPorts {
        verdicts: to_shard(scope, post, place, ShardLetter::Verdicts),
        unanswered: to_shard(scope, post, place, ShardLetter::Unanswered),
    };
    let shards = (0..config.shards).map(ports).collect();
    Dispatcher::new(shards, ownership, VERDICT_LIMIT)
}
