//! One watch over all nodes: the records of this server and of the workers in one bounded stream.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use powerjob_common::actor::{ActorScope, TapFilter, TapRecord, TapStream};
use powerjob_protocol::wire::node::TapRecords;
use tokio::sync::mpsc;

use super::message::ClusterTap;
use super::nodes::{Nodes, RemoteWatch};

/// Records that wait for the person who watches.
const CAPACITY: usize = 4_096;
/// Records of this server that wait to be merged.
const OWN_CAPACITY: usize = 4_096;

/// Starts a watch; it ends when the tap is dropped.
pub(super) fn start(scope: &ActorScope, nodes: &Nodes, filter: TapFilter) -> ClusterTap {
    let (sender, records) = mpsc::channel(CAPACITY);
    let dropped = Arc::new(AtomicU64::new(0));
    let merging = Merging {
        records: sender,
        dropped: dropped.clone(),
        remote: nodes.watch(&filter, dropped.clone()),
        own: scope.tap().watch(filter, OWN_CAPACITY),
    };
    tokio::spawn(merging.run());
    ClusterTap { records, dropped }
}

struct Merging {
    records: mpsc::Sender<TapRecord>,
    dropped: Arc<AtomicU64>,
    own: TapStream,
    remote: RemoteWatch,
}

impl Merging {
    async fn run(mut self) {
        loop {
            tokio::select! {
                () = self.records.closed() => return,
                record = self.own.next() => match record {
                    Some(record) => self.pass_own(record),
                    None => return,
                },
                frame = self.remote.frames.recv() => match frame {
                    Some(frame) => self.pass_remote(&frame),
                    None => return,
                },
            }
        }
    }

    fn pass_own(&self, record: TapRecord) {
        self.lose(self.own.take_dropped());
        self.pass(record);
    }

    fn pass_remote(&self, frame: &TapRecords) {
        self.lose(frame.dropped);
        for text in &frame.records {
            match serde_json::from_str(text) {
                Ok(record) => self.pass(record),
                Err(_) => self.lose(1), // of a later version
            }
        }
    }

    fn pass(&self, record: TapRecord) {
        if self.records.try_send(record).is_err() {
            self.lose(1);
        }
    }

    fn lose(&self, count: u64) {
        // A worker may claim any number: stay at the end instead of beginning anew.
        let sum = |before: u64| Some(before.saturating_add(count));
        self.dropped.fetch_update(Relaxed, Relaxed, sum).ok();
    }
}
