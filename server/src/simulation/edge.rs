//! Sessions of workers, as `rpc::connection` hears of them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use powerjob_common::id::{AppId, InstanceId, NodeRef};
use powerjob_protocol::wire::server_to_worker::{RunAnswers, StopAnswers};
use powerjob_protocol::wire::worker_to_server::{
    InstanceReports, InventoryAnswer, ReportAnswers, WorkerInventory,
};
use powerjob_session::SessionError;

use super::frame::{FromWorker, ServerReply, ToWorker};
use super::link::Line;
use super::node::ServerNode;
use crate::actor::instance_manager::simulation::ShardLetter;
use crate::actor::instance_manager::{AnswerSheet, ApplyReports};
use crate::actor::worker_registry::simulation::RegistryLetter;
use crate::actor::worker_registry::{
    Ending, Heartbeat, Inventory, InventoryAnswering, SessionClosed, SessionOpened,
};
use crate::rpc::by_shard;

/// How a connection ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// The worker said farewell.
    Farewell,
    /// It broke.
    Broken,
    /// Nothing was heard.
    Silent,
}

/// The connections of a server.
#[derive(Debug)]
pub(super) struct Edge {
    shards: usize,
    peers: BTreeMap<u64, (AppId, NodeRef)>,
}

impl Edge {
    pub(super) fn new(shards: usize) -> Self {
        Self {
            shards,
            peers: BTreeMap::new(),
        }
    }

    /// The applications of the workers that are connected.
    pub(super) fn apps(&self) -> BTreeSet<AppId> {
        self.peers.values().map(|(app_id, _)| *app_id).collect()
    }
}

impl ServerNode {
    /// A worker came in.
    pub fn opened(&mut self, connection: u64, app_id: AppId, node: NodeRef) {
        self.edge.peers.insert(connection, (app_id, node.clone()));
        let session = Arc::new(Line {
            connection,
            lines: self.lines.clone(),
        });
        self.post.registry(RegistryLetter::Opened(SessionOpened {
            app_id,
            address: format!("{}:1", node.node_id),
            peer_address: String::new(),
            node,
            software: "simulated".to_owned(),
            tells_inventory: true,
            session,
        }));
    }

    /// A connection has ended.
    pub fn closed(&mut self, connection: u64, ended: Ended) {
        let Some((app_id, node)) = self.edge.peers.remove(&connection) else {
            return;
        };
        let ending = match ended {
            Ended::Farewell => Ending::Farewell,
            Ended::Broken => Ending::Broken,
            Ended::Silent => Ending::Silent,
        };
        self.post.registry(RegistryLetter::Closed(SessionClosed {
            app_id,
            node,
            connection,
            ending,
        }));
    }

    /// The connections of an application's workers.
    pub fn connections_of(&self, app_id: AppId) -> Vec<u64> {
        let of_app = self.edge.peers.iter().filter(|(_, peer)| peer.0 == app_id);
        of_app.map(|(connection, _)| *connection).collect()
    }

    /// A worker's frame has arrived.
    pub fn received(&mut self, connection: u64, frame: FromWorker) {
        let Some((app_id, node)) = self.edge.peers.get(&connection).cloned() else {
            return;
        };
        let is_owned = self.ownership.epoch(app_id).is_some();
        match frame {
            FromWorker::Reports(number, _) | FromWorker::Inventory(number, _) if !is_owned => {
                let refused = ToWorker::Reply(number, ServerReply::Refused);
                self.lines.send(connection, refused);
            }
            FromWorker::Heartbeat(_) if !is_owned => {}
            FromWorker::Heartbeat(state) => {
                self.post.registry(RegistryLetter::Heartbeat(Heartbeat {
                    app_id,
                    node,
                    connection,
                    state: Box::new(state),
                    names_processors: true,
                }));
            }
            FromWorker::Reports(number, reports) => {
                self.on_reports(connection, (app_id, node), number, reports);
            }
            FromWorker::Inventory(number, inventory) => {
                self.on_inventory(connection, (app_id, node), number, inventory);
            }
        }
    }

    fn on_reports(
        &mut self,
        connection: u64,
        (app_id, node): (AppId, NodeRef),
        number: u64,
        InstanceReports { items }: InstanceReports,
    ) {
        let lines = self.lines.clone();
        let sheet = AnswerSheet::new(items.len(), move |items, _stop| {
            let reply = ServerReply::Reports(ReportAnswers { items });
            lines.send(connection, ToWorker::Reply(number, reply));
        });
        let sorted = by_shard(items, self.edge.shards, |place| sheet.slot(place));
        drop(sheet);
        for (place, items) in sorted.into_iter().enumerate() {
            if !items.is_empty() {
                let letter = ApplyReports {
                    app_id,
                    worker: node.node_id.clone(),
                    items,
                };
                self.post.shard(place, ShardLetter::Reports(letter));
            }
        }
    }

    fn on_inventory(
        &mut self,
        connection: u64,
        (app_id, node): (AppId, NodeRef),
        number: u64,
        inventory: WorkerInventory,
    ) {
        let lines = self.lines.clone();
        let answer = InventoryAnswering::new(inventory.finished.len(), move |words| {
            let reply = match words {
                Some((reports, stop)) => ServerReply::Inventory(InventoryAnswer { reports, stop }),
                None => ServerReply::Refused,
            };
            lines.send(connection, ToWorker::Reply(number, reply));
        });
        let running = inventory.running.iter();
        let letter = Inventory {
            app_id,
            node,
            connection,
            running: running
                .map(|held| (InstanceId(held.instance_id), held.attempt))
                .collect(),
            finished: by_shard(inventory.finished, self.edge.shards, |place| {
                answer.slot(place)
            }),
            is_last: inventory.is_last,
            answer,
        };
        self.post.registry(RegistryLetter::Inventory(letter));
    }

    /// A worker has answered [`ToWorker::Run`], or its connection gave up.
    pub fn run_answered(&mut self, number: u64, answer: Result<RunAnswers, SessionError>) {
        self.lines.run_answered(number, answer);
    }

    /// A worker has answered [`ToWorker::Stop`] or [`ToWorker::Kill`], or its connection gave up.
    pub fn stop_answered(&mut self, number: u64, answer: Result<StopAnswers, SessionError>) {
        self.lines.stop_answered(number, answer);
    }
}
