//! The index of a sealed segment, a file beside it that is searched where it lies: opening an
//! application reads only its head, and what is searched often stays in the machine's page cache.
//!
//! ```text
//! head:   magic 8 bytes | bytes of the segment u64 | last stored at i64 | records u32
//!         | lowest instance i64 | highest instance i64 | CRC-32C of the head u32
//! entry:  instance i64 | offset u32 | length u32 | first sequence u64 | lines u32
//!         | lost before u32 | attempt u32 | worker u32
//! ```
//! Entries are sorted by instance and offset. They carry no checksum: an entry is believed only if
//! the record that it names is whole and of that instance.

use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;

use powerjob_common::id::InstanceId;
use powerjob_common::time::UnixMillis;

use super::crc::crc32c;
use super::index::{OpenIndex, Slot};

const MAGIC: [u8; 8] = *b"PJLIDX\x00\x01";
const HEAD_BYTES: usize = 48;
const ENTRY_BYTES: usize = 40;

/// What is kept in memory of a sealed segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct IndexHead {
    /// Length of the segment.
    pub(super) segment_bytes: u64,
    /// When its last record was stored.
    pub(super) newest_at: UnixMillis,
    /// Number of its records.
    pub(super) count: u32,
    /// The instances it has records of lie between these two, inclusive.
    pub(super) lowest: InstanceId,
    pub(super) highest: InstanceId,
}

/// Makes the index file durable under its name, or leaves nothing under that name.
pub(super) fn write(
    path: &Path,
    index: &OpenIndex,
    segment_bytes: u64,
    newest_at: UnixMillis,
) -> io::Result<IndexHead> {
    let entries = index.sorted();
    let instance_at = |entry: Option<&(InstanceId, Slot)>| entry.map_or(InstanceId(0), |e| e.0);
    let head = IndexHead {
        segment_bytes,
        newest_at,
        count: u32::try_from(entries.len()).map_err(io::Error::other)?,
        lowest: instance_at(entries.first()),
        highest: instance_at(entries.last()),
    };
    let mut bytes = Vec::with_capacity(HEAD_BYTES + entries.len() * ENTRY_BYTES);
    bytes.extend(head_bytes(&head));
    for (instance, slot) in &entries {
        write_entry(&mut bytes, *instance, slot);
    }
    let draft = path.with_extension("idx-new");
    let mut file = File::create(&draft)?;
    let written = file.write_all(&bytes).and_then(|()| file.sync_data());
    if let Err(error) = written.and_then(|()| std::fs::rename(&draft, path)) {
        std::fs::remove_file(&draft).ok(); // it takes up room on a disk that may be full
        return Err(error);
    }
    Ok(head)
}

fn head_bytes(head: &IndexHead) -> Vec<u8> {
    let mut bytes = MAGIC.to_vec();
    bytes.extend(head.segment_bytes.to_le_bytes());
    bytes.extend(head.newest_at.0.to_le_bytes());
    bytes.extend(head.count.to_le_bytes());
    bytes.extend(head.lowest.0.to_le_bytes());
    bytes.extend(head.highest.0.to_le_bytes());
    bytes.extend(crc32c(&bytes).to_le_bytes());
    bytes
}

fn write_entry(out: &mut Vec<u8>, instance: InstanceId, slot: &Slot) {
    out.extend(instance.0.to_le_bytes());
    out.extend(slot.offset.to_le_bytes());
    out.extend(slot.length.to_le_bytes());
    out.extend(slot.first_sequence.to_le_bytes());
    out.extend(slot.lines.to_le_bytes());
    out.extend(slot.lost_before.to_le_bytes());
    out.extend(slot.attempt.to_le_bytes());
    out.extend(slot.worker.to_le_bytes());
}

/// Reads the head of an index file; `None` if the file is not a whole index.
pub(super) fn read_head(path: &Path) -> io::Result<Option<IndexHead>> {
    let file = File::open(path)?;
    let file_bytes = file.metadata()?.len();
    let mut bytes = [0; HEAD_BYTES];
    if file_bytes < HEAD_BYTES as u64 {
        return Ok(None);
    }
    file.read_exact_at(&mut bytes, 0)?;
    let mut fields = Fields(&bytes);
    let is_ours = fields.next::<8>() == MAGIC;
    let head = IndexHead {
        segment_bytes: u64::from_le_bytes(fields.next()),
        newest_at: UnixMillis(i64::from_le_bytes(fields.next())),
        count: u32::from_le_bytes(fields.next()),
        lowest: InstanceId(i64::from_le_bytes(fields.next())),
        highest: InstanceId(i64::from_le_bytes(fields.next())),
    };
    let is_whole = u32::from_le_bytes(fields.next()) == crc32c(&bytes[..HEAD_BYTES - 4])
        && file_bytes == entry_offset(head.count);
    Ok((is_ours && is_whole).then_some(head))
}

/// An index file that is open for searching.
#[derive(Debug)]
pub(super) struct IndexFile {
    file: File,
    count: u32,
}

impl IndexFile {
    /// Opens the file whose head was read before.
    pub(super) fn open(path: &Path, head: &IndexHead) -> io::Result<Self> {
        Ok(Self {
            file: File::open(path)?,
            count: head.count,
        })
    }

    /// The first `max` records of the instance at `offset` or behind, in order.
    pub(super) fn slots_from(
        &self,
        instance: InstanceId,
        offset: u32,
        max: usize,
    ) -> io::Result<Vec<Slot>> {
        let first = self.lower_bound((instance, offset))?;
        let wanted = u32::try_from(max).unwrap_or(u32::MAX);
        self.slots(
            instance,
            first,
            first.saturating_add(wanted).min(self.count),
        )
    }

    /// The last `max` records of the instance before `offset`, in order.
    pub(super) fn slots_before(
        &self,
        instance: InstanceId,
        offset: u32,
        max: usize,
    ) -> io::Result<Vec<Slot>> {
        let end = self.lower_bound((instance, offset))?;
        let wanted = u32::try_from(max).unwrap_or(u32::MAX);
        self.slots(instance, end.saturating_sub(wanted), end)
    }

    /// Number of the first entry that is not before `key`.
    fn lower_bound(&self, key: (InstanceId, u32)) -> io::Result<u32> {
        let (mut low, mut high) = (0, self.count);
        while low < high {
            let middle = low + (high - low) / 2;
            let mut bytes = [0; 12];
            self.file.read_exact_at(&mut bytes, entry_offset(middle))?;
            let mut fields = Fields(&bytes);
            let instance = InstanceId(i64::from_le_bytes(fields.next()));
            if (instance, u32::from_le_bytes(fields.next())) < key {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        Ok(low)
    }

    /// Those of the entries from `first` to before `end` that are about the instance.
    fn slots(&self, instance: InstanceId, first: u32, end: u32) -> io::Result<Vec<Slot>> {
        let mut bytes = vec![0; (end - first) as usize * ENTRY_BYTES];
        self.file.read_exact_at(&mut bytes, entry_offset(first))?;
        let (entries, _) = bytes.as_chunks::<ENTRY_BYTES>();
        let entries = entries.iter().map(read_entry);
        let of_instance = entries.filter(|(owner, _)| *owner == instance);
        Ok(of_instance.map(|(_, slot)| slot).collect())
    }
}

fn entry_offset(entry: u32) -> u64 {
    HEAD_BYTES as u64 + u64::from(entry) * ENTRY_BYTES as u64
}

fn read_entry(bytes: &[u8; ENTRY_BYTES]) -> (InstanceId, Slot) {
    let mut fields = Fields(bytes);
    let instance = InstanceId(i64::from_le_bytes(fields.next()));
    let slot = Slot {
        offset: u32::from_le_bytes(fields.next()),
        length: u32::from_le_bytes(fields.next()),
        first_sequence: u64::from_le_bytes(fields.next()),
        lines: u32::from_le_bytes(fields.next()),
        lost_before: u32::from_le_bytes(fields.next()),
        attempt: u32::from_le_bytes(fields.next()),
        worker: u32::from_le_bytes(fields.next()),
    };
    (instance, slot)
}

/// Fields of fixed length, one after the other.
struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    fn next<const N: usize>(&mut self) -> [u8; N] {
        let (field, rest) = self
            .0
            .split_first_chunk::<N>()
            .expect("the layout has as many bytes as are asked for");
        self.0 = rest;
        *field
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slot(offset: u32) -> Slot {
        Slot {
            offset,
            length: 9,
            first_sequence: u64::from(offset) * 3,
            lines: 4,
            lost_before: 1,
            attempt: 2,
            worker: 0xABCD,
        }
    }

    /// Instances 10, 20 ... 50 with the offsets 1, 2 ... 20 dealt out in turn.
    fn index() -> OpenIndex {
        let mut index = OpenIndex::default();
        for offset in 1..=20_u32 {
            index.push(InstanceId(i64::from(offset % 5 + 1) * 10), slot(offset));
        }
        index
    }

    #[test]
    fn the_file_finds_what_the_memory_finds() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("1.idx");
        let head = write(&path, &index(), 999, UnixMillis(7)).expect("written");
        assert_eq!(read_head(&path).expect("readable"), Some(head));
        assert_eq!(
            (head.lowest, head.highest),
            (InstanceId(10), InstanceId(50))
        );
        let file = IndexFile::open(&path, &head).expect("readable");
        for instance in (5..=55).step_by(5).map(InstanceId) {
            let all = index().slots(instance).to_vec();
            for offset in 0..=21 {
                let from = all.partition_point(|slot| slot.offset < offset);
                let found = file.slots_from(instance, offset, 2).expect("readable");
                assert_eq!(found, all[from..all.len().min(from + 2)]);
                let found = file.slots_before(instance, offset, 2).expect("readable");
                assert_eq!(found, all[from.saturating_sub(2)..from]);
            }
        }
    }

    #[test]
    fn a_broken_file_is_no_index() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("1.idx");
        write(&path, &index(), 999, UnixMillis(7)).expect("written");
        let whole = std::fs::read(&path).expect("readable");
        for end in [0, 10, HEAD_BYTES, whole.len() - 1] {
            std::fs::write(&path, &whole[..end]).expect("written");
            assert_eq!(read_head(&path).expect("readable"), None, "{end} bytes");
        }
        for place in 0..HEAD_BYTES {
            let mut changed = whole.clone();
            changed[place] ^= 1;
            std::fs::write(&path, &changed).expect("written");
            assert_eq!(read_head(&path).expect("readable"), None, "byte {place}");
        }
    }
}
