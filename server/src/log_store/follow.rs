//! Wakes readers when new lines of an instance were stored.

use std::sync::Arc;

use dashmap::DashMap;
use powerjob_common::id::InstanceId;
use tokio::sync::watch;

/// The readers that wait, by instance.
#[derive(Debug, Clone, Default)]
pub(super) struct Followers {
    waiting: Arc<DashMap<InstanceId, watch::Sender<()>>>,
}

/// Wakes when new lines of one instance were stored. Make it before the first read: then nothing
/// that is stored after that read is missed. Dropping it ends the following.
#[derive(Debug)]
pub struct Follower {
    wakes: watch::Receiver<()>,
    followers: Followers,
    instance: InstanceId,
}

impl Follower {
    /// Returns when lines were stored since the follower was made or since the last return,
    /// at once if there were any. Cancelling it loses nothing. `false` = the store is closed and
    /// nothing will come.
    pub async fn changed(&mut self) -> bool {
        self.wakes.changed().await.is_ok()
    }
}

impl Followers {
    pub(super) fn follow(&self, instance: InstanceId) -> Follower {
        let sender = self
            .waiting
            .entry(instance)
            .or_insert_with(|| watch::channel(()).0);
        Follower {
            wakes: sender.subscribe(),
            followers: self.clone(),
            instance,
        }
    }

    /// Wakes the followers of these instances; costs next to nothing while there are none.
    pub(super) fn wake(&self, instances: impl IntoIterator<Item = InstanceId>) {
        if self.waiting.is_empty() {
            return;
        }
        for instance in instances {
            if let Some(sender) = self.waiting.get(&instance) {
                sender.send_replace(());
            }
        }
    }

    /// How many instances are followed.
    #[cfg(test)]
    pub(super) fn count(&self) -> usize {
        self.waiting.len()
    }

    /// Ends all following.
    pub(super) fn close(&self) {
        self.waiting.clear();
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        self.followers
            .waiting
            .remove_if(&self.instance, |_, sender| sender.receiver_count() <= 1);
    }
}
