//! What a run of one task knows besides what all runs of its instance know.

use std::sync::Arc;
use std::time::Duration;

use powerjob_common::actor::{Port, Refused};
use powerjob_common::id::NodeRef;
use powerjob_protocol::wire::worker_to_worker::{MapTasks, MapVerdict, TaskStart};
use tokio::sync::{Mutex, oneshot};

use crate::actor::heavy_letters::MapRequested;
use crate::actor::letters::Answer;
use crate::domain::heavy::results::ResultList;
use crate::rpc::peers::{EXECUTOR, MASTER, Peers};

/// How long a list of new tasks may take to be stored; masters with many waiting tasks keep it back.
const STORE_LIMIT: Duration = Duration::from_secs(3_600);
/// A master that is away is asked again so often, after such a pause: it has 15 s to come back.
const TRIES: u32 = 150;
const PAUSE: Duration = Duration::from_millis(100);

/// See the head of the file.
#[derive(Debug)]
pub(crate) struct TaskPart {
    pub(crate) start: TaskStart,
    pub(crate) way: WayToMaster,
    /// The results of the other tasks; only the last one of an instance has them.
    pub(crate) results: Option<ResultList>,
    /// Number of the next list of new tasks.
    pub(crate) next_batch: Mutex<u32>,
}

/// Where new tasks go.
#[derive(Debug, Clone)]
pub(crate) enum WayToMaster {
    /// The master is on this worker.
    Here(Port<MapRequested>),
    /// The master is a peer.
    There { peers: Peers, node: Arc<NodeRef> },
}

/// Why new tasks were not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MapError {
    /// The job is no map or map-reduce, or the task is not one that may map.
    #[error("only tasks of MAP and MAP_REDUCE jobs can map, and not while they reduce")]
    NotAllowed,
    /// The task was given to another worker meanwhile, or the instance has ended.
    #[error("this try of the task counts no more")]
    Stale,
    /// The instance has as many tasks as it may have.
    #[error("the instance has too many tasks")]
    Full,
    /// The worker that has the instance cannot be reached.
    #[error("the master of the instance does not answer")]
    Unreachable,
    /// An item cannot be written as JSON.
    #[error("a sub-task cannot be written: {0}")]
    Encode(String),
}

impl WayToMaster {
    /// Has tasks stored, and tries again while the master is away: a repeated list is recognised.
    pub(crate) async fn map(&self, tasks: MapTasks) -> Result<(), MapError> {
        for _ in 0..TRIES {
            let verdict = match self {
                Self::Here(port) => ask_here(port, tasks.clone()).await,
                Self::There { peers, node } => ask_there(peers, node, &tasks).await,
            };
            match verdict {
                Some(MapVerdict::Stored) => return Ok(()),
                Some(MapVerdict::Stale) => return Err(MapError::Stale),
                Some(MapVerdict::Full) => return Err(MapError::Full),
                Some(MapVerdict::NotAllowed) => return Err(MapError::NotAllowed),
                Some(MapVerdict::Gap) | None => tokio::time::sleep(PAUSE).await,
            }
        }
        Err(MapError::Unreachable)
    }
}

async fn ask_here(port: &Port<MapRequested>, request: MapTasks) -> Option<MapVerdict> {
    let (sender, stored) = oneshot::channel();
    let answer = Answer::new(move |answer: MapVerdict| {
        sender.send(answer).ok(); // the task may have been given up
    });
    match port.tell(MapRequested { request, answer }) {
        Ok(()) => stored.await.ok(),
        Err(Refused::Full | Refused::Closed) => None,
    }
}

async fn ask_there(peers: &Peers, node: &NodeRef, request: &MapTasks) -> Option<MapVerdict> {
    let session = peers.session(node)?;
    let answer = session.ask(MASTER, EXECUTOR, request, STORE_LIMIT).await;
    answer.ok().map(|answer| answer.verdict)
}
