//! The bytes of the spool. A record: length (u32), checksum of the body (u32), body; all little
//! endian. Body: kind (u8), then a report in the layout of the wire, or instance (i64) and attempt (u32).

use powerjob_protocol::wire::codec;
use powerjob_protocol::wire::worker_to_server::InstanceReport;

use crate::domain::RunKey;

const HEAD_BYTES: usize = 8;
const KIND_REPORT: u8 = 1;
const KIND_SETTLED: u8 = 2;
/// The layout of reports is that of revision 1 of `InstanceReports`; a change of it needs a new kind.
const SETTLED_BYTES: usize = 13;
const LIMIT_BYTES: usize = 1 << 20;

/// An entry of the spool.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Record {
    /// The end of a run.
    Report(InstanceReport),
    /// The server has it.
    Settled(RunKey),
}

impl Record {
    /// Appends the record to `bytes`; a report that the codec refuses is left out.
    pub(crate) fn write(&self, bytes: &mut Vec<u8>) {
        let mut body = Vec::new();
        match self {
            Self::Report(report) => {
                let Ok(encoded) = codec::encode(report) else {
                    return;
                };
                body.push(KIND_REPORT);
                body.extend(encoded);
            }
            Self::Settled(key) => {
                body.push(KIND_SETTLED);
                body.extend(key.instance_id.to_le_bytes());
                body.extend(key.attempt.to_le_bytes());
            }
        }
        let length = u32::try_from(body.len()).unwrap_or(u32::MAX);
        bytes.extend(length.to_le_bytes());
        bytes.extend(checksum(&body).to_le_bytes());
        bytes.extend(body);
    }
}

/// Reads records until the end or the first one that is not whole; also returns how many bytes the
/// whole ones take.
pub(crate) fn read_all(bytes: &[u8]) -> (Vec<Record>, usize) {
    let mut records = Vec::new();
    let mut at = 0;
    while let Some((record, length)) = read_one(&bytes[at..]) {
        records.push(record);
        at += length;
    }
    (records, at)
}

fn read_one(bytes: &[u8]) -> Option<(Record, usize)> {
    let length = usize::try_from(number(bytes, 0)?)
        .ok()
        .filter(|length| *length <= LIMIT_BYTES)?;
    let body = bytes.get(HEAD_BYTES..HEAD_BYTES + length)?;
    if number(bytes, 4)? != checksum(body) {
        return None;
    }
    let record = match *body.first()? {
        KIND_REPORT => Record::Report(codec::decode(&body[1..]).ok()?),
        KIND_SETTLED if length == SETTLED_BYTES => Record::Settled(RunKey {
            instance_id: i64::from_le_bytes(body[1..9].try_into().ok()?),
            attempt: u32::from_le_bytes(body[9..13].try_into().ok()?),
            number: 0,
        }),
        _ => return None,
    };
    Some((record, HEAD_BYTES + length))
}

fn number(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

/// CRC-32 (IEEE 802.3), one byte at a time.
fn checksum(bytes: &[u8]) -> u32 {
    const TABLE: [u32; 256] = crc_table();
    !bytes.iter().fold(!0, |crc: u32, byte| {
        TABLE[usize::from((crc as u8) ^ byte)] ^ (crc >> 8)
    })
}

const fn crc_table() -> [u32; 256] {
    let mut table = [0; 256];
    let mut index = 0;
    while index < 256 {
        let mut crc = index as u32;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 1 == 1 {
                (crc >> 1) ^ 0xedb8_8320
            } else {
                crc >> 1
            };
            bit += 1;
        }
        table[index] = crc;
        index += 1;
    }
    table
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The end of the first attempt of an instance.
    pub(crate) fn report(instance_id: i64) -> InstanceReport {
        InstanceReport {
            instance_id,
            attempt: 1,
            epoch: 1,
            job_revision: 1,
            trace_id: [7; 16],
            status: 5,
            result: "done".into(),
            received_at_ms: 1,
            started_at_ms: 2,
            finished_at_ms: 3,
        }
    }

    #[test]
    fn the_checksum_is_the_common_one() {
        assert_eq!(checksum(b"123456789"), 0xcbf4_3926);
    }

    fn bytes_of(records: &[Record]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for record in records {
            record.write(&mut bytes);
        }
        bytes
    }

    #[test]
    fn a_torn_tail_ends_the_reading() {
        let settled = Record::Settled(RunKey {
            instance_id: 1,
            attempt: 1,
            number: 0,
        });
        let records = [
            Record::Report(report(1)),
            settled,
            Record::Report(report(2)),
        ];
        let bytes = bytes_of(&records);
        let whole = bytes_of(&records[..2]).len();
        for cut in whole..bytes.len() {
            let (read, used) = read_all(&bytes[..cut]);
            assert_eq!(
                (read.as_slice(), used),
                (&records[..2], whole),
                "cut at {cut}"
            );
        }
        assert_eq!(read_all(&bytes), (records.to_vec(), bytes.len()));
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            read_all(&bytes);
        }

        #[test]
        fn a_flipped_bit_is_noticed(at in 0..1_000_usize, bit in 0..8_u8) {
            let mut bytes = bytes_of(&[Record::Report(report(1))]);
            let at = at % bytes.len();
            bytes[at] ^= 1 << bit;
            prop_assert!(read_all(&bytes).0.is_empty());
        }
    }
}
