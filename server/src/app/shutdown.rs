//! The end, in steps: no new work, let what is under way end, make it durable, stop.

use std::sync::Arc;
use std::time::Duration;

use actix_rt::Arbiter;
use powerjob_common::actor::{Guardian, Port};

use super::ServerHandles;
use super::http::HttpEdge;
use crate::actor::elector::LeaveCluster;
use crate::live::Ownership;
use crate::rpc::WorkerListener;
use crate::store::Store;
use crate::store::lease::{LeaseKeeper, ServerLease};

/// The other servers may take the applications within this time.
const LEAVE_LIMIT: Duration = Duration::from_secs(5);
/// Queues may empty within this time.
const DRAIN_LIMIT: Duration = Duration::from_millis(600);
const DRAIN_PAUSE: Duration = Duration::from_millis(5);
/// Sessions may end within this time.
const SESSION_LIMIT: Duration = Duration::from_millis(600);
/// The store may end within this time.
const STORE_LIMIT: Duration = Duration::from_millis(600);

/// What has to be ended.
pub(super) struct Parts {
    pub(super) http: Option<HttpEdge>,
    pub(super) http_workers: Option<HttpEdge>,
    pub(super) handles: ServerHandles,
    pub(super) leave: Port<LeaveCluster>,
    pub(super) listener: WorkerListener,
    pub(super) guardian: Guardian,
    pub(super) arbiters: Vec<Arbiter>,
    pub(super) keeper: LeaseKeeper,
    pub(super) lease: Arc<ServerLease>,
    pub(super) store: Store,
    pub(super) ownership: Ownership,
}

/// Ends a server within about two seconds, and hands its applications over before that.
pub(super) async fn shut_down(parts: Parts) {
    // First of all, while everything still works: the others take what they are given.
    hand_over(&parts).await;
    parts.listener.close_doors();
    if let Some(http) = parts.http {
        http.stop().await;
    }
    if let Some(http_workers) = parts.http_workers {
        http_workers.stop().await;
    }
    drain(&parts.handles).await;
    parts.listener.stop(SESSION_LIMIT).await;
    drain(&parts.handles).await;
    parts.ownership.end();
    drop(parts.keeper);
    let closing = async {
        if let Err(error) = parts.lease.release().await {
            tracing::warn!(%error, "the lease was not given back");
        }
        if let Err(error) = parts.store.close().await {
            tracing::warn!(%error, "the store did not end well");
        }
    };
    if tokio::time::timeout(STORE_LIMIT, closing).await.is_err() {
        tracing::warn!("the store did not end in time");
    }
    parts.guardian.release();
    for arbiter in parts.arbiters {
        arbiter.stop();
        // A thread that panicked was the death that ended the server: it is told already.
        arbiter.join().ok();
    }
    tracing::info!("server stopped");
}

/// Gives all applications to the other servers, where there are any.
async fn hand_over(parts: &Parts) {
    if !parts.ownership.may_act() {
        return;
    }
    let leaving = parts.leave.ask(LEAVE_LIMIT, |reply| LeaveCluster { reply });
    if let Err(error) = leaving.await {
        tracing::warn!(%error, "not everything was handed over");
    }
}

/// Waits until nobody has anything to do, or until the limit.
async fn drain(handles: &ServerHandles) {
    let is_idle = || {
        let readings = handles.scope.directory().readings();
        readings.iter().all(|reading| reading.depth == 0)
    };
    let waiting = async {
        while !is_idle() {
            tokio::time::sleep(DRAIN_PAUSE).await;
        }
    };
    if tokio::time::timeout(DRAIN_LIMIT, waiting).await.is_err() {
        tracing::warn!("some queues were not empty in time");
    }
}
