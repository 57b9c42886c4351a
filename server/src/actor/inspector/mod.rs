//! `server/inspector`: the inside of all nodes, for people who watch.
//!
//! * **Owns** nothing: the ways to workers and the running watches are in [`Nodes`], which the
//!   connections feed.
//! * **Hears** from `http` (`GetClusterActors`, `WatchCluster`, `RecentMessages`).
//! * **Tells** workers (`GetActors`, `WatchTap`, `UnwatchTap`) over their connections.
//! * **Survives** a restart: running watches do, questions in flight do not.
//! * **Dies**: the guardian builds it anew; nobody but a person who looks notices.

mod message;
mod nodes;
#[cfg(test)]
mod tests;
mod watching;

use std::time::Duration;

use actix::prelude::*;
use futures_util::future::join_all;
use powerjob_common::actor::{ActorReading, ActorScope, Mail};
use powerjob_protocol::wire::node::{ActorReadings, WireActorReading};
use powerjob_session::SessionError;
use tokio::sync::oneshot;

pub use self::message::{ClusterTap, GetClusterActors, NodeReading, RecentMessages, WatchCluster};
pub(crate) use self::nodes::{NodeLink, Nodes};
use crate::domain::worker::WorkerState;
use crate::live::WorkerTable;

/// Path of the actor.
pub(crate) const PATH: &str = "server/inspector";
/// Letters that may wait.
pub(crate) const CAPACITY: usize = 256;
/// How long a worker may take to tell its actors.
const ACTORS_LIMIT: Duration = Duration::from_secs(1);

/// What the inspector needs.
#[derive(Debug, Clone)]
pub(crate) struct InspectorParts {
    pub(crate) scope: ActorScope,
    pub(crate) workers: WorkerTable,
    pub(crate) nodes: Nodes,
}

/// See the head of the file.
#[derive(Debug)]
pub(crate) struct Inspector {
    parts: InspectorParts,
}

impl Inspector {
    pub(crate) fn new(parts: InspectorParts) -> Self {
        Self { parts }
    }
}

impl Actor for Inspector {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(0); // the port counts
    }
}

impl Handler<Mail<GetClusterActors>> for Inspector {
    type Result = ();

    fn handle(&mut self, mail: Mail<GetClusterActors>, ctx: &mut Self::Context) {
        let (GetClusterActors { reply }, ticket) = mail.open();
        let own = NodeReading {
            node: self.parts.scope.node().to_string(),
            is_server: true,
            actors: Ok(self.parts.scope.directory().readings()),
        };
        let links = self.parts.nodes.links();
        let absent = self.absent_workers();
        let work = async move {
            let mut workers = join_all(links.into_iter().map(ask_for_actors)).await;
            workers.extend(absent);
            workers.sort_by(|a, b| a.node.cmp(&b.node));
            reply.send(std::iter::once(own).chain(workers).collect());
            drop(ticket); // counted until it is answered
        };
        ctx.spawn(work.into_actor(self));
    }
}

impl Handler<Mail<WatchCluster>> for Inspector {
    type Result = ();

    fn handle(&mut self, mail: Mail<WatchCluster>, _ctx: &mut Self::Context) {
        let (WatchCluster { filter, reply }, _ticket) = mail.open();
        reply.send(watching::start(
            &self.parts.scope,
            &self.parts.nodes,
            filter,
        ));
    }
}

impl Handler<Mail<RecentMessages>> for Inspector {
    type Result = ();

    fn handle(&mut self, mail: Mail<RecentMessages>, _ctx: &mut Self::Context) {
        let (RecentMessages { filter, reply }, _ticket) = mail.open();
        reply.send(self.parts.scope.tap().recent(&filter));
    }
}

impl Inspector {
    /// Workers that may come back and cannot be asked now.
    fn absent_workers(&self) -> Vec<NodeReading> {
        let workers = self.parts.workers.all();
        let absent = workers.into_iter().filter(|worker| {
            worker.facts.state == WorkerState::Suspect
                && !self.parts.nodes.is_connected(&worker.facts.node)
        });
        absent
            .map(|worker| NodeReading {
                node: worker.facts.node.node_id.clone(),
                is_server: false,
                actors: Err("not connected".to_owned()),
            })
            .collect()
    }
}

async fn ask_for_actors(link: std::sync::Arc<dyn NodeLink>) -> NodeReading {
    let (sender, answer) = oneshot::channel();
    link.actors(
        ACTORS_LIMIT,
        Box::new(move |answer| drop(sender.send(answer))), // nobody waits any more: no error
    );
    let answer = tokio::time::timeout(ACTORS_LIMIT, answer).await;
    let answer = match answer {
        Ok(answer) => answer.unwrap_or(Err(SessionError::Disconnected)),
        Err(_) => Err(SessionError::Timeout),
    };
    NodeReading {
        node: link.node().node_id.clone(),
        is_server: false,
        actors: answer
            .map(|ActorReadings { items }| items.into_iter().map(from_wire).collect())
            .map_err(|error| error.to_string()),
    }
}

fn from_wire(reading: WireActorReading) -> ActorReading {
    let count = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
    ActorReading {
        path: reading.path,
        depth: count(reading.depth),
        capacity: count(reading.capacity),
        handled: reading.handled,
        refused: reading.refused,
        rate: reading.rate,
        p50_us: reading.p50_us,
        p99_us: reading.p99_us,
        restarts: reading.restarts,
    }
}
