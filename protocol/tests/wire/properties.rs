//! No bytes make anything panic.

use powerjob_common::secret::Secret;
use powerjob_protocol::wire::control;
use powerjob_protocol::wire::frame::{
    FrameDecoder, FrameHead, FrameKind, HANDSHAKE_MAX_LENGTH, encode_into,
};
use powerjob_protocol::wire::handshake::{Dialer, accept_hello, judge_preface};
use powerjob_protocol::wire::message::{self, TypeId};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::handshake::{acceptor, claim, frame};
use crate::samples;

const ANSWER: [u8; 8] = *b"PJRP\x01\x00\x00\x00";

/// A frame that is well formed outside and arbitrary inside.
fn any_frame(kind: FrameKind, body: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let head = FrameHead::of_session(kind, 0);
    encode_into(&mut out, &head, HANDSHAKE_MAX_LENGTH, body).expect("a short body");
    out
}

fn handshake_kind() -> impl Strategy<Value = FrameKind> {
    prop_oneof![
        Just(FrameKind::Hello),
        Just(FrameKind::Challenge),
        Just(FrameKind::Auth),
        Just(FrameKind::Ready),
        Just(FrameKind::Reject),
    ]
}

proptest! {
    #[test]
    fn decoders_of_messages_take_any_bytes(bytes in vec(any::<u8>(), 0..400)) {
        for (type_id, _, _) in message::ALL {
            if let Some(json) = message::to_json(*type_id, &bytes) {
                prop_assert!(json.is_object());
            }
        }
    }

    #[test]
    fn decoders_of_messages_take_spoiled_samples(
        which in 0..16_usize,
        at in any::<prop::sample::Index>(),
        byte in any::<u8>(),
    ) {
        let sample = &samples::all()[which];
        let mut bytes = sample.bytes.clone();
        if !bytes.is_empty() {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if let Some(again) = (sample.round_trip)(&bytes) {
            prop_assert!(again.len() <= bytes.len());
        }
    }

    #[test]
    fn the_frame_decoder_takes_any_bytes(bytes in vec(any::<u8>(), 0..400), size in 1..80_usize) {
        let mut decoder = FrameDecoder::new(HANDSHAKE_MAX_LENGTH);
        for mut piece in bytes.chunks(size) {
            while let Ok(Some(_)) = decoder.next(&mut piece) {}
        }
        prop_assert!(decoder.held_bytes() <= 1_024);
    }

    #[test]
    fn the_frame_decoder_takes_spoiled_frames(
        body in vec(any::<u8>(), 0..64),
        at in any::<prop::sample::Index>(),
        byte in any::<u8>(),
    ) {
        let mut bytes = any_frame(FrameKind::Tell, &body);
        let at = at.index(bytes.len());
        bytes[at] = byte;
        let mut decoder = FrameDecoder::new(HANDSHAKE_MAX_LENGTH);
        if let Ok(Some(frame)) = decoder.next(&mut bytes.as_slice()) {
            prop_assert_eq!(frame.target().len() + frame.source().len() + frame.body().len()
                + 56, frame.wire_bytes());
            prop_assert_eq!(frame.extension(1), None);
        }
    }

    #[test]
    fn frames_come_back_as_they_went(
        target in "[A-Za-z0-9_./-]{0,255}",
        source in "[A-Za-z0-9_./-]{0,255}",
        body in vec(any::<u8>(), 0..300),
        (type_id, correlation, deadline_ms) in any::<(u32, u64, u32)>(),
    ) {
        let head = FrameHead {
            type_id: TypeId(type_id),
            deadline_ms,
            target: &target,
            source: &source,
            ..FrameHead::of_session(FrameKind::Ask, correlation)
        };
        let mut bytes = Vec::new();
        encode_into(&mut bytes, &head, HANDSHAKE_MAX_LENGTH, &body).expect("it fits");
        let back = frame(&bytes);
        prop_assert_eq!(back.target(), target);
        prop_assert_eq!(back.source(), source);
        prop_assert_eq!(back.body(), body);
        prop_assert_eq!((back.type_id.0, back.correlation, back.deadline_ms),
            (type_id, correlation, deadline_ms));
    }

    #[test]
    fn the_handshake_takes_any_bytes(
        preface in any::<[u8; 8]>(),
        kind in handshake_kind(),
        body in vec(any::<u8>(), 0..300),
    ) {
        judge_preface(preface);
        let bytes = any_frame(kind, &body);
        let arrived = frame(&bytes);
        let taken = accept_hello(&acceptor(true), [2; 32], (preface, ANSWER), &arrived);
        if let Ok(awaiting) = taken {
            drop(awaiting.on_auth(&arrived, &[Secret::new("x".to_owned())]));
        }
        drop(Dialer::new(claim(None), [1; 32]).on_preface(preface));
        let (dialer, _) = Dialer::new(claim(None), [1; 32]).on_preface(ANSWER).expect("a good preface");
        if let Ok((dialer, _)) = dialer.on_frame(&arrived) {
            drop(dialer.on_frame(&arrived));
        }
    }

    #[test]
    fn control_bodies_take_any_bytes(body in vec(any::<u8>(), 0..100)) {
        drop(control::decode::<control::ErrorBody>(&body));
        drop(control::decode::<control::FarewellBody>(&body));
        drop(control::decode::<control::PingBody>(&body));
        drop(control::decode::<control::PongBody>(&body));
    }
}
