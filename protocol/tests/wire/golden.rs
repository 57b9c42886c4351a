//! The bytes of every message, as they were released.
//!
//! A released revision never changes. To add a type, a revision or a sample, run the tests once
//! with `UPDATE_GOLDEN=1` and commit the files; the note belongs into `docs/protocol.md`.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use powerjob_protocol::wire::codec::{self, CodecError};
use powerjob_protocol::wire::message::{self, TypeId};

use crate::hex::{from_hex, to_hex};
use crate::samples::{self, Sample};

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

fn updates() -> bool {
    std::env::var_os("UPDATE_GOLDEN").is_some()
}

/// Reads a golden file; writes it first when asked to.
fn golden(name: &str, actual: &str) -> String {
    let path = folder().join(name);
    if updates() {
        fs::write(&path, actual).unwrap();
    }
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn file_stem(sample: &Sample) -> String {
    format!("{}.r{}", sample.name, sample.revision)
}

fn lines_of(hex: &str) -> String {
    let digits: Vec<char> = hex.chars().collect();
    digits
        .chunks(96)
        .map(|line| line.iter().collect::<String>() + "\n")
        .collect()
}

#[test]
fn every_message_type_has_a_sample() {
    let known: BTreeSet<_> = message::ALL
        .iter()
        .map(|(id, revision, _)| (*id, *revision))
        .collect();
    let sampled: BTreeSet<_> = samples::all()
        .iter()
        .map(|sample| (sample.type_id, sample.revision))
        .collect();
    assert_eq!(known, sampled);
    assert_eq!(known.len(), message::ALL.len(), "a number is used twice");
}

#[test]
fn samples_encode_to_the_golden_bytes_and_back() {
    for sample in samples::all() {
        let name = format!("{}.hex", file_stem(&sample));
        let bytes = from_hex(&golden(&name, &lines_of(&to_hex(&sample.bytes))));
        assert_eq!(to_hex(&sample.bytes), to_hex(&bytes), "{name}");
        assert_eq!((sample.round_trip)(&bytes), Some(bytes), "{name}");
    }
}

#[test]
fn golden_bytes_render_as_the_golden_json() {
    for sample in samples::all() {
        let name = format!("{}.json", file_stem(&sample));
        let pretty = serde_json::to_string_pretty(&sample.json).unwrap() + "\n";
        let json: serde_json::Value = serde_json::from_str(&golden(&name, &pretty)).unwrap();
        assert_eq!(sample.json, json, "{name}");
        assert_eq!(
            message::to_json(sample.type_id, &sample.bytes),
            Some(json),
            "{name}"
        );
    }
}

/// Journals are stored: a later version must read them.
#[test]
fn records_of_journals_have_the_golden_bytes() {
    let bytes = codec::encode(&samples::journal_records()).unwrap();
    let stored = from_hex(&golden("JournalRecords.r1.hex", &lines_of(&to_hex(&bytes))));
    assert_eq!(to_hex(&bytes), to_hex(&stored));
    assert_eq!(codec::decode(&stored), Ok(samples::journal_records()));
}

#[test]
fn instances_are_found_in_bytes_as_in_values() {
    for sample in samples::all() {
        let found = message::instances(sample.type_id, &sample.bytes);
        assert_eq!(found, sample.instances, "{}", sample.name);
        let names_instances = sample.json.to_string().contains("\"instance_id\":2415");
        let is_a_filter = sample.name == "WatchTap";
        assert_eq!(
            !found.is_empty(),
            names_instances && !is_a_filter,
            "{}",
            sample.name
        );
    }
}

#[test]
fn proper_prefixes_and_longer_bytes_are_refused() {
    for sample in samples::all() {
        let bytes = &sample.bytes;
        for end in 0..bytes.len() {
            assert_eq!(
                (sample.round_trip)(&bytes[..end]),
                None,
                "{} {end}",
                sample.name
            );
        }
        let longer = [bytes.as_slice(), &[0]].concat();
        assert_eq!((sample.round_trip)(&longer), None, "{}", sample.name);
    }
}

#[test]
fn nothing_that_was_ever_released_vanishes() {
    let mut released: Vec<String> = message::ALL
        .iter()
        .map(|(id, revision, name)| format!("{id} r{revision} {name}"))
        .collect();
    released.sort();
    let index = golden("index.txt", &(released.join("\n") + "\n"));
    assert_eq!(released, index.lines().collect::<Vec<_>>());
    for line in index.lines() {
        let [_, revision, name] = line.split(' ').collect::<Vec<_>>()[..] else {
            panic!("{line}");
        };
        for extension in ["hex", "json"] {
            let path = folder().join(format!("{name}.{revision}.{extension}"));
            assert!(path.exists(), "{}", path.display());
        }
    }
}

#[test]
fn another_type_or_revision_is_named_in_the_error() {
    use powerjob_protocol::wire::message::WireMessage;
    use powerjob_protocol::wire::node::UnwatchTap;

    let body = codec::encode(&UnwatchTap { watch_id: 7 }).unwrap();
    assert_eq!(
        codec::decode_message::<UnwatchTap>(TypeId(1), 1, &body),
        Err(CodecError::WrongType {
            expected: UnwatchTap::TYPE,
            found: TypeId(1)
        })
    );
    assert_eq!(
        codec::decode_message::<UnwatchTap>(UnwatchTap::TYPE, 2, &body),
        Err(CodecError::UnsupportedRevision {
            type_id: UnwatchTap::TYPE,
            found: 2
        })
    );
}

/// The encodings that spec 05, 12.15 and 12.19 were measured with.
#[test]
fn encodings_are_those_of_the_specification() {
    assert_eq!(
        to_hex(&codec::encode(&241_521_139_652_755_520_i64).unwrap()),
        "fd800080cd641cb406"
    );
    assert_eq!(to_hex(&codec::encode(&251_u32).unwrap()), "fbfb00");
    assert_eq!(to_hex(&codec::encode(&(-1_i64, 5_i64)).unwrap()), "010a");
    assert_eq!(
        to_hex(&codec::encode(&"中".to_owned()).unwrap()),
        "03e4b8ad"
    );
    let reply = (true, Some(b"[]".to_vec()), None::<String>);
    assert_eq!(to_hex(&codec::encode(&reply).unwrap()), "0101025b5d00");
}

/// Spec 05, G11: a length that lies is an error, not an allocation.
#[test]
fn a_lying_length_is_malformed() {
    let lie = from_hex("0101fdffffffffffffff7f");
    let decoded = codec::decode::<(bool, Option<Vec<u8>>, Option<String>)>(&lie);
    assert!(
        matches!(decoded, Err(CodecError::Malformed(_))),
        "{decoded:?}"
    );
}
