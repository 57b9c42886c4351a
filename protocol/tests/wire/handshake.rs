//! The handshake: the vectors of spec 05, 12.19, and who is turned away.

use powerjob_common::id::NodeRef;
use powerjob_common::secret::Secret;
use powerjob_protocol::wire::control::ErrorCode;
use powerjob_protocol::wire::frame::{Frame, FrameDecoder, HANDSHAKE_MAX_LENGTH, HEADER_BYTES};
use powerjob_protocol::wire::handshake::{
    AcceptorTerms, AwaitAuth, Claim, DialFailure, Dialer, Established, Identity, PREFACE_DRAINING,
    PREFACE_TOO_MANY, PrefaceVerdict, Reject, RevisionRange, Role, Terms, accept_hello,
    judge_preface,
};

use crate::hex::{from_hex, to_hex};

const STOP_INSTANCE: RevisionRange = RevisionRange {
    type_id: 0x0002_0002,
    lowest: 1,
    highest: 1,
};
const ANSWER: [u8; 8] = *b"PJRP\x01\x00\x00\x00";
const NONCES: ([u8; 32], [u8; 32]) = ([0x11; 32], [0x22; 32]);

fn identity(node_id: &str, incarnation: u64, role: Role, advertised: &str) -> Identity {
    let node = NodeRef {
        node_id: node_id.to_owned(),
        incarnation,
    };
    Identity {
        advertised: advertised.to_owned(),
        software: "pjr/0.1.0".to_owned(),
        ..Identity::new(node, role)
    }
}

pub(crate) fn claim(secret: Option<&str>) -> Claim {
    Claim {
        identity: identity("w1", 7, Role::Worker, "10.0.0.7:27777"),
        app_name: "demo".to_owned(),
        app_id: Some(1),
        key_id: "demo".to_owned(),
        secret: secret.map(|text| Secret::new(text.to_owned())),
        max_length: 16 << 20,
        revisions: vec![STOP_INSTANCE],
    }
}

pub(crate) fn acceptor(allow_unproven: bool) -> AcceptorTerms {
    AcceptorTerms {
        identity: identity("s1", 9, Role::Server, "10.0.0.2:10010"),
        max_length: 16 << 20,
        allow_unproven,
        revisions: vec![STOP_INSTANCE],
    }
}

fn terms() -> Terms {
    Terms {
        session_id: 99,
        app_id: 1,
        owner: "10.0.0.2:10010".to_owned(),
        ping_ms: 5_000,
        credit_frames: 256,
        credit_bytes: 8_388_608,
        server_time: 1_733_576_949_000,
    }
}

fn secrets(texts: &[&str]) -> Vec<Secret<String>> {
    texts
        .iter()
        .map(|text| Secret::new((*text).to_owned()))
        .collect()
}

pub(crate) fn frame(bytes: &[u8]) -> Frame {
    FrameDecoder::new(HANDSHAKE_MAX_LENGTH)
        .next(&mut &bytes[..])
        .unwrap()
        .unwrap()
}

fn body(frame_bytes: &[u8]) -> String {
    to_hex(&frame_bytes[HEADER_BYTES..])
}

fn hello_of(claim: &Claim) -> Vec<u8> {
    let (_, hello) = Dialer::new(claim.clone(), NONCES.0)
        .on_preface(ANSWER)
        .unwrap();
    hello
}

fn take_hello(own: &AcceptorTerms, hello: &[u8]) -> Result<AwaitAuth, Reject> {
    accept_hello(own, NONCES.1, (Dialer::preface(), ANSWER), &frame(hello))
}

/// A whole handshake; the outcome as the dialer sees it.
fn shake(
    claim: &Claim,
    own: &AcceptorTerms,
    known: &[Secret<String>],
) -> Result<Established, DialFailure> {
    let (dialer, hello) = Dialer::new(claim.clone(), NONCES.0).on_preface(ANSWER)?;
    let awaiting = match take_hello(own, &hello) {
        Ok(awaiting) => awaiting,
        Err(reject) => {
            return dialer
                .on_frame(&frame(&reject.to_frame()))
                .map(|_| unreachable!());
        }
    };
    let (dialer, auth) = dialer.on_frame(&frame(&awaiting.challenge_frame()?))?;
    let answer = match awaiting.on_auth(&frame(&auth), known) {
        Ok(proven) => proven.ready_frame(&terms())?,
        Err(reject) => reject.to_frame(),
    };
    dialer.on_frame(&frame(&answer))
}

fn code_of(outcome: Result<Established, DialFailure>) -> (ErrorCode, String) {
    match outcome {
        Err(DialFailure::Refused(reject)) => (reject.code, reject.message),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_handshake_has_the_bytes_of_the_specification() {
    assert_eq!(to_hex(&Dialer::preface()), "504a525001010000");
    assert_eq!(
        judge_preface(Dialer::preface()),
        PrefaceVerdict::GoOn(ANSWER)
    );
    let (dialer, hello) = Dialer::new(claim(Some("s3cret")), NONCES.0)
        .on_preface(ANSWER)
        .unwrap();
    let ones = "11".repeat(32);
    assert_eq!(
        body(&hello),
        format!(
            "0277310701000464656d6f020e31302e302e302e373a323737373709706a722f302e312e30\
             fc0000000100020464656d6f{ones}01fc020002000101"
        )
    );
    let awaiting = take_hello(&acceptor(false), &hello).unwrap();
    let challenge = awaiting.challenge_frame().unwrap();
    let twos = "22".repeat(32);
    assert_eq!(
        body(&challenge),
        format!(
            "027331090e31302e302e302e323a313030313009706a722f302e312e30fc000000010002\
             {twos}01fc020002000101"
        )
    );
    let (dialer, auth) = dialer.on_frame(&frame(&challenge)).unwrap();
    assert_eq!(
        body(&auth),
        "a2c0f0e827ff0d1967794df78465fe5d6940942725f23eea84ddc4946692e49d"
    );
    let proven = awaiting
        .on_auth(&frame(&auth), &secrets(&["s3cret"]))
        .unwrap();
    assert!(proven.is_authenticated());
    let ready = proven.ready_frame(&terms()).unwrap();
    assert_eq!(
        body(&ready),
        "63020e31302e302e302e323a3130303130fb8813fb0001fc00008000fd10fa794227030000\
         07b3d812c7f7030bd1b9c3a13adddeb1b05f68c5c9081ebd8230f5a9073f8c8b"
    );
    let established = dialer.on_frame(&frame(&ready)).unwrap();
    assert_eq!(established.terms, terms());
    assert_eq!(established.node.to_string(), "s1#9");
}

/// Spec 05, G06.
#[test]
fn unknown_app_unknown_key_and_wrong_secret_look_the_same() {
    let own = acceptor(false);
    let wrong = code_of(shake(&claim(Some("guess")), &own, &secrets(&["s3cret"])));
    let unknown = code_of(shake(&claim(Some("s3cret")), &own, &[]));
    let foreign_key = Claim {
        key_id: "other".to_owned(),
        ..claim(Some("s3cret"))
    };
    let foreign = code_of(shake(&foreign_key, &own, &secrets(&["s3cret"])));
    assert_eq!(wrong.0, ErrorCode::UNAUTHORIZED);
    assert_eq!((&wrong, &wrong), (&unknown, &foreign));
}

/// Spec 05, G33.
#[test]
fn every_active_secret_opens_the_door() {
    let known = secrets(&["new", "old"]);
    for secret in ["new", "old"] {
        assert!(shake(&claim(Some(secret)), &acceptor(false), &known).is_ok());
    }
}

#[test]
fn a_session_without_proof_needs_the_consent_of_both() {
    assert!(shake(&claim(None), &acceptor(true), &[]).is_ok());
    let refused = code_of(shake(&claim(None), &acceptor(false), &[]));
    assert_eq!(refused.0, ErrorCode::UNAUTHORIZED);
    let wrong = code_of(shake(
        &claim(Some("guess")),
        &acceptor(true),
        &secrets(&["s3cret"]),
    ));
    assert_eq!(
        wrong.0,
        ErrorCode::UNAUTHORIZED,
        "a proof that is offered must hold"
    );
}

/// Spec 05, G07: the dialer's own proof does not open the dialer.
#[test]
fn an_acceptor_without_the_secret_is_found_out() {
    let (dialer, hello) = Dialer::new(claim(Some("s3cret")), NONCES.0)
        .on_preface(ANSWER)
        .unwrap();
    let awaiting = take_hello(&acceptor(true), &hello).unwrap();
    let (dialer, _) = dialer
        .on_frame(&frame(&awaiting.challenge_frame().unwrap()))
        .unwrap();
    let (_, foreign_auth) = {
        let (other, _) = Dialer::new(claim(Some("guess")), NONCES.0)
            .on_preface(ANSWER)
            .unwrap();
        other
            .on_frame(&frame(&awaiting.challenge_frame().unwrap()))
            .unwrap()
    };
    let proven = awaiting
        .on_auth(&frame(&foreign_auth), &secrets(&["guess"]))
        .unwrap();
    let ready = proven.ready_frame(&terms()).unwrap();
    assert_eq!(dialer.on_frame(&frame(&ready)), Err(DialFailure::Impostor));
}

/// Spec 05, G08.
#[test]
fn a_recorded_proof_opens_nothing_a_second_time() {
    let own = acceptor(false);
    let hello = hello_of(&claim(Some("s3cret")));
    let (dialer, _) = Dialer::new(claim(Some("s3cret")), NONCES.0)
        .on_preface(ANSWER)
        .unwrap();
    let first = take_hello(&own, &hello).unwrap();
    let (_, auth) = dialer
        .on_frame(&frame(&first.challenge_frame().unwrap()))
        .unwrap();
    let second = accept_hello(
        &own,
        [0x33; 32],
        (Dialer::preface(), ANSWER),
        &frame(&hello),
    )
    .unwrap();
    let refused = second.on_auth(&frame(&auth), &secrets(&["s3cret"]));
    assert_eq!(refused.unwrap_err(), Reject::unauthorized());
}

#[test]
fn a_worker_cannot_speak_for_another_app_with_its_own_secret() {
    let foreign = Claim {
        app_name: "payroll".to_owned(),
        ..claim(Some("s3cret"))
    };
    let refused = code_of(shake(&foreign, &acceptor(false), &secrets(&["s3cret"])));
    assert_eq!(refused.0, ErrorCode::UNAUTHORIZED);
}

#[test]
fn prefaces_of_other_versions_and_protocols_are_told_apart() {
    assert_eq!(
        judge_preface(*b"PJRP\x07\x09\0\0"),
        PrefaceVerdict::Refuse(*b"PJRP\x00\x01\0\0"),
        "spec 05, G03"
    );
    assert_eq!(judge_preface(*b"XXXX\x01\x01\0\0"), PrefaceVerdict::NotOurs);
    for (answer, code) in [
        (PREFACE_TOO_MANY, ErrorCode::TOO_MANY_CONNECTIONS),
        (PREFACE_DRAINING, ErrorCode::DRAINING),
        (*b"PJRP\x00\x01\0\0", ErrorCode::UNSUPPORTED_VERSION),
    ] {
        match Dialer::new(claim(None), NONCES.0).on_preface(answer) {
            Err(DialFailure::Refused(reject)) => assert_eq!(reject.code, code),
            other => panic!("{other:?}"),
        }
    }
}

/// Spec 05, G24.
#[test]
fn without_a_common_revision_the_ranges_are_named() {
    let newer = Claim {
        revisions: vec![RevisionRange {
            lowest: 2,
            highest: 3,
            ..STOP_INSTANCE
        }],
        ..claim(Some("s3cret"))
    };
    let (code, message) = code_of(shake(&newer, &acceptor(false), &secrets(&["s3cret"])));
    assert_eq!(code, ErrorCode::UNSUPPORTED_VERSION);
    assert_eq!(
        message,
        "no common revision of StopInstances: 1-1 here, 2-3 there"
    );
}

#[test]
fn claims_that_make_no_sense_are_protocol_errors() {
    let base = claim(Some("s3cret"));
    let mut nameless = base.clone();
    nameless.identity.node.node_id = String::new();
    let mut odd_name = base.clone();
    odd_name.identity.node.node_id = "a\nb".to_owned();
    let tiny_frames = Claim {
        max_length: 100,
        ..base
    };
    for claim in [nameless, odd_name, tiny_frames] {
        let (code, _) = code_of(shake(&claim, &acceptor(false), &secrets(&["s3cret"])));
        assert_eq!(code, ErrorCode::PROTOCOL_ERROR, "{claim:?}");
    }
}

#[test]
fn a_frame_out_of_turn_is_a_protocol_error() {
    let ping = from_hex(
        "34000000 504a 01 20 0000 0100 00000000 0000000000000000
         00000000000000000000000000000000 0000000000000000 00000000 0000 00 00",
    );
    let refused = take_hello(&acceptor(false), &ping).unwrap_err();
    assert_eq!(refused.code, ErrorCode::PROTOCOL_ERROR);
    assert_eq!(refused.message, "expected Hello, got Ping");
}
