//! The segments of an application as they lie in its folder.

use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::sync::Arc;

use powerjob_common::id::{AppId, InstanceId};

use super::error::Error;
use super::index::Slot;
use super::index_file;
use super::position::{Direction, Position};
use super::sealed::{SealedSegment, or_default_if_missing};
use super::segment::{OpenSegment, path_of};

/// What is known of an application's segments.
#[derive(Debug)]
pub(super) struct Catalog {
    /// Oldest first.
    pub(super) sealed: Vec<Arc<SealedSegment>>,
    /// The one that grows, if there is one yet.
    pub(super) open: Option<OpenSegment>,
    /// No segment has or had this number or a higher one.
    pub(super) next_number: u32,
}

/// A segment that may hold lines of an instance.
#[derive(Debug)]
pub(super) enum Part {
    Sealed(Arc<SealedSegment>),
    Open {
        number: u32,
        file: Arc<File>,
        /// The wanted slots, in the direction of reading.
        slots: Vec<Slot>,
    },
}

impl Catalog {
    /// Looks at the folder of an application; a missing one is an application without logs.
    pub(super) fn load(folder: &Path, app: AppId) -> Result<Self, Error> {
        let (numbers, leftovers) = list(folder)?;
        let mut catalog = Self {
            sealed: Vec::new(),
            open: None,
            next_number: numbers.last().map_or(1, |last| last + 1),
        };
        for number in &numbers {
            catalog.seal_open(folder)?; // not the last one, so its index file was lost
            if let Some(sealed) = SealedSegment::find_in(folder, *number)? {
                catalog.sealed.push(Arc::new(sealed));
            } else if let Some(open) = OpenSegment::recover(folder, app, *number)? {
                catalog.open = Some(open);
            } else {
                set_aside(folder, *number)?;
            }
        }
        for name in leftovers {
            fs::remove_file(folder.join(name)).ok(); // what stays does no harm
        }
        Ok(catalog)
    }

    fn seal_open(&mut self, folder: &Path) -> Result<(), Error> {
        if let Some(open) = &self.open {
            let sealed = seal(folder, open)?;
            self.sealed.push(Arc::new(sealed));
            self.open = None;
        }
        Ok(())
    }

    /// Bytes of all segments.
    pub(super) fn bytes(&self) -> u64 {
        let sealed = self.sealed.iter().map(|sealed| sealed.head.segment_bytes);
        sealed.sum::<u64>() + self.open.as_ref().map_or(0, |open| open.bytes)
    }

    /// The segments that may hold lines of the instance, in the direction of reading, from a place
    /// on; of the open one at most `max` slots.
    pub(super) fn parts(
        &self,
        instance: InstanceId,
        direction: Direction,
        from: Position,
        max: usize,
    ) -> Vec<Part> {
        let is_ahead = |number: u32| match direction {
            Direction::Forward => number >= from.segment,
            Direction::Backward => number <= from.segment,
        };
        let sealed = self.sealed.iter();
        let mut parts: Vec<Part> = sealed
            .filter(|sealed| is_ahead(sealed.number) && sealed.may_hold(instance))
            .map(|sealed| Part::Sealed(sealed.clone()))
            .collect();
        if let Some(open) = self.open.as_ref().filter(|open| is_ahead(open.number)) {
            let bound = direction.bound(from, open.number);
            parts.push(Part::Open {
                number: open.number,
                file: open.file.clone(),
                slots: pick(open.index.slots(instance), direction, bound, max),
            });
        }
        if direction == Direction::Backward {
            parts.reverse();
        }
        parts
    }
}

fn pick(slots: &[Slot], direction: Direction, bound: u32, max: usize) -> Vec<Slot> {
    let place = slots.partition_point(|slot| slot.offset < bound);
    match direction {
        Direction::Forward => slots[place..].iter().take(max).copied().collect(),
        Direction::Backward => slots[..place].iter().rev().take(max).copied().collect(),
    }
}

/// Writes the index file of a segment, which must not grow any more.
pub(super) fn seal(folder: &Path, open: &OpenSegment) -> Result<SealedSegment, Error> {
    let path = path_of(folder, open.number, "idx");
    let head = index_file::write(&path, &open.index, open.bytes, open.newest_at);
    let head = head.map_err(Error::at(&path))?;
    Ok(SealedSegment::new(folder, open.number, head))
}

/// The numbers of the segments, in order, and the names of index files that belong to none.
fn list(folder: &Path) -> Result<(Vec<u32>, Vec<String>), Error> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Default::default()),
        other => other.map_err(Error::at(folder))?,
    };
    let mut names = Vec::new();
    for entry in entries {
        let name = entry.map_err(Error::at(folder))?.file_name();
        names.extend(name.into_string().ok());
    }
    let number_of = |name: &str, extension: &str| -> Option<u32> {
        name.strip_suffix(extension)?
            .strip_suffix('.')?
            .parse()
            .ok()
    };
    let mut numbers: Vec<u32> = names
        .iter()
        .filter_map(|name| number_of(name, "seg"))
        .collect();
    numbers.sort_unstable();
    names.retain(|name| {
        let of_no_segment = |number| numbers.binary_search(&number).is_err();
        number_of(name, "idx-new").is_some() || number_of(name, "idx").is_some_and(of_no_segment)
    });
    Ok((numbers, names))
}

/// Renames a file that is no segment, so that a person can look at it.
fn set_aside(folder: &Path, number: u32) -> Result<(), Error> {
    let path = path_of(folder, number, "seg");
    let aside = path_of(folder, number, "damaged");
    tracing::warn!(path = %aside.display(), "set a damaged log segment aside");
    or_default_if_missing(fs::rename(&path, &aside)).map_err(Error::at(&path))
}
