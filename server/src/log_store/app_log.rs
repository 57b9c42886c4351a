//! The log of one application.
//!
//! Only the writer's thread changes it; readers take copies under a short lock. What is on the disk
//! is looked at when the application is first used, and again after it was not used for long.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, PoisonError, RwLock};

use powerjob_common::id::{AppId, InstanceId};
use powerjob_common::time::UnixMillis;

use super::catalog::{Catalog, Part, seal};
use super::error::Error;
use super::index::{Slot, Stream};
use super::position::{Direction, Position};
use super::ranges::Ranges;
use super::sealed::or_default_if_missing;
use super::segment::{OpenSegment, sync_folder};

/// When a segment is full.
#[derive(Debug, Clone, Copy)]
pub(super) struct SegmentLimits {
    pub(super) bytes: u64,
    pub(super) chunks: usize,
}

/// The log of one application.
#[derive(Debug)]
pub(super) struct AppLog {
    app: AppId,
    folder: PathBuf,
    limits: SegmentLimits,
    catalog: RwLock<Option<Catalog>>,
    is_used: AtomicBool,
}

/// Where the next records go.
#[derive(Debug)]
pub(super) struct Target {
    pub(super) file: Arc<File>,
    pub(super) path: PathBuf,
    /// End of the durable records.
    pub(super) end: u64,
}

/// A record that a reader wants.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) segment: u32,
    pub(super) slot: Slot,
    pub(super) file: Arc<File>,
}

impl AppLog {
    pub(super) fn new(logs: &Path, app: AppId, limits: SegmentLimits) -> Self {
        Self {
            app,
            folder: logs.join(format!("app-{app}")),
            limits,
            catalog: RwLock::new(None),
            is_used: AtomicBool::new(false),
        }
    }

    /// The first `max` records of the instance, in the direction, from a place on.
    pub(super) fn find(
        &self,
        instance: InstanceId,
        direction: Direction,
        from: Position,
        max: usize,
    ) -> Result<Vec<Found>, Error> {
        let mut found = Vec::new();
        for part in self.read(|catalog| catalog.parts(instance, direction, from, max))? {
            let room = max - found.len();
            let (segment, file, slots) = match part {
                _ if room == 0 => break,
                Part::Open {
                    number,
                    file,
                    slots,
                } => (number, Some(file), slots),
                Part::Sealed(sealed) => {
                    let bound = direction.bound(from, sealed.number);
                    let slots = sealed.slots(instance, direction, bound, room)?;
                    let is_empty = slots.is_empty();
                    let file = if is_empty { None } else { sealed.open()? };
                    (sealed.number, file, slots)
                }
            };
            let Some(file) = file else { continue };
            found.extend(slots.into_iter().take(room).map(|slot| Found {
                segment,
                slot,
                file: file.clone(),
            }));
        }
        Ok(found)
    }

    /// The durable sequence numbers of a stream.
    pub(super) fn stored_ranges(&self, stream: &Stream) -> Result<Ranges, Error> {
        let (instance, from) = (stream.instance, Position::START);
        let parts =
            self.read(|catalog| catalog.parts(instance, Direction::Forward, from, usize::MAX))?;
        let mut ranges = Ranges::default();
        for part in parts {
            match part {
                Part::Sealed(sealed) => sealed.add_ranges(stream, &mut ranges)?,
                Part::Open { slots, .. } => {
                    slots
                        .iter()
                        .for_each(|slot| slot.add_to(&mut ranges, stream));
                }
            }
        }
        Ok(ranges)
    }

    /// Where the next records go; seals a full segment and makes a new one where needed.
    pub(super) fn target(&self) -> Result<Target, Error> {
        let is_full = |open: &OpenSegment| {
            open.bytes >= self.limits.bytes || open.index.count() >= self.limits.chunks
        };
        if self.read(|catalog| catalog.open.as_ref().is_none_or(is_full))? {
            self.begin_segment()?;
        }
        let target = self.read(|catalog| {
            catalog.open.as_ref().map(|open| Target {
                file: open.file.clone(),
                path: open.path.clone(),
                end: open.bytes,
            })
        })?;
        target.ok_or(Error::Closed)
    }

    /// Takes over records that were made durable at the target.
    pub(super) fn extend(
        &self,
        bytes: u64,
        slots: &[(InstanceId, Slot)],
        now: UnixMillis,
    ) -> Result<(), Error> {
        self.change(|catalog| {
            if let Some(open) = &mut catalog.open {
                open.extend(bytes, slots, now);
            }
        })
    }

    /// Cuts off what was written but did not become durable.
    pub(super) fn roll_back(&self) -> Result<(), Error> {
        self.read(|catalog| catalog.open.as_ref().map_or(Ok(()), OpenSegment::roll_back))?
    }

    /// Deletes sealed segments from the oldest on: those all of whose records were stored before
    /// `oldest`, and as many more as it takes to get below `max_bytes`. Returns the bytes deleted.
    pub(super) fn expire(
        &self,
        oldest: Option<UnixMillis>,
        max_bytes: Option<u64>,
    ) -> Result<u64, Error> {
        let was_used = self.is_used.load(Relaxed);
        let is_old = |newest_at| oldest.is_some_and(|oldest| newest_at < oldest);
        let is_due = |open: &OpenSegment| open.index.count() > 0 && is_old(open.newest_at);
        if self.read(|catalog| catalog.open.as_ref().is_some_and(is_due))? {
            self.begin_segment()?;
        }
        let (sealed, mut bytes) = self.read(|catalog| (catalog.sealed.clone(), catalog.bytes()))?;
        let before = bytes;
        let mut deleted = 0;
        let mut result = Ok(());
        for segment in &sealed {
            let is_too_much = max_bytes.is_some_and(|max| bytes > max);
            if !is_too_much && !is_old(segment.head.newest_at) {
                break;
            }
            result = segment.delete();
            if result.is_err() {
                break;
            }
            bytes -= segment.head.segment_bytes;
            deleted += 1;
        }
        self.change(|catalog| drop(catalog.sealed.drain(..deleted)))?;
        self.unload_unless(was_used);
        result.map(|()| before - bytes)
    }

    /// Deletes everything.
    pub(super) fn forget(&self) -> Result<(), Error> {
        let mut catalog = self.catalog.write().unwrap_or_else(PoisonError::into_inner);
        *catalog = None;
        or_default_if_missing(fs::remove_dir_all(&self.folder)).map_err(Error::at(&self.folder))
    }

    /// Seals the open segment, if there is one, and makes a new one. The slow part needs no more
    /// than a look at the index, so that readers go on.
    fn begin_segment(&self) -> Result<(), Error> {
        self.make_folder()?;
        let sealed = self.read(|catalog| {
            let open = catalog.open.as_ref();
            open.map(|open| seal(&self.folder, open)).transpose()
        })??;
        let number = self.change(|catalog| {
            if let Some(sealed) = sealed {
                catalog.sealed.push(Arc::new(sealed));
                catalog.open = None;
            }
            catalog.next_number += 1;
            catalog.next_number - 1
        })?;
        let open = OpenSegment::create(&self.folder, self.app, number)?;
        self.change(|catalog| catalog.open = Some(open))
    }

    fn make_folder(&self) -> Result<(), Error> {
        if self.folder.is_dir() {
            return Ok(());
        }
        let made = fs::create_dir_all(&self.folder);
        let synced = made.and_then(|()| self.folder.parent().map_or(Ok(()), sync_folder));
        synced.map_err(Error::at(&self.folder))
    }

    /// Lets go of what is in memory of an application that nobody has used since the last time.
    fn unload_unless(&self, was_used: bool) {
        self.is_used.store(false, Relaxed);
        if !was_used {
            *self.catalog.write().unwrap_or_else(PoisonError::into_inner) = None;
        }
    }

    /// Whether its segments are known in memory.
    #[cfg(test)]
    pub(super) fn is_loaded(&self) -> bool {
        let catalog = self.catalog.read();
        catalog.is_ok_and(|catalog| catalog.is_some())
    }

    fn read<T>(&self, look: impl FnOnce(&Catalog) -> T) -> Result<T, Error> {
        self.is_used.store(true, Relaxed);
        let catalog = self.catalog.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(catalog) = catalog.as_ref() {
            return Ok(look(catalog));
        }
        drop(catalog);
        self.change(|catalog| look(catalog))
    }

    fn change<T>(&self, change: impl FnOnce(&mut Catalog) -> T) -> Result<T, Error> {
        let mut guard = self.catalog.write().unwrap_or_else(PoisonError::into_inner);
        let mut catalog = match guard.take() {
            Some(catalog) => catalog,
            None => Catalog::load(&self.folder, self.app)?,
        };
        let result = change(&mut catalog);
        *guard = Some(catalog);
        Ok(result)
    }
}
