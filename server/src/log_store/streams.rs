//! Remembers what is stored of the streams that were written to lately.
//!
//! Everything here can be derived from the indexes; it is kept because a worker writes to few
//! streams again and again. Two generations bound it: when the young one is full it becomes the old
//! one, and what was not used in the meantime is forgotten.

use std::collections::HashMap;

use powerjob_common::id::AppId;

use super::error::Error;
use super::index::Stream;
use super::ranges::Ranges;

/// Streams of one generation, about 100 bytes each.
const GENERATION: usize = 65_536;

type Key = (AppId, Stream);

/// The stored sequence numbers by stream, with those that the present batch adds.
#[derive(Debug, Default)]
pub(super) struct Streams {
    young: HashMap<Key, Ranges>,
    old: HashMap<Key, Ranges>,
}

impl Streams {
    /// The stored sequence numbers of a stream, if need be from `load`.
    pub(super) fn ranges(
        &mut self,
        key: Key,
        load: impl FnOnce() -> Result<Ranges, Error>,
    ) -> Result<&mut Ranges, Error> {
        let known = match self.young.remove(&key).or_else(|| self.old.remove(&key)) {
            Some(ranges) => ranges,
            None => load()?,
        };
        Ok(self.young.entry(key).or_insert(known))
    }

    /// Makes room; to be called between batches, because the indexes know nothing of the present one.
    pub(super) fn make_room(&mut self) {
        if self.young.len() >= GENERATION {
            self.old = std::mem::take(&mut self.young);
        }
    }

    /// Forgets an application whose last batch did not become durable, or that is gone.
    pub(super) fn forget(&mut self, app: AppId) {
        self.young.retain(|key, _| key.0 != app);
        self.old.retain(|key, _| key.0 != app);
    }
}
