//! The way to the right shard.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use powerjob_common::actor::{Port, Refused};
use powerjob_common::id::InstanceId;

use super::message::{
    CancelInstance, KillInstance, ReadInstances, RetryInstance, StartRuns, StopInstance,
};
use crate::domain::job::JobDefinition;
use crate::domain::policy::Overlap;

/// With so much waiting work new runs are refused. Far below the capacity of the queue: commits,
/// reports and verdicts, which make room, must always fit.
const MAX_WAITING_STARTS: usize = 100_000;

/// The ports of one shard that callers use.
#[derive(Debug, Clone)]
pub struct ShardPorts {
    /// New runs.
    pub start: Port<StartRuns>,
    /// Stops.
    pub stop: Port<StopInstance>,
    /// Kills.
    pub kill: Port<KillInstance>,
    /// Cancels.
    pub cancel: Port<CancelInstance>,
    /// Retries.
    pub retry: Port<RetryInstance>,
    /// Reads.
    pub read: Port<ReadInstances>,
}

/// The ports of all shards; routes each letter to the shard of its instance.
#[derive(Debug, Clone)]
pub struct InstancePorts {
    shards: Arc<[ShardPorts]>,
    next: Arc<AtomicUsize>,
}

impl InstancePorts {
    /// Ports to at least one shard.
    pub fn new(shards: Vec<ShardPorts>) -> Self {
        Self {
            shards: shards.into(),
            next: Arc::default(),
        }
    }

    /// Starts runs on the job's shard, or any: it makes ids of its own.
    ///
    /// # Errors
    /// As [`Port::tell`].
    pub fn start(&self, letter: StartRuns) -> Result<(), Refused> {
        let count = self.shards.len();
        let place =
            home_of(&letter.job, count).unwrap_or_else(|| self.next.fetch_add(1, Relaxed) % count);
        let port = &self.shards[place].start;
        if port.depth() > MAX_WAITING_STARTS {
            return Err(Refused::Full);
        }
        port.tell(letter)
    }

    /// Stops an instance.
    ///
    /// # Errors
    /// As [`Port::tell`].
    pub fn stop(&self, letter: StopInstance) -> Result<(), Refused> {
        self.of(letter.instance_id).stop.tell(letter)
    }

    /// Ends an instance without waiting for its processor.
    ///
    /// # Errors
    /// As [`Port::tell`].
    pub fn kill(&self, letter: KillInstance) -> Result<(), Refused> {
        self.of(letter.instance_id).kill.tell(letter)
    }

    /// Calls off an instance.
    ///
    /// # Errors
    /// As [`Port::tell`].
    pub fn cancel(&self, letter: CancelInstance) -> Result<(), Refused> {
        self.of(letter.instance_id).cancel.tell(letter)
    }

    /// Retries an instance.
    ///
    /// # Errors
    /// As [`Port::tell`].
    pub fn retry(&self, letter: RetryInstance) -> Result<(), Refused> {
        self.of(letter.instance_id).retry.tell(letter)
    }

    /// The ids by shard with the port to read them from.
    pub fn readers(&self, ids: &[InstanceId]) -> Vec<(Port<ReadInstances>, Vec<InstanceId>)> {
        let mut by_shard = vec![Vec::new(); self.shards.len()];
        for id in ids {
            by_shard[shard_of(*id, self.shards.len())].push(*id);
        }
        let ports = self.shards.iter().map(|shard| shard.read.clone());
        ports
            .zip(by_shard)
            .filter(|(_, ids)| !ids.is_empty())
            .collect()
    }

    fn of(&self, id: InstanceId) -> &ShardPorts {
        &self.shards[shard_of(id, self.shards.len())]
    }
}

/// The shard of an instance. A hash, because ids end in a sequence that is mostly zero.
pub(crate) fn shard_of(id: InstanceId, shards: usize) -> usize {
    spread(id.0, shards)
}

/// The shard that keeps all runs of a job, so that each knows the others; `None`: any may.
pub(crate) fn home_of(job: &JobDefinition, shards: usize) -> Option<usize> {
    (job.policy.overlap != Overlap::Allow).then(|| spread(job.id.0, shards))
}

fn spread(id: i64, shards: usize) -> usize {
    const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;
    let mixed = id.cast_unsigned().wrapping_mul(GOLDEN) >> 32;
    (mixed as usize) % shards.max(1)
}
