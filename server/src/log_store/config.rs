//! Settings of the log store.

use std::sync::Arc;

use powerjob_common::time::{Clock, SystemClock};

/// Settings of the log store; the defaults suit a server of any size.
#[derive(Debug, Clone)]
pub struct LogStoreConfig {
    /// A segment that has grown to this many bytes is sealed and a new one begun; default 64 MiB,
    /// 4 KiB to 1 GiB. Smaller segments are deleted in smaller steps, larger ones mean fewer files.
    pub segment_bytes: u64,
    /// A segment with this many chunks is sealed, too; default 65,536. It bounds the memory of the
    /// open segment's index, about 50 bytes a chunk and application.
    pub segment_chunks: usize,
    /// Lines that wait for the disk, in bytes; default 32 MiB. Above it chunks are refused and the
    /// workers repeat them.
    pub queue_bytes: usize,
    /// Where to get the time from.
    pub clock: Arc<dyn Clock>,
}

impl Default for LogStoreConfig {
    fn default() -> Self {
        Self {
            segment_bytes: 64 << 20,
            segment_chunks: 1 << 16,
            queue_bytes: 32 << 20,
            clock: Arc::new(SystemClock),
        }
    }
}

impl LogStoreConfig {
    /// The settings inside their ranges.
    pub(super) fn clamped(mut self) -> Self {
        self.segment_bytes = self.segment_bytes.clamp(4 << 10, 1 << 30);
        self.segment_chunks = self.segment_chunks.max(1);
        self
    }
}
