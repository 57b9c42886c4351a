//! A segment that does not grow any more.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use powerjob_common::id::InstanceId;

use super::error::Error;
use super::index::{Slot, Stream};
use super::index_file::{self, IndexFile, IndexHead};
use super::position::Direction;
use super::ranges::Ranges;
use super::segment::path_of;

/// Slots that are read at a time when all of an instance are wanted.
const STRIDE: usize = 4_096;

/// A segment that is complete and has an index file.
#[derive(Debug)]
pub(super) struct SealedSegment {
    pub(super) number: u32,
    pub(super) head: IndexHead,
    path: PathBuf,
    index_path: PathBuf,
}

impl SealedSegment {
    pub(super) fn new(folder: &Path, number: u32, head: IndexHead) -> Self {
        Self {
            number,
            head,
            path: path_of(folder, number, "seg"),
            index_path: path_of(folder, number, "idx"),
        }
    }

    /// The segment as it lies in the folder; `None` if it has no whole index that fits it.
    pub(super) fn find_in(folder: &Path, number: u32) -> Result<Option<Self>, Error> {
        let path = path_of(folder, number, "idx");
        let head = match index_file::read_head(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            other => other.map_err(Error::at(&path))?,
        };
        let Some(head) = head else { return Ok(None) };
        let sealed = Self::new(folder, number, head);
        let metadata = std::fs::metadata(&sealed.path).map_err(Error::at(&sealed.path))?;
        Ok((metadata.len() >= head.segment_bytes).then_some(sealed))
    }

    /// Whether there may be lines of the instance in it.
    pub(super) fn may_hold(&self, instance: InstanceId) -> bool {
        (self.head.lowest..=self.head.highest).contains(&instance)
    }

    /// The first `max` slots of the instance, in the direction, from `bound` on: forward with the
    /// slot at that offset, backward without. Nothing if the segment was deleted meanwhile.
    pub(super) fn slots(
        &self,
        instance: InstanceId,
        direction: Direction,
        bound: u32,
        max: usize,
    ) -> Result<Vec<Slot>, Error> {
        let found =
            IndexFile::open(&self.index_path, &self.head).and_then(|index| match direction {
                Direction::Forward => index.slots_from(instance, bound, max),
                Direction::Backward => {
                    let mut slots = index.slots_before(instance, bound, max)?;
                    slots.reverse();
                    Ok(slots)
                }
            });
        or_default_if_missing(found).map_err(Error::at(&self.index_path))
    }

    /// The records' file; `None` if it was deleted meanwhile.
    pub(super) fn open(&self) -> Result<Option<Arc<File>>, Error> {
        let file = File::open(&self.path).map(|file| Some(Arc::new(file)));
        or_default_if_missing(file).map_err(Error::at(&self.path))
    }

    /// Adds the stored sequence numbers of a stream to `ranges`.
    pub(super) fn add_ranges(&self, stream: &Stream, ranges: &mut Ranges) -> Result<(), Error> {
        let mut bound = 0;
        loop {
            let slots = self.slots(stream.instance, Direction::Forward, bound, STRIDE)?;
            for slot in &slots {
                slot.add_to(ranges, stream);
            }
            match slots.last() {
                Some(last) if slots.len() == STRIDE => bound = last.offset.saturating_add(1),
                _ => return Ok(()),
            }
        }
    }

    /// Deletes the files. The index goes last: alone it is no segment and is cleared away later.
    pub(super) fn delete(&self) -> Result<(), Error> {
        for path in [&self.path, &self.index_path] {
            or_default_if_missing(std::fs::remove_file(path)).map_err(Error::at(path))?;
        }
        Ok(())
    }
}

/// Takes a missing file for one without content.
pub(super) fn or_default_if_missing<T: Default>(result: io::Result<T>) -> io::Result<T> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(T::default()),
        other => other,
    }
}
