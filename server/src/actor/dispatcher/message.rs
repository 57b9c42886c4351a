//! What the dispatcher is asked for.

use std::sync::Arc;

use powerjob_common::actor::Letter;
use powerjob_common::id::{AppId, InstanceId};
use powerjob_protocol::wire::beats::BeatPlan;
use powerjob_protocol::wire::server_to_worker::{InstanceTeam, RunInstance, StopInstance};
use serde::Serialize;

use crate::live::WorkerLink;

/// Sends claimed runs; sent by the instance managers. Repeating it is harmless: workers know the
/// attempts they have.
#[derive(Debug, Serialize)]
pub(crate) struct DispatchRuns {
    pub(crate) runs: Vec<Dispatch>,
    /// Goes before the runs, or a master would not know who takes part.
    pub(crate) teams: Vec<TeamNotice>,
}

/// The workers of one instance and the way to its master.
#[derive(Debug, Serialize)]
pub(crate) struct TeamNotice {
    #[serde(skip)]
    pub(crate) link: Arc<dyn WorkerLink>,
    pub(crate) item: InstanceTeam,
}

/// One run and the way to its worker.
#[derive(Debug, Serialize)]
pub(crate) struct Dispatch {
    #[serde(skip)]
    pub(crate) link: Arc<dyn WorkerLink>,
    pub(crate) app_id: AppId,
    pub(crate) item: RunInstance,
    /// When it has beats, if the worker is to make them.
    pub(crate) beats: Option<BeatPlan>,
}

/// Stops runs; sent by the instance managers. Repeating it is harmless.
#[derive(Debug, Serialize)]
pub(crate) struct StopRuns {
    pub(crate) stops: Vec<Stop>,
}

/// One stop and the way to its worker.
#[derive(Debug, Serialize)]
pub(crate) struct Stop {
    #[serde(skip)]
    pub(crate) link: Arc<dyn WorkerLink>,
    pub(crate) item: StopInstance,
    /// Without waiting for the processor.
    pub(crate) is_kill: bool,
}

impl Letter for DispatchRuns {
    const NAME: &'static str = "DispatchRuns";

    fn instances(&self) -> Vec<InstanceId> {
        self.runs
            .iter()
            .map(|run| InstanceId(run.item.instance_id))
            .collect()
    }

    fn weight(&self) -> usize {
        self.runs.len()
    }
}

impl Letter for StopRuns {
    const NAME: &'static str = "StopRuns";
    const LIFE_CYCLE: bool = true;

    fn instances(&self) -> Vec<InstanceId> {
        self.stops
            .iter()
            .map(|stop| InstanceId(stop.item.instance_id))
            .collect()
    }

    fn weight(&self) -> usize {
        self.stops.len()
    }
}
