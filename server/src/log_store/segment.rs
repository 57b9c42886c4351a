//! The segment at whose end records are written.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use powerjob_common::id::{AppId, InstanceId};
use powerjob_common::time::UnixMillis;

use super::error::Error;
use super::index::{OpenIndex, Slot};
use super::record::{self, FRAME_HEAD_BYTES};

const MAGIC: [u8; 8] = *b"PJLSEG\x00\x01";
/// Magic and application.
const HEAD_BYTES: u64 = 16;

/// The path of a segment; `extension` is `seg` for the records and `idx` for the index.
pub(super) fn path_of(folder: &Path, number: u32, extension: &str) -> PathBuf {
    folder.join(format!("{number}.{extension}"))
}

/// The segment of an application that grows. Its length and index cover what is durable: records
/// behind that are written but belong to nobody yet.
#[derive(Debug)]
pub(super) struct OpenSegment {
    pub(super) number: u32,
    pub(super) path: PathBuf,
    pub(super) file: Arc<File>,
    pub(super) bytes: u64,
    pub(super) index: OpenIndex,
    pub(super) newest_at: UnixMillis,
}

impl OpenSegment {
    /// Makes the empty segment `number`.
    pub(super) fn create(folder: &Path, app: AppId, number: u32) -> Result<Self, Error> {
        let path = path_of(folder, number, "seg");
        let mut options = OpenOptions::new();
        let file = options.read(true).write(true).create_new(true).open(&path);
        let file = file.map_err(Error::at(&path))?;
        let made = file
            .write_all_at(&head(app), 0)
            .and_then(|()| file.sync_data())
            .and_then(|()| sync_folder(folder));
        if let Err(error) = made {
            fs::remove_file(&path).ok(); // the next try makes it again
            return Err(Error::at(&path)(error));
        }
        Ok(Self {
            number,
            path,
            file: Arc::new(file),
            bytes: HEAD_BYTES,
            index: OpenIndex::default(),
            newest_at: UnixMillis::default(),
        })
    }

    /// Opens a segment that was not sealed: finds its records and cuts off a torn end. `None` if
    /// it does not even begin like a segment; then nothing in it was ever acknowledged.
    pub(super) fn recover(folder: &Path, app: AppId, number: u32) -> Result<Option<Self>, Error> {
        let path = path_of(folder, number, "seg");
        let file = OpenOptions::new().read(true).write(true).open(&path);
        let file = file.map_err(Error::at(&path))?;
        let file_bytes = file.metadata().map_err(Error::at(&path))?.len();
        let mut begin = [0; HEAD_BYTES as usize];
        if file_bytes < HEAD_BYTES {
            return Ok(None);
        }
        file.read_exact_at(&mut begin, 0)
            .map_err(Error::at(&path))?;
        if begin != head(app) {
            return Ok(None);
        }
        let mut segment = Self {
            number,
            path,
            file: Arc::new(file),
            bytes: HEAD_BYTES,
            index: OpenIndex::default(),
            newest_at: UnixMillis::default(),
        };
        segment.find_records(file_bytes)?;
        if segment.bytes < file_bytes {
            let cut_bytes = file_bytes - segment.bytes;
            tracing::warn!(path = %segment.path.display(), cut_bytes, "cut off the torn end of a log segment");
            segment.roll_back()?;
        }
        Ok(Some(segment))
    }

    /// Fills the index with the records of a file of `file_bytes`. A damaged record between whole
    /// ones is stepped over; the segment ends behind the last whole record.
    fn find_records(&mut self, file_bytes: u64) -> Result<(), Error> {
        let mut offset = HEAD_BYTES;
        let mut frame = Vec::new();
        while let Some(length) = self.frame_at(offset, file_bytes, &mut frame)? {
            let next = offset + length;
            match record::read(&frame) {
                Some(record) => {
                    let slot = Slot::of(&record, self.to_u32(offset)?, self.to_u32(length)?);
                    self.newest_at = self.newest_at.max(record.stored_at);
                    self.index.push(record.instance, slot);
                    self.bytes = next;
                }
                None => {
                    tracing::debug!(path = %self.path.display(), offset, "skipped a damaged record")
                }
            }
            offset = next;
        }
        Ok(())
    }

    /// Reads the frame at `offset` and returns its length; `None` if there is no whole one.
    fn frame_at(
        &self,
        offset: u64,
        file_bytes: u64,
        frame: &mut Vec<u8>,
    ) -> Result<Option<u64>, Error> {
        let mut head = [0; FRAME_HEAD_BYTES];
        let body_start = offset + FRAME_HEAD_BYTES as u64;
        if body_start > file_bytes {
            return Ok(None);
        }
        let read = self.file.read_exact_at(&mut head, offset);
        read.map_err(Error::at(&self.path))?;
        let body_bytes = u64::from(record::frame_head(head).0);
        if body_bytes == 0 || body_start + body_bytes > file_bytes {
            return Ok(None);
        }
        frame.resize(FRAME_HEAD_BYTES + body_bytes as usize, 0);
        let read = self.file.read_exact_at(frame, offset);
        read.map_err(Error::at(&self.path))?;
        Ok(Some(frame.len() as u64))
    }

    fn to_u32(&self, bytes: u64) -> Result<u32, Error> {
        let too_large = |error| Error::at(&self.path)(io::Error::other(error));
        u32::try_from(bytes).map_err(too_large)
    }

    /// Cuts off what is behind the durable records.
    pub(super) fn roll_back(&self) -> Result<(), Error> {
        self.file.set_len(self.bytes).map_err(Error::at(&self.path))
    }

    /// Takes over records that have become durable behind the others.
    pub(super) fn extend(&mut self, bytes: u64, slots: &[(InstanceId, Slot)], now: UnixMillis) {
        for (instance, slot) in slots {
            self.index.push(*instance, *slot);
        }
        self.bytes += bytes;
        self.newest_at = self.newest_at.max(now);
    }
}

/// Makes the names in a folder durable.
pub(super) fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

fn head(app: AppId) -> [u8; HEAD_BYTES as usize] {
    let mut head = [0; HEAD_BYTES as usize];
    head[..8].copy_from_slice(&MAGIC);
    head[8..].copy_from_slice(&app.0.to_le_bytes());
    head
}
