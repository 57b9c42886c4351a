//! Records, the content of segments.
//!
//! ```text
//! frame:  length of the body u32 | CRC-32C of the body u32 | body
//! body:   layout u8 = 1 | instance i64 | attempt u32 | first sequence u64 | lost before u64
//!         | stored at i64 | incarnation u64 | name of the worker u16 + bytes
//!         | lines u32 | each: at i64, level u8, text u32 + bytes
//! ```
//! Numbers are little-endian. A body is never empty, so that zeros are not taken for records.

use powerjob_common::id::{InstanceId, NodeRef};
use powerjob_common::time::UnixMillis;
use powerjob_protocol::wire::worker_to_server::{LogChunk, LogLine};

use super::crc::crc32c;
use super::piece::Piece;

/// Length and checksum.
pub(super) const FRAME_HEAD_BYTES: usize = 8;
/// Longer lines are cut; the protocol allows 8 KiB.
const MAX_LINE_BYTES: usize = 64 << 10;
/// Longer names of workers are cut; the protocol allows 128 characters.
const MAX_NAME_BYTES: usize = 1_024;
const LAYOUT: u8 = 1;

/// A record as it lies in a segment.
#[derive(Debug)]
pub(super) struct Record<'a> {
    pub(super) instance: InstanceId,
    pub(super) attempt: u32,
    pub(super) first_sequence: u64,
    pub(super) lost_before: u64,
    pub(super) stored_at: UnixMillis,
    pub(super) incarnation: u64,
    pub(super) worker: &'a str,
    pub(super) lines: Vec<Line<'a>>,
}

/// A line of a record.
#[derive(Debug)]
pub(super) struct Line<'a> {
    pub(super) at_ms: i64,
    pub(super) level: u8,
    pub(super) text: &'a str,
}

/// Tells the lives of workers apart in the index.
pub(super) fn fingerprint(node_id: &str, incarnation: u64) -> u32 {
    crc32c(node_id.as_bytes()) ^ crc32c(&incarnation.to_le_bytes())
}

/// The worker as its records name it.
pub(super) fn stored_name(worker: &NodeRef) -> &str {
    shortened(&worker.node_id, MAX_NAME_BYTES)
}

/// Appends the record of a piece to `out` and returns its length, frame included.
pub(super) fn write(
    out: &mut Vec<u8>,
    worker: &NodeRef,
    (chunk, piece): (&LogChunk, &Piece),
    now: UnixMillis,
) -> usize {
    let start = out.len();
    let lines = &chunk.lines[piece.lines.clone()];
    let name = stored_name(worker);
    out.extend([0; FRAME_HEAD_BYTES]);
    out.push(LAYOUT);
    out.extend(chunk.instance_id.to_le_bytes());
    out.extend(chunk.attempt.to_le_bytes());
    out.extend(piece.first_sequence.to_le_bytes());
    out.extend(piece.lost_before.to_le_bytes());
    out.extend(now.0.to_le_bytes());
    out.extend(worker.incarnation.to_le_bytes());
    out.extend((name.len() as u16).to_le_bytes());
    out.extend(name.as_bytes());
    out.extend((lines.len() as u32).to_le_bytes());
    for line in lines {
        write_line(out, line);
    }
    let body_start = start + FRAME_HEAD_BYTES;
    let length = (out.len() - body_start) as u32;
    let checksum = crc32c(&out[body_start..]);
    out[start..start + 4].copy_from_slice(&length.to_le_bytes());
    out[start + 4..body_start].copy_from_slice(&checksum.to_le_bytes());
    out.len() - start
}

fn write_line(out: &mut Vec<u8>, line: &LogLine) {
    let text = shortened(&line.text, MAX_LINE_BYTES);
    out.extend(line.at_ms.to_le_bytes());
    out.push(line.level);
    out.extend((text.len() as u32).to_le_bytes());
    out.extend(text.as_bytes());
}

fn shortened(text: &str, max_bytes: usize) -> &str {
    &text[..text.floor_char_boundary(max_bytes)]
}

/// Length and checksum of the body behind a frame's head.
pub(super) fn frame_head(head: [u8; FRAME_HEAD_BYTES]) -> (u32, u32) {
    let [a, b, c, d, e, f, g, h] = head;
    let (length, checksum) = ([a, b, c, d], [e, f, g, h]);
    (u32::from_le_bytes(length), u32::from_le_bytes(checksum))
}

/// Reads a whole frame; `None` if it is not what [`write`] made.
pub(super) fn read(frame: &[u8]) -> Option<Record<'_>> {
    let (head, body) = frame.split_first_chunk::<FRAME_HEAD_BYTES>()?;
    let (length, checksum) = frame_head(*head);
    if body.is_empty() || body.len() != length as usize || crc32c(body) != checksum {
        return None;
    }
    let mut rest = Bytes(body);
    if rest.array::<1>()? != [LAYOUT] {
        return None;
    }
    let mut record = Record {
        instance: InstanceId(i64::from_le_bytes(rest.array()?)),
        attempt: u32::from_le_bytes(rest.array()?),
        first_sequence: u64::from_le_bytes(rest.array()?),
        lost_before: u64::from_le_bytes(rest.array()?),
        stored_at: UnixMillis(i64::from_le_bytes(rest.array()?)),
        incarnation: u64::from_le_bytes(rest.array()?),
        worker: "",
        lines: Vec::new(),
    };
    let name_bytes = u16::from_le_bytes(rest.array()?);
    record.worker = rest.text(usize::from(name_bytes))?;
    for _ in 0..u32::from_le_bytes(rest.array()?) {
        record.lines.push(rest.line()?);
    }
    rest.0.is_empty().then_some(record)
}

/// What is left of a body.
struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (array, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*array)
    }

    fn text(&mut self, length: usize) -> Option<&'a str> {
        let (text, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        std::str::from_utf8(text).ok()
    }

    fn line(&mut self) -> Option<Line<'a>> {
        let at_ms = i64::from_le_bytes(self.array()?);
        let [level] = self.array()?;
        let length = u32::from_le_bytes(self.array()?);
        let text = self.text(length as usize)?;
        Some(Line { at_ms, level, text })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn lines() -> impl Strategy<Value = Vec<LogLine>> {
        let line = (any::<i64>(), any::<u8>(), ".{0,40}");
        let line = line.prop_map(|(at_ms, level, text)| LogLine { at_ms, level, text });
        prop::collection::vec(line, 0..6)
    }

    fn written(chunk: &LogChunk, worker: &NodeRef) -> Vec<u8> {
        let piece = Piece {
            first_sequence: chunk.first_sequence,
            lost_before: chunk.lost_before,
            lines: 0..chunk.lines.len(),
        };
        let mut bytes = b"before".to_vec();
        let length = write(&mut bytes, worker, (chunk, &piece), UnixMillis(77));
        assert_eq!(length, bytes.len() - 6);
        bytes.split_off(6)
    }

    fn worker(node_id: &str) -> NodeRef {
        NodeRef {
            node_id: node_id.to_owned(),
            incarnation: 5,
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(
            numbers in any::<(i64, u32, u64, u64)>(),
            lines in lines(),
            name in ".{0,30}",
        ) {
            let (instance_id, attempt, first_sequence, lost_before) = numbers;
            let chunk = LogChunk { instance_id, attempt, first_sequence, lost_before, lines };
            let bytes = written(&chunk, &worker(&name));
            let record = read(&bytes).expect("whole");
            prop_assert_eq!(record.instance, InstanceId(instance_id));
            prop_assert_eq!(record.attempt, attempt);
            prop_assert_eq!(record.first_sequence, first_sequence);
            prop_assert_eq!(record.lost_before, lost_before);
            prop_assert_eq!(record.stored_at, UnixMillis(77));
            prop_assert_eq!(record.worker, name);
            prop_assert_eq!(record.incarnation, 5);
            let found: Vec<_> = record.lines.iter().map(|l| (l.at_ms, l.level, l.text)).collect();
            let sent: Vec<_> =
                chunk.lines.iter().map(|l| (l.at_ms, l.level, l.text.as_str())).collect();
            prop_assert_eq!(found, sent);
        }

        #[test]
        fn no_bytes_do_harm(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            prop_assert!(read(&bytes).is_none());
        }

        #[test]
        fn a_changed_byte_is_noticed(lines in lines(), place in any::<prop::sample::Index>()) {
            let chunk = LogChunk {
                instance_id: 1, attempt: 1, first_sequence: 0, lost_before: 0, lines,
            };
            let mut bytes = written(&chunk, &worker("w"));
            let place = place.index(bytes.len());
            bytes[place] ^= 0x10;
            prop_assert!(read(&bytes).is_none());
        }
    }

    #[test]
    fn a_line_that_is_too_long_is_cut_between_characters() {
        let text = format!("x{}", "ä".repeat(MAX_LINE_BYTES));
        let lines = vec![LogLine {
            at_ms: 0,
            level: 2,
            text,
        }];
        let chunk = LogChunk {
            instance_id: 1,
            attempt: 1,
            first_sequence: 0,
            lost_before: 0,
            lines,
        };
        let bytes = written(&chunk, &worker("w"));
        let record = read(&bytes).expect("whole");
        assert_eq!(record.lines[0].text.len(), MAX_LINE_BYTES - 1);
    }
}
