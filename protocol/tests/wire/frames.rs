//! Frames: the vectors of spec 05, 12.19, and what a decoder refuses.

use powerjob_common::id::TraceId;
use powerjob_protocol::wire::codec;
use powerjob_protocol::wire::control::PingBody;
use powerjob_protocol::wire::frame::{
    DEFAULT_MAX_LENGTH, EncodeError, Frame, FrameDecoder, FrameError, FrameHead, FrameKind,
    HEADER_BYTES, encode_into,
};
use powerjob_protocol::wire::message::TypeId;

use crate::hex::{from_hex, to_hex};

const TELL: &str = "
    49000000 504a 01 10 0000 0100 02000200 0000000000000000
    0af7651916cd43dd8448eb211c80319c b7ad6b7169203331 00000000 0000 06 06
    776f726b6572 736572766572 fd800080cd641cb406";
const PING: &str = "
    3d000000 504a 01 20 0000 0100 00000000 0700000000000000
    00000000000000000000000000000000 0000000000000000 00000000 0000 00 00
    fd10fa794227030000";
const REPLY: &str = "
    5b000000 504a 01 12 0000 0100 02800200 2a00000000000000
    00000000000000000000000000000000 0000000000000000 00000000 0000 1e 06
    7461736b547261636b65722f323431353231313339363532373535353230 736572766572 010000";

fn encode(head: &FrameHead<'_>, body: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    encode_into(&mut out, head, DEFAULT_MAX_LENGTH, body).unwrap();
    out
}

fn decode(bytes: &[u8]) -> Result<Option<Frame>, FrameError> {
    FrameDecoder::new(DEFAULT_MAX_LENGTH).next(&mut &bytes[..])
}

fn tell_head() -> FrameHead<'static> {
    FrameHead {
        type_id: TypeId(0x0002_0002),
        trace: TraceId(0x0af7_6519_16cd_43dd_8448_eb21_1c80_319c),
        span: 0xb7ad_6b71_6920_3331,
        target: "worker",
        source: "server",
        ..FrameHead::of_session(FrameKind::Tell, 0)
    }
}

/// A frame with one byte changed.
fn spoiled(offset: usize, byte: u8) -> Vec<u8> {
    let mut bytes = from_hex(TELL);
    bytes[offset] = byte;
    bytes
}

#[test]
fn a_tell_has_the_bytes_of_the_specification() {
    let body = from_hex("fd800080cd641cb406");
    assert_eq!(
        to_hex(&encode(&tell_head(), &body)),
        to_hex(&from_hex(TELL))
    );
    let frame = decode(&from_hex(TELL)).unwrap().unwrap();
    assert_eq!((frame.target(), frame.source()), ("worker", "server"));
    assert_eq!(
        (frame.kind, frame.type_id),
        (FrameKind::Tell, TypeId(0x0002_0002))
    );
    assert_eq!(frame.trace, tell_head().trace);
    assert_eq!(frame.span, tell_head().span);
    assert_eq!((frame.body(), frame.wire_bytes()), (body.as_slice(), 77));
}

#[test]
fn a_ping_has_the_bytes_of_the_specification() {
    let body = codec::encode(&PingBody {
        sent_at_ms: 1_733_576_949_000,
    })
    .unwrap();
    let head = FrameHead::of_session(FrameKind::Ping, 7);
    assert_eq!(to_hex(&encode(&head, &body)), to_hex(&from_hex(PING)));
}

#[test]
fn a_reply_has_the_bytes_of_the_specification() {
    let head = FrameHead {
        type_id: TypeId(0x0002_0002).reply(),
        target: "taskTracker/241521139652755520",
        source: "server",
        ..FrameHead::of_session(FrameKind::Reply, 42)
    };
    assert_eq!(to_hex(&encode(&head, &[1, 0, 0])), to_hex(&from_hex(REPLY)));
    let frame = decode(&from_hex(REPLY)).unwrap().unwrap();
    assert_eq!((frame.correlation, frame.target()), (42, head.target));
}

#[test]
fn frames_survive_any_cut_of_the_stream() {
    let stream = from_hex(&[TELL, PING, REPLY].concat());
    for size in 1..=stream.len() {
        let mut decoder = FrameDecoder::new(DEFAULT_MAX_LENGTH);
        let mut kinds = Vec::new();
        for mut piece in stream.chunks(size) {
            while let Some(frame) = decoder.next(&mut piece).unwrap() {
                kinds.push(frame.kind);
            }
            assert!(piece.is_empty());
        }
        assert_eq!(kinds, [FrameKind::Tell, FrameKind::Ping, FrameKind::Reply]);
        assert!(decoder.is_at_boundary());
    }
}

#[test]
fn headers_that_break_the_rules_are_refused() {
    let cases = [
        (spoiled(4, b'X'), FrameError::Guard),
        (spoiled(6, 2), FrameError::Version(2)),
        (spoiled(7, 0x30), FrameError::Kind(0x30)),
        (spoiled(9, 0x80), FrameError::Flags(0x8000)),
        (spoiled(8, 0x01), FrameError::Flags(1)),
        (spoiled(52, 10), FrameError::Layout("length")),
        (spoiled(56, b' '), FrameError::Layout("path")),
        (spoiled(52, 2), FrameError::Layout("extension")),
        (spoiled(0, 51), FrameError::Length(51)),
    ];
    for (bytes, error) in cases {
        assert_eq!(decode(&bytes), Err(error), "{}", to_hex(&bytes));
    }
    assert_eq!(
        decode(&from_hex("ffffffff")),
        Err(FrameError::Length(u32::MAX)),
        "refused before the header is complete"
    );
}

#[test]
fn kinds_of_later_versions_are_let_through() {
    let frame = decode(&spoiled(7, 0x90)).unwrap().unwrap();
    assert_eq!(frame.kind, FrameKind::Extension(0x90));
}

#[test]
fn extensions_are_found_by_their_tag_and_unknown_ones_passed_over() {
    let area = from_hex("63 0100 ff 02 0800 0500000000000000");
    let head = FrameHead {
        extension: &area,
        ..tell_head()
    };
    let frame = decode(&encode(&head, b"body")).unwrap().unwrap();
    assert_eq!(frame.extension(2), Some(&5_u64.to_le_bytes()[..]));
    assert_eq!(frame.extension(1), None);
    assert_eq!(frame.body(), b"body");
}

/// Spec 05, G10: memory follows the bytes that arrive, not the announced length.
#[test]
fn an_announced_length_costs_nothing() {
    let head = FrameHead::of_session(FrameKind::Tell, 0);
    let whole = encode(&head, &vec![0; (DEFAULT_MAX_LENGTH - 52) as usize]);
    let mut decoder = FrameDecoder::new(DEFAULT_MAX_LENGTH);
    let mut arrived = &whole[..HEADER_BYTES + 10];
    assert_eq!(decoder.next(&mut arrived), Ok(None));
    assert!(decoder.held_bytes() <= 64, "{}", decoder.held_bytes());
    let mut more = &whole[HEADER_BYTES + 10..HEADER_BYTES + 100_000];
    assert_eq!(decoder.next(&mut more), Ok(None));
    assert!(decoder.held_bytes() <= 200_000, "{}", decoder.held_bytes());
}

#[test]
fn what_cannot_be_encoded_leaves_no_bytes_behind() {
    let mut out = vec![1, 2, 3];
    let long = "a".repeat(256);
    for target in ["with space", "ümlaut", &long] {
        let head = FrameHead {
            target,
            ..tell_head()
        };
        let result = encode_into(&mut out, &head, DEFAULT_MAX_LENGTH, b"");
        assert_eq!(result, Err(EncodeError::Path), "{target}");
    }
    assert_eq!(
        encode_into(&mut out, &tell_head(), 70, &[0; 10]),
        Err(EncodeError::TooLarge(74))
    );
    assert_eq!(out, [1, 2, 3]);
}
